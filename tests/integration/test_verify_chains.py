"""`relevo verify` finds what somebody changed in the audit trail beside Relevo; commands seal it."""

import json
import sqlite3

import pytest
import structlog

from console.app import init, run_operation
from console.cli.frame import run


@pytest.fixture
def installation(tmp_path):
    init(tmp_path)
    config = tmp_path / "config" / "relevo.toml"
    for number in range(4):
        run_operation(config, "account.add", {"name": f"Agencia {number}"})
    yield tmp_path
    structlog.reset_defaults()  # commands set up logging for a process of their own


@pytest.fixture
def report(installation, capfd):
    def look():
        capfd.readouterr()
        config = str(installation / "config" / "relevo.toml")
        status = run(["verify", "--json", "--config", config])
        said = json.loads(capfd.readouterr().out)
        assert status == (0 if said["sound"] else 1)
        return said

    return look


def _tamper(installation, statement: str) -> None:
    database = sqlite3.connect(installation / "queue" / "relevo.db")
    database.execute("DROP TRIGGER audit_entry_sealed_once")
    database.execute("DROP TRIGGER audit_entry_kept")
    database.execute(statement)
    database.commit()
    database.close()


def test_what_commands_did_is_sealed_when_they_end(report):
    said = report()
    assert said["findings"] == []
    (audit,) = (chain for chain in said["chains"] if chain["name"] == "audit")
    assert audit["entries"] == 4
    assert len(audit["head"]) == 64


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("UPDATE audit_entry SET actor_name = 'nobody' WHERE seq = 2", "entry 2"),
        ("DELETE FROM audit_entry WHERE seq = 2", "entries 2 to 2 are missing"),
        ("DELETE FROM audit_entry WHERE seq = 4", "entries 4 to 4 are missing"),
        ("DELETE FROM audit_entry", "entries 1 to 4 are missing"),
    ],
)
def test_T_t_a_changed_trail_is_damage(installation, report, damage, told):
    _tamper(installation, damage)
    said = report()
    assert {f["subject"] for f in said["findings"]} == {"chain"}
    assert told in said["findings"][0]["text"]


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("UPDATE quota_entry SET available = available + 1000 WHERE seq = 1", "entry 1"),
        ("DELETE FROM quota_entry WHERE seq = 1", "are missing"),
    ],
)
def test_T_q_a_changed_ledger_is_damage(installation, report, damage, told):
    config = installation / "config" / "relevo.toml"
    run_operation(config, "contract.add", {"name": "Bolsa", "size": 1000, "account": "Agencia 0"})
    assert report()["findings"] == []
    database = sqlite3.connect(installation / "queue" / "relevo.db")
    for trigger in ("quota_entry_sealed_once", "quota_entry_kept"):
        database.execute(f"DROP TRIGGER {trigger}")
    assert database.execute(damage).rowcount == 1
    database.commit()
    database.close()
    (finding, *_) = report()["findings"]
    assert finding["text"].startswith("quota: ")
    assert told in finding["text"]


def test_without_the_secret_the_trail_is_not_called_sound(installation, report):
    (installation / "queue" / "secret.key").unlink()
    (finding,) = report()["findings"]
    assert "secret is missing" in finding["text"]
    assert not (installation / "queue" / "secret.key").exists(), "looking makes no new one"
