"""The present release opens the full queue of each earlier one, and refuses that of a later one."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mta.store.sqlite import SqliteStore
from mta.store.statements import StatementPackage
from tests.crash.moments import Moments
from tests.crash.sink import Sink
from tests.e2e.ground import Ground, until
from tests.e2e.server import SENDER_DOMAIN, RelevoServer
from tests.old_queue import RECIPIENTS, RELEASES, make_old_queue

PACKAGES = ("mta.spool", "console.accounts")
MESSAGES = 200
DOMAIN = "old.test"


def schema(path: Path) -> dict[str, str]:
    with closing(sqlite3.connect(path)) as database:
        return dict(database.execute("SELECT name, sql FROM sqlite_schema WHERE sql <> ''"))


@pytest.fixture
def ground() -> Iterator[Ground]:
    with Ground() as made:
        yield made


@pytest.fixture
def sink(ground: Ground) -> Iterator[Sink]:
    made = Sink(ground, 2, Moments())
    ground.domain(DOMAIN, made.host)
    ground.domain(SENDER_DOMAIN, made.host)
    made.start()
    yield made
    made.stop()


@pytest.mark.parametrize("release", RELEASES)
def test_the_full_queue_of_an_earlier_release_is_delivered(ground, sink, release) -> None:
    server = RelevoServer(ground, QUEUE__UNCERTAIN_RETRY="1s", LOG__LEVEL="warning")
    server.install(has_account=False)
    make_old_queue(server.data_dir, MESSAGES, DOMAIN, release)
    server.start()
    try:
        until(lambda: not server.sql("SELECT id FROM delivery WHERE state < 10"), "all is gone")
        assert server.cli("verify")["findings"] == []
        assert server.errors() == []
    finally:
        server.stop()
    assert len(sink.received) == MESSAGES * (RECIPIENTS - 1), "what was delivered before stays so"
    assert set(sink.received.values()) == {1}


@pytest.mark.parametrize("release", RELEASES)
async def test_an_upgraded_schema_is_that_of_a_new_database(tmp_path, release) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for folder in (old, new):
        folder.mkdir()
    make_old_queue(old, 3, DOMAIN, release)
    for folder in (old, new):
        store = await SqliteStore.open(folder, [StatementPackage.of(name) for name in PACKAGES])
        await store.close()
    assert schema(old / "relevo.db") == schema(new / "relevo.db")


def test_a_queue_of_a_later_release_is_refused_and_left_as_it_is(ground) -> None:
    server = RelevoServer(ground)
    server.install(has_account=False)
    make_old_queue(server.data_dir, 3, DOMAIN)
    with closing(sqlite3.connect(server.data_dir / "relevo.db")) as database:
        database.execute("INSERT INTO store_migration VALUES ('mta.spool', 99, '0099_later', 0)")
        database.commit()
        before = list(database.iterdump())
    for command in (["serve"], ["account", "list"], ["verify"]):
        done = server.command(*command)
        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 1
        assert "schema of mta.spool is number 99, this release knows" in done.stderr
        assert "restore a backup made before the upgrade" in done.stderr
    with closing(sqlite3.connect(server.data_dir / "relevo.db")) as database:
        assert list(database.iterdump()) == before
