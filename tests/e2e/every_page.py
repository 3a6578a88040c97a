"""Every page that the table of routes knows, with something on it, and what is wrong with each.

A new route is looked at as soon as it has its row in `tests/matrix/routes_*.py`: its data is made as
the row names it (`tests/matrix/things.py`), or given here where a page would have little to show.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from console.accounts.values import Role
from tests.accounts_world import OPERATOR
from tests.e2e.axe import violations
from tests.e2e.person import Clicks
from tests.matrix import routes_pages, routes_templates
from tests.matrix.routes import Asks, RouteRow
from tests.matrix.things import made_for

SHOTS = Path(__file__).parents[2] / "build" / "screenshots"
# Of what is asked for with GET, these are no pages: files, streams, and what a page has in a frame.
NO_PAGES = re.compile(
    r"\.(css|gif|csv|xlsx|pdf|zip|json|\{kind\}|\{format\})$|/export$|/healthz$|/readyz$|^/static/|^/[iof]/"
    r"|/frame$|/html$|/source$|/parts/|/live/events$|^/sandbox/live$|^/campaigns/running$"
    r"|^/login/code$"  # only between password and code
    r"|/choose$"  # a part of the editors
    r"|^/exports/.*/file$"
    r"|^/manuals/|^/training/certificates/"
    r"|^/c/"  # leads elsewhere
)
OVER = ("", "/history", "/live", "/recipients", "/report")  # of a campaign that was sent


@dataclass(frozen=True)
class Look:
    """How a page is looked at."""

    language: str
    scheme: str
    width: int

    @property
    def name(self) -> str:
        """Of the folder with its pictures."""
        return f"{self.language}-{self.scheme}-{self.width}"


def page_rows() -> list[RouteRow]:
    """Rows of pages, each path once."""
    rows = [*routes_pages.ROWS, *routes_templates.ROWS]
    found = {
        row.path: row
        for row in rows
        if row.method == "GET"
        and not row.path.startswith("/api/")
        and not NO_PAGES.search(row.path)
    }
    return list(found.values())


async def paths_of(person: Clicks) -> Mapping[str, str]:
    """The route of each page and where it is, after making what it is about; signed in or not."""
    whole, services = person.whole, person.whole.services
    over = await person.finished("Boletín de noviembre", 40)
    draft = await person.campaign("Borrador sin enviar", 12_000)
    areas = services.areas
    areas.domains.service._make_key = _no_key
    await areas.domains.service.add(OPERATOR, "avisos.example.org", whole.account)
    sub = await services.accounts.add(OPERATOR, "Oficina de prensa", parent=whole.account)
    user, _ = await services.accounts.users.add(
        OPERATOR, "lector@example.org", Role.VIEWER, sub.id, "una contraseña larga"
    )
    await areas.suppressions.service.add(OPERATOR, whole.account, ["no@example.com"])
    services.sign_in.sessions.everybody_changed()
    fixed = {
        "account": str(whole.account), "sub": str(sub.id), "user": str(user),
        "domain": "avisos.example.org",
    }  # fmt: skip
    paths = {}
    for number, row in enumerate(page_rows()):
        url = row.url or row.path
        if row.path.startswith("/campaigns/{id}"):
            tail = row.path.removeprefix("/campaigns/{id}")
            url = f"/campaigns/{over.id if tail in OVER else draft.id}{tail}"
        elif row.path in ("/activity/{id}", "/sandbox/messages/{id}"):
            url = await _first_link(person, row.path.partition("/{")[0])
        made = await made_for(url, services, whole.account, number)
        paths[row.path] = url.format(**fixed, **made, number=number)
    return paths


async def _no_key(_: str) -> str:
    return ""


async def _first_link(person: Clicks, page: str) -> str:
    """The first thing on a list."""
    await person.browser.open(person.whole.url.rstrip("/") + page.removesuffix("/messages"))
    return str(
        await person.browser.run(
            "return document.querySelector(`main a[href^='${arguments[0]}/']`).getAttribute('href')",
            page,
        )
    )


def open_to_all(paths: Mapping[str, str]) -> Sequence[str]:
    """Those that are looked at by somebody who has not signed in."""
    asks = {row.path: row.asks for row in page_rows()}
    return [route for route in paths if asks[route] is Asks.NOTHING]


async def wrong_with(person: Clicks, look: Look, route: str, path: str) -> list[str]:
    """Everything that is wrong with a page: what axe finds, and what a reader would."""
    browser = person.browser
    await browser.open(person.whole.url.rstrip("/") + path)
    said = await browser.run(
        """const page = document.documentElement, seen = document.body.innerText;
        const outside = performance.getEntriesByType("resource")
            .map((e) => e.name).filter((u) => !u.startsWith(location.origin) && !u.startsWith("data:"));
        return {
            excess: page.scrollWidth - page.clientWidth, title: document.title,
            h1: document.querySelectorAll("h1").length, language: page.lang, outside,
            raw: seen.match(/\\b(undefined|None|NaN|\\[object)\\b|\\b[a-z]+(_[a-z]+)?\\.[a-z_]+\\.[a-z_]+\\b(?<!\\.(example|com|org|test|pe|net|gob|xlsx|csv))(?=\\s|$)/g) ?? [],
            inside: page.outerHTML.match(/object( |%20)at( |%20)0x|[?&]\\w+=None\\b|value="None"/g) ?? [],
            status: performance.getEntriesByType("navigation")[0].responseStatus,
        };"""
    )
    found = []
    if said["excess"]:
        found.append(f"{said['excess']} px too wide")
    if not said["title"].removesuffix(" · Relevo").strip() or said["h1"] != 1:
        found.append(f"title {said['title']!r}, {said['h1']} headings of the first level")
    if said["language"] != look.language:
        found.append(f"says its language is {said['language']}")
    if said["outside"]:
        found.append(f"asks others: {said['outside']}")
    if said["status"] != 200 and not route.endswith("{token}"):
        found.append(f"status {said['status']}")
    found += [f"shows {raw!r}" for raw in said["raw"] if "example" not in raw]
    found += [f"has {raw!r} in a link or field" for raw in said["inside"]]
    found += [
        f"complaint: {c}" for c in await browser.complaints() if f" {said['status']} " not in c
    ]
    found += await violations(browser, person.look.axe)
    await _keep(person, look, route)
    return [f"{look.name} {path}: {one}" for one in found]


async def _keep(person: Clicks, look: Look, route: str) -> None:
    """A picture of the whole page, to be looked at (docs/howto/screenshots.md)."""
    folder = SHOTS / look.name
    folder.mkdir(parents=True, exist_ok=True)
    name = re.sub("[^a-z]+", "-", route).strip("-") or "home"
    await person.browser.picture(folder / f"{name}.png")
