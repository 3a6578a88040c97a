"""Campaigns in a real browser: list, live page, pause, who bounced, report; clicks are counted.

Set `RELEVO_SCREENSHOTS` to a folder to keep pictures of what was seen.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from console.campaigns.states import CampaignStatus
from console.pages import campaign_recipients
from tests.accounts_world import OPERATOR
from tests.e2e.browser import IS_INSTALLED
from tests.e2e.person import EVERY, Clicks, open_person

pytestmark = [
    pytest.mark.debian,
    pytest.mark.skipif(not IS_INSTALLED, reason="needs Debian's chromium and chromium-driver"),
]


@pytest.fixture
async def person(tmp_path: Path) -> AsyncIterator[Clicks]:
    async with open_person(tmp_path) as person:
        yield person


async def test_T_d_a_send_is_watched_and_paused_in_two_clicks(person: Clicks):
    campaign = await person.campaign("Convocatoria", 3_000, rate_per_hour=36_000)
    await person.start(campaign)
    await person.home()
    await person.browser.wait_text("Convocatoria", ".who")
    await person.click(".pill")
    await person.browser.wait_text("correos por minuto")
    await person.browser.wait_text("Enviando")
    await person.click("form[action$='/pause'] button")
    await person.browser.wait_text("En pausa")
    assert person.count == 2
    assert await person.status(campaign) is CampaignStatus.PAUSED
    found = await person.look.page(f"/campaigns/{campaign.id}/live")
    assert not found, "\n".join(found)


async def test_T_b_who_bounced_is_seen_and_exported_in_three_clicks(person: Clicks):
    campaign = await person.finished("Bases", 40)
    await person.home()
    await person.click(f"main a[href='/campaigns/{campaign.id}']")
    await person.browser.wait_text("Avance por estado")
    await person.click("main a[href$='who=bounced']")
    await person.browser.wait_text("El buzón no existe.")
    rows = await person.browser.run("return document.querySelectorAll('tbody tr').length")
    assert rows == 40 // EVERY
    link = await person.browser.run(
        "return document.querySelector(\"a[href*='recipients.csv']\").getAttribute('href')"
    )
    await person.click("a[href*='recipients.csv']")
    assert person.count == 3
    text = await person.browser.run("return fetch(arguments[0]).then((r) => r.text())", link)
    lines = text.strip().splitlines()
    assert len(lines) == 1 + 40 // EVERY
    assert "bounce@d1.c1.example.com" in lines[1]


async def test_pages_of_a_campaign_have_no_violation_of_WCAG_2_1_AA(person: Clicks):
    over = await person.finished("Boletín de noviembre", 40)
    await person.campaign("Borrador", 12_000)
    service = person.whole.services.campaigns.service
    waiting = await person.campaign("Mantenimiento", 20)
    await service.submit_for_review(OPERATOR, waiting.id)
    found = []
    here = f"/campaigns/{over.id}"
    for path in (  # beside those of tests/e2e/test_accessibility.py
        "/campaigns?group=live", f"{here}/recipients?who=bounced", f"/campaigns/{waiting.id}",
    ):  # fmt: skip
        found += await person.look.page(path)
    assert not found, "\n".join(found)


async def test_T_a_a_campaign_goes_from_a_file_to_the_inbox_in_eight_clicks_at_most(
    person: Clicks, tmp_path: Path
):
    services = person.whole.services
    person.use_files(is_so=True)
    file = tmp_path / "Proveedores de noviembre.csv"
    rows = "".join(f"ok@d{n}.example.com;Persona {n}\r\n" for n in range(30))
    file.write_bytes(("Correo electrónico;Nombre\r\n" + rows).encode("cp1252"))
    await person.home()
    await person.click("a[href='/campaigns/new']")
    await person.browser.wait_text("Arrastre aquí")
    assert await person.look.page("/campaigns/new") == []
    await person.choose_file("#file", file)
    await person.browser.wait_text("Relevo reconoció estas columnas")
    await person.click(".form-actions .btn-primary")
    await person.browser.wait_text("30 destinatarios listos.")
    await person.browser.wait_text("Galería")
    await person.click("form:has(input[value='maintenance']) button")
    await person.browser.wait_text("Asunto")
    await person.browser.fill("#subject", "Hola {{ nombre }}")
    await person.browser.fill("#from_address", "avisos@muni.example")
    await person.click(".form-actions .btn-primary")
    await person.browser.wait_text("¿Cuándo sale?")
    (draft,) = await services.campaigns.service.list(OPERATOR, person.whole.account)
    found = await person.look.page(f"/campaigns/{draft.id}/content")
    assert not found, "\n".join(found)
    await person.browser.open(f"{person.whole.url}campaigns/{draft.id}/send")
    await person.click("button[popovertarget='confirm-send']")
    await person.browser.wait_text("¿Enviar a 30 personas?")
    await person.click("#confirm-send .btn-primary")
    await person.browser.wait_text("correos por minuto")
    assert person.count <= 8
    found = await services.campaigns.service.list(OPERATOR, person.whole.account)
    assert [one.name for one in found] == ["Proveedores de noviembre"]
    await person.browser.wait_text("30 de 30 con resultado")


async def test_T_b_numbers_of_the_account_and_of_a_provider_lead_to_their_recipients(
    person: Clicks,
):
    await person.finished("Bases", 40)
    bounced, url = 40 // EVERY, person.whole.url
    await person.browser.open(f"{url}reports")
    await person.sees("Entregados por día")
    assert await person.look.page("/reports") == []
    await person.click(".figures a[href*='state=bounced']")
    await person.sees("bounce@d1.")
    rows = await person.browser.run("return document.querySelectorAll('tbody tr').length")
    assert rows == bounced
    assert await person.look.page("/reports/providers") == []
    link = await person.browser.run(
        "return document.querySelector(\"a[href*='state=bounced']\").getAttribute('href')"
    )
    assert "provider=" in link
    await person.click("a[href*='state=bounced']")
    await person.sees("bounce@d1.")
    elsewhere = f"{url}activity?state=bounced&provider=google"
    await person.browser.open(elsewhere)
    await person.sees("Ningún correo coincide")
    for name, has in (("panel", "Entregados"), ("providers", "Proveedor")):
        text = await person.browser.run(
            "return fetch(arguments[0]).then((r) => r.text())", f"/reports/{name}.csv?days=7"
        )
        assert has in text
        assert f"{40 - bounced}" in text


async def test_T_b_a_long_table_becomes_ready_before_ones_eyes(
    person: Clicks, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(campaign_recipients, "LONG", 5)
    campaign = await person.finished("Bases", 40)
    desk = person.whole.services.areas.reports.exports
    await person.home()
    await person.browser.open(f"{person.whole.url}campaigns/{campaign.id}/recipients?who=bounced")
    async with desk._turn:  # somebody's longer table comes first
        await person.click("form[action*='recipients.csv'] button")
        await person.browser.wait_text("En preparación")
        assert await person.look.page("/exports") == []
    await person.browser.wait_text("Descargar")  # the page looks again by itself
    assert await person.look.page("/exports") == []
    link = await person.browser.attribute("a[href$='/file']", "href")
    text = await person.browser.run("return fetch(arguments[0]).then((r) => r.text())", link)
    assert len(text.strip().splitlines()) == 1 + 40 // EVERY
