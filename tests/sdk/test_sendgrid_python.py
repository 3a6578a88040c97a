"""The library `sendgrid` from PyPI, told nothing but another host and key."""

import base64
import time

import pytest
import requests
import sendgrid
from python_http_client.exceptions import (
    BadRequestsError,
    ForbiddenError,
    NotFoundError,
    UnauthorizedError,
)
from sendgrid.helpers import mail as sg

from tests.e2e.ground import until
from tests.e2e.server import SENDER
from tests.sdk.conftest import files, text

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.fixture
def client(host):
    return sendgrid.SendGridAPIClient(host.key, host=host.url)


def simple(to, **more):
    return sg.Mail(
        from_email=sg.Email(SENDER, "Caja Municipal"),
        to_emails=to,
        subject=more.pop("subject", "Su recibo"),
        plain_text_content="Hola, señora",
        html_content="<p>Hola, <b>señora</b></p>",
        **more,
    )


def test_a_mail_arrives_with_both_texts_and_names(client, host):
    answer = client.send(simple(sg.To("sg-one@sandbox.test", "Ana Quispe")))
    assert answer.status_code == 202
    assert answer.body == b""
    mail = host.mail("sg-one@sandbox.test")
    assert mail["From"] == f"Caja Municipal <{SENDER}>"
    assert mail["To"] == "Ana Quispe <sg-one@sandbox.test>"
    assert mail["Subject"] == "Su recibo"
    assert text(mail, "plain") == "Hola, señora"
    assert text(mail, "html") == "<p>Hola, <b>señora</b></p>"
    (row,) = host.relay.sql(
        "SELECT tags FROM message WHERE id = ?", int(answer.headers["X-Message-Id"])
    )
    assert row == ("",)


def test_cc_bcc_reply_to_and_headers_arrive_and_nobody_sees_a_blind_copy(client, host):
    mail = simple([sg.To("sg-to1@sandbox.test"), sg.To("sg-to2@sandbox.test", "Dos")])
    mail.add_cc(sg.Cc("sg-cc@sandbox.test", "Copia"))
    mail.add_bcc(sg.Bcc("sg-bcc@sandbox.test"))
    mail.reply_to = sg.ReplyTo("ayuda@sender.test", "Ayuda")
    mail.add_header(sg.Header("X-Pedido", "4711 ñ"))
    client.send(mail)
    for recipient in ("sg-to1", "sg-to2", "sg-cc", "sg-bcc"):
        got = host.mail(f"{recipient}@sandbox.test")
        assert got["To"] == "sg-to1@sandbox.test, Dos <sg-to2@sandbox.test>"
        assert got["Cc"] == "Copia <sg-cc@sandbox.test>"
        assert got["Reply-To"] == "Ayuda <ayuda@sender.test>"
        assert got["X-Pedido"] == "4711 ñ"
        assert b"sg-bcc" not in got.as_bytes().partition(b"\n\n")[0].replace(
            b"for <sg-bcc@sandbox.test>", b""
        )


def test_attachments_and_inline_images_arrive_byte_for_byte(client, host):
    mail = simple(sg.To("sg-files@sandbox.test"))
    mail.add_attachment(
        sg.Attachment(
            sg.FileContent(base64.b64encode(b"%PDF-1.7 \x00\xff" * 500).decode()),
            sg.FileName("Recibo año.pdf"),
            sg.FileType("application/pdf"),
            sg.Disposition("attachment"),
        )
    )
    mail.add_attachment(
        sg.Attachment(
            sg.FileContent(base64.b64encode(PNG).decode()),
            sg.FileName("logo.png"),
            sg.FileType("image/png"),
            sg.Disposition("inline"),
            sg.ContentId("logo"),
        )
    )
    client.send(mail)
    got = host.mail("sg-files@sandbox.test")
    assert files(got) == {
        "Recibo año.pdf": ("application/pdf", "attachment", b"%PDF-1.7 \x00\xff" * 500),
        "logo.png": ("image/png", "inline", PNG),
    }
    assert [p["Content-ID"] for p in got.walk() if p["Content-ID"]] == ["<logo>"]
    kinds = [part.get_content_type() for part in got.walk() if part.is_multipart()]
    assert kinds == ["multipart/mixed", "multipart/alternative", "multipart/related"]


def personalizations(mail, *people):
    for people_of, values in people:
        one = sg.Personalization()
        one.add_to(people_of)
        for name, value in values.items():
            one.add_substitution(sg.Substitution(name, value))
        mail.add_personalization(one)
    return mail


def personal(subject, plain, html):
    mail = sg.Mail(from_email=SENDER, subject=subject)
    mail.add_content(sg.Content("text/plain", plain))
    mail.add_content(sg.Content("text/html", html))
    return mail


def test_substitutions_make_each_person_s_mail_and_store_the_content_once(client, host):
    mail = personalizations(
        personal("-nombre-, su saldo {{hoy}}", "Hola -nombre-: -saldo- {{x}}", "<p>-nombre-</p>{"),
        (sg.To("sg-p1@sandbox.test", "Ana"), {"-nombre-": "Ana", "-saldo-": "S/ 10"}),
        (sg.To("sg-p2@sandbox.test"), {"-nombre-": "José O'Brien"}),
    )
    number = client.send(mail).headers["X-Message-Id"]
    one, two = host.mail("sg-p1@sandbox.test"), host.mail("sg-p2@sandbox.test")
    assert one["To"] == "Ana <sg-p1@sandbox.test>"
    assert two["To"] == "sg-p2@sandbox.test"
    assert one["Subject"] == "Ana, su saldo {{hoy}}"
    assert text(one, "plain") == "Hola Ana: S/ 10 {{x}}"
    assert text(two, "plain") == "Hola José O'Brien: -saldo- {{x}}"
    assert text(one, "html") == "<p>Ana</p>{"
    assert text(two, "html") in ("<p>José O'Brien</p>{", "<p>José O&#x27;Brien</p>{")
    assert len(host.relay.states(number)) == 2


def test_a_substitution_may_be_markup(client, host):
    mail = personalizations(
        personal("Aviso", "-fila-", "<table>-fila-</table>"),
        (sg.To("sg-m1@sandbox.test"), {"-fila-": "<tr><td>1 & 2</td></tr>"}),
        (sg.To("sg-m2@sandbox.test"), {"-fila-": "<tr><td>3</td></tr>"}),
    )
    client.send(mail)
    assert text(host.mail("sg-m1@sandbox.test"), "html") == (
        "<table><tr><td>1 & 2</td></tr></table>"
    )
    assert text(host.mail("sg-m2@sandbox.test"), "html") == "<table><tr><td>3</td></tr></table>"


def test_each_personalization_may_have_its_own_subject_headers_and_people(client, host):
    mail = personal("Todos", "Texto", "<p>Texto</p>")
    for n in (1, 2):
        one = sg.Personalization()
        one.add_to(sg.To(f"sg-own{n}@sandbox.test"))
        one.add_cc(sg.Cc(f"sg-own{n}cc@sandbox.test"))
        one.subject = f"Solo {n}"
        one.add_header(sg.Header("X-Numero", str(n)))
        mail.add_personalization(one)
    client.send(mail)
    for n in (1, 2):
        for recipient in (f"sg-own{n}@sandbox.test", f"sg-own{n}cc@sandbox.test"):
            got = host.mail(recipient)
            assert (got["Subject"], got["X-Numero"]) == (f"Solo {n}", str(n))
            assert got["Cc"] == f"sg-own{n}cc@sandbox.test"


def test_dynamic_data_fill_the_fields_of_the_content(client, host):
    mail = sg.Mail(from_email=SENDER, subject="Hola {{ nombre }}")
    mail.add_content(sg.Content("text/html", "<p>{{cliente.nombre}} {{nota}}</p>"))
    for n in (1, 2):
        one = sg.Personalization()
        one.add_to(sg.To(f"sg-d{n}@sandbox.test"))
        one.dynamic_template_data = {
            "nombre": f"N{n}",
            "cliente": {"nombre": f"C{n}"},
            "nota": "<b>",
        }
        mail.add_personalization(one)
    client.send(mail)
    got = host.mail("sg-d2@sandbox.test")
    assert got["Subject"] == "Hola N2"
    assert text(got, "html") == "<p>C2 &lt;b&gt;</p>"


def test_categories_and_custom_args_become_tags_and_metadata(client, host):
    mail = simple(sg.To("sg-tags@sandbox.test"))
    mail.add_category(sg.Category("boletas"))
    mail.add_custom_arg(sg.CustomArg("pedido", "77"))
    number = client.send(mail).headers["X-Message-Id"]
    rows = host.relay.sql("SELECT tags, metadata FROM message WHERE id = ?", int(number))
    assert rows == [('["boletas"]', '{"pedido":"77"}')]


def test_a_time_to_send_at_is_kept(client, host):
    mail = simple(sg.To("sg-later@sandbox.test"))
    mail.send_at = sg.SendAt(int(time.time()) + 3600)
    number = client.send(mail).headers["X-Message-Id"]
    assert host.relay.states(number) == ["scheduled"]


def test_sandbox_mode_looks_at_everything_and_sends_nothing(client, host):
    def sandboxed(mail):
        mail.mail_settings = sg.MailSettings(sandbox_mode=sg.SandBoxMode(enable=True))
        return mail

    before = host.relay.sql("SELECT count(*) FROM message")
    answer = client.send(sandboxed(simple(sg.To("sg-nothing@sandbox.test"))))
    assert answer.status_code == 200
    assert host.relay.sql("SELECT count(*) FROM message") == before
    with pytest.raises(ForbiddenError):
        bad = simple(sg.To("sg-nothing@sandbox.test"))
        bad.from_email = sg.From("app@elsewhere.test")
        client.send(sandboxed(bad))


def errors(failed):
    return [(one["field"], one["message"]) for one in failed.value.to_dict["errors"]]


def test_errors_have_sendgrid_s_form_and_name_the_field(client, host):
    with pytest.raises(BadRequestsError) as failed:
        client.send(simple(sg.To("no address@sandbox.test")))
    ((field, message),) = errors(failed)
    assert field == "personalizations.0.to.0.email"
    assert message.startswith("Does not contain a valid address")
    with pytest.raises(BadRequestsError) as failed:
        client.client.mail.send.post(request_body={"from": {"email": SENDER}, "nonsense": 1})
    assert {"personalizations", "nonsense"} == {field for field, _ in errors(failed)}
    with pytest.raises(ForbiddenError) as failed:
        other = simple(sg.To("sg-x@sandbox.test"))
        other.from_email = sg.From("app@elsewhere.test")
        client.send(other)
    assert errors(failed)[0][0] == "from"
    with pytest.raises(NotFoundError) as failed:
        client.client.marketing.contacts.get()
    assert errors(failed) == [(None, "not found")]


def test_one_wrong_address_refuses_all_personalizations(client, host):
    mail = personalizations(
        personal("Aviso", "t", "<p>h</p>"),
        (sg.To("sg-all@sandbox.test"), {}),
        (sg.To("sg all@sandbox.test"), {}),
    )
    before = host.relay.sql("SELECT count(*) FROM message")
    with pytest.raises(BadRequestsError) as failed:
        client.send(mail)
    ((field, _),) = errors(failed)
    assert field.endswith(".to.0.email")
    assert host.relay.sql("SELECT count(*) FROM message") == before


@pytest.mark.parametrize("key", ["SG.wrong", "rk_aaaaaaaa_wrong", ""])
def test_a_wrong_key_is_told_as_sendgrid_tells_it(host, key):
    client = sendgrid.SendGridAPIClient(key or "x", host=host.url)
    with pytest.raises(UnauthorizedError) as failed:
        client.send(simple(sg.To("sg-x@sandbox.test")))
    assert errors(failed) == [
        (None, "The provided authorization grant is invalid, expired, or revoked")
    ]


def test_the_checks_of_libraries_are_answered(client):
    assert "mail.send" in client.client.scopes.get().to_dict["scopes"]
    batch = client.client.mail.batch.post()
    assert batch.status_code == 201
    assert batch.to_dict["batch_id"]


def test_what_the_reader_would_miss_is_refused(client):
    mail = simple(sg.To("sg-x@sandbox.test"))
    mail.mail_settings = sg.MailSettings(
        footer_settings=sg.FooterSettings(True, sg.FooterText("pie"), sg.FooterHtml("<p>pie</p>"))
    )
    mail.tracking_settings = sg.TrackingSettings(
        subscription_tracking=sg.SubscriptionTracking(True, sg.SubscriptionText("baja"))
    )
    mail.template_id = "d-1"
    mail.add_content(sg.Content("text/calendar", "BEGIN:VCALENDAR"))
    with pytest.raises(BadRequestsError) as failed:
        client.send(mail)
    assert {field for field, _ in errors(failed)} == {
        "content.2.type",
        "mail_settings.footer.enable",
        "tracking_settings.subscription_tracking.enable",
    }


def test_a_thousand_personalizations_are_one_transaction(client, host):
    mail = personal("Aviso -n-", "Texto -n-", "<p>-n-</p>")
    body = mail.get()
    body["personalizations"] = [
        {"to": [{"email": f"sg-k{n}@sandbox.test"}], "substitutions": {"-n-": str(n)}}
        for n in range(1000)
    ]
    answer = client.client.mail.send.post(request_body=body)
    assert host.mail("sg-k999@sandbox.test")["Subject"] == "Aviso 999"
    assert len(host.relay.states(answer.headers["X-Message-Id"])) == 1000


def test_mail_of_a_test_key_goes_to_the_built_in_simulator_and_not_out(host):
    made = host.relay.cli(
        "credential", "add", "--account", host.relay.account, "--name", "prueba",
        "--scopes", "mail.send,mail.test",
    )  # fmt: skip
    client = sendgrid.SendGridAPIClient(made["api_key"], host=host.url)
    number = client.send(simple(sg.To("sg-test-key@sandbox.test"))).headers["X-Message-Id"]
    host.relay.wait_states(number, "delivered")
    assert made["api_key"].startswith("test_")
    assert host.sandbox.messages("sg-test-key@sandbox.test") == []


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"7", b'{"from": null}', b"[" * 5000, b"\xff"])
def test_whatever_is_sent_the_answer_has_sendgrid_s_form(host, body):
    answer = requests.post(
        f"{host.url}/v3/mail/send",
        data=body,
        headers={"Authorization": f"Bearer {host.key}"},
        timeout=30,
    )
    assert answer.status_code == 400
    assert {"message", "field", "help"} == set(answer.json()["errors"][0])


@pytest.mark.parametrize("place", ["subject", "name", "header", "substitution", "filename"])
def test_no_value_adds_a_header_field(host, place):
    evil = "x\r\nBcc: victim@sandbox.test\r\nX-Evil: 1"
    body = {
        "personalizations": [{"to": [{"email": "sg-evil@sandbox.test"}]}] * 2,
        "from": {"email": SENDER},
        "subject": "-s-",
        "content": [{"type": "text/plain", "value": "t"}],
    }
    if place == "subject":
        body["subject"] = evil
    elif place == "name":
        body["from"] = {"email": SENDER, "name": evil}
    elif place == "header":
        body["headers"] = {"X-A": evil}
    elif place == "substitution":
        body["personalizations"] = [
            {"to": [{"email": f"sg-evil{n}@sandbox.test"}], "substitutions": {"-s-": evil}}
            for n in range(2)
        ]
    else:
        content = base64.b64encode(b"x").decode()
        body["attachments"] = [{"content": content, "filename": evil}]
        body["personalizations"] = [{"to": [{"email": "sg-evil-file@sandbox.test"}]}]
    answer = requests.post(
        f"{host.url}/v3/mail/send",
        json=body,
        headers={"Authorization": f"Bearer {host.key}"},
        timeout=30,
    )
    if answer.status_code == 202:
        recipient = {"substitution": "sg-evil0", "filename": "sg-evil-file"}[place]
        mail = host.mail(f"{recipient}@sandbox.test")
        assert mail["Bcc"] is None
        assert mail["X-Evil"] is None
    else:
        assert answer.status_code == 400, answer.text


@pytest.fixture
def manager(host):
    made = host.relay.cli(
        "credential", "add", "--account", host.relay.account, "--name", "listas",
        "--scopes", "mail.send,suppression.manage,suppression.view",
    )  # fmt: skip
    return sendgrid.SendGridAPIClient(made["api_key"], host=host.url).client


def test_suppression_lists_can_be_added_to_looked_at_and_removed_from(client, manager, host):
    address = "Sg-Gone@sandbox.test"
    added = manager.asm.suppressions._("global").post(request_body={"recipient_emails": [address]})
    assert (added.status_code, added.to_dict) == (201, {"recipient_emails": [address]})
    assert manager.asm.suppressions._("global")._(address).get().to_dict == {
        "recipient_email": address
    }
    (listed,) = [
        one for one in manager.suppression.unsubscribes.get().to_dict if one["email"] == address
    ]
    assert 0 <= time.time() - listed["created"] < 600
    assert manager.suppression.bounces._(address).get().to_dict == []
    number = client.send(simple(sg.To(address))).headers["X-Message-Id"]
    assert host.relay.states(number) == ["suppressed"]
    assert manager.suppression.unsubscribes._(address).delete().status_code == 204
    assert manager.asm.suppressions._("global")._(address).get().to_dict == {}
    with pytest.raises(NotFoundError):
        manager.suppression.unsubscribes._(address).delete()


def test_suppression_lists_need_a_scope_of_their_own(client):
    with pytest.raises(ForbiddenError) as failed:
        client.client.suppression.bounces.get()
    assert errors(failed) == [(None, "access forbidden")]


@pytest.mark.parametrize("body", [{"delete_all": True}, {"emails": ["no address"]}, {}])
def test_what_cannot_be_removed_is_refused(manager, body):
    with pytest.raises(BadRequestsError):
        manager.suppression.bounces.delete(request_body=body)


def scheduled(client, batch: str) -> str:
    mail = simple(sg.To("sg-batch@sandbox.test"))
    mail.send_at = sg.SendAt(int(time.time()) + 3600)
    mail.batch_id = sg.BatchId(batch)
    return client.send(mail).headers["X-Message-Id"]


def test_a_batch_is_cancelled_as_a_whole_by_who_may(client, host):
    made = host.relay.cli(
        "credential", "add", "--account", host.relay.account, "--name", "lotes",
        "--scopes", "mail.send,mail.cancel",
    )  # fmt: skip
    may = sendgrid.SendGridAPIClient(made["api_key"], host=host.url)
    batch = may.client.mail.batch.post().to_dict["batch_id"]
    first, other = (
        scheduled(client, batch),
        scheduled(client, may.client.mail.batch.post().to_dict["batch_id"]),
    )
    sends = may.client.user.scheduled_sends
    assert sends._(batch).get().to_dict == []
    with pytest.raises(ForbiddenError):
        client.client.user.scheduled_sends.post(
            request_body={"batch_id": batch, "status": "cancel"}
        )
    with pytest.raises(BadRequestsError):
        sends.post(request_body={"batch_id": batch, "status": "pause"})
    assert host.relay.states(first) == ["scheduled"]
    answer = sends.post(request_body={"batch_id": batch, "status": "cancel"})
    assert (answer.status_code, answer.to_dict["status"]) == (201, "cancel")
    until(lambda: host.relay.states(first) == ["cancelled"], "the batch is cancelled")
    assert host.relay.states(other) == ["scheduled"]
    assert sends._(batch).get().to_dict == [{"batch_id": batch, "status": "cancel"}]
    assert sends.get().to_dict == [{"batch_id": batch, "status": "cancel"}]
    with pytest.raises(BadRequestsError):
        sends._(batch).delete()
    for wrong in ("0" * 48, "1", "proof"):
        with pytest.raises(NotFoundError):
            sends.post(request_body={"batch_id": wrong, "status": "cancel"})
