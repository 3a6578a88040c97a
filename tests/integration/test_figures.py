"""Figures are counted from events; what happens to mail and what they say is the same."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from console.accounts.actor import Actor, NotVisible
from console.accounts.audit import AuditTrail
from console.reports.causes import CauseService
from console.reports.counting import BATCH, FOLLOWED, NAME, FigureCounting
from console.reports.figures import FigureService
from console.reports.people import Choice, People, RecipientService, Who
from console.tracking.reader import EngagementReader
from mta.model.clock import ManualClock
from mta.model.traffic import DeliveryState, EventType
from mta.spool.flows import Flow
from mta.spool.follower import EventFollower
from mta.spool.jobs import JobBuilder
from mta.spool.rows import QueuedDelivery
from mta.store.sqlite import SqliteStore
from mta.store.statements import StatementPackage
from tests.accounts_world import KEY
from tests.integration.queue_stand import Stand

OPERATOR = Actor.command()
LIMA = ZoneInfo("America/Lima")
S = DeliveryState


class World:
    """A queue and its figures; `count()` brings them up to date."""

    def __init__(self, stand: Stand) -> None:
        self.stand = stand
        counting = FigureCounting(stand.store)
        self.follower = EventFollower(
            stand.store, NAME, FOLLOWED, counting.handle,
            clock=stand.clock, batch=BATCH, from_beginning=True,
        )  # fmt: skip
        self.figures = FigureService(stand.store, LIMA)
        self.trail = AuditTrail(stand.store, stand.ids, stand.clock, KEY)

    async def count(self) -> None:
        await self.follower.catch_up()

    async def settle(
        self, delivery: QueuedDelivery, state: S, event: EventType, **data: Any
    ) -> None:
        """The delivery is over, and the event says so."""
        job, now_ms = JobBuilder(), self.stand.clock.now_ms()
        job.settle(delivery, state, now_ms, reply="x", host="mx")
        await self._event(job, delivery, event, data)
        delivery.state = state

    async def happens(self, delivery: QueuedDelivery, event: EventType, **data: Any) -> None:
        await self._event(JobBuilder(), delivery, event, data)

    async def _event(
        self, job: JobBuilder, delivery: QueuedDelivery, kind: EventType, data: dict[str, Any]
    ) -> None:
        now_ms = self.stand.clock.now_ms()
        job.event(
            kind, now_ms, account=delivery.message.account, flow=delivery.flow,
            message=delivery.message.id, delivery=delivery.id, data=data,
        )  # fmt: skip
        await self.stand.store.submit(job.work(now_ms))


@pytest.fixture
async def world(tmp_path: Path):
    clock = ManualClock()
    packages = (
        "mta.spool", "mta.feedback", "mta.suppression", "console.accounts",
        "console.accounts.audit", "console.reports",
    )  # fmt: skip
    store = await SqliteStore.open(
        tmp_path, [StatementPackage.of(name) for name in packages], clock=clock
    )
    stand = Stand.over(store, clock)
    world = World(stand)
    await world.follower._find_cursor()
    yield world
    await store.close()


async def _campaign(world: World, count: int, site: int) -> tuple[Flow, list[QueuedDelivery]]:
    flow = await world.stand.flow("noviembre", kind="campaign")
    return flow, await world.stand.put(flow, count, site=site)


async def test_T_g_a_campaign_s_figures_are_what_became_of_its_mail(world: World):
    google = await world.stand.site("google", "google")
    flow, mails = await _campaign(world, 6, google)
    await world.settle(mails[0], S.DELIVERED, EventType.DELIVERED)
    await world.settle(mails[1], S.DELIVERED, EventType.DELIVERED)
    await world.settle(mails[2], S.BOUNCED, EventType.BOUNCED, **{"class": "bad-mailbox"})
    await world.settle(mails[3], S.BOUNCED, EventType.BOUNCED, **{"class": "policy"})
    await world.settle(mails[4], S.EXPIRED, EventType.EXPIRED, **{"class": "expired"})
    await world.happens(mails[0], EventType.COMPLAINED, kind="abuse")
    await world.happens(mails[1], EventType.UNSUBSCRIBED, by="page")
    await world.happens(mails[1], EventType.UNSUBSCRIBED, by="one-click")
    await world.count()
    found = await world.figures.of_flow(OPERATOR, flow.id)
    assert (found.audience, found.attempted, found.delivered, found.bounced) == (6, 5, 2, 2)
    assert found.waiting == 1
    assert (found.complained, found.unsubscribed) == (1, 1)  # twice is one person
    assert found.bounces == {"bad-mailbox": 1, "policy": 1}
    (provider,) = found.providers
    assert (provider.provider, provider.attempted, provider.delivered) == ("google", 5, 2)


async def test_what_comes_back_late_is_bounced_and_no_longer_delivered(world: World):
    flow, (mail,) = await _campaign(world, 1, await world.stand.site())
    await world.settle(mail, S.DELIVERED, EventType.DELIVERED)
    await world.happens(mail, EventType.BOUNCED, late=True, **{"class": "bad-mailbox"})
    await world.count()
    (provider,) = (await world.figures.of_flow(OPERATOR, flow.id)).providers
    assert (provider.delivered, provider.bounced) == (0, 1)
    today = world.stand.clock.now_ms()
    day = datetime.fromtimestamp(today / 1000, UTC).date()
    (counted,) = (
        d
        for d in await world.figures.days(
            OPERATOR, [7], day - timedelta(days=1), day + timedelta(days=1)
        )
        if d.bounced
    )
    assert counted.delivered == 0


async def test_who_took_an_unsubscribe_back_is_not_counted(world: World):
    flow, (mail, other) = await _campaign(world, 2, 0)
    await world.happens(mail, EventType.UNSUBSCRIBED, by="page")
    await world.count()
    await world.happens(mail, EventType.RESUBSCRIBED, by="page")
    await world.happens(other, EventType.UNSUBSCRIBED, by="page")
    await world.happens(other, EventType.RESUBSCRIBED, by="page")
    await world.happens(other, EventType.UNSUBSCRIBED, by="page")
    await world.happens(other, EventType.COMPLAINED, kind="not-spam")
    await world.count()
    found = await world.figures.of_flow(OPERATOR, flow.id)
    assert (found.unsubscribed, found.complained) == (1, 0)


async def test_T_i_hours_are_counted_one_by_one_and_days_in_the_zone_of_the_account(world: World):
    flow, mails = await _campaign(world, 3, await world.stand.site())
    clock = world.stand.clock
    while (clock.now_ms() // 3_600_000) % 24 != 4:  # 23:00 in Lima
        clock.advance(3_600)
    hour = clock.now_ms() // 3_600_000
    await world.settle(mails[0], S.DELIVERED, EventType.DELIVERED)
    clock.advance(3_600)
    await world.settle(mails[1], S.DELIVERED, EventType.DELIVERED)
    await world.settle(mails[2], S.DELIVERED, EventType.DELIVERED)
    await world.count()
    hours = await world.figures.hours(OPERATOR, flow.id, EventType.DELIVERED)
    assert hours == {hour: 1, hour + 1: 2}
    last = date.fromisoformat(_day(clock))
    days = await world.figures.days(OPERATOR, [7], last - timedelta(days=1), last)
    assert [day.delivered for day in days] == [1, 2]


async def test_a_flow_that_does_not_exist_is_not_visible(world: World):
    with pytest.raises(NotVisible):
        await world.figures.of_flow(OPERATOR, 1)


async def test_nothing_is_counted_twice_when_events_are_handled_again(world: World):
    flow, mails = await _campaign(world, 2, await world.stand.site())
    await world.settle(mails[0], S.BOUNCED, EventType.BOUNCED, **{"class": "policy"})
    await world.count()
    await world.count()
    again = World(world.stand)
    await again.follower._find_cursor()
    await again.count()
    assert (await world.figures.of_flow(OPERATOR, flow.id)).bounces == {"policy": 1}


def _day(clock: ManualClock) -> str:
    at = datetime.fromtimestamp(clock.now_ms() / 1000, UTC).astimezone(LIMA)
    return f"{at:%Y-%m-%d}"


def _shown(people: People) -> list[str]:
    return [row.address for row in people.rows]


async def test_T_b_each_number_leads_to_its_recipients(world: World):
    flow, mails = await _campaign(world, 6, await world.stand.site())
    await world.settle(mails[0], S.DELIVERED, EventType.DELIVERED)
    await world.settle(mails[1], S.BOUNCED, EventType.BOUNCED, **{"class": "bad-mailbox"})
    await world.settle(mails[2], S.BOUNCED, EventType.BOUNCED, **{"class": "policy"})
    await world.settle(mails[3], S.SUPPRESSED, EventType.SUPPRESSED)
    await world.happens(mails[0], EventType.UNSUBSCRIBED, by="page")
    await world.count()
    service = RecipientService(world.stand.store, world.trail, EngagementReader(world.stand.store))
    flow_id, message = flow.id, mails[0].message.id

    async def who(kind: Who, **more: str) -> list[str]:
        return _shown(await service.page(OPERATOR, Choice(flow_id, (message,), kind, **more)))

    names = [mail.address for mail in mails]
    assert await who(Who.ALL) == names
    assert await who(Who.DELIVERED) == await who(Who.UNSUBSCRIBED) == names[:1]
    assert await who(Who.BOUNCED) == names[1:3]
    assert await who(Who.BOUNCED, bounce_class="policy") == names[2:3]
    assert await who(Who.SUPPRESSED) == names[3:4]
    assert await who(Who.WAITING) == names[4:]
    assert await who(Who.ALL, address=names[5]) == names[5:]
    assert await who(Who.ALL, address="nobody@example.org") == []
    other = await world.stand.flow("otra", account=8, kind="campaign")
    stranger = Choice(other.id, (message,))  # a message of somebody else's campaign
    assert _shown(await service.page(OPERATOR, stranger)) == []


async def test_pages_follow_each_other_and_an_export_has_them_all(world: World):
    flow, mails = await _campaign(world, 5, 0)
    service = RecipientService(world.stand.store, world.trail, EngagementReader(world.stand.store))
    choice = Choice(flow.id, (mails[0].message.id,))
    first = await service.page(OPERATOR, choice, limit=3)
    rest = await service.page(OPERATOR, choice, after=first.next, limit=3)
    assert _shown(first) + _shown(rest) == [mail.address for mail in mails]
    assert rest.next == 0
    exported = [row.address async for rows in service.export(OPERATOR, choice) for row in rows]
    assert exported == [mail.address for mail in mails]


async def test_T_b_who_bounced_has_its_cause_in_the_list_of_everybody_too(world: World):
    google = await world.stand.site("google", "google")
    flow, mails = await _campaign(world, 3, google)
    await world.settle(mails[0], S.DELIVERED, EventType.DELIVERED)
    await world.settle(mails[1], S.BOUNCED, EventType.BOUNCED, **{"class": "bad-mailbox"})
    await world.settle(mails[2], S.EXPIRED, EventType.EXPIRED, **{"class": "expired"})
    await world.count()
    people = RecipientService(world.stand.store, world.trail, EngagementReader(world.stand.store))
    choice = Choice(flow.id, tuple({mail.message.id for mail in mails}))

    async def causes(**narrowed: Any) -> list[str]:
        page = await people.page(OPERATOR, replace(choice, **narrowed))
        return [row.bounce_class for row in page.rows]

    assert await causes() == ["", "bad-mailbox", "expired"]
    assert await causes(who=Who.ATTEMPTED, provider="google") == ["", "bad-mailbox", "expired"]
    assert await causes(who=Who.ALL, provider="yahoo") == []
    assert await causes(who=Who.BOUNCED, provider="google") == ["bad-mailbox"]
    assert await causes(who=Who.BOUNCED, provider="yahoo") == []


async def test_T_b_the_most_frequent_replies_are_told_without_what_is_a_recipient_s_own(
    world: World,
):
    flow, mails = await _campaign(world, 3, 0)
    for n, mail in enumerate(mails):
        job, now_ms = JobBuilder(), world.stand.clock.now_ms()
        reply = f"550 5.1.1 <u{n}@example.com> unknown ab1{n}cd-x0y9z8.12" if n else "550 spam"
        job.settle(mail, S.BOUNCED, now_ms, reply=reply, host="mx")
        await world._event(job, mail, EventType.BOUNCED, {"class": "bad-mailbox"})
    await world.count()
    found = await CauseService(world.stand.store).top(OPERATOR, flow.id)
    assert found == [
        ("550 5.1.1 … unknown …", "bad-mailbox", 2),
        ("550 spam", "bad-mailbox", 1),
    ]
