"""Audiences: the frozen rows that a campaign is sent to."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from console.accounts.actor import Actor, NotVisible
from console.accounts.permissions import Permission
from console.contacts.segments.service import SegmentService
from console.contacts.sources import AudienceSource
from console.contacts.values import Audience, AudienceColumn
from mta.model.clock import Clock
from mta.model.errors import PermanentError
from mta.model.ids import IdGenerator
from mta.store.base import Store
from mta.store.work import Rows

PAGE = 900  # contacts that one job looks at: each may become a row
SAMPLE = 1_500  # rows that columns are told by before an audience is made
ERASED = 1_900  # rows that one job erases


class _Members(NamedTuple):
    rows: list[tuple[Any, ...]]  # id, email, key, attrs
    place: int
    is_over: bool


class AudienceService:
    """Makes, shows and erases audiences."""

    def __init__(
        self, store: Store, ids: IdGenerator, clock: Clock, segments: SegmentService
    ) -> None:
        self._store = store
        self._segments = segments
        self._ids = ids
        self._clock = clock
        self._lock = asyncio.Lock()  # one is made of lists at a time

    async def get(self, actor: Actor, audience: int) -> Audience:
        """One of them. Raises `NotVisible`."""
        rows = await self._store.read("audience_by_id", audience=audience)
        if rows and actor.may(Permission.CONTACT_VIEW, rows[0][1]):
            return Audience.of(rows[0])
        raise NotVisible(f"there is no audience {audience}")

    async def columns(self, actor: Actor, audience: int) -> Sequence[AudienceColumn]:
        """The values that its rows have."""
        return (await self.get(actor, audience)).columns

    async def row(self, actor: Actor, audience: int, n: int) -> Mapping[str, Any]:
        """The values of one row, from 0; empty when there is none."""
        await self.get(actor, audience)
        rows = await self._store.read("audience_rows", audience=audience, first=n, count=1)
        found: dict[str, Any] = json.loads(rows[0][2]) if rows else {}
        return found

    def source(self, audience: int) -> AudienceSource:
        """Its rows for the expansion."""
        return AudienceSource(self._store, audience)

    async def of_lists(
        self,
        actor: Actor,
        account: int,
        include: Sequence[int],
        exclude: Sequence[int] = (),
        *,
        reference: str = "",
    ) -> Audience:
        """The confirmed members of lists and segments, without those of others; only active contacts.

        The same `reference` gives the same audience, also after a restart in the middle of making
        it. Raises `PermanentError` for lists and segments of nobody or somebody else.
        """
        actor.require(Permission.CONTACT_VIEW, account)
        for one in (*include, *exclude):
            rows = await self._store.read("list_by_id", list=one)
            is_list = bool(rows) and rows[0][1] == account
            if not is_list and not await self._segments.owned(account, one):
                raise PermanentError(f"there is no list or segment {one}")
        source = json.dumps(
            {"lists": sorted(include), "without": sorted(exclude), "for": reference}
        )
        async with self._lock:
            found = await self._store.read("audience_of", account=account, source=source)
            if found and reference:
                audience = int(found[0][0])
            else:
                audience = self._ids.new()
                row = (audience, account, reference, "building", source, self._clock.now_ms())
                await self._store.submit([Rows("audience_insert", [row])])
            while await self._extend(audience, sorted(include), sorted(exclude)):
                pass
        return await self.get(actor, audience)

    async def count_of_lists(
        self, account: int, include: Sequence[int], exclude: Sequence[int] = ()
    ) -> int:
        """How many an audience of these lists would have now; read page by page."""
        total, after, is_over = 0, 0, False
        while not is_over:
            rows, after, is_over = await self._members(account, include, exclude, after)
            total += len(rows)
        return total

    async def nth_of_lists(
        self, account: int, include: Sequence[int], exclude: Sequence[int], n: int
    ) -> str:
        """The merge values of one of them as JSON, from 0; "" when there is none."""
        after, is_over = 0, False
        while not is_over:
            rows, after, is_over = await self._members(account, include, exclude, after)
            if n < len(rows):
                return _merge(rows[n][1], rows[n][3])
            n -= len(rows)
        return ""

    async def columns_of_lists(
        self, account: int, include: Sequence[int], exclude: Sequence[int] = ()
    ) -> Sequence[AudienceColumn]:
        """The values that an audience of these lists would have, as its first `SAMPLE` rows show."""
        filled: dict[str, int] = {}
        samples: dict[str, str] = {}
        after, is_over, looked = 0, False, 0
        while not is_over and looked < SAMPLE:
            rows, after, is_over = await self._members(account, include, exclude, after)
            looked += len(rows)
            for _, email, _, attrs in rows:
                _count({"email": email, **json.loads(attrs)}, filled, samples)
        return [AudienceColumn(name, n, samples[name][:100]) for name, n in filled.items()]

    async def _members(
        self, account: int, include: Sequence[int], exclude: Sequence[int], after: int
    ) -> _Members:
        programs = await self._segments.programs(account, include, exclude)
        if programs is not None:
            return _Members(*await self._segments.members(account, programs, after, PAGE))
        rows = await self._store.read(
            "audience_members", include=json.dumps(list(include)),
            exclude=json.dumps(list(exclude)), after=after, account=account, count=PAGE,
        )  # fmt: skip
        return _Members(rows, rows[-1][0] if rows else after, len(rows) < PAGE)

    async def _extend(self, audience: int, include: list[int], exclude: list[int]) -> bool:
        """One more page; False when it is complete. Durable page by page."""
        ((_, account, _, state, *_),) = await self._store.read("audience_by_id", audience=audience)
        if state != "building":
            return False
        ((_, place, total),) = await self._store.read("audience_source", audience=audience)
        rows, reached, is_over = await self._members(account, include, exclude, place)
        made = [
            (audience, total + n, email, key, _merge(email, attrs), contact)
            for n, (contact, email, key, attrs) in enumerate(rows)
        ]
        work = [Rows("audience_row_insert", made)] if made else []
        if not is_over:
            cursor = (audience, place, reached, total + len(made))
            work.append(Rows("audience_place", [cursor], expect=1))
        else:
            total += len(made)
            columns = await self._columns_of_lists(audience, made)
            counts = json.dumps({"rows": total, "accepted": total})
            work.append(Rows("audience_ready", [(audience, total, counts, columns)], expect=1))
        await self._store.submit(work, bulk=True)
        return not is_over

    async def _columns_of_lists(self, audience: int, last: Sequence[tuple[Any, ...]]) -> str:
        """The fields of the rows, counted page by page."""
        filled: dict[str, int] = {}
        samples: dict[str, str] = {}
        first = 0
        while True:
            rows = await self._store.read(
                "audience_rows", audience=audience, first=first, count=PAGE
            )
            for merge in [row[2] for row in rows]:
                _count(json.loads(merge), filled, samples)
            if len(rows) < PAGE:
                break
            first = rows[-1][0] + 1
        for row in last:
            _count(json.loads(row[4]), filled, samples)
        return json.dumps(
            [{"name": n, "filled": filled[n], "sample": samples[n][:100]} for n in filled]
        )

    async def erase(self, actor: Actor, audience: int) -> None:
        """Its rows are gone for good; what was sent stays in the queue's own tables."""
        found = await self.get(actor, audience)
        actor.require(Permission.CONTACT_EDIT, found.account)
        await self._store.submit([Rows("audience_erase", [(audience,)])])
        for first in range(0, found.total + 1, ERASED):
            row = (audience, first, first + ERASED)
            await self._store.submit([Rows("audience_rows_erase", [row])], bulk=True)


def _merge(email: str, attrs: str) -> str:
    values = {"email": email, **json.loads(attrs)}
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))


def _count(values: Mapping[str, Any], filled: dict[str, int], samples: dict[str, str]) -> None:
    for name, value in values.items():
        if value not in ("", None):
            filled[name] = filled.get(name, 0) + 1
            samples.setdefault(name, str(value))
