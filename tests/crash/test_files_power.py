"""Power cuts while keys, settings and secrets are made and while a queue is upgraded: old or new."""

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mta.dkim import KeyRing
from mta.engine.secret import KEY_BYTES
from mta.settings import documents
from mta.store.sqlite import SqliteStore
from tests.crash.disk import Disk, powered_disk
from tests.crash.files_child import last_migration, packages
from tests.old_queue import RECIPIENTS, make_old_queue

SEED = int(os.environ.get("RELEVO_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 30)
MESSAGES = 3_000
CUTS = [2, pytest.param(20, marks=[pytest.mark.soak, pytest.mark.timeout(300)])]
MOST_LINES = 60


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    with powered_disk(tmp_path) as found:
        yield found


def child(directory: Path, mode: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.crash.files_child", str(directory), mode]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


@pytest.mark.parametrize("cuts", CUTS)
def test_files_are_whole_or_not_there_after_a_power_cut(disk: Disk, cuts: int) -> None:
    rng = random.Random(SEED)
    for number in range(cuts):
        directory = disk.path / str(number)
        directory.mkdir()
        os.sync()
        with child(directory, "files") as process:
            assert process.stdout is not None
            lines = [process.stdout.readline().split() for _ in range(rng.randint(1, MOST_LINES))]
            disk.cut_power(process.pid)
        disk.power_up()
        ring = KeyRing.load(directory / "dkim_keys")  # refuses a key that is not whole
        selectors = {key.selector for key in ring.keys("sender.test")}
        assert {name for what, name in lines if what == "key"} <= selectors
        for path in directory.glob("*/config/relevo.toml"):
            assert path.read_text() == documents.sample(), f"seed {SEED}"
        secrets = {path.parent.parent.name: path for path in directory.glob("*/queue/secret.key")}
        assert {name for what, name in lines if what == "secret"} <= set(secrets)
        assert {path.stat().st_size for path in secrets.values()} <= {KEY_BYTES}


def schema_of(data_dir: Path) -> int:
    with closing(sqlite3.connect(data_dir / "relevo.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        query = "SELECT max(number) FROM store_migration WHERE package = 'mta.spool'"
        return int(database.execute(query).fetchone()[0])


@pytest.mark.parametrize("cuts", CUTS)
async def test_an_upgrade_of_a_full_queue_is_done_or_not_after_a_power_cut(
    disk: Disk, tmp_path: Path, cuts: int
) -> None:
    old, data_dir = tmp_path / "old", disk.path / "queue"
    old.mkdir()
    make_old_queue(old, MESSAGES, "old.test")
    seen = []
    takes_s = 0.0
    for number in range(cuts + 1):
        shutil.rmtree(data_dir, ignore_errors=True)
        shutil.copytree(old, data_dir)
        os.sync()
        with child(data_dir, "upgrade") as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "begin\n"
            if not number:  # the first is left alone and shows how long it takes
                began_s = time.monotonic()
                assert process.stdout.readline() == "upgraded\n"
                takes_s = time.monotonic() - began_s
                continue
            threading.Event().wait(takes_s * number / cuts)
            disk.cut_power(process.pid)
            told = process.stdout.readline()
        disk.power_up()
        seen.append(schema_of(data_dir))
        is_new = seen[-1] == last_migration().number
        assert is_new or told != "upgraded\n", "it was said to be done"
        store = await SqliteStore.open(data_dir, packages())  # goes on where it was
        await store.close()
        with closing(sqlite3.connect(data_dir / "relevo.db")) as database:
            found = database.execute("SELECT count(*), sum(weight) FROM delivery").fetchone()
            copied = database.execute("SELECT count(*) FROM extra").fetchone()
        assert found == (RECIPIENTS * MESSAGES, sum(range(RECIPIENTS)) * MESSAGES)
        assert copied == (RECIPIENTS * MESSAGES,)
    print(f"schema numbers after the cuts: {seen}")


async def test_a_later_migration_of_a_full_queue_keeps_all_of_it(tmp_path: Path) -> None:
    make_old_queue(tmp_path, MESSAGES, "old.test")
    store = await SqliteStore.open(tmp_path, packages())
    rows = await store.read("streams_ready")
    assert [row[1:] for row in rows] == [(1, 1_000)]
    assert await store.read("state_counts") == [(1, state, MESSAGES) for state in (0, 1, 2, 10)]
    await store.close()
    assert schema_of(tmp_path) == last_migration().number
