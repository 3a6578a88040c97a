"""Hands in again what a refund put back: as new mail, to the same recipients, out of the bag."""

from collections.abc import Callable, Sequence
from typing import Any

import orjson
import structlog

from console.accounts.quota.refund_values import Refund, RefundItem
from mta.intake.batch import BatchIntake, BatchSubmission
from mta.intake.intake import Intake
from mta.intake.recipients import TemplateRecipient
from mta.model.address import parse_address
from mta.model.envelope import Envelope, Identity, Origin, Recipient, Submission
from mta.model.errors import RelevoError
from mta.model.traffic import TrafficClass
from mta.spool.rows import MessageFlag
from mta.store.base import Store
from mta.store.work import ContentRef

_TEMPLATE = int(MessageFlag.TEMPLATE)
SUFFIX = " (resend)"  # the flow of what is sent again: the old one may be cancelled


class MailResender:
    """Implements `Resender` over the doors of the running server."""

    def __init__(
        self, store: Store, intake: Intake, batches: Callable[[], BatchIntake | None]
    ) -> None:
        self._store = store
        self._intake = intake
        self._batches = batches
        self._log = structlog.get_logger("relevo.quota")

    async def resend(self, refund: Refund, items: Sequence[RefundItem]) -> int:
        """Send to these recipients again; what has no content any more is left out and logged.

        A key of refund, message and first recipient makes that the same call again sends nothing.
        """
        messages = orjson.dumps(sorted({item.message for item in items})).decode()
        deliveries = orjson.dumps([item.delivery for item in items]).decode()
        recipients: dict[int, list[Any]] = {}
        for message, *row in await self._store.read(
            "quota_resend_recipients", deliveries=deliveries
        ):
            recipients.setdefault(message, []).append(row)
        sent = 0
        for found in await self._store.read("quota_resend_messages", messages=messages):
            first = next(item.delivery for item in items if item.message == found[0])
            key = f"refund:{refund.id}:{found[0]}:{first}"
            try:
                sent += await self._resend_message(found, recipients[found[0]], key)
            except RelevoError as error:
                self._log.warning("not_sent_again", message=found[0], error=str(error))
        return sent

    async def _resend_message(self, row: tuple[Any, ...], to: list[Any], key: str) -> int:
        flags, kind, klass = row[7], row[12], TrafficClass(row[13])
        content = await self._store.read_content(ContentRef(*row[3:7]))
        identity = Identity(row[1], 0, row[11] + SUFFIX, any_sender=True, may_send_urgent=True)
        campaign = row[11] + SUFFIX if kind == "campaign" else ""
        sender = parse_address(row[2]) if row[2] else None
        batches = self._batches()
        if flags & _TEMPLATE:
            if batches is None or sender is None:
                return 0
            wanted = [TemplateRecipient(parse_address(a), merge, c) for a, merge, c in to]
            receipt = await batches.submit(
                BatchSubmission(
                    identity, sender, content, wanted, row[8], klass, campaign=campaign,
                    idempotency_key=key, digest=key, tags=row[9], metadata=row[10],
                )
            )  # fmt: skip
        else:
            envelope = Envelope(sender, tuple(Recipient(parse_address(a)) for a, _, _ in to))
            tags = tuple(orjson.loads(row[9])) if row[9] else ()
            receipt = await self._intake.submit(
                Submission(
                    identity, envelope, content, Origin("HTTP"), key, tags, row[10],
                    klass=klass, campaign=campaign,
                )
            )  # fmt: skip
        if not receipt.message_id:
            self._log.warning("not_sent_again", message=row[0], reply=str(receipt.reply))
        return int(bool(receipt.message_id))
