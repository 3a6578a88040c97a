"""A bag has a size and a term, alerts, a forecast and an end (clause T-s)."""

from datetime import UTC, datetime

import pytest

from console.accounts.quota.alert_mail import mail_of
from console.accounts.quota.books import QuotaRefused
from console.accounts.quota.contracts import ContractState
from console.accounts.quota.forecast import DAY_MS, Forecast, forecast, levels_reached
from console.accounts.quota.replies import EXPIRED, PENDING
from console.accounts.quota.term import Term, last_day
from console.accounts.quota.values import Contract
from mta.model.errors import PermanentError
from tests.quota_world import LIMA, LONE, MAIN, OPERATOR, OTHER, SUB, open_quota

DAY_S = 86_400


@pytest.fixture
async def world(tmp_path):
    async with open_quota(tmp_path) as made:
        yield made
        await made.verify()


async def state(world):
    return (await world.quota.contracts.list(OPERATOR))[0].state


def test_T_s_a_term_is_365_days_of_lima_with_the_first_one():
    contract = Contract(1, MAIN, "b", 10, 365, "2026-03-01", 0, 0)
    term = Term.of(contract, LIMA)
    begin = datetime(2026, 3, 1, 5, tzinfo=UTC)  # midnight in Lima
    end = datetime(2027, 3, 1, 5, tzinfo=UTC)
    assert term == (begin.timestamp() * 1000, end.timestamp() * 1000)
    assert last_day(contract) == "2027-02-28"


async def test_T_s_a_contract_is_pending_then_active_then_exhausted(world):
    await world.begin(2, starts="")
    assert await state(world) is ContractState.PENDING
    contract = (await world.quota.contracts.list(OPERATOR))[0].contract
    await world.quota.contracts.start(OPERATOR, contract.id, "2027-01-15")
    assert await state(world) is ContractState.ACTIVE
    await world.send(MAIN, "b@example.net", "c@example.net")
    assert await state(world) is ContractState.EXHAUSTED


async def test_T_s_at_the_end_the_rest_expires_once_and_what_was_accepted_stays(world):
    await world.begin(100, days=1)
    await world.quota.shares.allocate(OPERATOR, SUB, 30)
    receipt = await world.send(SUB, release_at_ms=world.clock.now_ms() + 5 * DAY_MS)
    assert receipt.reply.code == 250
    world.clock.advance(2 * DAY_S)
    await world.quota.keeper.look()
    await world.quota.keeper.look()
    assert await state(world) is ContractState.EXPIRED
    assert [e for e in await world.entries() if e[0] == "expire"] == [
        ("expire", -70, 0, 0),
        ("expire", -29, 0, 0),
    ]
    assert (await world.send(SUB)).reply == EXPIRED
    (delivery,) = await world.stand.deliveries()
    assert delivery["state"] == 0  # scheduled for after the end: it goes out


async def test_T_s_the_term_begins_when_its_day_begins_in_lima(world):
    await world.begin(10, starts="2027-01-16")
    midnight = datetime(2027, 1, 16, 5, tzinfo=UTC).timestamp()
    world.clock.advance(midnight - world.clock.now_ms() / 1000 - 1)
    assert (await world.send(MAIN)).reply == PENDING
    world.clock.advance(1)
    assert (await world.send(MAIN)).reply.code == 250


async def test_T_s_terms_of_an_account_do_not_overlap_and_the_next_one_takes_over(world):
    await world.begin(1, days=2)
    with pytest.raises(PermanentError, match="holds on some of these days"):
        await world.quota.contracts.add(OPERATOR, MAIN, "Otra", 5, starts_on="2027-01-16")
    await world.quota.contracts.add(OPERATOR, MAIN, "Otra", 5, starts_on="2027-01-17")
    await world.send(MAIN)
    world.clock.advance(2 * DAY_S)
    assert (await world.send(MAIN)).reply.code == 250
    assert await world.left() == 4


async def test_T_s_a_term_that_began_is_not_moved(world):
    view = await world.begin(10)
    with pytest.raises(PermanentError, match="began on"):
        await world.quota.contracts.start(OPERATOR, view.contract.id, "2027-02-01")
    with pytest.raises(PermanentError, match="is past"):
        other = await world.quota.contracts.add(OPERATOR, LONE, "b", 5)
        await world.quota.contracts.start(OPERATOR, other.contract.id, "2027-01-14")


async def test_T_s_people_are_told_at_50_75_90_and_100_percent_once_each(world):
    await world.begin(20)
    told = []

    async def remember(alert):
        told.append((alert.account, alert.percent))

    world.quota.alerts.notify = remember
    for percent in (45, 50, 60, 75, 90, 95, 100):
        while 5 * (20 - await world.left()) < percent:
            await world.send(MAIN)
        await world.quota.keeper.look()
    assert told == [(MAIN, 50), (MAIN, 75), (MAIN, 90), (MAIN, 100)]
    events = [row[0] for row in await world.store.read("test_events") if row[0] in (41, 42)]
    assert events == [41, 41, 41, 42]


async def test_T_s_a_jump_tells_the_highest_level_and_a_share_has_levels_of_its_own(world):
    await world.begin(1_000)
    await world.quota.shares.allocate(OPERATOR, SUB, 10)
    await world.quota.shares.cap(OPERATOR, OTHER, 4)
    await world.send(SUB, *(f"u{n}@example.net" for n in range(9)))
    await world.send(OTHER, "b@example.net", "c@example.net")
    await world.quota.meter.refresh()
    told = await world.quota.alerts.check()
    assert sorted((a.account, a.percent, a.used, a.granted) for a in told) == [
        (SUB, 90, 9, 10),
        (OTHER, 50, 2, 4),
    ]
    await world.quota.alerts.load()
    assert await world.quota.alerts.check() == []
    mail = mail_of(told[0], "ana@example.org", "es")
    assert "Prensa" in mail.text
    assert "90 %" in mail.subject


def test_T_s_a_forecast_follows_the_pace_of_late():
    assert forecast(1_000, 500, 5 * DAY_MS, 0, 100 * DAY_MS) == Forecast(100.0, 10 * DAY_MS)
    assert forecast(1_000, 500, 5 * DAY_MS, 0, 9 * DAY_MS).exhausted_ms == 0
    assert forecast(1_000, 0, 5 * DAY_MS, 0, 9 * DAY_MS) == Forecast(0.0, 0)


async def test_T_s_the_forecast_of_a_contract_counts_all_of_its_balances(world):
    view = await world.begin(1_000)
    world.clock.advance(10 * DAY_S)
    for account in (MAIN, SUB):
        await world.send(account, *(f"u{n}@example.net" for n in range(10)))
    world.clock.advance(DAY_S)
    await world.quota.ledger.checkpoint()
    await world.quota.meter.refresh()
    told = await world.quota.ledger.forecast(OPERATOR, view.contract.id)
    assert 1.7 < told.per_day < 1.9  # 20 mails in eleven days


@pytest.mark.parametrize(("used", "levels"), [(49, []), (50, [50]), (90, [50, 75, 90])])
def test_levels_are_those_that_were_reached(used, levels):
    assert levels_reached(used, 100) == levels


async def test_a_balance_at_a_moment_is_the_sum_of_its_entries_until_then(world):
    view = await world.begin(100)
    bag = world.quota.meter.balance(view.contract.id, MAIN)
    moments = []
    for _ in range(3):
        world.clock.advance(60)
        await world.send(MAIN)
        moments.append(world.clock.now_ms())
        await world.quota.ledger.checkpoint()
    world.clock.advance(60)
    await world.send(MAIN)
    seen = [(await world.quota.ledger.balance_at(bag.id, at))[0] for at in moments]
    assert seen == [99, 98, 97]
    assert (await world.quota.ledger.balance_at(bag.id, world.clock.now_ms()))[0] == 96


async def test_a_campaign_reserves_consumes_and_gives_back_the_rest(world):
    await world.begin(100)
    reservations = world.quota.reservations
    await reservations.reserve(OPERATOR, SUB, 60, "campaign 7", flow=77)
    assert await reservations.reserve(OPERATOR, SUB, 60, "campaign 7", flow=77) is not None
    assert await world.left() == 40
    now_ms = world.clock.now_ms()
    await world.store.submit(list(world.quota.policy.expand(SUB, 77, 500, 25, now_ms)))
    await world.store.submit(list(world.quota.policy.expand(SUB, 77, 500, 25, now_ms)))
    assert (await reservations.get(OPERATOR, "campaign 7")).rest == 10
    await reservations.release(OPERATOR, "campaign 7")
    await reservations.release(OPERATOR, "campaign 7")
    assert await world.left() == 50
    assert [e for e in await world.entries() if e[0] in ("reserve", "release")] == [
        ("reserve", -60, 60, 0),
        ("release", 10, -10, 0),
    ]


async def test_a_campaign_that_does_not_fit_is_told_before_it_begins(world):
    await world.begin(100)
    with pytest.raises(QuotaRefused):
        await world.quota.reservations.reserve(OPERATOR, MAIN, 101, "too large")
    assert await world.left() == 100
    assert await world.quota.reservations.reserve(OPERATOR, LONE, 5, "free") is None


async def test_a_reservation_outlives_the_term(world):
    await world.begin(100, days=1)
    await world.quota.reservations.reserve(OPERATOR, MAIN, 60, "campaign", flow=77)
    world.clock.advance(2 * DAY_S)
    await world.quota.keeper.look()
    rows = world.quota.policy.expand(MAIN, 77, 500, 60, world.clock.now_ms())
    await world.store.submit(list(rows))
    assert [e for e in await world.entries() if e[0] in ("consume", "expire")] == [
        ("expire", -40, 0, 0),
        ("consume", 0, -60, 60),
    ]


async def test_entries_cannot_be_changed_or_removed(world):
    await world.begin(100)
    ((number, *_),) = await world.store.read("quota_unsealed", count=1)
    connection = world.store._writer._connection
    for change in ("UPDATE quota_entry SET available = 5", "DELETE FROM quota_entry"):
        with pytest.raises(Exception, match="never"):
            connection.execute(f"{change} WHERE id = {number}")
