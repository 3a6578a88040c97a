"""Shares of sub-accounts: moved into a balance of their own, or a limit on the one above (T-c)."""

from collections.abc import Sequence

from console.accounts.actor import Actor, NotPermitted
from console.accounts.permissions import Permission
from console.accounts.quota.books import Books, checked_amount
from console.accounts.quota.values import Balance, Contract, EntryKind, Share, ShareKind, Use
from console.accounts.values import Account, AccountKind
from mta.model.errors import JobRefused, PermanentError
from mta.store.work import Rows


class ShareService:
    """Part of `QuotaService`."""

    def __init__(self, books: Books) -> None:
        self._books = books

    async def allocate(self, actor: Actor, account: int, amount: int, reason: str = "") -> None:
        """Move quota from the balance above into the account's own; both or neither.

        Raises `PermanentError` when there is not so much above.
        """
        books = self._books
        async with books.lock:
            contract, above = await self._above(actor, account)
            checked_amount(amount)
            if self._cap(above, account) is not None:
                raise PermanentError("the account has a cap: end it first with --none")
            own = books.meter.balance(contract.id, account)
            work = []
            if own is None:
                own = Balance(books.ids.new(), contract.id, account, 0, 0, 0, 0, 0, 0, 1)
                row = (own.id, contract.id, account)
                work.append(Rows("quota_bag_insert", [row], expect=1))
            elif not own.is_open:
                work.append(Rows("quota_bag_open", [(own.id, 1)], expect=1))
            reference = str(books.ids.new())
            entries = [
                books.entry(
                    actor, balance, EntryKind.ALLOCATE, n, reference=reference, reason=reason
                )
                for balance, n in ((above, -amount), (own, amount))
            ]
            told = {"amount": amount, "from": str(above.account), "reason": reason}
            work += [
                Rows("quota_entry_insert", entries),
                *books.audit(actor, "quota.allocated", account, account, None, told),
            ]
            try:
                await books.commit(work)
            except JobRefused:
                left = books.meter.balances[above.id].available
                raise PermanentError(f"only {left} mails are left to allocate") from None

    async def give_back(
        self, actor: Actor, account: int, amount: int | None = None, reason: str = ""
    ) -> int:
        """Move quota from the account's own balance to the one above; None: all that is left.

        Gives how much. Raises `PermanentError` when it has not so much, or no balance.
        """
        books = self._books
        async with books.lock:
            contract, above = await self._above(actor, account)
            own = books.meter.balance(contract.id, account)
            if own is None:
                raise PermanentError("the account has no share of its own to give back")
            if amount is None:
                await self._return_all(actor, own, above, reason)
                return own.granted - books.meter.balances[own.id].granted
            checked_amount(amount)
            reference = str(books.ids.new())
            entries = [
                books.entry(actor, balance, EntryKind.RETURN, n, reference=reference, reason=reason)
                for balance, n in ((own, -amount), (above, amount))
            ]
            told = {"amount": amount, "to": str(above.account), "reason": reason}
            try:
                await books.commit(
                    [
                        Rows("quota_entry_insert", entries),
                        *books.audit(actor, "quota.returned", account, account, None, told),
                    ]
                )
            except JobRefused:
                left = books.meter.balances[own.id].available
                raise PermanentError(f"the account has only {left} mails left") from None
            return amount

    async def cap(self, actor: Actor, account: int, limit: int | None, reason: str = "") -> None:
        """Let the account take from the balance above, up to a limit; None: without one.

        What it has taken of it in this contract counts. Raises `PermanentError` when that is more,
        or when the account has a balance of its own that is not empty.
        """
        books = self._books
        async with books.lock:
            contract, above = await self._above(actor, account)
            if limit:
                checked_amount(limit)
            work = []
            own = books.meter.balance(contract.id, account)
            if own is not None and own.is_open:
                if own.available or own.reserved:
                    raise PermanentError(
                        f"the account has an allocated share with {own.available} mails left: "
                        "give it back first"
                    )
                work.append(Rows("quota_bag_open", [(own.id, 0)], expect=1))
            self._check_lone(above, account)
            before = self._cap(above, account)
            told = ({"cap": before}, {"cap": limit, "reason": reason})
            work += [
                Rows("quota_cap_put", [(above.id, account, limit)]),
                *books.audit(actor, "quota.capped", account, account, *told),
            ]
            try:
                await books.commit(work)
            except JobRefused:
                used = books.meter.uses.get((above.id, account))
                raise PermanentError(
                    f"the account has taken {used.net if used else 0} mails already"
                ) from None

    async def on_disabled(self, actor: Actor, accounts: Sequence[Account]) -> Sequence[Rows]:
        """Rows that give back whatever these accounts' shares still have: see `QuotaReturner`.

        What an account has left goes to the nearest balance above that is not theirs.
        """
        books = self._books
        await books.meter.refresh()
        members = [account.id for account in accounts if account.parent is not None]
        contract = books.meter.contract_of(accounts[0].id, books.clock.now_ms())
        if contract is None or not members:
            return ()
        given_back, closed = [], []
        for member in members:
            above = books.meter.balance_above(contract.id, member)
            if above is not None and self._cap(above, member) is not None:
                closed.append((above.id, member))
            while above is not None and above.account in members:
                above = books.meter.balance_above(contract.id, above.account)
            own = books.meter.balance(contract.id, member)
            if own is not None and above is not None:
                given_back.append(self._return_row(actor, own, above, "account disabled"))
        work = []
        if given_back:
            work.append(Rows("quota_return_all", given_back))
        if closed:
            work.append(Rows("quota_cap_close", closed))
        return work

    async def on_accounts_changed(self) -> None:
        """The accounts and their lines anew: see `QuotaReturner`. Raises `StoreError`."""
        await self._books.meter.refresh()

    async def list(self, actor: Actor, account: int) -> list[Share]:
        """The account and all below it, with what each was given and has taken."""
        await self._books.meter.refresh()
        actor.require(Permission.QUOTA_VIEW, account)
        order = sorted(self._below(account), key=self._path_names)
        return [self.share(member) for member in order]

    def share(self, account: int) -> Share:
        """One account's share in the contract that holds now; as of the last look."""
        books, meter = self._books, self._books.meter
        member = meter.accounts[account]
        contract = meter.contract_of(account, books.clock.now_ms())
        if any(a.kind is AccountKind.TRAINING for a in meter.path(account)):
            return _bare(member, ShareKind.TRAINING)
        if contract is None:
            return _bare(member, ShareKind.UNMETERED)
        uses = [
            use
            for use in (
                meter.uses.get((b.id, account)) for b in meter.balances_of((contract.id,)).values()
            )
            if use is not None
        ]
        balance, _, capped = meter.payer(contract.id, account)
        granted, available, kind = None, balance.available, ShareKind.COMMON
        if capped is not None and capped.cap is not None:
            available = min(available, max(0, capped.cap - capped.net))
        if capped is not None and capped.account == account:
            granted, kind = capped.cap, ShareKind.CAP
        elif balance.account == account:
            granted, kind = balance.granted, ShareKind.ALLOCATED
            if member.parent is None:
                granted, kind = contract.size, ShareKind.CONTRACT
        return Share(
            account,
            member.name,
            member.parent,
            kind,
            granted,
            available,
            sum(use.reserved for use in uses),
            sum(use.consumed - use.refunded for use in uses),
            sum(use.refunded for use in uses),
        )

    async def _above(self, actor: Actor, account: int) -> tuple[Contract, Balance]:
        """The contract that holds, and the balance above; who moves quota needs it there."""
        books = self._books
        await books.meter.refresh()
        actor.require(Permission.QUOTA_VIEW, account)
        parent = books.meter.accounts[account].parent
        if not actor.may(Permission.QUOTA_MOVE, account if parent is None else parent):
            raise NotPermitted(f"{actor.name} may not move quota to or from account {account}")
        if parent is None:
            raise PermanentError("a main account has the contract itself, not a share")
        if any(a.kind is AccountKind.TRAINING for a in books.meter.path(account)):
            raise PermanentError("training costs nothing: the account needs no share")
        contract = books.meter.contract_of(account, books.clock.now_ms())
        if contract is None:
            raise PermanentError("there is no contract: `relevo contract add` makes one")
        above = books.meter.balance_above(contract.id, account)
        assert above is not None  # the main account's is made with the contract
        if not actor.may(Permission.QUOTA_MOVE, above.account):
            raise NotPermitted(f"{actor.name} may not move quota to or from account {account}")
        return contract, above

    async def _return_all(self, actor: Actor, own: Balance, above: Balance, reason: str) -> None:
        books = self._books
        row = self._return_row(actor, own, above, reason)
        told = {"amount": "all", "to": str(above.account), "reason": reason}
        await books.commit(
            [
                Rows("quota_return_all", [row]),
                *books.audit(actor, "quota.returned", own.account, own.account, None, told),
            ]
        )

    def _return_row(
        self, actor: Actor, own: Balance, above: Balance, reason: str
    ) -> tuple[int | str, ...]:
        return (
            own.id, own.account, above.id, above.account, self._books.clock.now_ms(),
            str(self._books.ids.new()), reason, actor.kind.value, actor.id, actor.name,
        )  # fmt: skip

    def _cap(self, above: Balance, account: int) -> int | None:
        use = self._books.meter.uses.get((above.id, account))
        return use.cap if use is not None else None

    def _check_lone(self, above: Balance, account: int) -> None:
        """One cap on each way down: more than one could not be counted in one place."""
        meter = self._books.meter
        related = {a.id for a in meter.path(account)} | set(self._below(account))
        for other in related - {account}:
            use: Use | None = meter.uses.get((above.id, other))
            if use is not None and use.cap is not None:
                name = meter.accounts[other].name
                raise PermanentError(f"account {name!r} above or below has a cap already")

    def _below(self, account: int) -> Sequence[int]:
        meter = self._books.meter
        return [a for a in meter.accounts if any(m.id == account for m in meter.path(a))]

    def _path_names(self, account: int) -> tuple[str, ...]:
        return tuple(m.name for m in reversed(self._books.meter.path(account)))


def _bare(account: Account, kind: ShareKind) -> Share:
    return Share(account.id, account.name, account.parent, kind, None, None, 0, 0, 0)
