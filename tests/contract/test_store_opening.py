"""Opening: schema forward only, refusals with a remedy, the log under control."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from mta.model.errors import ConfigurationError, InternalError
from mta.store import writer
from mta.store.statements import SqlFile, StatementPackage
from mta.store.work import Rows
from tests.contract.conftest import LEDGER, OpenStore


def package(*migrations: str, statements: str = "") -> StatementPackage:
    files = tuple(SqlFile(f"{n:04d}_step", "", text) for n, text in enumerate(migrations, 1))
    return StatementPackage("tests.steps", (SqlFile("all", "", statements),), files)


STEP_1 = "CREATE TABLE a (x); -- one; still the comment\nINSERT INTO a VALUES ('semi;colon');"
STEP_2 = """
-- A trigger holds semicolons of its own.
CREATE TABLE b (x);
CREATE TRIGGER copy AFTER INSERT ON a BEGIN INSERT INTO b VALUES (NEW.x); DELETE FROM a; END;
INSERT INTO a VALUES (2);
"""
READ = "-- name: what\nSELECT x FROM b"


async def test_migrations_run_once_and_in_order(open_store: OpenStore) -> None:
    first = await open_store((package(STEP_1),))
    await first.close()
    for _ in range(2):
        store = await open_store((package(STEP_1, STEP_2, statements=READ),))
        assert await store.read("what") == [(2,)]
        await store.close()


async def test_a_newer_schema_is_refused(open_store: OpenStore) -> None:
    newer = await open_store((package(STEP_1, STEP_2),))
    await newer.close()
    with pytest.raises(ConfigurationError, match=r"tests\.steps is number 2, this release knows 1"):
        await open_store((package(STEP_1),))


async def test_a_failed_migration_leaves_the_schema_before_it(
    open_store: OpenStore, tmp_path: Path
) -> None:
    broken = "CREATE TABLE b (x); INSERT INTO nowhere VALUES (1);"
    with pytest.raises(InternalError, match=r"tests\.steps: migration 0002_step failed"):
        await open_store((package(STEP_1, broken),))
    with sqlite3.connect(tmp_path / "relevo.db") as connection:
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    connection.close()
    assert "a" in tables
    assert "b" not in tables
    store = await open_store((package(STEP_1, STEP_2, statements=READ),))
    assert await store.read("what") == [(2,)]


@pytest.mark.parametrize(
    ("statements", "complaint"),
    [
        ("-- name: x\n-- order: 1\nDELETE FROM a", "does not use :rows"),
        ("-- name: x\nDELETE FROM a WHERE x IN (SELECT value FROM json_each(:rows))", "order"),
        ("-- name: x\n-- nothing else", "is empty"),
        ("-- name: X y\nSELECT 1", "is not a statement's name"),
        ("SELECT 1", "before the first"),
        ("-- name: x\nSELECT 1;\n-- name: x\nSELECT 2;", "more than one statement named x"),
        ("-- name: entries\nSELECT 1", "a second statement named 'entries'"),
    ],
)
async def test_sql_files_that_cannot_be_understood_are_refused(
    open_store: OpenStore, statements: str, complaint: str
) -> None:
    with pytest.raises(InternalError, match=complaint):
        await open_store((LEDGER, package(STEP_1, statements=statements)))


async def test_gaps_between_migrations_are_refused(open_store: OpenStore) -> None:
    files = (SqlFile("0001_a", "", STEP_1), SqlFile("0003_c", "", STEP_2))
    with pytest.raises(InternalError, match="numbered 0001, 0002"):
        await open_store((StatementPackage("tests.gap", (), files),))


async def test_a_file_for_the_engine_replaces_the_general_one(open_store: OpenStore) -> None:
    files = (
        SqlFile("q", "", "-- name: q\nSELECT 'general'"),
        SqlFile("q", "sqlite", "-- name: q\nSELECT 'sqlite'"),
        SqlFile("q", "postgresql", "-- name: q\nSELECT 'postgresql'"),
    )
    store = await open_store((StatementPackage("tests.engines", files, ()),))
    assert await store.read("q") == [("sqlite",)]


async def test_what_is_no_database_is_refused(open_store: OpenStore, tmp_path: Path) -> None:
    (tmp_path / "relevo.db").write_bytes(b"this is no database, " * 100)
    with pytest.raises(ConfigurationError, match=r"relevo\.db: .*not a database"):
        await open_store()


async def test_a_missing_directory_is_named(open_store: OpenStore, tmp_path: Path) -> None:
    tmp_path.rmdir()
    try:
        with pytest.raises(ConfigurationError, match=str(tmp_path)):
            await open_store()
    finally:
        tmp_path.mkdir()


async def test_the_log_is_emptied_when_it_is_too_large(
    open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "LOOK_COMMITS", 1)
    monkeypatch.setattr(writer, "TRUNCATE_BYTES", 200_000)
    store = await open_store()
    for number in range(100):
        await store.submit([Rows("entry_insert", [(number, "x" * 20_000, None)])])
        assert store.stats().log_bytes < 300_000
    assert len(await store.read("entries")) == 100


async def test_a_reader_that_blocks_the_log_delays_nothing(
    open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "LOOK_COMMITS", 1)
    monkeypatch.setattr(writer, "TRUNCATE_BYTES", 100_000)
    monkeypatch.setattr(writer, "TRUNCATE_PAUSE_S", 0.0)
    store = await open_store()
    await store.submit([Rows("mirror_insert", [(n,) for n in range(10)])])
    reading = asyncio.create_task(store.read("endless"))
    await asyncio.sleep(0)
    for number in range(20):
        await store.submit([Rows("entry_insert", [(number, "x" * 20_000, None)])])
    assert not reading.done()
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)


async def test_a_closed_store_leaves_one_database_file(
    open_store: OpenStore, tmp_path: Path
) -> None:
    store = await open_store()
    await store.submit([Rows("entry_insert", [(1, "x", None)])])
    await store.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["content", "relevo.db"]
