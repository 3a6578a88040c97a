"""Backups and what they refuse: half of one, a directory in use, one that is not empty."""

import contextlib
import hashlib
import io
import json
import os
import sqlite3
import tarfile

import pytest

from console.cli.frame import run
from mta.engine.lease import RemovalLease
from mta.model.errors import PermanentError
from mta.store.lock import DataDirLock
from mta.store.work import Rows
from tests.integration.stored_mail import make_installation, open_store


@pytest.fixture
async def installation(tmp_path):
    await make_installation(tmp_path / "old")
    return tmp_path / "old"


@pytest.fixture
def backup(installation, tmp_path, capfd):
    path = tmp_path / "kept.tar"
    assert run(["backup", str(path), "--config", config_of(installation)]) == 0
    capfd.readouterr()
    return path


def config_of(directory):
    return str(directory / "config" / "relevo.toml")


@pytest.fixture
def restore(tmp_path, backup, capfd):
    """Restores into `new` and gives (status, output, complaint)."""

    def restore(source=backup, directory=tmp_path / "new"):
        capfd.readouterr()
        status = run(["restore", str(source), "--config", config_of(directory), "--json"])
        said = capfd.readouterr()
        return status, said.out, said.err

    return restore


def changed(backup, change):
    """The backup with its members passed through `change(name, data)`; None leaves one out."""
    target = backup.with_name("changed.tar")
    with tarfile.open(backup) as old, tarfile.open(target, "w") as new:
        for entry in old:
            data = change(entry.name, old.extractfile(entry).read())
            if data is not None:
                entry.size = len(data)
                new.addfile(entry, io.BytesIO(data))
    return target


def test_a_restored_queue_has_everything_and_holds_it(restore, tmp_path, capfd):
    status, out, err = restore()
    assert status == 0, err
    done = json.loads(out)
    new = tmp_path / "new"
    assert done["settings"] == [config_of(new)], "settings that were missing are restored too"
    assert (done["flows_held"], done["open"]) == (3, 40)
    with contextlib.closing(sqlite3.connect(new / "queue" / "relevo.db")) as database:
        gates = database.execute("SELECT DISTINCT gate, gate_reason FROM flow").fetchall()
        ((counted,),) = database.execute("SELECT sum(n) FROM flow_count WHERE state < 10")
    assert gates == [(1, "restored")]
    assert counted == 40
    capfd.readouterr()
    assert run(["verify", "--config", config_of(new)]) == 0
    assert not (new / "queue" / ".restoring").exists()
    assert {(new / "queue" / name).stat().st_mode & 0o777 for name in ("relevo.db", "content/000001.seg")} == {0o600}  # fmt: skip


def test_letters_to_people_are_in_it(installation, tmp_path, restore, capfd):
    folder = installation / "queue" / "letters"
    folder.mkdir(exist_ok=True)
    large = b"Subject: x\r\n\r\n" + b"x" * (1 << 20)
    (folder / "1800000000000.7.1.eml").write_bytes(large)
    (folder / "1800000000000.7.2.part").write_bytes(b"unfinished")
    path = tmp_path / "letters.tar"
    assert run(["backup", str(path), "--config", config_of(installation)]) == 0
    assert restore(path)[0] == 0
    kept = {p.name: p.read_bytes() for p in (tmp_path / "new" / "queue" / "letters").iterdir()}
    assert kept == {"1800000000000.7.1.eml": large}


def test_numbered_documents_are_in_it(installation, tmp_path, restore):
    folder = installation / "queue" / "reports"
    folder.mkdir(exist_ok=True)
    files = {"1800000000001.pdf": b"%PDF-1.7 signed", "1800000000001.xlsx": b"PK" * 700_000}
    for name, data in files.items():
        (folder / name).write_bytes(data)
    (folder / ".1800000000002.xlsx.partial").write_bytes(b"unfinished")
    path = tmp_path / "documents.tar"
    assert run(["backup", str(path), "--config", config_of(installation)]) == 0
    assert restore(path)[0] == 0
    kept = {p.name: p.read_bytes() for p in (tmp_path / "new" / "queue" / "reports").iterdir()}
    assert kept == files


def test_a_flow_that_was_held_keeps_its_own_reason(installation, tmp_path, capfd):
    config = config_of(installation)
    assert run(["account", "add", "Shop", "--config", config]) == 0
    assert run(["queue", "hold", "--campaign", "flow1", "--reason", "legal", "--config", config]) == 0  # fmt: skip
    path = tmp_path / "held.tar"
    assert run(["backup", str(path), "--config", config]) == 0
    assert run(["restore", str(path), "--config", config_of(tmp_path / "new")]) == 0
    capfd.readouterr()
    assert run(["queue", "list", "--json", "--config", config_of(tmp_path / "new")]) == 0
    reasons = {row["held_reason"] for row in json.loads(capfd.readouterr().out)}
    assert reasons == {
        "application flow0: restored", "application flow1: legal", "application flow2: restored"
    }  # fmt: skip


def test_a_backup_that_was_cut_off_is_refused_wherever(backup, restore, tmp_path):
    size = backup.stat().st_size
    for keep in (0, 100, size // 4, size // 2, size * 3 // 4, size - 12_000):
        cut = tmp_path / "cut.tar"
        cut.write_bytes(backup.read_bytes()[:keep])
        status, _, err = restore(cut)
        assert status == 1, keep
        assert err.startswith("relevo: ")
        assert not (tmp_path / "new" / "queue" / "relevo.db").exists()
        assert not (tmp_path / "new" / "queue" / ".restoring").exists()
        assert not (tmp_path / "new" / "config" / "relevo.toml").exists(), "settings are taken back"


@pytest.mark.parametrize("name", ["relevo.db", "content/000002.seg"])
def test_a_backup_with_one_changed_byte_is_refused(backup, restore, name):
    def flip(member, data):
        return data[:-1] + bytes([data[-1] ^ 1]) if member == name else data

    status, _, err = restore(changed(backup, flip))
    assert (status, f"is damaged: {name}" in err) == (1, True)


def test_a_backup_without_a_segment_is_refused(backup, restore):
    status, _, err = restore(
        changed(backup, lambda name, data: None if name.endswith("2.seg") else data)
    )
    assert (status, "is damaged: content/000002.seg" in err) == (1, True)


@pytest.mark.parametrize(
    "name", ["../../evil", "/etc/evil", "content/../x.seg", "relevo.db-wal", "letters/../x.eml"]
)
def test_a_name_that_has_no_place_is_refused(backup, restore, tmp_path, name):
    strange = tmp_path / "strange.tar"
    with tarfile.open(strange, "w") as tar:
        entry = tarfile.TarInfo(name)
        tar.addfile(entry)
    status, _, err = restore(strange)
    assert (status, "has no place in a backup" in err) == (1, True)


def test_a_link_is_refused(restore, tmp_path):
    strange = tmp_path / "strange.tar"
    with tarfile.open(strange, "w") as tar:
        entry = tarfile.TarInfo("relevo.db")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(entry)
    assert restore(strange)[0] == 1


def test_something_else_is_no_backup(restore, tmp_path):
    (tmp_path / "text").write_text("hello" * 1000)
    status, _, err = restore(tmp_path / "text")
    assert (status, "is not a backup" in err) == (1, True)


def test_a_backup_of_a_newer_release_is_refused(backup, restore, tmp_path):
    facts = {}

    def newer(name, data):
        if name == "relevo.db":
            path = tmp_path / "newer.db"
            path.write_bytes(data)
            with sqlite3.connect(path) as db:
                db.execute("INSERT INTO store_migration VALUES ('mta.spool', 99, '0099_x', 0)")
            db.close()
            data = path.read_bytes()
            facts[name] = [len(data), hashlib.sha256(data).hexdigest()]
        elif name == "manifest.json":
            said = json.loads(data)
            said["files"].update(facts)
            data = json.dumps(said).encode()
        return data

    status, _, err = restore(changed(backup, newer))
    assert (status, "is number 99, this release knows" in err) == (1, True)
    assert not (tmp_path / "new" / "queue" / "relevo.db").exists()


def test_a_directory_that_is_not_empty_is_refused(restore, tmp_path, installation):
    before = (installation / "queue" / "relevo.db").read_bytes()
    status, _, err = restore(directory=installation)
    assert (status, "is not empty" in err) == (1, True)
    assert (installation / "queue" / "relevo.db").read_bytes() == before


def test_a_directory_in_use_is_refused(restore, tmp_path):
    queue = tmp_path / "new" / "queue"
    queue.mkdir(parents=True)
    with DataDirLock(queue):
        status, _, err = restore()
    assert (status, f"in use by process {os.getpid()}" in err) == (1, True)


def test_another_key_is_not_replaced(installation, tmp_path, capfd):
    config = config_of(installation)
    assert run(["dkim", "new", "sender.example", "--selector", "s", "--type", "ed25519", "--config", config]) == 0  # fmt: skip
    path = tmp_path / "keys.tar"
    assert run(["backup", str(path), "--config", config]) == 0
    other = tmp_path / "new" / "dkim_keys" / "sender.example" / "s.pem"
    other.parent.mkdir(parents=True)
    other.write_text("another")
    assert run(["restore", str(path), "--config", config_of(tmp_path / "new")]) == 1
    assert f"{other}: exists and is another" in capfd.readouterr().err
    assert other.read_text() == "another"
    other.unlink()
    assert run(["restore", str(path), "--config", config_of(tmp_path / "new")]) == 0
    assert other.stat().st_mode & 0o777 == 0o600


def test_an_interrupted_restore_is_no_empty_queue(restore, tmp_path, capfd):
    (tmp_path / "new" / "queue" / ".restoring").mkdir(parents=True)
    assert run(["init", "--dir", str(tmp_path / "new")]) == 0
    assert run(["account", "list", "--config", config_of(tmp_path / "new")]) == 1
    assert "a restore was interrupted" in capfd.readouterr().err
    assert restore()[0] == 0


def test_a_backup_is_not_overwritten(backup, installation, capfd):
    assert run(["backup", str(backup), "--config", config_of(installation)]) == 1
    assert "a backup is not overwritten" in capfd.readouterr().err


def test_in_a_folder_a_backup_is_named_after_its_time(installation, tmp_path, restore):
    folder = tmp_path / "backups"
    folder.mkdir()
    assert run(["backup", str(folder), "--config", config_of(installation)]) == 0
    (made,) = folder.iterdir()
    assert made.name.startswith("relevo-")
    assert made.suffix == ".tar"
    assert restore(folder)[0] == 0


def test_without_a_folder_to_write_to_nothing_is_left(installation, tmp_path, capfd):
    assert run(["backup", str(tmp_path / "none" / "x.tar"), "--config", config_of(installation)]) == 1  # fmt: skip
    assert "No such file or directory" in capfd.readouterr().err


def test_a_segment_that_is_too_short_is_told_and_nothing_is_left(installation, tmp_path, capfd):
    segment = installation / "queue" / "content" / "000001.seg"
    os.truncate(segment, 100)
    target = tmp_path / "bad.tar"
    assert run(["backup", str(target), "--config", config_of(installation)]) == 1
    assert "`relevo verify` tells more" in capfd.readouterr().err
    assert not list(tmp_path.glob("bad.tar*"))


async def test_while_a_lease_runs_no_segment_is_removed(installation):
    store = await open_store(installation / "queue")
    lease = RemovalLease(store)
    far = 1 << 50  # everything is past its retention then
    await store.submit([])
    with pytest.raises(PermanentError, match="started again"):
        await lease.keep({"lease": "of another process"})
    await store.submit([Rows("segment_live", [(1, -20, 5), (2, -20, 5)])])
    token = await lease.keep({})
    assert await store.sweep_segments(far, 0) == []
    assert await lease.keep(token) == token
    await store.close()
    store = await open_store(installation / "queue")
    assert await store.sweep_segments(far, 0) == [1, 2]
    await store.close()
