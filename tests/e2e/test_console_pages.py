"""What an administrator does in a real browser: second factor, sub-users, shares, looking on a phone.

Set `RELEVO_SCREENSHOTS` to a folder to keep pictures of what was seen.
"""

import asyncio
import os
from pathlib import Path

import pyotp
import pytest

from console.accounts.signin.factors import STEP_S
from console.accounts.values import Role
from tests.accounts_world import OPERATOR
from tests.e2e.browser import IS_INSTALLED, Browser, open_browser
from tests.web_world import EMAIL, PASSWORD, WebWorld, open_web

pytestmark = [
    pytest.mark.debian,
    pytest.mark.skipif(not IS_INSTALLED, reason="needs Debian's chromium and chromium-driver"),
]

DESKTOP, PHONE = (1280, 900), (390, 844)
EVIL = '"><img src=x onerror="window.hacked=1;alert(1)"><script>window.hacked=1</script>'
SECRET = "una contraseña larga"


@pytest.fixture
async def web(tmp_path: Path):
    folder = tmp_path / "data"
    folder.mkdir()
    async with open_web(folder) as web:
        account = await web.accounts.accounts.only(OPERATOR)
        await web.accounts.bag.contracts.add(
            OPERATOR, account.id, "Contrato 2027", 4_000_000, starts_on="2027-01-15"
        )
        yield web


@pytest.fixture
async def browser(tmp_path: Path):
    async with open_browser(tmp_path / "profile") as browser:
        await browser.resize(*DESKTOP)
        yield browser


async def _sign_in(browser: Browser, web: WebWorld, email: str = EMAIL, word: str = PASSWORD):
    await browser.open(f"{web.url}login?next=/status")
    await browser.fill("#email", email)
    await browser.fill("#password", word)
    await browser.click("button.main")
    # A page that is opened before the answer has come would be opened without its cookie.
    while await browser.run("return location.pathname === '/login'"):
        await asyncio.sleep(0.05)


async def _look(browser: Browser, name: str) -> None:
    """At all sizes the page is as wide as the window; pictures are kept if wanted."""
    folder = os.environ.get("RELEVO_SCREENSHOTS")
    for width, height in (DESKTOP, PHONE):
        await browser.resize(width, height)
        excess = await browser.run(
            "const page = document.documentElement; return page.scrollWidth - page.clientWidth;"
        )
        assert excess == 0, f"{name} at {width} px"
        if folder:
            await browser.screenshot(Path(folder) / f"{name}-{width}.png")
    await browser.resize(*DESKTOP)


async def _unnamed(browser: Browser) -> list[str]:
    """What a screen reader could not name."""
    return await browser.run("""
        const nameless = (e) => !(e.textContent.trim() || e.getAttribute("aria-label")
            || e.getAttribute("title") || e.labels?.length);
        return [...document.querySelectorAll(
            "a, button, input:not([type=hidden]), select, textarea, summary")]
            .filter(nameless).map((e) => e.outerHTML);
    """)


async def test_T_c_a_sub_user_is_created_with_a_role_and_a_share(browser: Browser, web: WebWorld):
    await _sign_in(browser, web)
    await browser.click('.shell-side a[href="/users"]')
    await browser.wait_text("Invitar a una persona")
    await browser.click('a[href="/users/new"]')
    await browser.wait_text("guía de uso")
    await browser.fill("#email", "eva@example.org")
    await browser.fill("#name", "Eva")
    await browser.click('input[value="sender"] + .choice-body')
    await browser.fill("#sub_account", "Equipo de Eva")
    await browser.fill("#amount", "100 000")
    await _look(browser, "user-new")
    await browser.click(".form-actions .btn-primary")
    await browser.wait_text("Se envió la invitación a eva@example.org.")
    await _look(browser, "users")
    await browser.click('.shell-side a[href="/quota"]')
    await browser.wait_text("Equipo de Eva")
    shown = await browser.text("main")
    assert "3\N{NARROW NO-BREAK SPACE}900\N{NARROW NO-BREAK SPACE}000" in shown
    assert "100\N{NARROW NO-BREAK SPACE}000" in shown
    await _look(browser, "quota")
    (mail,) = web.outbox.mails
    link = mail.text.partition("/link/")[2].split()[0]
    await browser.click(".who details:last-child summary")
    await browser.click(".who form[action='/logout'] button")
    await browser.wait_text("Ha cerrado la sesión.")
    await browser.open(f"{web.url}link/{link}")
    await browser.wait_text("Bienvenido a Relevo")
    await _look(browser, "link")
    await browser.fill("#new", SECRET)
    await browser.fill("#again", SECRET)
    await browser.click("button.main")
    await browser.wait_text("Ya puede entrar.")
    assert await browser.complaints() == []


async def test_signing_in_with_a_second_factor(browser: Browser, web: WebWorld):
    await _sign_in(browser, web)
    await browser.open(f"{web.url}profile/second-factor")
    await browser.wait_text("Escanee")
    await _look(browser, "factor")
    app = pyotp.TOTP(await browser.text("#totp-key"))
    await browser.fill("#code", app.at(web.accounts.clock.now_ms() // 1000))
    await browser.click(".form-actions .btn-primary")
    await browser.wait_text("Códigos de recuperación")
    await _look(browser, "codes")
    web.accounts.clock.advance(STEP_S)
    await browser.open(f"{web.url}status")
    await browser.click(".who details:last-child summary")
    await browser.click(".who form[action='/logout'] button")
    await browser.wait_text("Ha cerrado la sesión.")
    await _sign_in(browser, web)
    await browser.wait_text("Segundo factor")
    await _look(browser, "code")
    await browser.fill("#code", app.at(web.accounts.clock.now_ms() // 1000))
    await browser.click("button.main")
    await browser.wait_text("Qué mirar ahora")
    assert await browser.complaints() == []


async def test_T_c_a_viewer_sees_no_way_to_change_or_send(browser: Browser, web: WebWorld):
    account = await web.accounts.accounts.only(OPERATOR)
    await web.accounts.accounts.add(OPERATOR, "Ventas", parent=account.id)
    users = web.accounts.accounts.users
    await users.add(OPERATOR, "ver@example.org", Role.VIEWER, account.id, SECRET)
    await _sign_in(browser, web, "ver@example.org", SECRET)
    await browser.wait_text("Estado")
    menu = await browser.text(".shell-side")
    assert "Bolsa de envíos" in menu
    for page in ("Usuarios", "Auditoría"):
        assert page not in menu
    await browser.click('.shell-side a[href="/accounts"]')
    await browser.wait_text("Ventas", "main")
    assert "Nueva subcuenta" not in await browser.text("main")
    await browser.click("main .name a")
    await browser.wait_text("Asignado")
    assert await browser.run("return document.querySelectorAll('main form').length") == 0
    await browser.open(f"{web.url}users/new")
    await browser.wait_text("Sin permiso")
    await _look(browser, "forbidden")


async def test_hostile_names_run_nothing_on_any_page(browser: Browser, web: WebWorld):
    account = await web.accounts.accounts.only(OPERATOR)
    sub = await web.accounts.accounts.add(OPERATOR, EVIL, parent=account.id)
    await web.accounts.bag.shares.allocate(OPERATOR, sub.id, 1000, EVIL)
    await web.people.invitations.invite(
        OPERATOR, "eva@example.org", Role.VIEWER, sub.id, name=EVIL[:90], language="es"
    )
    user = (await web.accounts.accounts.users.get(OPERATOR, "eva@example.org")).id
    await _sign_in(browser, web)
    await browser.wait_text("Qué mirar ahora")
    pages = {
        "accounts": "accounts", "account": f"accounts/{sub.id}", "account-new": "accounts/new",
        "users-evil": "users", "user": f"users/{user}", "quota-evil": "quota",
        "ledger": "quota/ledger", "audit": "audit", "profile": "profile",
        "password": "profile/password", "sessions": "profile/sessions", "status": "status",
    }  # fmt: skip
    for name, path in pages.items():
        await browser.open(web.url + path)  # a dialog would be an error of the driver
        assert await browser.run("return window.hacked") is None, path
        assert await _unnamed(browser) == [], path
        await _look(browser, name)
    assert await browser.complaints() == []


async def test_a_phone_opens_the_menu_and_a_dialog_asks_first(browser: Browser, web: WebWorld):
    account = await web.accounts.accounts.only(OPERATOR)
    sub = await web.accounts.accounts.add(OPERATOR, "Ventas", parent=account.id)
    await _sign_in(browser, web)
    await browser.resize(*PHONE)
    await browser.open(f"{web.url}accounts/{sub.id}")
    assert await browser.text(".shell-side") == ""  # away
    await browser.click(".drawer-switch")
    await browser.wait_text("Usuarios", ".shell-side")
    await browser.click(".drawer-switch")
    await browser.click('button[popovertarget="disable"]')
    await browser.wait_text("¿Desactivar Ventas?", "#disable")
    folder = os.environ.get("RELEVO_SCREENSHOTS")
    if folder:
        await browser.screenshot(Path(folder) / "dialog-390.png")
    await browser.click("#disable .btn-danger")
    await browser.wait_text("Se guardaron los cambios.")
    await browser.wait_text("Inactivo")
