"""Templates: what can stand in them, what is refused when they are compiled, what a mail looks like."""

import datetime as dt

import dkim
import orjson
import pytest

from console.content.compiling import MessageTemplate, compile_template
from console.content.fields import TemplateError
from console.content.rendering import Renderer, safe_link
from mta.dkim.keyfiles import generate_key
from mta.dkim.records import record_text
from mta.dkim.signing import sign
from mta.model.rendering import Occasion

DATE = "Sun, 22 Nov 2026 10:00:00 +0000"


def template(**changes) -> MessageTemplate:
    return MessageTemplate(**{"author": "a@sender.test", "subject": "s", "text": "t", **changes})


def rendered(address="ana@example.org", merge='{"nombre": "Ana"}', **changes) -> bytes:
    made = Renderer().load(compile_template(template(**changes)))
    return made.render(Occasion(12345, address, "<3039.relevo@relay.test>", DATE, merge))


def test_a_whole_message():
    message = rendered(
        subject="Hola {{ nombre }}",
        author_name="Municipalidad",
        to_name="{{ nombre }}",
        reply_to="mesa@sender.test",
        text="Estimada {{ nombre }},\nsu código es {{ código | default: '–' }}.\n",
        html='<p title="{{ nombre }}">{{ nombre }}</p>',
        headers=(
            ("List-Unsubscribe", "<https://x.test/u/{{ delivery_id }}>"),
            ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        ),
        merge='{"nombre": "\\"Ana\\" & <b>"}',
    )
    boundary = message.partition(b'boundary="')[2].partition(b'"')[0].decode()
    assert message.decode().splitlines() == [
        "From: Municipalidad <a@sender.test>",
        'To: "\\"Ana\\" & <b>" <ana@example.org>',
        "Reply-To: mesa@sender.test",
        'Subject: Hola "Ana" & <b>',
        f"Date: {DATE}",
        "Message-ID: <3039.relevo@relay.test>",
        "List-Unsubscribe: <https://x.test/u/12345>",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/alternative; boundary="{boundary}"',
        "",
        f"--{boundary}",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: quoted-printable",
        "",
        "Estimada =",
        '"Ana" & <b>=',
        ",",
        "su c=C3=B3digo es =",
        "=E2=80=93=",
        "=2E",
        "",
        f"--{boundary}",
        "Content-Type: text/html; charset=utf-8",
        "Content-Transfer-Encoding: quoted-printable",
        "",
        '<p title=3D"=',
        "&quot;Ana&quot; &amp; &lt;b&gt;=",
        '">=',
        "&quot;Ana&quot; &amp; &lt;b&gt;=",
        "</p>=",
        "",
        "",
        f"--{boundary}--",
    ]


def test_what_is_the_same_for_all_is_encoded_once():
    stored = orjson.loads(compile_template(template(subject="¡Atención!", text="año {{ x }} ñ")))
    kinds = [segment[0] for segment in stored["segments"]]
    assert kinds == ["=", "a", "=", "d", "i", "=", "t", "="]
    assert "Subject: =?utf-8?b?wqFBdGVuY2nDs24h?=" in stored["segments"][2][1]


@pytest.mark.parametrize(
    ("field", "merge", "text"),
    [
        ("{{ a }}", {"a": "x"}, "x"),
        ("{{a}}", {"a": "x"}, "x"),
        ("{{ a }}", {}, ""),
        ("{{ a | default: 'd' }}", {}, "d"),
        ('{{a|default:"d"}}', {"a": "  "}, "d"),
        ('{{ a | default("d") }}', {"a": None}, "d"),
        ("{{ a | default: 'd' }}", {"a": "{{ b }}", "b": "no"}, "{{ b }}"),
        ("{{ a }}", {"a": 7}, "7"),
        ("{{ a }}", {"a": True}, "true"),
        ("{{ Nombre   completo }}", {"Nombre completo": "x"}, "x"),
        ("{{ año.2 }}", {"año.2": "x"}, "x"),
        ("{{ email }}/{{ delivery_id }}", {"email": "forged"}, "ana@example.org/12345"),
        ("} } { {", {}, "} } { {"),
    ],
)
def test_fields_and_defaults(field, merge, text):
    message = rendered(text=f"<{field}>", merge=orjson.dumps(merge).decode())
    body = message.partition(b"\r\n\r\n")[2].replace(b"=\r\n", b"").strip()
    assert body.decode() == f"<{text}>"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"text": "one\ntwo {{ name"}, "text, line 2: '{{ name'"),
        ({"subject": "{{ }}"}, "subject, line 1"),
        ({"html": "{{ a | upper }}"}, "html, line 1"),
        ({"text": "{{ a | default: x }}"}, "expected {{ name }}, "),
        ({"text": "{% if a %}"}, "endif"),
        ({"text": ""}, "neither text nor HTML"),
        ({"author": "nobody"}, "from: 'nobody'"),
        ({"author": "ñ@sender.test"}, "only ASCII"),
        ({"headers": (("From", "x@y.test"),)}, "'From' cannot be set"),
        ({"headers": (("X-A: b\r\nBcc", "x"),)}, "cannot be set"),
        ({"headers": (("Content-Type", "text/html"),)}, "cannot be set"),
        ({"headers": (("List-Unsubscribe", "<https://ñ.test/>"),)}, "printable ASCII"),
        ({"text": "\ud800"}, "surrogates"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(changes, told):
    with pytest.raises(TemplateError) as raised:
        compile_template(template(**changes))
    assert told in str(raised.value)


@pytest.mark.parametrize("merge", ["[1]", "7", "{", '{"nombre": "\\ud800"}'])
def test_values_that_are_no_object_are_refused_for_that_recipient(merge):
    with pytest.raises(TemplateError, match=r"ana@example\.org"):
        rendered(text="{{ nombre }}", merge=merge)


def test_a_link_that_a_value_makes_too_long_is_refused():
    with pytest.raises(TemplateError, match="List-Help"):
        rendered(
            headers=(("List-Help", "<https://x.test/{{ nombre }}>"),),
            merge=orjson.dumps({"nombre": "x" * 1000}).decode(),
        )


def test_an_international_address_stays_as_it_is():
    message = rendered(address="ñandú@example.org")
    assert "\r\nTo: ñandú@example.org\r\n".encode() in message


def test_a_template_of_a_later_release_is_refused_as_such():
    with pytest.raises(TemplateError, match="version 2"):
        Renderer().load(b'{"v": 2}')


def test_what_is_rendered_is_signed_with_its_unsubscribe_fields(tmp_path):
    key, _ = generate_key(tmp_path, "sender.test", today=dt.date(2026, 11, 22))
    record = record_text(key).encode()
    for name in ("Ana", "José Ñandú", "<b>\r\n.\r\n  "):
        message = rendered(
            subject="¡Hola {{ nombre }}!",
            text=" {{ nombre }} \n\n.\n{{ nombre }}\n\n",
            html="<p>{{ nombre }}</p>",
            headers=(
                ("List-Unsubscribe", "<https://x.test/u/{{ delivery_id }}>"),
                ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
            ),
            merge=orjson.dumps({"nombre": name}).decode(),
        )
        field = sign(message, [key], 1_795_000_000)
        assert dkim.verify(field + message, dnsfunc=lambda _, timeout=5: record)
        signed = field.partition(b"h=")[2].partition(b";")[0].replace(b"\r\n ", b"").split(b":")
        assert signed.count(b"list-unsubscribe") == signed.count(b"list-unsubscribe-post") == 2


LONG = '{"nombre": "' + "x" * 16_000 + '"}'
BOMBS = (
    {"html": "{{ nombre }}" * 4_000},
    {"text": "{{ nombre }}" * 4_000},
    {"text": "{% if nombre %}" + "{{ nombre }}" * 4_000 + "{% endif %}"},
    {"text": "{% if nombre %}{{ nombre }}{{ nombre }}{% endif %}" * 100},
    {"subject": "{{ nombre }}" * 70},
    {"author_name": "{{ nombre }}" * 16},
)


@pytest.mark.parametrize("bomb", BOMBS, ids=[f"{next(iter(b))}-{n}" for n, b in enumerate(BOMBS)])
def test_a_short_mail_does_not_become_a_huge_one_by_its_values(bomb):
    made = Renderer().load(compile_template(template(**bomb)))
    with pytest.raises(TemplateError, match=r"more than|longer than"):
        made.render(Occasion(1, "ana@example.org", "<1@relay.test>", DATE, LONG))
    assert made.render(Occasion(1, "ana@example.org", "<1@relay.test>", DATE, '{"nombre": "x"}'))


def test_an_address_or_a_default_at_many_places_is_counted_as_well():
    with pytest.raises(TemplateError, match="more than"):
        rendered(
            address=f"{'x' * 60}@{'y' * 60}.example.org",
            text="{{ email }}" * 5_000,
            html="{{ email }}" * 5_000,
        )


def test_a_text_has_so_many_fields_and_no_more():
    with pytest.raises(TemplateError, match="html, line 2: more than 5000 fields"):
        rendered(
            html="{{ nombre }}\n"
            + "{% if nombre %}{{ nombre }}{% endif %}" * 100
            + "{{ nombre }}" * 4_900
        )


@pytest.mark.parametrize("before", [" ", "\x01" * 300, "\t\n" * 500])
def test_a_link_that_is_a_program_stays_none_whatever_stands_before_it(before):
    assert safe_link(f"{before}java{before}script:alert(1)") == "#"
    assert safe_link("https://example.org/javascript:") != "#"
