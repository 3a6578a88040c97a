"""Whatever recipients do, and whenever it is settled: roll-ups and figures equal a slow recount."""

import tempfile
from pathlib import Path
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from console.tracking.classifying import Classifier
from console.tracking.reader import Did, EngagementReader
from console.tracking.settling import Settler
from tests.tracking_world import (
    ACCOUNT,
    APPLE,
    CURL,
    FIREFOX,
    GMAIL,
    PREFETCH,
    STRANGE,
    tracking_world,
)

AGENTS = st.sampled_from([FIREFOX, GMAIL, APPLE, PREFETCH, CURL, STRANGE])
WAITS = st.sampled_from([0.0, 0.5, 3.0, 12.0, 59.0, 61.0, 599.0, 901.0, 4000.0])
HITS = st.tuples(
    WAITS,
    st.integers(0, 1),
    st.integers(-1, 2),
    AGENTS,
    st.sampled_from([False, False, False, True]),
)
STEPS = st.lists(
    st.one_of(HITS, HITS, HITS, st.sampled_from(["write", "settle"])), min_size=6, max_size=60
)
CLASSIFIER = Classifier()


@settings(max_examples=40, deadline=None)
@given(steps=STEPS)
async def test_roll_ups_equal_the_slow_recount(steps):
    with tempfile.TemporaryDirectory() as folder:
        async with tracking_world(Path(folder)) as world:
            found = await world.mail(3)
            message = world.messages[found[0]]
            for step in steps:
                match step:
                    case (seconds, who, link, agent, is_head):
                        world.clock.advance(seconds)
                        world.hit(found[who], link, agent=agent, is_head=is_head)
                    case "write":
                        await world.ingest.flush()
                    case "settle":
                        await Settler(world.ingest, world.clock).settle()
            await world.ingest.flush()
            assert await world.hours() == await world.recomputed()
            await _figures_agree(world, message)


async def _figures_agree(world, message):
    """Roll-ups, rows by delivery, lists and links say the same."""
    reader, flow = EngagementReader(world.store), world.flows[message]
    for automatic in (False, True):
        figures = await reader.of_flow(flow, automatic=automatic)
        assert figures == await reader.of_message(message, automatic=automatic)
        hours = await reader.hours(flow, ZoneInfo("America/Lima"), automatic=automatic)
        assert sum(hour.unique_opens for hour in hours) == figures.unique_opens
        assert sum(hour.total_opens for hour in hours) == figures.total_opens
        assert sum(hour.unique_clicks for hour in hours) == figures.unique_clicks
        assert sum(hour.total_clicks for hour in hours) == figures.total_clicks
        opened = await reader.who(message, Did.OPENED, automatic=automatic)
        clicked = await reader.who(message, Did.CLICKED, automatic=automatic)
        others = await reader.who(message, Did.NOT_OPENED, automatic=automatic)
        assert len(opened) == figures.unique_opens
        assert len(clicked) == figures.unique_clicks
        assert len(opened) + len(others) == 3
        await _account_agrees(reader, world, flow, automatic=automatic)
        links = await reader.links(message, automatic=automatic)
        assert sum(link.total for link in links) == figures.total_clicks
        if not automatic:
            assert sum(one.times for one in opened) == figures.total_opens
            for link in links:
                who = await reader.who(message, Did.CLICKED, link=link.number)
                assert len(who) == link.unique
                assert min([one.first_ms for one in who], default=0) == link.first_ms


async def _account_agrees(reader, world, flow, *, automatic):
    """The account's sums over some hours are those of its only flow in these hours."""
    zone, hour_ms, now = ZoneInfo("UTC"), 3_600_000, world.clock.now_ms() // 3_600_000
    for first, last in (
        (now - 2, now),
        (now - 30, now - 1),
        (now - 50, now + 20),
        (now - 10, now + 50),
        (now, now),
    ):
        span = {"first_ms": first * hour_ms, "last_ms": last * hour_ms, "automatic": automatic}
        hours = await reader.hours(flow, zone, **span)
        found = await reader.of_account(ACCOUNT, **span)
        assert found.unique_opens == sum(hour.unique_opens for hour in hours)
        assert found.total_clicks == sum(hour.total_clicks for hour in hours)
