"""To whom training accounts may write: a list of addresses for each (T-p)."""

from typing import NamedTuple

from console.accounts.actor import Actor
from console.accounts.permissions import Permission
from console.accounts.quota.books import Books
from console.accounts.values import AccountKind
from mta.model.address import parse_address
from mta.model.errors import PermanentError
from mta.store.work import Rows


class TrainingRecipient(NamedTuple):
    """An address that an account may write to."""

    account: int
    address: str
    created_ms: int


class TrainingService:
    """Part of `QuotaService`; `refresh()` before first use."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._lists: dict[int, frozenset[str]] = {}

    async def refresh(self) -> None:
        """Read the lists. Raises `StoreError`."""
        found: dict[int, set[str]] = {}
        for account, address, _ in await self._books.store.read("training_recipients"):
            found.setdefault(account, set()).add(parse_address(address).key)
        self._lists = {account: frozenset(keys) for account, keys in found.items()}

    def addresses(self, account: int) -> frozenset[str]:
        """Keys of the addresses on the account's list, from memory."""
        return self._lists.get(account, frozenset())

    async def allow(self, actor: Actor, account: int, address: str) -> None:
        """Put an address on the list of a training account."""
        await self._change(actor, account, address, "training_allow", "training.allowed")

    async def disallow(self, actor: Actor, account: int, address: str) -> None:
        """Take an address off the list; one that is not on it is no fault."""
        await self._change(actor, account, address, "training_disallow", "training.disallowed")

    async def list(self, actor: Actor, account: int) -> list[TrainingRecipient]:
        """The list of an account."""
        actor.require(Permission.ACCOUNT_VIEW, account)
        rows = await self._books.store.read("training_recipients")
        return [TrainingRecipient(*row) for row in rows if row[0] == account]

    async def _change(
        self, actor: Actor, account: int, address: str, statement: str, action: str
    ) -> None:
        books = self._books
        await books.meter.refresh()
        actor.require(Permission.ACCOUNT_MANAGE, account)
        if not any(a.kind is AccountKind.TRAINING for a in books.meter.path(account)):
            name = books.meter.accounts[account].name
            raise PermanentError(f"{name!r} is no training account: it may write to anybody")
        text = parse_address(address).key
        row = (account, text, books.clock.now_ms())
        audit = books.audit(actor, action, account, text)
        await books.store.submit([Rows(statement, [row]), *audit])
        await self.refresh()
