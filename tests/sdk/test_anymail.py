"""django-anymail's backends for SendGrid and Postmark, told nothing but another URL and key."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.ground import DEADLINE_S
from tests.e2e.server import SENDER
from tests.sdk.conftest import files, text

PROGRAM = Path(__file__).with_name("django_app.py")


@pytest.fixture(scope="module", params=["sendgrid", "postmark"])
def sent(request, host):
    """The provider, and what the program said."""
    done = subprocess.run(
        [sys.executable, str(PROGRAM), host.url, host.key, request.param, SENDER],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return request.param, json.loads(done.stdout)


def test_a_django_mail_arrives_whole(sent, host):
    provider, told = sent
    assert told[0].keys() == {"status", "recipients"}, told[0]
    assert told[0]["status"] in (["queued"], ["sent"])
    for recipient in ("", "-cc", "-bcc"):
        mail = host.mail(f"dj-{provider}{recipient}@sandbox.test")
        assert mail["From"] == f"Caja <{SENDER}>"
        assert mail["To"] == f"Ana Quispe <dj-{provider}@sandbox.test>"
        assert (mail["Cc"], mail["Bcc"]) == (f"dj-{provider}-cc@sandbox.test", None)
        assert (mail["Reply-To"], mail["X-Pedido"]) == ("ayuda@sender.test", "4711")
        assert mail["Subject"] == "Su recibo ñ"
        assert text(mail, "plain") == "Hola, señora"
        assert files(mail) == {
            "año.csv": ("text/csv", "attachment", b"a,b\n1,2\n"),
            "logo.png": ("image/png", "inline", b"\x89PNG"),
        }


def test_each_of_a_batch_gets_a_mail_of_their_own(sent, host):
    provider, told = sent
    assert set(told[1]["recipients"].values()) <= {"queued", "sent"}, told[1]
    for n in (1, 2):
        recipient = f"dj-{provider}-m{n}@sandbox.test"
        mail = host.mail(recipient)
        assert mail["To"] == recipient
        if provider == "sendgrid":
            assert mail["Subject"] == f"Hola {recipient[:14]}"


def test_a_refusal_reaches_the_program(sent):
    _, told = sent
    assert told[2]["status"] in (["queued"], ["sent"])
    assert told[3]["error"] == "AnymailRequestsAPIError"
