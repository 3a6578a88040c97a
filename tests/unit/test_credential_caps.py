"""A credential's caps hold under concurrency, by the hour and the day, and over a restart."""

import asyncio
import datetime as dt
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from console.accounts.caps import CAP_REACHED, HOUR_MS, CredentialCaps
from mta.intake.ports import AllowAll
from mta.store.sqlite import SqliteStore
from mta.store.statements import StatementPackage
from tests.intake_stand import BAG, ME, Stand

LIMA = ZoneInfo("America/Lima")
CAPPED = replace(ME, per_hour=5, per_day=8)


@pytest.fixture
async def make(tmp_path):
    packages = [StatementPackage.of("mta.spool"), StatementPackage.of("console.accounts")]
    store = await SqliteStore.open(tmp_path, [*packages, BAG])
    yield lambda: Stand(store, policy=CredentialCaps(AllowAll(), lambda _: LIMA))
    await store.close()


async def taken(stand: Stand, count: int, identity=CAPPED) -> int:
    """How many of so many submissions at once are accepted; the others hear of the cap."""
    receipts = await asyncio.gather(*(stand.send(identity=identity) for _ in range(count)))
    assert {r.reply for r in receipts if not r.message_id} <= {CAP_REACHED}
    return sum(bool(r.message_id) for r in receipts)


async def test_many_at_once_take_no_more_than_the_hour_and_then_the_day_holds(make):
    stand = make()
    assert await taken(stand, 20) == 5
    assert await taken(make(), 3) == 0  # as after a restart
    stand.clock.advance(HOUR_MS / 1000)
    assert await taken(stand, 20) == 3
    stand.clock.advance(24 * HOUR_MS / 1000)
    assert await taken(stand, 20) == 5


async def test_each_credential_has_caps_of_its_own(make):
    stand = make()
    assert await taken(stand, 6) == 5
    assert await taken(stand, 6, replace(CAPPED, credential_id=71)) == 5
    assert await taken(stand, 20, ME) == 20


async def test_more_than_a_cap_at_once_is_refused_at_the_recipient(make):
    caps = CredentialCaps(AllowAll(), lambda _: LIMA)
    assert caps.check_recipient(CAPPED, 5) is None
    assert caps.check_recipient(CAPPED, 6) == CAP_REACHED
    assert caps.check_recipient(replace(CAPPED, per_hour=0), 8) is None


async def test_a_day_is_one_of_the_accounts_time_zone(make):
    stand = make()
    daily = replace(CAPPED, per_hour=0)
    midnight = dt.datetime(2027, 3, 2, tzinfo=LIMA)
    evening = midnight - dt.timedelta(hours=6)  # 23:00 in UTC
    stand.clock.advance(evening.timestamp() - stand.clock.now_ms() / 1000)
    assert await taken(stand, 5, daily) == 5
    stand.clock.advance(3600)  # the next day in UTC
    assert await taken(stand, 20, daily) == 3
    stand.clock.advance(5 * 3600 - 1)
    assert await taken(stand, 5, daily) == 0
    stand.clock.advance(1)
    assert await taken(stand, 20, daily) == 8
