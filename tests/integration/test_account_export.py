"""Everything that is kept of an account as one archive, while the server runs (clause T-t)."""

import asyncio
import csv
import hashlib
import io
import json
import sqlite3
import stat
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from console.accounts.exporting import archive as archiving
from console.accounts.incidents.values import Category
from console.accounts.values import Role
from console.app import exporting
from console.app.exporting import NOT_EXPORTED, TABLES, write_export
from mta.model.errors import PermanentError
from mta.model.ids import IdGenerator
from mta.model.traffic import EventType, TrafficClass
from mta.spool.jobs import JobBuilder
from mta.spool.rows import ExpiryKind, MessageFlag, QueuedDelivery, QueuedMessage
from tests.accounts_world import OPERATOR
from tests.whole_server import DOMAIN, EMAIL, Whole, open_whole

OTHER = "otra-empresa@example.net"


@dataclass
class Stand:
    """A server that runs, an account with a sub-account, another customer, and their secrets."""

    whole: Whole
    sub: int
    other: int
    secret: str

    async def write(self, path: Path):
        loaded = self.whole.services.foundation.loaded
        return await asyncio.to_thread(
            write_export, loaded, self.whole.account, path, lambda *_: None
        )


@pytest.fixture
async def stand(tmp_path, monkeypatch):
    small = [replace(table, page=min(7, table.page)) for table in TABLES]
    monkeypatch.setattr(exporting, "TABLES", small)  # so that some rows take several pages
    async with open_whole(tmp_path / "server") as whole:
        services = whole.services
        accounts, areas = services.accounts, services.areas
        sub = (await accounts.add(OPERATOR, "=Prensa", parent=whole.account)).id
        other = (await accounts.add(OPERATOR, "Otra")).id
        await accounts.users.add(OPERATOR, OTHER, Role.OWNER, other, "otra palabra")
        key = await accounts.credentials.add(OPERATOR, whole.account, "ERP")
        for number in (whole.account, other):
            address = f"baja-{number}@example.com"
            await areas.suppressions.service.add(OPERATOR, number, [address])
            await areas.webhooks.service.add(OPERATOR, number, f"https://{number}.example.org/")
            await areas.incidents.open(OPERATOR, number, Category.OTHER, "x", "texto", "x")
            await _mail(whole, number)
        await _mail(whole, sub)
        yield Stand(whole, sub, other, key.secret)


async def _mail(whole: Whole, account: int, messages: int = 10) -> None:
    foundation = whole.services.foundation
    ids, store = IdGenerator(), foundation.store
    flow, now_ms = ids.new() + account % 1000, foundation.clock.now_ms()
    klass = int(TrafficClass.TRANSACTIONAL)
    made = JobBuilder()
    made.add("flow_insert", (flow, account, "app", "application", klass, now_ms))
    await store.submit(made.work(now_ms))
    for number in range(messages):
        content = store.reserve(b"Subject: x\r\n\r\nx\r\n" * 9, number % 2)
        message = QueuedMessage(
            ids.new(), account, "ana@sender.example", content.ref, MessageFlag.RELAY, "", "",
            f"<{number}@sender.example>",
        )  # fmt: skip
        job = JobBuilder()
        job.insert_message(message, flow, 1, "asunto", "192.0.2.7", '["aviso"]', "")
        address = f"u{number}-{account}@example.org"
        kind = int(ExpiryKind.TRANSACTIONAL)
        to = QueuedDelivery(ids.new(), message, 0, flow, klass, kind, 0, "example.org", address)
        job.insert_delivery(to, now_ms, now_ms + 10**9)
        job.event(
            EventType.ACCEPTED, now_ms, account=account, flow=flow, message=message.id, data="{}"
        )
        await store.submit(job.work(now_ms), (content,))


def read(path: Path) -> dict[str, list[dict]]:
    with zipfile.ZipFile(path) as archive:
        return {
            name.removesuffix(".jsonl"): [json.loads(line) for line in archive.open(name)]
            for name in archive.namelist()
            if name.endswith(".jsonl")
        }


async def test_T_t_everything_of_an_account_and_those_below_is_in_it_and_nothing_of_others(
    stand, tmp_path
):
    made = await stand.write(tmp_path / "a.zip")
    account, sub = str(stand.whole.account), str(stand.sub)
    assert made["accounts"] == [account, sub]
    found = read(tmp_path / "a.zip")
    assert [one["name"] for one in found["account"]] == ["Municipalidad", "=Prensa"]
    assert [one["email"] for one in found["person"]] == [EMAIL]
    assert [one["domain"] for one in found["sending_domain"]] == [DOMAIN]
    assert [one["name"] for one in found["contract"]] == ["Contrato 2026"]
    assert [one["kind"] for one in found["ledger"]] == ["grant"]
    assert [one["address"] for one in found["suppression"]] == [f"baja-{account}@example.com"]
    assert [one["account"] for one in found["incident"]] == [account]
    assert [one["account"] for one in found["webhook"]] == [account]
    assert {one["account"] for one in found["message"]} == {account, sub}
    assert len(found["message"]) == len(found["delivery"]) == len(found["event"]) == 20
    assert found["message"][0]["tags"] == ["aviso"]
    assert found["delivery"][0]["class"] == "transactional"
    assert found["event"][0]["type"] == "message.accepted"
    assert "account.created" in {one["action"] for one in found["audit"]}
    text = (tmp_path / "a.zip").read_bytes()
    assert stat.S_IMODE((tmp_path / "a.zip").stat().st_mode) == 0o600
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        whole = b"".join(archive.read(name) for name in archive.namelist())
    assert OTHER.encode() not in whole
    assert f"baja-{stand.other}".encode() not in whole
    assert hashlib.sha256(text).hexdigest() == made["sha256"]


async def test_T_t_no_secret_nor_what_is_made_of_one_leaves_with_it(stand, tmp_path):
    await stand.write(tmp_path / "a.zip")
    database = stand.whole.services.foundation.loaded.settings.server.data_dir / "relevo.db"
    connection = sqlite3.connect(database)
    secrets = [stand.secret, stand.secret.rpartition("_")[2]]
    secrets += [value for (value,) in connection.execute("SELECT password FROM console_user")]
    query = "SELECT secret_sha256, scram_salt, scram_stored_key, scram_server_key FROM credential"
    secrets += [value for row in connection.execute(query) for value in row]
    connection.close()
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        whole = b"".join(archive.read(name) for name in archive.namelist()).decode()
    assert [value for value in secrets if value and value in whole] == []
    assert "ERP" in whole


async def test_T_t_the_manifest_tells_rows_and_sums_and_the_csv_holds_the_same(stand, tmp_path):
    await stand.write(tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        manifest = json.loads(archive.read("manifest.json"))
        assert {file["name"] for file in manifest["files"]} == set(archive.namelist()) - {
            "manifest.json"
        }
        for file in manifest["files"]:
            content = archive.read(file["name"])
            assert (hashlib.sha256(content).hexdigest(), len(content)) == (
                file["sha256"], file["bytes"],
            )  # fmt: skip
            if file["name"].endswith(".csv"):
                rows = list(csv.DictReader(io.StringIO(content.decode(), newline="")))
                assert len(rows) == file["rows"]
        rows = list(csv.DictReader(io.StringIO(archive.read("account.csv").decode())))
    assert [row["name"] for row in rows] == ["Municipalidad", "'=Prensa"]  # no formula


async def test_T_t_a_file_that_exists_is_left_alone_and_half_an_archive_is_none(
    stand, tmp_path, monkeypatch
):
    (tmp_path / "a.zip").write_text("mine")
    with pytest.raises(PermanentError, match="exists already"):
        await stand.write(tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_text() == "mine"

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archiving, "_sum_of", full)
    with pytest.raises(PermanentError, match="No space left"):
        await stand.write(tmp_path / "b.zip")
    assert [path.name for path in tmp_path.glob("b.zip*")] == []


async def test_T_t_the_audit_trail_tells_that_an_account_was_exported(stand):
    services = stand.whole.services
    told = await services.run("account.export", {"account": "Municipalidad"})
    assert told == {"account": str(stand.whole.account)}
    page = await services.run("audit.list", {"action": "account.exported"})
    assert [entry["object"] for entry in page["entries"]] == [str(stand.whole.account)]


async def test_every_table_is_exported_or_said_why_not_and_read_by_its_key(stand):
    data_dir = stand.whole.services.foundation.loaded.settings.server.data_dir
    connection = sqlite3.connect(data_dir / "relevo.db")
    query = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    tables = {name for (name,) in connection.execute(query)}
    ours = {name for name in tables if not name.startswith(("store_", "schema_"))}
    forgotten = ours - {table.name for table in TABLES} - set(NOT_EXPORTED)
    assert not forgotten, "add it to an `exported` module, or say in NOT_EXPORTED why not"
    slow = []
    for table in TABLES:
        values = {
            "accounts": "[1]",
            "after": table.start[0],
            "after_2": table.start[-1],
            "count": 1,
        }
        plan = connection.execute(f"EXPLAIN QUERY PLAN {table.sql}", values)
        slow += [(table.name, row[3]) for row in plan if "TEMP B-TREE FOR ORDER" in row[3]]
    connection.close()
    assert {name for name, _ in slow} <= {"door_usage"}, slow
