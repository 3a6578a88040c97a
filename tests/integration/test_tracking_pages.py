"""The public side of tracking: a link leads where it was written to, a forged one nowhere."""

import asyncio

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from console.public.tracking import TrackingPages
from console.tracking.hits import HitClass, HitKind
from console.tracking.links import LinkBook
from console.tracking.merging import MergeValues
from console.tracking.tokens import Purpose, Target, TrackingTokens
from mta.model.errors import StoreError
from tests.tracking_world import FIREFOX, tracking_world

TOKENS = TrackingTokens({1: bytes(32)})
HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}


@pytest.fixture
async def world(tmp_path):
    async with tracking_world(tmp_path) as found:
        yield found


@pytest.fixture
async def client(world):
    app = web.Application()
    pages = TrackingPages(
        TOKENS, LinkBook(world.store), MergeValues(world.store), world.ingest.keep, world.clock
    )
    pages.add_routes(app)
    async with TestClient(TestServer(app)) as client:
        yield client


def click(world, delivery, link=0):
    target = Target(delivery, world.messages[delivery], link)
    return f"/c/{TOKENS.token(Purpose.CLICK, target)}"


async def test_a_click_leads_to_the_stored_address_and_is_taken(world, client):
    (delivery,) = await world.mail(links=("https://a.example/ñ x?a=1&b=%20#z",))
    world.clock.advance(3600)
    got = await client.get(
        click(world, delivery), headers={"User-Agent": FIREFOX}, allow_redirects=False
    )
    assert got.status == 302
    assert got.headers["Location"] == "https://a.example/%C3%B1%20x?a=1&b=%20#z"
    assert {name: got.headers[name] for name in HEADERS} == HEADERS
    assert "Set-Cookie" not in got.headers
    await world.ingest.flush()
    assert await world.classes(delivery) == [HitClass.HUMAN]


async def test_the_pixel_is_a_gif_of_43_octets_and_is_taken(world, client):
    (delivery,) = await world.mail()
    world.clock.advance(3600)
    token = TOKENS.token(Purpose.OPEN, Target(delivery, world.messages[delivery]))
    got = await client.get(f"/o/{token}.gif", headers={"User-Agent": FIREFOX})
    assert (got.status, got.content_type, len(await got.read())) == (200, "image/gif", 43)
    assert {name: got.headers[name] for name in HEADERS} == HEADERS
    assert got.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    head = await client.head(f"/o/{token}.gif", headers={"User-Agent": FIREFOX})
    assert (head.status, await head.read()) == (200, b"")
    await world.ingest.flush()
    assert await world.classes(delivery) == [HitClass.HUMAN, HitClass.SCANNER]


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path[:-1],
        lambda path: path + "A",
        lambda path: path[:-8] + "AAAAAAAA",
        lambda path: path.replace("/c/", "/o/") + ".gif",
        lambda path: "/c/" + TrackingTokens({1: b"x" * 32}).token(Purpose.CLICK, Target(1, 2, 0)),
        lambda path: "/c/https://evil.example/",
        lambda path: "/c/%2e%2e",
    ],
)
async def test_a_forged_token_is_not_found_whatever_else_stands_there(world, client, change):
    (delivery,) = await world.mail()
    path = change(click(world, delivery))
    for more in ("", "?u=https://evil.example/", "?url=//evil.example"):
        got = await client.get(path + more, allow_redirects=False)
        assert got.status == 404
        assert "Location" not in got.headers
    await world.ingest.flush()
    assert sum(world.counts.taken.values()) == 0


async def test_nothing_that_is_asked_changes_where_a_link_leads(world, client):
    (delivery,) = await world.mail()
    for more in ("?u=https://evil.example", "?https://evil.example", "#https://evil.example"):
        got = await client.get(click(world, delivery) + more, allow_redirects=False)
        assert got.headers["Location"] == "https://a.example/"


async def test_a_good_token_of_a_link_that_is_not_stored_leads_nowhere(world, client):
    (delivery,) = await world.mail(links=("https://a.example/",))
    for path in (click(world, delivery, 1), click(world, delivery, 65_535)):
        assert (await client.get(path, allow_redirects=False)).status == 404
    lost = TOKENS.token(Purpose.CLICK, Target(1, 2, 0))
    assert (await client.get(f"/c/{lost}", allow_redirects=False)).status == 404


async def test_fields_in_a_link_are_those_of_who_follows_it_and_cannot_move_it(world, client):
    link = 'https://a.example/{{ ruc | default: "nadie" }}?m={{ email }}'
    (delivery,) = await world.mail(links=(link,))
    path = click(world, delivery)
    got = await client.get(path, allow_redirects=False)
    assert got.headers["Location"] == "https://a.example/nadie?m=r0@x.test"
    await world.merge(delivery, '{"ruc": "1\\r\\nX: y @evil.example\\\\"}')
    got = await client.get(path, allow_redirects=False)
    assert (
        got.headers["Location"] == "https://a.example/1%0D%0AX:%20y%20@evil.example%5C?m=r0@x.test"
    )
    assert "X" not in got.headers


async def test_hits_name_the_client_and_its_program_without_controls(world, client):
    taken = []

    async def keep(hit):
        taken.append(hit)

    app = web.Application()
    TrackingPages(
        TOKENS, LinkBook(world.store), MergeValues(world.store), keep, world.clock
    ).add_routes(app)
    (delivery,) = await world.mail()
    async with TestClient(TestServer(app)) as other:
        await other.get(
            click(world, delivery, 2),
            headers={"User-Agent": "a\tb" + "x" * 999},
            allow_redirects=False,
        )
    (hit,) = taken
    assert (hit.kind, hit.delivery, hit.link, hit.peer) == (HitKind.CLICK, delivery, 2, "127.0.0.1")
    assert hit.agent.startswith("abxx")
    assert len(hit.agent) <= 300


async def test_who_has_the_picture_is_on_the_disk(world, client):
    deliveries = await world.mail(5)
    world.clock.advance(3600)
    await world.ingest.start()
    for delivery in deliveries:
        token = TOKENS.token(Purpose.OPEN, Target(delivery, world.messages[delivery]))
        got = await client.get(f"/o/{token}.gif", headers={"User-Agent": FIREFOX})
        assert got.status == 200
        assert await world.classes(delivery) == [HitClass.HUMAN]
    await world.ingest.stop()


async def test_a_store_that_takes_nothing_keeps_no_reader_waiting(world, client, monkeypatch):
    (delivery,) = await world.mail()
    world.clock.advance(3600)
    write, refused = world.ingest._write, asyncio.Event()

    async def full(_batch):
        refused.set()
        raise StoreError("the disk is full")

    monkeypatch.setattr(world.ingest, "_write", full)
    await world.ingest.start()
    token = TOKENS.token(Purpose.OPEN, Target(delivery, world.messages[delivery]))
    for _ in range(2):
        got = await client.get(f"/o/{token}.gif", headers={"User-Agent": FIREFOX})
        assert got.status == 200
    assert refused.is_set()
    monkeypatch.setattr(world.ingest, "_write", write)
    await world.ingest.stop()
    assert await world.classes(delivery) == [HitClass.HUMAN]  # a minute has one


async def test_a_slow_disk_keeps_no_reader_waiting_for_long(world, client, monkeypatch):
    monkeypatch.setattr("console.tracking.ingest.WAIT_S", 0.02)
    deliveries = await world.mail(3)
    world.clock.advance(3600)
    write, go_on = world.ingest._write, asyncio.Event()

    async def slow(batch):
        await go_on.wait()
        await write(batch)

    monkeypatch.setattr(world.ingest, "_write", slow)
    await world.ingest.start()
    for delivery in deliveries:
        token = TOKENS.token(Purpose.OPEN, Target(delivery, world.messages[delivery]))
        got = await client.get(f"/o/{token}.gif", headers={"User-Agent": FIREFOX})
        assert got.status == 200
        assert await world.classes(delivery) == []
    go_on.set()
    await world.ingest.stop()
    assert [await world.classes(one) for one in deliveries] == [[HitClass.HUMAN]] * 3
