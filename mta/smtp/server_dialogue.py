"""What a server session remembers of its dialogue, and the small steps that commands are made of."""

from enum import Enum, auto

from mta.model.clock import Clock
from mta.model.envelope import Recipient
from mta.model.reply import Reply
from mta.smtp import server_replies as replies
from mta.smtp.commands import MailCommand
from mta.smtp.framing import InputBuffer
from mta.smtp.server_auth import AuthDialogue
from mta.smtp.server_events import Closing, Event, NeedMore, SlowedDown
from mta.smtp.server_options import ServerOptions
from mta.smtp.server_states import REFUSED, State
from mta.smtp.server_transaction import Chunk, Transaction

Result = Event | NeedMore | None  # None: go on


class Reading(Enum):
    """What the next octets are."""

    LINES = auto()
    DATA = auto()
    CHUNK = auto()
    NOTHING = auto()  # the session ends with the reply that was said


class Dialogue:
    """The mutable state of one session; `mta.smtp.server` reads for it, the commands change it."""

    __slots__ = (
        "asked",
        "auth",
        "chunk",
        "clock",
        "errors",
        "helo",
        "idle_commands",
        "input",
        "is_authenticated",
        "is_extended",
        "is_secure",
        "is_trusted",
        "options",
        "output",
        "parked",
        "reading",
        "refused",
        "state",
        "transaction",
    )

    def __init__(
        self, options: ServerOptions, clock: Clock, auth: AuthDialogue, *, is_trusted: bool
    ) -> None:
        self.options = options
        self.clock = clock
        self.auth = auth
        self.is_trusted = is_trusted
        self.is_secure = False
        self.is_authenticated = False
        self.is_extended = False  # EHLO, not HELO
        self.helo = ""
        self.input = InputBuffer()
        self.output: list[bytes] = []
        self.state = State.START
        self.refused = REFUSED[State.START]
        self.reading = Reading.LINES
        self.parked: type[Event] | None = None  # the event that waits for its answer
        self.asked: MailCommand | Recipient | None = None  # what that event asked about
        self.transaction: Transaction | None = None
        self.chunk: Chunk | None = None
        self.errors = 0
        self.idle_commands = 0

    def enter(self, state: State) -> None:
        """Go to `state`."""
        self.state = state
        self.refused = REFUSED[state]

    def reset(self) -> None:
        """Forget the transaction."""
        self.transaction = None
        if self.state is not State.START:
            self.enter(State.READY)

    def begin_tls(self) -> None:
        """Forget all that was said in clear (RFC 3207 §4.2)."""
        self.parked = None
        self.is_secure = True
        self.is_authenticated = self.is_extended = False
        self.helo = ""
        self.transaction = None
        self.enter(State.START)

    def say(self, reply: Reply) -> None:
        """Owe the client this reply."""
        self.output.append(replies.encode_reply(reply))

    def idle(self, reply: Reply) -> Result:
        """Answer a command that moves no mail; too many of them count as errors."""
        self.idle_commands += 1
        if self.idle_commands > self.options.max_idle_commands:
            return self.error(reply)
        self.say(reply)
        return None

    def error(self, reply: Reply) -> Result:
        """Say no, and count it."""
        self.say(reply)
        self.errors += 1
        if self.errors >= self.options.max_errors_hard:
            return self.close(replies.TOO_MANY_ERRORS, "errors")
        if self.errors > self.options.max_errors_soft:
            self.parked = SlowedDown
            return SlowedDown(self.errors)
        return None

    def close(self, reply: Reply, reason: str) -> Closing:
        """Say the last reply."""
        self.say(reply)
        return self.end(reason)

    def end(self, reason: str) -> Closing:
        """Read and keep nothing more."""
        self.enter(State.CLOSED)
        self.input.clear()
        self.transaction = self.chunk = self.asked = None
        self.parked = Closing
        return Closing(reason)
