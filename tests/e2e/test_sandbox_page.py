"""What a newcomer does in a real browser: sign in, send a mail, see it arrive, open it.

Set `RELEVO_SCREENSHOTS` to a folder to keep pictures of what was seen.
"""

import asyncio
import os
from pathlib import Path

import pytest

from tests.e2e.browser import IS_INSTALLED, Browser, open_browser
from tests.web_world import EMAIL, PASSWORD, WebWorld, mail, open_web

pytestmark = [
    pytest.mark.debian,
    pytest.mark.skipif(not IS_INSTALLED, reason="needs Debian's chromium and chromium-driver"),
]

COMMAND = ".venv/bin/relevo send --server 127.0.0.1:2587 \\\n  --to ok@example.com"
HTML = """\
<body style="background:#eef"><h1 style="color:#0b5f6b">¡Bienvenida!</h1>
<p id="said">sin guiones</p><script>document.getElementById("said").textContent = "HACKED"</script>
<img src="http://127.0.0.1:PORT/pixel.gif" onerror="document.title = 'HACKED'" alt="">
<a href="http://192.0.2.1/">Ver</a></body>"""
DESKTOP, PHONE, SMALL_PHONE = (1280, 800), (390, 844), (360, 640)


@pytest.fixture
async def web(tmp_path: Path):
    folder = tmp_path / "data"
    folder.mkdir()
    async with open_web(folder) as web:
        web.console.first_mail = COMMAND
        yield web


@pytest.fixture
async def browser(tmp_path: Path):
    async with open_browser(tmp_path / "profile") as browser:
        yield browser


async def _sign_in(browser: Browser, web: WebWorld) -> None:
    await browser.open(web.url)
    await browser.fill("#email", EMAIL)
    await browser.fill("#password", PASSWORD)
    await browser.click("button.main")
    await browser.wait_text("En vivo")


async def _look(browser: Browser, name: str) -> None:
    """At all sizes the page is as wide as the window; pictures are kept if wanted."""
    folder = os.environ.get("RELEVO_SCREENSHOTS")
    for width, height in (DESKTOP, PHONE, SMALL_PHONE):
        await browser.resize(width, height)
        excess = await browser.run(
            "const page = document.documentElement; return page.scrollWidth - page.clientWidth;"
        )
        assert excess == 0, f"{name} at {width} px"
        if folder:
            await browser.screenshot(Path(folder) / f"{name}-{width}.png")
    await browser.resize(*DESKTOP)


async def _unnamed(browser: Browser) -> list[str]:
    """Controls and frames that a screen reader could not tell by name (WCAG 2.1 §4.1.2)."""
    return await browser.run("""
        const nameless = (e) => !(e.getAttribute("aria-label") || e.title ||
            e.labels?.length || e.textContent.trim());
        return [...document.querySelectorAll("a, button, iframe, input:not([type=hidden]), summary")]
            .filter(nameless).map((e) => e.outerHTML);
    """)


async def test_a_newcomer_sees_the_first_mail_arrive(browser: Browser, web: WebWorld):
    await browser.open(web.url)
    await _look(browser, "login")
    assert await _unnamed(browser) == []
    await _sign_in(browser, web)
    assert "Todavía no ha llegado ningún correo" in await browser.text()
    assert await browser.text("#first-mail") == COMMAND
    await _look(browser, "empty")

    await web.deliver(mail("Primer correo ñ", html=HTML))
    await browser.wait_text("Primer correo ñ", ".mails")  # by itself
    announced = await browser.run("return document.querySelector('[data-announce]').textContent")
    assert announced == "1 correo guardado"
    await _look(browser, "list")
    assert await _unnamed(browser) == []

    await browser.click(".mails .subject")
    await browser.wait_text("Remitente del sobre")
    await _look(browser, "mail")
    assert await _unnamed(browser) == []
    assert await browser.complaints() == []


async def test_the_html_of_a_mail_runs_nothing_and_fetches_only_when_told(
    browser: Browser, web: WebWorld
):
    fetched = asyncio.Event()

    async def fetch(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        fetched.set()
        writer.close()

    remote = await asyncio.start_server(fetch, "127.0.0.1", 0)
    async with remote:
        port = remote.sockets[0].getsockname()[1]
        await _sign_in(browser, web)
        await web.deliver(mail("Trampa", html=HTML.replace("PORT", str(port))))
        await browser.wait_text("Trampa", ".mails")
        await browser.click(".mails .subject")
        await browser.wait_text("Remitente del sobre")
        async with browser.frame("iframe.body"):
            assert await browser.text("#said") == "sin guiones"
            ground = "return getComputedStyle(document.body).backgroundColor"
            assert await browser.run(ground) == "rgb(238, 238, 255)"  # its own styles hold
            assert await browser.run("return document.title") != "HACKED"
        assert "HACKED" not in await browser.run("return document.title")
        assert not fetched.is_set()
        await browser.click("main p.hint a")
        async with asyncio.timeout(20):
            await fetched.wait()


async def test_the_list_is_filtered_live(browser: Browser, web: WebWorld):
    await _sign_in(browser, web)
    await browser.fill("#f-text", "factura")
    await browser.click(".filters button")
    await browser.wait_text("Ningún correo coincide")
    await browser.wait_text("En vivo")
    await web.deliver(mail("Otra cosa"))
    await web.deliver(mail("Factura 1"))
    await browser.wait_text("Factura 1", ".mails")
    assert "Otra cosa" not in await browser.text(".mails")


async def test_clearing_asks_first_and_other_pages_see_it(browser: Browser, web: WebWorld):
    await _sign_in(browser, web)
    await web.deliver(mail("Para borrar"))
    await browser.wait_text("Para borrar", ".mails")
    await browser.click("button.clear")
    await browser.click("#clear .btn-danger")
    await browser.wait_text("Se borró 1 correo.")
    assert web.simulator is not None
    assert len(web.simulator.inbox) == 0


async def test_the_keyboard_alone_suffices_to_open_a_mail(browser: Browser, web: WebWorld):
    await _sign_in(browser, web)
    await web.deliver(mail("Con el teclado"))
    await browser.wait_text("Con el teclado", ".mails")
    await browser.press("Tab")
    assert await browser.run("return document.activeElement.className") == "skip"
    for _ in range(20):
        if await browser.run("return document.activeElement.className") == "subject":
            break
        await browser.press("Tab")
    await browser.press("Enter")
    await browser.wait_text("Remitente del sobre")


async def test_dark_and_english(browser: Browser, web: WebWorld):
    await browser.prefer_dark(is_dark=True)
    await _sign_in(browser, web)
    await browser.click(".who .menu summary")
    await browser.click('.languages a[hreflang="en"]')
    await browser.wait_text("No mail has arrived yet")
    assert await browser.run("return document.documentElement.lang") == "en"
    await _look(browser, "dark")


async def test_signing_out_goes_back_to_the_login(browser: Browser, web: WebWorld):
    await _sign_in(browser, web)
    await browser.click(".who .menu summary")
    await browser.click(".who form .menu-button")
    await browser.wait_text("Ha cerrado la sesión.")
