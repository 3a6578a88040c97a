"""Whatever the values are: what a mail reader makes of a rendered template is what it makes of the
same texts put into an `EmailMessage`, and no value gets out of the place where it stands."""

import re
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import parseaddr
from html import escape

import orjson
from hypothesis import example, given, settings
from hypothesis import strategies as st

from console.content.compiling import MessageTemplate, compile_template
from console.content.rendering import Renderer
from mta.model.errors import PermanentError
from mta.model.rendering import Occasion

NAMES = ("nombre", "código", "monto total")
FORBIDDEN = re.compile(r"\{\{|\{%|\}\}|^\}|\}$|\{$")
# Characters that mean something to one of the encodings come up more often than others.
SPECIAL = "=?_.,;:<>@\"'\\&%{}()[]\r\n\t \0ñÑ€😀\x85\u2028\xa0-–x"
texts = st.text(
    st.one_of(st.sampled_from(SPECIAL), st.characters(exclude_categories=["Cs"])), max_size=200
)
literals = texts.filter(lambda text: not FORBIDDEN.search(text))
values = st.fixed_dictionaries(
    {},
    optional={
        name: st.one_of(texts, st.integers(-(2**63), 2**63 - 1), st.none()) for name in NAMES
    },
)
fields = st.tuples(st.sampled_from(NAMES), st.sampled_from(["", "estimado/a", "…"]))
pieces = st.lists(st.one_of(literals, fields), max_size=6)


def source(parts) -> str:
    """The parts as a template."""
    return "".join(
        part
        if isinstance(part, str)
        else f'{{{{ {part[0]} | default: "{part[1]}" }}}}'
        if part[1]
        else f"{{{{{part[0]}}}}}"
        for part in parts
    )


def plainly(parts, given_values, quote=str) -> str:
    """The parts with the values in their places, the naive way."""
    written = []
    for part in parts:
        if isinstance(part, str):
            written.append(part)
            continue
        value = given_values.get(part[0])
        text = "" if value is None else str(value)
        written.append(quote(text if text.strip() else part[1]))
    return "".join(written)


def one_line(text: str) -> str:
    controls = dict.fromkeys((*range(32), *range(127, 160), 0x2028, 0x2029), " ")
    return " ".join(text.translate(controls).split())


def lines(text: str) -> str:
    """Without what line ends are written with, and how many there are at the end."""
    return re.sub(r"\r\n|\r|\n", "\n", text).rstrip("\n")


def rendered(template: MessageTemplate, given_values, address="ana@example.org") -> bytes:
    made = Renderer().load(compile_template(template))
    merge = orjson.dumps(given_values).decode()
    date = "Sun, 22 Nov 2026 10:00:00 +0000"
    return made.render(Occasion(12345, address, "<3039.relevo@relay.test>", date, merge))


def assert_on_the_wire(message: bytes) -> None:
    """ASCII, lines ended by CRLF and nothing else, none too long, one empty line behind the header."""
    assert message.isascii()
    assert message.endswith(b"\r\n")
    assert b"\r" not in message.replace(b"\r\n", b"")
    assert b"\n" not in message.replace(b"\r\n", b"")
    header, _, body = message.partition(b"\r\n\r\n")
    assert all(len(line) <= 998 for line in header.split(b"\r\n"))
    assert all(len(line) <= 76 for line in body.split(b"\r\n"))
    for line in header.split(b"\r\n"):
        assert line[:1] in b" \t" or re.match(rb"[A-Za-z-]+:", line), line


@settings(deadline=None)
@given(subject=pieces, name=pieces, text=pieces, html=pieces, given_values=values)
@example([("nombre", "")], [], ["a"], ["b"], {"nombre": "x\r\nBcc: all@example.org\r\n\r\n"})
@example([("nombre", "")], [("nombre", "")], ["a"], [], {"nombre": "=?utf-8?q?ha?="})
@example(["a"], [("nombre", "")], [("nombre", "")], [], {"nombre": "." + "x" * 74 + " "})
@example(["a"], [], [" ", ("nombre", ""), "\n."], [("nombre", "")], {"nombre": "a \n.\n b=3D"})
def test_a_reader_sees_what_it_would_see_of_the_plain_message(
    subject, name, text, html, given_values
):
    text = [*text, "cuerpo"]
    template = MessageTemplate(
        author="noticias@sender.test",
        author_name=source(name),
        subject=source(subject),
        text=source(text),
        html=source(html),
    )
    message = rendered(template, given_values)
    assert_on_the_wire(message)
    plain = EmailMessage(policy=policy.SMTP)
    plain["Subject"] = one_line(plainly(subject, given_values))
    plain.set_content(plainly(text, given_values), cte="base64")
    if source(html):
        plain.add_alternative(plainly(html, given_values, escape), subtype="html", cte="base64")
    wanted = message_from_bytes(plain.as_bytes(), policy=policy.default)
    seen = message_from_bytes(message, policy=policy.default)
    assert seen["Subject"] == one_line(plainly(subject, given_values))
    # The newer interface of Python 3.11 puts spaces between encoded words of a display name.
    shown, address = parseaddr(message_from_bytes(message)["From"].replace("\r\n", ""))
    assert str(make_header(decode_header(shown))) == one_line(plainly(name, given_values))
    assert address == "noticias@sender.test"
    assert seen["To"] == "ana@example.org"
    assert seen["Message-ID"] == "<3039.relevo@relay.test>"
    assert not seen.defects
    assert seen.get_content_type() == wanted.get_content_type()
    for kind in ("plain", "html") if source(html) else ("plain",):
        seen_part, wanted_part = seen.get_body((kind,)), wanted.get_body((kind,))
        assert seen_part.get_content_type() == wanted_part.get_content_type() == f"text/{kind}"
        assert lines(seen_part.get_content()) == lines(wanted_part.get_content())


@settings(deadline=None)
@given(given_values=values)
def test_a_value_in_a_link_of_the_header_stays_in_it(given_values):
    template = MessageTemplate(
        author="noticias@sender.test",
        subject="Hola",
        text="Hola",
        headers=(("List-Unsubscribe", "<https://x.test/u/{{ delivery_id }}?n={{ nombre }}>"),),
    )
    given_values = {k: v[:60] if isinstance(v, str) else v for k, v in given_values.items()}
    message = rendered(template, given_values)
    assert_on_the_wire(message)
    (line,) = [x for x in message.split(b"\r\n") if x.startswith(b"List-Unsubscribe")]
    assert re.fullmatch(rb"List-Unsubscribe: <https://x\.test/u/12345\?n=[A-Za-z0-9._~%-]*>", line)


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_what_was_not_compiled_is_refused_as_such(data):
    try:
        Renderer().load(data)
    except PermanentError:
        return
    raise AssertionError("taken")
