"""Backup, restore and verify, as an operator uses them: under load, into another directory."""

import json
import random
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.crash.load import DOMAINS, Load
from tests.crash.sink import Sink
from tests.e2e.ground import Ground, until
from tests.e2e.server import SENDER_DOMAIN, RelevoServer

PLAIN = {
    "SUBMISSION__ALLOW_PLAINTEXT_AUTH": "true",
    "SUBMISSION__TLS_CERTIFICATE": "",
    "SUBMISSION__TLS_KEY": "",
    "SUBMISSION__IMPLICIT_TLS_LISTEN": "",
    "LOG__LEVEL": "warning",
}
BEFORE_BACKUP = 150  # acknowledged messages
DARK = DOMAINS[0]  # a domain nobody serves: its mail stays in the queue


class World:
    """A server under load, what it acknowledged, and who receives."""

    def __init__(self, stack: ExitStack, ground: Ground) -> None:
        self.stack = stack
        self.ground = ground
        self.progress = threading.Condition()
        self.sink = Sink(ground, 2, self.progress)
        ground.domain(SENDER_DOMAIN, self.sink.host)
        for domain in DOMAINS:
            ground.domain(domain, self.sink.host if domain != DARK else "mx99.test")
        ground.dns.set("mx99.test", A="127.0.0.99")
        self.server = stack.enter_context(RelevoServer(ground, **PLAIN))
        self.load = Load(self.server, self.progress, random.randrange(1 << 30))

    def acknowledged(self, more: int) -> None:
        with self.progress:
            wanted = len(self.load.acknowledged) + more
            assert self.progress.wait_for(lambda: len(self.load.acknowledged) >= wanted, 60)

    def installation(self, name: str) -> RelevoServer:
        """A second, empty one."""
        made = RelevoServer(self.ground, name=name, **PLAIN)
        self.stack.enter_context(_Ended(made))
        return made


class _Ended:
    def __init__(self, server: RelevoServer) -> None:
        self._server = server

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        if self._server.is_spawned:
            self._server.kill()


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with ExitStack() as stack:
        ground = stack.enter_context(Ground())
        made = World(stack, ground)
        made.sink.start()
        stack.callback(made.sink.stop)
        made.server.start()
        yield made


@pytest.fixture(scope="module")
def backup(world: World) -> Path:
    """Made while mail comes in and goes out."""
    world.server.cli("dkim", "new", SENDER_DOMAIN)
    world.load.start()
    path = world.server.directory / "kept.tar"
    try:
        world.acknowledged(BEFORE_BACKUP)
        world.before = set(world.load.acknowledged)
        made = world.server.cli("backup", str(path))
        checked = world.server.command("verify", "--json")
        world.acknowledged(BEFORE_BACKUP)
    finally:
        world.load.stop()
    assert made["path"] == str(path)
    assert json.loads(checked.stdout)["findings"] == [], "verify beside a server under load"
    assert path.stat().st_mode & 0o777 == 0o600
    assert world.server.errors() == []
    return path


def restored(world: World, backup: Path, name: str) -> RelevoServer:
    """A new installation on other ports, from the backup."""
    server = world.installation(name)
    server.install(has_account=False)
    server.username, server.password = world.server.username, world.server.password
    done = server.cli("restore", str(backup))
    assert done["data_dir"] == str(server.data_dir)
    assert done["flows_held"] == len(server.sql("SELECT id FROM flow WHERE gate = 1")) > 0
    return server


def test_a_backup_under_load_is_whole_and_nothing_goes_out_until_it_is_released(world, backup):
    server = restored(world, backup, "second")
    report = server.cli("verify")
    assert report["findings"] == []
    ids = {m for (m,) in server.sql("SELECT subject FROM message WHERE sender <> ''")}
    assert world.before <= ids, "what was acknowledged before the backup is in it"
    counted = dict(server.sql("SELECT flow || '/' || state, n FROM flow_count WHERE n <> 0"))
    there = server.sql("SELECT flow || '/' || state, count(*) FROM delivery GROUP BY 1")
    assert counted == dict(there)
    assert set(server.sql("SELECT gate_reason FROM flow")) == {("restored",)}
    keys = sorted(p.relative_to(server.directory) for p in server.directory.glob("dkim_keys/*/*"))
    assert [k.parent.name for k in keys] == [SENDER_DOMAIN]

    world.server.stop()  # the first is gone; the second takes its place
    came = world.sink.total
    server.start()
    still_open = {d for (d,) in server.sql("SELECT id FROM delivery WHERE state < 10")}
    assert still_open
    held = server.cli("queue", "list")
    assert all(row["held"] and row["held_reason"].endswith(": restored") for row in held)
    assert world.sink.total == came
    world.ground.domain(DARK, world.sink.host)
    server.cli("queue", "release", "--all")
    server.cli("queue", "retry", "--all")
    until(lambda: not server.sql("SELECT id FROM delivery WHERE state < 10"), "the queue is empty")
    assert world.sink.total > came
    assert server.cli("verify")["findings"] == []
    assert server.errors() == []
    server.stop()
