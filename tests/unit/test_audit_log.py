"""The audit trail is read by who may: pages, filters, CSV without formulas."""

import csv
import io

import pytest

from console.accounts.actor import Actor, ActorKind, NotPermitted, NotVisible
from console.accounts.audit.log import AuditFilter, AuditPage
from console.accounts.csv_text import csv_text, unguarded
from console.accounts.permissions import PERMISSIONS
from console.accounts.values import Role
from tests.accounts_world import OPERATOR, World, open_world

ONE, TWO = 1, 2


def _person(role: Role, *accounts: int) -> Actor:
    grants = dict.fromkeys(accounts, PERMISSIONS[role])
    return Actor(ActorKind.USER, 7, "ana@example.org", grants, "192.0.2.1", "Firefox")


@pytest.fixture
async def world(tmp_path):
    async with open_world(tmp_path) as world:
        yield world


async def _fill(world: World, count: int = 5) -> None:
    for number in range(count):
        world.clock.advance(60)
        for account in (ONE, TWO):
            action = "thing.made" if number % 2 else "other.made"
            await world.trail.note(_person(Role.OWNER, account), action, account, f"n{number}")
    await world.trail.note(OPERATOR, "server.started", 0, "server")


def _objects(page: AuditPage) -> list[str]:
    return [entry.object for entry in page.entries]


async def test_T_t_an_auditor_sees_the_trail_of_his_accounts_and_no_more(world):
    await _fill(world)
    page = await world.audit_log.page(_person(Role.AUDITOR, ONE))
    assert {entry.account for entry in page.entries} == {ONE}
    assert _objects(page) == ["n4", "n3", "n2", "n1", "n0"]
    assert (page.entries[0].address, page.entries[0].agent) == ("192.0.2.1", "Firefox")
    everything = await world.audit_log.page(OPERATOR)
    assert {entry.account for entry in everything.entries} == {0, ONE, TWO}
    assert (await world.audit_log.page(_person(Role.SENDER, ONE))).entries == ()
    with pytest.raises(NotPermitted):
        await world.audit_log.page(_person(Role.SENDER, ONE), AuditFilter(account=ONE))
    with pytest.raises(NotVisible):
        await world.audit_log.page(_person(Role.AUDITOR, ONE), AuditFilter(account=TWO))


async def test_pages_join_without_gap_or_repetition(world):
    await _fill(world)
    seen, cursor = [], None
    while True:
        page = await world.audit_log.page(OPERATOR, cursor=cursor, count=3)
        seen += [entry.id for entry in page.entries]
        await world.trail.note(OPERATOR, "late.made", 0, "late")  # new ones do not disturb
        cursor = page.cursor
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 11
    assert seen == sorted(seen, reverse=True)


@pytest.mark.parametrize(
    ("wanted", "objects"),
    [
        (AuditFilter(action="thing.made", account=ONE), ["n3", "n1"]),
        (AuditFilter(action="thing", account=ONE), ["n3", "n1"]),
        (AuditFilter(action="thin", account=ONE), []),
        (AuditFilter(object="n2"), ["n2", "n2"]),
        (AuditFilter(actor="command line"), ["server"]),
        (AuditFilter(since_ms=1_800_000_000_000 + 4 * 60_000, account=ONE), ["n4", "n3"]),
        (AuditFilter(until_ms=1_800_000_000_000 + 2 * 60_000, account=ONE), ["n0"]),
    ],
)
async def test_filters_narrow_the_list(world, wanted, objects):
    await _fill(world)
    assert _objects(await world.audit_log.page(OPERATOR, wanted)) == objects


async def test_an_export_is_the_whole_list_and_is_noted(world):
    await _fill(world, 600)
    text = "".join([piece async for piece in world.audit_log.export(OPERATOR)])
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 1201
    assert rows[0]["action"] == "server.started"
    (first,) = (await world.audit_log.page(OPERATOR, count=1)).entries
    assert first.action == "audit.exported"
    with pytest.raises(NotPermitted):
        await world.audit_log.export_page(_person(Role.SENDER, ONE), AuditFilter(account=ONE))


@pytest.mark.parametrize(
    "cell",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        " =1",
        "＝1",
        "－1",
        "=cmd|' /C calc'!A0",
    ],
)
def test_T_t_no_cell_of_an_export_is_a_formula(cell):
    ((written,),) = csv.reader(io.StringIO(csv_text([[cell]]), newline=""))
    assert written == f"'{cell}"


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("a;=1+1", "a;'=1+1"),
        ("a; =cmd|' /C calc'!A0;b", "a; '=cmd|' /C calc'!A0;b"),
        ('a;"=1', "a;\"'=1"),
        ("a\t+1", "a\t'+1"),
        ("a\n-1", "a\n'-1"),
        (";;@x", ";;'@x"),
        ("a;b=c", "a;b=c"),
        ("=a;=b", "'=a;'=b"),
    ],
)
def test_no_cell_is_a_formula_where_lines_are_divided_at_semicolons(cell, written):
    ((found,),) = csv.reader(io.StringIO(csv_text([[cell]]), newline=""))
    assert found == written


def test_a_long_run_of_separators_is_read_once():
    assert csv_text([[";" * 1_000_000]])


@pytest.mark.parametrize(
    "cell", ["+51 999 111 222", "=1", " -x", "\t=1", "a", "", "'", "'x", "'tis"]
)
def test_what_was_written_is_read_as_it_was(cell):
    ((found,),) = csv.reader(io.StringIO(csv_text([[cell]]), newline="")) if cell else ([""],)
    assert unguarded(found) == cell


def test_other_cells_are_as_they_were():
    cells = ["ana@example.org", "a=b", "", "a,b", 'a"b', " ", "'x", "2026-11-22T10:00:00Z"]
    (written,) = csv.reader(io.StringIO(csv_text([cells])))
    assert written == cells
    assert csv_text([[-5, None, 1.5]]) == "-5,,1.5\r\n"
