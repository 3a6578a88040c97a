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
from collections.abc import Callable

from mta.model.clock import Clock
from mta.model.envelope import Recipient
from mta.model.errors import InternalError
from mta.model.reply import Reply
from mta.smtp import server_replies as replies
from mta.smtp.framing import LineFault
from mta.smtp.scram import ScramKeys
from mta.smtp.server_auth import AuthDialogue, encode_challenge
from mta.smtp.server_commands import HANDLERS, refuse_chunk, take_step, unknown
from mta.smtp.server_dialogue import Dialogue, Reading, Result
from mta.smtp.server_events import (
    Closing,
    Event,
    MessageReceived,
    NeedMore,
    SlowedDown,
    TlsRequested,
)
from mta.smtp.server_options import ServerOptions
from mta.smtp.server_states import State
from mta.smtp.server_transaction import Transaction


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
        auth = AuthDialogue(options.mechanisms, options.decoy_secret, nonce)
        self._dialogue = Dialogue(options, clock, auth, is_trusted=is_trusted)
        self._dialogue.is_secure = is_secure
        self._dialogue.output.append(options.greeting())
        self._input = self._dialogue.input

    # Octets in, events and octets out.

    def receive(self, data: bytes) -> None:
        """Take octets from the connection."""
        if self._dialogue.state is not State.CLOSED:
            self._input.append(data)

    def next_event(self) -> Event | None:
        """Work on; None when octets or an answer are missing, or the session is over."""
        dialogue = self._dialogue
        while dialogue.parked is None:
            if dialogue.reading is Reading.LINES:
                result = self._read_line(dialogue)
            elif dialogue.reading is Reading.DATA:
                result = self._read_data(dialogue)
            elif dialogue.reading is Reading.CHUNK:
                result = self._read_chunk(dialogue)
            else:
                result = dialogue.end("refused")
            if result is not None:
                return None if result is NeedMore.INPUT else result
        return None

    def take_output(self) -> bytes:
        """What has to be written now, in one piece; empty when nothing."""
        output = self._dialogue.output
        if not output:
            return b""
        data = output[0] if len(output) == 1 else b"".join(output)
        output.clear()
        return data

    @property
    def is_slowed(self) -> bool:
        """`resume` is waited for, because of many errors."""
        return self._dialogue.parked is SlowedDown

    # Answers to events.

    def accept(self) -> None:
        """Yes to `SenderGiven` or `RecipientGiven`, in our own words."""
        dialogue = self._dialogue
        asked = dialogue.asked
        if asked is None:
            raise InternalError("neither a sender nor a recipient waits for an answer")
        dialogue.asked = dialogue.parked = None
        if isinstance(asked, Recipient):
            assert dialogue.transaction is not None
            dialogue.transaction.recipients.append(asked)
            dialogue.enter(State.RCPT)
            dialogue.output.append(replies.RCPT_OK)
        else:
            dialogue.transaction = Transaction(asked)
            dialogue.enter(State.MAIL)
            dialogue.output.append(replies.MAIL_OK)

    def answer(self, reply: Reply) -> None:
        """Answer the last event with `reply`; a positive one means yes.

        For a login yes is 235, for a message the reply that takes it over. 421 ends the session.
        """
        dialogue = self._dialogue
        parked = dialogue.parked
        if parked is None or parked in (TlsRequested, SlowedDown, Closing):
            raise InternalError("no event waits for an answer")
        if dialogue.asked is not None and reply.is_positive:
            self.accept()
            dialogue.output[-1] = replies.encode_reply(reply)
            return
        dialogue.parked = dialogue.asked = None
        dialogue.say(reply)
        if parked is MessageReceived:
            dialogue.reset()
            if reply.is_positive:
                dialogue.errors = dialogue.idle_commands = 0
        elif dialogue.auth.is_running:
            dialogue.auth.end()
            dialogue.is_authenticated = reply.is_positive
            dialogue.errors += not reply.is_positive
        if reply.code == 421:
            dialogue.reading = Reading.NOTHING

    def use_keys(self, keys: ScramKeys | None) -> None:
        """Answer `ScramStarted`: the keys of that name, None when there are none."""
        challenge = self._dialogue.auth.use_keys(keys)
        self._dialogue.parked = None
        self._dialogue.output.append(encode_challenge(challenge))

    def tls_started(self) -> None:
        """The handshake is done: forget all that was said in clear (RFC 3207 §4.2)."""
        self._dialogue.begin_tls()

    def resume(self) -> None:
        """Go on after `SlowedDown`."""
        if self._dialogue.parked is SlowedDown:
            self._dialogue.parked = None

    def close(self, reply: Reply, reason: str) -> Closing:
        """Say `reply` (421), whatever the session is doing; nothing more is read."""
        return self._dialogue.close(reply, reason)

    # What the driver may ask.

    @property
    def helo(self) -> str:
        """The name the client gave, empty before."""
        return self._dialogue.helo

    @property
    def is_secure(self) -> bool:
        """True inside TLS."""
        return self._dialogue.is_secure

    @property
    def is_trusted(self) -> bool:
        """True when the client may send without AUTH."""
        return self._dialogue.is_trusted

    @property
    def is_authenticated(self) -> bool:
        """True after AUTH."""
        return self._dialogue.is_authenticated

    @property
    def is_waiting(self) -> bool:
        """True while an event waits for its answer."""
        return self._dialogue.parked is not None

    @property
    def is_receiving(self) -> bool:
        """True while the content of a message comes in."""
        transaction = self._dialogue.transaction
        return transaction is not None and transaction.content is not None

    @property
    def content_bytes(self) -> int:
        """Octets kept of the message that is coming in, 0 when none is."""
        transaction = self._dialogue.transaction
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
        dialogue = self._dialogue
        if not dialogue.is_extended:
            return "SMTP"
        name = "UTF8SMTP" if smtputf8 else "ESMTP"
        return (
            f"{name}{'S' if dialogue.is_secure else ''}{'A' if dialogue.is_authenticated else ''}"
        )

    # Reading.

    def _read_line(self, dialogue: Dialogue) -> Result:
        line = self._input.next_line(is_auth=dialogue.auth.is_running)
        if line is None:
            return NeedMore.INPUT
        if isinstance(line, LineFault):
            return self._refuse_line(dialogue, line)
        if dialogue.auth.is_running:
            return take_step(dialogue, dialogue.auth.respond(line))
        try:
            text = line.decode()
        except UnicodeDecodeError:
            return dialogue.error(replies.BAD_OCTETS)
        if "\r" in text or "\0" in text:
            return dialogue.error(replies.BAD_LINE_END)
        verb, _, argument = text.partition(" ")
        handler = HANDLERS.get(verb)
        if handler is None:
            verb = verb.upper()
            handler = HANDLERS.get(verb, unknown)
        refusal = dialogue.refused.get(verb)
        if refusal is None:
            return handler(dialogue, argument)
        if verb == "BDAT":
            return refuse_chunk(dialogue, argument, refusal)
        return dialogue.error(refusal)

    def _refuse_line(self, dialogue: Dialogue, fault: LineFault) -> Result:
        reply = replies.LINE_TOO_LONG if fault is LineFault.TOO_LONG else replies.BAD_LINE_END
        if dialogue.auth.is_running:
            dialogue.auth.end()
            if fault is LineFault.TOO_LONG:
                reply = replies.AUTH_LINE_TOO_LONG
        return dialogue.error(reply)

    def _read_data(self, dialogue: Dialogue) -> Result:
        transaction = dialogue.transaction
        assert transaction is not None
        assert transaction.content is not None
        assert transaction.decoder is not None
        if not self._input:
            return NeedMore.INPUT
        segment, has_ended = self._input.decode(transaction.decoder)
        if segment:
            transaction.content.add(segment)
        return self._end_content(dialogue, transaction) if has_ended else NeedMore.INPUT

    def _read_chunk(self, dialogue: Dialogue) -> Result:
        chunk, transaction = dialogue.chunk, dialogue.transaction
        assert chunk is not None
        octets = self._input.take(chunk.left_bytes)
        chunk.left_bytes -= len(octets)
        if chunk.refusal is None:
            assert transaction is not None
            assert transaction.content is not None
            transaction.content.add_raw(octets)
        if chunk.left_bytes:
            return NeedMore.INPUT
        dialogue.reading, dialogue.chunk = Reading.LINES, None
        if chunk.refusal is not None:
            return dialogue.error(chunk.refusal)
        assert transaction is not None
        if chunk.is_last:
            return self._end_content(dialogue, transaction)
        dialogue.say(Reply.of(250, "2.0.0", f"{chunk.size_bytes} octets received"))
        return None

    def _end_content(self, dialogue: Dialogue, transaction: Transaction) -> Result:
        dialogue.reading = Reading.LINES
        assert transaction.content is not None
        content = transaction.content.finish()
        transaction.content = None
        if isinstance(content, Reply):
            dialogue.reset()
            return dialogue.error(content)
        dialogue.parked = MessageReceived
        return MessageReceived(transaction.envelope(), content)
