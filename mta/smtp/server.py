"""The server side of SMTP without sockets (RFC 5321, RFC 6409): octets in, events and octets out.

Theory of operation. `receive()` takes octets, `next_event()` works through them until it needs a
decision or more octets, `take_output()` gives what is to be written: the replies of a pipelined
group together, in one piece. A decision is asked for by an event; until it is answered with
`accept()`, `answer()`, `use_keys()`, `tls_started()` or `resume()` the session reads no further
command, so replies keep the order of commands (RFC 2920 §3.2). It knows neither accounts nor
queues; time comes from a clock.

Rules it keeps:
- a command is executed only when it ended with CRLF and holds no other CR, LF or NUL;
- nothing that a client can send without end is kept: lines, messages, chunks, errors are bounded;
- what came in clear behind STARTTLS is dropped, and nothing said before TLS is remembered
  (RFC 3207 §4.2);
- which events and replies come does not depend on how the octets were cut.
"""

import secrets
from collections.abc import Callable, Mapping

from mta.model.clock import Clock
from mta.model.envelope import Recipient
from mta.model.errors import InternalError
from mta.model.reply import Reply
from mta.smtp import server_replies as replies
from mta.smtp.commands import MailCommand, parse_bdat, parse_hello, parse_mail, parse_rcpt
from mta.smtp.framing import InputBuffer, LineFault
from mta.smtp.sasl import Challenge, Step
from mta.smtp.scram import ScramKeys
from mta.smtp.server_auth import AuthDialogue, encode_challenge
from mta.smtp.server_events import (
    Closing,
    Event,
    MessageReceived,
    NeedMore,
    RecipientGiven,
    SenderGiven,
    SlowedDown,
    TlsRequested,
)
from mta.smtp.server_options import ServerOptions
from mta.smtp.server_states import REFUSED, State
from mta.smtp.server_transaction import Chunk, Transaction

_Result = Event | NeedMore | None  # None: go on


class ServerSession:
    """One connection's protocol state."""

    def __init__(
        self,
        options: ServerOptions,
        clock: Clock,
        *,
        is_secure: bool = False,
        is_trusted: bool = False,
        nonce: Callable[[], str] = secrets.token_urlsafe,
    ) -> None:
        """`is_secure`: TLS began with the connection. `is_trusted`: may send without AUTH."""
        self.options = options
        self.is_secure = is_secure
        self.is_trusted = is_trusted
        self.is_authenticated = False
        self.is_extended = False  # EHLO, not HELO
        self.helo = ""
        self.state = State.START
        self._refused = REFUSED[State.START]
        self._clock = clock
        self._input = InputBuffer()
        self._output: list[bytes] = [options.greeting()]
        self._read: Callable[[], _Result] = self._read_line
        self._parked: type[Event] | None = None
        self._asked: MailCommand | Recipient | None = None
        self._auth = AuthDialogue(options.mechanisms, options.decoy_secret, nonce)
        self._transaction: Transaction | None = None
        self._chunk: Chunk | None = None
        self._errors = 0
        self._idle_commands = 0

    # What the driver calls.

    def receive(self, data: bytes) -> None:
        """Take octets from the connection."""
        if self.state is not State.CLOSED:
            self._input.append(data)

    def next_event(self) -> Event | None:
        """Work on; None when octets or an answer are missing, or the session is over."""
        while self._parked is None:
            result = self._read()
            if result is not None:
                return None if result is NeedMore.INPUT else result
        return None

    def take_output(self) -> bytes:
        """What has to be written now, in one piece; empty when nothing."""
        output = self._output
        if not output:
            return b""
        data = output[0] if len(output) == 1 else b"".join(output)
        output.clear()
        return data

    def accept(self) -> None:
        """Yes to `SenderGiven` or `RecipientGiven`, in our own words."""
        asked, self._asked, self._parked = self._asked, None, None
        if isinstance(asked, Recipient):
            assert self._transaction is not None
            self._transaction.recipients.append(asked)
            self._enter(State.RCPT)
            self._output.append(replies.RCPT_OK)
        elif asked is not None:
            self._transaction = Transaction(asked)
            self._enter(State.MAIL)
            self._output.append(replies.MAIL_OK)
        else:
            raise InternalError("neither a sender nor a recipient waits for an answer")

    def answer(self, reply: Reply) -> None:
        """Answer the last event with `reply`; a positive one means yes.

        For a login yes is 235, for a message the reply that takes it over. 421 ends the session.
        """
        parked = self._parked
        if parked is None or parked in (TlsRequested, SlowedDown):
            raise InternalError("no event waits for an answer")
        if self._asked is not None and reply.is_positive:
            self.accept()
            self._output[-1] = replies.encode_reply(reply)
            return
        self._parked = self._asked = None
        self._say(reply)
        if parked is MessageReceived:
            self._reset()
            if reply.is_positive:
                self._errors = self._idle_commands = 0
        elif self._auth.is_running:
            self._auth.end()
            self.is_authenticated = reply.is_positive
            self._errors += not reply.is_positive
        if reply.code == 421:
            self._read = self._end_refused

    def use_keys(self, keys: ScramKeys | None) -> None:
        """Answer `ScramStarted`: the keys of that name, None when there are none."""
        challenge = self._auth.use_keys(keys)
        self._parked = None
        self._output.append(encode_challenge(challenge))

    def tls_started(self) -> None:
        """The handshake is done: forget all that was said in clear (RFC 3207 §4.2)."""
        self._parked = None
        self.is_secure = True
        self.is_authenticated = self.is_extended = False
        self.helo = ""
        self._transaction = None
        self._enter(State.START)

    def resume(self) -> None:
        """Go on after `SlowedDown`."""
        if self._parked is SlowedDown:
            self._parked = None

    def close(self, reply: Reply, reason: str) -> Closing:
        """Say `reply` (421), whatever the session is doing; nothing more is read."""
        self._say(reply)
        return self._end(reason)

    @property
    def is_waiting(self) -> bool:
        """True while an event waits for its answer."""
        return self._parked is not None

    @property
    def is_receiving(self) -> bool:
        """True while the content of a message comes in."""
        transaction = self._transaction
        return transaction is not None and transaction.content is not None

    @property
    def content_bytes(self) -> int:
        """Octets kept of the message that is coming in, 0 when none is."""
        transaction = self._transaction
        if transaction is None or transaction.content is None:
            return 0
        content = transaction.content
        return 0 if content.is_too_big else content.size_bytes

    @property
    def buffered_bytes(self) -> int:
        """Octets received and not worked on."""
        return len(self._input)

    def protocol(self, *, smtputf8: bool) -> str:
        """The name for the trace header (RFC 3848, RFC 6531 §4.3)."""
        if not self.is_extended:
            return "SMTP"
        name = "UTF8SMTP" if smtputf8 else "ESMTP"
        return f"{name}{'S' if self.is_secure else ''}{'A' if self.is_authenticated else ''}"

    # Reading.

    def _read_line(self) -> _Result:
        line = self._input.next_line(is_auth=self._auth.is_running)
        if line is None:
            return NeedMore.INPUT
        if isinstance(line, LineFault):
            return self._refuse_line(line)
        if self._auth.is_running:
            return self._take_step(self._auth.respond(line))
        try:
            text = line.decode()
        except UnicodeDecodeError:
            return self._error(replies.BAD_OCTETS)
        if "\r" in text or "\0" in text:
            return self._error(replies.BAD_LINE_END)
        verb, _, argument = text.partition(" ")
        handler = _HANDLERS.get(verb)
        if handler is None:
            verb = verb.upper()
            handler = _HANDLERS.get(verb, ServerSession._unknown)
        refusal = self._refused.get(verb)
        if refusal is None:
            return handler(self, argument)
        return self._refuse_chunk(argument, refusal) if verb == "BDAT" else self._error(refusal)

    def _refuse_line(self, fault: LineFault) -> _Result:
        reply = replies.LINE_TOO_LONG if fault is LineFault.TOO_LONG else replies.BAD_LINE_END
        if self._auth.is_running:
            self._auth.end()
            if fault is LineFault.TOO_LONG:
                reply = replies.AUTH_LINE_TOO_LONG
        return self._error(reply)

    def _read_data(self) -> _Result:
        transaction = self._transaction
        assert transaction is not None
        assert transaction.content is not None
        assert transaction.decoder is not None
        if not self._input:
            return NeedMore.INPUT
        segment, has_ended = self._input.decode(transaction.decoder)
        if segment:
            transaction.content.add(segment)
        return self._end_content(transaction) if has_ended else NeedMore.INPUT

    def _read_chunk(self) -> _Result:
        chunk, transaction = self._chunk, self._transaction
        assert chunk is not None
        octets = self._input.take(chunk.left_bytes)
        chunk.left_bytes -= len(octets)
        if chunk.refusal is None:
            assert transaction is not None
            assert transaction.content is not None
            transaction.content.add_raw(octets)
        if chunk.left_bytes:
            return NeedMore.INPUT
        self._read, self._chunk = self._read_line, None
        if chunk.refusal is not None:
            return self._error(chunk.refusal)
        assert transaction is not None
        if chunk.is_last:
            return self._end_content(transaction)
        self._say(Reply.of(250, "2.0.0", f"{chunk.size_bytes} octets received"))
        return None

    def _end_content(self, transaction: Transaction) -> _Result:
        self._read = self._read_line
        assert transaction.content is not None
        content = transaction.content.finish()
        transaction.content = None
        if isinstance(content, Reply):
            self._reset()
            return self._error(content)
        self._parked = MessageReceived
        return MessageReceived(transaction.envelope(), content)

    # Commands.

    def _ehlo(self, argument: str) -> _Result:
        return self._greet(argument, is_extended=True)

    def _helo(self, argument: str) -> _Result:
        return self._greet(argument, is_extended=False)

    def _greet(self, argument: str, *, is_extended: bool) -> _Result:
        name = parse_hello(argument)
        if isinstance(name, Reply):
            return self._error(name)
        self._transaction = None
        self.helo = name
        self.is_extended = is_extended
        self._enter(State.READY)
        options = self.options
        self._output.append(
            options.capabilities(is_secure=self.is_secure, now_ms=self._clock.now_ms())
            if is_extended
            else options.hello()
        )
        return None

    def _mail(self, argument: str) -> _Result:
        if not (self.is_authenticated or self.is_trusted):
            has_auth = self.options.offers_auth(is_secure=self.is_secure)
            needs_tls = self.options.offer_tls and not has_auth
            return self._error(replies.NEED_TLS_AND_AUTH if needs_tls else replies.NEED_AUTH)
        mail = parse_mail(argument, self.options.max_message_bytes, self._clock)
        if isinstance(mail, Reply):
            return self._error(mail)
        self._asked = mail
        self._parked = SenderGiven
        return SenderGiven(mail.sender, mail.size_bytes)

    def _rcpt(self, argument: str) -> _Result:
        transaction = self._transaction
        assert transaction is not None
        count = len(transaction.recipients)
        if count >= self.options.max_recipients:
            self._say(replies.TOO_MANY_RECIPIENTS)  # no error: the client learns the limit by it
            return None
        smtputf8 = transaction.mail.smtputf8
        recipient = parse_rcpt(argument, self.options.hostname, smtputf8=smtputf8)
        if isinstance(recipient, Reply):
            # No error either: a list with bad addresses is no attack, and its good ones count.
            self._say(recipient)
            return None
        self._asked = recipient
        self._parked = RecipientGiven
        return RecipientGiven(recipient, count)

    def _data(self, argument: str) -> _Result:
        if argument.strip():
            return self._error(replies.NO_PARAMETER)
        options = self.options
        assert self._transaction is not None
        self._transaction.begin_data(
            options.max_message_bytes, normalize=options.normalize_line_endings
        )
        self._read = self._read_data
        self._output.append(replies.START_DATA)
        return None

    def _bdat(self, argument: str) -> _Result:
        command = parse_bdat(argument)
        if isinstance(command, Reply):
            return self._refuse_chunk(argument, command)
        options = self.options
        assert self._transaction is not None
        content = self._transaction.begin_chunks(
            options.max_message_bytes, normalize=options.normalize_line_endings
        )
        if content.size_bytes + command.size_bytes > options.max_message_bytes:
            self._reset()
            return self._refuse_chunk(argument, replies.TOO_BIG)
        self._enter(State.CHUNKS)
        self._chunk = Chunk(command, None)
        self._read = self._read_chunk
        return None

    def _refuse_chunk(self, argument: str, refusal: Reply) -> _Result:
        """The octets of a refused chunk come all the same (RFC 3030 §2): drop them, then say no."""
        command = parse_bdat(argument)
        if isinstance(command, Reply):
            # How much follows is unknown, and content must never be read as commands.
            return self.close(command, "protocol")
        self._chunk = Chunk(command, refusal)
        self._read = self._read_chunk
        return None

    def _rset(self, argument: str) -> _Result:
        if argument.strip():
            return self._error(replies.NO_PARAMETER)
        self._reset()
        return self._idle(replies.RESET)

    def _noop(self, _: str) -> _Result:
        return self._idle(replies.NOOP)

    def _help(self, _: str) -> _Result:
        return self._idle(replies.HELP)

    def _vrfy(self, argument: str) -> _Result:
        return self._idle(replies.VRFY) if argument.strip() else self._error(replies.VRFY_SYNTAX)

    def _expn(self, _: str) -> _Result:
        return self._error(replies.EXPN)

    def _quit(self, _: str) -> _Result:
        return self.close(replies.BYE, "quit")

    def _http(self, _: str) -> _Result:
        """A browser was talked into sending us mail (ALPACA): do not read what it posts."""
        return self.close(replies.NOT_HTTP, "http")

    def _unknown(self, _: str) -> _Result:
        return self._error(replies.UNKNOWN_COMMAND)

    def _starttls(self, argument: str) -> _Result:
        if argument.strip():
            return self._error(replies.NO_PARAMETER)
        if self.is_secure:
            return self._error(replies.TLS_ACTIVE)
        if not self.options.offer_tls:
            return self._error(replies.NO_TLS)
        self._say(replies.READY_FOR_TLS)
        self._parked = TlsRequested
        return TlsRequested(self._input.clear())

    def _auth_command(self, argument: str) -> _Result:
        refusal = None
        if not self.is_extended:
            refusal = replies.NEED_HELLO
        elif self.is_authenticated:
            refusal = replies.AUTH_TWICE
        elif not self.options.mechanisms:
            refusal = replies.AUTH_NOT_OFFERED
        elif not self.options.offers_auth(is_secure=self.is_secure):
            refusal = replies.AUTH_NEEDS_TLS
        return self._take_step(refusal or self._auth.begin(argument))

    def _take_step(self, step: Step) -> _Result:
        if isinstance(step, Challenge):
            self._output.append(encode_challenge(step))
            return None
        if isinstance(step, Reply):
            return self._error(step)
        self._parked = type(step)
        return step

    # Small steps.

    def _enter(self, state: State) -> None:
        self.state = state
        self._refused = REFUSED[state]

    def _reset(self) -> None:
        """Forget the transaction."""
        self._transaction = None
        if self.state is not State.START:
            self._enter(State.READY)

    def _say(self, reply: Reply) -> None:
        self._output.append(replies.encode_reply(reply))

    def _idle(self, reply: Reply) -> _Result:
        """Answer a command that moves no mail; too many of them count as errors."""
        self._idle_commands += 1
        if self._idle_commands > self.options.max_idle_commands:
            return self._error(reply)
        self._say(reply)
        return None

    def _error(self, reply: Reply) -> _Result:
        """Say no, and count it."""
        self._say(reply)
        self._errors += 1
        if self._errors >= self.options.max_errors_hard:
            return self.close(replies.TOO_MANY_ERRORS, "errors")
        if self._errors > self.options.max_errors_soft:
            self._parked = SlowedDown
            return SlowedDown(self._errors)
        return None

    def _end(self, reason: str) -> Closing:
        self._enter(State.CLOSED)
        self._input.clear()
        self._transaction = self._chunk = self._asked = None
        self._parked = Closing
        return Closing(reason)

    def _end_refused(self) -> _Result:
        return self._end("refused")


_HANDLERS: Mapping[str, Callable[[ServerSession, str], _Result]] = {
    "EHLO": ServerSession._ehlo,
    "HELO": ServerSession._helo,
    "MAIL": ServerSession._mail,
    "RCPT": ServerSession._rcpt,
    "DATA": ServerSession._data,
    "BDAT": ServerSession._bdat,
    "RSET": ServerSession._rset,
    "NOOP": ServerSession._noop,
    "QUIT": ServerSession._quit,
    "HELP": ServerSession._help,
    "VRFY": ServerSession._vrfy,
    "EXPN": ServerSession._expn,
    "AUTH": ServerSession._auth_command,
    "STARTTLS": ServerSession._starttls,
    **dict.fromkeys(
        ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE"),
        ServerSession._http,
    ),
}
