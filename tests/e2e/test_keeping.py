"""Backup, restore and verify, as an operator uses them: under load, into another directory."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.crash.load import PARKED
from tests.crash.moments import Step
from tests.crash.proof import OPEN, Proof, proof
from tests.e2e.ground import DEADLINE_S, until
from tests.e2e.server import SENDER_DOMAIN, RelevoServer

BEFORE_BACKUP = 150  # acknowledged messages
PLAIN = {
    "SUBMISSION__ALLOW_PLAINTEXT_AUTH": "true",
    "SUBMISSION__TLS_CERTIFICATE": "",
    "SUBMISSION__TLS_KEY": "",
    "SUBMISSION__IMPLICIT_TLS_LISTEN": "",
    "QUEUE__RETRY": "1s",
    "QUEUE__UNCERTAIN_RETRY": "1s",
    "LOG__LEVEL": "warning",
}

pytestmark = pytest.mark.timeout(240)


@dataclass
class Kept:
    """A backup and the server that it is of, which has stopped since."""

    path: Path
    made: Proof
    known: set[str]  # load ids acknowledged before it was made


@pytest.fixture(scope="module")
def kept() -> Iterator[Kept]:
    """Made while mail comes in and goes out."""
    with proof(random.randrange(1, 1 << 30)) as made:
        made.server.cli("dkim", "new", SENDER_DOMAIN)
        made.server.start()
        made.load.start()
        path = made.server.directory / "kept.tar"
        try:
            assert made.moments.wait(Step.ACKNOWLEDGED, BEFORE_BACKUP, DEADLINE_S)
            known = set(made.load.acknowledged)
            told = made.server.cli("backup", str(path))
            checked = made.server.command("verify", "--json")
            assert made.moments.wait(Step.ACKNOWLEDGED, BEFORE_BACKUP, DEADLINE_S)
        finally:
            made.load.stop()
        assert told["path"] == str(path)
        assert json.loads(checked.stdout)["findings"] == [], "verify beside a server under load"
        assert made.server.errors() == []
        made.server.stop()
        yield Kept(path, made, known)


@pytest.fixture(scope="module")
def second(kept: Kept) -> Iterator[RelevoServer]:
    """Another installation on other ports, restored and not started yet."""
    server = RelevoServer(kept.made.ground, name="second", **PLAIN)
    server.install(has_account=False)
    done = server.cli("restore", str(kept.path))
    assert done["data_dir"] == str(server.data_dir)
    assert done["flows_held"] == len(server.sql("SELECT id FROM flow WHERE gate = 1")) > 0
    yield server
    if server.is_spawned:
        server.kill()


def test_a_backup_under_load_is_whole(kept: Kept, second: RelevoServer) -> None:
    assert kept.path.stat().st_mode & 0o777 == 0o600
    assert second.cli("verify")["findings"] == []
    ids = {load_id for (load_id,) in second.sql("SELECT subject FROM message WHERE sender <> ''")}
    assert kept.known <= ids, "what was acknowledged before the backup is in it"
    counted = dict(second.sql("SELECT flow || '/' || state, n FROM flow_count WHERE n <> 0"))
    there = second.sql("SELECT flow || '/' || state, count(*) FROM delivery GROUP BY 1")
    assert counted == dict(there)
    keys = {path.relative_to(second.directory) for path in second.directory.glob("dkim_keys/*/*")}
    assert {key.parent.name for key in keys} == {SENDER_DOMAIN}
    made = kept.made.server.directory
    assert keys == {path.relative_to(made) for path in made.glob("dkim_keys/*/*")}


def test_nothing_goes_out_after_a_restore_until_it_is_released(
    kept: Kept, second: RelevoServer
) -> None:
    made = kept.made
    taken = made.moments[Step.TAKEN]
    made.ground.domain(PARKED, made.sinks[0].host)  # where nobody deferred, all of it would go
    second.start()
    assert second.sql("SELECT count(*) FROM delivery WHERE state < 10") != [(0,)]
    rows = second.cli("queue", "list")
    assert all(row["held"] and row["held_reason"].endswith(": restored") for row in rows)
    assert made.moments[Step.TAKEN] == taken
    second.cli("queue", "release", "--all")
    second.cli("queue", "retry", "--all")
    until(lambda: second.sql(OPEN.partition(" AND")[0]) == [(0,)], "the queue is empty")
    assert made.moments[Step.TAKEN] > taken
    assert second.cli("verify")["findings"] == []
    assert second.errors() == []
    second.stop()
