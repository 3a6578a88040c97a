"""Texts of users that are markup: on no page, in no preview and in no file name do they become any."""

import re
from collections.abc import AsyncIterator

import aiohttp
import pytest

from console.campaigns.values import AudienceSpec, Content
from console.content.source import SourceKind
from console.templates.values import Draft
from tests.accounts_world import OPERATOR
from tests.matrix.templates import image
from tests.web_world import sign_in
from tests.whole_server import EMAIL, PASSWORD, Whole, open_whole

EVIL = "\"'><img src=x onerror=alert(1)><script>alert(2)</script>{{7*7}}"
FIELD = EVIL.removesuffix("{{7*7}}")  # where fields are read, braces are a mistake
MARKUP = re.compile(r"<img src=x|<script>|\son(?:error|load|click)=", re.IGNORECASE)
CSV = f'correo;nombre;"{FIELD.replace(chr(34), chr(34) * 2)}"\na@example.com;"{FIELD.replace(chr(34), "")}";x\n'


async def _file() -> AsyncIterator[bytes]:
    yield CSV.encode()


async def _fill(whole: Whole) -> list[str]:
    """Put the text wherever somebody may write one; the pages that show it."""
    services, account = whole.services, whole.account
    library, templates = services.areas.templates.media, services.areas.templates.service
    logo = await library.add_image(OPERATOR, account, f"{EVIL}.png", image())
    await library.add_file(OPERATOR, account, f"{EVIL}.pdf", b"%PDF-1.4")
    await templates.set_brand(OPERATOR, account, {"name": FIELD, "address": FIELD, "logo": FIELD})
    source = f'<p>{FIELD}</p><a href="javascript:alert(1)">x</a><p>{{{{ nombre }}}}</p>'
    code = await templates.create(
        OPERATOR, account, EVIL, Draft(SourceKind.HTML, FIELD, "", source), note=EVIL
    )
    await templates.save(OPERATOR, code.id, Draft(SourceKind.HTML, "x", "", "<p>y</p>", files=(1,)))
    slots = {"title": FIELD, "text": FIELD, "image.src": FIELD, "image.alt": FIELD}
    quick = await templates.create(
        OPERATOR, account, EVIL, Draft(SourceKind.MJML, FIELD, "bulletin", "", slots)
    )
    contact = await services.contacts.contacts.put(
        OPERATOR, account, "ana@example.com", {"nombre": EVIL, EVIL[:40]: EVIL}
    )
    made = await services.contacts.contacts.add_list(OPERATOR, account, EVIL[:60])
    await services.contacts.contacts.enlist(OPERATOR, made.id, [contact.id])
    upload = await services.contacts.uploads.receive(OPERATOR, account, f"{EVIL}.csv", _file())
    content = Content(
        from_address="a@muni.example", from_name=FIELD, subject=FIELD, source=source, text=EVIL[:-7]
    )
    spec = AudienceSpec(include=(made.id,), count=1)
    campaign = await services.campaigns.service.create(OPERATOR, account, EVIL, content, spec)
    one, mine = f"/campaigns/{campaign.id}", "/templates"
    return [
        "/", "/campaigns", one, f"{one}/audience", f"{one}/template", f"{one}/content",
        f"{one}/content?write=1", f"{one}/send", f"{one}/preview", f"{one}/preview?row=1",
        mine, f"{mine}/media", f"{mine}/media?removed={logo.id}", f"{mine}/media/choose?kind=image",
        f"{mine}/media/choose?kind=file", f"{mine}/brand", f"{mine}/gallery",
        *(f"{mine}/{n}{page}" for n in (code.id, quick.id) for page in ("", "/preview", "/versions")),
        f"{mine}/{code.id}/diff?from=1&to=2", f"{mine}?q={'%3Cscript%3Ealert'}",
        "/contacts", f"/contacts/{contact.id}", "/lists", f"/lists/{made.id}", "/imports",
        f"/imports/{upload.id}", "/search?q=%3Cscript%3Ealert(2)", "/audit", "/tracking",
    ]  # fmt: skip


@pytest.fixture
async def whole(tmp_path):
    async with open_whole(tmp_path) as whole:
        yield whole


async def test_texts_of_users_are_shown_on_every_page_and_are_markup_on_none(whole):
    pages = await _fill(whole)
    jar = aiohttp.CookieJar(unsafe=True)
    frames: set[str] = set()
    shown = 0
    async with aiohttp.ClientSession(whole.url, cookie_jar=jar) as browser:
        assert (await sign_in(browser, email=EMAIL, password=PASSWORD)).status == 303
        for path in pages:
            async with browser.get(path) as response:
                text = await response.text()
                assert response.status == 200, (path, response.status)
                policy = response.headers["Content-Security-Policy"]
            assert not MARKUP.search(_tags(text)), (path, MARKUP.search(_tags(text)))
            assert "'unsafe" not in policy, path
            shown += "&lt;script&gt;" in text or "&lt;img src=x" in text
            for frame in re.findall(r"<iframe[^>]*>", text):
                assert re.search(r"\ssandbox(?:\s|>|=\"\")", frame), (path, frame)
                frames.update(re.findall(r'src="([^"]+)"', frame))
        assert shown > len(pages) // 2  # the text is really there
        for path in frames:
            async with browser.get(path.replace("&amp;", "&")) as response:
                text = await response.text()
                assert response.status == 200, path
                assert response.headers["Content-Security-Policy"].startswith("sandbox;"), path
            if response.content_type == "text/html":
                assert not re.search(r"<script|\sonerror=|javascript:", _tags(text)), path
    assert len(frames) > 15


def _tags(html: str) -> str:
    """The markup of a page, without what stands in texts and in quotes."""
    return " ".join(re.sub(r'"[^"]*"', '""', tag) for tag in re.findall(r"<[a-zA-Z][^<>]*>", html))


async def test_names_of_files_cannot_add_a_header_or_leave_the_folder(whole):
    library = whole.services.areas.templates.media
    name = f"../../{EVIL}\r\nSet-Cookie: a=b.pdf"
    paper = await library.add_file(OPERATOR, whole.account, name, b"%PDF-1.4")
    async with aiohttp.ClientSession(whole.url) as anybody, anybody.get(paper.path) as got:
        assert got.status == 200
        assert "Set-Cookie" not in got.headers
        told = got.headers["Content-Disposition"]
        assert told.startswith("attachment; filename*=UTF-8''")
        assert not set(told) & set('<>/"\r\n')
        assert got.headers["X-Content-Type-Options"] == "nosniff"
        assert got.headers["Content-Security-Policy"].startswith("sandbox;")


@pytest.mark.parametrize("path", ["/c/", "/o/", "/u/", "/v/", "/i/", "/f/"])
async def test_public_pages_say_nothing_of_what_was_asked(whole, path):
    async with aiohttp.ClientSession(whole.url) as anybody:
        for asked in (
            "%22%3E%3Cscript%3Ealert(2)%3C/script%3E",
            "https:%2F%2Fevil.example",
            "x" * 47,
        ):
            address = f"{path}{asked}{'.gif' if path == '/o/' else ''}"
            async with anybody.get(address, allow_redirects=False) as got:
                assert got.status == 404
                assert "Location" not in got.headers
                assert not MARKUP.search(_tags(await got.text()))


async def test_links_of_mail_are_served_by_whatever_name_they_come(whole):
    """A tracking domain of an account is only another name: the token decides."""
    async with aiohttp.ClientSession(whole.url) as anybody:
        for host in ("t.muni.example", "evil.example", "127.0.0.1"):
            async with anybody.get("/c/" + "x" * 47, headers={"Host": host}) as got:
                assert got.status == 404
                assert host not in await got.text()
