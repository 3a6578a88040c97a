"""The mail in the browser: the recipient's own copy, and nothing in it runs."""

from email.message import EmailMessage

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from console.content.compiling import MessageTemplate, compile_template
from console.content.own_links import OwnLinks
from console.content.raw_tracking import RawTracker
from console.content.rendering import Renderer
from console.content.structure import File
from console.public.rendering import PublicRenderer
from console.public.viewing import POLICY, ViewPages, shown
from console.tracking.instrumenting import TrackingOptions
from console.tracking.tokens import Purpose, Target, TrackingTokens
from mta.model.rendering import Occasion
from mta.spool.rows import MessageFlag
from tests.tracking_world import tracking_world

TOKENS = TrackingTokens({1: bytes(32)})
BASE = "https://t.example.org"


@pytest.fixture
async def world(tmp_path):
    async with tracking_world(tmp_path) as found:
        yield found


@pytest.fixture
def tracker():
    found = RawTracker()
    found.begin(TOKENS, lambda _a, opens, clicks: TrackingOptions(BASE, opens, clicks))
    return found


@pytest.fixture
async def client(world, tracker):
    app = web.Application()
    ViewPages(PublicRenderer("es"), TOKENS, world.store, Renderer(TOKENS), tracker).add_routes(app)
    async with TestClient(TestServer(app)) as client:
        yield client


def path(delivery: int) -> str:
    return f"/v/{TOKENS.token(Purpose.VIEW, Target(delivery, 0))}"


async def test_a_recipient_sees_their_own_copy_in_a_sandbox(world, client):
    compiled = compile_template(
        MessageTemplate(
            "app@x.test",
            "Aviso",
            html='<p>Hola {{ nombre }}</p><a href="https://a.example">x</a><img src="cid:uno">',
            files=(File("a.png", "image/png", b"PNG", "uno"),),
            tracking=TrackingOptions(BASE),
        )
    )
    (delivery,) = await world.mail(content=compiled, flags=MessageFlag.TEMPLATE)
    await world.merge(delivery, '{"nombre": "<script>alert(1)</script>"}')
    got = await client.get(path(delivery))
    text = await got.text()
    assert (got.status, got.content_type) == (200, "text/html")
    assert got.headers["Content-Security-Policy"] == POLICY
    assert POLICY.startswith("sandbox allow-popups ")
    assert "allow-scripts" not in POLICY
    assert "Hola &lt;script&gt;" in text
    assert 'src="data:image/png;base64,UE5H"' in text
    token = text.partition(f'href="{BASE}/c/')[2].partition('"')[0]
    assert TOKENS.target(Purpose.CLICK, token) == Target(delivery, world.messages[delivery], 0)


async def test_a_message_of_an_application_is_shown_with_the_recipients_links(
    world, client, tracker
):
    raw = b'Content-Type: text/html\r\n\r\n<a href="https://a.example">x</a>\r\n'
    marked = tracker.mark(raw, 7, opens=True, clicks=True)
    (delivery,) = await world.mail(content=marked.content, flags=MessageFlag.MARKED)
    text = await (await client.get(path(delivery))).text()
    token = text.partition(f'href="{BASE}/c/')[2].partition('"')[0]
    assert TOKENS.target(Purpose.CLICK, token).delivery == delivery


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path[:-1],
        lambda path: path[:-5] + "AAAAA",
        lambda _: f"/v/{TOKENS.token(Purpose.CLICK, Target(1, 0))}",
    ],
)
async def test_a_forged_token_shows_nothing(world, client, change):
    (delivery,) = await world.mail()
    assert (await client.get(change(path(delivery)))).status == 404


async def test_what_is_not_kept_any_more_is_said_to_be_gone(world, client):
    (erased,) = await world.mail()
    assert (await client.get(path(erased))).status == 410
    assert (await client.get(path(12345))).status == 410


@pytest.mark.parametrize(
    ("mail", "expected"),
    [
        (b"Content-Type: text/plain\r\n\r\n<b>\r\n", "<pre>&lt;b&gt;"),
        (b"Content-Type: application/pdf\r\n\r\nx\r\n", "<pre></pre>"),
        (b"Content-Type: text/html; charset=no-such\r\n\r\nx\r\n", ""),
        (b"", "<pre>"),
    ],
)
def test_broken_mail_is_shown_as_far_as_it_goes(mail, expected):
    assert expected in shown(mail)


def _with_image(kind: str, size: int, html: str) -> bytes:
    mail = EmailMessage()
    mail.set_content(html, subtype="html")
    mail.add_related(b"i" * size, "image", "png", cid="<a>")
    return mail.as_bytes().replace(b"image/png", kind.encode())


def test_an_image_that_is_asked_for_a_thousand_times_does_not_fill_the_memory():
    mail = _with_image("image/png", 1 << 20, '<img src="cid:a">' * 1_000)
    assert len(shown(mail)) < 5 << 20
    assert shown(mail).count("data:image/png;base64,") == 2
    assert len(shown(_with_image("image/png", 1_000, '<img src="cid:a">' * 100))) > 100_000


def test_the_kind_of_an_image_is_no_markup():
    page = shown(_with_image('image/x"><svg/onload=y', 9, "<img src='cid:a'>"))
    assert "onload" not in page


def test_templates_may_ask_for_the_recipients_own_addresses():
    renderer = Renderer()
    renderer.own_links = OwnLinks(lambda d: f"https://x/u/{d}", lambda d: f"https://x/v/{d}")
    compiled = compile_template(
        MessageTemplate(
            "app@x.test", "s", "{{ enlace_baja }} {{ enlace_preferencias }} {{ ver_en_navegador }}"
        )
    )
    template = renderer.load(compiled)
    merge = '{"enlace_baja": "https://evil.example"}'
    made = template.render(Occasion(5, "a@b.test", "<1@x>", "d", merge, 3)).replace(b"=\r\n", b"")
    assert b"https://x/u/5 https://x/u/5 https://x/v/5" in made
    preview = template.render(Occasion(0, "a@b.test", "<1@x>", "d", "", 0)).replace(b"=\r\n", b"")
    assert b"# # #" in preview
