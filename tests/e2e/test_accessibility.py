"""Every page of the table of routes: nothing against WCAG 2.1 AA, nothing wider than the window, ….

Pictures of all of them are kept in `build/screenshots` (docs/howto/screenshots.md).
"""

import asyncio
from collections.abc import AsyncIterator, Mapping

import pytest
import pytest_asyncio

from console.contacts.values import ColumnMapping
from tests.accounts_world import OPERATOR
from tests.e2e.browser import IS_INSTALLED
from tests.e2e.every_page import Look, open_to_all, page_rows, paths_of, wrong_with
from tests.e2e.looking import DESKTOP, PHONE
from tests.e2e.person import Clicks, open_person

pytestmark = [
    pytest.mark.debian,
    pytest.mark.skipif(not IS_INSTALLED, reason="needs Debian's chromium and chromium-driver"),
    pytest.mark.timeout(300),
]
LOOKS = (Look("es", "light", DESKTOP[0]), Look("en", "dark", PHONE[0]))
HEIGHTS = dict((DESKTOP, PHONE))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def person(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Clicks]:
    async with open_person(tmp_path_factory.mktemp("pages")) as person:
        yield person


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def paths(person: Clicks) -> Mapping[str, str]:
    return await paths_of(person)


async def _as(person: Clicks, look: Look) -> None:
    await person.browser.resize(look.width, HEIGHTS[look.width])
    await person.browser.open(f"{person.whole.url}status?lang={look.language}&theme={look.scheme}")
    await person.browser.complaints()


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("look", LOOKS, ids=lambda look: look.name)
async def test_no_page_has_a_violation_of_WCAG_2_1_AA(
    person: Clicks, paths: Mapping[str, str], look: Look
):
    await _as(person, look)
    closed = [route for route in paths if route not in open_to_all(paths)]
    found = []
    for route in closed:
        found += await wrong_with(person, look, route, paths[route])
    assert not found, "\n".join(found)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("look", LOOKS, ids=lambda look: look.name)
async def test_no_page_for_everybody_has_a_violation_of_WCAG_2_1_AA(
    person: Clicks, paths: Mapping[str, str], look: Look
):
    await _as(person, look)
    await person.browser.command("DELETE", "/cookie/relevo_session")
    found = []
    for route in open_to_all(paths):
        path = f"{paths[route]}?lang={look.language}&theme={look.scheme}"
        found += await wrong_with(person, look, route, path)
    await person.sign_in()
    assert not found, "\n".join(found)


def test_all_pages_are_looked_at():
    routes = {row.path for row in page_rows()}
    assert {"/", "/search", "/campaigns/{id}/report", "/templates/{id}", "/login"} <= routes
    assert len(routes) > 60


async def _files(person: Clicks) -> list[str]:
    """The pages of a file that waits for its columns and of one that was read."""
    uploads, paths = person.whole.services.contacts.uploads, []
    for is_read in (False, True):

        async def rows() -> AsyncIterator[bytes]:
            yield b"Correo;Nombre\nana@example.org;Ana\nmalo;<b>Luis\nc@gamil.com;C\n"

        made = await uploads.receive(OPERATOR, person.whole.account, "proveedores <b>.csv", rows())
        if is_read:
            await uploads.start(OPERATOR, made.id, ColumnMapping(0, {"nombre": 1}))
            async with asyncio.timeout(30):
                while not (await uploads.get(OPERATOR, made.id)).is_over:
                    await asyncio.sleep(0.02)
        paths.append(f"/imports/{made.id}")
    return paths


@pytest.mark.asyncio(loop_scope="module")
async def test_T_a_no_page_of_a_file_has_a_violation_of_WCAG_2_1_AA(person: Clicks):
    paths = ["/imports", *await _files(person), "/imports"]
    found = [problem for path in paths for problem in await person.look.page(path)]
    assert not found, "\n".join(found)
