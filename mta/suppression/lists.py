"""All suppression lists in memory: the answer for one mail costs a hash and a few look-ups.

The truth is in the database. Whoever adds an entry there puts it in here as well (`added`), whoever
takes one away has the address read again (`refresh`) when that is on disk. An entry of an account
holds for all accounts below it, one of `EVERYWHERE` for everybody.
"""

from collections.abc import Callable, Iterable, Sequence

import orjson

from mta.model.address import Address
from mta.model.clock import Clock
from mta.model.traffic import TrafficClass
from mta.store.base import MAX_JOB_ROWS, Store
from mta.store.work import Rows
from mta.suppression.digest import AddressDigest, key_of
from mta.suppression.digest_set import DigestSet
from mta.suppression.values import EVERYWHERE, NewEntry, Reason, Scope

PAGE = 20_000
_READ_S = 60.0
MAX_REMEMBERED = 10_000

_Sets = dict[Reason, DigestSet]


def _alone(account_id: int) -> tuple[int, ...]:
    return (account_id, EVERYWHERE)


class SuppressionLists:
    """Answers doors and dispatcher. Empty until `load` was called."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        key: bytes,
        lists_of: Callable[[int], Sequence[int]] = _alone,
    ) -> None:
        """`key`: the installation's secret, 32 bytes."""
        self._store = store
        self._clock = clock
        self.digest = AddressDigest(key)
        self._sets: dict[Scope, dict[int, _Sets]] = {Scope.ALL: {}, Scope.COMMERCIAL: {}}
        # Whose lists hold for an account: its own, those above it, EVERYWHERE.
        self._lists_of = lists_of
        # What is looked through for mail of an account, commercial or not.
        self._holding: dict[tuple[int, bool], list[tuple[str, DigestSet]]] = {}

    def follow(self, lists_of: Callable[[int], Sequence[int]]) -> None:
        """Whose lists hold for an account, from now on; the answer for one never changes."""
        self._lists_of = lists_of
        self._holding.clear()

    def reason(self, account_id: int, address: Address, klass: int) -> str:
        """Why the address gets no mail of that class from the account, empty when it does."""
        holding = self._of(account_id, klass)
        return _find(holding, self.digest.of_key(address.key)) if holding else ""

    def reason_of(self, account_id: int, address: str, klass: int) -> str:
        """The same for an address as it stands in the queue."""
        holding = self._of(account_id, klass)
        return _find(holding, self.digest.of_key(key_of(address))) if holding else ""

    def _of(self, account_id: int, klass: int) -> list[tuple[str, DigestSet]]:
        place = (account_id, klass >= TrafficClass.AUTOMATED)
        holding = self._holding.get(place)
        if holding is None:
            if len(self._holding) >= MAX_REMEMBERED:
                self._holding.clear()
            holding = self._holding[place] = [
                (reason.value, digests)
                for scope, by_account in self._sets.items()
                if scope.stops(klass)
                for holder in self._lists_of(account_id)
                for reason, digests in by_account.get(holder, {}).items()
            ]
        return holding

    def __len__(self) -> int:
        return sum(
            len(digests)
            for by_account in self._sets.values()
            for sets in by_account.values()
            for digests in sets.values()
        )

    # -- keeping up with the database ------------------------------------------------------------

    async def load(self) -> None:
        """Read everything; once, before mail is taken. Raises `StoreError`."""
        after, now_ms = 0, self._clock.now_ms()
        while rows := await self._store.read(
            "suppression_digests", after=after, now_ms=now_ms, count=PAGE, deadline_s=_READ_S
        ):
            after = rows[-1][0]
            for _, account, digest, reason, scope in rows:
                self._add(account, digest, Reason(reason), Scope(scope))

    def added(self, entries: Iterable[NewEntry]) -> None:
        """Entries that are, or are about to be, in the database."""
        for entry in entries:
            place = (entry.account, self.digest.of(entry.address), entry.reason)
            self.forget(*place)  # the scope may be another one
            self._add(*place, entry.scope)

    def forget(self, account: int, digest: int, reason: Reason) -> None:
        """An entry that is, or is about to be, no longer there."""
        for by_account in self._sets.values():
            sets = by_account.get(account)
            digests = sets.get(reason) if sets else None
            if sets is None or digests is None:
                continue
            digests.discard(digest)
            if not digests:
                del sets[reason]
                self._holding.clear()
            if not sets:
                del by_account[account]

    def _add(self, account: int, digest: int, reason: Reason, scope: Scope) -> None:
        sets = self._sets[scope].setdefault(account, {})
        digests = sets.get(reason)
        if digests is None:
            digests = sets[reason] = DigestSet()
            self._holding.clear()
        digests.add(digest)

    async def refresh(self, places: Sequence[tuple[int, int]]) -> None:
        """Read addresses (account, digest) again. Raises `StoreError`."""
        if not places:
            return
        rows = await self._store.read(
            "suppression_of_digests",
            pairs=orjson.dumps(places).decode(),
            now_ms=self._clock.now_ms(),
        )
        for account, digest in places:
            for reason in Reason:
                self.forget(account, digest, reason)
        for account, digest, reason, scope in rows:
            self._add(account, digest, Reason(reason), Scope(scope))

    async def drop_expired(self) -> int:
        """Remove what has expired; gives how many. Raises `StoreError`."""
        rows = await self._store.read(
            "suppression_expired", now_ms=self._clock.now_ms(), count=MAX_JOB_ROWS // 2
        )
        if rows:
            await self._store.submit([Rows("suppression_delete", rows)], bulk=True)
            for account, digest, reason in rows:
                self.forget(account, digest, Reason(reason))
        return len(rows)


def _find(holding: list[tuple[str, DigestSet]], digest: int) -> str:
    for reason, digests in holding:
        if digest in digests:
            return reason
    return ""
