"""`relevo send` against a real server: the simulator, and aiosmtpd with a login."""

import asyncio
import ssl
import threading
from pathlib import Path

import click
import pytest
from aiosmtpd.smtp import SMTP, AuthResult
from click.testing import CliRunner

from console.cli.send import defaults, send
from console.cli.sending import SendOptions, tls_context
from console.cli.sending import send as send_all
from mta.model.address import parse_address
from mta.sandbox.simulator import Simulator
from mta.settings.values import HostPort
from tests.integration.test_sandbox_simulator import server_context, tls_files  # noqa: F401

ANA = parse_address("ana@example.net")
SENDER = parse_address("app@example.org")


def options(address, **changes):
    values = {"server": HostPort(*address), "sender": SENDER, "recipients": (ANA,)}
    return SendOptions(**(values | changes))


async def test_a_message_is_composed_and_arrives():
    async with Simulator() as simulator:
        summary = await send_all(
            options(
                simulator.addresses[0], subject="Señal", body="ñandú\n", headers=(("X-Tag", "a"),)
            )
        )
        (message,) = simulator.inbox.list()
    assert summary.is_success
    assert (summary.sent, summary.failed) == (1, 0)
    assert "kept by the sandbox" in summary.last_reply
    assert message.subject == "Señal"
    assert message.header("X-Tag") == "a"
    assert message.header("Message-ID").endswith("@example.org>")
    assert message.header("Date")
    assert message.mail_from == "app@example.org"


async def test_many_messages_share_few_connections_and_no_message_id():
    async with Simulator() as simulator:
        done = []
        summary = await send_all(
            options(simulator.addresses[0], count=25, connections=3), lambda: done.append(1)
        )
        messages = simulator.inbox.list()
    assert summary.sent == len(done) == len(messages) == 25
    assert len({message.header("Message-ID") for message in messages}) == 25


async def test_a_file_is_sent_as_it_is_with_headers_on_top():
    async with Simulator() as simulator:
        content = b"Subject: from a file\n\nline\n.dot\n"
        headers = (("X-Relevo-Class", "urgent"),)
        await send_all(options(simulator.addresses[0], content=content, headers=headers))
        (message,) = simulator.inbox.list()
    assert message.raw == b"X-Relevo-Class: urgent\r\nSubject: from a file\r\n\r\nline\r\n.dot\r\n"


async def test_addresses_beyond_ascii_are_sent_with_smtputf8():
    recipient = parse_address("ñandú@exämple.net")
    async with Simulator() as simulator:
        summary = await send_all(options(simulator.addresses[0], recipients=(recipient,)))
        (message,) = simulator.inbox.list()
    assert summary.is_success
    assert message.rcpt_to == ("ñandú@xn--exmple-cua.net",)
    assert "ñandú" in message.header("To")


async def test_failures_are_told_per_message_and_per_recipient():
    bad = parse_address("bounce@example.net")
    async with Simulator() as simulator:
        both = await send_all(options(simulator.addresses[0], recipients=(ANA, bad)))
        none = await send_all(options(simulator.addresses[0], recipients=(bad,), count=2))
    assert (both.sent, both.failed, both.refused_recipients) == (1, 0, 1)
    assert not both.is_success
    assert both.failures == ["message 1: bounce@example.net: 550 5.1.1 No such user here (sandbox)"]
    assert (none.sent, none.failed) == (0, 2)


async def test_a_connection_that_breaks_is_opened_again():
    drop = parse_address("drop@example.net")
    async with Simulator() as simulator:
        summary = await send_all(options(simulator.addresses[0], recipients=(drop,), count=2))
        assert simulator.inbox.total == 2
    assert (summary.sent, summary.failed) == (0, 2)


async def test_a_server_that_is_not_there_is_tried_three_times_only():
    async with Simulator() as simulator:
        address = simulator.addresses[0]
    summary = await send_all(options(address, count=5))
    assert summary.failed == 5
    assert summary.failures[-1] == "message 5: not sent: the server cannot be used"


async def test_a_silent_server_does_not_hold_us_for_ever():
    gone = asyncio.Event()

    async def say_nothing(reader, writer):
        await reader.read()
        writer.close()
        gone.set()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    summary = await send_all(options(server.sockets[0].getsockname(), timeout_s=0.05))
    async with asyncio.timeout(20):
        await gone.wait()
    server.close()
    assert summary.failed == 1
    assert summary.failures == ["message 1: no answer in time"]


class Handler:
    """Takes what comes after a login."""

    def __init__(self):
        self.logins = []

    def authenticate(self, _server, session, _envelope, _mechanism, data):
        self.logins.append((data.login, data.password, session.ssl is not None))
        return AuthResult(success=data.password == b"secret", handled=False)

    async def handle_DATA(self, _server, _session, _envelope):
        return "250 2.0.0 taken"


@pytest.fixture
async def login_server(tls_files):  # noqa: F811
    handler = Handler()
    loop = asyncio.get_running_loop()

    live = []

    class Connection(SMTP):
        def connection_made(self, transport):
            if self not in live:
                live.append(self)
                self.lost = asyncio.Event()
            super().connection_made(transport)

        def connection_lost(self, error):
            self.lost.set()
            super().connection_lost(error)

    def protocol(context):
        return lambda: Connection(
            handler,
            loop=loop,
            hostname="server",
            tls_context=context,
            authenticator=handler.authenticate,
            auth_required=True,
            auth_require_tls=True,
        )

    server = await loop.create_server(protocol(server_context(tls_files)), "127.0.0.1", 0)
    yield handler, server.sockets[0].getsockname()
    server.close()
    for connection in live:
        if connection.transport is not None:
            connection.transport.close()
        async with asyncio.timeout(20):
            await connection.lost.wait()


async def test_the_password_goes_through_starttls(login_server):
    handler, address = login_server
    summary = await send_all(options(address, username="u", password="secret"))
    assert summary.is_success, summary.failures
    assert handler.logins == [(b"u", b"secret", True)]


async def test_a_wrong_password_is_a_failure_with_the_servers_words(login_server):
    _handler, address = login_server
    summary = await send_all(options(address, username="u", password="wrong"))
    assert summary.failed == 1
    assert "535" in summary.failures[0]


async def test_a_self_signed_certificate_is_refused_elsewhere_than_on_loopback(
    login_server, monkeypatch
):
    _handler, address = login_server
    monkeypatch.setattr(HostPort, "is_loopback", property(lambda _self: False))
    summary = await send_all(options(address, username="u", password="secret"))
    assert summary.failed == 1
    assert "CERTIFICATE_VERIFY_FAILED" in summary.failures[0]
    lenient = await send_all(options(address, username="u", password="secret", insecure=True))
    assert lenient.is_success, lenient.failures


async def test_a_password_is_not_sent_in_clear_over_a_network(monkeypatch):
    monkeypatch.setattr(HostPort, "is_loopback", property(lambda _self: False))
    async with Simulator() as simulator:
        summary = await send_all(options(simulator.addresses[0], username="u", password="secret"))
    assert summary.failed == 1
    assert "does not offer STARTTLS" in summary.failures[0]


@pytest.fixture
def background_simulator():
    """A simulator in a thread of its own, for commands that bring their own event loop."""
    ready = threading.Event()
    state = {}

    async def main():
        async with Simulator() as simulator:
            state["simulator"] = simulator
            state["stop"] = asyncio.Event()
            state["loop"] = asyncio.get_running_loop()
            ready.set()
            await state["stop"].wait()

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    assert ready.wait(20)
    yield state["simulator"]
    state["loop"].call_soon_threadsafe(state["stop"].set)
    thread.join(20)


def command(*arguments, **invoke):
    return CliRunner().invoke(send, list(arguments), **invoke)


def at(simulator):
    host, port = simulator.addresses[0]
    return f"{host}:{port}"


def test_the_command_sends_and_says_so(background_simulator, tmp_path):
    file = tmp_path / "mail.eml"
    file.write_bytes(b"Subject: eml\n\nx\n")
    result = command(
        "--to", "ana@example.net", "--to", "eva@example.net", "--server", at(background_simulator),
        "--from", "app@example.org", "--file", str(file), "--class", "urgent", "--header", "X-A: b",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert result.output.startswith("sent 1 message to 127.0.0.1:")
    (message,) = background_simulator.inbox.list()
    assert message.rcpt_to == ("ana@example.net", "eva@example.net")
    assert message.headers[:2] == (("X-Relevo-Class", "urgent"), ("X-A", "b"))


def test_a_message_is_read_from_input(background_simulator):
    arguments = ("--to", "a@example.net", "--server", at(background_simulator), "--file", "-")
    result = command(*arguments, input="Subject: piped\n\nx\n")
    assert result.exit_code == 0, result.output
    assert background_simulator.inbox.list()[0].subject == "piped"


def test_the_command_fails_with_exit_code_1_and_a_line_per_failure(background_simulator):
    result = command(
        "--to", "bounce@example.net", "--server", at(background_simulator), "--count", "30"
    )
    assert result.exit_code == 1
    assert result.stderr.count("550 5.1.1") == 20
    assert "… and 10 more" in result.stderr
    assert "30 failed" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--to"),
        (["--to", "nobody"], "has no domain"),
        (["--to", "a@b.example", "--server", "host"], "expected HOST:PORT"),
        (["--to", "a@b.example", "--header", "no colon"], "Name: value"),
        (["--to", "a@b.example", "--header", "A: b\r\nBcc: c"], "Name: value"),
        (["--to", "a@b.example", "--count", "0"], "--count"),
        (["--to", "a@b.example", "--password", "x", "--password-stdin"], "not both"),
        (["--to", "a@b.example", "--class", "slow"], "--class"),
        (["--to", "a@b.example", "--password-stdin", "--file", "-"], "cannot both read input"),
    ],
)
def test_wrong_usage_ends_with_exit_code_2(arguments, message):
    result = command(*arguments)
    assert result.exit_code == 2
    assert message in result.output


def test_the_password_is_read_from_the_first_line_of_input(background_simulator):
    result = command(
        "--to", "a@example.net", "--server", at(background_simulator), "--user", "u", "--password-stdin",
        input="secret\nmore\n",
    )  # fmt: skip
    assert result.exit_code == 1  # the simulator knows no login
    assert "secret" not in result.output


def test_server_and_sender_come_from_the_settings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert defaults(Path("config/relevo.toml")) == (HostPort("127.0.0.1", 587), "localhost")
    config = tmp_path / "relevo.toml"
    config.write_text(
        '[server]\nhostname = "mta.example.org"\n[submission]\nlisten = ["0.0.0.0:2587", "[::]:25"]\n'
    )
    assert defaults(config) == (HostPort("127.0.0.1", 2587), "mta.example.org")
    config.write_text('[submission]\nlisten = ["[::]:2587"]\n')
    assert defaults(config)[0] == HostPort("::1", 2587)


def test_the_command_is_named_send():
    assert isinstance(send, click.Command)
    assert send.name == "send"


def test_a_lenient_context_takes_any_certificate():
    assert tls_context(is_lenient=True).verify_mode is ssl.CERT_NONE
    strict = tls_context(is_lenient=False)
    assert strict.verify_mode is ssl.CERT_REQUIRED
    assert strict.check_hostname
