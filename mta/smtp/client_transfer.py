"""The transactions of one connection: what is said when, and what each reply to it means.

Where the peer offers PIPELINING, MAIL, RCPT and DATA leave together, and those of the next
transaction leave directly behind the body of the one before. Replies are matched by count
(RFC 2920 §3.1): `_expected` lists the steps whose replies are outstanding, and they all belong to
the first flight until it is finished.
"""

from collections import deque
from collections.abc import Callable

from mta.model.outcome import Outcome, Phase
from mta.model.reply import Reply
from mta.smtp.client_commands import mail_command, rcpt_command, unfit_reply
from mta.smtp.client_extensions import Extensions
from mta.smtp.client_flight import Flight
from mta.smtp.client_states import Step
from mta.smtp.client_transaction import Transaction
from mta.smtp.client_verdicts import End, Verdicts, is_too_many_recipients
from mta.smtp.replies import ReplyError, ReplyParser
from mta.smtp.transparency import stuff

MAX_FLIGHTS = 2  # one under way, one queued or pipelined behind it

_FINAL_DOT = b".\r\n"
_LINE_END = b"\r\n"
# Step.X looks the member up by a descriptor, ten times the cost of a global (Python 3.11).
_MAIL, _RCPT, _DATA, _DOT, _LONE_DOT, _QUIT = (
    Step.MAIL,
    Step.RCPT,
    Step.DATA,
    Step.DOT,
    Step.LONE_DOT,
    Step.QUIT,
)
_ONE_RECIPIENT = (_MAIL, _RCPT, _DATA)

Finished = tuple[Transaction, list[Outcome]]


class Transfer:
    """Takes transactions and reply codes, gives commands, bodies and outcomes."""

    __slots__ = (
        "_begun",
        "_expected",
        "_flights",
        "_handlers",
        "_needs_rset",
        "_verdicts",
        "dot_is_out",
        "extensions",
        "finished",
        "has_quit",
        "is_quitting",
        "messages_sent",
        "output",
        "parser",
        "progress",
        "slots_free",
        "unsent",
    )

    def __init__(self, parser: ReplyParser, verdicts: Verdicts) -> None:
        """`parser` gives the text of the reply whose code is taken."""
        self.parser = parser
        self._verdicts = verdicts
        self._flights: deque[Flight] = deque()
        self._expected: deque[Step] = deque()
        self._begun = 0
        self._needs_rset = False
        self.extensions = Extensions()
        self.output: list[bytes] = []
        self.finished: list[Finished] = []
        self.unsent: list[Transaction] = []
        self.messages_sent = 0
        self.progress = 0
        self.slots_free = 0  # until `begin`
        self.dot_is_out = True  # False while the transport holds back a part of a body
        self.is_quitting = False  # no further transaction is taken
        self.has_quit = False  # QUIT is said
        # Indexed by Step; those before RSET belong to the opening and are never expected here.
        self._handlers: tuple[Callable[[int, Flight], None], ...] = (
            *(self._on_rset,) * Step.RSET,
            self._on_rset,
            self._on_mail,
            self._on_rcpt,
            self._on_data,
            self._on_dot,
            self._on_lone_dot,
        )

    @property
    def awaiting(self) -> Step | None:
        """Whose reply is outstanding, None while idle."""
        return self._expected[0] if self._expected else None

    def begin(self, extensions: Extensions) -> None:
        """Mail may be sent; the peer offers these."""
        self.extensions = extensions
        self._count_slots()

    def _count_slots(self) -> None:
        self.slots_free = 0 if self.is_quitting else MAX_FLIGHTS - len(self._flights)

    @property
    def flights(self) -> int:
        """How many transactions are not finished."""
        return len(self._flights)

    def submit(self, transaction: Transaction) -> None:
        """Begin the transaction when its turn comes, or refuse it at once."""
        refusal = unfit_reply(transaction, self.extensions)
        if refusal is not None:
            outcome = self._verdicts.unfit(refusal)
            self.finished.append((transaction, [outcome] * len(transaction.recipients)))
            return
        flight = Flight(transaction, pipelined=self.extensions.pipelining, is_first=not self._begun)
        flight.screen(self.extensions, self._verdicts)
        if not flight.open_recipients:
            self.finished.append((transaction, flight.settled()))
            return
        self._begun += 1
        if self._begun == self.extensions.mail_max:
            self.is_quitting = True
        self._flights.append(flight)
        self._count_slots()
        self._advance()

    def quit(self) -> None:
        """Take no more; say QUIT behind the last transaction."""
        self.is_quitting = True
        self.slots_free = 0
        self._advance()

    def take_replies(self) -> bool:
        """Take every complete reply; False when one was 421, which is the parser's last.

        Raises `ReplyError` when a reply makes no sense where it stands.
        """
        next_code, handlers = self.parser.next_code, self._handlers
        expected, flights = self._expected, self._flights
        while code := next_code():
            if code == 421:
                return False
            if not expected:
                raise ReplyError(f"unexpected reply {self.parser.reply()}")
            step = expected[0]
            if step is not _QUIT:
                handlers[step](code, flights[0])
            expected.popleft()
            self.progress += 1
        return True

    def end(self, why: End, reply: Reply, *, dot_is_out: bool) -> None:
        """The connection is over: every transaction gets its outcomes, or is unsent."""
        step = self.awaiting
        self.is_quitting = True
        self.slots_free = 0
        self.output.clear()
        self._expected.clear()
        for number, flight in enumerate(self._flights):
            if not flight.is_written:
                self.unsent.append(flight.transaction)
                continue
            if number:
                outcome = self._verdicts.returned(reply, Phase.MAIL)
            else:
                outcome = self._verdicts.at_end(
                    why, reply, step, is_first=flight.is_first, dot_is_out=dot_is_out
                )
            flight.settle_rest(outcome)
            self.finished.append((flight.transaction, flight.settled()))
        self._flights.clear()

    # What is said when

    def _advance(self) -> None:
        """Start what may start now: the first flight, or the second behind the first's body."""
        flights = self._flights
        if not flights:
            if self.is_quitting:
                self._say_quit()
            return
        front = flights[0]
        if not front.is_written:
            self._start(front)
        elif front.body_sent and front.pipelined:
            if len(flights) == 1:
                if self.is_quitting:
                    self._say_quit()
            elif not flights[1].is_written:
                self._start(flights[1])

    def _start(self, flight: Flight) -> None:
        flight.is_written = True
        expected = self._expected
        if not expected:
            self.progress += 1
        if self._needs_rset:
            self._needs_rset = False
            self._say(Step.RSET, "RSET\r\n")
            if not flight.pipelined:
                return
        if not flight.pipelined:
            self._say_mail(flight)
            return
        self.output.append(flight.commands(self.extensions).encode())
        count = len(flight.open_recipients)
        if count == 1:
            expected.extend(_ONE_RECIPIENT)
        else:
            expected.append(_MAIL)
            expected.extend((_RCPT,) * count)
            expected.append(_DATA)

    def _say(self, step: Step, line: str) -> None:
        self.output.append(line.encode())
        self._expected.append(step)

    def _say_mail(self, flight: Flight) -> None:
        self._say(_MAIL, mail_command(flight.transaction, self.extensions))

    def _say_rcpt(self, flight: Flight) -> None:
        recipient = flight.transaction.recipients[flight.open_recipients[flight.position]]
        self._say(_RCPT, rcpt_command(recipient, self.extensions))

    def _say_quit(self) -> None:
        if not self.has_quit:
            self.has_quit = True
            if not self._expected:
                self.progress += 1
            self._say(_QUIT, "QUIT\r\n")

    def _finish(self) -> None:
        flight = self._flights.popleft()
        self.finished.append((flight.transaction, flight.settled()))
        self._count_slots()
        self._advance()

    # What replies mean, one method per step

    def _on_rset(self, code: int, flight: Flight) -> None:
        if code >= 300:
            raise ReplyError(f"RSET was answered {self.parser.reply()}")
        if not flight.pipelined:
            self._say_mail(flight)

    def _on_mail(self, code: int, flight: Flight) -> None:
        if code < 300:
            flight.mail_accepted = True
            if not flight.pipelined:
                self._say_rcpt(flight)
            return
        reply = self.parser.reply()
        if code < 400:
            raise ReplyError(f"MAIL was answered {reply}")
        flight.mail_refused = True
        flight.settle_rest(self._verdicts.refused(reply, Phase.MAIL))
        if not flight.pipelined:
            self._finish()

    def _on_rcpt(self, code: int, flight: Flight) -> None:
        index = flight.open_recipients[flight.position]
        flight.position += 1
        if flight.mail_refused:
            return  # 503 or what it likes: MAIL's reply has decided
        if code < 300:
            flight.accepted += 1
        else:
            reply = self.parser.reply()
            if code < 400:
                raise ReplyError(f"RCPT was answered {reply}")
            if flight.accepted and is_too_many_recipients(reply):
                # The rest goes into a new transaction at once. Without one accepted recipient
                # that would go on for ever, so then it is an ordinary deferral.
                flight.outcomes[index] = self._verdicts.returned(reply, Phase.RCPT)
            else:
                flight.outcomes[index] = self._verdicts.refused(reply, Phase.RCPT)
        if not flight.pipelined:
            self._after_rcpt(flight)

    def _after_rcpt(self, flight: Flight) -> None:
        if flight.has_further_recipient:
            self._say_rcpt(flight)
        elif flight.accepted:
            self._say(_DATA, "DATA\r\n")
        else:
            self._needs_rset = True
            self._finish()

    def _on_data(self, code: int, flight: Flight) -> None:
        if 300 <= code < 400:
            self._say_body(flight)
        elif code < 300:
            raise ReplyError(f"DATA was answered {self.parser.reply()}")
        else:
            if flight.accepted:
                flight.settle_rest(self._verdicts.refused(self.parser.reply(), Phase.DATA))
            self._needs_rset = flight.mail_accepted
            self._finish()

    def _say_body(self, flight: Flight) -> None:
        """The body and its dot, or the lone dot when nobody is to have it (RFC 2920 §3.1)."""
        if self.parser.has_pending:
            raise ReplyError("a reply to the end of data before its beginning")
        out = self.output
        if flight.accepted:
            content = flight.transaction.content
            out.append(stuff(content))
            if not content.endswith(_LINE_END):
                out.append(_LINE_END)  # or the dot would not stand alone
            self._expected.append(_DOT)
        else:
            self._expected.append(_LONE_DOT)
        out.append(_FINAL_DOT)
        flight.body_sent = True
        self._advance()

    def _on_dot(self, code: int, flight: Flight) -> None:
        reply = self.parser.reply()
        if not self.dot_is_out:
            # A verdict on a message it has not seen whole: a refusal counts, then we part.
            if code >= 400:
                flight.settle_rest(self._verdicts.refused(reply, Phase.DATA))
            raise ReplyError(f"{reply} before the end of data")
        if code < 300:
            self.messages_sent += 1
            flight.settle_rest(self._verdicts.delivered(reply, takes_dsn=self.extensions.dsn))
        elif code < 400:
            raise ReplyError(f"the end of data was answered {reply}")
        else:
            flight.settle_rest(self._verdicts.refused(reply, Phase.DOT))
        self._finish()

    def _on_lone_dot(self, _code: int, _flight: Flight) -> None:
        self._finish()
