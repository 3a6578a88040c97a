"""For any replies, cut anywhere, the client ends each recipient with the one outcome that a naive
client of a page of code gives it: delivered by a 2yz reply to the end of data, and by nothing else;
and before its mail it says nothing that its settings forbid.
"""

import base64

from hypothesis import given
from hypothesis import strategies as st

from mta.model.outcome import Outcome, OutcomeKind
from mta.smtp.client import ClientSession
from mta.smtp.client_options import ClientOptions, Credentials, TlsMode
from mta.smtp.client_states import State
from mta.smtp.client_transaction import OutgoingRecipient, Transaction
from tests.property.effort import tries

DELIVERED, BOUNCED = OutcomeKind.DELIVERED, OutcomeKind.BOUNCED
DEFERRED, UNCERTAIN = OutcomeKind.DEFERRED, OutcomeKind.UNCERTAIN
CONTENT = b"Subject: x\r\n\r\n.dot\r\n"

replies = st.sampled_from(
    [b"250 ok\r\n", b"250-a\r\n250 2.0.0 b\r\n", b"354 go\r\n", b"354-a\n354\n", b"421 bye\r\n",
     b"450 4.2.1 busy\r\n", b"451\r\n", b"550 5.1.1 no\r\n", b"554-5.7.1 a\r\n554 5.7.1 b\r\n",
     b"299 odd\r\n", b"300 odd\r\n", b"\xff\xff\r\n"]
)  # fmt: skip
# Most replies are those that a transaction needs to come far.
helpful = st.lists(st.sampled_from([b"250 ok\r\n"]), min_size=1, max_size=4)
streams = st.builds(
    lambda before, go, after: [*before, *go, *after],
    helpful,
    st.lists(st.just(b"354 go\r\n"), max_size=1),
    st.lists(replies, max_size=4),
) | st.lists(replies, max_size=9)


def refusal(code: int) -> OutcomeKind:
    return BOUNCED if code >= 500 else DEFERRED


def naive(stream: list[bytes], count: int, *, pipelining: bool) -> list[OutcomeKind]:
    """One transaction, the first of its connection, which is lost after the last reply."""
    codes = iter([int(r[:3]) if r[:1].isdigit() else 0 for r in stream])
    ends: list[OutcomeKind | None] = [None] * count

    def rest(kind: OutcomeKind) -> list[OutcomeKind]:
        return [end or kind for end in ends]

    def next_code(*wanted: int) -> int:
        """The code of the next reply; 0 when it ends the connection."""
        code = next(codes, 0)
        return 0 if code == 421 or (code < 400 and code // 100 not in wanted) else code

    mail = next_code(2)
    if not mail:
        return rest(DEFERRED)
    if mail >= 400:
        ends = [refusal(mail)] * count
        if not pipelining:
            return rest(DEFERRED)
    accepted = []
    for n in range(count):
        code = next(codes, 0) if mail >= 400 else next_code(2)
        if code in {0, 421}:
            return rest(DEFERRED)
        if code < 300 and mail < 400:
            accepted.append(n)
        elif mail < 400:
            ends[n] = refusal(code)
    if not accepted:
        return rest(DEFERRED)
    data = next_code(3)
    if not data or data >= 400:
        return rest(refusal(data) if data else DEFERRED)
    code = next(codes, 0)
    if code == 421:
        return rest(DEFERRED)
    if code < 200 or 300 <= code < 400:
        return rest(UNCERTAIN)
    return rest(DELIVERED if code < 300 else refusal(code))


def opened(*, pipelining: bool) -> ClientSession:
    client = ClientSession(ClientOptions("x.test", TlsMode.OFF), "mx[192.0.2.1]")
    client.receive(b"220 hi\r\n")
    client.receive(b"250-mx\r\n250 PIPELINING\r\n" if pipelining else b"250 mx\r\n")
    assert client.state is State.READY
    client.output.clear()
    return client


def feed(client: ClientSession, data: bytes, sizes: list[int]) -> None:
    position, turn = 0, 0
    while position < len(data):
        size = sizes[turn % len(sizes)]
        client.receive(data[position : position + size])
        position, turn = position + size, turn + 1


cuts = st.lists(st.integers(1, 12), min_size=1, max_size=6)


@tries(600)
@given(streams, st.integers(1, 3), st.booleans(), cuts)
def test_every_recipient_ends_as_with_a_naive_client(stream, count, pipelining, sizes) -> None:
    client = opened(pipelining=pipelining)
    recipients = tuple(OutgoingRecipient(f"r{n}@example.org") for n in range(count))
    client.submit(Transaction("s@example.com", recipients, CONTENT))
    written = b""
    for reply in stream:
        feed(client, reply, sizes)
        written += b"".join(client.output)
        client.output.clear()
    client.connection_lost()
    ((_, outcomes),) = client.finished
    kinds = [outcome.kind for outcome in outcomes]
    assert kinds == naive(stream, count, pipelining=pipelining)
    has_body = b"Subject: x\r\n\r\n..dot\r\n.\r\n" in written
    assert has_body or not {DELIVERED, UNCERTAIN} & set(kinds)


@tries(300)
@given(st.lists(replies, max_size=14), st.integers(1, 3), cuts)
def test_two_transactions_on_a_connection_are_each_told_once(stream, count, sizes) -> None:
    told: list[tuple[Transaction, list[Outcome]]] = []
    runs = []
    for cut in ([10_000], sizes):
        client = opened(pipelining=True)
        recipients = tuple(OutgoingRecipient(f"r{n}@example.org") for n in range(count))
        both = [Transaction("s@example.com", recipients, CONTENT) for _ in range(2)]
        for transaction in both:
            client.submit(transaction)
        for reply in stream:
            feed(client, reply, cut)
        client.connection_lost()
        told = client.finished
        unsent = client.take_unsent()
        assert sorted(map(id, [*(t for t, _ in told), *unsent])) == sorted(map(id, both))
        runs.append(
            [(both.index(t), [(o.kind, str(o.reply), o.phase) for o in os]) for t, os in told]
        )
    assert runs[0] == runs[1]


# -- until the first MAIL ----------------------------------------------------------------------

USER, PASSWORD = "ana", "geheim"
SECRETS = [base64.b64encode(text.encode()) for text in (f"\0{USER}\0{PASSWORD}", USER, PASSWORD)]
openings = st.sampled_from(
    [b"220 hi\r\n", b"250-mx\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n", b"250-mx\r\n250 AUTH LOGIN\r\n",
     b"250-mx\r\n250 STARTTLS\r\n", b"250 mx\r\n", b"334 VXNlcm5hbWU6\r\n", b"334 \r\n", b"235 2.7.0 ok\r\n",
     b"454 4.7.0 no TLS\r\n", b"502 5.5.1 what\r\n", b"535 5.7.8 no\r\n", b"421 bye\r\n", b"554 no\r\n",
     b"TLS", b"\xff\r\n", b"250 AUTH=PLAIN\r\n"]
)  # fmt: skip


@tries(400)
@given(
    st.lists(openings, max_size=10), st.sampled_from(TlsMode), st.booleans(), st.booleans(), cuts
)
def test_nothing_is_said_before_the_mail_that_the_settings_forbid(
    stream, mode, has_password, skip_starttls, sizes
) -> None:
    credentials = Credentials(USER, PASSWORD) if has_password else None
    options = ClientOptions("x.test", mode, credentials)
    client = ClientSession(options, "mx[192.0.2.1]", skip_starttls=skip_starttls)
    is_secure = is_logged_in = was_ready = False
    for block in [b"220 hi\r\n", *stream]:
        if block == b"TLS":
            if client.state is State.HANDSHAKE:
                client.tls_started("TLSv1.3")
                is_secure = True
        else:
            feed(client, block, sizes)
        said = b"".join(client.output)
        client.output.clear()
        assert said == b"" or said.endswith(b"\r\n")
        assert b"MAIL" not in said
        assert said.count(b"\n") == said.count(b"\r") <= 2
        shows_secret = any(secret in said for secret in SECRETS)
        assert not shows_secret or (has_password and (is_secure or mode is TlsMode.OFF))
        is_logged_in = is_logged_in or shows_secret
        if client.state is State.READY:
            was_ready = True
            assert is_secure or not mode.is_mandatory
            assert is_logged_in or not has_password
    if client.state is State.CLOSED and not was_ready:
        assert client.failure is not None
        assert client.failure.kind is DEFERRED
