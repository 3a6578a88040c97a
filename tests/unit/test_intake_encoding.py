"""Header text outside ASCII: what readers see stays the same, what goes out is ASCII and folded."""

import email
import email.message
import email.policy
import email.utils

import pytest

from mta.intake.content import ContentRefused, scan

FROM = b"From: ana@example.org\r\n"


def sent(content: bytes, *, smtputf8: bool = False) -> bytes:
    return b"".join(scan(content, smtputf8=smtputf8).parts)


def refused(content: bytes, *, smtputf8: bool = False) -> tuple[int, str, str]:
    with pytest.raises(ContentRefused) as caught:
        scan(content, smtputf8=smtputf8)
    return caught.value.code, caught.value.enhanced, caught.value.text


def parsed(content: bytes) -> email.message.Message:
    return email.message_from_bytes(content, policy=email.policy.default)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("Subject", "Café ñandú", "Café ñandú"),
        ("Subject", "Tu factura nº 7 está lista", "Tu factura nº 7 está lista"),
        ("Subject", "日本語の件名" * 30, "日本語の件名" * 30),
        ("Subject", "ñ" + " corta y larga" * 20, "ñ" + " corta y larga" * 20),
        ("Subject", "=?utf-8?q?caf=C3=A9?= é x é =?utf-8?q?=C3=B1?=", "café é x é ñ"),
        ("X-Note", "a\r\n é", "a é"),
        ("X-Note", "é\x0b\x1b[31m\x85\u2028x", "é [31m x"),
        ("X-" + "N" * 900, "é", "é"),
        ("From", "José Núñez <a@b.example>", "José Núñez <a@b.example>"),
        ("From", '"Núñez, José" <a@b.example>', '"Núñez, José" <a@b.example>'),
        ("Sender", '"José \\"Pepe\\"" Núñez <a@b.example>', '"José \\"Pepe\\" Núñez" <a@b.example>'),
        ("To", "Ana <a@b.example>, José <c@d.example>", "Ana <a@b.example>, José <c@d.example>"),
        ("Cc", '"A,B" <a@b.example>,é<c@d.example>', '"A,B" <a@b.example>, é <c@d.example>'),
        ("To", "Lista ñ: a@b.example, c@d.example;", "Lista ñ: a@b.example, c@d.example;"),
    ],
)  # fmt: skip
def test_text_outside_ascii_is_encoded_so_that_readers_see_the_same(name, value, expected):
    out = sent(f"{name}: {value}\r\n\r\n".encode())
    assert out.isascii()
    assert str(parsed(out)[name]).strip() == expected
    assert all(len(line) <= 998 for line in out.split(b"\r\n"))


def test_encoded_lines_are_short_and_words_within_rfc_2047():
    out = sent(("Subject: " + "ñandú y café " * 40 + "\r\n\r\n").encode())
    assert max(len(line) for line in out.split(b"\r\n")) <= 78
    assert all(len(word) <= 75 for word in out.split())


def test_windows_1252_is_understood():
    assert str(parsed(sent(b"Subject: Caf\xe9 \x80 5\r\n\r\n"))["Subject"]) == "Café € 5"
    assert "�" in str(parsed(sent(b"Subject: x\x81\xff\r\n\r\n"))["Subject"])


def test_comments_and_addresses_are_kept_apart():
    out = sent('To: a@b.example (José (x)), "c  d"@e.example (ascii), f@g.example\r\n\r\n'.encode())
    assert b'"c  d"@e.example (ascii), f@g.example' in out.replace(b"\r\n", b"")
    assert b"To: a@b.example (=?utf-8?" in out
    assert out.isascii()


def test_many_recipients_with_names_stay_within_the_line_limit():
    people = ",\r\n ".join(f"Persona ñ {n} <p{n}@example.net>" for n in range(500))
    out = sent(f"To: {people}\r\n\r\n".encode())
    assert out.isascii()
    assert max(len(line) for line in out.split(b"\r\n")) <= 998
    assert [a.addr_spec for a in parsed(out)["To"].addresses] == [
        f"p{n}@example.net" for n in range(500)
    ]
    assert {a.display_name for a in parsed(out)["To"].addresses} == {
        f"Persona ñ {n}" for n in range(500)
    }


@pytest.mark.parametrize("filename", ["factura_ñ.pdf", "ñ" * 200 + ".pdf", 'a\\"ñ.pdf'])
def test_parameters_are_encoded_after_rfc_2231(filename):
    content = f'Content-Type: application/pdf; name="{filename}"; x=y\r\n\r\n'.encode()
    out = sent(content)
    assert out.isascii()
    assert max(len(line) for line in out.split(b"\r\n")) <= 78
    message = email.message_from_bytes(out)
    assert email.utils.collapse_rfc2231_value(message.get_param("name")) == filename.replace(
        "\\", ""
    )
    assert message.get_param("x") == "y"


@pytest.mark.parametrize(
    "field",
    [
        "To: ñandú@example.org", "To: Ana <ana@ñ.example>", "Cc: a@b.example, ñ@x.example", "Message-ID: <ñ@x.example>",
        "References: <é@x>", "Content-Type: text/é", "Received: from é", "List-Unsubscribe: <https://x.example/é>",
        'To: "é <a@b.example>', "To: (é <a@b.example>",
    ],
)  # fmt: skip
def test_what_cannot_be_said_in_ascii_needs_smtputf8(field):
    content = FROM + field.encode() + b"\r\n\r\n"
    code, enhanced, text = refused(content)
    assert (code, enhanced) == (550, "5.6.7")
    assert text.startswith(field.partition(":")[0])
    found = scan(content, smtputf8=True)
    assert found.has_utf8_header
    assert b"".join(found.parts) == content


def test_smtputf8_that_was_asked_for_without_need_is_not_needed():
    found = scan("From: José <a@b.example>\r\nSubject: ñ\r\n\r\n".encode(), smtputf8=True)
    assert not found.has_utf8_header
    assert b"".join(found.parts).isascii()


def test_a_signed_header_stays_as_it_is_with_smtputf8():
    content = FROM + "Subject: ñ\r\nDKIM-Signature: v=1\r\n\r\n".encode()
    found = scan(content, smtputf8=True)
    assert found.has_utf8_header
    assert b"".join(found.parts) == content
    assert refused(FROM + b"Subject: \xe9\r\nDKIM-Signature: v=1\r\n\r\n", smtputf8=True)[:2] == (
        554,
        "5.6.0",
    )


def test_an_eight_bit_body_stays():
    content = FROM + b"\r\nse\xc3\xb1or \xe9\r\n"
    assert sent(content) == content
