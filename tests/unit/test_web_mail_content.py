"""Reading a received mail for people: every mail can be shown, nothing of it is trusted."""

from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.pages.mail_content import MAX_PARSED_BYTES, MAX_PARTS, embed_images, read_content
from tests.web_world import mail

PNG = b"\x89PNG\r\n\x1a\n0"


def test_text_and_html_are_told_apart():
    content = read_content(mail(text="Hola ñ\n", html="<p>Hola ñ</p>").as_bytes())
    assert content.text == "Hola ñ\n"
    assert (content.html or "").strip() == "<p>Hola ñ</p>"
    assert content.attachments == ()
    assert not content.is_cut


@pytest.mark.parametrize(
    ("head", "body", "text"),
    [
        (b"Content-Type: text/plain; charset=iso-8859-1\r\n", b"a\xf1o", "año"),
        (b"Content-Type: text/plain; charset=no-such\r\n", "año".encode(), "año"),
        (b"Content-Type: text/plain; charset=base64\r\n", b"ano", "ano"),  # a codec, no charset
        (b"Content-Type: text/plain; charset=utf-8\r\n", b"a\xffo", "a\N{REPLACEMENT CHARACTER}o"),
        (b"", b"plain", "plain"),
        (b"Content-Type: rubbish\r\n", b"plain", "plain"),
        (b"Content-Transfer-Encoding: base64\r\n", b"YcOxbw==", "año"),
    ],
)
def test_any_charset_gives_text(head: bytes, body: bytes, text: str):
    assert read_content(head + b"\r\n" + body).text == text


def test_attachments_keep_their_name_and_bytes():
    message = mail()
    message.add_attachment(b"\x00\x01", maintype="application", subtype="pdf", filename="año.pdf")
    (part,) = read_content(message.as_bytes()).attachments
    assert (part.name, part.content_type, part.data) == ("año.pdf", "application/pdf", b"\x00\x01")


def test_an_attached_text_is_no_body():
    message = EmailMessage()
    message.set_content("cuerpo")
    message.add_attachment("nota", filename="nota.txt")
    content = read_content(message.as_bytes())
    assert (content.text or "").strip() == "cuerpo"
    assert [part.name for part in content.attachments] == ["nota.txt"]


def test_an_attached_mail_is_one_attachment():
    message = mail()
    message.add_attachment(mail("dentro", html="<b>dentro</b>"))
    content = read_content(message.as_bytes())
    assert content.html is None
    assert [part.content_type for part in content.attachments] == ["message/rfc822"]
    assert b"dentro" in content.attachments[0].data


def test_images_of_the_mail_are_put_into_its_html():
    message = EmailMessage()
    message.set_content('<img src="cid:logo@x"><img src="cid:none">', subtype="html")
    message.add_related(PNG, maintype="image", subtype="png", cid="<logo@x>")
    content = read_content(message.as_bytes())
    html = embed_images(content.html or "", content.attachments)
    assert 'src="data:image/png;base64,' in html
    assert 'src="cid:none"' in html


def test_what_is_no_picture_is_not_put_into_the_html():
    message = EmailMessage()
    message.set_content('<img src="cid:x@x">', subtype="html")
    message.add_related(b"<svg/>", maintype="image", subtype="svg+xml", cid="<x@x>")
    content = read_content(message.as_bytes())
    assert embed_images(content.html or "", content.attachments) == content.html


def test_a_huge_mail_is_cut():
    content = read_content(b"\r\n" + b"a" * (MAX_PARSED_BYTES + 1))
    assert content.is_cut
    assert len(content.text or "") < MAX_PARSED_BYTES


def test_the_number_of_parts_is_bounded():
    part = b"--x\r\n\r\na\r\n"
    raw = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + part * (MAX_PARTS * 2)
    assert len(read_content(raw).attachments) < MAX_PARTS


PIECES = [
    b"Content-Type: multipart/mixed; boundary=x\r\n",
    b"Content-Type: text/html; charset=\xff\r\n",
    b"Content-Type: message/rfc822\r\n",
    b"Content-Disposition: attachment; filename*=x'y'%ff\r\n",
    b"Content-Disposition: ;;\r\n",
    b"Content-ID: =?x?q?y?=\r\n",
    b"Content-Transfer-Encoding: uuencode\r\n",
    b"Content-Transfer-Encoding: base64\r\n",
    b"\r\n",
    b"--x\r\n",
    b"--x--\r\n",
    b"begin 644 x\r\n",
    b"=?utf-8?b?=\r\n",
    b"\x00\xff\n\r",
]


@given(st.lists(st.sampled_from(PIECES) | st.binary(max_size=20), max_size=30))
def test_whatever_arrives_can_be_read(pieces: list[bytes]):
    content = read_content(b"".join(pieces))
    embed_images(content.html or "", content.attachments)
