"""Where the recipients of a template message come from: pages that can be read again."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from mta.model.address import Address


class TemplateRecipient(NamedTuple):
    """One recipient with what the template says to them."""

    address: Address
    merge: str = ""  # a JSON object of at most `MAX_MERGE` characters, '' for no values
    contact: int | None = None


class Page(NamedTuple):
    """Some recipients, and where the next ones begin."""

    recipients: Sequence[TemplateRecipient]
    place: str
    is_last: bool


class RecipientSource(Protocol):
    """Recipients in an order that stays as it is, each of them once."""

    async def page(self, place: str, count: int) -> Page:
        """At most `count` recipients from a place on; '' is the beginning.

        The same place gives the same recipients whenever it is asked for, also after a restart:
        what a crash has undone is read again. A page may be empty, if its place is another.
        """
        ...
