"""Puts the contacts together: services always, the reading of uploads when a server runs."""

import json
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from console.accounts.actor import Actor
from console.accounts.arguments import OPERATOR
from console.accounts.audit import AuditTrail
from console.campaigns.ports import Column, FrozenAudience
from console.campaigns.values import AudienceSpec, Campaign
from console.contacts.audiences import AudienceService
from console.contacts.importing import Importer
from console.contacts.lists import ContactService
from console.contacts.optin.service import OptinService
from console.contacts.optin.tokens import OptinTokens
from console.contacts.optin.values import ConfirmationMailer
from console.contacts.removal import UploadRemoval
from console.contacts.segments.service import SegmentService
from console.contacts.uploads import UploadService
from console.contacts.values import Audience
from mta.engine.foundation import Foundation
from mta.intake.recipients import RecipientSource
from mta.model.errors import PermanentError

FOLDER = "uploads"  # in the data directory


class ContactParts:
    """What belongs to contacts in one process."""

    def __init__(self, foundation: Foundation, trail: AuditTrail, key: bytes) -> None:
        """`key`: the installation's secret."""
        store, ids, clock = foundation.store, foundation.ids, foundation.clock
        folder = foundation.loaded.settings.server.data_dir / FOLDER
        self.contacts = ContactService(store, ids, clock, trail)
        self.uploads = UploadService(store, ids, clock, trail, folder)
        zone = ZoneInfo(foundation.loaded.settings.server.timezone)
        self.segments = SegmentService(store, ids, clock, trail, zone)
        self.optin = OptinService(
            store, ids, clock, trail, OptinTokens(key), foundation.suppression.reason_of
        )
        self.audiences = AudienceService(store, ids, clock, self.segments)
        self.for_campaigns = ContactAudiences(self.audiences)
        self.removal = UploadRemoval(
            store, clock, trail, self.uploads,
            kept_s=float(foundation.loaded.settings.retention.uploads), is_used=self._is_used,
        )  # fmt: skip
        self._store = store
        self.importer = Importer(store, ids, clock, self.uploads, foundation.suppression.reason_of)

    async def observe_ids(self) -> None:
        """Tell the id generator of the greatest ids on disk; once at start."""
        await self.contacts.observe_ids()
        await self.segments.observe_ids()

    async def start(self, mailer: ConfirmationMailer) -> None:
        """The server runs: read what is uploaded, ask people."""
        self.optin.mailer = mailer
        self.importer.start()
        self.removal.start()

    async def close(self) -> None:
        """End what runs."""
        await self.importer.stop()
        await self.removal.stop()

    async def _is_used(self, account: int, audience: int) -> bool:
        found = await self._store.read(
            "campaign_needs_audience", account=account, audience=audience
        )
        return bool(audience and found)


class ContactAudiences:
    """The `StoredAudiences` of campaigns: rows of uploads and of lists.

    A campaign names its audience by a number that came from outside, so each is asked whose it is.
    """

    def __init__(self, audiences: AudienceService) -> None:
        self._audiences = audiences

    async def freeze(self, actor: Actor, campaign: Campaign) -> FrozenAudience:
        """The rows of an upload, or those of lists as they are the first time."""
        spec = campaign.audience
        if spec.audience:
            found = await self._own(spec.audience, campaign.account)
        else:
            found = await self._audiences.of_lists(
                actor, campaign.account, spec.include, spec.exclude,
                reference=f"campaign {campaign.id}",
            )  # fmt: skip
        return FrozenAudience(found.id, found.total)

    async def counts(self, spec: AudienceSpec, account: int) -> Mapping[str, int]:
        """By what became of the rows."""
        if spec.audience:
            return (await self._own(spec.audience, account)).counts
        total = await self._audiences.count_of_lists(account, spec.include, spec.exclude)
        return {"accepted": total}

    async def columns(self, spec: AudienceSpec, account: int) -> list[Column]:
        """The values that the rows have; of lists those of a first look at their members."""
        if spec.audience:
            found = await self._own(spec.audience, account)
            return [Column(c.name, filled=c.filled, sample=c.sample) for c in found.columns]
        some = await self._audiences.columns_of_lists(account, spec.include, spec.exclude)
        return [Column(c.name, filled=c.filled, sample=c.sample) for c in some]

    async def row(self, spec: AudienceSpec, account: int, n: int) -> Mapping[str, Any]:
        """The values of one row."""
        if spec.audience:
            await self._own(spec.audience, account)
            return await self._audiences.row(OPERATOR, spec.audience, n)
        found = await self._audiences.nth_of_lists(account, spec.include, spec.exclude, n)
        values: dict[str, Any] = json.loads(found) if found else {}
        return values

    def source(self, audience: int) -> RecipientSource:
        """Its rows as the expansion wants them."""
        return self._audiences.source(audience)

    async def _own(self, number: int, account: int) -> Audience:
        found = await self._audiences.get(OPERATOR, number)
        if found.account != account or found.state != "ready":
            raise PermanentError(f"there is no audience {number}")
        return found
