"""Every usual client hands mail in over TLS with a login, and the mail arrives at another server."""

import email
import email.policy

import pytest

from tests.e2e import clients
from tests.e2e.conftest import CLEAR_DOMAIN
from tests.e2e.server import HOSTNAME, SENDER

pytestmark = pytest.mark.debian

BODY = "Señor, ñandú: 1 € \n\n.\n..dots\n.\n\n" + "x" * 900 + "\nlast\n"
WAYS = {
    "smtplib": (clients.by_smtplib, {}),
    "curl": (clients.by_curl, {}),
    "swaks plain": (clients.by_swaks, {"auth": "PLAIN"}),
    "swaks login": (clients.by_swaks, {"auth": "LOGIN"}),
    "msmtp plain": (clients.by_msmtp, {"auth": "plain"}),
    "msmtp login": (clients.by_msmtp, {"auth": "login"}),
    "msmtp scram": (clients.by_msmtp, {"auth": "scram-sha-256"}),
}


@pytest.mark.parametrize("is_implicit", [False, True], ids=["starttls", "implicit tls"])
@pytest.mark.parametrize("way", WAYS)
def test_a_client_submits_and_the_mail_arrives_unchanged(relay, postfix, way, is_implicit) -> None:
    program = way.split()[0]
    if program != "smtplib" and not clients.is_installed(program):
        pytest.skip(f"{program} is not installed")
    subject = f"from {way} {'implicit' if is_implicit else 'starttls'}"
    recipient = f"ana@{CLEAR_DOMAIN}"
    content = (
        f"From: {SENDER}\r\nTo: {recipient}\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
        "\r\n" + BODY.replace("\n", "\r\n")
    ).encode()
    submit, options = WAYS[way]
    submit(relay, content, recipient, is_implicit=is_implicit, **options)
    (mail,) = postfix.wait(recipient, f"Subject: {subject}\r\n")
    assert mail.endswith(content), "the author's own octets are changed"
    parsed = email.message_from_bytes(mail, policy=email.policy.default)
    assert parsed["Return-Path"] == f"<{SENDER}>"
    ours = parsed.get_all("Received")[1]
    assert f"by {HOSTNAME} (Relevo) with ESMTPSA id " in ours
    assert "TLSv1." in ours
