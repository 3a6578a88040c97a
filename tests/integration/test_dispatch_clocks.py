"""Every kind of mail until it is given up: when it is tried again, when it ends, who is told."""

import email
import email.policy

import pytest

from mta.model.errors import StoreError
from mta.model.traffic import EventType, TrafficClass
from tests.evil.behaviour import Behaviour
from tests.integration.relay import Relay
from tests.integration.relay_days import (
    DAY_S,
    HOUR_S,
    MINUTE_S,
    ends,
    follows,
    notices,
    pass_time,
    past_deadline,
    tries,
    until_next_try,
)
from tests.integration.relay_network import Network, Receiver

RETRY_S = (300.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0)
URGENT_S = (30.0, 60.0, 120.0, 240.0)
ADDRESS = "later1@one.test"  # 450 4.2.1 for ever


async def known_site(relay: Relay, network: Network) -> Receiver:
    """mx2.test takes mail for one.test and the notices to sender.test."""
    mx = await network.receiver(2)
    network.domain("one.test", mx)
    network.domain("sender.test", mx)
    await relay.submit("first@one.test")
    await relay.until_states(delivered=1)
    return mx


async def until_the_end(relay: Relay) -> None:
    """Try again and again, whenever it is due."""
    while relay.row(ADDRESS)["state"] == "scheduled":
        await until_next_try(relay, ADDRESS)


def parsed(message) -> tuple[str, str]:
    """Action and status of a notice."""
    report = email.message_from_bytes(message.content, policy=email.policy.default)
    recipient = report.get_payload()[1].get_payload()[1]
    return recipient["Action"], recipient["Status"]


async def test_urgent_mail_is_tried_within_seconds_and_told_after_its_quarter_of_an_hour(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await known_site(relay, network)
        start_ms = relay.clock.now_ms()
        await relay.send(ADDRESS, X_Relevo_Class="urgent")
        await relay.until(lambda: relay.row(ADDRESS)["state"] == "scheduled")
        await until_the_end(relay)
        (end_ms,) = ends(relay, ADDRESS, EventType.EXPIRED)
        assert abs(end_ms - start_ms - 15 * MINUTE_S * 1000) < 10_000
        waits = [t.wait_s for t in tries(relay, ADDRESS)]
        assert len(waits) >= 5
        assert follows(waits[:-1], URGENT_S), waits
        assert relay.row(ADDRESS)["state"] == "expired"
        await relay.until(lambda: notices(mx))
        assert [parsed(n) for n in notices(mx)] == [("failed", "4.4.7")]


async def test_relay_mail_is_told_late_after_four_hours_and_given_up_after_five_days(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await known_site(relay, network)
        await relay.send(ADDRESS)
        await relay.until(lambda: relay.row(ADDRESS)["state"] == "scheduled")
        first_ms = relay.row(ADDRESS)["first_attempt_ms"]
        told_ms = 0
        while relay.row(ADDRESS)["state"] == "scheduled":
            await until_next_try(relay, ADDRESS)
            if notices(mx) and not told_ms:
                told_ms = relay.clock.now_ms()
        # Told with the first attempt after which the next would come too late to tell in time.
        four_hours_ms = first_ms + 4 * HOUR_S * 1000
        late = next(t for t in tries(relay, ADDRESS) if t.due_ms >= four_hours_ms)
        assert late.at_ms < four_hours_ms
        assert 0 <= told_ms - late.at_ms < 10_000
        (end_ms,) = ends(relay, ADDRESS, EventType.EXPIRED)
        assert abs(end_ms - first_ms - 5 * DAY_S * 1000) < 10_000
        waits = [t.wait_s for t in tries(relay, ADDRESS)]
        assert follows(waits[:-1], RETRY_S), waits
        await relay.until(lambda: len(notices(mx)) == 2)
        assert [parsed(n) for n in notices(mx)] == [("delayed", "4.2.1"), ("failed", "4.4.7")]


async def test_transactional_mail_is_given_up_a_day_after_its_release(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        await known_site(relay, network)
        start_ms = relay.clock.now_ms()
        await relay.send(ADDRESS, X_Relevo_Class="transactional", mail=["HOLDFOR=36000"])
        assert await pass_time(relay, 10 * HOUR_S - MINUTE_S) == 0
        assert relay.row(ADDRESS)["attempts"] == 0
        relay.advance(2 * MINUTE_S)
        await relay.until(lambda: relay.row(ADDRESS)["attempts"] == 1)
        await until_the_end(relay)
        (end_ms,) = ends(relay, ADDRESS, EventType.EXPIRED)
        assert abs(end_ms - start_ms - 34 * HOUR_S * 1000) < 10_000
        waits = [t.wait_s for t in tries(relay, ADDRESS)]
        assert follows(waits[:-1], RETRY_S), waits


async def test_greylisted_mail_comes_again_after_six_minutes_and_then_by_the_schedule(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await known_site(relay, network)
        greylisted = b"451 4.7.1 Greylisting in action, please come back later\r\n"
        mx.behaviour = Behaviour(replies={"RCPT": greylisted})
        mx.drop()
        await relay.submit("ana@one.test", klass=TrafficClass.AUTOMATED)
        await relay.until_states(delivered=1, scheduled=1)
        await until_next_try(relay, "ana@one.test")
        await until_next_try(relay, "ana@one.test")
        waits = [t.wait_s for t in tries(relay, "ana@one.test")]
        assert follows(waits, (360.0, 900.0, 1800.0)), waits
        assert abs(waits[0] - 360) < 1, "greylisting has no jitter"


# -- holds ------------------------------------------------------------------------------------


@pytest.mark.parametrize("selector", ["delivery", "account"])
async def test_a_hold_of_any_length_moves_the_deadline_by_its_length(tmp_path, selector):
    async with Network() as network, Relay(tmp_path, network) as relay:
        await known_site(relay, network)
        await relay.submit(ADDRESS)
        await relay.until_states(delivered=1, scheduled=1)
        start_ms = relay.clock.now_ms()
        identifier = relay.row(ADDRESS)["id"]
        which = {"id": str(identifier)} if selector == "delivery" else {"account": "7"}
        await relay.ask("queue.hold", **which)
        attempts = relay.row(ADDRESS)["attempts"]
        assert await pass_time(relay, 5 * DAY_S, 6 * HOUR_S) == 0
        assert relay.row(ADDRESS)["attempts"] == attempts
        await relay.ask("queue.release", **which)
        await relay.until(lambda: relay.row(ADDRESS)["attempts"] > attempts, "tried at once")
        await until_the_end(relay)
        (end_ms,) = ends(relay, ADDRESS, EventType.EXPIRED)
        assert abs(end_ms - start_ms - 6 * DAY_S * 1000) < 60_000


async def test_the_clock_goes_on_for_mail_to_a_site_on_hold(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        await known_site(relay, network)
        await relay.submit(ADDRESS)
        await relay.until_states(delivered=1, scheduled=1)
        await relay.ask("queue.hold", site="mx2.test")
        await relay.submit("code@one.test", klass=TrafficClass.URGENT)
        await relay.submit("news@one.test", klass=TrafficClass.CAMPAIGN)
        assert await pass_time(relay, 14 * MINUTE_S, MINUTE_S) == 0
        assert await pass_time(relay, 2 * MINUTE_S, MINUTE_S) == 1
        assert relay.row("code@one.test")["state"] == "expired"
        assert await pass_time(relay, DAY_S) == 1
        assert relay.row(ADDRESS)["state"] == "expired"
        assert await pass_time(relay, 3 * DAY_S) == 0
        assert relay.row("news@one.test")["state"] == "ready", "its clock has not begun"
        await relay.ask("queue.release", site="mx2.test")
        await relay.until_states(delivered=2, expired=2)


# -- the self-audit ---------------------------------------------------------------------------


async def test_the_self_audit_tells_of_mail_that_the_sweep_does_not_end(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        await known_site(relay, network)
        await relay.ask("queue.hold", site="mx2.test")
        await relay.submit("u1@one.test", "u2@one.test", "u3@one.test")
        await relay.quiet()
        assert await past_deadline(relay) == 0
        relay.store.fail("expired", StoreError("the sweep cannot read"), times=10_000)
        relay.advance(DAY_S + 30)
        assert await past_deadline(relay) == 0, "half a minute late is no fault yet"
        relay.advance(60)
        assert await past_deadline(relay) == 3
        await relay.ask("queue.hold", account="7")
        assert await past_deadline(relay) == 0, "held mail is no fault"
        await relay.ask("queue.release", account="7")
        assert await past_deadline(relay) == 3
        relay.store.heal()
        assert await relay.dispatcher.timekeeper.expire_now() == 3
        assert await past_deadline(relay) == 0
