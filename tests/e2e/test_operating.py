"""What an operator does to a running relay: restart, reload, start it twice by mistake."""

import re
import signal
import ssl
from collections.abc import Iterator

import pytest

from tests.e2e import clients
from tests.e2e.conftest import SANDBOX_DOMAIN
from tests.e2e.ground import until
from tests.e2e.server import SENDER_DOMAIN, RelevoServer

DOWN = "down.test"


@pytest.fixture(scope="module")
def server(ground, sandbox) -> Iterator[RelevoServer]:
    """A relay of its own."""
    with RelevoServer(ground, name="operating", QUEUE__RETRY="1h") as made:
        made.start()
        yield made
        made.stop()


@pytest.mark.parametrize("way", ["stopped", "killed"])
def test_mail_in_the_queue_survives_a_restart(server, ground, way) -> None:
    mx = ground.simulator(6, is_up=False)
    ground.domain(DOWN, mx.host)
    recipients = [f"{way}{n}@{DOWN}" for n in range(5)]
    with clients.connect(server) as client:
        ids = [clients.hand_in(client, clients.message(r, r), r) for r in recipients]
    for message in ids:
        until(lambda m=message: server.states(m) == ["scheduled"], "the first attempt has failed")
    before = server.pid
    if way == "stopped":
        server.stop()
    else:
        server.kill()
    mx.start()
    try:
        server.start()
        assert server.pid != before
        assert server.cli("queue", "retry", "--site", DOWN) == {"changed": 5}
        for recipient, message in zip(recipients, ids, strict=True):
            (received,) = mx.wait(recipient)
            assert received.subject == recipient
            until(lambda m=message: server.states(m) == ["delivered"], "delivered")
        assert len(mx.messages()) == 5
    finally:
        mx.stop()


def test_a_second_server_on_the_same_data_refuses_and_names_the_first(server) -> None:
    done = server.command("serve")
    assert done.returncode == 1
    assert f"in use by process {server.pid}: stop it first" in done.stderr
    assert str(server.data_dir) in done.stderr
    assert "Traceback" not in done.stderr
    assert server.is_ready(), "the first one goes on"


def test_sighup_brings_the_new_certificate(server) -> None:
    old = certificate(server, server.port), certificate(server, server.tls_port)
    with clients.connect(server) as client:  # a session of before
        server.use_certificate()
        server.signal(signal.SIGHUP)
        until(lambda: certificate(server, server.port) != old[0], "STARTTLS shows the new one")
        until(lambda: certificate(server, server.tls_port) != old[1], "and so does port 465")
        recipient = f"before@{SANDBOX_DOMAIN}"
        clients.hand_in(client, clients.message("goes on", recipient), recipient)


def test_sighup_with_a_broken_certificate_keeps_the_old_one(server) -> None:
    old = certificate(server, server.port)
    path = server.directory / "certificate.pem"
    good = path.read_bytes()
    path.write_bytes(b"no certificate\n")
    try:
        server.signal(signal.SIGHUP)
        entry = until(lambda: [e for e in server.log() if "reload failed" in e["event"]], "told")[0]
        assert str(path) in entry["error"]
        assert certificate(server, server.port) == old
    finally:
        path.write_bytes(good)


def test_sighup_and_dkim_new_bring_keys(server, ground, sandbox) -> None:
    assert signers(server, sandbox, "none") == []
    first = server.cli("dkim", "new", SENDER_DOMAIN, "--selector", "first", "--type", "ed25519")
    assert first["selector"] == "first"
    assert signers(server, sandbox, "first") == ["first"], "the command tells the server"
    folder = server.directory / "dkim_keys" / SENDER_DOMAIN
    copied = folder / "second.pem"
    copied.touch(mode=0o600)
    copied.write_bytes((folder / "first.pem").read_bytes())
    server.signal(signal.SIGHUP)
    until(lambda: reloads(server) >= 2, "the reload is told")
    assert signers(server, sandbox, "both") == ["first", "second"]


def reloads(server: RelevoServer) -> int:
    """How often keys were read anew without a problem."""
    return sum(entry["event"].startswith("reloaded") for entry in server.log())


def signers(server: RelevoServer, sandbox, name: str) -> list[str]:
    """The selectors that a mail sent now is signed with."""
    recipient = f"signed-{name}@{SANDBOX_DOMAIN}"
    clients.submit(server, clients.message(name, recipient), recipient)
    (message,) = sandbox.wait(recipient)
    fields = [value for key, value in message.headers if key.lower() == "dkim-signature"]
    return sorted(re.findall(r"\bs=([^;\s]+)", " ".join(fields)))


def certificate(server: RelevoServer, port: int) -> bytes:
    """What a new client is shown."""
    with clients.connect(server, is_implicit=port == server.tls_port) as client:
        secured = client.sock
        assert isinstance(secured, ssl.SSLSocket)
        shown = secured.getpeercert(binary_form=True)
    assert shown is not None
    return shown


def test_sigterm_lets_a_transaction_finish_and_takes_no_further(ground, sandbox) -> None:
    with RelevoServer(ground, name="stopping") as server:
        server.start()
        with clients.connect(server) as client:
            recipient = f"late@{SANDBOX_DOMAIN}"
            assert client.mail("app@sender.test")[0] == 250
            assert client.rcpt(recipient)[0] == 250
            assert client.docmd("DATA")[0] == 354
            server.signal(signal.SIGTERM)
            until(lambda: server.http("/readyz")[0] != 200, "it says that it stops")
            client.send(clients.message("late", recipient) + b".\r\n")
            code, text = client.getreply()
            assert code == 250, text
            message = clients.queued_id(text)
            assert client.docmd("NOOP")[0] == 421
        server.stop()
        assert len(server.states(message)) == 1, "what was acknowledged is there"
