"""The load programs account for every copy: nothing lost, doubled or altered goes unseen."""

import itertools
import smtplib
import time
import zlib
from collections.abc import Iterator

import pytest

from bench.cases import Load, Receivers
from bench.generator import Sink, Source, Stream, new_stream
from bench.ground import FIRST_RECEIVER, RECEIVERS, _make_certificate, free_port, receiver_address
from bench.programs import CannotBuildError, program

pytestmark = pytest.mark.debian


class Ground:
    """What the load programs need of the real one."""

    def __init__(self, tmp_path):
        self.certificate, self.key = tmp_path / "certificate.pem", tmp_path / "key.pem"
        self.mx_port = free_port(tuple(receiver_address(n) for n in range(RECEIVERS)))
        _make_certificate(self.certificate, self.key)


@pytest.fixture(scope="session", autouse=True)
def _programs():
    try:
        program("msrc"), program("msink")
    except CannotBuildError as error:
        pytest.skip(str(error))


@pytest.fixture
def ground(tmp_path):
    return Ground(tmp_path)


@pytest.fixture
def stream() -> Stream:
    return Stream("5eed01", Load(messages=10, recipients=2))


@pytest.fixture
def sink(ground, stream) -> Iterator[Sink]:
    with Sink(ground, Receivers(count=1), [stream]) as sink:
        yield sink


def message(
    stream: Stream, number: int, body: bytes = b"hello\r\n", crc: int | None = None
) -> bytes:
    checksum = zlib.crc32(body) if crc is None else crc
    mark = f"{stream.run}-{number}-{time.monotonic_ns()}-{checksum:x}-{len(body)}"
    return b"Subject: x\r\nX-Load-Id: " + mark.encode() + b"\r\n\r\n" + body


def hand_in(ground: Ground, recipients: list[str], *contents: bytes) -> None:
    with smtplib.SMTP(FIRST_RECEIVER, ground.mx_port, timeout=10) as client:
        for content in contents:
            client.sendmail("a@sender.test", recipients, content)


def send_all(ground: Ground, load: Load, receivers: Receivers) -> tuple[dict, dict]:
    stream = new_stream(load, itertools.count(1))
    with Sink(ground, receivers, [stream]) as sink:
        source = Source(stream, f"{FIRST_RECEIVER}:{ground.mx_port}", 20.0)
        try:
            source._process.wait(25)
            return source.result(), sink.ask()
        finally:
            source.close()


@pytest.mark.parametrize(
    ("load", "receivers"),
    [
        (Load(messages=300, connections=7), Receivers(count=3)),
        (Load(messages=300, connections=7, pipelining=True), Receivers(count=1)),
        (Load(messages=60, connections=3, per_connection=1), Receivers(count=1)),
        (Load(messages=60, connections=3, tls=True), Receivers(count=1, tls=True)),
        (Load(messages=20, connections=2, recipients=25), Receivers(count=1)),
        (Load(messages=20, connections=4, size=100_000), Receivers(count=1)),
        (Load(messages=8, connections=4), Receivers(count=1, delay_ms=2)),
        (Load(messages=30, connections=2, rate=1000.0), Receivers(count=1)),
    ],
    ids=["plain", "pipelined", "one each", "tls", "recipients", "large", "slow", "at a rate"],
)
def test_every_copy_that_is_sent_is_counted_once(ground, load, receivers):
    sent, got = send_all(ground, load, receivers)
    arrived = got["streams"][0]
    assert (sent["accepted"], sent["resent"]) == (load.messages, 0)
    assert arrived["unique"] == load.messages * load.recipients
    assert arrived["duplicates"] == got["corrupt"] == got["foreign"] == got["strays"] == 0
    assert got["encrypted"] == (load.messages if load.tls else 0)


def test_the_size_of_messages_is_near_what_was_asked_for(ground):
    _, got = send_all(ground, Load(messages=10, size=2048), Receivers(count=1))
    assert 1800 < got["octets"] / 10 < 2100


def test_a_message_that_comes_twice_is_a_duplicate_for_each_recipient(ground, stream, sink):
    once = message(stream, 3)
    hand_in(ground, ["u3.0@d.test", "u3.1@d.test"], once, once)
    arrived = sink.ask()["streams"][0]
    assert (arrived["unique"], arrived["duplicates"]) == (2, 2)


def test_copies_of_one_message_for_two_recipients_are_no_duplicates(ground, stream, sink):
    hand_in(ground, ["u3.0@d.test"], message(stream, 3))
    hand_in(ground, ["u3.1@d.test"], message(stream, 3))
    arrived = sink.ask()["streams"][0]
    assert (arrived["unique"], arrived["duplicates"]) == (2, 0)


def test_an_altered_body_is_corrupt(ground, stream, sink):
    hand_in(ground, ["u1.0@d.test"], message(stream, 1, crc=zlib.crc32(b"hallo\r\n")))
    assert sink.ask()["corrupt"] == 1


def test_a_body_with_dots_arrives_as_it_was(ground, stream, sink):
    hand_in(ground, ["u1.0@d.test"], message(stream, 1, b".\r\n..a\r\nb.\r\n.c\r\n"))
    got = sink.ask()
    assert (got["corrupt"], got["streams"][0]["unique"]) == (0, 1)


def test_a_message_of_another_run_is_foreign(ground, stream, sink):
    other = Stream("bad", stream.load)
    hand_in(ground, ["u1.0@d.test"], message(other, 1), b"Subject: none\r\n\r\nhello\r\n")
    got = sink.ask()
    assert (got["foreign"], got["streams"][0]["unique"]) == (2, 0)


def test_a_message_for_somebody_else_is_a_stray(ground, stream, sink):
    hand_in(ground, ["u2.0@d.test"], message(stream, 1))
    got = sink.ask()
    assert (got["strays"], got["streams"][0]["unique"]) == (1, 0)


def test_a_signed_message_is_counted_as_signed(ground, stream, sink):
    signed = b"DKIM-Signature: v=1; a=rsa-sha256\r\n" + message(stream, 1)
    hand_in(ground, ["u1.0@d.test"], signed, message(stream, 2))
    assert sink.ask()["signed"] == 1
