"""Decides what a mail to one of our addresses means and has it written; then it is acknowledged.

Only what its token proves is believed, and only about the recipient of that delivery: a notice
about somebody else (a forwarder's target, a forged one) is counted and changes nothing. `250` is
said when the effect is on the disk, or when there is none to write.
"""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from enum import Enum
from typing import NamedTuple, Protocol

import structlog

from mta.feedback.addresses import FeedbackAddresses, Mailbox, Use
from mta.feedback.complaints import Complaint
from mta.feedback.effects import Effect, FeedbackEffects, LateBounce, Subject
from mta.feedback.letters import Letters, LettersFull
from mta.feedback.notices import Action, Notice, Reported
from mta.feedback.reading import AutoReply, Letter, Reading, read
from mta.intake.unsubscribe_links import SUBJECT
from mta.model.address import parse_address
from mta.model.errors import AddressSyntaxError, StoreError
from mta.model.traffic import DeliveryState

# A server that refuses at once can be faster than our own commit of its 250.
SETTLING_S = (0.05, 0.2, 0.5, 1.0)


class Result(Enum):
    """What became of a mail; the values are labels of a metric."""

    BOUNCED = "bounced"
    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"
    REPEATED = "repeated"
    DELAYED = "delayed"  # a notice that nothing is final yet, or that all is well
    AUTO_REPLY = "auto-reply"
    FOREIGN = "foreign"  # about somebody else than the delivery's recipient
    UNPROVEN = "unproven"  # a complaint without a token of ours
    UNKNOWN = "unknown"  # about a delivery whose history is gone
    NO_COMPLAINT = "no-complaint"  # a report that takes one back, or about something else
    UNCLEAR = "unclear"  # nothing that we understand
    KEPT = "kept"  # for a person to read
    NOT_YET = "not-yet"  # come again later
    FAILED = "failed"  # could not be written now


class Answer(NamedTuple):
    """What the sender hears, and what it means."""

    reply: str
    result: Result


class FeedbackMetrics(Protocol):
    """Who counts."""

    def feedback(self, result: str) -> None:
        """A mail came in at the feedback listener, or was refused there."""
        ...


_EFFECTS = {
    Effect.REPEATED: Result.REPEATED,
    Effect.UNKNOWN: Result.UNKNOWN,
    Effect.NOT_YET: Result.NOT_YET,
}
_LATER = {Result.NOT_YET, Result.FAILED}
_OK = "250 2.0.0 Ok"
_AGAIN = "451 4.3.0 Try again later"
_FULL = "452 4.2.2 Mailbox full, try again later"


class FeedbackDesk:
    """Takes one mail for one address at a time."""

    def __init__(
        self,
        addresses: FeedbackAddresses,
        effects: FeedbackEffects,
        letters: Letters,
        executor: Executor,
        metrics: FeedbackMetrics,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`executor`: one thread, in which mail is read and letters are written."""
        self.addresses = addresses
        self.metrics = metrics
        self._effects = effects
        self._letters = letters
        self._executor = executor
        self._sleep = sleep
        self._log = structlog.get_logger("mta.feedback")

    async def receive(self, mailbox: Mailbox, address: str, sender: str, content: bytes) -> Answer:
        """Carry out what a mail asks for; `sender` is empty for the null reverse-path.

        Never raises: what could not be done is answered with 4xx, and the sender comes again.
        """
        loop = asyncio.get_running_loop()
        reading: Reading | None = None
        reply = ""
        try:
            reading = await loop.run_in_executor(self._executor, read, content)
            result = await self._decide(mailbox, sender, reading)
            if result is Result.UNCLEAR and mailbox.use in (Use.PEOPLE, Use.FEEDBACK_LOOP):
                keep = self._letters.keep
                await loop.run_in_executor(self._executor, keep, sender, address, content)
                result = Result.KEPT
        except LettersFull as error:
            self._log.error("mail for people is refused", error=str(error), remedy="read, remove")
            result, reply = Result.FAILED, _FULL
        except (StoreError, OSError) as error:
            self._log.warning("feedback could not be written", error=str(error))
            result = Result.FAILED
        except Exception:
            self._log.exception("feedback could not be read", address=address)
            result = Result.FAILED
        self.metrics.feedback(result.value)
        self._log.info(
            "feedback",
            result=result.value,
            use=mailbox.use.value,
            delivery=str(mailbox.delivery or ""),
            sender=sender,
            about=type(reading).__name__.lower(),
        )
        return Answer(reply or (_AGAIN if result in _LATER else _OK), result)

    async def _decide(self, mailbox: Mailbox, sender: str, reading: Reading) -> Result:
        if mailbox.use is Use.UNSUBSCRIBE:
            return await self._unsubscribe(mailbox.delivery, sender, reading)
        match reading:
            case Complaint():
                return await self._complain(mailbox.delivery, reading)
            case Notice() if mailbox.use is Use.RETURN_PATH:
                return await self._bounce(mailbox.delivery, reading)
            case AutoReply():
                return Result.AUTO_REPLY
            case Letter() if mailbox.use is Use.FEEDBACK_LOOP and reading.returned:
                # Loops that send the mail alone (Microsoft's older form): the address is for it.
                return await self._complain(0, Complaint("abuse", "", reading.returned))
            case _:
                return Result.UNCLEAR

    async def _unsubscribe(self, delivery: int, sender: str, reading: Reading) -> Result:
        if not sender or not _asks_to_leave(reading):
            return Result.AUTO_REPLY  # machines never unsubscribe anybody
        subject = await self._effects.find(delivery)
        if subject is None:
            return Result.UNKNOWN
        effect = await self._effects.unsubscribed(subject, "mail")
        return _EFFECTS.get(effect, Result.UNSUBSCRIBED)

    async def _complain(self, delivery: int, complaint: Complaint) -> Result:
        if not (complaint.is_complaint or complaint.is_unsubscribe):
            return Result.NO_COMPLAINT
        delivery = self.addresses.delivery_in(complaint.proof) or delivery
        if not delivery:
            return Result.UNPROVEN
        subject = await self._effects.find(delivery)
        if subject is None:
            return Result.UNKNOWN
        if complaint.is_unsubscribe:
            effect = await self._effects.unsubscribed(subject, "mail")
            return _EFFECTS.get(effect, Result.UNSUBSCRIBED)
        effect = await self._effects.complained(subject, complaint.kind, complaint.reporter)
        return _EFFECTS.get(effect, Result.COMPLAINED)

    async def _bounce(self, delivery: int, notice: Notice) -> Result:
        subject = await self._settled(delivery)
        if subject is None:
            return Result.UNKNOWN
        own = [r for r in notice.recipients if _is_about(r, subject.address)]
        failed = next((r for r in own if r.action is Action.FAILED), None)
        if failed is None:
            return Result.DELAYED if own else Result.FOREIGN
        bounce = LateBounce(failed.reply, notice.reporter)
        return _EFFECTS.get(await self._effects.bounced(subject, bounce), Result.BOUNCED)

    async def _settled(self, delivery: int) -> Subject | None:
        """The delivery, after a moment if it is on the wire just now."""
        subject = await self._effects.find(delivery)
        for pause_s in SETTLING_S:
            if subject is None or subject.state is not DeliveryState.CLAIMED:
                break
            await self._sleep(pause_s)
            subject = await self._effects.find(delivery)
        return subject


def _asks_to_leave(reading: Reading) -> bool:
    """Whether a mail to an unsubscribe address is meant.

    Mail programs that send it for their reader may say that they did: ours is the subject then.
    """
    if isinstance(reading, AutoReply):
        return reading.subject.strip().lower() == SUBJECT
    return isinstance(reading, Letter)


def _is_about(reported: Reported, address: str) -> bool:
    wanted = _key(address)
    return any(_key(found) == wanted for found in reported.addresses)


def _key(address: str) -> str:
    try:
        return parse_address(address).key
    except AddressSyntaxError:
        return address.lower()
