"""Whoever follows the events sees each one once and in order, and costs little."""

import asyncio

import pytest

from mta.events.record import event_row
from mta.model.clock import ManualClock
from mta.model.errors import StoreError
from mta.model.traffic import EventType
from mta.spool.follower import EventFollower
from mta.store.sqlite import SqliteStore
from mta.store.statements import StatementPackage
from mta.store.work import Rows
from tests.integration.relay_store import WatchedStore

TYPES = (EventType.DELIVERED, EventType.BOUNCED)
FAST = {"interval_s": 0.0, "backoff_s": (0.0, 0.0)}


class Pulse:
    """Lets a test wait for a state that a commit or a metric brings."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self.lag: dict[str, int] = {}

    def beat(self) -> None:
        self._changed.set()

    def set_follower_lag(self, name: str, events: int) -> None:
        self.lag[name] = events
        self.beat()

    async def until(self, condition) -> None:
        async with asyncio.timeout(20):
            while not condition():
                self._changed.clear()
                await self._changed.wait()


class Ground:
    """A store with events, and followers that keep what they saw in the event table itself."""

    def __init__(self, store: SqliteStore) -> None:
        self.pulse = Pulse()
        self.clock = ManualClock()
        self.store = WatchedStore(store, self.pulse)
        self.seen: list[int] = []  # messages, in the order in which they were handed in

    async def tell(self, event: EventType, *messages: int) -> None:
        rows = [event_row(0, event, self.clock.now_ms(), 1, 2, m, 3)[1:] for m in messages]
        await self.store.submit([Rows("event_insert", rows)])

    def follower(self, handle=None, **options) -> EventFollower:
        async def note(events):
            self.seen += [event.message for event in events]
            self.pulse.beat()
            return ()

        return EventFollower(
            self.store, "test", TYPES, handle or note, clock=self.clock, metrics=self.pulse,
            **{**FAST, **options},
        )  # fmt: skip

    async def count(self, event: EventType) -> list[int]:
        rows = await self.store.read(
            "events_after", after=0, span=1 << 40, types=f"[{_code(event)}]", count=1_000_000
        )
        return [row[7] for row in rows if row[2] is not None]

    async def stored(self) -> int:
        ((position,),) = await self.store.read("event_cursor", name="test")
        return position


def _code(event: EventType) -> int:
    return event_row(0, event, 0, 0, 0, 0, 0)[1]


@pytest.fixture
async def ground(tmp_path):
    store = await SqliteStore.open(tmp_path, [StatementPackage.of("mta.spool")])
    yield Ground(store)
    await store.close()


async def test_a_new_follower_begins_with_what_happens_after_it_came(ground):
    await ground.tell(EventType.DELIVERED, 1, 2)
    follower = ground.follower()
    await follower.start()
    await ground.tell(EventType.DELIVERED, 3)
    await ground.pulse.until(lambda: ground.seen == [3])
    await follower.stop()


async def test_from_the_beginning_it_sees_all_of_its_types_in_order_and_no_other(ground):
    for message in range(1, 40):
        await ground.tell(EventType.DELIVERED if message % 3 else EventType.DEFERRED, message)
    follower = ground.follower(from_beginning=True, batch=4)
    await follower.start()
    wanted = [message for message in range(1, 40) if message % 3]
    await ground.pulse.until(lambda: ground.seen == wanted)
    await ground.pulse.until(lambda: ground.pulse.lag["test"] == 0)
    await follower.stop()
    assert ground.seen == wanted


async def test_a_commit_wakes_it_and_nothing_else_does(ground):
    follower = ground.follower()
    await follower.start()
    await ground.pulse.until(lambda: "test" in ground.pulse.lag)
    reads = ground.store.reads.count("events_after")
    await ground.store.submit([Rows("event_cursor_insert", [("other", 0, 0)])])
    for _ in range(200):
        await asyncio.sleep(0)
    assert ground.store.reads.count("events_after") == reads
    await ground.tell(EventType.BOUNCED, 9)
    await ground.pulse.until(lambda: ground.seen == [9])
    await follower.stop()


async def test_what_an_event_leads_to_is_there_exactly_when_the_cursor_is_past_it(ground):
    async def copy(events):
        rows = [event_row(0, EventType.EXPIRED, 0, 1, 2, e.message, 3)[1:] for e in events]
        return [Rows("event_insert", rows)]

    follower = ground.follower(copy, batch=5, from_beginning=True)
    await ground.tell(EventType.DELIVERED, *range(1, 21))
    ground.store.fail("event_cursor_move", StoreError("disk full"), times=3)
    await follower.start()
    await ground.pulse.until(lambda: ground.pulse.lag.get("test") == 0)
    await follower.stop()
    assert await ground.count(EventType.EXPIRED) == list(range(1, 21))  # none twice, none lost


async def test_a_bad_event_stops_what_comes_after_it_and_nothing_before(ground):
    bad = {7}

    async def handle(events):
        if bad & {event.message for event in events}:
            raise ValueError("cannot be handled")
        ground.seen += [event.message for event in events]
        ground.pulse.beat()
        return ()

    follower = ground.follower(handle)
    await follower.start()
    await ground.tell(EventType.DELIVERED, *range(1, 12))
    await ground.pulse.until(lambda: ground.seen == [1, 2, 3, 4, 5, 6])
    bad.clear()
    await ground.pulse.until(lambda: ground.seen == list(range(1, 12)))
    await follower.stop()


async def test_it_goes_on_where_it_stopped_also_past_what_is_not_its_business(ground):
    first = ground.follower()
    await first.start()
    await ground.tell(EventType.DELIVERED, 1)
    await ground.tell(EventType.ACCEPTED, 2, 3)
    await ground.pulse.until(lambda: ground.seen == [1] and ground.pulse.lag["test"] == 0)
    await ground.pulse.until(lambda: first.position == 3)
    await first.stop()
    assert await ground.stored() == 3
    await ground.tell(EventType.DELIVERED, 4)
    second = ground.follower()
    await second.start()
    await ground.pulse.until(lambda: ground.seen == [1, 4])
    await second.stop()


async def test_events_of_other_types_do_not_make_it_write(ground):
    follower = ground.follower()
    await follower.start()
    for message in range(50):
        await ground.tell(EventType.ACCEPTED, message + 1)
    await ground.pulse.until(lambda: follower.position == 50)
    assert "event_cursor_move" not in [name for name, _ in ground.store.submitted]
    await follower.stop()


async def test_a_cursor_that_someone_else_moved_is_read_anew(ground):
    follower = ground.follower()
    await follower.start()
    await ground.tell(EventType.DELIVERED, 1)
    await ground.pulse.until(lambda: ground.seen == [1] and ground.pulse.lag["test"] == 0)
    await ground.pulse.until(lambda: follower.position == 1)
    await ground.tell(EventType.ACCEPTED, *range(2, 5))
    await ground.pulse.until(lambda: follower.position == 4)
    await ground.store.submit([Rows("event_cursor_move", [("test", 1, 4, 0)], expect=1)])
    await ground.tell(EventType.DELIVERED, 5)
    await ground.pulse.until(lambda: follower.position == 5)
    await follower.stop()
    assert await ground.stored() == 5


async def test_more_rows_than_a_job_holds_are_made_of_fewer_events(ground):
    async def many(events):
        ground.seen += [event.message for event in events]
        rows = [event_row(0, EventType.EXPIRED, 0, 1, 2, e.message, 3)[1:] for e in events]
        return [Rows("event_insert", rows * 300)]

    follower = ground.follower(many)
    await follower.start()
    await ground.tell(EventType.DELIVERED, *range(1, 31))
    await ground.pulse.until(lambda: follower.position >= 30)
    await follower.stop()
    assert len(await ground.count(EventType.EXPIRED)) == 30 * 300


async def test_while_it_fails_it_shows_how_far_it_is_behind(ground):
    async def handle(_):
        raise ValueError("cannot be handled")

    follower = ground.follower(handle)
    await follower.start()
    await ground.tell(EventType.DELIVERED, *range(1, 8))
    await ground.pulse.until(lambda: ground.pulse.lag.get("test") == 7)
    await follower.stop()


async def test_what_it_passed_over_is_written_within_the_hour(ground):
    follower = ground.follower()
    await follower.start()
    await ground.tell(EventType.ACCEPTED, 1, 2)
    await ground.pulse.until(lambda: follower.position == 2)
    assert await ground.stored() == 0
    ground.clock.advance(3_601)
    await ground.tell(EventType.ACCEPTED, 3)
    await ground.pulse.until(lambda: follower.position == 3)
    assert await ground.stored() == 3
    await follower.stop()
