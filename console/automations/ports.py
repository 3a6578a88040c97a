"""What automations need of contacts, contents, tracking and the world; put together by the program."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from console.automations.definition import SendStep
from console.automations.values import Reader
from mta.store.work import Rows


class Readers(Protocol):
    """The contacts of an account."""

    async def get(self, account: int, contacts: Collection[int]) -> Mapping[int, Reader]:
        """Those of them that there are. Raises `StoreError`."""
        ...

    async def by_address(self, account: int, address: str) -> Reader | None:
        """The contact with that address. Raises `StoreError`."""
        ...

    async def matching(
        self, account: int, document: Mapping[str, Any], contacts: Collection[int]
    ) -> Collection[int]:
        """Those of the contacts that a segment's filter holds for. Raises `StoreError`."""
        ...

    async def page(self, account: int, list_id: int, after: int, count: int) -> Sequence[Reader]:
        """Who is on a list (0: every contact), by id from behind `after`. Raises `StoreError`."""
        ...

    async def list_exists(self, account: int, list_id: int) -> bool:
        """Whether the account has that list. Raises `StoreError`."""
        ...

    async def campaign_exists(self, account: int, campaign: int) -> bool:
        """Whether the account has that campaign. Raises `StoreError`."""
        ...

    def listing(
        self, account: int, list_id: int, contacts: Sequence[int], now_ms: int, *, is_on: bool
    ) -> Sequence[Rows]:
        """Rows that put contacts on a list or take them off, for the job that moves them on."""
        ...


@dataclass(frozen=True, slots=True)
class StepMail:
    """What a send step says."""

    subject: str
    compiled: bytes  # the template message that the intake stores


class Contents(Protocol):
    """Turns a send step into what the intake stores."""

    async def compiled(
        self, account: int, step: SendStep, sender: str, sender_name: str
    ) -> StepMail:
        """With its saved template, if it names one. Raises `PermanentError`: what is wrong."""
        ...


class SavedTemplates(Protocol):
    """Templates that a send step may name."""

    async def has(self, account: int, template: int, version: int | None) -> bool:
        """Whether the account has it, in that version if one is given. Raises `StoreError`."""
        ...


class Engagement(Protocol):
    """Who opened and clicked."""

    async def opened(self, deliveries: Collection[int]) -> Collection[int]:
        """Those of the deliveries that were opened, or clicked, which implies it."""
        ...

    async def clicked(self, deliveries: Collection[int]) -> Collection[int]:
        """Those of the deliveries with a click."""
        ...


class Caller(Protocol):
    """Posts JSON to other systems; private addresses are refused."""

    async def post(self, account: int, url: str, document: Mapping[str, Any]) -> None:
        """Raises `TransientError` when it may work later, `PermanentError` when never."""
        ...


class Choices(Protocol):
    """What an editor offers: ids with names."""

    async def lists(self, account: int) -> Sequence[tuple[int, str]]:
        """The account's lists. Raises `StoreError`."""
        ...

    async def campaigns(self, account: int) -> Sequence[tuple[int, str]]:
        """The account's latest campaigns. Raises `StoreError`."""
        ...

    async def templates(self, account: int) -> Sequence[tuple[int, str]]:
        """The account's saved templates. Raises `StoreError`."""
        ...

    async def senders(self, account: int) -> Sequence[str]:
        """Domains that the account may write from. Raises `StoreError`."""
        ...

    async def addresses(self, account: int, contacts: Sequence[int]) -> Mapping[int, str]:
        """The addresses of contacts, where they still exist. Raises `StoreError`."""
        ...
