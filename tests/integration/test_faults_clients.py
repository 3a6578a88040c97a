"""Clients that crawl, shout or talk nonsense: bounded memory, right replies, nobody else disturbed."""

import asyncio
import contextlib
import ssl

import pytest

from mta.listener.limits import ListenerLimits
from mta.model.clock import ManualClock
from tests.integration.listener_stand import TAKEN, on_both_loops, running, write_certificate
from tests.integration.test_listener_behaviour import (
    FAST,
    LOGIN,
    MAIL,
    TRUSTED,
    Client,
    connected,
    settled,
)

TIMEOUT = b"421 4.4.2 Timeout, closing connection\r\n"
MIB = 1 << 20
CRAWLS = {
    "a command": b"NOOP " + b"x" * 500,
    "a login": b"AUTH PLAIN " + b"A" * 500,
    "a login's answer": b"AUTH LOGIN\r\n" + b"A" * 500,
}


async def serves_others(stand, name: bytes = b"other") -> None:
    """Another client hands in a message."""
    before = len(stand.intake.taken)
    async with connected(stand.port) as client:
        client.write(MAIL + b"DATA\r\n" + name + b"\r\n.\r\nQUIT\r\n")
        for _ in range(3):
            await client.reply()
        assert await client.reply() == TAKEN.encode()
    assert len(stand.intake.taken) == before + 1


# One octet at a time


@pytest.mark.parametrize("crawl", CRAWLS.values(), ids=CRAWLS.keys())
async def test_a_client_that_crawls_is_cut_off_before_it_logs_in(crawl) -> None:
    clock = ManualClock()
    async with running(clock=clock, allow_plaintext_auth=True, limits=FAST) as stand:
        async with connected(stand.port) as client:
            (connection,) = stand.listener._shared.connections
            octets = iter(crawl)
            while not connection._closing_s:
                client.write(bytes([next(octets)]))
                await settled(client, stand)
                clock.advance(20)  # well within the time that silence may last
                stand.listener.check_deadlines()
            assert (await client.rest()).endswith(TIMEOUT)


async def test_a_login_one_octet_at_a_time_is_a_login() -> None:
    async with running(allow_plaintext_auth=True) as stand:
        async with connected(stand.port) as client:
            for octet in LOGIN:
                client.write(bytes([octet]))
                await client.writer.drain()
            assert (await client.reply()).startswith(b"235 ")


async def test_a_message_one_octet_at_a_time_is_cut_off_and_nothing_of_it_kept() -> None:
    clock = ManualClock()
    async with running(clock=clock, limits=FAST, **TRUSTED) as stand:
        async with connected(stand.port) as client:
            client.write(MAIL + b"DATA\r\n")
            for _ in range(3):
                await client.reply()
            (connection,) = stand.listener._shared.connections
            for _ in range(60):
                client.write(b"x")
                await settled(client, stand)
                clock.advance(15)
                stand.listener.check_deadlines()
                if connection._closing_s:
                    break
            assert await client.rest() == TIMEOUT
        assert stand.intake.taken == []
        assert stand.listener._shared.held_bytes == 0


@pytest.mark.parametrize("is_implicit", [False, True])
@on_both_loops
async def test_a_handshake_one_octet_at_a_time_is_cut_off_and_others_shake_hands(
    tmp_path, is_implicit
) -> None:
    certificate = write_certificate(tmp_path)
    limits = ListenerLimits(handshake_s=0.4, farewell_s=0.2)
    async with running(certificate=certificate, limits=limits, **TRUSTED) as stand:
        port = stand.tls_port if is_implicit else stand.port
        async with connected(port, hello=not is_implicit) as client:
            if not is_implicit:
                assert (await client.ask(b"STARTTLS")).startswith(b"220 ")
            crawling = asyncio.create_task(crawl_hello(client))
            async with connected(stand.port) as other:
                await other.start_tls(ssl.create_default_context(cafile=str(certificate[0])))
                assert b"250" in await other.ask(b"EHLO y")
            with contextlib.suppress(ConnectionError):
                assert b"250" not in await client.rest()
            crawling.cancel()
            await asyncio.gather(crawling, return_exceptions=True)
        while stand.listener.connections:
            await asyncio.sleep(0)


async def crawl_hello(client: Client) -> None:
    """Write the beginning of a TLS ClientHello for ever."""
    for octet in b"\x16\x03\x01\x40\x00\x01\x00\x3f\xfc\x03\x03" + bytes(16_000):
        client.write(bytes([octet]))
        await asyncio.sleep(0.02)


# Too much


@on_both_loops
async def test_megabytes_without_a_line_end_are_one_refusal_and_no_memory() -> None:
    async with running(**TRUSTED) as stand:
        async with connected(stand.port) as client:
            (connection,) = stand.listener._shared.connections
            most = 0
            for _ in range(32):
                client.write(b"x" * MIB)
                await client.writer.drain()
                most = max(most, connection._session.buffered_bytes)
            client.write(b"\r\n")
            assert (await client.reply()).startswith(b"500 5.5.")
            assert most < MIB
            await serves_others(stand)
            assert (await client.ask(b"NOOP")).startswith(b"250 ")


@on_both_loops
async def test_a_message_beyond_the_limit_is_refused_and_not_kept_in_memory() -> None:
    async with running(max_message_bytes=MIB, **TRUSTED) as stand:
        async with connected(stand.port) as client:
            client.write(MAIL + b"DATA\r\n")
            for _ in range(3):
                await client.reply()
            most = 0
            for _ in range(16):
                client.write((b"x" * 76 + b"\r\n") * (MIB // 78))
                await client.writer.drain()
                most = max(most, stand.listener._shared.held_bytes)
            client.write(b".\r\n")
            assert (await client.reply()).startswith(b"552 5.3.4")
            assert most < 3 * MIB
            assert stand.listener._shared.held_bytes == 0
            await serves_others(stand)


# Nonsense

GARBAGE = {
    "octets of all kinds": bytes(range(256)) * 40 + b"\r\n",
    "NULs": b"\0" * 5_000 + b"\r\n",
    "NULs in commands": b"MAIL FROM:<a\0b@example.org>\r\nRCPT TO:<\0>\r\n",
    "line ends alone": b"\r\n" * 50 + b"\n" * 50 + b"\r" * 50 + b"\r\n",
    "a web request": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a TLS hello in clear": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00\n" * 250 + b"\r\n",
    "commands in any order": b"RCPT TO:<a@b>\r\nDATA\r\nBDAT x\r\nAUTH\r\nSTARTTLS\r\nEHLO\r\n",
}  # fmt: skip


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE.keys())
@on_both_loops
async def test_garbage_in_one_go_ends_in_refusals_and_takes_nothing(garbage) -> None:
    async with running(limits=FAST, **TRUSTED) as stand:
        async with connected(stand.port) as client:
            client.write(garbage * 30 + b"QUIT\r\n")
            text = b""
            with contextlib.suppress(ConnectionError):
                text = await client.rest()
            codes = {line[:3] for line in text.splitlines()}
            assert codes <= {b"221", b"250", b"421", b"500", b"501", b"502", b"503", b"504", b"554"}
            assert codes & {b"421", b"500", b"501", b"503", b"554"} or not text
        assert stand.intake.taken == []
        await serves_others(stand)


@on_both_loops
async def test_a_crowd_that_shouts_at_once_leaves_a_working_client_its_turn() -> None:
    limits = ListenerLimits(error_delay_s=0.001)
    async with running(limits=limits, **TRUSTED) as stand:
        async with contextlib.AsyncExitStack() as stack:
            crowd = [await stack.enter_async_context(connected(stand.port)) for _ in range(30)]
            for client in crowd:
                client.write(b"\xff\x00nonsense\r\n" * 5_000)
            for number in range(10):
                await serves_others(stand, b"%d" % number)
            for client in crowd:
                with contextlib.suppress(ConnectionError):
                    assert b"250 " not in (await client.rest())[-40:]
