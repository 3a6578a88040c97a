"""A person at a browser, who is counted: clicks as `INTERFACE.md`'s table of flows counts them."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from console.campaigns.accepting import ALL
from console.campaigns.audiences import StoredAudiences
from console.campaigns.states import CampaignStatus
from console.campaigns.values import AudienceSpec, Campaign, Content, Plan
from mta.intake.recipients import TemplateRecipient
from mta.model.address import parse_address
from tests.accounts_world import OPERATOR
from tests.campaign_world import Lists, Rows
from tests.e2e.axe import axe_source
from tests.e2e.browser import COMMAND_TIMEOUT_S, LEFT, Browser, Complaint, open_browser
from tests.e2e.looking import DESKTOP, Look
from tests.whole_server import EMAIL, PASSWORD, Whole, open_whole

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
    """Some do not exist; nobody is in two of them, as one who bounced gets nothing any more."""

    number: int = 0

    def recipient(self, n: int) -> TemplateRecipient:
        """As `Rows.recipient`."""
        local = "bounce" if n % EVERY == 1 else "ok"
        address = parse_address(f"{local}@d{n}.c{self.number}.example.com")
        return TemplateRecipient(address, json.dumps({"nombre": f"<b>persona {n}"}))


class Audiences(Lists):
    """Made by the test."""

    def add(self, total: int, *_: str) -> AudienceSpec:
        """So many rows, of which some do not exist."""
        number = len(self.rows) + 1
        self.rows[number] = Mixed(total, number=number)
        return AudienceSpec(audience=number, count=total)


@dataclass
class Clicks:
    """A person at the browser, who is counted."""

    look: Look
    audiences: Audiences
    files: StoredAudiences  # the server's own: what was uploaded
    count: int = 0

    @property
    def browser(self) -> Browser:
        """The window."""
        return self.look.browser

    @property
    def whole(self) -> Whole:
        """The server."""
        return self.look.whole

    async def click(self, selector: str) -> None:
        """One click."""
        self.count += 1
        await self.browser.click(selector)

    async def choose_file(self, selector: str, path: Path) -> None:
        """Drop or choose a file: one click."""
        self.count += 1
        await self.browser.choose(selector, path)

    async def sees(self, text: str, selector: str = "body") -> None:
        """Return once it is there."""
        await self.browser.wait_text(text, selector)

    async def reads(self, text: str) -> None:
        """Return once it is there, on a page that may run no scripts."""
        async with asyncio.timeout(COMMAND_TIMEOUT_S):
            while True:
                try:
                    if text in await self.browser.text():
                        return
                except Complaint as complaint:  # the next page came between finding and reading
                    if complaint.args[0] not in LEFT:
                        raise
                await asyncio.sleep(0.05)

    def use_files(self, *, is_so: bool) -> None:
        """Whether campaigns get their recipients from uploads, or from the test."""
        parts = self.whole.services.campaigns.audiences
        parts._stored = self.files if is_so else self.audiences

    async def campaign(self, name: str, total: int, **plan: int) -> Campaign:
        """A draft that could be sent."""
        return await self.whole.services.campaigns.service.create(
            OPERATOR, self.whole.account, name, CONTENT, self.audiences.add(total), Plan(**plan)
        )

    async def start(self, campaign: Campaign) -> None:
        """Send it."""
        await self.whole.services.campaigns.service.start(OPERATOR, campaign.id, (ALL,))

    async def status(self, campaign: Campaign) -> CampaignStatus:
        """As it stands."""
        return (await self.whole.services.campaigns.service.get(OPERATOR, campaign.id)).status

    async def reaches(self, campaign: Campaign, status: CampaignStatus) -> None:
        """Return once it stands so; a click comes back before the page that it asked for."""
        async with asyncio.timeout(COMMAND_TIMEOUT_S):
            while await self.status(campaign) is not status:
                await asyncio.sleep(0.05)

    async def finished(self, name: str, total: int) -> Campaign:
        """A campaign that is over, with its figures counted."""
        campaign = await self.campaign(name, total)
        await self.start(campaign)
        await self.reaches(campaign, CampaignStatus.FINISHED)
        await self.whole.services.areas.reports.counted()
        return await self.whole.services.campaigns.service.get(OPERATOR, campaign.id)

    async def home(self) -> None:
        """Where a person is after signing in; counting begins."""
        await self.browser.open(self.whole.url)
        self.count = 0

    async def sign_in(self) -> None:
        """Once for all."""
        await self.browser.resize(*DESKTOP)
        await self.browser.open(f"{self.whole.url}login?next=/status")
        await self.browser.fill("#email", EMAIL)
        await self.browser.fill("#password", PASSWORD)
        await self.browser.click("button.main")
        await self.browser.wait_text("Versi")


@asynccontextmanager
async def open_person(
    folder: Path, settings: Mapping[str, str] | None = None
) -> AsyncIterator[Clicks]:
    """A server, a browser, and a person who has signed in and has campaigns sent by the test."""
    source = axe_source()
    async with (
        open_whole(folder / "server", settings) as whole,
        open_browser(folder / "p") as browser,
    ):
        person = Clicks(
            Look(browser, whole, source), Audiences(), whole.services.campaigns.audiences._stored
        )
        person.use_files(is_so=False)
        await person.sign_in()
        yield person
