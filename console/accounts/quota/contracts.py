"""Contracts: made, started, listed. Only the operator makes them."""

from typing import NamedTuple
from zoneinfo import ZoneInfo

from console.accounts.actor import Actor
from console.accounts.names import checked_name
from console.accounts.permissions import Permission
from console.accounts.quota.books import Books, checked_amount, require_operator
from console.accounts.quota.term import Term, day_of, read_day
from console.accounts.quota.values import Balance, Contract, ContractState, EntryKind
from mta.model.errors import JobRefused, PermanentError
from mta.store.work import Rows

DAYS = 365
MAX_DAYS = 3_660


class ContractView(NamedTuple):
    """A contract with where it stands; the numbers are those of all its balances together."""

    contract: Contract
    state: ContractState
    term: Term
    available: int
    reserved: int
    consumed: int  # refunds not taken off
    refunded: int
    expired: int


class ContractService:
    """Part of `QuotaService`."""

    def __init__(self, books: Books, zone: ZoneInfo) -> None:
        self._books = books
        self._zone = zone

    async def add(
        self,
        actor: Actor,
        account: int,
        name: str,
        size: int,
        *,
        days: int = DAYS,
        starts_on: str = "",
    ) -> ContractView:
        """A contract of a main account: pending until `starts_on`, and while that is ''.

        Raises `PermanentError` when another contract of the account holds on one of its days.
        """
        require_operator(actor, "making a contract")
        books = self._books
        name = checked_name(name, "contract")
        checked_amount(size)
        if not 0 < days <= MAX_DAYS:
            raise PermanentError(f"{days}: expected a number of days from 1 to {MAX_DAYS}")
        async with books.lock:
            await books.meter.refresh()
            if books.meter.path(account)[0].parent is not None:
                raise PermanentError("contracts are of main accounts; this one has another above")
            day = str(read_day(starts_on)) if starts_on else ""
            made = Contract(
                books.ids.new(), account, name, size, days, day, books.clock.now_ms(), 0
            )
            self._check_overlap(made)
            balance = Balance(books.ids.new(), made.id, account, 0, 0, 0, 0, 0, 0, 1)
            row = (made.id, account, name, size, days, day, made.created_ms)
            grant = books.entry(
                actor, balance, EntryKind.GRANT, size, reference=name, reason="contract"
            )
            after = {"name": name, "size": size, "days": days, "starts_on": day}
            try:
                await books.commit(
                    [
                        Rows("quota_contract_insert", [row], expect=1),
                        Rows("quota_bag_insert", [(balance.id, made.id, account)], expect=1),
                        Rows("quota_entry_insert", [grant]),
                        *books.audit(actor, "contract.created", account, made.id, None, after),
                    ]
                )
            except JobRefused:
                raise PermanentError(f"there is a contract {name!r} already") from None
        return self._view(made)

    async def start(self, actor: Actor, contract: int, day: str) -> ContractView:
        """Decide or change day 1 of a contract that has not begun."""
        require_operator(actor, "starting a contract")
        books = self._books
        async with books.lock:
            await books.meter.refresh()
            old = self._get(contract)
            if self.state_of(old) is not ContractState.PENDING:
                raise PermanentError(f"the term of {old.name!r} began on {old.starts_on}")
            first = read_day(day)
            if first < day_of(books.clock.now_ms(), self._zone):
                raise PermanentError(f"{day} is past: a term begins today or later")
            new = Contract(
                old.id, old.account, old.name, old.size, old.days, str(first), old.created_ms, 0
            )
            self._check_overlap(new)
            row = (old.id, old.starts_on, new.starts_on)
            change = ({"starts_on": old.starts_on}, {"starts_on": new.starts_on})
            await books.commit(
                [
                    Rows("quota_contract_start", [row], expect=1),
                    *books.audit(actor, "contract.started", old.account, old.id, *change),
                ]
            )
        return self._view(new)

    async def resize(self, actor: Actor, contract: int, change: int, reason: str) -> ContractView:
        """Make a contract larger or smaller, by an `adjust` entry on the main account's balance."""
        require_operator(actor, "changing a contract")
        books = self._books
        checked_amount(abs(change))
        async with books.lock:
            await books.meter.refresh()
            found = self._get(contract)
            balance = books.meter.balance(found.id, found.account)
            assert balance is not None  # made with the contract
            entry = books.entry(
                actor, balance, EntryKind.ADJUST, change, reference=found.name, reason=reason
            )
            sizes = ({"size": found.size}, {"size": found.size + change, "reason": reason})
            try:
                await books.commit(
                    [
                        Rows("quota_contract_resize", [(found.id, change)]),
                        Rows("quota_entry_insert", [entry]),
                        *books.audit(actor, "contract.changed", found.account, found.id, *sizes),
                    ]
                )
            except JobRefused:
                raise PermanentError(
                    f"only {books.meter.balances[balance.id].available} mails are left to take away"
                ) from None
        return self._view(self._get(contract))

    async def list(self, actor: Actor) -> list[ContractView]:
        """The contracts that the actor may see, oldest first."""
        await self._books.meter.refresh()
        seen = actor.accounts(Permission.QUOTA_VIEW)
        return [
            self._view(contract)
            for contract in self._books.meter.contracts.values()
            if seen is None or contract.account in seen
        ]

    async def get(self, actor: Actor, text: str) -> ContractView:
        """The contract with that id, or the only one with that name."""
        views = await self.list(actor)
        found = [v for v in views if text in (str(v.contract.id), v.contract.name)]
        if len(found) != 1:
            known = ", ".join(repr(v.contract.name) for v in views) or "none"
            raise PermanentError(f"contract {text!r}: {len(found)} found; there are: {known}")
        return found[0]

    def state_of(self, contract: Contract) -> ContractState:
        """Where a contract stands now."""
        now_ms = self._books.clock.now_ms()
        term = Term.of(contract, self._zone)
        if contract.ended_ms or now_ms >= term.end_ms:
            return ContractState.EXPIRED
        if now_ms < term.begin_ms:
            return ContractState.PENDING
        balances = self._books.meter.balances_of((contract.id,)).values()
        left = sum(b.available + b.reserved for b in balances)
        return ContractState.ACTIVE if left else ContractState.EXHAUSTED

    def _view(self, contract: Contract) -> ContractView:
        balances = list(self._books.meter.balances_of((contract.id,)).values())
        return ContractView(
            contract,
            self.state_of(contract),
            Term.of(contract, self._zone),
            sum(b.available for b in balances),
            sum(b.reserved for b in balances),
            sum(b.consumed for b in balances),
            sum(b.refunded for b in balances),
            sum(b.expired for b in balances),
        )

    def _get(self, contract: int) -> Contract:
        found = self._books.meter.contracts.get(contract)
        if found is None:
            raise PermanentError(f"there is no contract {contract}")
        return found

    def _check_overlap(self, contract: Contract) -> None:
        term = Term.of(contract, self._zone)
        for other in self._books.meter.contracts.values():
            if other.account != contract.account or other.id == contract.id:
                continue
            if term.overlaps(Term.of(other, self._zone)):
                raise PermanentError(f"contract {other.name!r} holds on some of these days")
