"""What happens to mail puts addresses onto the suppression lists, or does not."""

from typing import Any

import pytest

from mta.bounces.classes import BounceClass
from mta.feedback.storms import MIN_REFUSED, BounceStorms
from mta.feedback.suppressing import DAY_MS, FOLLOWED, Suppressing
from mta.model.address import parse_address
from mta.model.traffic import DeliveryState, EventType, TrafficClass
from mta.spool.follower import FollowedEvent
from mta.spool.jobs import JobBuilder
from mta.spool.rows import MessageFlag, QueuedDelivery
from mta.suppression.lists import SuppressionLists
from mta.suppression.values import NewEntry, Reason, Scope
from tests.integration.queue_stand import Stand

KEY = bytes(32)
ACCOUNT, OTHER = 7, 8
PERMANENT = {"phase": "rcpt", "reply": "550 5.1.1 No such user"}


class World:
    """A queue, the lists over it, and events that are handled as the follower does."""

    def __init__(self, stand: Stand) -> None:
        self.stand = stand
        self.lists = SuppressionLists(stand.store, stand.clock, KEY)
        self.storms = BounceStorms(stand.clock)
        self.suppressing = Suppressing(stand.store, stand.clock, self.lists, self.storms)

    async def delivery(self, address: str = "ana@example.org", **options: Any) -> QueuedDelivery:
        flow = self.flow if hasattr(self, "flow") else await self.stand.flow()
        self.flow = flow
        (delivery,) = await self.stand.put(flow, address=address, **options)
        return delivery

    async def happens(
        self, event: EventType, delivery: QueuedDelivery, *, at_ms: int | None = None, **data: Any
    ) -> None:
        await self.all_happen([(event, delivery, data)], at_ms)

    async def all_happen(
        self, told: list[tuple[EventType, QueuedDelivery, dict]], at_ms: int | None = None
    ) -> None:
        now_ms = self.stand.clock.now_ms() if at_ms is None else at_ms
        events = []
        for n, (kind, delivery, data) in enumerate(told):
            assert kind in FOLLOWED
            job = JobBuilder()
            job.event(kind, now_ms, data=data)
            text = job.work(now_ms)[0].rows[0][-1]
            events.append(
                FollowedEvent(
                    n + 1, kind, now_ms, ACCOUNT, 1, delivery.message.id, delivery.id, text
                )
            )
        work = await self.suppressing.handle(events)
        if work:
            await self.stand.store.submit(work)

    def reason(self, address: str, klass: TrafficClass, account: int = ACCOUNT) -> str:
        return self.lists.reason(account, parse_address(address), klass)

    async def after_restart(self) -> SuppressionLists:
        lists = SuppressionLists(self.stand.store, self.stand.clock, KEY)
        await lists.load()
        return lists

    async def held(self) -> list[str]:
        rows = await self.stand.store.read(
            "suppression_held_page", after=0, accounts="[]", count=1000
        )
        return [row[3] for row in rows]


@pytest.fixture
async def world(tmp_path):
    stand = await Stand.open(tmp_path)
    yield World(stand)
    await stand.store.close()


@pytest.mark.parametrize("bounce_class", BounceClass)
async def test_only_what_says_that_an_address_is_dead_suppresses_it(world, bounce_class):
    delivery = await world.delivery()
    await world.happens(EventType.BOUNCED, delivery, **PERMANENT, **{"class": bounce_class})
    expected = "hard-bounce" if bounce_class in ("bad-mailbox", "bad-domain", "inactive") else ""
    assert world.reason("ana@example.org", TrafficClass.URGENT) == expected
    assert world.reason("ana@example.org", TrafficClass.CAMPAIGN) == expected
    assert (await world.after_restart()).reason_of(ACCOUNT, "ana@example.org", 1) == expected


async def test_an_entry_holds_for_every_writing_of_the_address_and_its_own_account(world):
    delivery = await world.delivery("Ana.Pérez@example.org")
    await world.happens(EventType.BOUNCED, delivery, **{"class": "bad-mailbox"})
    assert world.reason('"ANA.PÉREZ"@EXAMPLE.org', TrafficClass.CAMPAIGN)
    assert not world.reason("ana.perez@example.org", TrafficClass.CAMPAIGN)
    assert not world.reason("ana.pérez@example.org", TrafficClass.CAMPAIGN, OTHER)
    world.lists.follow(lambda account: (account, ACCOUNT, 0))  # OTHER is below ACCOUNT
    assert world.reason("ana.pérez@example.org", TrafficClass.CAMPAIGN, OTHER)


async def test_an_unsubscribe_stops_commercial_mail_only_and_can_be_taken_back(world):
    delivery = await world.delivery()
    await world.happens(EventType.UNSUBSCRIBED, delivery, by="one-click")
    assert world.reason("ana@example.org", TrafficClass.CAMPAIGN) == "unsubscribe"
    assert world.reason("ana@example.org", TrafficClass.AUTOMATED) == "unsubscribe"
    assert not world.reason("ana@example.org", TrafficClass.TRANSACTIONAL)
    await world.happens(EventType.RESUBSCRIBED, delivery, by="page")
    assert not world.reason("ana@example.org", TrafficClass.CAMPAIGN)
    assert not len(await world.after_restart())


async def test_the_last_word_of_a_batch_counts(world):
    delivery = await world.delivery()
    told = [EventType.UNSUBSCRIBED, EventType.RESUBSCRIBED, EventType.UNSUBSCRIBED]
    await world.all_happen([(kind, delivery, {}) for kind in told])
    assert (await world.after_restart()).reason_of(ACCOUNT, "ana@example.org", 3) == "unsubscribe"
    await world.all_happen([(kind, delivery, {}) for kind in told[:2]])
    assert not len(await world.after_restart())
    assert not len(world.lists)


async def test_taking_an_unsubscribe_back_leaves_a_complaint(world):
    delivery = await world.delivery()
    await world.happens(EventType.COMPLAINED, delivery, kind="abuse")
    await world.happens(EventType.UNSUBSCRIBED, delivery)
    await world.happens(EventType.RESUBSCRIBED, delivery)
    assert world.reason("ana@example.org", TrafficClass.URGENT) == "complaint"


async def test_who_says_that_it_is_no_spam_is_not_suppressed(world):
    delivery = await world.delivery()
    await world.happens(EventType.COMPLAINED, delivery, kind="not-spam")
    assert not world.reason("ana@example.org", TrafficClass.CAMPAIGN)


async def test_what_a_test_key_sent_suppresses_nobody(world):
    delivery = await world.delivery()
    rows = await world.stand.store.read("suppressing_subjects", deliveries=f"[{delivery.id}]")
    assert rows[0][3] == MessageFlag.RELAY
    world.stand.store = Testing(world.stand.store)
    suppressing = Suppressing(world.stand.store, world.stand.clock, world.lists, world.storms)
    world.suppressing = suppressing
    await world.happens(EventType.BOUNCED, delivery, **{"class": "bad-mailbox"})
    assert not len(world.lists)


class Testing:
    """The store, with every message one of a test key."""

    __test__ = False

    def __init__(self, store) -> None:
        self.store = store

    async def read(self, statement: str, **parameters: Any):
        rows = await self.store.read(statement, **parameters)
        if statement == "suppressing_subjects":
            return [(*row[:3], row[3] | MessageFlag.TEST, row[4]) for row in rows]
        return rows

    async def close(self) -> None:
        await self.store.close()


async def test_a_full_mailbox_is_suppressed_after_three_times_in_two_weeks_for_a_month(world):
    clock = world.stand.clock
    begin_ms = clock.now_ms()
    for day, expected in ((0, ""), (7, ""), (13, ""), (14, "mailbox-full")):
        delivery = await world.delivery()
        await world.happens(
            EventType.EXPIRED, delivery, at_ms=begin_ms + day * DAY_MS, **{"class": "quota"}
        )
        assert world.reason("ana@example.org", TrafficClass.TRANSACTIONAL) == expected, day
    rows = await world.stand.store.read("suppression_full_of", pairs="[]")
    assert not rows
    clock.advance(14 * 86_400 + 30 * 86_400 - 1)
    assert await world.lists.drop_expired() == 0
    clock.advance(2)
    assert await world.lists.drop_expired() == 1
    assert not world.reason("ana@example.org", TrafficClass.TRANSACTIONAL)


async def test_a_mailbox_that_took_mail_in_between_was_not_full_all_the_time(world):
    begin_ms = world.stand.clock.now_ms()
    for day in (0, 7):
        delivery = await world.delivery()
        at_ms = begin_ms + day * DAY_MS
        await world.happens(EventType.BOUNCED, delivery, at_ms=at_ms, **{"class": "quota"})
    world.stand.clock.advance(8 * 86_400)
    taken = await world.delivery()
    await world.stand.finish(taken, DeliveryState.DELIVERED, "250 ok")
    delivery = await world.delivery()
    await world.happens(
        EventType.BOUNCED, delivery, at_ms=begin_ms + 20 * DAY_MS, **{"class": "quota"}
    )
    assert not world.reason("ana@example.org", TrafficClass.TRANSACTIONAL)


async def test_a_storm_of_unknown_mailboxes_is_held_and_what_it_did_is_taken_back(world):
    site = await world.stand.site()
    now_ms = world.stand.clock.now_ms()
    for _ in range(4 * MIN_REFUSED - 1):
        world.storms.accepted(site, now_ms)
    for n in range(MIN_REFUSED):
        delivery = await world.delivery(f"u{n}@example.org", site=site)
        world.storms.refused(site, now_ms)
        await world.happens(EventType.BOUNCED, delivery, **PERMANENT, **{"class": "bad-mailbox"})
    assert not world.reason("u0@example.org", TrafficClass.CAMPAIGN)
    assert not len(world.lists)
    assert not len(await world.after_restart())
    assert sorted(await world.held()) == sorted(f"u{n}@example.org" for n in range(MIN_REFUSED))
    rows = await world.stand.store.read(
        "events_after", after=0, span=1 << 40, types="[50]", count=10
    )
    assert len([row for row in rows if row[2] is not None]) == 1
    # Ten minutes after its last refusal the site is believed again.
    world.stand.clock.advance(21 * 60)
    delivery = await world.delivery("late@example.org", site=site)
    await world.happens(EventType.BOUNCED, delivery, **PERMANENT, **{"class": "bad-mailbox"})
    assert world.reason("late@example.org", TrafficClass.CAMPAIGN) == "hard-bounce"


async def test_a_fifth_of_refusals_is_an_old_list_and_no_storm(world):
    now_ms = world.stand.clock.now_ms()
    for _ in range(400):
        world.storms.accepted(3, now_ms)
    for _ in range(100):
        world.storms.refused(3, now_ms)
    assert not world.storms.is_storm(3)
    world.storms.refused(3, now_ms)
    assert world.storms.is_storm(3)
    assert not world.storms.is_storm(4)


async def test_scopes_of_one_address_are_each_looked_up(world):
    entry = NewEntry(ACCOUNT, "ana@example.org", Reason.MANUAL, Scope.COMMERCIAL, "op")
    world.lists.added([entry])
    assert not world.reason("ana@example.org", TrafficClass.URGENT)
    world.lists.added([NewEntry(ACCOUNT, "ana@example.org", Reason.MANUAL, Scope.ALL, "op")])
    assert world.reason("ana@example.org", TrafficClass.URGENT) == "manual"
    assert len(world.lists) == 1
