"""Pages of contacts, lists, segments and consents in a browser: accessible, no wider than a phone."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from console.contacts.optin.tokens import Asked, OptinTokens
from mta.engine.secret import installation_key
from tests.accounts_world import OPERATOR
from tests.e2e.axe import axe_source
from tests.e2e.browser import IS_INSTALLED, open_browser
from tests.e2e.looking import DESKTOP, Look
from tests.whole_server import EMAIL, PASSWORD, open_whole

pytestmark = [
    pytest.mark.debian,
    pytest.mark.skipif(not IS_INSTALLED, reason="needs Debian's chromium and chromium-driver"),
]
FILTER = {"any": [{"field": "values.ciudad", "op": "is", "value": "Lima"}]}


@pytest.fixture
async def look(tmp_path: Path) -> AsyncIterator[Look]:
    source = axe_source()
    async with open_whole(tmp_path / "server") as whole, open_browser(tmp_path / "p") as browser:
        await browser.resize(*DESKTOP)
        yield Look(browser, whole, source)


async def _fill(look: Look) -> list[str]:
    """Something of everything; gives the paths of the pages."""
    services, account = look.whole.services, look.whole.account
    contacts, optin = services.contacts.contacts, services.contacts.optin
    long = "x" * 60
    ana = await contacts.put(OPERATOR, account, "ana@example.org", {"ciudad": "Lima", long: long})
    made = await contacts.add_list(OPERATOR, account, "Noticias de la municipalidad")
    await optin.configure(OPERATOR, made.id, optin="double", is_open=True, text="Acepto.")
    await contacts.enlist(OPERATOR, made.id, [ana.id])
    form = await optin.form_token(OPERATOR, made.id)
    asking = await optin.form(form)
    await optin.subscribe(asking, "luis@example.org", "es", {"peer": "192.0.2.1", "agent": "x"})
    segment = await services.contacts.segments.add(OPERATOR, account, "De Lima", FILTER)
    nested = await services.contacts.segments.add(OPERATOR, account, "Otros", {"not": FILTER})
    luis = (await contacts.search(OPERATOR, account, "luis"))[0]
    rows = await services.foundation.store.read("optin_asked", list=made.id, contact=luis.id)
    settings = services.foundation.loaded.settings
    tokens = OptinTokens(installation_key(settings.console.secret_file))
    confirm = tokens.confirm(Asked(made.id, luis.id, rows[0][1]))
    return [
        "/contacts", f"/contacts/{luis.id}", "/lists", f"/lists/{made.id}", "/segments",
        "/segments/new", f"/segments/{segment.id}", f"/segments/{nested.id}", "/consents",
        f"/subscribe/{form}", f"/confirm/{confirm}", f"/confirm/{confirm}?lang=en",
    ]  # fmt: skip


async def test_no_page_of_contacts_has_a_violation_of_WCAG_2_1_AA(look: Look):
    await look.browser.open(f"{look.whole.url}login?next=/segments")
    await look.browser.fill("#email", EMAIL)
    await look.browser.fill("#password", PASSWORD)
    await look.browser.click("button.main")
    await look.browser.wait_text("Segmentos")
    found = await look.page("/segments") + await look.page("/consents")  # empty
    for path in await _fill(look):
        found += await look.page(path)
    await look.browser.open(f"{look.whole.url}segments/new?lang=es")
    await _count_while_conditions_change(look)
    for path in ("/segments/new?lang=en", "/consents", "/lists"):
        found += await look.page(path)
    assert not found, "\n".join(found)


async def _count_while_conditions_change(look: Look) -> None:
    """The page is open; nothing is pressed."""
    await look.browser.run(
        "const f = document.querySelector('[name=field-0]'); f.value = 'values.ciudad';"
        "document.querySelector('[name=value-0]').value = 'lima';"
        "f.dispatchEvent(new Event('change', {bubbles: true}));"
    )
    await look.browser.wait_text("1 contacto cumple")
