"""Campaigns in a real browser: list, live page, pause, who bounced, report; clicks are counted.

Set `RELEVO_SCREENSHOTS` to a folder to keep pictures of what was seen.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from console.campaigns.states import CampaignStatus
from console.campaigns.values import AudienceSpec, Campaign, Content, Plan
from mta.intake.recipients import TemplateRecipient
from mta.model.address import parse_address
from tests.accounts_world import OPERATOR
from tests.campaign_world import Lists, Rows
from tests.e2e.axe import axe_source
from tests.e2e.browser import IS_INSTALLED, Browser, open_browser
from tests.e2e.looking import DESKTOP, Look
from tests.whole_server import EMAIL, PASSWORD, Whole, open_whole

pytestmark = [
    pytest.mark.debian,
    pytest.mark.skipif(not IS_INSTALLED, reason="needs Debian's chromium and chromium-driver"),
]
CONTENT = Content(
    from_address="avisos@muni.example",
    from_name="Municipalidad",
    subject="Hola {{ nombre }}",
    source='<html><body><p>Hola {{ nombre }}: <a href="https://example.org/bases">bases</a></p>'
    "</body></html>",
    text="Hola {{ nombre }}",
)
EVERY = 10  # one address in so many does not exist


@dataclass
class Mixed(Rows):
    """Some do not exist, some complain."""

    def recipient(self, n: int) -> TemplateRecipient:
        local = "bounce" if n % EVERY == 1 else "ok"
        address = parse_address(f"{local}@d{n}.example.com")
        return TemplateRecipient(address, json.dumps({"nombre": f"<b>persona {n}"}))


class Audiences(Lists):
    """Made by the test."""

    def add(self, total: int, *_: str) -> AudienceSpec:
        number = len(self.rows) + 1
        self.rows[number] = Mixed(total)
        return AudienceSpec(audience=number, count=total)


@dataclass
class Clicks:
    """A person at the browser, who is counted."""

    look: Look
    audiences: Audiences
    count: int = 0

    @property
    def browser(self) -> Browser:
        return self.look.browser

    @property
    def whole(self) -> Whole:
        return self.look.whole

    async def click(self, selector: str) -> None:
        self.count += 1
        await self.browser.click(selector)

    async def choose_file(self, selector: str, path: Path) -> None:
        """Drop or choose a file: one click."""
        self.count += 1
        await self.browser.choose(selector, path)

    async def campaign(self, name: str, total: int, **plan: int) -> Campaign:
        """A draft that could be sent."""
        return await self.whole.services.campaigns.service.create(
            OPERATOR, self.whole.account, name, CONTENT, self.audiences.add(total), Plan(**plan)
        )

    async def start(self, campaign: Campaign) -> None:
        await self.whole.services.campaigns.service.start(OPERATOR, campaign.id)

    async def status(self, campaign: Campaign) -> CampaignStatus:
        return (await self.whole.services.campaigns.service.get(OPERATOR, campaign.id)).status

    async def home(self) -> None:
        """Where a person is after signing in; counting begins."""
        await self.browser.open(self.whole.url)
        self.count = 0


@pytest.fixture
async def person(tmp_path: Path) -> AsyncIterator[Clicks]:
    source = axe_source()
    async with open_whole(tmp_path / "server") as whole, open_browser(tmp_path / "p") as browser:
        audiences = Audiences()
        whole.services.campaigns.audiences._stored = audiences
        await browser.resize(*DESKTOP)
        await browser.open(f"{whole.url}login?next=/status")
        await browser.fill("#email", EMAIL)
        await browser.fill("#password", PASSWORD)
        await browser.click("button.main")
        await browser.wait_text("Versi")
        yield Clicks(Look(browser, whole, source), audiences)


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


async def _finished(person: Clicks, name: str, total: int) -> Campaign:
    """A campaign that is over, with its figures counted."""
    campaign = await person.campaign(name, total)
    await person.start(campaign)
    while await person.status(campaign) is not CampaignStatus.FINISHED:
        await asyncio.sleep(0.05)
    await person.whole.services.areas.reports.counted()
    return await person.whole.services.campaigns.service.get(OPERATOR, campaign.id)


async def test_T_b_who_bounced_is_seen_and_exported_in_three_clicks(person: Clicks):
    campaign = await _finished(person, "Bases", 40)
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
    assert "bounce@d1.example.com" in lines[1]


async def test_pages_of_a_campaign_have_no_violation_of_WCAG_2_1_AA(person: Clicks):
    over = await _finished(person, "Boletín de noviembre", 40)
    await person.campaign("Borrador", 12_000)
    service = person.whole.services.campaigns.service
    waiting = await person.campaign("Mantenimiento", 20)
    await service.submit_for_review(OPERATOR, waiting.id)
    found = []
    here = f"/campaigns/{over.id}"
    for path in (
        "/", "/campaigns", "/campaigns?group=live", "/campaigns/new", here, f"{here}/recipients",
        f"{here}/recipients?who=bounced", f"{here}/live", f"{here}/report", f"{here}/history",
        f"/campaigns/{waiting.id}", f"/campaigns/{waiting.id}/audience",
        f"/campaigns/{waiting.id}/template", f"/campaigns/{waiting.id}/content",
        f"/campaigns/{waiting.id}/send",
    ):  # fmt: skip
        found += await person.look.page(path)
    assert not found, "\n".join(found)


async def test_T_a_a_campaign_goes_from_a_file_to_the_inbox_in_eight_clicks_at_most(
    person: Clicks, tmp_path: Path
):
    services = person.whole.services
    services.campaigns.audiences._stored = services.contacts.for_campaigns
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
