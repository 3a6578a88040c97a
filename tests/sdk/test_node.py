"""The libraries `@sendgrid/mail` and `postmark` from npm, told nothing but another host and key."""

import pytest

from tests.e2e.server import SENDER
from tests.sdk.conftest import files, text


@pytest.fixture(scope="module")
def sendgrid(run_node):
    return run_node("sendgrid.cjs", SENDER)


@pytest.fixture(scope="module")
def postmark(run_node):
    return run_node("postmark.cjs", SENDER)


def test_sendgrid_mail_arrives_whole(sendgrid, host):
    assert sendgrid[0]["status"] == 202, sendgrid[0]
    for recipient in ("njs-one", "njs-cc"):
        mail = host.mail(f"{recipient}@sandbox.test")
        assert mail["From"] == f"Caja Municipal <{SENDER}>"
        assert mail["To"] == "Ana Quispe <njs-one@sandbox.test>"
        assert (mail["Cc"], mail["Subject"]) == ("njs-cc@sandbox.test", "Su recibo ñ")
        assert (mail["Reply-To"], mail["X-Pedido"]) == ("ayuda@sender.test", "4711")
        assert text(mail, "plain") == "Hola, señora"
        assert files(mail) == {
            "año.csv": ("text/csv", "attachment", b"a,b\n1,2\n"),
            "logo.png": ("image/png", "inline", b"\x89PNG"),
        }
    (row,) = host.relay.sql(
        "SELECT tags, metadata FROM message WHERE id = ?", int(sendgrid[0]["id"])
    )
    assert row == ('["recibos"]', '{"pedido":"77"}')


def test_send_multiple_makes_a_mail_for_each(sendgrid, host):
    assert sendgrid[1]["status"] == 202
    for recipient in ("njs-m1@sandbox.test", "njs-m2@sandbox.test"):
        assert host.mail(recipient)["To"] == recipient


def test_substitutions_are_filled_in(sendgrid, host):
    assert sendgrid[2]["status"] == 202
    assert host.mail("njs-p1@sandbox.test")["Subject"] == "Hola Ana"
    assert text(host.mail("njs-p2@sandbox.test"), "html") == "<p>José: 20</p>"


def test_sendgrid_errors_have_the_form_that_the_library_reads(sendgrid):
    assert [(one["status"], one["errors"][0]["field"]) for one in sendgrid[3:]] == [
        (403, "from"),
        (401, None),
    ]


def test_postmark_mail_arrives_whole(postmark, host):
    assert (postmark[0]["ErrorCode"], postmark[0]["Message"]) == (0, "OK")
    for recipient in ("pjs-one", "pjs-cc", "pjs-bcc"):
        mail = host.mail(f"{recipient}@sandbox.test")
        assert mail["From"] == f"Caja Municipal <{SENDER}>"
        assert mail["To"] == "Ana Quispe <pjs-one@sandbox.test>"
        assert (mail["Cc"], mail["Bcc"]) == ("pjs-cc@sandbox.test", None)
        assert (mail["Reply-To"], mail["X-Pedido"]) == ("ayuda@sender.test", "4711")
        assert text(mail, "html") == "<p>Hola, <b>señora</b></p>"
        assert files(mail) == {"año.csv": ("text/csv", "attachment", b"a,b\n1,2\n")}


def test_a_postmark_batch_answers_for_each(postmark, host):
    assert [one["ErrorCode"] for one in postmark[1]] == [0, 300, 0]
    assert host.mail("pjs-b3@sandbox.test")["Subject"] == "tres"


def test_postmark_errors_are_those_that_the_library_knows(postmark, host):
    refused, server, stranger, tested = postmark[2:]
    assert (refused["status"], refused["code"]) == (422, 400)
    assert server["ID"] == host.relay.account
    assert (stranger["name"], stranger["code"]) == ("InvalidAPIKeyError", 10)
    assert tested["Message"] == "Test job accepted"
