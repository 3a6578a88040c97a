"""The one way from a source to a mail: MJML, HTML, fields, conditions, what is taken out."""

import pytest

from console.content.compiling import MessageTemplate, compile_template
from console.content.errors import TemplateError
from console.content.preview import coverage, key_of, names_for, preview, without_images
from console.content.rendering import Renderer
from console.content.slots import filled_slots, link_markup, list_markup, text_markup
from console.content.source import SourceKind, compile_source
from mta.model.rendering import Occasion

MAIL = """<mjml><mj-head><mj-preview>Aviso</mj-preview></mj-head><mj-body>
<mj-section><mj-column>
<mj-text>Hola {{ nombre | default: "vecino/a" }}</mj-text>
{% if cargo == "Jefe" %}<mj-text>Para <b>jefes</b></mj-text>{% else %}<mj-text>Para todos</mj-text>{% endif %}
<mj-button href="{{ enlace | default: "https://a.example/?x=1" }}">Ver m\u00e1s</mj-button>
<mj-text><a href="{{ enlace_baja }}">Darse de baja</a></mj-text>
</mj-column></mj-section></mj-body></mjml>"""


def mjml(inside: str) -> str:
    return (
        "<mjml><mj-body><mj-section><mj-column><mj-text>"
        f"{inside}</mj-text></mj-column></mj-section></mj-body></mjml>"
    )


def html(source: str) -> str:
    return compile_source(SourceKind.HTML, source).html


def rendered(values: str, **parts: str) -> str:
    compiled = compile_template(MessageTemplate(author="a@sender.example", subject="x", **parts))
    occasion = Occasion(7, "ana@example.org", "<1@x>", "Sun, 22 Nov 2026 00:00:00 +0000", values)
    return Renderer().load(compiled).render(occasion).decode().replace("=\r\n", "")


def test_T_l_fields_and_conditions_survive_the_compilers():
    body = compile_source(SourceKind.MJML, MAIL)
    assert '{{ nombre | default: "vecino/a" }}' in body.html
    assert 'href="{{ enlace | default: "https://a.example/?x=1" }}"' in body.html
    assert '{% if cargo == "Jefe" %}<tr>' in body.html
    assert [field.name for field in body.fields] == ["nombre", "cargo", "enlace", "enlace_baja"]


def test_T_l_a_condition_chooses_what_each_recipient_reads():
    body = compile_source(SourceKind.MJML, MAIL)
    boss = preview(body, {"cargo": " jefe ", "nombre": "Ana"})
    other = preview(body, {})
    assert "jefes" in boss
    assert "Hola Ana" in boss
    assert "Para todos" not in boss
    assert "jefes" not in other
    assert "Hola vecino/a" in other


def test_T_l_what_is_previewed_is_what_is_sent():
    body = compile_source(SourceKind.MJML, MAIL)
    sent = rendered('{"cargo":"Jefe","nombre":"<b>Ana"}', text=body.text, html=body.html)
    assert "Hola &lt;b&gt;Ana" in sent
    assert "Para <b>jefes</b>" in sent
    assert "Para todos" not in sent


def test_the_text_part_is_made_from_the_html():
    body = compile_source(SourceKind.MJML, MAIL)
    assert body.text.startswith('Hola {{ nombre | default: "vecino/a" }}\n\n{% if')
    assert "Ver m\u00e1s: {{ enlace" in body.text
    assert "Aviso" not in body.text


def test_the_text_part_has_lists_links_and_names_of_images():
    source = mjml(
        '<ul><li>uno</li><li>dos <a href="https://b.example/x">ver</a></li></ul>'
        '<img src="https://b.example/a.png" alt="Logo">'
    )
    text = compile_source(SourceKind.MJML, source).text
    assert "- uno\n- dos ver: https://b.example/x\n" in text
    assert text.rstrip().endswith("Logo")


@pytest.mark.parametrize(
    ("source", "code", "line"),
    [
        ("<mjml><mj-body>\n<mj-foo>x</mj-foo></mj-body></mjml>", "unknown_tag", 2),
        (
            "<mjml><mj-body>\n<mj-section>\n<mj-column></mj-section></mj-body></mjml>",
            "not_closed",
            3,
        ),
        ("<mjml><mj-body>\n<mj-include path='/etc/passwd'/></mj-body></mjml>", "unknown_tag", 2),
        ("<p>x</p>", "no_root", 1),
        (mjml("a\n{{ b"), "field", 2),
        (mjml("a\n{% if b %}x"), "unclosed", 2),
        (mjml("<b>\n{% endif %}</b>"), "unopened", 0),
        (mjml("{% for a in b %}{% endfor %}"), "tag", 0),
        (mjml('<p style="color:{{ color }}">x</p>'), "field_in_style", 0),
    ],
)
def test_T_h_a_mistake_is_told_with_its_line(source, code, line):
    with pytest.raises(TemplateError) as caught:
        compile_source(SourceKind.MJML, source)
    assert caught.value.code == code
    assert caught.value.line == (line or caught.value.line)


@pytest.mark.parametrize(
    "attack",
    [
        "{{ ''.__class__ }}", "{{ ''.__class__.__mro__ }}", "{{ ''|attr('__class__') }}",
        "{{ '{0.__class__}'.format(x) }}", "{{ cycler.__init__()[0] }}",
        "{{ range(10**10) }}", "{{ 'a'*10**9 }}", "{{ {{ a }} }}", "{{ a", "{{", "{%", "{% if %}",
        "{% include '/etc/passwd' %}", "{% if a.__class__() %}x{% endif %}", "{{ a | upper }}",
        "{% if a == b.c[0] %}x{% endif %}", "{% set a = 1 %}", "{% if (((((((((((a %}x{% endif %}",
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", list(SourceKind))
def test_T_l_nothing_but_fields_and_conditions_is_understood(kind, attack):
    source = mjml(attack) if kind is SourceKind.MJML else attack
    with pytest.raises(TemplateError):
        compile_source(kind, source)


@pytest.mark.parametrize(
    "piece", ["{{", "{%", '{{ a | default: "', "<!--", '<a b="', "<div>", "<b><p>"]
)
@pytest.mark.parametrize("kind", [SourceKind.MJML, SourceKind.HTML])
def test_a_megabyte_of_beginnings_is_refused(kind, piece):
    with pytest.raises(TemplateError):
        compile_source(kind, piece * (1024 * 1024 // len(piece)))
    with pytest.raises(TemplateError):
        compile_source(kind, piece * (500_000 // len(piece)) + "x")


@pytest.mark.parametrize(
    "source",
    [
        "<script>alert(1)</script>", "<iframe src=x></iframe>", "<object data=x></object>",
        "<embed src=x>", "<base href=//e.example>", "<link rel=stylesheet href=/etc/passwd>",
        "<svg onload=alert(1)>", "<math><mtext></mtext></math>", "<img src=x onerror=alert(1)>",
        "<a href='java\nscript:alert(1)'>x</a>", "<a href=' javascript:alert(1)'>x</a>",
        "<a href='data:text/html,<script>'>x</a>", "<meta http-equiv=refresh content='0;url=//e'>",
        "<form action=//e.example><input name=a></form>", "<p style='a:expression(alert(1))'>x</p>",
        "<style>@import url(//e.example/x.css);</style>", "<video src=x></video>",
        "<table><td><script>alert(1)</script></td></table>", "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    ],
)  # fmt: skip
def test_what_is_no_mail_is_taken_out_and_told(source):
    body = compile_source(SourceKind.HTML, f"<p>antes</p>{source}<p>despues</p>")
    low = body.html.lower()
    for word in ("<script", "<iframe", "<object", "<embed", "<base", "<link", "<svg", "onerror",
                 "onload", "javascript:", "data:text", "refresh", "<form", "<input", "expression(",
                 "@import", "<video"):  # fmt: skip
        assert word not in low.replace("title=", "")[: low.find("&lt;")], word
    assert "antes" in body.html
    assert any(finding.code == "removed" for finding in body.findings)


def test_mail_html_keeps_what_outlook_and_phones_need():
    out = html(
        "<head><style>td{color:#112233} @media (max-width:600px){td{color:blue}}</style></head>"
        "<!--[if mso]><table><tr><td><![endif]--><table bgcolor='#fff'>{% if a %}<tr><td>x</td></tr>"
        "{% endif %}</table><!--[if mso]></td></tr></table><![endif]-->"
    )
    assert "<!--[if mso]><table><tr><td><![endif]-->" in out
    assert "@media (max-width:600px)" in out
    assert 'style="color: #112233;"' in out
    assert (
        out.index("<table") < out.index("{% if a %}") < out.index("<tr>", out.index("{% if a %}"))
    )


def test_nothing_is_fetched_for_a_template():
    out = html("<link rel=stylesheet href='file:///etc/passwd'><p>x</p>")
    assert "root:" not in out
    body = compile_source(SourceKind.MJML, mjml("x"))
    assert "fonts.googleapis" not in body.html


def test_T_l_a_value_never_makes_a_link_a_program():
    body = compile_source(SourceKind.HTML, '<a href="{{ enlace }}">x</a>')
    for value in ("javascript:alert(1)", " java\tscript:alert(1)", "data:text/html,x"):
        assert 'href="#"' in preview(body, {"enlace": value})
    sent = rendered('{"enlace":"JavaScript:alert(1)"}', html=body.html)
    assert "script:" not in sent.lower()
    assert "https://ok.example/?a=1&amp;b" in preview(body, {"enlace": "https://ok.example/?a=1&b"})


def test_T_l_a_value_cannot_add_a_header():
    compiled = compile_template(
        MessageTemplate(
            author="a@sender.example",
            subject="{% if n %}Hola {{ n }}{% else %}Hola{% endif %}",
            text="x",
        )
    )
    occasion = Occasion(7, "ana@example.org", "<1@x>", "d", '{"n":"a\\r\\nBcc: x@y.example"}')
    mail = Renderer().load(compiled).render(occasion)
    assert b"\r\nBcc:" not in mail
    assert b"Subject: Hola a Bcc: x@y.example\r\n" in mail


def test_findings_name_what_readers_would_stumble_over():
    body = compile_source(
        SourceKind.HTML,
        '<img src="https://a.example/x.png"><a href="https://evil.example">www.bank.example</a>'
        '<a href="/x">y</a><a href="http://b.example">z</a>' + "<p>x</p>" * 1000,
    )
    codes = {finding.code for finding in body.findings}
    assert {"no_alt", "link_text", "link_relative", "link_insecure", "no_unsubscribe"} <= codes
    large = compile_source(SourceKind.HTML, "<p>" + "x" * 110_000 + "</p>")
    assert "size" in {finding.code for finding in large.findings}


def test_T_l_coverage_says_who_gets_a_default_and_what_blocks():
    fields = compile_source(
        SourceKind.TEXT,
        '{{ Razon_Social }} {{ nombre | default: "estimado/a" }} {{ cargo }} {{ otro }} {{ fecha }}',
    ).fields
    found = {
        one.name: one
        for one in coverage(fields, {"Raz\u00f3n Social": 100, "Nombre": 90, "Cargo": 88}, 100)
    }
    assert not found["Razon_Social"].is_blocking
    assert (found["nombre"].missing, found["nombre"].is_blocking) == (10, False)
    assert found["cargo"].is_blocking
    assert not found["cargo"].is_unknown
    assert found["otro"].is_unknown
    assert "fecha" not in found
    assert names_for(fields, ["Raz\u00f3n Social"]) == {"Razon_Social": "Raz\u00f3n Social"}
    assert key_of("RAZ\u00d3N  social") == key_of("razon_social")


def test_T_h_places_are_filled_with_text_and_never_with_markup():
    source = filled_slots("<p>[[ a ]]</p>[[# b ]]<i>[[ b ]]</i>[[/ b ]]", {"a": "x", "b": ""})
    assert source == "<p>x</p>"
    assert "&lt;script&gt;" in text_markup("<script>")
    made = text_markup('**{{ n | default: "a*b*" }}** [ver](b.example)\n- uno\n- dos')
    assert '<strong>{{ n | default: "a*b*" }}</strong>' in made
    assert '<a href="https://b.example">ver</a>' in made
    assert made.count("<li") == 2 == list_markup("uno\ndos").count("<li")
    assert "<a" not in text_markup("[x](javascript:alert)")
    assert link_markup("javascript:alert(1)") == ""
    assert link_markup("ana@b.example") == "mailto:ana@b.example"
    with pytest.raises(TemplateError):
        filled_slots("[[ c ]]", {})


def test_T_n_images_off_shows_their_names_only():
    out = without_images('<img alt="Logo" src="https://a.example/x.png"><td background="x">')
    assert "x.png" not in out
    assert 'alt="Logo"' in out
