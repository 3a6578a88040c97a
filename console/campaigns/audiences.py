"""Who gets a campaign: rows of an audience, or those of an earlier campaign (`Audiences`)."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import orjson

from console.accounts.actor import Actor
from console.campaigns.again import Again
from console.campaigns.book import CampaignBook
from console.campaigns.ports import Column, FrozenAudience
from console.campaigns.values import AudienceSpec, Campaign
from mta.intake.recipients import RecipientSource
from mta.model.errors import PermanentError


class StoredAudiences(Protocol):
    """Audiences of contacts and uploads."""

    async def freeze(self, actor: Actor, campaign: Campaign) -> FrozenAudience:
        """The frozen rows, made the first time."""
        ...

    async def counts(self, spec: AudienceSpec, account: int) -> Mapping[str, int]:
        """By what became of the rows."""
        ...

    async def columns(self, spec: AudienceSpec, account: int) -> Sequence[Column]:
        """The values that the rows have."""
        ...

    async def row(self, spec: AudienceSpec, account: int, n: int) -> Mapping[str, Any]:
        """The values of one row."""
        ...

    def source(self, audience: int) -> RecipientSource:
        """Its rows."""
        ...


class CampaignAudiences:
    """Both kinds; an audience below 0 stands for a campaign before."""

    def __init__(self, book: CampaignBook, stored: StoredAudiences) -> None:
        self._book = book
        self._stored = stored

    async def freeze(self, actor: Actor, campaign: Campaign) -> FrozenAudience:
        """As `Audiences.freeze`."""
        if not campaign.audience.parent:
            return await self._stored.freeze(actor, campaign)
        return FrozenAudience(-campaign.id, await (await self._of(campaign.audience)).total())

    async def counts(self, spec: AudienceSpec, account: int) -> Mapping[str, int]:
        """As `Audiences.counts`."""
        if not spec.parent:
            return await self._stored.counts(spec, account)
        return {"accepted": await (await self._of(spec)).total()}

    async def columns(self, spec: AudienceSpec, account: int) -> Sequence[Column]:
        """As `Audiences.columns`; of a campaign before, those of its first rows."""
        if not spec.parent:
            return await self._stored.columns(spec, account)
        values = await self.row(spec, account, 0)
        return [Column(name, sample=str(value)) for name, value in values.items()]

    async def row(self, spec: AudienceSpec, account: int, n: int) -> Mapping[str, Any]:
        """As `Audiences.row`."""
        if not spec.parent:
            return await self._stored.row(spec, account, n)
        return await _nth(await self._of(spec), n)

    def source(self, audience: int) -> RecipientSource:
        """As `Audiences.source`."""
        return _Later(self, -audience) if audience < 0 else self._stored.source(audience)

    async def of_campaign(self, campaign_id: int) -> Again:
        """Whom a campaign goes to again."""
        return await self._of((await self._book.get(campaign_id)).audience)

    async def _of(self, spec: AudienceSpec) -> Again:
        parent = await self._book.find(spec.parent)
        if parent is None or not parent.frozen.messages:
            raise PermanentError("the campaign before is not there any more")
        return Again(self._book.store, parent.frozen.messages, spec.pick)


class _Later:
    """The source of a campaign before, found when it is asked."""

    def __init__(self, audiences: CampaignAudiences, campaign: int) -> None:
        self._audiences = audiences
        self._campaign = campaign
        self._source: Again | None = None

    async def page(self, place: str, count: int) -> Any:
        """As `RecipientSource.page`."""
        if self._source is None:
            self._source = await self._audiences.of_campaign(self._campaign)
        return await self._source.page(place, count)


async def _nth(source: RecipientSource, n: int) -> Mapping[str, Any]:
    place, is_last = "", False
    while not is_last:
        page = await source.page(place, max(1, min(n + 1, 500)))
        if n < len(page.recipients):
            found = page.recipients[n]
            values = orjson.loads(found.merge) if found.merge else {}
            return {**values, "email": str(found.address)}
        n -= len(page.recipients)
        place, is_last = page.place, page.is_last
    return {}
