"""Logs: one entry is one line, whatever a peer says, and nobody ever waits for the reader."""

import fcntl
import json
import logging
import os
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from mta.events.line_sink import LineSink
from mta.events.log_config import configure_logging, detect_format
from mta.events.log_format import RENDERERS, escape, render_journald, render_json, render_text
from mta.events.mail_log import MailLog
from mta.events.metrics import Metrics
from mta.model.clock import ManualClock
from mta.model.traffic import EventType, TrafficClass

EVIL = 'no\r\nFeb 1 relevo: forged "line"\x1b[2J\x00\x9b31m\u2028\u202egnp.exe\udce9\x7f'
FORBIDDEN = [*map(chr, range(32)), "\x7f", "\x9b", "\u2028", "\u2029", "\u202e"]


@dataclass(frozen=True)
class Settings:
    level: str = "info"
    format: str = "json"


@pytest.fixture
def log_file(tmp_path):
    path = tmp_path / "log"
    fd = os.open(path, os.O_CREAT | os.O_RDWR | os.O_APPEND)
    yield path, fd
    os.close(fd)


@pytest.fixture
def configured(log_file):
    """Configures logging into a file; reading the lines closes it."""
    path, fd = log_file
    outputs = []

    def start(**settings):
        outputs.append(configure_logging(Settings(**settings), clock=ManualClock(), fd=fd))
        return outputs[0]

    def lines():
        outputs[0].close()
        return path.read_text().splitlines()

    root = logging.getLogger()
    level = root.level
    with warnings.catch_warnings():
        yield start, lines
        for output in outputs:
            output.close()
        root.setLevel(level)
        logging.captureWarnings(capture=False)
        structlog.reset_defaults()


@pytest.mark.parametrize("name", sorted(RENDERERS))
@given(text=st.text(st.characters(), max_size=60))
def test_no_text_of_a_peer_can_end_a_line_or_steer_a_terminal(name, text):
    line = RENDERERS[name]({"time": "t", "level": "info", "event": "e" + text, "reply": text})
    assert not any(character in line for character in FORBIDDEN)
    line.encode()


def test_json_keeps_the_meaning_of_what_it_escapes():
    entry = json.loads(render_json({"event": "x", "reply": EVIL}))
    assert entry["reply"].replace("\udce9", "") == EVIL.replace("\udce9", "")


def test_json_takes_values_of_any_type():
    entry = json.loads(
        render_json({"event": "x", "number": 2**70, "other": EventType.BOUNCED, 3: 1})
    )
    assert entry["number"] == 2**70
    assert entry["other"] == "message.bounced"


def test_text_quotes_what_could_be_taken_for_another_field():
    line = render_text(
        {
            "time": "T",
            "level": "info",
            "event": "e",
            "reply": 'a b=c "d"',
            "n": 3,
            "list": ["x", "y z"],
        }
    )
    assert line == 'T info    e reply="a b=c \\"d\\"" n=3 list=x,"y z"'


def test_text_shows_a_traceback_indented_so_that_it_cannot_pose_as_an_entry():
    line = render_text({"time": "T", "level": "error", "event": "e", "exception": "Trace\nV: \x1b"})
    assert line.splitlines() == ["T error   e", "    | Trace", "    | V: \\x1b"]


def test_journald_lines_begin_with_their_priority():
    assert render_journald({"level": "error", "event": "e", "k": "v"}) == "<3>e k=v"
    assert render_journald({"level": "info", "event": "e", "exception": "a\nb"}) == (
        '<6>e exception="a\\nb"'
    )


def test_escape_leaves_spanish_alone():
    assert escape("Buzón lleno: ñandú") == "Buzón lleno: ñandú"
    assert escape("a\x1bb\u2028") == "a\\x1bb\\u2028"


def test_auto_is_journald_only_where_the_stream_is_the_journal(log_file):
    _path, fd = log_file
    status = os.fstat(fd)
    assert detect_format(fd, {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}) == "journald"
    assert detect_format(fd, {"JOURNAL_STREAM": f"{status.st_dev}:1"}) == "json"
    assert detect_format(fd, {"JOURNAL_STREAM": "nonsense"}) == "json"
    assert detect_format(fd, {}) == "json"


def test_auto_is_text_on_a_terminal():
    leader, follower = os.openpty()
    try:
        assert detect_format(follower, {}) == "text"
    finally:
        os.close(leader)
        os.close(follower)


def test_structlog_and_the_standard_library_share_one_stream(configured):
    start, lines = configured
    start()
    structlog.get_logger("relevo").warning("lane rests", site="google", reply=EVIL)
    # Without its lone surrogate: pytest keeps this record, and xdist could not send it.
    logging.getLogger("some.library").error("failed: %s", EVIL.replace("\udce9", ""))
    try:
        raise ValueError("boom\nforged")
    except ValueError:
        structlog.get_logger().exception("settle failed")
    entries = [json.loads(line) for line in lines()]
    assert entries[0]["event"] == "lane rests"
    assert entries[0]["level"] == "warning"
    assert entries[0]["time"].startswith("2027-01-15T08:00:00")
    assert entries[1]["logger"] == "some.library"
    assert entries[2]["level"] == "error"
    assert "ValueError: boom" in entries[2]["exception"]


def test_entries_below_the_level_are_not_written(configured):
    start, lines = configured
    start(level="warning")
    structlog.get_logger().info("nothing")
    logging.getLogger("x").info("nothing")
    structlog.get_logger().error("something")
    assert [json.loads(line)["event"] for line in lines()] == ["something"]


def test_mail_lines_of_one_turn_are_written_together(configured):
    start, lines = configured
    turns = []
    log = MailLog(start(), turns.append)
    log.accepted(
        1_000, 2**60, account=1, sender="", recipients=2, size_bytes=10,
        traffic_class=TrafficClass.URGENT, door="smtp", peer="192.0.2.1",
    )  # fmt: skip
    log.delivered(
        2_000, 1, 2, recipient="a@example.org", host="mx[192.0.2.1]:25", reply="250 " + EVIL,
        tls="", delay_s=0.12345, attempt=1,
    )  # fmt: skip
    kinds = (EventType.DEFERRED, EventType.BOUNCED, EventType.EXPIRED)
    for number, kind in enumerate(kinds, 3):
        log.not_delivered(
            number * 1000, kind, 1, number, recipient="b@example.org", host="mx", reply="no",
            bounce_class="bad-mailbox", phase="rcpt", attempt=2,
        )  # fmt: skip
    assert len(turns) == 1
    turns[0]()
    entries = [json.loads(line) for line in lines()]
    assert [e["event"] for e in entries] == [
        "message.accepted", "message.delivered", "message.deferred", "message.bounced",
        "message.expired",
    ]  # fmt: skip
    assert entries[0]["message"] == str(2**60)
    assert entries[0]["from"] == "<>"
    assert entries[1]["delay_s"] == 0.123
    assert entries[1]["tls"] == "none"
    assert entries[3]["bounce_class"] == "bad-mailbox"


def test_the_reference_lists_every_field_of_mail_lines(configured):
    start, lines = configured
    log = MailLog(start(), lambda _flush: None)
    log.accepted(
        1, 2, account=1, sender="", recipients=2, size_bytes=10,
        traffic_class=TrafficClass.URGENT, door="smtp", peer="192.0.2.1",
    )  # fmt: skip
    log.delivered(
        1,
        2,
        3,
        recipient="a@example.org",
        host="mx",
        reply="250 ok",
        tls="",
        delay_s=1.0,
        attempt=1,
    )
    log.not_delivered(
        1, EventType.BOUNCED, 2, 3, recipient="a@example.org", host="mx", reply="550 no",
        bounce_class="bad-mailbox", phase="rcpt", attempt=2,
    )  # fmt: skip
    log.flush()
    written = {key for line in lines() for key in json.loads(line)}
    page = (Path(__file__).parents[2] / "docs/reference/events.md").read_text(encoding="utf-8")
    rows = page.partition("## Log lines")[2].splitlines()
    cells = [row.split("|")[1] for row in rows if row.startswith("| `")]
    assert {name for cell in cells for name in re.findall("`([a-z_]+)`", cell)} == written


def test_a_mail_log_above_its_level_does_nothing(configured):
    start, lines = configured
    turns = []
    log = MailLog(start(level="error"), turns.append)
    log.delivered(
        1,
        2,
        3,
        recipient="a@example.org",
        host="mx",
        reply="250 ok",
        tls="",
        delay_s=1.0,
        attempt=1,
    )
    log.flush()
    assert turns == []
    assert lines() == []


def test_a_pipe_that_nobody_reads_drops_lines_and_tells_how_many():
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    dropped = []
    sink = LineSink(
        writer, max_bytes=8192, on_dropped=dropped.append, dropped_notice="lost {}".format
    )
    for _ in range(400):
        sink.write("x" * 99)
    assert sum(dropped) > 0
    received, told = b"", 0
    while told < sum(dropped):
        received += os.read(reader, 65536)
        whole = received[: received.rfind(b"\n") + 1].splitlines()
        told = sum(int(line[5:]) for line in whole if line.startswith(b"lost "))
    sink.close()
    os.close(writer)
    with os.fdopen(reader, "rb") as rest:
        received += rest.read()
    written = sum(not line.startswith(b"lost ") for line in received.splitlines())
    assert written + told == 400


def test_closing_does_not_wait_for_a_reader_that_is_stuck():
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    sink = LineSink(writer)
    sink.write_many(["x" * 1000] * 10)
    sink.close(timeout_s=0.01)
    sink.write("after the end")
    seen = 0
    while seen < 10_000:  # reading sets the thread free
        seen += os.read(reader, 65536).count(b"x")
    sink.close()
    os.close(reader)
    os.close(writer)


def test_a_closed_pipe_loses_lines_but_raises_nothing():
    reader, writer = os.pipe()
    os.close(reader)
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    sink = LineSink(writer, on_dropped=metrics.log_lines_dropped)
    sink.write("lost")
    sink.close()
    os.close(writer)
    assert registry.get_sample_value("relevo_log_lines_dropped_total") == 1


def test_a_nonblocking_descriptor_is_written_whole():
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    sink = LineSink(writer)
    sink.write_many(["y" * 999] * 200)
    received = b""
    while len(received) < 200_000:
        received += os.read(reader, 65536)
    sink.close()
    assert received == (b"y" * 999 + b"\n") * 200
    os.close(reader)
    os.close(writer)
