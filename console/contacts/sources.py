"""The rows of an audience as the expansion wants them: pages that can be read again."""

from mta.intake.recipients import Page, TemplateRecipient
from mta.model.address import Address
from mta.store.base import Store


class AudienceSource:
    """A `RecipientSource`; its place is the number of the next row."""

    def __init__(self, store: Store, audience: int) -> None:
        self._store = store
        self._audience = audience

    async def page(self, place: str, count: int) -> Page:
        """As `RecipientSource.page`. Raises `StoreError`."""
        first = int(place or 0)
        rows = await self._store.read(
            "audience_rows", audience=self._audience, first=first, count=count
        )
        recipients = [
            TemplateRecipient(_address(address), merge, contact)
            for _, address, merge, contact in rows
        ]
        following = rows[-1][0] + 1 if rows else first
        return Page(recipients, str(following), len(rows) < count)


def _address(text: str) -> Address:
    """What the parser said when the row was judged: no need to ask it again."""
    local, _, domain = text.rpartition("@")
    return Address(local, domain)
