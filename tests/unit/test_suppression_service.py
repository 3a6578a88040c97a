"""People look at suppression lists and change them, as far as they may, and it is written down."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import pytest

from console.accounts.actor import Actor, ActorKind, NotPermitted, NotVisible
from console.accounts.audit import AuditTrail
from console.accounts.audit.chain import ChainKey
from console.accounts.permissions import PERMISSIONS
from console.accounts.values import Role
from console.reasons import said
from console.suppressions.files import FileRow, decoded, read_rows
from console.suppressions.service import SuppressionService
from mta.model.clock import ManualClock
from mta.model.errors import PermanentError
from mta.model.ids import IdGenerator
from mta.store.sqlite import SqliteStore
from mta.store.statements import StatementPackage
from mta.store.work import Rows
from mta.suppression.lists import SuppressionLists
from mta.suppression.values import EVERYWHERE, NewEntry, Reason, Scope

OPERATOR = Actor.command()
ACCOUNT, OTHER = 7, 8


def person(role: Role, account: int = ACCOUNT) -> Actor:
    return Actor(ActorKind.USER, 3, "ana", {account: PERMISSIONS[role]})


@dataclass
class Stand:
    store: SqliteStore
    clock: ManualClock
    lists: SuppressionLists
    service: SuppressionService

    def stops(self, address: str, klass: int = 3, account: int = ACCOUNT) -> str:
        return self.lists.reason_of(account, address, klass)

    async def audited(self) -> list[tuple]:
        rows = await self.store.read("audit_unsealed", count=1000)
        return list(rows)

    async def addresses(self, **options) -> list[str]:
        return [e.address for e in await self.service.entries(OPERATOR, **options)]


@asynccontextmanager
async def opened(folder) -> AsyncIterator[Stand]:
    clock = ManualClock()
    packages = ("mta.spool", "mta.suppression", "console.accounts.audit", "console.privacy")
    store = await SqliteStore.open(folder, [StatementPackage.of(name) for name in packages])
    lists = SuppressionLists(store, clock, bytes(32))
    await lists.load()
    trail = AuditTrail(store, IdGenerator(), clock, ChainKey(bytes(32)))
    zone = ZoneInfo("America/Lima")
    try:
        yield Stand(store, clock, lists, SuppressionService(store, clock, lists, trail, zone))
    finally:
        await store.close()


@pytest.fixture
async def stand(tmp_path):
    async with opened(tmp_path) as made:
        yield made


async def test_an_added_address_gets_no_mail_also_after_a_restart(tmp_path):
    async with opened(tmp_path) as stand:
        (entry,) = await stand.service.add(OPERATOR, ACCOUNT, [" Ana@Example.org "], note="asked")
        assert (entry.address, entry.reason, entry.scope) == ("Ana@example.org", "manual", "all")
        assert stand.stops("ana@example.org", 0) == "manual"
    async with opened(tmp_path) as stand:
        assert stand.stops("ANA@example.org", 0) == "manual"
        assert not stand.stops("ana@example.org", account=OTHER)


async def test_a_removed_address_gets_mail_again_and_undo_takes_it_back(stand):
    await stand.service.add(OPERATOR, ACCOUNT, ["a@x.org"], scope=Scope.COMMERCIAL, note="n")
    removed = await stand.service.remove(OPERATOR, ACCOUNT, "A@x.org", "wrote to us")
    assert not stand.stops("a@x.org")
    assert await stand.addresses() == []
    await stand.service.put_back(OPERATOR, ACCOUNT, removed)
    assert stand.stops("a@x.org") == "manual"
    assert not stand.stops("a@x.org", 1)


async def test_removing_one_reason_leaves_the_others(stand):
    for reason in (Reason.COMPLAINT, Reason.UNSUBSCRIBE):
        await stand.service.add(OPERATOR, ACCOUNT, ["a@x.org"], reason=reason)
    await stand.service.remove(OPERATOR, ACCOUNT, "a@x.org", "mistake", reason=Reason.COMPLAINT)
    assert stand.stops("a@x.org", 3) == "unsubscribe"
    assert not stand.stops("a@x.org", 0)


async def test_a_removal_needs_an_entry_and_a_reason(stand):
    await stand.service.add(OPERATOR, ACCOUNT, ["a@x.org"])
    with pytest.raises(PermanentError, match="say why"):
        await stand.service.remove(OPERATOR, ACCOUNT, "a@x.org", " ")
    with pytest.raises(PermanentError, match="not suppressed"):
        await stand.service.remove(OPERATOR, OTHER, "a@x.org", "why")
    assert stand.stops("a@x.org")


async def test_one_wrong_address_and_nothing_is_added(stand):
    with pytest.raises(PermanentError):
        await stand.service.add(OPERATOR, ACCOUNT, ["a@x.org", "nobody"])
    assert await stand.addresses() == []


async def test_T_c_a_viewer_sees_and_does_not_change_and_others_see_nothing(stand):
    await stand.service.add(person(Role.SENDER), ACCOUNT, ["a@x.org"])
    viewer = person(Role.VIEWER)
    assert len(await stand.service.entries(viewer, ACCOUNT)) == 1
    for attempt in (
        stand.service.add(viewer, ACCOUNT, ["b@x.org"]),
        stand.service.remove(viewer, ACCOUNT, "a@x.org", "why"),
        stand.service.import_rows(viewer, ACCOUNT, [FileRow(1, "b@x.org")]),
        stand.service.decide_held(viewer, ACCOUNT, suppress=True),
        anext(stand.service.export(viewer, ACCOUNT)),
        stand.service.add(person(Role.OWNER), EVERYWHERE, ["b@x.org"]),
    ):
        with pytest.raises(NotPermitted):
            await attempt
    stranger = person(Role.OWNER, OTHER)
    for attempt in (
        stand.service.entries(stranger, ACCOUNT),
        stand.service.remove(stranger, ACCOUNT, "a@x.org", "why"),
        stand.service.counts(stranger, ACCOUNT),
    ):
        with pytest.raises(NotVisible):
            await attempt
    assert await stand.service.entries(stranger) == []
    assert await stand.service.entries(Actor(ActorKind.USER, 4, "no", {})) == []
    assert await stand.addresses() == ["a@x.org"]


async def test_T_t_the_audit_trail_tells_who_and_why_but_not_the_address(stand):
    await stand.service.add(person(Role.SENDER), ACCOUNT, ["ana.perez@x.org"], note="asked")
    await stand.service.remove(OPERATOR, ACCOUNT, "ana.perez@x.org", "he came back")
    added, removed = await stand.audited()
    assert "suppression.added" in added
    assert "ana" in added
    assert "suppression.removed" in removed
    assert any("he came back" in str(value) for value in removed)
    assert not any("ana.perez" in str(value) for row in (added, removed) for value in row)
    assert [v for v in added if str(v).startswith("person:")] == [
        v for v in removed if str(v).startswith("person:")
    ]


async def test_pages_and_searches_lead_to_every_entry_once(stand):
    names = [f"u{n:02d}@x.org" for n in range(25)]
    await stand.service.add(OPERATOR, ACCOUNT, names)
    await stand.service.add(OPERATOR, OTHER, ["u03@y.org"], reason=Reason.COMPLAINT)
    seen, before = [], 0
    while page := await stand.service.entries(OPERATOR, ACCOUNT, before=before, limit=10):
        seen += [e.address for e in page]
        before = page[-1].id
    assert seen == names[::-1]
    assert await stand.addresses(search="U03") == ["u03@y.org", "u03@x.org"]
    assert await stand.addresses(search="u03@x") == ["u03@x.org"]
    assert await stand.addresses(search="%") == []
    assert await stand.addresses(reason=Reason.COMPLAINT) == ["u03@y.org"]
    assert await stand.service.counts(OPERATOR) == {Reason.MANUAL: 25, Reason.COMPLAINT: 1}


async def test_a_file_is_taken_line_by_line_and_wrong_lines_are_told(stand):
    text = "correo;alcance;nota;vence\nana@x.org;commercial;pidió;\nnobody;;;\nb@x.org;some;;\n"
    text += "c@x.org;all;;2001-01-01\n'+d@x.org;;'=1+1;2099-12-31\n"
    rows = list(read_rows(text.splitlines(keepends=True)))
    done = await stand.service.import_rows(OPERATOR, ACCOUNT, rows, name="bajas.csv")
    assert done.added == 2
    assert [(e.line, e.text) for e in done.errors] == [
        (3, "nobody"), (4, "b@x.org"), (5, "c@x.org"),
    ]  # fmt: skip
    assert stand.stops("ana@x.org") == "import"
    assert not stand.stops("ana@x.org", 1)
    by_address = {e.address: e for e in await stand.service.entries(OPERATOR)}
    assert by_address["+d@x.org"].note == "=1+1"
    assert by_address["+d@x.org"].expires_ms == 4102376400000  # midnight in Lima


@pytest.mark.parametrize(("scope", "day"), [
    ("campañas", "31/12/2099"), ("Comercial", "31-12-2099"), ("COMMERCIAL", "2099-12-31"), ("Campaigns", "31.12.2099"),
])  # fmt: skip
async def test_scopes_and_days_of_a_file_are_written_as_people_write_them(stand, scope, day):
    rows = list(read_rows(["correo;alcance;vence\n", f"a@x.org;{scope};{day}\n"]))
    assert (await stand.service.import_rows(OPERATOR, ACCOUNT, rows)).errors == []
    (entry,) = await stand.service.entries(OPERATOR)
    assert (entry.scope, entry.expires_ms) == (Scope.COMMERCIAL, 4102376400000)


async def test_a_wrong_day_or_scope_of_a_file_is_told_in_spanish(stand):
    lines = ["correo;alcance;vence\n", "a@x.org;;31/31/2099\n", "a@x.org;algo;\n"]
    done = await stand.service.import_rows(OPERATOR, ACCOUNT, list(read_rows(lines)))
    assert [said(e.why, "es", "") for e in done.errors] == [
        "fecha '31/31/2099': se espera 31/01/2027 o 2027-01-31", "alcance 'algo': se espera «todo» o «campañas»",
    ]  # fmt: skip


async def test_an_export_can_be_imported_and_holds_no_formula(stand):
    await stand.service.add(OPERATOR, ACCOUNT, ["=cmd|x@x.org", "a@x.org"], note="@SUM(1,2)")
    text = "".join([part async for part in stand.service.export(OPERATOR, ACCOUNT)])
    lines = text.splitlines()
    assert lines[0] == "address,reason,scope,note,created,expires"
    assert lines[2].startswith("'=cmd|x@x.org,manual,all,\"'@SUM(1,2)\",")
    rows = list(read_rows(text.splitlines(keepends=True)))
    assert [row.address for row in rows] == ["a@x.org", "=cmd|x@x.org"]
    assert rows[0].note == "@SUM(1,2)"


def test_files_of_windows_and_excel_are_read():
    assert decoded("á@x.org\n".encode("utf-8-sig")) == "á@x.org\n"
    assert decoded("niño\n".encode("cp1252")) == "niño\n"
    (row,) = read_rows(["Nombre\tE-Mail\n", "Ana\ta@x.org\n"])
    assert row.address == "a@x.org"


async def test_what_is_held_is_suppressed_or_forgotten_as_decided(stand):
    for n, account in enumerate((ACCOUNT, OTHER)):
        row = (account, stand.lists.digest.of(f"u{n}@x.org"), f"u{n}@x.org", 5, 1, 2, "550 no", 9)
        await stand.store.submit([Rows("suppression_held_put", [row])])
    with pytest.raises(NotPermitted):
        await stand.service.decide_held(person(Role.VIEWER), None, suppress=True)
    assert await stand.service.decide_held(OPERATOR, ACCOUNT, suppress=True) == 1
    assert await stand.service.decide_held(OPERATOR, None, suppress=False) == 1
    assert stand.stops("u0@x.org") == "hard-bounce"
    assert await stand.addresses() == ["u0@x.org"]
    assert await stand.service.held(OPERATOR) == []


async def test_an_erased_address_stays_suppressed_whoever_adds_it_again(stand):
    await stand.service.add(OPERATOR, ACCOUNT, ["ana@x.org"], note="Ana Pérez")
    digest = stand.lists.digest.of("ana@x.org")
    await stand.store.submit([Rows("privacy_forget_suppression", [(ACCOUNT, digest)])])
    (entry,) = await stand.service.entries(OPERATOR)
    assert (entry.address, entry.note) == ("", "")
    assert stand.stops("Ana@x.org") == "manual"
    lists = SuppressionLists(stand.store, stand.clock, bytes(32))
    await lists.load()
    assert lists.reason_of(ACCOUNT, "ana@x.org", 0) == "manual"
    stand.lists.added([NewEntry(ACCOUNT, "ana@x.org", Reason.MANUAL, Scope.ALL, "x")])
