"""`relevo verify` finds every kind of damage and names it, and finds none where there is none."""

import json
import os
import shutil
import sqlite3

import pytest

from console.cli.frame import run
from tests.integration.stored_mail import content_of, make_installation, open_store

MESSAGES = 30


@pytest.fixture
async def installation(tmp_path):
    await make_installation(tmp_path, MESSAGES)
    return tmp_path


@pytest.fixture
def report(installation, capfd):
    """Runs the command and gives what it says; with its exit status as `status`."""

    def look():
        capfd.readouterr()
        config = str(installation / "config" / "relevo.toml")
        status = run(["verify", "--json", "--config", config])
        said = json.loads(capfd.readouterr().out)
        assert status == (0 if said["sound"] else 1)
        return said

    return look


def change(installation, statement, *values):
    with sqlite3.connect(installation / "queue" / "relevo.db") as connection:
        changed = connection.execute(statement, values).rowcount
    connection.close()
    assert changed == 1


def first(installation, statement):
    connection = sqlite3.connect(installation / "queue" / "relevo.db")
    found = connection.execute(statement).fetchone()
    connection.close()
    return found


def overwrite(path, offset, data):
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def only(said, subject):
    assert {f["subject"] for f in said["findings"]} == {subject}, said["findings"]
    return said["findings"]


def test_what_is_whole_is_not_called_damaged(report):
    said = report()
    assert said["findings"] == []
    assert (said["messages"], said["deliveries"], said["segments"]) == (MESSAGES, 2 * MESSAGES, 2)
    assert said["content_bytes"] == sum(len(content_of(n)) for n in range(MESSAGES))


async def test_it_works_while_a_server_has_the_directory(installation, report):
    store = await open_store(installation / "queue")
    assert report()["findings"] == []
    await store.close()


def test_changed_bytes_are_told_with_the_message_they_belong_to(installation, report):
    message, segment, offset = first(
        installation, 'SELECT id, segment, "offset" FROM message LIMIT 1 OFFSET 7'
    )
    overwrite(installation / "queue" / "content" / f"{segment:06d}.seg", offset + 40, b"~")
    (finding,) = only(report(), "content")
    assert finding["severity"] == "damage"
    assert (finding["message"], finding["segment"]) == (str(message), segment)
    assert "ana@sender.example" in finding["text"]
    assert str(message) in finding["remedy"]


def test_a_lost_segment_is_told(installation, report):
    (installation / "queue" / "content" / "000001.seg").unlink()
    (finding,) = only(report(), "segment")
    assert finding["severity"] == "damage"
    assert finding["segment"] == 1


def test_a_segment_that_was_cut_off_is_told_by_message(installation, report):
    path = installation / "queue" / "content" / "000002.seg"
    os.truncate(path, path.stat().st_size - 10)
    (finding,) = only(report(), "content")
    last = first(installation, 'SELECT id FROM message WHERE segment = 2 ORDER BY "offset" DESC')
    assert finding["message"] == str(last[0])


async def test_bytes_that_no_message_has_are_a_warning(installation, report):
    store = await open_store(installation / "queue")  # seals what was open
    await store.close()
    with (installation / "queue" / "content" / "000001.seg").open("ab") as file:
        file.write(b"x" * 1000)
    (finding,) = only(report(), "segment")
    assert finding["severity"] == "warning"
    assert "last 1000 bytes" in finding["text"]


def test_a_damaged_page_is_told(installation, report):
    path = installation / "queue" / "relevo.db"
    (root,) = first(installation, "SELECT rootpage FROM sqlite_schema WHERE name = 'delivery'")
    overwrite(path, (root - 1) * 4096, os.urandom(512))
    said = report()
    assert not said["sound"]
    assert {f["subject"] for f in said["findings"]} >= {"database"}
    assert any("malformed" in f["text"] or "page" in f["text"] for f in said["findings"])


def test_a_file_that_is_no_database_is_told(installation, report):
    overwrite(installation / "queue" / "relevo.db", 0, bytes(100))
    (finding,) = only(report(), "database")
    assert "not a database" in finding["text"]


def test_a_wrong_counter_is_told(installation, report):
    change(installation, "UPDATE flow_count SET n = n + 1 WHERE state = 1 AND flow IN (SELECT min(id) FROM flow)")  # fmt: skip
    (finding,) = only(report(), "counter")
    assert "state 1" in finding["text"]


def test_a_wrong_count_of_a_segment_is_told(installation, report):
    change(installation, "UPDATE segment SET live = live - 1 WHERE id = 2")
    (finding,) = only(report(), "counter")
    assert finding["segment"] == 2


def test_history_that_was_dropped_is_no_wrong_counter(installation, report):
    message = "SELECT id FROM message LIMIT 1 OFFSET 2"
    with sqlite3.connect(installation / "queue" / "relevo.db") as connection:
        connection.execute(f"UPDATE delivery SET state = 10 WHERE message = ({message})")
        connection.execute("DELETE FROM flow_count")
        connection.execute(
            "INSERT INTO flow_count SELECT flow, state, count(*) FROM delivery GROUP BY 1, 2"
        )
        connection.execute(
            "UPDATE segment SET live = (SELECT count(*) FROM delivery AS d JOIN message AS m "
            "ON m.id = d.message WHERE d.state < 10 AND m.segment = segment.id)"
        )
        connection.execute(f"DELETE FROM delivery WHERE message = ({message})")
        connection.execute(f"DELETE FROM message WHERE id = ({message})")
    connection.close()
    assert report()["findings"] == []


def test_rows_that_lost_their_others_are_told(installation, report):
    change(installation, "DELETE FROM message WHERE id = (SELECT min(id) FROM message)")
    told = report()["findings"]
    assert any("is gone" in f["text"] and f["subject"] == "row" for f in told)


@pytest.mark.parametrize("name", ["relevo.db", "content/000001.seg"])
def test_a_file_that_others_can_read_is_a_warning(installation, report, name):
    (installation / "queue" / name).chmod(0o644)
    (finding,) = only(report(), "permission")
    assert (finding["severity"], name in finding["text"]) == ("warning", True)


def test_a_file_that_keeps_the_server_out_is_damage(installation, report):
    (installation / "queue" / "content" / "000001.seg").chmod(0o200)
    said = report()
    assert not said["sound"]
    assert "permission" in {f["subject"] for f in said["findings"]}


def test_a_file_of_another_user_is_damage(installation, report):
    if os.geteuid() != 0:
        pytest.skip("only root gives files away")
    os.chown(installation / "queue" / "content" / "000002.seg", 65534, 65534)
    (finding,) = only(report(), "permission")
    assert finding["severity"] == "damage"


def test_without_a_database_there_is_nothing_to_verify(tmp_path, capfd):
    assert run(["init", "--dir", str(tmp_path)]) == 0
    assert run(["verify", "--config", str(tmp_path / "config" / "relevo.toml")]) == 1
    assert "there is no such database" in capfd.readouterr().err


def test_for_people_damage_is_a_line_with_its_remedy(installation, capfd):
    shutil.rmtree(installation / "queue" / "content")
    capfd.readouterr()
    assert run(["verify", "--config", str(installation / "config" / "relevo.toml")]) == 1
    lines = capfd.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("DAMAGE: segment: ")
    assert "relevo restore" in lines[0]
    assert lines[-1].startswith("DAMAGED: ")
