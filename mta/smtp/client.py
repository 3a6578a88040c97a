"""The sending side of SMTP without I/O: bytes and transactions in, bytes and outcomes out.

`receive` what came, `submit` transactions while `slots_free`, write what is in `output` in one go
and hand on what is in `finished`, clearing both. This class joins the reply parser, the opening
(greeting to AUTH) and the transfer (MAIL to QUIT).

Every transaction that was submitted ends exactly once: in `finished` with one outcome per
recipient or, when nothing of it was said to the peer, in `take_unsent`.
"""

from mta.model.outcome import Outcome
from mta.model.reply import Reply
from mta.smtp.client_extensions import Extensions
from mta.smtp.client_opening import Opening
from mta.smtp.client_options import ClientOptions
from mta.smtp.client_states import STEP_LABEL, State, Step
from mta.smtp.client_transaction import Transaction
from mta.smtp.client_transfer import Finished, Transfer
from mta.smtp.client_verdicts import End, Verdicts
from mta.smtp.replies import ReplyError, ReplyParser

_READY = State.READY  # a global costs a tenth of a look-up in the class (Python 3.11)


class ClientSession:
    """One connection to one peer, as its protocol sees it."""

    __slots__ = (
        "_opening",
        "_parser",
        "ended_politely",
        "finished",
        "output",
        "state",
        "transfer",
        "verdicts",
    )

    def __init__(self, options: ClientOptions, host: str, *, skip_starttls: bool = False) -> None:
        """`host` names the peer in outcomes: "mx1.example.org[192.0.2.1]"."""
        self.verdicts = Verdicts(host)
        self.state = State.OPENING
        self.ended_politely = False  # QUIT was said and nothing is wrong with the transport
        self._parser = ReplyParser()
        self._opening = Opening(options, self.verdicts, skip_starttls=skip_starttls)
        self.transfer = Transfer(self._parser, self.verdicts)
        # Lists that whoever takes their content clears: what to write in one go, in order, and
        # the transactions whose outcomes are known.
        self.output = self.transfer.output
        self.finished: list[Finished] = self.transfer.finished

    # What the transport asks

    @property
    def awaiting(self) -> Step | None:
        """Whose reply is outstanding; None while idle, in the TLS handshake or closed."""
        return self._opening.step if self.state is State.OPENING else self.transfer.awaiting

    @property
    def extensions(self) -> Extensions:
        """What the peer offers, known when READY."""
        return self.transfer.extensions

    @property
    def failure(self) -> Outcome | None:
        """Why the connection never became ready."""
        return self._opening.failure

    @property
    def slots_free(self) -> int:
        """How many transactions may be submitted now: 0 to 2."""
        return self.transfer.slots_free

    def take_unsent(self) -> list[Transaction]:
        """Transactions of which nothing was said, when the connection is over."""
        unsent, self.transfer.unsent = self.transfer.unsent, []
        return unsent

    # What the transport tells

    def receive(self, data: bytes, *, dot_is_out: bool = True) -> None:
        """Take bytes from the peer; what follows is in the output, the finished and the state.

        `dot_is_out` False: the transport still holds back a part of the body.
        """
        transfer = self.transfer
        transfer.dot_is_out = dot_is_out
        self._parser.feed(data)
        try:
            if self.state is not _READY:
                self._open()
                if self.state is not _READY:
                    return
            if not transfer.take_replies():
                self._end(End.SERVICE_ENDED, self._parser.reply(), dot_is_out=dot_is_out)
            elif transfer.has_quit and transfer.awaiting is None:
                self.state = State.CLOSED
                self.ended_politely = True
        except ReplyError as error:
            self._violate(str(error), dot_is_out=dot_is_out)

    def submit(self, transaction: Transaction) -> None:
        """Send a transaction as soon as its turn comes; `slots_free` must not be 0."""
        assert self.slots_free, "no slot is free"
        self.transfer.submit(transaction)

    def quit(self) -> None:
        """Take no more; say QUIT behind the last transaction."""
        if self.state is _READY:
            self.transfer.quit()
        else:
            self.state = State.CLOSED

    def tls_started(self, version: str) -> None:
        """The handshake that state HANDSHAKE asked for is done; `version` is "TLSv1.3"."""
        self.verdicts.tls = version
        self._parser = self.transfer.parser = ReplyParser()
        self._opening.resume_in_tls()
        self._follow_opening()

    def timed_out(self, waited_s: float, *, dot_is_out: bool = True) -> None:
        """The awaited reply did not come in time, or the body could not be handed over in time."""
        step = self.awaiting
        what = f"waiting for {STEP_LABEL[step]}" if step is not None else "waiting"
        if not dot_is_out:
            what = "sending the message"
        reply = Reply.of(451, "4.4.2", f"timed out after {waited_s:.0f} s {what}")
        self._end(End.TIMED_OUT, reply, dot_is_out=dot_is_out)

    def connection_lost(self, detail: str = "", *, dot_is_out: bool = True) -> None:
        """The transport is gone; harmless when the session is closed already.

        `dot_is_out` False says that a body was still being written, so that the peer cannot have
        the message whole.
        """
        if self.state is State.CLOSED:
            return
        step = self.awaiting
        what = f" waiting for {STEP_LABEL[step]}" if step is not None else ""
        text = f"connection lost{what}{': ' if detail else ''}{detail}"
        self._end(End.LOST, Reply.of(451, "4.4.2", text), dot_is_out=dot_is_out)

    # Joining the parts

    def _open(self) -> None:
        if self.state is State.HANDSHAKE:
            self._violate("data in clear after the reply to STARTTLS (response injection)")
        while self.state is State.OPENING and self._parser.next_code():
            self._opening.receive(self._parser.reply())
            self._follow_opening()
        if self.state is State.HANDSHAKE and self._parser.has_pending:
            self._violate("data in clear behind the reply to STARTTLS (response injection)")

    def _follow_opening(self) -> None:
        opening, transfer = self._opening, self.transfer
        self.state = opening.state
        transfer.progress += 1
        if opening.output:
            transfer.output.append(opening.output)
            opening.output = b""
        if self.state is State.READY:
            transfer.begin(opening.extensions)
        elif self.state is State.CLOSED and opening.says_quit:
            transfer.output.append(b"QUIT\r\n")  # RFC 5321 §4.1.1.10, even after a refusal
            self.ended_politely = True

    def _violate(self, text: str, *, dot_is_out: bool = True) -> None:
        reply = Reply.of(451, "4.5.0", f"protocol error: {text}")
        self._end(End.VIOLATED, reply, dot_is_out=dot_is_out)

    def _end(self, why: End, reply: Reply, *, dot_is_out: bool = True) -> None:
        was_opening = self.state is not State.READY
        self.state = State.CLOSED
        if was_opening:
            self.transfer.output.clear()
            self._opening.fail(reply)
        else:
            self.transfer.end(why, reply, dot_is_out=dot_is_out)
