"""A whole account as a file, and erased: by two persons, after a time, with a certificate (clause T-t)."""

import asyncio
import hashlib
import sqlite3
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import ClientSession

from console.accounts.actor import Actor, ActorKind, NotPermitted, NotVisible
from console.accounts.incidents.values import Category
from console.accounts.permissions import PERMISSIONS
from console.accounts.values import Limits, Role, Scope
from console.app.keeping import verify_store
from console.privacy.closing.values import ErasureState, ExportState
from console.reports.exports.desk import Order
from mta.model.errors import PermanentError
from mta.store.work import Rows
from tests.accounts_world import OPERATOR
from tests.integration.test_account_export import _mail
from tests.matrix.things import MAKERS
from tests.whole_server import Whole, open_whole

SETTINGS = {"RELEVO_RETENTION__ERASURE_WAIT": "0s"}
SECOND = "luis.segundo@example.org"


@dataclass
class Ground:
    """A server with a sub-account full of things, and three actors."""

    whole: Whole
    sub: int
    folder: Path

    def owner(self, number: int, account: int | None = None) -> Actor:
        where = self.sub if account is None else account
        return Actor(
            ActorKind.USER, number, f"p{number}@example.org", {where: PERMISSIONS[Role.OWNER]}
        )

    @property
    def closing(self):
        return self.whole.services.closing

    async def confirmed(self, actor: Actor) -> int:
        asked = await self.closing.erasures.ask(
            actor, self.sub, "Prensa secreta", "contrato vencido"
        )
        (waiting,) = await self.whole.services.approvals.list(OPERATOR, pending_only=True)
        await self.whole.services.approvals.approve(self.owner(8), waiting.id)
        return asked.number

    async def ended(self, number: int):
        for _ in range(500):
            await self.whole.services.close_accounts()
            found = await self.closing.erasures.get(OPERATOR, number)
            if found.state is ErasureState.DONE:
                return found
            await asyncio.sleep(0.02)
        raise AssertionError(found)


@asynccontextmanager
async def ground(folder: Path, settings=SETTINGS, *, empty=False) -> AsyncIterator[Ground]:
    async with open_whole(folder, settings=settings) as whole:
        services = whole.services
        sub = (await services.accounts.add(OPERATOR, "Prensa secreta", parent=whole.account)).id
        await services.accounts.users.add(OPERATOR, SECOND, Role.OWNER, sub, "correcto caballo")
        if empty:
            yield Ground(whole, sub, folder)
            return
        for number, (name, make) in enumerate(MAKERS.items()):
            if "erasure" not in name and name != "account_export":
                await make(services, sub, number)
        lists = services.contacts.contacts
        members = await lists.add_list(OPERATOR, sub, "Vecinos")
        person = await lists.put(OPERATOR, sub, "gone-person@example.net", {"first_name": "Eva"})
        row = (members.id, person.id, "confirmed", 1)
        await services.foundation.store.submit([Rows("list_member_put", [row])])
        await services.areas.suppressions.service.add(OPERATOR, sub, ["gone-person@example.com"])
        await services.areas.incidents.open(OPERATOR, sub, Category.OTHER, "x", "x", "gone-person")
        await _mail(whole, sub)
        await _mail(whole, whole.account)
        yield Ground(whole, sub, folder)


async def test_T_t_a_whole_account_is_exported_beside_the_mail_and_downloaded(tmp_path):
    async with ground(tmp_path / "s") as g:
        exports = g.closing.exports
        made = await exports.ask(g.owner(7), g.sub)
        for _ in range(1000):
            made = await exports.get(g.owner(7), made.id)
            if made.state not in (ExportState.WAITING, ExportState.RUNNING):
                break
            await asyncio.sleep(0.02)
        assert (made.state, made.problem) == (ExportState.DONE, "")
        path = await exports.file(g.owner(7), made.id)
        assert hashlib.sha256(path.read_bytes()).hexdigest() == made.sha256
        with zipfile.ZipFile(path) as archive:
            assert {"manifest.json", "template.jsonl", "contact.csv", "ledger.jsonl"} <= set(
                archive.namelist()
            )
            assert b"gone-person@example.net" in archive.read("contact.csv")
        with pytest.raises(NotVisible):
            await exports.file(g.owner(9, account=5), made.id)
        await _erased_persons_leave_copies(g, path)
        with pytest.raises(PermanentError):
            await exports.file(g.owner(7), made.id)
        exports.kept_s = -1.0
        await exports.tidy()


async def _erased_persons_leave_copies(g: Ground, archive: Path) -> None:
    """What was exported before is removed, and another account's is not."""
    desk = g.whole.services.areas.reports.exports

    async def rows(address: str):
        yield [(address,)]

    made = []
    for account in (g.sub, g.whole.account):
        order = Order("x", "x", "csv", ("address",))
        made.append(await desk.begin(OPERATOR, account, order, rows("gone-person@example.net")))
    await desk.settle()
    own, other = [await desk.file(OPERATOR, one.id) for one in made]
    assert b"gone-person" in own.read_bytes()
    persons = g.whole.services.areas.privacy.persons
    await persons.erase(g.owner(7), "gone-person@example.net", "asked for it", g.sub)
    assert not archive.exists()
    assert not own.exists()
    with pytest.raises(NotVisible):
        await desk.get(OPERATOR, made[0].id)
    assert other.exists()


async def test_T_t_an_export_that_is_being_made_while_a_person_is_erased_begins_anew(tmp_path):
    async with ground(tmp_path / "s", empty=True) as g:
        exports, begun = g.closing.exports, []
        await exports.close()

        async def write(account: int, path: Path, _) -> dict[str, object]:
            begun.append(account)
            if len(begun) == 1:
                await exports.drop(frozenset((g.sub,)))
            assert not path.exists()
            path.write_bytes(b"%d" % len(begun))
            return {"rows": 1, "bytes": 1, "sha256": str(len(begun))}

        made = await exports.ask(OPERATOR, g.whole.account)
        await exports._make(write, made.id, g.whole.account)
        assert begun == [g.whole.account] * 2
        assert (await exports.get(OPERATOR, made.id)).sha256 == "2"


async def test_T_t_an_erased_account_is_nowhere_on_the_disk_and_verify_finds_it_sound(tmp_path):
    folder = tmp_path / "s"
    async with ground(folder) as g:
        loaded = g.whole.services.foundation.loaded
        keys = loaded.settings.server.dkim_dir
        domains = g.whole.services.areas.domains.service
        await domains.add(OPERATOR, "prensa.example.net", g.sub)
        await domains.add(OPERATOR, "casa.example.net", g.whole.account)
        assert list((keys / "prensa.example.net").iterdir())
        done = await g.ended(await g.confirmed(g.owner(7)))
        assert not (keys / "prensa.example.net").exists()
        assert list((keys / "casa.example.net").iterdir())
        assert (done.counts["contacts"], done.counts["deliveries"]) == (2, 10)
        assert done.sha256 == done.digest(done.ended_ms)
        assert (done.asked_by, done.confirmed_by) == ("p7@example.org", "p8@example.org")
        account = await g.whole.services.accounts.get(OPERATOR, str(g.sub))
        assert account.state == "closed"
    report = await asyncio.to_thread(verify_store, loaded, lambda *_: None)
    assert (report["sound"], report["findings"]) == (True, [])
    left = b"".join(p.read_bytes() for p in sorted((folder / "queue").rglob("*")) if p.is_file())
    for trace in (b"gone-person@example.net", b'"Eva"'):
        assert trace not in left, trace
    with sqlite3.connect(folder / "queue" / "relevo.db") as database:
        tables = [
            r[0] for r in database.execute("SELECT name FROM sqlite_master WHERE type='table'")
        ]
        for table in tables:
            if table in ("audit_entry", "account_erasure", "approval", "account"):
                continue
            for row in database.execute(f'SELECT * FROM "{table}"'):
                text = repr(row).encode()
                assert b"gone-person" not in text, (table, row)
                is_mail = table in ("delivery", "event")  # of the system: as long as all mail
                assert is_mail or SECOND.encode() not in text, (table, row)
        kept = database.execute(
            "SELECT count(*) FROM delivery AS d JOIN message AS m ON m.id = d.message "
            "WHERE m.account = ? AND d.domain = 'erased.invalid' AND m.length = 0",
            (g.sub,),
        ).fetchone()
        others = database.execute(
            "SELECT count(*) FROM delivery AS d JOIN message AS m ON m.id = d.message "
            "WHERE m.account <> 0 AND d.domain = 'example.org'"
        ).fetchone()
    assert (kept, others) == ((10,), (10,))


async def test_T_t_an_account_is_erased_by_two_persons_only(tmp_path):
    async with ground(tmp_path / "s", empty=True) as g:
        await g.closing.erasures.ask(g.owner(7), g.sub, "Prensa secreta", "porque sí")
        (waiting,) = await g.whole.services.approvals.list(OPERATOR, pending_only=True)
        with pytest.raises(NotPermitted):
            await g.whole.services.approvals.approve(g.owner(7), waiting.id)
        await g.whole.services.close_accounts()
        (asked,) = await g.closing.erasures.all(OPERATOR)
        assert asked.state is ErasureState.ASKED
        with pytest.raises(PermanentError):
            await g.closing.erasures.ask(g.owner(8), g.sub, "Prensa secreta", "otra vez")
        await g.whole.services.approvals.reject(g.owner(8), waiting.id, "todavía no")
        (asked,) = await g.closing.erasures.all(OPERATOR)
        assert asked.state is ErasureState.REJECTED
        again = await g.closing.erasures.ask(g.owner(7), g.sub, "Prensa secreta", "ahora sí")
        assert again.number == 2


async def test_T_t_an_erasure_can_be_taken_back_until_its_time_comes(tmp_path):
    async with ground(tmp_path / "s", {"RELEVO_RETENTION__ERASURE_WAIT": "7d"}, empty=True) as g:
        number = await g.confirmed(g.owner(7))
        waiting = await g.closing.erasures.get(OPERATOR, number)
        assert waiting.due_ms - waiting.confirmed_ms == 7 * 24 * 3_600_000
        await g.whole.services.close_accounts()
        assert (await g.closing.erasures.get(OPERATOR, number)).state is ErasureState.WAITING
        undone = await g.closing.erasures.undo(g.owner(8), number)
        assert (undone.state, undone.ended_by) == (ErasureState.UNDONE, "p8@example.org")
        with pytest.raises(PermanentError):
            await g.closing.erasures.undo(g.owner(8), number)


async def test_T_t_the_operator_is_one_of_the_two_persons_by_command(tmp_path):
    async with ground(tmp_path / "s", {"RELEVO_RETENTION__ERASURE_WAIT": "7d"}, empty=True) as g:
        run = g.whole.services.run
        made = await run("account.erasure.ask", {"account": str(g.sub), "why": "fin"})
        assert made["state"] == "asked"
        with pytest.raises(NotPermitted):  # who asked does not confirm
            await run("account.erasure.confirm", {"number": made["number"]})
        (waiting,) = await g.whole.services.approvals.list(OPERATOR, pending_only=True)
        await g.whole.services.approvals.reject(g.owner(8), waiting.id, "no")
        await g.closing.erasures.ask(g.owner(7), g.sub, "Prensa secreta", "fin")
        confirmed = await run("account.erasure.confirm", {"number": 2})
        assert (confirmed["state"], confirmed["confirmed_by"]) == ("waiting", "command line")
        assert (await run("account.erasure.undo", {"number": 2}))["state"] == "undone"
        assert [one["number"] for one in await run("account.erasure.list", {})] == [2, 1]
        assert (await run("account.erasure.show", {"number": 2}))["name"] == "Prensa secreta"


async def test_T_t_a_key_has_the_whole_account_exported_and_downloads_it(tmp_path):
    async with ground(tmp_path / "s", empty=True) as g:
        keys = g.whole.services.accounts.credentials
        limits = Limits(frozenset((Scope.PRIVACY_MANAGE,)))
        secret = (await keys.add(OPERATOR, g.sub, "Archivo", limits)).secret
        other = (
            await keys.add(OPERATOR, g.whole.account, "Otra", Limits(frozenset((Scope.EXPORT,))))
        ).secret
        path = f"{g.whole.url}api/v1/exports"
        headers = {"Authorization": f"Bearer {secret}"}
        async with ClientSession(headers=headers) as client:
            async with client.post(path, json={}) as response:
                made = await response.json()
                assert response.status == 202, made
            while made["state"] in ("waiting", "running"):
                await asyncio.sleep(0.02)
                async with client.get(f"{path}/{made['id']}") as response:
                    made = await response.json()
            assert (made["state"], made["account"]) == ("done", str(g.sub))
            async with client.get(f"{path}/{made['id']}/file") as response:
                content = await response.read()
                assert response.content_type == "application/zip"
        assert hashlib.sha256(content).hexdigest() == made["sha256"]
        assert len(content) == made["size"]
        async with ClientSession(headers={"Authorization": f"Bearer {other}"}) as client:
            async with client.get(path) as response:
                assert response.status == 403
