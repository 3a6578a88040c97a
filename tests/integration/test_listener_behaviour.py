"""The listener on real sockets: TLS, logins, limits, timeouts, back-pressure, shutdown."""

import asyncio
import contextlib
import socket
import ssl
import struct
import sys
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from mta.events.metrics import Metrics
from mta.intake.ports import Receipt
from mta.listener.limits import ListenerLimits
from mta.listener.tls import build_context
from mta.model.clock import ManualClock
from mta.model.errors import ConfigurationError
from mta.model.reply import Reply
from tests.integration.listener_stand import (
    PASSWORD,
    TAKEN,
    USER,
    on_both_loops,
    running,
    write_certificate,
)

LOGIN = b"AUTH PLAIN " + b64encode(f"\0{USER}\0{PASSWORD}".encode()) + b"\r\n"
WRONG = b"AUTH PLAIN " + b64encode(b"\0app@example.org\0wrong") + b"\r\n"
MAIL = b"MAIL FROM:<app@example.org>\r\nRCPT TO:<user@example.net>\r\n"
TRUSTED = {"trusted_networks": ["127.0.0.0/8"], "trusted_account": "app"}
FAST = ListenerLimits(auth_delay_s=0.001, max_auth_delay_s=0.001, error_delay_s=0.001)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return write_certificate(tmp_path_factory.mktemp("tls"))


class Client:
    """A client that writes octets and reads replies, each within ten seconds."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def write(self, data: bytes) -> None:
        self.writer.write(data)

    async def reply(self) -> bytes:
        lines = b""
        async with asyncio.timeout(10):
            while True:
                line = await self.reader.readline()
                lines += line
                if line[3:4] != b"-":
                    return lines

    async def ask(self, line: bytes) -> bytes:
        self.write(line + b"\r\n")
        return await self.reply()

    async def rest(self) -> bytes:
        async with asyncio.timeout(10):
            return await self.reader.read()

    async def start_tls(self, context: ssl.SSLContext) -> None:
        assert (await self.ask(b"STARTTLS")).startswith(b"220 ")
        await self.writer.start_tls(context, server_hostname="localhost")


@contextlib.asynccontextmanager
async def connected(port: int, *, hello: bool = True) -> AsyncIterator[Client]:
    client = Client(*await asyncio.open_connection("127.0.0.1", port))
    try:
        if hello:
            assert await client.reply() == b"220 mail.example.org ESMTP Relevo\r\n"
            assert b"PIPELINING" in await client.ask(b"EHLO x")
        yield client
    finally:
        client.writer.close()
        with contextlib.suppress(OSError, ssl.SSLError):
            await client.writer.wait_closed()


def trust(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate[0]))


# TLS


@on_both_loops
async def test_commands_injected_behind_starttls_are_never_answered(certificate) -> None:
    async with running(certificate=certificate, **TRUSTED) as stand:
        async with connected(stand.port) as client:
            client.write(b"STARTTLS\r\nMAIL FROM:<app@example.org>\r\nEHLO injected\r\nNO")
            assert (await client.reply()).startswith(b"220 ")
            await client.writer.start_tls(trust(certificate), server_hostname="localhost")
            client.write(b"OP\r\n")
            assert await client.reply() == b"500 5.5.2 Command not recognized\r\n"
            assert await client.ask(MAIL[:27]) == b"503 5.5.1 Send EHLO first\r\n"
            assert b"STARTTLS" not in await client.ask(b"EHLO x")
            assert (await client.ask(b"STARTTLS")).startswith(b"503 5.5.1")
            assert (await client.ask(b"QUIT")).startswith(b"221 2.0.0")


@on_both_loops
async def test_clear_text_instead_of_a_handshake_ends_the_connection(certificate) -> None:
    async with running(certificate=certificate) as stand:
        async with connected(stand.port) as client:
            assert (await client.ask(b"STARTTLS")).startswith(b"220 ")
            client.write(b"EHLO again\r\n" * 3)
            with contextlib.suppress(ConnectionError):
                assert b"250" not in await client.rest()
        async with connected(stand.port) as client:
            assert (await client.ask(b"NOOP")).startswith(b"250")


async def test_tls_below_1_2_is_refused(certificate) -> None:
    async with running(certificate=certificate) as stand:
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.set_ciphers("DEFAULT@SECLEVEL=0")
        with pytest.warns(DeprecationWarning, match="TLSv1"):
            old.minimum_version = ssl.TLSVersion.TLSv1
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.open_connection("127.0.0.1", stand.tls_port, ssl=old)


async def test_only_the_profiles_groups_and_ciphers_are_taken(certificate) -> None:
    async with running(certificate=certificate) as stand:

        async def works(*options: str) -> bool:
            process = await asyncio.create_subprocess_exec(
                "openssl", "s_client", "-connect", f"127.0.0.1:{stand.tls_port}", *options,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
            async with asyncio.timeout(10):
                return await process.wait() == 0

        assert await works("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256")
        assert not await works("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA")
        assert await works("-groups", "P-384")
        assert await works("-groups", "X25519")
        assert not await works("-groups", "P-521")
        assert not await works("-groups", "X448")


@on_both_loops
async def test_reload_uses_the_new_certificate_and_keeps_the_old_when_it_is_broken(
    tmp_path,
) -> None:
    paths = write_certificate(tmp_path)
    first = trust(paths)
    async with running(certificate=paths) as stand:
        async with connected(stand.port) as client:
            await client.start_tls(first)
        paths[0].write_text("broken")
        with pytest.raises(ConfigurationError, match="tls_certificate"):
            stand.listener.reload_certificates()
        async with connected(stand.port) as client:
            await client.start_tls(first)
        write_certificate(tmp_path)
        stand.listener.reload_certificates()
        async with connected(stand.port) as client:
            with pytest.raises(ssl.SSLError):
                await client.start_tls(first)
        async with connected(stand.port) as client:
            await client.start_tls(trust(paths))


def test_missing_or_foreign_keys_are_told_with_the_setting(tmp_path) -> None:
    one, other = write_certificate(tmp_path / "a"), write_certificate(tmp_path / "b")
    with pytest.raises(ConfigurationError, match=r"tls_key = .*no such file"):
        build_context(one[0], tmp_path / "none.pem")
    with pytest.raises(ConfigurationError, match=r"tls_certificate = .*no such file"):
        build_context(tmp_path / "none.pem", one[1])
    with pytest.raises(ConfigurationError, match=r"\[submission\].*its private key"):
        build_context(one[0], other[1])


# Logins


@on_both_loops
async def test_five_failed_logins_end_the_connection_and_block_the_address() -> None:
    limits = ListenerLimits(auth_delay_s=0.001, max_auth_delay_s=0.001)
    async with running(allow_plaintext_auth=True, limits=limits) as stand:
        async with connected(stand.port) as client:
            for _ in range(4):
                client.write(WRONG)
                assert (await client.reply()).startswith(b"535 5.7.8 ")
            client.write(WRONG + b"NOOP\r\n")
            assert await client.rest() == b"421 4.7.0 Too many failed logins, try again later\r\n"
        async with connected(stand.port) as client:
            client.write(LOGIN)
            assert (await client.rest()).startswith(b"421 4.7.0 ")


async def test_failed_login_is_answered_late_and_nothing_is_read_meanwhile() -> None:
    limits = ListenerLimits(auth_delay_s=3600.0, max_auth_delay_s=3600.0)
    async with running(allow_plaintext_auth=True, limits=limits) as stand:
        async with connected(stand.port) as client, connected(stand.port) as other:
            client.write(WRONG + b"NOOP\r\n")
            assert (await other.ask(b"NOOP")).startswith(b"250 ")
            assert (await other.ask(b"NOOP")).startswith(b"250 ")
            assert not client.reader._buffer


async def test_login_without_tls_is_refused_and_mail_too() -> None:
    async with running() as stand:
        async with connected(stand.port) as client:
            client.write(LOGIN)
            assert (await client.reply()).startswith(b"538 5.7.11")
            assert (await client.ask(MAIL[:27])).startswith(b"530 5.7.0")


async def test_require_auth_false_takes_mail_for_the_trusted_account() -> None:
    async with running(require_auth=False, trusted_account="app") as stand:
        async with connected(stand.port) as client:
            client.write(MAIL + b"DATA\r\n")
            for code in (b"250", b"250", b"354"):
                assert (await client.reply()).startswith(code)
            client.write(b"x\r\n.\r\n")
            assert await client.reply() == TAKEN.encode()
        assert stand.intake.taken[0].identity.name == "app"


# Limits and timeouts


async def test_connections_beyond_the_limits_are_told_421() -> None:
    limits = ListenerLimits(max_per_address=2, max_connections=10)
    async with running(limits=limits) as stand:
        async with connected(stand.port) as first, connected(stand.port):
            async with connected(stand.port, hello=False) as third:
                assert (await third.rest()).startswith(b"421 4.7.0 Too many connections")
            first.write(b"QUIT\r\n")
            assert await first.rest()
        async with connected(stand.port):
            assert stand.listener.connections == 1


@pytest.mark.parametrize(
    ("before", "silent_s", "alive"),
    [
        (b"", 62.0, False),
        (b"", 59.0, True),
        (LOGIN, 240.0, True),
        (LOGIN, 302.0, False),
        (LOGIN + MAIL + b"DATA\r\nSubject: x\r\n", 182.0, False),
    ],
)
async def test_silent_client_is_closed_after_its_time(before, silent_s, alive) -> None:
    clock = ManualClock()
    async with running(clock=clock, allow_plaintext_auth=True, limits=FAST) as stand:
        async with connected(stand.port) as client:
            client.write(before)
            for _ in range(before.count(b"\r\n") - (b"Subject" in before)):
                await client.reply()
            await settled(client, stand)
            clock.advance(silent_s)
            stand.listener.check_deadlines()
            if alive:
                assert (await client.ask(b"NOOP")).startswith(b"250")
            else:
                assert await client.rest() == b"421 4.4.2 Timeout, closing connection\r\n"


async def settled(client: Client, stand) -> None:
    """All that the client wrote has been worked on: a second connection came after it."""
    async with connected(stand.port) as other:
        await other.ask(b"QUIT")


async def test_message_that_drips_is_cut_off_and_a_slow_steady_one_is_not() -> None:
    for rate, alive in ((10, False), (6_000, True)):
        clock = ManualClock()
        async with running(clock=clock, limits=FAST, **TRUSTED) as stand:
            async with connected(stand.port) as client:
                client.write(MAIL + b"DATA\r\n")
                for _ in range(3):
                    await client.reply()
                for _ in range(21):
                    client.write((b"x" * 98 + b"\r\n") * (rate * 30 // 100))
                    await client.writer.drain()
                    await settled(client, stand)
                    clock.advance(30.0)
                    stand.listener.check_deadlines()
                clock.advance(2.0)
                stand.listener.check_deadlines()
                client.write(b"\r\n.\r\n")
                expected = TAKEN.encode() if alive else b"421 4.4.2 Timeout, closing connection\r\n"
                assert await client.reply() == expected


@on_both_loops
async def test_client_that_waits_for_a_commit_is_read_no_further_than_the_limit() -> None:
    limits = ListenerLimits(max_buffered=10_000)
    async with running(limits=limits, **TRUSTED) as stand:
        stand.intake.waiting = []
        async with connected(stand.port) as client:
            client.write(MAIL + b"DATA\r\nx\r\n.\r\n" + b"NOOP\r\n" * 50)
            for _ in range(3):
                await client.reply()
            while not stand.intake.waiting:
                await settled(client, stand)
            (connection,) = stand.listener._shared.connections
            client.write(b"NOOP " + b"x" * 900 + b"\r\n")
            for _ in range(2000):
                client.write(b"x" * 998 + b"\r\n")
            for _ in range(20):
                await settled(client, stand)
            assert connection._session.buffered_bytes < 600_000
            stand.intake.waiting[0].set_result(Receipt(TAKEN, 1))
            assert await client.reply() == TAKEN.encode()
            assert (await client.reply()).startswith(b"250 ")


async def test_message_whose_commit_fails_is_deferred() -> None:
    async with running(**TRUSTED) as stand:
        stand.intake.waiting = []
        async with connected(stand.port) as client:
            client.write(MAIL + b"DATA\r\nx\r\n.\r\n")
            for _ in range(3):
                await client.reply()
            while not stand.intake.waiting:
                await settled(client, stand)
            stand.intake.waiting[0].set_exception(RuntimeError("bug"))
            assert (await client.reply()).startswith(b"451 4.3.0")
            assert (await client.ask(b"NOOP")).startswith(b"250")


async def test_client_that_leaves_while_its_message_is_stored_harms_nobody() -> None:
    async with running(**TRUSTED) as stand:
        stand.intake.waiting = []
        async with connected(stand.port) as client:
            client.write(MAIL + b"DATA\r\nx\r\n.\r\n")
            for _ in range(3):
                await client.reply()
            while not stand.intake.waiting:
                await settled(client, stand)
            raw = client.writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # RST
            client.writer.transport.abort()
        while stand.listener.connections:
            await asyncio.sleep(0)
        stand.intake.waiting[0].set_result(Receipt(TAKEN, 1))
        async with connected(stand.port) as client:
            assert (await client.ask(b"NOOP")).startswith(b"250")
        assert stand.listener._shared.held_bytes == 0


async def test_low_disk_is_told_at_mail_and_recipients_one_by_one() -> None:
    metrics = Metrics(CollectorRegistry())
    async with running(metrics=metrics, **TRUSTED) as stand:
        stand.intake.capacity = Reply.of(452, "4.3.1", "Disk space is low")
        stand.intake.refused_recipients["b@example.net"] = Reply.of(552, "5.2.2", "Exhausted")
        async with connected(stand.port) as client:
            assert await client.ask(MAIL[:27]) == b"452 4.3.1 Disk space is low\r\n"
            stand.intake.capacity = None
            assert (await client.ask(b"MAIL FROM:<a@other.example>")).startswith(b"550 5.7.1")
            assert (await client.ask(MAIL[:27])).startswith(b"250 2.1.0")
            assert (await client.ask(b"RCPT TO:<a@example.net>")).startswith(b"250 2.1.5")
            assert (await client.ask(b"RCPT TO:<b@example.net>")).startswith(b"552 5.2.2")
    counted = {
        reason: metrics.registry.get_sample_value(
            "relevo_submissions_refused_total", {"door": "smtp", "reason": reason}
        )
        for reason in ("4.3.1", "5.7.1", "5.2.2")
    }
    assert counted == {"4.3.1": 1, "5.7.1": 1, "5.2.2": 1}


async def test_too_much_mail_at_once_is_deferred_at_mail() -> None:
    async with running(limits=ListenerLimits(max_held=100_000), **TRUSTED) as stand:
        async with connected(stand.port) as client, connected(stand.port) as other:
            client.write(MAIL + b"DATA\r\n" + b"x\r\n" * 30_000)
            for _ in range(3):
                await client.reply()
            while stand.listener._shared.held_bytes < 80_000:
                await settled(client, stand)
            refused = await other.ask(b"MAIL FROM:<app@example.org> SIZE=20000")
            assert refused.startswith(b"452 4.3.1")
            client.write(b".\r\n")
            assert await client.reply() == TAKEN.encode()
            assert stand.listener._shared.held_bytes == 0
            assert (await other.ask(MAIL[:27])).startswith(b"250")


@on_both_loops
async def test_client_that_never_reads_is_read_no_more_and_then_cut_off() -> None:
    clock = ManualClock()
    async with running(clock=clock, limits=FAST, **TRUSTED) as stand:
        async with connected(stand.port) as client:
            client.writer.transport.pause_reading()
            raw = client.writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.write(MAIL)
            (connection,) = stand.listener._shared.connections
            while not connection._is_write_paused:
                client.write(b"MAIL FROM:<app@example.org>\r\nRCPT TO:<nobody>\r\nRSET\r\n" * 50)
                client.write(MAIL + b"DATA\r\n.\r\n")
                await asyncio.sleep(0)
            clock.advance(301.0)
            stand.listener.check_deadlines()
            assert stand.listener.connections == 0


async def test_refused_message_gives_its_memory_back() -> None:
    async with running(max_message_bytes=100_000, **TRUSTED) as stand:
        async with connected(stand.port) as client:
            client.write(MAIL + b"DATA\r\n" + b"x\r\n" * 20_000)
            for _ in range(3):
                await client.reply()
            while not stand.listener._shared.held_bytes:
                await settled(client, stand)
            client.write(b"x\r\n" * 20_000 + b".\r\n")
            assert (await client.reply()).startswith(b"552 5.3.4")
            assert stand.listener._shared.held_bytes == 0


# Life


@on_both_loops
async def test_shutdown_ends_handshakes_without_a_word_in_clear(certificate) -> None:
    async with running(certificate=certificate) as stand:
        async with connected(stand.tls_port, hello=False) as client:
            while not stand.listener.connections:
                await asyncio.sleep(0)
            async with asyncio.timeout(10):
                await stand.listener.close(0.05)
            with contextlib.suppress(ConnectionError):
                assert await client.rest() == b""


async def test_descriptors_may_run_out_without_harm() -> None:
    """A process with few descriptors serves those it has, spins never and recovers."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.integration.listener_starved",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdin is not None
    port = int(await process.stdout.readline())
    async with contextlib.AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(connected(port, hello=False)) for _ in range(40)]
        greetings = [await client.reader.read(4) for client in clients]
        assert greetings.count(b"220 ") >= 5
        assert set(greetings) <= {b"220 ", b"421 ", b""}
    process.stdin.write(b"idle\n")
    before = float(await process.stdout.readline())
    process.stdin.write(b"idle\n")
    async with connected(port) as client:
        assert (await client.ask(b"QUIT")).startswith(b"221")
    assert float(await process.stdout.readline()) - before < 1.0
    process.stdin.close()
    assert await process.wait() == 0


@on_both_loops
async def test_shutdown_tells_idle_clients_and_lets_a_message_end() -> None:
    async with running(**TRUSTED) as stand:
        stand.intake.waiting = []
        async with connected(stand.port) as idle, connected(stand.port) as busy:
            busy.write(MAIL + b"DATA\r\nx\r\n.\r\n")
            for _ in range(3):
                await busy.reply()
            while not stand.intake.waiting:
                await settled(busy, stand)
            closing = asyncio.create_task(stand.listener.close(30.0))
            assert (await idle.rest()).startswith(b"421 4.3.2")
            assert not closing.done()
            stand.intake.waiting[0].set_result(Receipt(TAKEN, 1))
            assert await busy.reply() == TAKEN.encode()
            assert (await busy.rest()).startswith(b"421 4.3.2")
            async with asyncio.timeout(10):
                await closing
        with pytest.raises(OSError):
            await asyncio.open_connection("127.0.0.1", 1 if not stand.listener.addresses else 0)


async def test_shutdown_cuts_off_at_its_deadline() -> None:
    async with running(**TRUSTED) as stand:
        stand.intake.waiting = []
        async with connected(stand.port) as client:
            client.write(MAIL + b"DATA\r\nx\r\n")
            for _ in range(3):
                await client.reply()
            await settled(client, stand)
            async with asyncio.timeout(10):
                await stand.listener.close(0.05)
            with contextlib.suppress(ConnectionError):
                assert await client.rest() == b""
        assert stand.intake.taken == []


@on_both_loops
async def test_half_closed_connection_gets_all_its_replies() -> None:
    async with running(**TRUSTED) as stand:
        stand.intake.waiting = []
        async with connected(stand.port, hello=False) as client:
            client.write(b"EHLO x\r\n" + MAIL + b"DATA\r\nx\r\n.\r\nQUIT\r\n")
            client.writer.write_eof()
            while not stand.intake.waiting:
                await asyncio.sleep(0)
            stand.intake.waiting[0].set_result(Receipt(TAKEN, 1))
            answer = await client.rest()
            assert answer.endswith(TAKEN.encode() + b"221 2.0.0 Bye\r\n")


@on_both_loops
async def test_who_has_sent_everything_is_not_slowed_down_for_errors() -> None:
    async with running(limits=ListenerLimits(error_delay_s=3600), **TRUSTED) as stand:
        async with connected(stand.port, hello=False) as client:
            client.write(b"EHLO x\r\n" + b"NONSENSE\r\n" * 15 + b"QUIT\r\n")
            client.writer.write_eof()
            answer = await client.rest()
            assert answer.count(b"\r\n500 5.5.") == 15
            assert answer.endswith(b"221 2.0.0 Bye\r\n")


@on_both_loops
async def test_sockets_of_the_service_manager_are_used() -> None:
    given = socket.create_server(("127.0.0.1", 0))
    port = given.getsockname()[1]
    async with running(listen=[]) as stand:
        await stand.listener.start(sockets=[given])
        async with connected(port) as client:
            assert (await client.ask(b"QUIT")).startswith(b"221")


async def test_address_in_use_is_told_with_the_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=rf'listen = "127.0.0.1:{port}"'):
            async with running(listen=[f"127.0.0.1:{port}"]):
                pass


@on_both_loops
async def test_replies_leave_without_delay() -> None:
    async with running() as stand:
        async with connected(stand.port):
            (connection,) = stand.listener._shared.connections
            raw = connection._transport.get_extra_info("socket")
            assert raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
