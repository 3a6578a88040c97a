"""Who sees which use of the doors, and how it is summed."""

import json
from contextlib import asynccontextmanager
from datetime import date
from types import MappingProxyType

import pytest

from console.accounts.actor import Actor, ActorKind, NotVisible
from console.accounts.permissions import Permission
from console.accounts.usage.counters import BUCKETS, Result, UsageCounters
from console.accounts.usage.operations import groups_of
from console.accounts.usage.recorder import UsageRecorder
from console.accounts.usage.service import (
    BadUsageQuery,
    Group,
    UsageQuery,
    UsageRow,
    UsageService,
)
from mta.model.clock import ManualClock
from mta.model.envelope import Identity
from mta.store.sqlite import SqliteStore
from mta.store.statements import StatementPackage

COMMAND = Actor.command()
DAY_S = 86_400


@asynccontextmanager
async def opened(folder):
    names = ("console.accounts", "console.accounts.usage")
    store = await SqliteStore.open(folder, [StatementPackage.of(name) for name in names])
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture
def clock():
    return ManualClock()  # 2027-01-15 in Lima


@pytest.fixture
def counters(clock):
    return UsageCounters(clock, "America/Lima")


@pytest.fixture
async def service(tmp_path, counters):
    async with opened(tmp_path) as store:
        yield UsageService(store, counters, UsageRecorder(store, counters).flush)


def use(counters, account, credential, door, times=1):
    for _ in range(times):
        counters.note(
            Identity(account, credential, ""), door, Result.ACCEPTED, recipients=10, seconds=0.003
        )


def person(**may):
    grants = {int(account[1:]): frozenset(granted) for account, granted in may.items()}
    return Actor(ActorKind.USER, 1, "ana@example.org", MappingProxyType(grants))


def key(credential, account, *granted):
    grants = MappingProxyType({account: frozenset((Permission.MAIL_SEND, *granted))})
    return Actor(ActorKind.CREDENTIAL, credential, "key", grants)


async def total(service, actor, **query):
    report = await service.report(actor, UsageQuery(groups=frozenset(), **query))
    return sum(row.requests for row in report.rows)


async def test_T_r_g_use_is_summed_by_day_credential_and_door(service, counters, clock):
    use(counters, 7, 70, "smtp", 2)
    use(counters, 7, 71, "api")
    clock.advance(DAY_S)
    use(counters, 7, 70, "sendgrid", 3)
    by_all = await service.report(COMMAND, UsageQuery(groups=groups_of("day,credential,door")))
    assert [(r.day, r.credential, r.door, r.requests, r.recipients) for r in by_all.rows] == [
        ("2027-01-15", 70, "smtp", 2, 20),
        ("2027-01-15", 71, "api", 1, 10),
        ("2027-01-16", 70, "sendgrid", 3, 30),
    ]
    by_month = await service.report(COMMAND, UsageQuery(groups=groups_of("month")))
    assert [(r.day, r.requests, r.door) for r in by_month.rows] == [("2027-01", 6, None)]
    first = UsageQuery(date(2027, 1, 15), date(2027, 1, 15), frozenset({Group.DOOR}))
    assert [(r.door, r.requests) for r in (await service.report(COMMAND, first)).rows] == [
        ("api", 1),
        ("smtp", 2),
    ]


async def test_people_see_accounts_whose_reports_they_may_see(service, counters):
    use(counters, 7, 70, "smtp")
    use(counters, 8, 80, "smtp", 2)
    use(counters, 9, 90, "smtp", 4)
    assert await total(service, COMMAND) == 7
    ana = person(a7={Permission.REPORT_VIEW}, a8={Permission.REPORT_VIEW}, a9={"mail.send"})
    assert await total(service, ana) == 3
    assert await total(service, ana, account=8) == 2
    with pytest.raises(NotVisible):
        await total(service, ana, account=10)
    assert await total(service, person()) == 0


async def test_a_key_sees_its_own_use_and_with_report_view_its_account_s(service, counters):
    use(counters, 7, 70, "smtp")
    use(counters, 7, 71, "api", 2)
    use(counters, 8, 80, "api", 4)
    assert await total(service, key(70, 7)) == 1
    assert await total(service, key(70, 7, Permission.REPORT_VIEW)) == 3
    with pytest.raises(NotVisible):
        await total(service, key(70, 7), account=8)


@pytest.mark.parametrize(
    ("first", "last"),
    [(date(2027, 1, 2), date(2027, 1, 1)), (date(2025, 1, 1), date(2027, 1, 1))],
)
async def test_days_that_make_no_sense_or_too_many_are_refused(service, first, last):
    with pytest.raises(BadUsageQuery):
        await total(service, COMMAND, first=first, last=last)


def test_groups_are_words_with_commas():
    assert groups_of("day, door") == {Group.DAY, Group.DOOR}
    assert groups_of("") == frozenset()
    with pytest.raises(BadUsageQuery):
        groups_of("day,hour")


def row(**buckets):
    histogram = [buckets.get(f"b{n}", 0) for n in range(BUCKETS)]
    return UsageRow(None, None, None, None, None, None, 0, 0, 0, 0, 0, 0, histogram)


def test_latencies_are_the_bounds_of_their_buckets():
    assert row().latency_ms(0.5) is None
    assert row(b0=95, b4=5).latency_ms(0.95) == 1
    assert row(b0=94, b4=6).latency_ms(0.95) == 16
    assert row(b15=1).latency_ms(0.5) == 16_384
    assert json.dumps(row(b3=1).latency_ms(0.5)) == "8"
