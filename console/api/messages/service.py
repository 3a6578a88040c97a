"""Sends what a request asks for, and says what became of each recipient."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from console.api.messages.composing import Composed, composed
from console.api.messages.replies import refusal_of
from console.api.messages.request import MessageRequest
from console.api.messages.result import ItemStatus, SendItem, SendResult
from console.api.messages.stored import FilesOf, with_template
from console.api.refusals import ApiRefusal, Told, Violation, invalid
from console.templates.service import TemplateService
from console.tracking.accounts import OptionsOf
from mta.intake.admission import Joined
from mta.intake.batch import BatchIntake, BatchSubmission
from mta.intake.fingerprint import fingerprint
from mta.intake.intake import Intake
from mta.intake.ports import Receipt, RecipientOutcome
from mta.model.address import Address
from mta.model.envelope import Identity, Origin
from mta.model.traffic import DeliveryState
from mta.store.base import Store
from mta.store.work import Rows

THREAD_OCTETS = 256 * 1024  # from here on encoding takes long enough to hold up the mail loop
_STATUS = {
    DeliveryState.SCHEDULED: ItemStatus.SCHEDULED,
    DeliveryState.SUPPRESSED: ItemStatus.SUPPRESSED,
}

# Rows that become durable together with the message, made of what is answered.
JoinedAnswer = Callable[[SendResult], Sequence[Rows]]


class BagLeft(Protocol):
    """What is left of an account's bag, from memory."""

    def took(self, identity: Identity, charged: int) -> None:
        """So many were taken out of it."""
        ...

    def remaining(self, identity: Identity) -> int | None:
        """Mails left; None where none is counted."""
        ...


class NoBag:
    """Nothing is counted."""

    def took(self, identity: Identity, charged: int) -> None:
        """Nothing."""

    def remaining(self, identity: Identity) -> int | None:  # noqa: ARG002
        """Not counted."""
        return None


class SendService:
    """The one way from JSON to the queue, for our API and all dialects."""

    def __init__(
        self,
        intake: Intake,
        batches: BatchIntake,
        store: Store,
        *,
        max_message_bytes: int,
        templates: TemplateService | None = None,
        template_files: FilesOf | None = None,
        tracking: OptionsOf = lambda _account, _opens, _clicks: None,
        left: BagLeft | None = None,
    ) -> None:
        """`tracking`: by which address an account's personalised mail is tracked.

        `left` tells what an account's bag holds, from memory.
        """
        self._intake = intake
        self._templates = templates
        self._template_files = template_files
        self._batches = batches
        self._store = store
        self._max_message_bytes = max_message_bytes
        self._tracking = tracking
        self._left = left or NoBag()

    async def send(
        self,
        identity: Identity,
        request: MessageRequest,
        *,
        origin: Origin,
        idempotency_key: str = "",
        joined: JoinedAnswer | None = None,
    ) -> SendResult:
        """Take the message durably, or none of it.

        The same idempotency key gives the message that it stands for. The rows of `joined` become
        durable in the same transaction. Raises `ApiRefusal`, also with what the door refused, and
        `StoreError`.
        """
        refusal = self._intake.check_batch(
            identity, len(request.recipients) or len(request.addressed)
        )
        if refusal is not None and not idempotency_key:
            raise refusal_of(refusal)
        made = await self._compose(identity, request, origin, idempotency_key)

        def rows(message_id: int, outcomes: Sequence[RecipientOutcome]) -> Sequence[Rows]:
            assert joined is not None
            remaining = self._left.remaining(identity)
            if remaining is not None:  # it is not taken yet
                remaining = max(0, remaining - _charged(outcomes))
            return joined(self._result(message_id, outcomes, made, remaining))

        if refusal is None:
            receipt = await self._submit(made, None if joined is None else rows)
            if receipt.outcomes:
                self._left.took(identity, _charged(receipt.outcomes))
                remaining = self._left.remaining(identity)
                return self._result(receipt.message_id, receipt.outcomes, made, remaining)
            if receipt.message_id:
                return await self._earlier(identity, receipt.message_id)
            refusal = receipt.reply
        # What was taken before was taken, whatever would be said of it now (an empty bag).
        if idempotency_key and (earlier := await self._same(identity, made, idempotency_key)):
            return await self._earlier(identity, earlier)
        raise refusal_of(refusal)

    async def check(self, identity: Identity, request: MessageRequest, *, origin: Origin) -> None:
        """Look at everything and take nothing. Raises `ApiRefusal` with what `send` would refuse."""
        made = await self._compose(identity, request, origin, "")
        submission = made.submission
        if isinstance(submission, BatchSubmission):
            sender: Address | None = submission.sender
        else:
            sender = submission.envelope.sender
        refusal = self._intake.check_sender(identity, sender)
        if refusal is not None:
            raise refusal_of(refusal)

    async def _compose(
        self, identity: Identity, request: MessageRequest, origin: Origin, key: str
    ) -> Composed:
        replies = request.reply_to
        if replies and (domain := self._intake.foreign_reply(identity, replies.email)):
            raise invalid(Violation("reply_to.email", "foreign_domain", {"domain": domain}))
        track = request.track
        options = None
        if track.opens or track.clicks:
            options = self._tracking(identity.account_id, bool(track.opens), bool(track.clicks))
        request = await with_template(
            request, identity.account_id, self._templates, self._template_files
        )
        if _size(request) >= THREAD_OCTETS:
            made = await asyncio.to_thread(composed, request, identity, origin, key, options)
        else:
            made = composed(request, identity, origin, key, options)
        submission = made.submission
        if isinstance(submission, BatchSubmission):
            content = submission.compiled
        else:
            content = submission.content
        if len(content) > self._max_message_bytes:
            raise ApiRefusal(
                413, "too_large", Told("too_many_octets", {"limit": str(self._max_message_bytes)})
            )
        return made

    async def _submit(self, made: Composed, rows: Joined | None) -> Receipt:
        submission = made.submission
        if isinstance(submission, BatchSubmission):
            return await self._batches.submit(submission, rows)
        return await self._intake.submit(submission, rows)

    def _result(
        self,
        message_id: int,
        outcomes: Sequence[RecipientOutcome],
        made: Composed,
        remaining: int | None,
    ) -> SendResult:
        items = [
            SendItem(address, _STATUS.get(state, ItemStatus.QUEUED), delivery)
            for delivery, address, state in _in_order(made, outcomes)
        ]
        for place, item in made.rejected:
            items.insert(place, item)
        return SendResult(message_id, items, remaining)

    async def _same(self, identity: Identity, made: Composed, key: str) -> int:
        """The message that the key stands for, if it is this one; else 0."""
        submission = made.submission
        if isinstance(submission, BatchSubmission):
            digest = submission.digest
        else:
            digest = fingerprint(submission.envelope, submission.content)
        rows = await self._store.read("idempotency_get", account=identity.account_id, key=key)
        return rows[0][0] if rows and rows[0][1] == digest else 0

    async def _earlier(self, identity: Identity, message_id: int) -> SendResult:
        """What an idempotency key stands for, as it was taken."""
        rows = await self._store.read("api_message_items", message=message_id)
        items = [
            SendItem(
                address,
                ItemStatus.SUPPRESSED if state == DeliveryState.SUPPRESSED else ItemStatus.QUEUED,
                delivery,
            )
            for delivery, address, state in rows
        ]
        return SendResult(message_id, items, self._left.remaining(identity), is_repeated=True)


def _charged(outcomes: Sequence[RecipientOutcome]) -> int:
    return sum(state != DeliveryState.SUPPRESSED for _, _, state in outcomes)


def _in_order(made: Composed, outcomes: Sequence[RecipientOutcome]) -> Sequence[RecipientOutcome]:
    """The outcomes as the request has its recipients; the intake puts domains together."""
    if isinstance(made.submission, BatchSubmission):
        return outcomes
    places = {str(one.address): n for n, one in enumerate(made.submission.envelope.recipients)}
    return sorted(outcomes, key=lambda outcome: places[outcome.address])


def _size(request: MessageRequest) -> int:
    """About what encoding the request costs."""
    files = sum(len(one.content) for one in request.attachments)
    return len(request.text) + len(request.html) + files
