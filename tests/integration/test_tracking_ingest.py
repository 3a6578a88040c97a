"""What becomes of opens and clicks: classes, figures and roll-ups in one transaction."""

import orjson
import pytest

from console.tracking.hits import HitClass, HitKind
from console.tracking.ingest import MAX_HITS, RawHit
from console.tracking.settling import Settler
from mta.model.traffic import DeliveryState, EventType
from mta.store.base import MAX_JOB_ROWS
from tests.tracking_world import (
    APPLE,
    CURL,
    FIREFOX,
    GMAIL,
    OUTLOOK,
    PREFETCH,
    STRANGE,
    YAHOO,
    TrackingWorld,
    tracking_world,
)

MINUTE, HOUR = 60.0, 3600.0


@pytest.fixture
async def world(tmp_path):
    async with tracking_world(tmp_path) as found:
        yield found


async def same_as_recomputed(world: TrackingWorld):
    found = await world.hours()
    assert found == await world.recomputed()
    return found


@pytest.mark.parametrize(
    ("agent", "is_head", "expected"),
    [
        (FIREFOX, False, HitClass.HUMAN),
        (OUTLOOK, False, HitClass.HUMAN),
        (GMAIL, False, HitClass.PROXY_GMAIL),
        (YAHOO, False, HitClass.PROXY_YAHOO),
        (APPLE, False, HitClass.MPP_APPLE),
        (PREFETCH, False, HitClass.PREFETCH_GMAIL),
        (CURL, False, HitClass.SCANNER),
        ("", False, HitClass.SCANNER),
        (FIREFOX, True, HitClass.SCANNER),
        (STRANGE, False, HitClass.UNKNOWN),
    ],
)
async def test_T_i_an_open_has_the_class_of_who_made_it_and_is_never_dropped(
    world, agent, is_head, expected
):
    (delivery,) = await world.mail()
    world.clock.advance(HOUR)
    world.hit(delivery, agent=agent, is_head=is_head)
    await world.ingest.flush()
    assert await world.classes(delivery) == [expected]
    assert world.counts.taken == {("open", expected.shown): 1}
    await same_as_recomputed(world)


async def test_an_event_tells_of_each_hit(world):
    (delivery,) = await world.mail()
    world.clock.advance(HOUR)
    world.hit(delivery)
    world.clock.advance(MINUTE)
    world.hit(delivery, 2, agent=GMAIL, peer="2001:db8::1")
    await world.ingest.flush()
    codes = "[20,21]"
    rows = await world.store.read("events_after", after=0, span=100, types=codes, count=10)
    told = [(row[4], row[5], row[8], row[9] and orjson.loads(row[9])) for row in rows if row[2]]
    assert [about[3] for about in told] == [
        {"class": "human", "peer": "192.0.2.7", "agent": FIREFOX},
        {"class": "proxy_gmail", "link": 2, "peer": "2001:db8::1", "agent": GMAIL},
    ]
    assert {about[2] for about in told} == {delivery}


@pytest.mark.parametrize(("seconds", "expected"), [(1.9, HitClass.SCANNER), (16, HitClass.HUMAN)])
async def test_the_time_since_the_250_tells_scanners_from_people(world, seconds, expected):
    (delivery,) = await world.mail()
    world.clock.advance(seconds)
    world.hit(delivery, 0)
    await world.ingest.flush()
    assert await world.classes(delivery) == [expected]


async def test_a_hit_before_the_250_is_a_scanners(world):
    (delivery,) = await world.mail(state=DeliveryState.CLAIMED)
    world.clock.advance(HOUR)
    world.hit(delivery, 0)
    await world.ingest.flush()
    assert await world.classes(delivery) == [HitClass.SCANNER]


async def test_what_was_unclear_is_settled_a_quarter_of_an_hour_later_also_after_a_restart(
    tmp_path,
):
    async with tracking_world(tmp_path) as world:
        (one, two) = await world.mail(2)
        world.clock.advance(5.0)
        world.hit(one, 0)
        world.hit(two, 0)
        world.clock.advance(5.0)
        world.hit(two, 1, is_head=True)
        await world.ingest.flush()
        assert await world.classes(one) == [HitClass.UNKNOWN]
        await Settler(world.ingest, world.clock).settle()
        assert await world.classes(one) == [HitClass.UNKNOWN]
        clock, messages, flows = world.clock, world.messages, world.flows
    clock.advance(15 * MINUTE)
    async with tracking_world(tmp_path, clock) as world:
        world.messages, world.flows = messages, flows
        await Settler(world.ingest, clock).settle()
        assert await world.classes(one) == [HitClass.HUMAN]
        assert await world.classes(two) == [HitClass.SCANNER, HitClass.SCANNER]
        hours = await same_as_recomputed(world)
        assert {key[3] for key in hours} == {HitClass.HUMAN, HitClass.INFERRED, HitClass.SCANNER}
        assert await world.ingest.settle(clock.now_ms(), 10) == 0


async def test_a_burst_of_links_soon_after_the_250_is_a_machines(world):
    (delivery,) = await world.mail()
    world.clock.advance(20.0)
    for link in range(3):
        world.hit(delivery, link)
        await world.ingest.flush()
        world.clock.advance(1.0)
    assert await world.classes(delivery) == [HitClass.SCANNER] * 3
    await same_as_recomputed(world)


@pytest.mark.parametrize(
    ("opened", "expected"), [(True, HitClass.HUMAN), (False, HitClass.SCANNER)]
)
async def test_a_late_burst_is_a_persons_if_a_person_had_opened(world, opened, expected):
    (delivery,) = await world.mail()
    world.clock.advance(HOUR)
    if opened:
        world.hit(delivery, agent=GMAIL)
    world.clock.advance(MINUTE)
    for link in range(3):
        world.hit(delivery, link)
    await world.ingest.flush()
    assert (await world.classes(delivery))[-3:] == [HitClass.UNKNOWN] * 3
    world.clock.advance(15 * MINUTE)
    await Settler(world.ingest, world.clock).settle()
    assert (await world.classes(delivery))[-3:] == [expected] * 3
    await same_as_recomputed(world)


async def test_repeated_hits_fill_neither_the_disk_nor_the_figures(world):
    (delivery,) = await world.mail()
    world.clock.advance(HOUR)
    for _ in range(120):
        world.hit(delivery)
    await world.ingest.flush()
    assert len(await world.classes(delivery)) == 1
    for _ in range(MAX_HITS + 5):
        world.clock.advance(MINUTE)
        world.hit(delivery)
    await world.ingest.flush()
    assert len(await world.classes(delivery)) == MAX_HITS
    await same_as_recomputed(world)


async def test_anonymous_hits_are_in_the_totals_only(world):
    (delivery,) = await world.mail()
    message = world.messages[delivery]
    world.hit(0, agent=GMAIL, message=message)
    world.hit(0, 1, message=message)
    await world.ingest.flush()
    hours = await world.hours()
    assert sorted((key[2], key[3], counts) for key, counts in hours.items()) == [
        (HitKind.OPEN, HitClass.PROXY_GMAIL, (1, 0, 0, 0)),
        (HitKind.CLICK, HitClass.HUMAN, (1, 0, 0, 0)),
    ]
    rows = await world.store.read("events_after", after=0, span=100, types="[20,21]", count=10)
    assert [row for row in rows if row[2]] == []


async def test_hits_of_a_removed_history_change_nothing(world):
    world.hit(12345, message=77)
    world.hit(0, message=77)
    await world.ingest.flush()
    assert await world.hours() == {}


async def test_many_flows_in_one_batch_do_not_overflow_a_job(tmp_path):
    async with tracking_world(tmp_path) as world:
        world.ingest._batch = 900
        found = [(await world.mail())[0] for _ in range(450)]
        world.clock.advance(HOUR)
        for delivery in found:
            world.hit(delivery)
            world.hit(delivery, 0)
        assert MAX_JOB_ROWS < 900 * 2 + 450 * 3
        await world.ingest.flush()
        assert sum(world.counts.taken.values()) == 900
        await same_as_recomputed(world)


async def test_hits_wait_while_the_store_cannot_write(world, monkeypatch):
    (delivery,) = await world.mail()
    world.clock.advance(HOUR)
    world.hit(delivery)
    read = world.store.read

    async def fail(*_, **__):
        raise OSError("no")

    monkeypatch.setattr(world.store, "read", fail)
    with pytest.raises(OSError, match="no"):
        await world.ingest.flush()
    monkeypatch.setattr(world.store, "read", read)
    await world.ingest.flush()
    assert await world.classes(delivery) == [HitClass.HUMAN]
    assert sum(world.counts.taken.values()) == 1


async def test_started_it_writes_by_itself_and_at_the_end(world):
    (delivery,) = await world.mail()
    world.clock.advance(HOUR)
    await world.ingest.start()
    world.hit(delivery)
    await world.ingest.stop()
    assert await world.classes(delivery) == [HitClass.HUMAN]


async def test_what_finds_no_room_is_counted(world, monkeypatch):
    monkeypatch.setattr("console.tracking.ingest.MAX_WAITING", 2)
    for _ in range(3):
        world.ingest.take(RawHit(HitKind.OPEN, 1, 2, -1, 3, "", "", False))
    assert world.counts.lost == 1


def test_events_of_hits_have_the_names_of_the_interface():
    assert EventType.OPENED == "message.opened"
    assert EventType.CLICKED == "message.clicked"
