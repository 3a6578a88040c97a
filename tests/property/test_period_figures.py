"""Whatever happens to mail of whichever account, figures of any period equal a slow recount."""

import tempfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from console.accounts.actor import Actor
from console.reports.period import PeriodQuery
from console.reports.values import COUNTED, PeriodFigures
from console.tracking.classifying import Classifier
from console.tracking.settling import Settler
from mta.model.clock import ManualClock
from mta.model.traffic import DeliveryState as S
from mta.model.traffic import EventType as E
from tests.period_world import BELOW, MAIN, PUPIL, SCHOOL, PeriodWorld, day_of, period_world
from tests.property.effort import tries
from tests.tracking_world import APPLE, CURL, FIREFOX, GMAIL, PREFETCH, STRANGE

OPERATOR = Actor.command()
CLASSIFIER = Classifier()
# Moments just before a midnight or a change of the clock, with zones in which they are one.
MOMENTS = (
    ("America/Lima", "2026-11-23T04:20:00"),
    ("", "2026-12-31T22:00:00"),
    ("Europe/Madrid", "2026-03-28T22:30:00"),
    ("America/New_York", "2026-11-01T03:30:00"),
    ("America/Santiago", "2026-09-06T02:30:00"),
    ("Europe/London", "2026-03-28T20:30:00"),
    ("Europe/London", "2026-10-24T20:30:00"),
    ("Pacific/Apia", "2026-02-28T10:15:00"),
)
WAITS = st.sampled_from([0.0, 0.5, 3.0, 12.0, 59.0, 61.0, 599.0, 901.0, 4000.0, 40_000.0])
WHO = st.integers(0, 7)
AGENTS = st.sampled_from([FIREFOX, FIREFOX, GMAIL, APPLE, PREFETCH, CURL, STRANGE])
HITS = st.tuples(st.just("hit"), WAITS, WHO, st.integers(-1, 2), AGENTS)
OUTCOMES = st.tuples(
    st.sampled_from(
        ["delivered", "delivered", "delivered", "bounced", "expired", "suppressed", "cancelled",
         "late", "late", "complained", "unsubscribed", "unsubscribed", "resubscribed", "not-spam"]
    ),
    WAITS,
    WHO,
)  # fmt: skip
STEPS = st.lists(
    st.one_of(HITS, HITS, OUTCOMES, OUTCOMES, st.sampled_from(["write", "settle", "count"])),
    min_size=20, max_size=80,
)  # fmt: skip
# Account, subtree, automatic, training, days from the first one, how many more; asked of each history.
QUERIES = (
    (MAIN, True, False, False, 0, 0),
    (MAIN, True, False, False, 1, 1),
    (MAIN, False, True, False, -1, 9),
    (MAIN, True, True, True, 0, 3),
    (BELOW, True, True, False, 0, 2),
    (SCHOOL, True, False, False, 1, 3),
    (PUPIL, False, True, True, 0, 1),
)


@tries(25)
@given(where=st.sampled_from(MOMENTS), steps=STEPS)
async def test_T_r_figures_of_a_period_equal_the_slow_recount(where, steps):
    zone, start = where
    moment = datetime.fromisoformat(start).replace(tzinfo=UTC)
    clock = ManualClock(round(moment.timestamp() * 1000))
    with tempfile.TemporaryDirectory() as folder:
        async with period_world(Path(folder), clock, CLASSIFIER) as world:
            await world.fill(zone)
            begun_ms = clock.now_ms()
            for step in steps:
                await _do(world, step)
            await world.ingest.flush()
            await world.follower.catch_up()
            for account, subtree, automatic, training, offset, length in QUERIES:
                first = day_of(begun_ms, zone) + timedelta(days=offset)
                query = PeriodQuery(
                    account, first, first + timedelta(days=length), subtree, automatic, training
                )
                await _agree(world, query, zone if account == MAIN else "")


async def _do(world: PeriodWorld, step) -> None:
    match step:
        case ("hit", seconds, who, link, agent):
            world.clock.advance(seconds)
            mail = world.mails[who]
            if mail.row.state.is_final:
                world.hit(mail, link, agent)
        case (name, seconds, who):
            world.clock.advance(seconds)
            await _outcome(world, name, world.mails[who])
        case "write":
            await world.ingest.flush()
        case "settle":
            await Settler(world.ingest, world.clock).settle()
        case "count":
            await world.follower.catch_up()


async def _outcome(world: PeriodWorld, name: str, mail) -> None:
    match name:
        case "delivered":
            await world.settle(mail, S.DELIVERED, E.DELIVERED)
        case "bounced":
            await world.settle(mail, S.BOUNCED, E.BOUNCED, **{"class": "policy"})
        case "expired":
            await world.settle(mail, S.EXPIRED, E.EXPIRED, **{"class": "expired"})
        case "suppressed":
            await world.settle(mail, S.SUPPRESSED, E.SUPPRESSED)
        case "cancelled":
            await world.settle(mail, S.CANCELLED, E.CANCELLED, deliveries=["1", "2", "3"])
        case "late":
            await world.late(mail)
        case "complained":
            await world.happens(mail, E.COMPLAINED, kind="abuse")
        case "not-spam":
            await world.happens(mail, E.COMPLAINED, kind="not-spam")
        case "unsubscribed":
            await world.happens(mail, E.UNSUBSCRIBED, by="page")
        case "resubscribed":
            await world.happens(mail, E.RESUBSCRIBED, by="page")


async def _agree(world: PeriodWorld, query: PeriodQuery, zone: str) -> None:
    reader, counted = world.reader, world.counted(query)
    facts = [
        fact
        for fact in await world.facts(automatic=query.automatic)
        if world.owner[fact.flow] in counted
        and query.first <= day_of(fact.at_ms, zone) <= query.last
    ]
    assert await reader.totals(OPERATOR, query) == _figures(facts)
    at_once = await reader.overview(OPERATOR, query)
    for name in ("totals", "campaigns", "others", "providers", "accounts"):
        assert getattr(at_once, name) == await getattr(reader, name)(OPERATOR, query)
    for campaign in await reader.campaigns(OPERATOR, query):
        assert campaign.figures == _figures([f for f in facts if f.flow == campaign.flow])
    told = {one.flow for one in await reader.campaigns(OPERATOR, query)}
    happened = {f.flow for f in facts if f.flow in world.campaigns}
    assert told <= happened  # what was taken back on the same day is nothing
    others = [f for f in facts if f.flow not in world.campaigns]
    assert await reader.others(OPERATOR, query) == _figures(others)
    for one in await reader.providers(OPERATOR, query):
        assert one.figures == _figures([f for f in facts if f.provider == one.provider])
    accounts = await reader.accounts(OPERATOR, query)
    assert {one.account for one in accounts} == counted
    for one in accounts:
        assert one.figures == _figures([f for f in facts if world.owner[f.flow] == one.account])
    for day in await reader.days(OPERATOR, query):
        of_day = [f for f in facts if day_of(f.at_ms, zone) == day.day]
        assert day.figures == _figures([f._replace(klass="") for f in of_day])
    await _hours_and_links_agree(world, query, facts, zone)


async def _hours_and_links_agree(world, query, facts, zone) -> None:
    hours = await world.reader.hours(OPERATOR, query)
    days = await world.reader.days_of(OPERATOR, query)
    for flow in world.campaigns:
        found = next((one for one in hours if one.flow == flow), None)
        for name, told in (("unique_opens", "unique"), ("total_opens", "total")):
            slow = Counter(
                datetime.fromtimestamp(f.at_ms / 1000, days.zone).hour
                for f in facts if f.flow == flow and f.name == name
            )  # fmt: skip
            fast = getattr(found, told) if found else [0] * 24
            assert {h: n for h, n in enumerate(fast) if n} == slow
    slow = Counter()
    for fact in facts:
        if fact.flow in world.campaigns and fact.name in ("link_total", "link_unique"):
            slow[fact.flow, fact.klass, fact.name] += 1
    fast = Counter()
    for one in await world.reader.links(OPERATOR, query):
        fast[one.flow, one.url, "link_total"] = one.total
        fast[one.flow, one.url, "link_unique"] = one.unique
    assert +fast == slow


def _figures(facts) -> PeriodFigures:
    counts, bounces = Counter(), Counter()
    for fact in facts:
        counts[fact.name] += fact.n
        if fact.name == "bounced" and fact.klass:
            bounces[fact.klass] += fact.n
    return PeriodFigures(**{name: counts[name] for name in COUNTED}, bounces=dict(bounces))
