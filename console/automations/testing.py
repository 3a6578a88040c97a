"""An automation tried with one contact: its mails go to who asks, at once, free and marked as tests.

Nothing is enrolled, counted or changed: lists and other systems are told of, not touched, and waits
are told, not waited. Conditions are answered for the contact as it is now; a test mail is never
opened, so questions about mails of the series are answered with no.
"""

import secrets
from collections import deque
from collections.abc import Awaitable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

from console.automations.definition import ConditionStep, EndStep, SendStep, Step, read_definition
from console.automations.moves import move
from console.automations.ports import Contents, Readers
from console.automations.sending import IdentityOf
from console.automations.values import Automation, Reader
from mta.intake.ports import Receipt
from mta.model.address import Address, parse_address
from mta.model.clock import Clock
from mta.model.envelope import Envelope, Notify, Origin, Recipient, Submission
from mta.model.errors import AddressSyntaxError, PermanentError, TransientError
from mta.model.rendering import ContentRenderer, Occasion

MAX_PER_HOUR = 200  # mails of an account: free mail is no way around the bag
HOUR_S = 3600.0
MARKS = {"es": "[Prueba] ", "en": "[Test] "}
FLOW = "automation tests"
TAG = "test"
_ORIGIN = Origin("HTTP", via="test")


class Door(Protocol):
    """`mta.intake.intake.Intake`."""

    def submit(self, submission: Submission) -> Awaitable[Receipt]:
        """Take a message."""
        ...


class TriedOutcome(StrEnum):
    """What a step of a test did."""

    SENT = "sent"
    FAILED = "failed"  # `detail` says why
    WAITS = "waits"  # would go on at `at_ms`
    MET = "met"
    NOT_MET = "not_met"
    LEFT_OUT = "left_out"  # a list or another system: not touched by a test
    ENDS = "ends"


@dataclass(frozen=True, slots=True)
class TriedStep:
    """One step of the way that the contact would take."""

    step: str
    kind: str
    outcome: TriedOutcome
    at_ms: int  # when it would be done with; of a wait, when that is over
    next: str  # the step that follows; empty: none
    message: int = 0  # id of the test mail
    detail: str = ""


@dataclass(frozen=True, slots=True)
class TestTools:
    """What test mails are made with, in a running server."""

    door: Door
    renderer: ContentRenderer
    contents: Contents
    readers: Readers
    identity_of: IdentityOf
    clock: Clock


class AutomationTests:
    """Walks through automations without anybody in them."""

    def __init__(self, tools: TestTools) -> None:
        self._tools = tools
        self._sent: dict[int, deque[float]] = {}

    async def walk(
        self, automation: Automation, reader: Reader, to: str, language: str
    ) -> list[TriedStep]:
        """The steps on the reader's way in their order; their mails are sent to `to`.

        A mail that cannot be sent is told as failed, and the way goes on. Raises `PermanentError`.
        """
        address = _address(to)
        definition = read_definition(automation.definition)
        at_ms, next_id, way = self._tools.clock.now_ms(), definition.first, list[TriedStep]()
        while (step := definition.step(next_id)) is not None:
            is_met = await self._is_met(automation.account, step, reader)
            onward = move(definition, step.id, at_ms, is_met=is_met)
            if onward.step == step.id:  # outside of the sending window
                at_ms = onward.due_ms
                onward = move(definition, step.id, at_ms)
            at_ms, next_id = onward.due_ms, onward.step
            tried = TriedStep(step.id, step.kind, _outcome(step, is_met=is_met), at_ms, next_id)
            if isinstance(step, SendStep):
                tried = await self._sent_as(tried, automation, step, reader, address, language)
            way.append(tried)
        return way

    async def _is_met(self, account: int, step: Step, reader: Reader) -> bool:
        if not isinstance(step, ConditionStep) or step.filter is None:
            return False
        if not reader.id:  # nobody of the account: without any field
            return False
        return bool(await self._tools.readers.matching(account, step.filter, [reader.id]))

    async def _sent_as(
        self,
        tried: TriedStep,
        automation: Automation,
        step: SendStep,
        reader: Reader,
        to: Address,
        language: str,
    ) -> TriedStep:
        try:
            message = await self._send(automation, step, reader, to, language)
        except (PermanentError, TransientError) as error:
            return replace(tried, outcome=TriedOutcome.FAILED, detail=str(error))
        return replace(tried, message=message)

    async def _send(
        self, automation: Automation, step: SendStep, reader: Reader, to: Address, language: str
    ) -> int:
        tools, account = self._tools, automation.account
        who = (automation.sender, automation.sender_name)
        identity = replace(tools.identity_of(account), name=FLOW, is_free=True)
        plain = await tools.contents.compiled(account, step, *who)
        subject = MARKS.get(language, MARKS["es"]) + plain.subject
        marked = step.model_copy(update={"subject": subject})
        mail = await tools.contents.compiled(account, marked, *who)
        sender = _address(automation.sender)
        self._take(account)
        number = f"<test.{secrets.token_hex(12)}@{sender.domain}>"
        rendered = tools.renderer.load(mail.compiled).render(
            Occasion(0, str(to), number, "", reader.values)
        )
        envelope = Envelope(sender, (Recipient(to, Notify.NEVER),))
        submission = Submission(
            identity, envelope, _marked(rendered), _ORIGIN, tags=(TAG,), unsubscribe=False
        )
        receipt = await tools.door.submit(submission)
        if not receipt.message_id:
            raise PermanentError(str(receipt.reply))
        return receipt.message_id

    def _take(self, account: int) -> None:
        now_s = self._tools.clock.monotonic_s()
        sent = self._sent.setdefault(account, deque())
        while sent and sent[0] < now_s - HOUR_S:
            sent.popleft()
        if len(sent) >= MAX_PER_HOUR:
            raise PermanentError(f"more than {MAX_PER_HOUR} test mails in an hour")
        sent.append(now_s)


def _outcome(step: Step, *, is_met: bool) -> TriedOutcome:
    if isinstance(step, ConditionStep):
        return TriedOutcome.MET if is_met else TriedOutcome.NOT_MET
    if isinstance(step, EndStep):
        return TriedOutcome.ENDS
    told = {"wait": TriedOutcome.WAITS, "send": TriedOutcome.SENT}
    return told.get(step.kind, TriedOutcome.LEFT_OUT)


def _address(text: str) -> Address:
    try:
        return parse_address(text.strip())
    except AddressSyntaxError as error:
        raise PermanentError(str(error)) from None


def _marked(rendered: bytes) -> bytes:
    """With a header that says what it is, and without the empty Date: the intake writes one."""
    return b"X-Automation-Test: 1\r\n" + rendered.replace(b"Date: \r\n", b"", 1)
