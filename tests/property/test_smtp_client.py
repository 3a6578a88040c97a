"""Whatever a peer replies, cut anywhere, every transaction ends exactly once with one outcome for each
recipient, and none is delivered or uncertain whose body was not written."""

from hypothesis import given
from hypothesis import strategies as st

from mta.model.outcome import Outcome, OutcomeKind
from mta.model.reply import Reply
from mta.smtp.client import ClientSession
from mta.smtp.client_options import ClientOptions, TlsMode
from mta.smtp.client_states import State
from mta.smtp.client_transaction import OutgoingRecipient, Transaction
from mta.smtp.replies import ReplyError, ReplyParser
from tests.property.effort import tries

END = object()

codes = st.integers(200, 599)
texts = st.text(
    st.characters(blacklist_characters="\r\n", blacklist_categories=("Cs",)), max_size=20
)
newlines = st.sampled_from(["\r\n", "\n"])


@st.composite
def reply_bytes(draw: st.DrawFn) -> bytes:
    code, end = draw(codes), draw(newlines)
    rows = [f"{code}-{text}" for text in draw(st.lists(texts, max_size=3))]
    rows.append(draw(st.sampled_from([f"{code}", f"{code} {draw(texts)}"])))
    return "".join(row + end for row in rows).encode()


noise = st.one_of(reply_bytes(), st.binary(max_size=30), st.just(b"250 ok\r\n"))


def parse(pieces: list[bytes]) -> list[Reply | type]:
    parser, replies = ReplyParser(), []
    try:
        for piece in pieces:
            parser.feed(piece)
            while parser.next_code():
                replies.append(parser.reply())
    except ReplyError:
        replies.append(ReplyError)
    return replies


@given(st.lists(noise, max_size=6).map(b"".join))
def test_replies_fed_byte_by_byte_are_those_fed_whole(data: bytes):
    assert parse([data[i : i + 1] for i in range(len(data))]) == parse([data])


@given(st.lists(reply_bytes(), max_size=6))
def test_every_wellformed_reply_is_read_with_its_code(replies: list[bytes]):
    read = parse([b"".join(replies)])
    assert [reply.code for reply in read] == [int(reply[:3]) for reply in replies]
    assert all(reply.text.isprintable() for reply in read)


# A session against a peer that answers anything


class Peer:
    """Feeds one session and keeps what it ends with."""

    def __init__(self, *extensions: str) -> None:
        self.client = ClientSession(ClientOptions("x.test", TlsMode.OFF), "mx[192.0.2.1]")
        self.outcomes: dict[Transaction, list[Outcome]] = {}
        self.submitted: list[Transaction] = []
        self.written = b""
        lines = ["mx", *extensions, "8BITMIME"]
        reply = "".join(f"250-{line}\r\n" for line in lines[:-1]) + f"250 {lines[-1]}\r\n"
        self.client.receive(b"220 hi\r\n")
        self.client.receive(reply.encode())
        self.collect()
        self.written = b""

    def submit(self, recipients: int) -> None:
        if self.client.slots_free:
            number = len(self.submitted)
            addresses = tuple(
                OutgoingRecipient(f"r{number}-{index}@example.org") for index in range(recipients)
            )
            content = f"Subject: {number}\r\n\r\n.\r\n..\r\n".encode()
            transaction = Transaction("s@example.com", addresses, content)
            self.submitted.append(transaction)
            self.client.submit(transaction)
            self.collect()

    def receive(self, data: bytes) -> None:
        self.client.receive(data)
        self.collect()

    def collect(self) -> None:
        self.written += b"".join(self.client.output)
        self.client.output.clear()
        for transaction, outcomes in self.client.finished:
            assert transaction not in self.outcomes, "finished twice"
            assert len(outcomes) == len(transaction.recipients)
            self.outcomes[transaction] = outcomes
        self.client.finished.clear()


actions = st.lists(
    st.one_of(
        st.integers(1, 3),  # submit with so many recipients
        st.sampled_from([b"250 2.0.0 ok\r\n", b"354 go\r\n", b"550 5.1.1 no\r\n"]),
        st.sampled_from([b"421 bye\r\n", b"452 4.5.3 many\r\n", b"451 4.3.0 x\r\n"]),
        noise,
    ),
    max_size=40,
)


@tries(300)
@given(st.booleans(), actions)
def test_every_transaction_ends_exactly_once_whatever_the_peer_says(
    pipelining: bool, steps: list[int | bytes]
):
    peer = Peer(*(["PIPELINING"] if pipelining else []))
    for step in steps:
        if isinstance(step, int):
            peer.submit(step)
        else:
            peer.receive(step)
    peer.client.connection_lost()
    peer.collect()
    unsent = peer.client.take_unsent()
    assert set(peer.outcomes) | set(unsent) == set(peer.submitted)
    assert not set(peer.outcomes) & set(unsent)
    assert peer.client.state is State.CLOSED
    for transaction in unsent:
        assert transaction.recipients[0].address.encode() not in peer.written


@tries(200)
@given(st.booleans(), actions)
def test_nothing_is_delivered_or_uncertain_whose_body_was_not_written(
    pipelining: bool, steps: list[int | bytes]
):
    peer = Peer(*(["PIPELINING"] if pipelining else []))
    for step in steps:
        if isinstance(step, int):
            peer.submit(step)
        else:
            peer.receive(step)
    peer.client.connection_lost()
    peer.collect()
    for number, transaction in enumerate(peer.submitted):
        body = f"Subject: {number}\r\n\r\n..\r\n...\r\n.\r\n".encode()
        for outcome in peer.outcomes.get(transaction, []):
            if outcome.kind in {OutcomeKind.DELIVERED, OutcomeKind.UNCERTAIN}:
                assert body in peer.written


REPLIES_OF_TWO = (
    b"250 2.1.0 ok\r\n250-2.1.5 ok\r\n250 2.1.5 ok\r\n550 5.1.1 no\r\n354 go\r\n",
    b"250 2.0.0 queued\r\n250 2.1.0 ok\r\n450 4.2.1 busy\n250\r\n354 go\r\n",
    b"250 2.0.0 queued as 7\r\n",
)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=60))
def test_cutting_the_replies_anywhere_changes_no_outcome_and_no_command(sizes: list[int]):
    whole, cut = Peer("PIPELINING"), Peer("PIPELINING")
    for peer in (whole, cut):
        peer.submit(2)
        peer.submit(2)
    for block in REPLIES_OF_TWO:
        whole.receive(block)
        position, turn = 0, 0
        while position < len(block):
            size = sizes[turn % len(sizes)]
            cut.receive(block[position : position + size])
            position, turn = position + size, turn + 1
    assert whole.written == cut.written
    assert list(whole.outcomes.values()) == list(cut.outcomes.values())
    assert [o.kind for outcomes in whole.outcomes.values() for o in outcomes] == [
        OutcomeKind.DELIVERED,
        OutcomeKind.BOUNCED,
        OutcomeKind.DEFERRED,
        OutcomeKind.DELIVERED,
    ]
