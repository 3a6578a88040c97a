"""The link behind List-Unsubscribe: a page that changes nothing, and one click that does."""

import re
import socket
from dataclasses import dataclass

import aiohttp
import pytest

from console.public.rendering import PublicRenderer
from console.public.unsubscribe import UNDO_MS
from console.web.public_site import PublicSite
from mta.engine.health import Health
from mta.intake.tokens import DeliveryTokens, Purpose
from mta.intake.unsubscribe_links import UnsubscribeLinks
from mta.model.errors import StoreError
from mta.settings.console_schema import Public
from mta.spool.rows import DeliveryFlag
from tests.integration.feedback_stand import FeedbackStand, public_pages
from tests.integration.queue_stand import Stand

ONE_CLICK = {"List-Unsubscribe": "One-Click"}
BUTTON = {"how": "page"}
ES, EN = {"Accept-Language": "es-PE,es;q=0.9"}, {"Accept-Language": "en-GB"}


@dataclass
class World:
    """The public site over a queue."""

    stand: FeedbackStand
    site: PublicSite
    http: aiohttp.ClientSession

    def path(self, delivery) -> str:
        return (
            UnsubscribeLinks(self.stand.key, "http://x").url(delivery.id).removeprefix("http://x")
        )

    async def is_unsubscribed(self, delivery) -> bool:
        return bool((await self.stand.effects.find(delivery.id)).flags & DeliveryFlag.UNSUBSCRIBED)

    async def get(self, path: str, **headers: str) -> tuple[int, str]:
        async with self.http.get(path, headers=headers, allow_redirects=False) as response:
            return response.status, await response.text()

    async def post(self, path: str, form) -> tuple[int, str]:
        async with self.http.post(path, data=form, headers=ES, allow_redirects=False) as response:
            assert "Set-Cookie" not in response.headers
            return response.status, await response.text()


@pytest.fixture
async def world(tmp_path):
    queue = await Stand.open(tmp_path)
    stand = FeedbackStand(queue, tmp_path)
    async with public_pages(stand, queue) as (site, http):
        yield World(stand, site, http)
    await queue.store.close()


async def test_looking_changes_nothing(world):
    delivery = await world.stand.delivered("ana@example.com")
    status, page = await world.get(world.path(delivery), **ES)
    assert status == 200
    assert "a…@example.com" in page
    assert "ana@example.com" not in page
    assert "ana@sender.example" in page
    assert "Dejar de recibirlos" in page
    async with world.http.head(world.path(delivery)) as response:
        assert response.status == 200
    assert "Stop receiving" in (await world.get(world.path(delivery), **EN))[1]
    assert not await world.is_unsubscribed(delivery)


@pytest.mark.parametrize("form", [ONE_CLICK, BUTTON, {"list-unsubscribe": "one-click"}])
async def test_a_post_unsubscribes_without_redirect_or_cookie(world, form):
    delivery = await world.stand.delivered()
    status, page = await world.post(world.path(delivery), form)
    assert status == 200
    assert "Listo" in page
    assert await world.is_unsubscribed(delivery)
    status, page = await world.post(world.path(delivery), form)
    assert (status, "Ya está hecho" in page) == (200, True)
    assert "Ya está hecho" in (await world.get(world.path(delivery), **ES))[1]


async def test_one_click_may_be_multipart(world):
    delivery = await world.stand.delivered()
    form = aiohttp.FormData(ONE_CLICK)
    form._is_multipart = True
    assert (await world.post(world.path(delivery), form))[0] == 200
    assert await world.is_unsubscribed(delivery)


@pytest.mark.parametrize(
    "form", [{}, {"a": "b"}, {"List-Unsubscribe": "no"}, b"\x1f\x8b\x08rubbish"]
)
async def test_any_other_post_is_refused(world, form):
    delivery = await world.stand.delivered()
    assert (await world.post(world.path(delivery), form))[0] == 400
    assert not await world.is_unsubscribed(delivery)


async def test_a_token_that_does_not_fit_is_no_page(world):
    delivery = await world.stand.delivered()
    path = world.path(delivery)
    other = DeliveryTokens(world.stand.key, Purpose.RETURN_PATH).token(delivery.id)
    forged = UnsubscribeLinks(b"j" * 32, "http://x").url(delivery.id).removeprefix("http://x")
    changed = path[:-1] + ("0" if path[-1] != "0" else "1")
    for wrong in (changed, path[:-1], forged, f"/u/{other}", "/u/", "/u/%00", "/u/..%2f..%2fetc"):
        assert (await world.get(wrong))[0] == 404, wrong
        assert (await world.post(wrong, ONE_CLICK))[0] == 404, wrong
    assert not await world.is_unsubscribed(delivery)


async def test_it_can_be_undone_for_ten_minutes(world):
    delivery = await world.stand.delivered()
    path = world.path(delivery)
    page = (await world.post(path, BUTTON))[1]
    form = dict(re.findall(r'name="(\w+)" value="([^"]+)"', page))
    for wrong in (
        {**form, "until": str(int(form["until"]) + 1)},
        {**form, "proof": form["proof"][:-1] + "x"},
        {**form, "until": "9" * 40},
        {},
    ):
        assert (await world.post(f"{path}/undo", wrong))[0] == 400
    other = await world.stand.delivered("luis@example.com")
    assert (await world.post(f"{world.path(other)}/undo", form))[0] == 400
    assert (await world.post(f"{path}/undo", form))[0] == 200
    assert not await world.is_unsubscribed(delivery)
    page = (await world.post(path, BUTTON))[1]
    form = dict(re.findall(r'name="(\w+)" value="([^"]+)"', page))
    world.stand.queue.clock.advance(UNDO_MS / 1000 + 1)
    assert (await world.post(f"{path}/undo", form))[0] == 410
    assert await world.is_unsubscribed(delivery)


async def test_a_delivery_whose_history_is_gone_is_told(world):
    class Old:
        id = 4711

    assert (await world.get(world.path(Old)))[0] == 410
    assert (await world.post(world.path(Old), ONE_CLICK))[0] == 410


async def test_what_cannot_be_written_now_is_asked_for_again(world, monkeypatch):
    delivery = await world.stand.delivered()

    async def broken(*_args, **_kwargs):
        raise StoreError("disk full")

    monkeypatch.setattr(world.stand.queue.store, "read", broken)
    status, page = await world.post(world.path(delivery), ONE_CLICK)
    assert status == 503
    assert "disk full" not in page


async def test_pages_cannot_be_framed_indexed_or_scripted(world):
    delivery = await world.stand.delivered()
    async with world.http.get(world.path(delivery)) as response:
        headers = response.headers
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "script-src" not in headers["Content-Security-Policy"]
    assert headers["X-Robots-Tag"] == "noindex"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    async with world.http.get("/public/public.css") as style:
        assert style.content_type == "text/css"


async def test_the_console_does_not_exist_there(world):
    for path in ("/", "/login", "/sandbox", "/status", "/api/v1/messages", "/static/relevo.css"):
        assert (await world.get(path))[0] == 404, path
    assert (await world.post("/login", {}))[0] == 404
    assert (await world.get("/healthz"))[0] == 200
    async with world.http.put("/u/x") as response:
        assert response.status == 405


async def test_markup_in_addresses_is_text(world):
    delivery = await world.stand.delivered("<b>@example.com")
    page = (await world.get(world.path(delivery)))[1]
    assert "&lt;…@example.com" in page


def test_both_languages_have_the_same_texts():
    renderer = PublicRenderer("es")

    def keys(table, prefix=""):
        for name, value in table.items():
            yield from (
                keys(value, f"{prefix}{name}.") if isinstance(value, dict) else [prefix + name]
            )

    assert set(keys(renderer._texts["es"])) == set(keys(renderer._texts["en"]))


async def test_sockets_of_systemd_replace_the_address():
    opened = socket.create_server(("127.0.0.1", 0))
    site = PublicSite(
        Public(listen="127.0.0.1:1"), PublicRenderer("es"), Health(), lambda _: None, [opened]
    )
    await site.start()
    assert site.addresses == [opened.getsockname()]
    await site.close()
