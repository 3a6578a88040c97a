"""Whatever a message holds: what goes out is well formed, and nothing we remove is in its header."""

import re

from hypothesis import example, given
from hypothesis import strategies as st

from mta.intake.content import ContentRefused, check_octets, scan
from mta.intake.header_encoding import decode_words, encode_field, encoded_words, field_text
from mta.intake.mailboxes import MailboxSyntaxError, mailboxes
from mta.smtp.data import ContentBuffer
from tests.property.effort import tries

NAMES = [
    "From", "from ", "SENDER", "To", "Cc", "Bcc", "bCC", "Bcc\t", "Resent-Bcc", "Return-Path", "Subject", "Date",
    "Message-ID", "Received", "DKIM-Signature", "X-Relevo-Tag", "x-relevo-class", "X-Other", "Content-Type",
    "Content-Length", "No Field", "", "List-Id", "Reply-To", "X-" + "N" * 950,
]  # fmt: skip
VALUES = [
    "ana@example.org", "Ana <ana@example.org>", "José <a@b.example>", '"x, é" <a@b.example>', "(é) a@b.example",
    "ñ@x.example", "<a@b.example>", "Fri, 15 Jan 2027 08:00:00 +0000", "campaign", "=?utf-8?q?=C3=B1?= é",
    'text/plain; name="é.txt"', "é" * 60, "x" * 300, "a\r\n b", "\r\n\ta@b.example", '"', "<", "(", "a,b;c:d", "\u2028", "\x0b",
    "=?utf-8?q?x=0D=0ABcc:_e@x?=",
]  # fmt: skip
fields = st.builds(
    lambda name, colon, value: f"{name}{colon}{value}\r\n",
    st.sampled_from(NAMES),
    st.sampled_from([":", ": ", " :", ""]),
    st.one_of(st.sampled_from(VALUES), st.text(max_size=30)),
)
encodings = st.sampled_from(["utf-8", "cp1252"])


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    """A message as the SMTP door hands it over: line ends and line lengths are in order."""
    lines = draw(st.lists(fields, max_size=10))
    text = "".join(lines) + draw(
        st.sampled_from(["", "\r\n", "\r\nbody\r\nBcc: x\r\n", "From x 1:02\r\n"])
    )
    raw = text.encode(draw(encodings), "replace") + draw(st.binary(max_size=40))
    return _through_the_door(draw(st.sampled_from([b"", b"From a@b 10:30:00\r\n"])) + raw)


def _through_the_door(raw: bytes) -> bytes:
    buffer = ContentBuffer(1 << 20, normalize=True)
    buffer.add(raw.replace(b"\0", b"0"))
    content = buffer.finish()
    return content if isinstance(content, bytes) else b"\r\n"


def header_of(content: bytes) -> bytes:
    return b"" if content.startswith(b"\r\n") else content.partition(b"\r\n\r\n")[0] + b"\r\n"


_WHOLE = re.compile(rb"(?:[!-9;-~]+[ \t]*:[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*)*\Z")


@given(messages(), st.booleans())
@tries(400)
@example(b"Subject: x\r\nnofield\r\nBcc: y\r\n", False)
@example(("To: " + "é, " * 20 + "\r\n").encode(), False)
def test_what_goes_out_is_well_formed(content: bytes, smtputf8: bool):
    try:
        found = scan(content, smtputf8=smtputf8)
    except ContentRefused:
        return
    out = b"".join(found.parts)
    check_octets(out)
    header = header_of(out)
    assert _WHOLE.match(header)
    assert not re.search(
        rb"^(bcc|resent-bcc|return-path|x-relevo-[^:]*)[ \t]*:", header, re.I | re.M
    )
    assert header.isascii() or found.has_utf8_header
    assert len(re.findall(rb"^from[ \t]*:", header, re.I | re.M)) == len(found.froms) <= 1


@given(messages())
def test_what_came_out_goes_through_unchanged(content: bytes):
    try:
        out = b"".join(scan(content, smtputf8=False).parts)
        again = scan(out, smtputf8=False)
    except ContentRefused:
        return
    assert b"".join(again.parts) == out


@given(messages())
def test_a_body_goes_out_as_it_came(content: bytes):
    header, blank, body = content.partition(b"\r\n\r\n")
    if not _WHOLE.match(header + b"\r\n") or not blank:
        return
    try:
        out = b"".join(scan(content, smtputf8=False).parts)
    except ContentRefused:
        return
    assert out.endswith(b"\r\n" + body)


printable = st.text(st.characters(blacklist_categories=("Cc", "Cs", "Zl", "Zp")), max_size=80)


@given(printable)
def test_unstructured_text_reads_the_same_after_encoding(text: str):
    value = " ".join(f"é {text}".split())
    written = encode_field("Subject", value.encode())
    assert written.isascii()
    if "=?" not in value:
        assert " ".join(decode_words(field_text(written)).split()) == value


@given(st.text(st.characters(blacklist_categories=("Cs",)), min_size=1, max_size=120))
def test_encoded_words_hold_the_text_and_no_more(text: str):
    words = encoded_words(text)
    assert all(len(word) <= 75 and word.isascii() and not word.split()[1:] for word in words)
    assert decode_words(" ".join(words)) == text


@given(
    st.lists(
        st.sampled_from(
            [*'ab.@<>"\\(),:;[] ', "é", "\u2028", "a@b.example", '"x"', "<a@b.example>"]
        ),
        max_size=25,
    )
)
def test_a_list_of_mailboxes_is_read_or_refused(tokens: list[str]):
    value = "".join(tokens)
    try:
        found = mailboxes(value)
    except MailboxSyntaxError:
        return
    assert found
    assert all(
        str(address).rpartition("@")[2] in value.lower()
        for address in found
        if "xn--" not in address.domain  # `a@é`: the domain is written otherwise
    )
    assert value.count("@") >= len(found)
