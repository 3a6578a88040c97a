"""Segments of all accounts: kept, counted, looked into; and their members for audiences."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from console.accounts.actor import Actor, NotVisible
from console.accounts.audit.trail import AuditTrail
from console.accounts.permissions import Permission
from console.contacts.segments.filters import (
    Groups,
    Moment,
    compile_filter,
    list_program,
    lists_in,
    rows_of,
)
from console.contacts.segments.values import Segment
from mta.model.clock import Clock
from mta.model.errors import JobRefused, PermanentError
from mta.model.ids import IdGenerator
from mta.store.base import Store
from mta.store.work import Rows

MAX_NAME = 200
MAX_SEGMENTS = 500  # of one account
SPAN = 5_000  # contacts that one read looks at: some 50 ms of a reader's thread


class Hits(NamedTuple):
    """What a read found: (id, email, key, attrs) of contacts, and where it ended."""

    rows: list[tuple[Any, ...]]
    place: int
    is_over: bool


class SegmentService:
    """For actors who may see or edit contacts."""

    def __init__(
        self, store: Store, ids: IdGenerator, clock: Clock, trail: AuditTrail, zone: ZoneInfo
    ) -> None:
        """`zone`: of the days that filters name."""
        self._store = store
        self._ids = ids
        self._clock = clock
        self._trail = trail
        self._zone = zone

    async def observe_ids(self) -> None:
        """Tell the id generator of the greatest id on disk; once at start."""
        ((last,),) = await self._store.read("contact_segments_last_id")
        self._ids.observe(last)

    async def list(self, actor: Actor, account: int = 0) -> list[Segment]:
        """Those that the actor sees, of one account if given, by name."""
        if account:
            actor.require(Permission.CONTACT_VIEW, account)
        accounts = [account] if account else actor.accounts(Permission.CONTACT_VIEW)
        rows = await self._store.read(
            "contact_segment_page",
            accounts=None if accounts is None else json.dumps(sorted(accounts)),
        )
        return [Segment.of(row) for row in rows]

    async def get(self, actor: Actor, segment: int) -> Segment:
        """One of them. Raises `NotVisible`."""
        rows = await self._store.read("contact_segment_by_id", segment=segment)
        if rows and actor.may(Permission.CONTACT_VIEW, rows[0][1]):
            return Segment.of(rows[0])
        raise NotVisible(f"there is no segment {segment}")

    async def add(
        self, actor: Actor, account: int, name: str, document: Mapping[str, Any]
    ) -> Segment:
        """A new one. Raises `PermanentError` for a filter that cannot be, or a name that is taken."""
        actor.require(Permission.CONTACT_EDIT, account)
        await self._groups(account, document)
        if len(await self.list(actor, account)) >= MAX_SEGMENTS:
            raise PermanentError(f"an account has up to {MAX_SEGMENTS} segments")
        number, name = self._ids.new(), _named(name)
        row = (number, account, name, _stored(document), self._clock.now_ms())
        entry = self._trail.entry(actor, "segment.created", account, number, after={"name": name})
        try:
            await self._store.submit([Rows("contact_segment_insert", [row], expect=1), entry])
        except JobRefused:
            raise PermanentError(f"there is a segment {name!r} already") from None
        return await self.get(actor, number)

    async def change(
        self, actor: Actor, segment: int, name: str, document: Mapping[str, Any]
    ) -> Segment:
        """Another name or filter. Raises as `add`."""
        found = await self.get(actor, segment)
        actor.require(Permission.CONTACT_EDIT, found.account)
        await self._groups(found.account, document)
        row = (segment, _named(name), _stored(document), self._clock.now_ms())
        entry = self._trail.entry(
            actor, "segment.changed", found.account, segment,
            {"name": found.name, "filter": found.filter}, {"name": name, "filter": document},
        )  # fmt: skip
        try:
            await self._store.submit([Rows("contact_segment_change", [row], expect=1), entry])
        except JobRefused:
            raise PermanentError(f"there is a segment {name!r} already") from None
        return await self.get(actor, segment)

    async def remove(self, actor: Actor, segment: int) -> None:
        """Gone; the contacts stay. A draft that names it has to choose anew."""
        found = await self.get(actor, segment)
        actor.require(Permission.CONTACT_EDIT, found.account)
        entry = self._trail.entry(
            actor, "segment.removed", found.account, segment, {"name": found.name}
        )
        await self._store.submit([Rows("contact_segment_remove", [(segment,)], expect=1), entry])

    async def count(self, actor: Actor, segment: int) -> int:
        """How many active contacts it has now; kept with the segment."""
        found = await self.get(actor, segment)
        total = await self._count(found.account, found.filter)
        row = (segment, total, self._clock.now_ms())
        await self._store.submit([Rows("contact_segment_counted", [row])])
        return total

    async def count_of(self, actor: Actor, account: int, document: Mapping[str, Any]) -> int:
        """How many active contacts a filter holds for. Raises `PermanentError`."""
        actor.require(Permission.CONTACT_VIEW, account)
        return await self._count(account, document)

    async def preview(
        self, actor: Actor, account: int, document: Mapping[str, Any], count: int = 10
    ) -> Sequence[tuple[int, str, Mapping[str, str]]]:
        """(id, address, values) of the first active contacts that a filter holds for."""
        actor.require(Permission.CONTACT_VIEW, account)
        programs = [(1, await self._groups(account, document))]
        found: list[tuple[int, str, Mapping[str, str]]] = []
        after, is_over = 0, False
        while not is_over and len(found) < count:
            rows, after, is_over = await self._hits(account, programs, after, SPAN)
            found += [(row[0], row[1], json.loads(row[3])) for row in rows]
        return found[:count]

    # -- for audiences: whoever calls acts for the account itself -------------------------------

    async def owned(self, account: int, segment: int) -> bool:
        """Whether the account has that segment. Raises `StoreError`."""
        rows = await self._store.read("contact_segment_by_id", segment=segment)
        return bool(rows) and rows[0][1] == account

    async def programs(
        self, account: int, include: Sequence[int], exclude: Sequence[int]
    ) -> Sequence[tuple[int, Groups]] | None:
        """What `members` takes for lists and segments; None when there are only lists."""
        found: list[tuple[int, Groups]] = []
        has_segments = False
        for role, numbers in ((1, include), (2, exclude)):
            for one in numbers:
                rows = await self._store.read("contact_segment_by_id", segment=one)
                if rows and rows[0][1] == account:
                    has_segments = True
                    groups = await self._groups(account, json.loads(rows[0][3]))
                else:
                    groups = list_program(one, is_any_status=role == 2)
                found.append((role, groups))
        return found if has_segments else None

    async def members(
        self, account: int, programs: Sequence[tuple[int, Groups]], after: int, count: int
    ) -> Hits:
        """The next of them behind `after`, up to `count`; none only at the end."""
        found = Hits([], after, False)
        while not found.is_over and not found.rows:
            found = await self._hits(account, programs, found.place, count)
        return found

    async def _hits(
        self, account: int, programs: Sequence[tuple[int, Groups]], after: int, span: int
    ) -> Hits:
        rows = await self._store.read(
            "contact_segment_hits",
            account=account,
            literals=rows_of(programs),
            after=after,
            span=span,
        )
        if not rows:
            return Hits([], after, True)
        return Hits([row[:4] for row in rows if row[4]], rows[-1][0], False)

    async def _count(self, account: int, document: Mapping[str, Any]) -> int:
        programs = [(1, await self._groups(account, document))]
        total, after, is_over = 0, 0, False
        while not is_over:
            rows, after, is_over = await self._hits(account, programs, after, SPAN)
            total += len(rows)
        return total

    async def _groups(self, account: int, document: Mapping[str, Any]) -> Groups:
        """The filter, checked. Raises `PermanentError` also for lists of somebody else."""
        groups = compile_filter(document, Moment(self._clock.now_ms(), self._zone))
        for number in lists_in(document):
            rows = await self._store.read("list_by_id", list=number)
            if not rows or rows[0][1] != account:
                raise PermanentError(f"filter: there is no list {number}")
        return groups


def _stored(document: Mapping[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def _named(name: str) -> str:
    cleaned = " ".join(name.split())
    if not cleaned or len(cleaned) > MAX_NAME or not cleaned.isprintable():
        raise PermanentError(f"name: expected 1 to {MAX_NAME} characters that can be read")
    return cleaned
