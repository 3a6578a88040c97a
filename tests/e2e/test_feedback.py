"""What comes back after a mail was taken: from a real Postfix, and from who means no good."""

import re
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from tests.e2e import clients
from tests.e2e.ground import free_port, until
from tests.e2e.postfix import Postfix, obstacle
from tests.e2e.server import SENDER_DOMAIN, RelevoServer

RETURNS = "b.sender.test"
ACCEPTS_ALL = "async.test"  # a Postfix that takes mail for anybody and finds out later
FEEDBACK = "127.0.0.9"
SIMULATED = "simulated.test"


@pytest.fixture(scope="module")
def relay(ground) -> Iterator[RelevoServer]:
    """A relay with return paths, a feedback listener and a public one; some mail goes to simulators."""
    ground.dns.set("feedback.test", A=FEEDBACK)
    ground.domain(RETURNS, "feedback.test")
    receiver = ground.simulator(8)
    ground.domain(SIMULATED, receiver.host)
    port = free_port()
    settings = {
        "INBOUND__LISTEN": f"{FEEDBACK}:{ground.mx_port}",
        "INBOUND__RETURN_PATH_DOMAIN": RETURNS,
        "PUBLIC__LISTEN": f"127.0.0.1:{port}",
        "SERVER__PUBLIC_URL": f"http://127.0.0.1:{port}",
    }
    with RelevoServer(ground, name="feedback", **settings) as server:
        server.receiver = receiver
        server.start()
        yield server
        server.stop()
        assert server.errors() == []


@pytest.fixture(scope="module")
def late_postfix(ground) -> Iterator[Postfix]:
    """It accepts every user of its domain, and its bounces go to our listener."""
    if reason := obstacle():
        pytest.skip(reason)
    further = (
        "smtpd_reject_unlisted_recipient = no\n"
        "virtual_alias_maps = inline:{ {moved@async.test = gone@async.test} }\n"
        f"transport_maps = inline:{{ {{{RETURNS} = smtp:[{FEEDBACK}]:{ground.mx_port}}} }}\n"
        "minimal_backoff_time = 1s\nmaximal_backoff_time = 2s\nqueue_run_delay = 1s\n"
    )
    with Postfix(ground, 7, ACCEPTS_ALL, further=further) as started:
        yield started


def bounces(relay: RelevoServer, message: str) -> list[dict]:
    history = relay.cli("queue", "show", message)["history"]
    return [event for event in history if event["type"] == "message.bounced"]


@pytest.mark.debian
@pytest.mark.parametrize("user", ["nobody", "moved"])
def test_what_postfix_takes_and_sends_back_is_a_late_bounce(
    relay, late_postfix, sandbox, user
) -> None:
    sender = f"{user}.sends@{SENDER_DOMAIN}"
    recipient = f"{user}@{ACCEPTS_ALL}"
    content = clients.message(f"late {user}", recipient, sender=sender)
    message = clients.submit(relay, content, recipient, sender=sender)
    try:
        until(lambda: relay.states(message) == ["bounced"], "the notice came back")
    except AssertionError as error:
        raise AssertionError(f"{error}\n{late_postfix.log()[-3000:]}") from None
    (event,) = bounces(relay, message)
    assert event["data"]["late"] is True
    assert event["data"]["class"] == "bad-mailbox"
    assert event["data"]["status"] == "5.1.1"
    assert event["data"]["address"] == recipient
    assert event["data"]["host"] == late_postfix.host
    types = [e["type"] for e in relay.cli("queue", "show", message)["history"]]
    assert types == ["message.accepted", "message.delivered", "message.bounced"]
    (told,) = sandbox.wait(sender)  # the application hears of it, too
    assert f"Final-Recipient: rfc822; {recipient}".encode() in told.raw


@pytest.mark.debian
def test_what_postfix_delivers_stays_delivered(relay, late_postfix) -> None:
    recipient = f"ana@{ACCEPTS_ALL}"
    message = clients.submit(relay, clients.message("stays", recipient), recipient)
    (mail,) = late_postfix.wait(recipient, "Subject: stays\r\n")
    assert re.search(rb"Return-Path: <b\+[0-9a-z]+-[0-9a-f]{20}@b\.sender\.test>", mail)
    until(lambda: relay.states(message) == ["delivered"], "it was delivered")


def swaks(relay: RelevoServer, *options: str) -> str:
    """The dialogue of one session at the feedback listener."""
    address = f"{FEEDBACK}:{relay.ground.mx_port}"
    command = ["swaks", "--server", address, "--helo", "stranger.test", "--suppress-data", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr


@pytest.mark.debian
@pytest.mark.skipif(not clients.is_installed("swaks"), reason="needs swaks")
def test_strangers_can_neither_relay_nor_guess(relay) -> None:
    for recipient, answer in (
        ("ana@example.com", "550 5.7.1"),
        (f"ana@{RETURNS}", "550 5.1.1"),
        (f"b+1-{'0' * 20}@{RETURNS}", "550 5.1.1"),
        (f"ana%example.com@{RETURNS}", "550 5.1.1"),
        ('"ana@example.com"@' + RETURNS, "550 5.1.1"),
    ):
        said = swaks(relay, "--from", "<>", "--to", recipient)
        assert f"** {answer}" in said, said
        assert "-> DATA" not in said
    said = swaks(relay, "--to", f"postmaster@{RETURNS}", "--from", "<>", "--auth", "PLAIN",
                 "--auth-user", "a", "--auth-password", "b")  # fmt: skip
    assert "Host did not advertise authentication" in said, said
    said = swaks(relay, "--to", f"postmaster@{RETURNS}", "--from", "x@y.test", "--tls")
    assert "TLS started" in said, said
    assert "<~  250 2.0.0 Ok" in said, said
    (letter,) = (relay.data_dir / "letters").glob("*.eml")
    assert b"Delivered-To: postmaster@" in letter.read_bytes()


def request(url: str, data: bytes | None = None) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data), timeout=30) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code


def test_one_click_unsubscribes_on_the_public_listener(relay) -> None:
    recipient = f"ok@{SIMULATED}"
    other_recipient = f"luis@{SIMULATED}"
    content = b"X-Relevo-Class: campaign\r\n" + clients.message("offer", recipient)
    message = clients.submit(relay, content, recipient, other_recipient)
    (mail,) = relay.receiver.wait(recipient)
    assert mail.header("List-Unsubscribe-Post") == "List-Unsubscribe=One-Click"
    url, address = re.findall(r"<([^>]+)>", mail.header("List-Unsubscribe"))
    assert address.startswith("mailto:u+")
    (other,) = relay.receiver.wait(other_recipient)
    assert url not in other.header("List-Unsubscribe"), "each has a token of their own"
    assert other.raw.partition(b"\r\n\r\n")[2] == mail.raw.partition(b"\r\n\r\n")[2]
    assert request(url) == 200
    public = url.partition("/u/")[0]
    console = f"http://127.0.0.1:{relay.console_port}"
    assert request(f"{public}/login") == 404
    assert request(console + url.removeprefix(public), b"List-Unsubscribe=One-Click") != 200
    until(lambda: relay.states(message) == ["delivered"] * 2, "both are settled")
    types = {e["type"] for e in relay.cli("queue", "show", message)["history"]}
    assert types == {"message.accepted", "message.delivered"}
    assert request(url, b"List-Unsubscribe=One-Click") == 200
    *_, last = relay.cli("queue", "show", message)["history"]
    assert (last["type"], last["data"]["by"]) == ("message.unsubscribed", "one-click")
    assert last["data"]["peer"] == "127.0.0.1"
    again = clients.submit(relay, content.replace(b"offer", b"another"), recipient)
    until(lambda: relay.states(again) == ["suppressed"], "the next campaign passes them by")
    ordinary = clients.submit(relay, clients.message("your order", recipient), recipient)
    until(lambda: relay.states(ordinary) == ["delivered"], "what they asked for still comes")


def test_without_return_paths_each_recipient_still_has_a_token_of_their_own(ground, relay) -> None:
    recipients = [f"one@{SIMULATED}", f"two@{SIMULATED}"]
    content = b"X-Relevo-Class: campaign\r\n" + clients.message("links only", *recipients)
    with RelevoServer(ground, name="links", SERVER__PUBLIC_URL="https://r.sender.test") as server:
        server.start()
        message = clients.submit(server, content, *recipients)
        until(lambda: server.states(message) == ["delivered"] * 2, "both were delivered")
        server.stop()
        assert server.errors() == []
    first, second = (relay.receiver.wait(recipient)[0] for recipient in recipients)
    assert first.mail_from == second.mail_from, "the application's own"
    links = {mail.header("List-Unsubscribe") for mail in (first, second)}
    assert len(links) == 2
    assert all(re.fullmatch(r"<https://r\.sender\.test/u/[0-9a-z-]+>", link) for link in links)
