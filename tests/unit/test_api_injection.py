"""Nothing that a caller writes can end a header line, add a field or leave a folder."""

import re

import pytest

from console.api.refusals import ApiRefusal
from console.content.fields import TemplateError
from tests.api_stand import open_api_stand, parsed

CRLF = "\r\n"
ATTACKS = (
    "x\r\nBcc: evil@example.com",
    "x\nBcc: evil@example.com",
    "x\rBcc: evil@example.com",
    "x\r\n Bcc: evil@example.com",
    "x\r\n\r\n<html>",
    "x\u2028Bcc: evil@example.com",
    "x\u2029Bcc: evil@example.com",
    "x\u0085Bcc: evil@example.com",
    "x\x00Bcc: evil@example.com",
    "x\x0bBcc: evil@example.com",
    "x\x0cBcc: evil@example.com",
    "x\x1b[2J",
    "=?utf-8?q?x=0D=0ABcc:_evil@example.com?=",
    "=?utf-8?b?eA0KQmNjOiBldmlsQGV4YW1wbGUuY29t?=",
    'x" <evil@example.com>, "y',
    "x <evil@example.com>",
    "x, evil@example.com",
    "x\\",
    "(x" * 50,
    "ñ" * 180,
    "{{ a }}\r\nBcc: evil@example.com",
)
EXPECTED = {
    "received", "date", "message-id", "from", "to", "reply-to", "subject", "mime-version",
    "content-type", "content-transfer-encoding", "x-own", "list-id",
}  # fmt: skip
_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:")
TO = {"to": [{"email": "b@example.net"}]}
EACH = {"recipients": [{"email": "b@example.net", "merge": {"a": "A"}}]}


@pytest.fixture
async def stand(tmp_path):
    async with open_api_stand(tmp_path) as stand:
        yield stand


async def sent(stand, request: dict) -> bytes | None:
    """The mail as it would go out, None when it never will: refused with the field that is wrong."""
    try:
        await stand.post(**request)
    except ApiRefusal as refusal:
        return told(refusal)
    try:
        return await stand.rendered() if "recipients" in request else await stand.content()
    except TemplateError:  # values that do not fit into a field of links
        return None


def told(refusal: ApiRefusal) -> None:
    """It says which field is wrong."""
    assert refusal.status == 422
    assert len(refusal.violations) > 0


def check(mail: bytes | None) -> None:
    """Only the fields that belong there, each line ends with CRLF, one mail, to one person."""
    if mail is None:
        return
    assert mail.count(b"\n") == mail.count(b"\r\n") == mail.count(b"\r")
    assert b"\0" not in mail
    header = mail.partition(b"\r\n\r\n")[0]
    names = set()
    for line in header.split(b"\r\n"):
        if not line.startswith((b" ", b"\t")):
            field = _FIELD.match(line)
            assert field, line
            names.add(field[1].decode().lower())
    assert names <= EXPECTED
    read = parsed(mail)
    addresses = [
        a.addr_spec
        for name in ("from", "to", "reply-to")
        for a in getattr(read[name], "addresses", ())
    ]
    assert "evil@example.com" not in addresses
    assert read["bcc"] is None


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("people", [TO, EACH], ids=["plain", "personal"])
async def test_no_text_of_a_request_becomes_a_header_field(stand, people, attack):
    mailbox = {"email": "app@example.org", "name": attack}
    requests = (
        {"subject": attack},
        {"from": mailbox},
        {"reply_to": mailbox},
        {"headers": {"X-Own": attack}},
        {"headers": {"List-Id": attack}},
        {"headers": {attack: "x"}},
        {"headers": {f"X-{attack}": "x"}},
        {"tags": [attack]},
        {"campaign": attack},
    )
    for request in requests:
        check(await sent(stand, {**people, **request}))


@pytest.mark.parametrize("attack", ATTACKS)
async def test_no_value_of_a_recipient_becomes_a_header_field(stand, attack):
    one = {"email": "b@example.net", "name": attack, "merge": {"a": attack, "to_name": attack}}
    for recipient in (one, {**one, "name": ""}):
        request = {
            "recipients": [recipient],
            "subject": "{{ a }}",
            "from": {"email": "app@example.org", "name": "{{ a }}"},
            "headers": {"X-Own": "{{ a }}", "List-Id": "<{{ a }}.example.org>"},
            "text": "{{ a }}",
            "html": "<p>{{ a }}</p>",
        }
        check(await sent(stand, request))


@pytest.mark.parametrize(
    "attack", [*ATTACKS, "../../etc/cron.d/x", "C:\\x", "con.txt", "a\u202egpj.exe", "ñ" * 150]
)
@pytest.mark.parametrize("people", [TO, EACH], ids=["plain", "personal"])
async def test_no_name_of_a_file_leaves_its_place(stand, people, attack):
    files = (
        {"filename": attack},
        {"filename": "a.txt", "content_type": attack[:255]},
        {"filename": "a.txt", "content_type": f"text/plain; name={attack}"[:255]},
        {"filename": "a.png", "content_id": attack[:255]},
    )
    for file in files:
        request = {**people, "attachments": [{"content": "SG9sYQ==", **file}], "html": "<p>x</p>"}
        mail = await sent(stand, request)
        check(mail)
        if mail is None:
            continue
        (part,) = [p for p in parsed(mail).walk() if p.get_content_disposition()]
        assert set(part.keys()) <= {
            "Content-Type", "Content-Disposition", "Content-Transfer-Encoding", "Content-ID",
        }  # fmt: skip
        name = part.get_filename()
        assert not re.search(r"[/\\\x00-\x1f\u202e]", name), name
        assert name.lower().split(".")[0] not in ("con", "nul", "")


@pytest.mark.parametrize(
    "name",
    [
        "From", "to", "CC", "Bcc", "Subject", "Date", "Message-ID", "Reply-To", "Sender",
        "Return-Path", "Received", "DKIM-Signature", "Authentication-Results", "ARC-Seal",
        "Content-Type", "content-transfer-encoding", "MIME-Version", "Resent-To", "X-Relevo-Class",
        "", "a b", "ñ", "x:y", "Delivered-To", "x" * 80,
    ],
)  # fmt: skip
@pytest.mark.parametrize("people", [TO, EACH], ids=["plain", "personal"])
async def test_fields_that_the_server_writes_cannot_be_set(stand, people, name):
    with pytest.raises(ApiRefusal) as caught:
        await stand.post(**people, headers={name: "x"})
    assert [one.code for one in caught.value.violations] == ["header_reserved"]


@pytest.mark.parametrize(
    "address",
    [
        "a@b.test>\r\nRSET", "a@b.test SIZE=1", '"a\r\nb"@c.test', "a\uff1c@b.test\r\n", "a@b.test,c@evil.test",
        "a@b(c@evil.test)", "alice@example.org)bob@evil.test", "a@b@c.test", "<a@b.test>", "a@b\u3002test\n",
        "a@[127.0.0.1", "@b.test", "ab@", "a b@c.test", "a@b..test", "a@-b.test", "x" * 65 + "@b.test",
    ],
)  # fmt: skip
async def test_an_address_is_exactly_one_address(stand, address):
    for request in (
        {"to": [{"email": address}]},
        {"cc": [{"email": address}], **TO},
        {"recipients": [{"email": address}]},
        {**TO, "from": {"email": address}},
        {**TO, "reply_to": {"email": address}},
    ):
        with pytest.raises(ApiRefusal) as caught:
            await stand.post(**request)
        assert caught.value.status == 422
        assert [v.code for v in caught.value.violations] == ["invalid_address"]


async def test_a_value_in_html_is_text_and_in_text_is_as_it_is(stand):
    value = "<img src=x onerror=alert(1)>&\"'"
    await stand.post(
        recipients=[{"email": "b@example.net", "merge": {"a": value}}],
        text="{{ a }}",
        html='<p title="{{ a }}">{{ a }}</p>',
    )
    text, html = parsed(await stand.rendered()).iter_parts()
    assert text.get_content().strip() == value
    assert "<img" not in html.get_content()


@pytest.mark.parametrize(
    "text",
    [
        "{{ ''.__class__ }}",
        "{% include 'x' %}",
        "{{ a | attr('b') }}",
        "{{ a.b() }}",
        "{{ 7*7 }}",
        "{{",
        "{{ a",
    ],
)
async def test_templates_know_fields_and_nothing_else(stand, text):
    for field in ("subject", "text", "html"):
        with pytest.raises(ApiRefusal) as caught:
            await stand.post(**EACH, **{field: text})
        assert caught.value.violations[0].code == "unusable_text"


async def test_braces_in_a_message_to_several_mean_nothing(stand):
    await stand.post(**TO, text="{{ a }} {% x %}")
    assert (await stand.mail()).get_content().strip() == "{{ a }} {% x %}"
