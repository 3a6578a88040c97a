"""Looks at a page in both sizes and colour schemes: nothing against WCAG 2.1 AA, nothing too wide.

Set `RELEVO_SCREENSHOTS` to a folder to keep pictures of what was seen.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.axe import violations
from tests.e2e.browser import Browser
from tests.whole_server import Whole

DESKTOP, PHONE = (1280, 900), (390, 844)


@dataclass
class Look:
    """What is looked with, and at what."""

    browser: Browser
    whole: Whole
    axe: str

    async def page(self, path: str) -> list[str]:
        """What is wrong with a page."""
        await self.browser.resize(*DESKTOP)
        await self.browser.open(self.whole.url.rstrip("/") + path)
        return await self.here(path)

    async def here(self, path: str) -> list[str]:
        """What is wrong with the page that is open; `path` is what it is called."""
        found = []
        for width, height in (DESKTOP, PHONE):
            await self.browser.resize(width, height)
            excess = await self.browser.run(
                "const page = document.documentElement; return page.scrollWidth - page.clientWidth;"
            )
            if excess:
                found.append(f"{path} at {width}: {excess} px too wide")
            name = re.sub(r"\d{10,}", "one", path.strip("/"))
            await self._keep(f"{re.sub('[^a-z]+', '-', name) or 'home'}-{width}")
        for is_dark in (False, True):
            await self.browser.prefer_dark(is_dark=is_dark)
            scheme = "dark" if is_dark else "light"
            found += [f"{path} {scheme}: {v}" for v in await violations(self.browser, self.axe)]
        await self.browser.prefer_dark(is_dark=False)
        return found

    async def _keep(self, name: str) -> None:
        if folder := os.environ.get("RELEVO_SCREENSHOTS"):
            await self.browser.screenshot(Path(folder) / f"{name}.png")
