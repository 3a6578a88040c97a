"""Damage on the disk is found and named, other mail goes on, and nothing starts again and again."""

import json
import os
import smtplib
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from mta.model.traffic import DeliveryState
from tests.crash.moments import Moments
from tests.crash.sink import Sink
from tests.e2e.clients import connect, submit
from tests.e2e.ground import Ground, until
from tests.e2e.server import SENDER, SENDER_DOMAIN, RelevoServer
from tests.old_queue import RECIPIENTS, make_old_queue

MESSAGES = 60
DOMAIN = "old.test"
PAGE = 4096
MAIL = f"From: {SENDER}\r\nSubject: new\r\nX-Load-Id: new\r\n\r\nnew\r\n".encode()
OPEN = "SELECT count(*) FROM delivery WHERE state < 10"


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


@pytest.fixture
def server(ground: Ground) -> Iterator[RelevoServer]:
    """Not running, with a queue; some of its mail has been delivered."""
    made = RelevoServer(ground, QUEUE__UNCERTAIN_RETRY="1s", LOG__LEVEL="warning")
    made.install(has_account=False)
    make_old_queue(made.data_dir, MESSAGES, DOMAIN)
    assert made.cli("account", "list") == []  # opens it with the schema of today
    yield made
    if made.is_spawned:
        made.kill()


def overwrite(path, offset: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def query(server: RelevoServer, statement: str):
    with closing(sqlite3.connect(server.data_dir / "relevo.db")) as database:
        return database.execute(statement).fetchall()


def let_hand_in(server: RelevoServer) -> None:
    server.account = server.cli("account", "add", "Proof")["id"]
    server.cli("domain", "add", SENDER_DOMAIN)
    server.add_credential()


def hand_in(server: RelevoServer, recipient: str) -> str:
    return submit(server, MAIL, recipient)


def findings(server: RelevoServer):
    done = server.command("verify", "--json")
    said = json.loads(done.stdout)
    assert done.returncode == (0 if said["sound"] else 1)
    return said["findings"]


def test_mail_with_damaged_content_comes_back_and_all_other_mail_goes(server, sink) -> None:
    ((message, offset),) = query(server, 'SELECT id, "offset" FROM message LIMIT 1 OFFSET 5')
    overwrite(server.data_dir / "content" / "000001.seg", offset + 20, b"####")
    (found,) = findings(server)
    assert (found["subject"], found["message"]) == ("content", str(message))
    server.start()
    until(lambda: server.sql(OPEN) == [(0,)], "the queue is empty")
    states = server.sql(
        "SELECT d.message = ?, d.state, count(*) FROM delivery AS d JOIN message AS m "
        "ON m.id = d.message WHERE m.sender <> '' GROUP BY 1, 2",
        message,
    )
    open_before = RECIPIENTS - 1
    assert sorted(states) == [
        (0, DeliveryState.DELIVERED, RECIPIENTS * (MESSAGES - 1)),
        (1, DeliveryState.DELIVERED, 1),
        (1, DeliveryState.BOUNCED, open_before),
    ]
    until(lambda: sink.notices.total() + len(sink.problems), "its sender is told")
    assert {e["event"] for e in server.errors()} == {"message cannot be prepared"}
    assert {e["message"] for e in server.errors()} == {message}
    server.stop()


def test_a_damaged_page_stops_only_what_needs_it(server, sink) -> None:
    let_hand_in(server)
    ((root,),) = query(server, "SELECT rootpage FROM sqlite_schema WHERE name = 'delivery_address'")
    overwrite(server.data_dir / "relevo.db", (root - 1) * PAGE, os.urandom(64))
    told = findings(server)
    assert {f["subject"] for f in told} == {"database"}
    assert any("table delivery " in f["text"] for f in told)
    server.start()
    until(lambda: server.sql(OPEN) == [(0,)], "the queue is empty")
    assert len(sink.received) == (RECIPIENTS - 1) * MESSAGES
    done = server.command("trace", f"take-0@{DOMAIN}")
    assert done.returncode == 1
    assert "malformed" in done.stderr
    assert "relevo verify" in done.stderr
    with connect(server) as client, pytest.raises(smtplib.SMTPDataError) as refused:
        client.sendmail(SENDER, [f"take-new@{DOMAIN}"], MAIL)
    assert refused.value.smtp_code == 451
    server.stop()


def test_without_what_every_start_needs_the_server_says_so_and_ends(server) -> None:
    ((root,),) = query(server, "SELECT rootpage FROM sqlite_schema WHERE name = 'flow'")
    overwrite(server.data_dir / "relevo.db", (root - 1) * PAGE, os.urandom(64))
    done = server.command("serve")
    assert done.returncode == 1
    line = done.stderr.splitlines()[-1]
    assert "malformed" in line
    assert "relevo verify" in line
    assert findings(server)


def test_a_log_that_was_cut_off_is_an_older_queue_and_bytes_without_a_message(server, sink) -> None:
    let_hand_in(server)
    server.start()
    ids = [hand_in(server, f"take-late-{n}@{DOMAIN}") for n in range(20)]
    server.kill()
    log = server.data_dir / "relevo.db-wal"
    os.truncate(log, log.stat().st_size // 2)
    server.start()
    ((kept,),) = server.sql("SELECT count(*) FROM message WHERE id >= ?", int(ids[0]))
    assert kept < len(ids)
    told = findings(server)
    assert {(f["severity"], f["subject"]) for f in told} == {("warning", "segment")}
    assert "relevo.db-wal" in told[0]["text"]
    assert server.states(hand_in(server, f"take-new@{DOMAIN}"))
    server.stop()
