"""Warm-ups in a running relay: bulk mail waits for its day, other mail goes, restarts forget nothing."""

import json

from mta.delivery.warm_ups import Kind
from mta.model.traffic import TrafficClass
from tests.integration.relay import CALM, Relay
from tests.integration.relay_days import look_around
from tests.integration.relay_network import Network

DAY_S = 86_400.0
NEWS = {"campaign": "news", "klass": TrafficClass.CAMPAIGN}
PLAN = CALM + "[warm_up]\ndays = [30, 60]\n"


async def start(relay: Relay, kind: Kind, name: str) -> None:
    await relay.engine.foundation.warm_ups.start(kind, name, "test")


async def pass_hours(relay: Relay, hours: int) -> None:
    """Let time pass in steps, with the sweep that a real hour has hundreds of."""
    for _ in range(6 * hours):
        relay.advance(600.0)
        await relay.dispatcher.lanes.sweep_now()
        await look_around(relay)


async def test_T_e_a_new_address_sends_so_much_a_day_and_the_rest_waits(tmp_path):
    async with Network() as network, Relay(tmp_path, network, shaping=PLAN) as relay:
        mx = await network.receiver(2)
        network.domain("one.test", mx)
        await start(relay, Kind.SOURCE, "default")
        await relay.submit(*(f"u{n}@one.test" for n in range(100)), **NEWS)
        await relay.until(lambda: relay.states().get("delivered"))
        await pass_hours(relay, 1)
        assert relay.states()["delivered"] <= 6  # a tenth an hour, and the hour's edge
        await pass_hours(relay, 22)
        assert relay.states()["delivered"] == 30
        await relay.submit("ana@one.test", klass=TrafficClass.TRANSACTIONAL)
        await relay.until(lambda: relay.states()["delivered"] == 31)
        await pass_hours(relay, 24)
        assert relay.states()["delivered"] >= 90
        await relay.engine.foundation.warm_ups.stop(Kind.SOURCE, "default")
        await relay.until_states(delivered=101)


async def test_T_e_a_new_domain_warms_up_beside_old_ones(tmp_path):
    async with Network() as network, Relay(tmp_path, network, shaping=PLAN) as relay:
        mx = await network.receiver(2)
        network.domain("one.test", mx)
        await start(relay, Kind.DOMAIN, "new.test")
        await relay.submit(*(f"u{n}@one.test" for n in range(50)), sender="a@new.test", **NEWS)
        await relay.submit(
            *(f"v{n}@one.test" for n in range(50)), sender="a@old.test", campaign="other",
            klass=TrafficClass.CAMPAIGN,
        )  # fmt: skip
        await relay.until(lambda: relay.states().get("delivered", 0) >= 51)
        await relay.quiet()
        assert relay.states() == {"delivered": 51, "ready": 49}
        why = await relay.ask("queue.why", site=mx.name)
        assert "an hour, step 1 of 2 (new.test)" in why["explanation"]
        assert why["held_by"][0]["what"] == "warm-up"
        await pass_hours(relay, 23)
        assert relay.states()["delivered"] == 80
        await relay.engine.foundation.warm_ups.stop(Kind.DOMAIN, "new.test")
        await relay.dispatcher.lanes.sweep_now()
        await relay.until_states(delivered=100)


async def test_T_e_overflow_goes_from_addresses_that_are_warm(tmp_path):
    sources = json.dumps([{"address": a} for a in ("127.0.0.1", "127.0.0.9")])
    async with (
        Network() as network,
        Relay(tmp_path, network, shaping=PLAN, DELIVERY__SOURCES=sources) as relay,
    ):
        mx = await network.receiver(2)
        network.domain("one.test", mx)
        await start(relay, Kind.SOURCE, "127.0.0.9")
        await relay.submit(*(f"u{n}@one.test" for n in range(60)), **NEWS)
        await relay.until_states(delivered=60)
        ((new,),) = relay.sql("SELECT count(*) FROM delivery WHERE source = '127.0.0.9'")
        assert new <= 3


async def test_T_e_a_warm_up_survives_stop_and_kill(tmp_path):
    async with Network() as network:
        relay = Relay(tmp_path, network, shaping=PLAN)
        async with relay:
            mx = await network.receiver(2)
            network.domain("one.test", mx)
            await start(relay, Kind.SOURCE, "default")
            await relay.submit(*(f"u{n}@one.test" for n in range(40)), **NEWS)
            await relay.until(lambda: relay.states().get("delivered"))
            await pass_hours(relay, 3)
            sent = relay.states()["delivered"]
        relay.audits = False
        async with relay:
            subject = relay.engine.foundation.warm_ups.get(Kind.SOURCE, "default")
            assert subject.by_provider["other"].progress.sent == sent
            await relay.kill()
        async with relay:
            subject = relay.engine.foundation.warm_ups.get(Kind.SOURCE, "default")
            assert subject.by_provider["other"].progress.sent == sent
            await relay.ask("queue.cancel", campaign="news")
