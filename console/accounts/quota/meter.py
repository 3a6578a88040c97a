"""What every account may still send, in memory: asked at each recipient, answered in a microsecond.

The database alone decides, in the transaction that takes a message. This here refuses early what
it would refuse, and never the other way round: balances in memory are those last read, every
change of ours is followed by a `refresh`, and mail that was taken by one within a second.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from zoneinfo import ZoneInfo

from console.accounts.quota.replies import EXHAUSTED, EXPIRED, NOT_KNOWN_YET, PENDING
from console.accounts.quota.term import Term
from console.accounts.quota.values import Balance, Contract, Reservation, ShareKind, Use
from console.accounts.values import Account, AccountKind
from mta.model.clock import Clock
from mta.model.reply import Reply
from mta.store.base import Store

_UNKNOWN_MS = -1


class Line:
    """How the mail of one account is paid for, until a moment."""

    __slots__ = ("bag", "begin_ms", "end_ms", "free", "kind", "payer", "refusal")

    def __init__(
        self,
        kind: ShareKind,
        begin_ms: int,
        end_ms: int,
        *,
        bag: int = 0,
        payer: int = 0,
        free: int = 0,
        refusal: Reply | None = None,
    ) -> None:
        """It holds from `begin_ms` until before `end_ms`; `payer` is the account whose share it is.

        `free` is what can still be taken.
        """
        self.kind = kind
        self.begin_ms = begin_ms
        self.end_ms = end_ms
        self.bag = bag  # 0: nothing is charged
        self.payer = payer
        self.free = free
        self.refusal = refusal

    def check(self, count: int) -> Reply | None:
        """A refusal of `count` recipients."""
        if self.refusal is not None:
            return self.refusal
        return EXHAUSTED if self.bag and self.free < count else None


class Meter:
    """The lines of all accounts; `refresh()` before first use and after every change."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        zone: ZoneInfo,
        *,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_change` is called, often, when balances in memory are no longer those on disk."""
        self._store = store
        self._clock = clock
        self._zone = zone
        self.on_change = on_change
        self.accounts: dict[int, Account] = {}
        self.contracts: dict[int, Contract] = {}
        self.terms: dict[int, Term] = {}
        self.balances: dict[int, Balance] = {}
        self.uses: dict[tuple[int, int], Use] = {}
        self.reservations: dict[int, Reservation] = {}  # open ones, by the flow of their mail
        self._bag_of: dict[tuple[int, int], int] = {}  # by contract and account
        self._of_account: dict[int, list[Contract]] = {}
        self._lines: dict[int, Line] = {}
        self._taken: Counter[int] = Counter()  # by bag, since its balance was read
        self._lock = asyncio.Lock()  # a slow refresh must not undo a later one

    async def refresh(self) -> None:
        """Read everything anew; takes effect at the next check. Raises `StoreError`."""
        async with self._lock:
            accounts = [Account.of(row) for row in await self._store.read("account_all")]
            contracts = [Contract.of(row) for row in await self._store.read("quota_contracts")]
            reserved = [Reservation(*r) for r in await self._store.read("quota_reservations")]
            await self._read_balances()
            self.accounts = {account.id: account for account in accounts}
            self.contracts = {contract.id: contract for contract in contracts}
            self.terms = {c.id: Term.of(c, self._zone) for c in contracts}
            self.reservations = {r.flow: r for r in reserved if r.flow}
            self._of_account = {}
            for contract in contracts:
                self._of_account.setdefault(contract.account, []).append(contract)
            self._lines = {}

    async def refresh_balances(self) -> None:
        """Only what mail changes. Raises `StoreError`."""
        async with self._lock:
            await self._read_balances()
            self._lines = {}

    async def _read_balances(self) -> None:
        seen = self._taken.copy()  # what is taken while this reads may be in it or not
        balances = [Balance(*row) for row in await self._store.read("quota_bags")]
        uses = [Use(*row) for row in await self._store.read("quota_uses")]
        self.balances = {b.id: b for b in balances}
        self._bag_of = {(b.contract, b.account): b.id for b in balances}
        self.uses = {(u.bag, u.account): u for u in uses}
        self._taken -= seen

    def zone_of(self, account: int) -> ZoneInfo:
        """The time zone of an account; the installation's where it has none of its own."""
        known = self.accounts.get(account)
        return ZoneInfo(known.timezone) if known is not None and known.timezone else self._zone

    def took(self, account: int, charged: int) -> None:
        """Mail was taken: `remaining` knows before the next refresh."""
        line = self.line(account, self._clock.now_ms())
        if line.bag:
            self._taken[line.bag] += charged

    def remaining(self, account: int) -> int | None:
        """What an account may still send, about; None where nothing is counted.

        Only to be told: what may be sent is decided by the balances.
        """
        line = self.line(account, self._clock.now_ms())
        return max(0, line.free - self._taken[line.bag]) if line.bag else None

    def line(self, account: int, now_ms: int) -> Line:
        """How that account's mail is paid for now."""
        line = self._lines.get(account)
        if line is None or not line.begin_ms <= now_ms < line.end_ms:
            line = self._lines[account] = self._make_line(account, now_ms)
            if line.end_ms == _UNKNOWN_MS:
                del self._lines[account]
                self.on_change()
        return line

    def is_metered(self, account: int) -> bool:
        """Whether anything that it sends is counted: its main account has a contract."""
        return account in self.accounts and self.main_of(account).id in self._of_account

    def contract_of(self, account: int, now_ms: int) -> Contract | None:
        """The contract that holds for an account: the one in its term, else the next, else the last."""
        found = self._of_account.get(self.main_of(account).id, [])
        for contract in found:
            if self.terms[contract.id].begin_ms <= now_ms < self.terms[contract.id].end_ms:
                return contract
        later = [c for c in found if self.terms[c.id].begin_ms > now_ms]
        if later:
            return min(later, key=lambda c: self.terms[c.id].begin_ms)
        return max(found, key=lambda c: self.terms[c.id].end_ms, default=None)

    def path(self, account: int) -> list[Account]:
        """The account and those above it, nearest first."""
        path = [self.accounts[account]]
        while path[-1].parent is not None:
            path.append(self.accounts[path[-1].parent])
        return path

    def below(self, account: int) -> list[int]:
        """The account and all that are somewhere below it."""
        return [a for a in self.accounts if any(above.id == account for above in self.path(a))]

    def main_of(self, account: int) -> Account:
        """The main account above it, or itself."""
        return self.path(account)[-1]

    def balance(self, contract: int, account: int) -> Balance | None:
        """The account's own balance in a contract."""
        bag = self._bag_of.get((contract, account))
        return None if bag is None else self.balances[bag]

    def balance_above(self, contract: int, account: int) -> Balance | None:
        """The nearest balance above an account."""
        for member in self.path(account)[1:]:
            found = self.balance(contract, member.id)
            if found is not None and found.is_open:
                return found
        return None

    def balances_of(self, contracts: Iterable[int]) -> Mapping[int, Balance]:
        """The balances of some contracts, by id."""
        wanted = set(contracts)
        return {b.id: b for b in self.balances.values() if b.contract in wanted}

    def payer(self, contract: int, account: int) -> tuple[Balance, int, Use | None]:
        """Whose share pays in a contract: the balance, the account, and its use of it.

        That account is the nearest one with a cap; without any it is the sender itself.
        """
        capped: Use | None = None
        for member in self.path(account):
            balance = self.balance(contract, member.id)
            if balance is not None and balance.is_open:
                return balance, capped.account if capped else account, capped
            if capped is None:
                capped = self._cap_of(contract, member.id)
        raise LookupError(f"contract {contract} has no balance above account {account}")

    def _cap_of(self, contract: int, account: int) -> Use | None:
        above = self.balance_above(contract, account)
        use = self.uses.get((above.id, account)) if above is not None else None
        return use if use is not None and use.cap is not None else None

    def _make_line(self, account: int, now_ms: int) -> Line:
        if account not in self.accounts:  # made a moment ago
            return Line(ShareKind.COMMON, 0, _UNKNOWN_MS, refusal=NOT_KNOWN_YET)
        if any(member.kind is AccountKind.TRAINING for member in self.path(account)):
            return Line(ShareKind.TRAINING, 0, 2**63)
        contract = self.contract_of(account, now_ms)
        if contract is None:
            return Line(ShareKind.UNMETERED, 0, 2**63)
        term = self.terms[contract.id]
        if now_ms < term.begin_ms:
            return Line(ShareKind.COMMON, 0, term.begin_ms, refusal=PENDING)
        if now_ms >= term.end_ms or contract.ended_ms:
            return Line(ShareKind.COMMON, 0, now_ms + 1000, refusal=EXPIRED)
        balance, payer, capped = self.payer(contract.id, account)
        free = balance.available
        kind = ShareKind.COMMON
        if capped is not None and capped.cap is not None:
            free, kind = min(free, max(0, capped.cap - capped.net)), ShareKind.CAP
        elif balance.account == account:
            is_main = self.accounts[account].parent is None
            kind = ShareKind.CONTRACT if is_main else ShareKind.ALLOCATED
        return Line(kind, term.begin_ms, term.end_ms, bag=balance.id, payer=payer, free=free)
