"""The library `postmarker` from PyPI, told nothing but another URL and token."""

import base64
import uuid
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

import pytest
import requests
from postmarker.core import PostmarkClient
from postmarker.exceptions import ClientError

from tests.e2e.server import SENDER
from tests.sdk.conftest import files, text
from tests.sdk.test_sendgrid_python import PNG


@pytest.fixture
def client(host):
    made = PostmarkClient(server_token=host.key, root_api_url=host.url)
    yield made
    made.session.close()


def test_a_mail_arrives_with_both_texts_and_names(client, host):
    answer = client.emails.send(
        From=f"Caja Municipal <{SENDER}>",
        To='"Quispe, Ana" <pm-one@sandbox.test>, pm-two@sandbox.test',
        Cc="pm-cc@sandbox.test",
        Bcc="pm-bcc@sandbox.test",
        Subject="Su recibo ñ",
        TextBody="Hola, señora",
        HtmlBody="<p>Hola, <b>señora</b></p>",
        ReplyTo="ayuda@sender.test",
        Tag="recibos",
        Metadata={"pedido": "77"},
        Headers={"X-Pedido": "4711"},
        TrackOpens=True,
        TrackLinks="HtmlOnly",
    )
    assert (answer["ErrorCode"], answer["Message"]) == (0, "OK")
    assert answer["To"] == '"Quispe, Ana" <pm-one@sandbox.test>, pm-two@sandbox.test'
    assert uuid.UUID(answer["MessageID"]).version == 8
    for recipient in ("pm-one", "pm-two", "pm-cc", "pm-bcc"):
        mail = host.mail(f"{recipient}@sandbox.test")
        assert mail["From"] == f"Caja Municipal <{SENDER}>"
        assert mail["To"] == '"Quispe, Ana" <pm-one@sandbox.test>, pm-two@sandbox.test'
        assert (mail["Cc"], mail["Bcc"]) == ("pm-cc@sandbox.test", None)
        assert (mail["Subject"], mail["Reply-To"]) == ("Su recibo ñ", "ayuda@sender.test")
        assert mail["X-Pedido"] == "4711"
        assert text(mail, "plain") == "Hola, señora"
        assert text(mail, "html") == "<p>Hola, <b>señora</b></p>"
    rows = host.relay.sql(
        "SELECT tags, metadata FROM message WHERE id = ?", int(answer["RelevoID"])
    )
    assert rows == [('["recibos"]', '{"pedido":"77"}')]


def test_attachments_and_inline_images_arrive_byte_for_byte(client, host):
    client.emails.send(
        From=SENDER,
        To="pm-files@sandbox.test",
        Subject="Archivos",
        HtmlBody='<img src="cid:logo">',
        Attachments=[
            {
                "Name": "Recibo año.pdf",
                "Content": base64.b64encode(b"%PDF-1.7 \x00\xff" * 500).decode(),
                "ContentType": "application/pdf",
            },
            {
                "Name": "logo.png",
                "Content": base64.b64encode(PNG).decode(),
                "ContentType": "image/png",
                "ContentID": "cid:logo",
            },
        ],
    )
    mail = host.mail("pm-files@sandbox.test")
    assert files(mail) == {
        "Recibo año.pdf": ("application/pdf", "attachment", b"%PDF-1.7 \x00\xff" * 500),
        "logo.png": ("image/png", "inline", PNG),
    }
    assert [part["Content-ID"] for part in mail.walk() if part["Content-ID"]] == ["<logo>"]


def test_a_mime_message_that_the_library_takes_apart_arrives(client, host):
    mime = MIMEMultipart()
    mime["From"], mime["To"] = SENDER, "pm-mime@sandbox.test"
    mime["Subject"] = "De MIME"
    mime.attach(MIMEText("texto", "plain", "utf-8"))
    client.emails.send(mime)
    mail = host.mail("pm-mime@sandbox.test")
    assert mail["Subject"] == "De MIME"


def test_a_batch_answers_for_each_mail(client, host):
    def one(to, sender=SENDER):
        return {"From": sender, "To": to, "Subject": to, "TextBody": "t"}

    answers = client.emails.send_batch(
        one("pm-b1@sandbox.test"),
        one("no address"),
        one("pm-b3@sandbox.test", "app@elsewhere.test"),
        one("pm-b4@sandbox.test"),
    )
    assert [answer["ErrorCode"] for answer in answers] == [0, 300, 400, 0]
    assert answers[1]["Message"].startswith(
        "Error parsing 'To': Illegal email address 'no address'"
    )
    assert host.mail("pm-b4@sandbox.test")["Subject"] == "pm-b4@sandbox.test"
    assert answers[0]["MessageID"] != answers[3]["MessageID"]


def test_five_hundred_mails_are_one_call(client, host):
    answers = client.emails.send_batch(
        *(
            {"From": SENDER, "To": f"pm-k{n}@sandbox.test", "Subject": str(n), "TextBody": "t"}
            for n in range(500)
        )
    )
    assert {answer["ErrorCode"] for answer in answers} == {0}
    assert host.mail("pm-k499@sandbox.test")["Subject"] == "499"


@pytest.mark.parametrize(
    ("fields", "code", "words"),
    [
        ({"To": ""}, 300, "Zero recipients"),
        ({"From": "app@elsewhere.test"}, 400, "Sender Signature"),
        ({"TextBody": None}, 300, "TextBody or HtmlBody"),
        ({"Headers": [{"Name": "Bcc", "Value": "x@y.test"}]}, 300, "Headers.Bcc"),
        ({"Headers": [{"Name": "X-A", "Value": "a\r\nBcc: x@y.test"}]}, 300, "Headers.X-A"),
        ({"HtmlBody": "<a href='{{{ pm:unsubscribe_url }}}'>x</a>"}, 300, "pm:unsubscribe"),
        ({"ReplyTo": "a@sender.test, b@sender.test"}, 300, "ReplyTo"),
        ({"TrackLinks": "Perhaps"}, 300, "TrackLinks"),
        ({"Nonsense": 1}, 300, "Nonsense"),
        ({"To": ", ".join(f"n{n}@sandbox.test" for n in range(51))}, 300, "50 recipients"),
    ],
)
def test_what_is_wrong_is_told_with_postmark_s_codes(host, fields, code, words):
    mail = {"From": SENDER, "To": "pm-x@sandbox.test", "Subject": "s", "TextBody": "t", **fields}
    answer = requests.post(
        f"{host.url}/email", json=mail, headers={"X-Postmark-Server-Token": host.key}, timeout=30
    )
    assert answer.status_code == 422
    assert answer.json()["ErrorCode"] == code
    assert words in answer.json()["Message"]


def test_a_wrong_token_is_told_as_postmark_tells_it(host):
    client = PostmarkClient(server_token="wrong", root_api_url=host.url)
    with pytest.raises(ClientError) as failed:
        client.emails.send(From=SENDER, To="pm-x@sandbox.test", Subject="s", TextBody="t")
    assert failed.value.error_code == 10
    client.session.close()


def test_everybody_s_test_token_looks_at_a_mail_and_sends_nothing(host):
    client = PostmarkClient(server_token="POSTMARK_API_TEST", root_api_url=host.url)
    before = host.relay.sql("SELECT count(*) FROM message")
    answer = client.emails.send(From=SENDER, To="pm-x@sandbox.test", Subject="s", TextBody="t")
    assert (answer["ErrorCode"], answer["Message"]) == (0, "Test job accepted")
    with pytest.raises(ClientError) as failed:
        client.emails.send(From=SENDER, To="no address", Subject="s", TextBody="t")
    assert failed.value.error_code == 300
    assert host.relay.sql("SELECT count(*) FROM message") == before
    client.session.close()


def test_a_template_that_does_not_exist_is_postmark_s_1101(client):
    with pytest.raises(ClientError) as failed:
        client.emails.send_with_template(
            TemplateId=7, TemplateModel={"a": 1}, From=SENDER, To="pm-x@sandbox.test"
        )
    assert failed.value.error_code == 1101


def test_whose_token_it_is_can_be_asked(client, host):
    account = client.server.get().ID
    assert account == host.relay.account


def test_without_a_key_of_one_s_own_no_large_body_is_read(host):
    answer = requests.post(
        f"{host.url}/email",
        data=b'{"TextBody": "' + b"x" * 300_000 + b'"}',
        headers={"X-Postmark-Server-Token": "POSTMARK_API_TEST"},
        timeout=30,
    )
    assert (answer.status_code, answer.json()["ErrorCode"]) == (413, 300)


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"7", b'{"From": null}', b"[" * 5000, b"\xff"])
def test_whatever_is_sent_the_answer_has_postmark_s_form(host, body):
    for path in ("/email", "/email/batch", "/email/batchWithTemplates"):
        answer = requests.post(
            host.url + path, data=body, headers={"X-Postmark-Server-Token": host.key}, timeout=30
        )
        told = answer.json()
        assert answer.status_code in (200, 422), told
        codes = (
            [one["ErrorCode"] for one in told] if isinstance(told, list) else [told["ErrorCode"]]
        )
        assert set(codes) <= {300, 402}


def test_suppressed_recipients_are_told_as_postmark_tells_it(client, host):
    gone = "pm-gone@sandbox.test"
    host.relay.cli("suppression", "add", gone, "--account", host.relay.account)
    with pytest.raises(ClientError) as failed:
        client.emails.send(From=SENDER, To=gone, TextBody="t")
    assert failed.value.error_code == 406
    answer = client.emails.send(From=SENDER, To=f"pm-here@sandbox.test, {gone}", TextBody="t")
    assert answer["ErrorCode"] == 0
    assert f"will not deliver to these inactive addresses: {gone}." in answer["Message"]
    assert host.mail("pm-here@sandbox.test")
