"""The pictures of the manuals, taken in a browser from a running server.

    python -m tests.e2e.manual_pictures

uploads a file, fills in a design, looks at the review, sends, and takes a picture on the way, in both
languages, into `docs/manuals/pictures/NAME.LANGUAGE.webp` (docs/howto/screenshots.md). The people in
them have numbers, not names.
"""

import asyncio
import io
import tempfile
from pathlib import Path

from PIL import Image

from console.campaigns.accepting import ALL
from console.campaigns.states import CampaignStatus
from console.tracking.reader import EngagementReader
from tests.accounts_world import OPERATOR
from tests.e2e.ground import free_port
from tests.e2e.person import Clicks, open_person
from tests.whole_server import DOMAIN

PICTURES = Path(__file__).parents[2] / "docs" / "manuals" / "pictures"
SIZE = (1280, 860)
WIDTH = 1000  # pixels that are kept
ROWS = 300
NAMES = {"es": ("Correo", "Nombre", "Comunicado"), "en": ("Email", "Name", "Notice")}


def _file(folder: Path, language: str) -> Path:
    email, name, title = NAMES[language]
    kinds = ("open", "ok", "click", "open", "ok", "bounce", "open", "ok", "ok", "click")
    rows = [f"{kinds[n % 10]}+{language}{n}@example.com;{name} {n + 1}" for n in range(ROWS)]
    rows += [f"sin-arroba;{name} {ROWS + 1}", f"ok+{language}1@gamil.com;{name} {ROWS + 2}"]
    path = folder / f"{title}.csv"
    path.write_text("\n".join([f"{email};{name}", *rows]), encoding="utf-8")
    return path


async def _keep(person: Clicks, folder: Path, name: str, language: str) -> None:
    shot = folder / "shot.png"
    await person.browser.run("scrollTo(0, 0)")
    await person.browser.screenshot(shot)
    image = Image.open(io.BytesIO(shot.read_bytes())).convert("RGB")
    image = image.resize((WIDTH, image.height * WIDTH // image.width), Image.Resampling.LANCZOS)
    image.save(PICTURES / f"{name}.{language}.webp", quality=72, method=6)


async def _campaign(person: Clicks, folder: Path, language: str) -> int:
    """From the file to the review; gives the campaign."""
    browser, url = person.browser, person.whole.url
    await browser.open(f"{url}campaigns/new")
    await person.choose_file("input[type=file]", _file(folder, language))
    await person.browser.wait_text(NAMES[language][0], "table.mapping")
    await _keep(person, folder, "columns", language)
    await browser.click("main form button.btn-primary")
    while "/template" not in await browser.run("return location.pathname"):
        await asyncio.sleep(0.1)
    await _keep(person, folder, "designs", language)
    await browser.click("main form button")
    while "/content" not in await browser.run("return location.pathname"):
        await asyncio.sleep(0.1)
    await browser.fill("[name=from_address]", f"avisos@{DOMAIN}")
    await asyncio.sleep(1)  # the mail in its frame
    await _keep(person, folder, "content", language)
    await browser.click("button.btn-primary")
    while "/send" not in await browser.run("return location.pathname"):
        await asyncio.sleep(0.1)
    await _keep(person, folder, "review", language)
    return int((await browser.run("return location.pathname")).split("/")[2])


async def _sent(person: Clicks, folder: Path, language: str, number: int) -> None:
    service, browser, url = (
        person.whole.services.campaigns.service, person.browser, person.whole.url,
    )  # fmt: skip
    await service.start(OPERATOR, number, (ALL,))
    async with asyncio.timeout(120):
        while (await service.get(OPERATOR, number)).status is not CampaignStatus.FINISHED:
            await asyncio.sleep(0.2)
    reader, flow = EngagementReader(person.whole.services.foundation.store), 0
    async with asyncio.timeout(120):  # readers look at their mail some seconds after it came
        while not flow or (await reader.of_flow(flow)).unique_clicks < ROWS // 10:
            flow = (await service.get(OPERATOR, number)).frozen.flow
            await asyncio.sleep(0.5)
    await person.whole.services.areas.reports.counted()
    for name, path in (
        ("live", f"campaigns/{number}/live"), ("report", f"campaigns/{number}/report"), ("bag", "quota"),
        ("activity", "activity"), ("compliance", "compliance"),
    ):  # fmt: skip
        await browser.open(f"{url}{path}")
        await _keep(person, folder, name, language)


async def main() -> None:
    """All of them."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        public = f"127.0.0.1:{free_port()}"  # where readers of the sandbox open their mail
        settings = {
            "RELEVO_PUBLIC__LISTEN": public, "RELEVO_SERVER__PUBLIC_URL": f"http://{public}",
        }  # fmt: skip
        async with open_person(folder, settings) as person:
            person.use_files(is_so=True)
            for language in NAMES:
                await person.browser.open(f"{person.whole.url}status?lang={language}&theme=light")
                await person.browser.resize(*SIZE)
                number = await _campaign(person, folder, language)
                await _sent(person, folder, language, number)


if __name__ == "__main__":
    asyncio.run(main())
