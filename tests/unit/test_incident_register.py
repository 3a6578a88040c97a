"""The register of incidents: deadlines to the hour, warnings once, entries that nobody can change."""

import sqlite3
from dataclasses import replace

import pytest

from console.accounts.actor import Actor, ActorKind, NotPermitted, NotVisible
from console.accounts.incidents.entries import (
    ClockState,
    Judgement,
    Kind,
    Severity,
    Whom,
)
from console.accounts.incidents.register import IncidentRegister, RegisterFilter
from console.accounts.incidents.service import IncidentService
from console.accounts.incidents.values import Category, IncidentState
from console.accounts.incidents.watch import DeadlineWatch
from console.accounts.permissions import PERMISSIONS
from console.accounts.values import Role
from mta.model.errors import PermanentError
from mta.model.ids import IdGenerator
from mta.store.work import Rows
from tests.accounts_world import OPERATOR, open_world

HOUR_MS = 3_600_000


class Ground:
    """Incidents, their register and its watch, over one store."""

    def __init__(self, world) -> None:
        self.world = world
        ids = IdGenerator()
        self.incidents = IncidentService(world.store, ids, world.clock, world.trail)
        self.register = IncidentRegister(
            world.store, ids, world.clock, world.trail, notice_s=48 * 3600.0
        )
        self.warned: list[tuple[int, int]] = []
        self.watch = self.new_watch()
        self.account = 0

    def new_watch(self) -> DeadlineWatch:
        watch = DeadlineWatch(
            self.world.store, self.world.clock, self.register, (24 * 3600.0, 6 * 3600.0)
        )

        async def warn(one, deadline_ms):
            left = deadline_ms - self.world.clock.now_ms()
            self.warned.append((one.incident.number, round(left / HOUR_MS)))

        watch.on_due = warn
        return watch

    async def opened(self, category: Category = Category.SECURITY) -> int:
        made = await self.incidents.open(OPERATOR, self.account, category, "Fuga", "Qué", "x")
        return made.number

    async def state(self, number: int) -> ClockState:
        return self.register.countdown(await self.register.get(OPERATOR, number)).state


@pytest.fixture
async def ground(tmp_path):
    async with open_world(tmp_path) as world:
        made = Ground(world)
        made.account = (await world.accounts.add(OPERATOR, "Ministerio")).id
        yield made


def person(ground: Ground, role: Role, number: int = 7) -> Actor:
    return Actor(
        ActorKind.USER, number, f"p{number}@example.org", {ground.account: PERMISSIONS[role]}
    )


def judged(known_ms: int) -> Judgement:
    return Judgement(
        Kind.SECURITY, Severity.HIGH, 0, known_ms, True, "Se filtró una lista.",
        "Nombres y correos", 120, "Se revocó la clave.",
    )  # fmt: skip


async def test_T_t_a_security_report_starts_the_48_hours_when_it_comes_in(ground):
    number = await ground.opened()
    one = await ground.register.get(OPERATOR, number)
    clock = ground.register.countdown(one)
    assert (one.is_judged, one.judgement.kind, clock.state) == (
        False, Kind.SECURITY, ClockState.RUNNING,
    )  # fmt: skip
    assert clock.deadline_ms - one.incident.created_ms == clock.left_ms == 48 * HOUR_MS
    ground.world.clock.advance(48 * 3600)
    assert await ground.state(number) is ClockState.OVERDUE
    other = await ground.opened(Category.DELIVERY)
    assert await ground.state(other) is ClockState.NONE


async def test_T_t_the_time_runs_from_when_it_became_known_and_ends_with_the_notice(ground):
    number = await ground.opened()
    ground.world.clock.advance(10 * 3600)
    now_ms = ground.world.clock.now_ms()
    await ground.register.judge(OPERATOR, number, judged(now_ms - 20 * HOUR_MS))
    clock = ground.register.countdown(await ground.register.get(OPERATOR, number))
    assert clock.left_ms == 28 * HOUR_MS
    told = (Whom.PEOPLE, "120 personas", "correo", now_ms, "")
    await ground.register.tell(OPERATOR, number, *told)
    assert await ground.state(number) is ClockState.RUNNING  # not who has to be told
    await ground.register.tell(OPERATOR, number, Whom.AUTHORITY, "ANPD", "formulario", now_ms, "")
    assert await ground.state(number) is ClockState.MET
    late = await ground.opened()
    ground.world.clock.advance(49 * 3600)
    now_ms = ground.world.clock.now_ms()
    await ground.register.tell(OPERATOR, late, Whom.AUTHORITY, "ANPD", "formulario", now_ms, "")
    assert await ground.state(late) is ClockState.LATE


async def test_T_t_who_decides_that_no_notice_is_needed_stops_the_clock(ground):
    number = await ground.opened()
    judgement = replace(judged(ground.world.clock.now_ms()), needs_notice=False)
    await ground.register.judge(OPERATOR, number, judgement)
    assert await ground.state(number) is ClockState.NONE
    ground.world.clock.advance(60 * 3600)
    await ground.watch.run()
    assert ground.warned == []


async def test_T_t_each_warning_goes_out_once_also_over_a_restart(ground):
    number = await ground.opened()
    for hours in (23, 2, 1, 15, 2, 6, 30):
        ground.world.clock.advance(hours * 3600)
        await ground.watch.run()
        ground.watch = ground.new_watch()
    assert ground.warned == [(number, 23), (number, 5), (number, -1)]


async def test_T_t_nobody_is_warned_once_the_authority_was_told(ground):
    number = await ground.opened()
    now_ms = ground.world.clock.now_ms()
    await ground.register.tell(OPERATOR, number, Whom.AUTHORITY, "ANPD", "formulario", now_ms, "")
    ground.world.clock.advance(100 * 3600)
    await ground.watch.run()
    assert ground.warned == []


async def test_T_t_what_was_written_is_neither_changed_nor_removed(ground):
    number = await ground.opened()
    now_ms = ground.world.clock.now_ms()
    await ground.register.judge(OPERATOR, number, judged(now_ms))
    await ground.register.judge(OPERATOR, number, replace(judged(now_ms), people=900))
    await ground.register.tell(OPERATOR, number, Whom.OTHER, "x", "correo", now_ms, "")
    await ground.incidents.add_note(OPERATOR, number, "Nota")
    found = await ground.register.judgements(OPERATOR, number)
    assert [j.people for j in found] == [120, 900]
    assert (await ground.register.get(OPERATOR, number)).judgement.people == 900
    with sqlite3.connect(ground.world.folder / "relevo.db") as database:
        for table in ("incident_note", "incident_judgement", "incident_notice"):
            for change in (f"UPDATE {table} SET author_name = 'x'", f"DELETE FROM {table}"):
                with pytest.raises(sqlite3.IntegrityError, match="never"):
                    database.execute(change)


async def test_T_t_every_entry_of_the_register_is_in_the_audit_trail(ground):
    number = await ground.opened()
    now_ms = ground.world.clock.now_ms()
    await ground.register.judge(OPERATOR, number, judged(now_ms))
    await ground.register.tell(OPERATOR, number, Whom.AUTHORITY, "ANPD", "x", now_ms, "")
    rows = await ground.world.store.read("audit_unsealed", count=50)
    assert [row[7] for row in rows if row[7].startswith("incident.")] == [
        "incident.opened", "incident.judged", "incident.told",
    ]  # fmt: skip


async def test_T_u_an_incident_and_its_refund_lead_to_each_other(ground):
    number = await ground.opened(Category.FAILED_SENDS)
    books = ground.world.bag.books
    for refund in (41, 42):
        row = (refund, ground.account, "{}", "all", 0, "servidor caído", 1, "ana")
        await books.store.submit([Rows("quota_refund_insert", [row])])
    await ground.register.link(OPERATOR, number, 42)
    await ground.register.link(OPERATOR, number, 42)  # again: no change
    linked = await ground.register.refunds(OPERATOR, number)
    assert [(r.id, r.reason) for r in linked] == [(42, "servidor caído")]
    causes = await ground.register.causes(person(ground, Role.VIEWER), 42)
    assert [(c.number, c.subject) for c in causes] == [(number, "Fuga")]
    assert await ground.register.causes(OPERATOR, 41) == []
    stranger = Actor(ActorKind.USER, 9, "s@example.org", {99: PERMISSIONS[Role.OWNER]})
    assert await ground.register.causes(stranger, 42) == []
    with pytest.raises(NotVisible):
        await ground.register.link(OPERATOR, number, 43)


async def test_T_t_an_auditor_reads_the_register_and_only_who_manages_writes(ground):
    number = await ground.opened()
    auditor, owner = person(ground, Role.AUDITOR), person(ground, Role.OWNER, 8)
    now_ms = ground.world.clock.now_ms()
    assert (await ground.register.get(auditor, number)).incident.number == number
    with pytest.raises(NotPermitted):
        await ground.register.judge(auditor, number, judged(now_ms))
    with pytest.raises(NotVisible):
        await ground.register.get(person(ground, Role.EDITOR), number)
    assert (await ground.register.judge(owner, number, judged(now_ms))).judgement.author == (
        "p8@example.org"
    )


async def test_T_t_the_register_is_filtered_and_paged(ground):
    numbers = [await ground.opened(c) for c in (Category.SECURITY, Category.OTHER) * 3]
    now_ms = ground.world.clock.now_ms()
    await ground.register.judge(
        OPERATOR, numbers[1], replace(judged(now_ms), severity=Severity.CRITICAL)
    )
    await ground.incidents.move(OPERATOR, numbers[0], IncidentState.CLOSED, "Ya.")

    async def found(**wanted) -> list[int]:
        page = await ground.register.page(OPERATOR, RegisterFilter(**wanted))
        return [one.incident.number for one in page]

    assert await found(kind="security") == [5, 3, 2, 1]
    assert await found(kind="request") == [6, 4]
    assert await found(severity="critical") == [2]
    assert await found(closed="closed") == [1]
    assert await found(since_ms=now_ms + 1) == []
    first = await ground.register.page(OPERATOR, count=4)
    rest = await ground.register.page(OPERATOR, before=first[-1].incident.number, count=4)
    assert [one.incident.number for one in (*first, *rest)] == [6, 5, 4, 3, 2, 1]
    pieces = [piece async for piece in ground.register.all(OPERATOR)]
    assert sum(map(len, pieces)) == 6


async def test_what_cannot_be_is_refused(ground):
    number = await ground.opened()
    now_ms = ground.world.clock.now_ms()
    good = judged(now_ms)
    for bad in (
        replace(good, known_ms=now_ms + 1), replace(good, known_ms=0),
        replace(good, began_ms=now_ms + 1), replace(good, people=-1), replace(good, happened=" "),
    ):  # fmt: skip
        with pytest.raises(PermanentError):
            await ground.register.judge(OPERATOR, number, bad)
    with pytest.raises(PermanentError):
        await ground.register.tell(OPERATOR, number, Whom.OTHER, "x", "y", now_ms + 1, "")
    assert await ground.register.judgements(OPERATOR, number) == []
