"""Templates with tracking: each recipient's own links, and none in copies for other eyes."""

import re
from email import message_from_bytes, policy

import orjson
import pytest

from console.campaigns.composing import ContentCompiler
from console.campaigns.values import Content
from console.content.compiling import MessageTemplate, compile_template
from console.content.rendering import Renderer
from console.tracking.instrumenting import TrackingOptions
from console.tracking.tokens import Purpose, Target, TrackingTokens
from mta.model.rendering import Occasion

TOKENS = TrackingTokens({1: bytes(32)})
BASE = "https://t.example.org"
HTML = (
    '<html><body><p>Hola {{ nombre }}</p><a href="https://a.example/?a=1&amp;b=2">uno</a>'
    '<a href="https://b.example/{{ ruc }}">dos</a>'
    '<a href="mailto:x@b.example">correo</a></body></html>'
)


def compiled(**options: bool) -> bytes:
    tracking = TrackingOptions(BASE, **options)
    return compile_template(
        MessageTemplate(
            "aviso@entidad.example", "Aviso", "Hola {{ nombre }}", HTML, tracking=tracking
        )
    )


def html_of(template, delivery=5, message=3, merge='{"nombre":"Ana","ruc":"20<1>"}'):
    occasion = Occasion(
        delivery, "ana@r.example", "<1@x>", "Sun, 22 Nov 2026 10:00:00 -0500", merge, message
    )
    mail = message_from_bytes(template.render(occasion), policy=policy.default)
    return mail.get_body(("html",)).get_content()


def test_each_recipient_has_links_and_a_pixel_of_their_own():
    template = Renderer(TOKENS).load(compiled())
    html = html_of(template)
    clicks = re.findall(rf'href="{BASE}/c/([\w-]+)"', html)
    assert [TOKENS.target(Purpose.CLICK, t) for t in clicks] == [Target(5, 3, 0), Target(5, 3, 1)]
    (pixel,) = re.findall(rf'<img src="{BASE}/o/([\w-]+)\.gif"[^>]*alt=""[^>]*></body>', html)
    assert TOKENS.target(Purpose.OPEN, pixel) == Target(5, 3)
    assert "mailto:x@b.example" in html
    assert "a.example" not in html
    assert html_of(template, delivery=6) != html


def test_where_links_lead_becomes_durable_with_the_message():
    template = Renderer(TOKENS).load(compiled())
    rows = [(3, 0, "https://a.example/?a=1&b=2"), (3, 1, "https://b.example/{{ ruc }}")]
    assert template.companions(3) == [("campaign_link_insert", rows)]


def test_a_copy_that_nobody_gets_leads_straight_to_the_target_and_has_no_pixel():
    expected = HTML.replace("{{ nombre }}", "Ana").replace("{{ ruc }}", "20&lt;1&gt;")
    for template, message in (
        (Renderer(TOKENS).load(compiled()), 0),
        (Renderer().load(compiled()), 3),
    ):
        assert html_of(template, message=message).strip() == expected


def test_anonymous_links_name_nobody():
    html = html_of(Renderer(TOKENS).load(compiled(is_anonymous=True)))
    clicks = re.findall(rf'href="{BASE}/c/([\w-]+)"', html)
    assert [TOKENS.target(Purpose.CLICK, t) for t in clicks] == [Target(0, 3, 0), Target(0, 3, 1)]


def test_opens_and_clicks_are_tracked_one_without_the_other():
    opens = html_of(Renderer(TOKENS).load(compiled(clicks=False)))
    assert "/o/" in opens
    assert "/c/" not in opens
    clicks = html_of(Renderer(TOKENS).load(compiled(opens=False)))
    assert "/c/" in clicks
    assert "<img" not in clicks


def test_without_tracking_a_template_has_no_companions():
    plain = compile_template(MessageTemplate("aviso@entidad.example", "Aviso", html=HTML))
    template = Renderer(TOKENS).load(plain)
    assert template.companions(3) == ()
    assert "a.example" in html_of(template)


@pytest.mark.parametrize(
    ("account", "wanted", "told"), [(False, False, False), (False, True, True), (True, False, True)]
)
async def test_a_campaign_learns_no_more_than_its_account_and_may_learn_less(account, wanted, told):
    options = TrackingOptions("https://t.example.org", is_anonymous=account)
    made = ContentCompiler(lambda _account, _opens, _clicks: options)
    content = Content(
        from_address="a@sender.test", subject="s", source='<a href="https://x.test">x</a>',
        track_totals=wanted,
    )  # fmt: skip
    document = orjson.loads(await made.compile(7, content, 1))
    assert document["tracking"]["anonymous"] is told
