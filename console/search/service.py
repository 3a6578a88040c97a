"""Campaigns by a part of their name and contacts by the beginning of their address."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from console.accounts.actor import Actor
from console.accounts.permissions import Permission
from mta.store.base import Store

SHOWN = 8
SCANNED = 2_000  # the newest campaigns are looked at: 3 ms
_LAST = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class FoundCampaign:
    """One whose name fits."""

    id: int
    name: str
    status: str  # CampaignStatus
    created_ms: int


@dataclass(frozen=True, slots=True)
class FoundContact:
    """One whose address begins so."""

    id: int
    email: str
    status: str  # active | blocked


class SearchService:
    """Raises `NotPermitted`, `NotVisible`, `StoreError`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def campaigns(self, actor: Actor, account: int, text: str) -> Sequence[FoundCampaign]:
        """Those with all the words in their names, whatever the accents and capitals; newest first."""
        actor.require(Permission.CAMPAIGN_VIEW, account)
        words = plain(text).split()
        rows = await self._store.read("search_campaigns", account=account, scanned=SCANNED)
        fits = (row for row in rows if words and all(word in plain(row[1]) for word in words))
        return [FoundCampaign(*row) for row, _ in zip(fits, range(SHOWN), strict=False)]

    async def contacts(self, actor: Actor, account: int, text: str) -> Sequence[FoundContact]:
        """Those whose address begins with the text."""
        actor.require(Permission.CONTACT_VIEW, account)
        first = text.strip().lower()
        if not first:
            return ()
        rows = await self._store.read(
            "search_contacts", account=account, first=first, last=first + _LAST, count=SHOWN
        )
        return [FoundContact(*row) for row in rows]


def plain(text: str) -> str:
    """Without accents and capitals: `Boletín` is found by `boletin`."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in decomposed if not unicodedata.combining(c))
