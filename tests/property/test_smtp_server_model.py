"""For any sequence of commands, cut anywhere, the server answers, keeps and takes over exactly what a
naive server of a page of code does, and moves only between the states that its table documents.
"""

from hypothesis import given
from hypothesis import strategies as st

from mta.smtp.server_states import State
from tests.dialogue.driver import Driver
from tests.property.effort import tries

LIMIT = 60  # octets of a message
RECIPIENTS = 3

COMMANDS = {
    "EHLO": b"EHLO client.example\r\n",
    "HELO": b"helo client.example\r\n",
    "MAIL": b"MAIL FROM:<app@example.org>\r\n",
    "MAIL foreign": b"MAIL FROM:<app@other.example>\r\n",
    "MAIL bad": b"MAIL FROM:<app@@example.org>\r\n",
    "RCPT": b"RCPT TO:<user@example.net>\r\n",
    "RCPT refused": b"rcpt to:<user@refused.example>\r\n",
    "RCPT bad": b"RCPT TO:<user>\r\n",
    "DATA short": b"DATA\r\nSubject: x\r\n\r\n..\r\n.\r\n",
    "DATA long": b"DATA\r\n" + b"x" * 30 + b"\r\n" + b"y" * 40 + b"\r\n.\r\n",
    "BDAT": b"BDAT 4\r\na\r\nb",
    "BDAT big": b"BDAT 40\r\n" + b"x" * 38 + b"\r\n",
    "BDAT last": b"BDAT 3 LAST\r\nc\r\n",
    "BDAT huge": b"BDAT 70 LAST\r\n" + b"MAIL" * 17 + b"\r\n",
    "RSET": b"RSET\r\n",
    "NOOP": b"NOOP\r\n",
    "VRFY": b"VRFY x\r\n",
    "AUTH": b"AUTH PLAIN AGFwcEBleGFtcGxlLm9yZwBzZWNyZXRv\r\n",
    "wrong": b"XYZZY\r\n",
}  # fmt: skip


class Naive:
    """What RFC 5321 and RFC 3030 ask for, in plain words and without speed."""

    def __init__(self) -> None:
        self.codes, self.messages = [220], []
        self.greeted = self.logged_in = self.is_extended = False
        self.errors = 0
        self.forget()

    def forget(self) -> None:
        self.sender, self.recipients, self.chunks = False, 0, None

    def say(self, code: int, *, is_error: bool = False) -> None:
        self.codes.append(code)
        self.errors += is_error

    def no(self, code: int) -> None:
        self.say(code, is_error=True)

    def take(self, content: bytes) -> None:
        self.say(250)
        self.messages.append((self.recipients, content))
        self.errors = 0
        self.forget()

    def command(self, name: str) -> None:
        verb, _, how = name.partition(" ")
        if verb in {"EHLO", "HELO"}:
            self.greeted, self.is_extended = True, verb == "EHLO"
            self.forget()
            self.say(250)
        elif verb == "RSET":
            self.forget()
            self.say(250)
        elif verb in {"NOOP", "VRFY"}:
            self.say(250 if verb == "NOOP" else 252)
        elif verb == "wrong":
            self.no(500)
        elif not self.greeted:
            self.no(503)
            if verb == "DATA":
                self.lines_of_data(how)
        else:
            getattr(self, verb.lower())(how)

    def lines_of_data(self, how: str) -> None:
        """Without 354 the lines of the message are commands, and bad ones."""
        for line in COMMANDS[f"DATA {how}"].split(b"\r\n")[1:-1]:
            del line
            self.no(500)

    def auth(self, _: str) -> None:
        if self.sender or not self.is_extended or self.logged_in:
            self.no(503)
        else:
            self.logged_in = True
            self.say(235)

    def mail(self, how: str) -> None:
        if self.sender:
            self.no(503)
        elif how == "bad":
            self.no(501)
        elif how == "foreign":
            self.say(550)  # the listener's answer, no error of the session
        else:
            self.sender = True
            self.say(250)

    def rcpt(self, how: str) -> None:
        if not self.sender or self.chunks is not None:
            self.no(503)
        elif self.recipients >= RECIPIENTS:
            self.say(452)
        elif how == "bad":
            self.say(501)
        elif how == "refused":
            self.say(550)
        else:
            self.recipients += 1
            self.say(250)

    def data(self, how: str) -> None:
        if self.chunks is not None or not self.recipients:
            self.no(503 if self.chunks is not None or not self.sender else 554)
            self.lines_of_data(how)
            return
        self.say(354)
        lines = COMMANDS[f"DATA {how}"].split(b"\r\n")[1:-2]
        content = b"".join(line.removeprefix(b".") + b"\r\n" for line in lines)
        if len(content) > LIMIT:
            self.forget()
            self.no(552)
        else:
            self.take(content)

    def bdat(self, how: str) -> None:
        octets = COMMANDS["BDAT " + how if how else "BDAT"].partition(b"\r\n")[2]
        if not self.recipients:
            self.no(503 if not self.sender else 554)
        elif len(self.chunks or b"") + len(octets) > LIMIT:
            self.forget()
            self.no(552)
        else:
            self.chunks = (self.chunks or b"") + octets
            if how in {"last", "huge"}:
                self.take(self.chunks)
            else:
                self.say(250)


# From each state to each other by one event; what stays is always allowed.
DOCUMENTED = {
    (State.START, State.READY), (State.READY, State.MAIL), (State.MAIL, State.RCPT),
    (State.MAIL, State.READY), (State.RCPT, State.READY), (State.RCPT, State.CHUNKS),
    (State.CHUNKS, State.READY), (State.READY, State.START), (State.MAIL, State.START),
    (State.RCPT, State.START), (State.CHUNKS, State.START),
}  # fmt: skip


def codes_of(output: bytes) -> list[int]:
    return [int(line[:3]) for line in output.split(b"\r\n") if line[3:4] == b" "]


# Single commands seldom get far: most examples are led into a transaction and to its chunks.
LEADS = (["EHLO", "MAIL", "RCPT"], ["MAIL", "RCPT"], ["BDAT", "BDAT"], ["BDAT big", "BDAT"])
commands = st.lists(
    st.sampled_from(LEADS) | st.sampled_from(list(COMMANDS)).map(lambda name: [name]), max_size=12
).map(lambda parts: [name for part in parts for name in part])


@tries(400)
@given(commands, st.lists(st.integers(1, 30), min_size=1, max_size=20))
def test_the_server_does_what_a_naive_one_does(names: list[str], sizes: list[int]) -> None:
    naive = Naive()
    driver = Driver.new(
        max_message_bytes=LIMIT,
        max_recipients=RECIPIENTS,
        allow_plaintext_auth=True,
        max_errors_soft=10_000,
        max_errors_hard=10_000,
    )
    driver.work()
    for name in names:
        naive.command(name)
    stream, position, turn = b"".join(COMMANDS[name] for name in names), 0, 0
    while position < len(stream):
        size = sizes[turn % len(sizes)]
        driver.feed(stream[position : position + size])
        position, turn = position + size, turn + 1
    assert codes_of(driver.output) == naive.codes
    taken = [(len(envelope.recipients), content) for envelope, content in driver.messages]
    assert taken == naive.messages
    assert driver.session._dialogue.errors == naive.errors
    assert not driver.session.is_waiting


@tries(200)
@given(commands, st.booleans())
def test_the_session_moves_only_as_its_table_says(names: list[str], offer_tls: bool) -> None:
    driver = Driver.new(offer_tls=offer_tls, allow_plaintext_auth=True, max_message_bytes=LIMIT)
    driver.work()
    before = driver.session._dialogue.state
    for name in names:
        for octet in COMMANDS[name] if name != "AUTH" else b"STARTTLS\r\n":
            driver.feed(bytes([octet]))
            if driver.wants_tls:
                driver.start_tls()
            after = driver.session._dialogue.state
            if after is not before:
                assert (before, after) in DOCUMENTED or after is State.CLOSED
            before = after
    assert bool(driver.closed) == (before is State.CLOSED)
