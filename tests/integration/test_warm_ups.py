"""Warm-ups in a running relay: bulk mail waits for its day, other mail goes, restarts forget nothing."""

import json

from mta.delivery.warm_ups import Kind
from mta.feedback.effects import Effect, LateBounce
from mta.model.reply import Reply
from mta.model.traffic import TrafficClass
from tests.evil.behaviour import Behaviour
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
            relay.advance(60.0)  # away from the moment at which the next one goes
            await look_around(relay)
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


async def test_T_e_late_bounces_and_complaints_count_for_the_warm_up(tmp_path):
    async with Network() as network, Relay(tmp_path, network, shaping=PLAN) as relay:
        relay.audits = False  # which knows one end of a delivery
        mx = await network.receiver(2)
        network.domain("one.test", mx)
        await start(relay, Kind.SOURCE, "default")
        await start(relay, Kind.DOMAIN, "new.test")
        await relay.submit("ana@one.test", sender="a@new.test", klass=TrafficClass.TRANSACTIONAL)
        await relay.submit("eva@one.test", sender="a@old.test", klass=TrafficClass.TRANSACTIONAL)
        await relay.until_states(delivered=2)
        effects = relay.engine.feedback.effects
        for address in ("ana", "eva"):
            ((number,),) = relay.sql("SELECT id FROM delivery WHERE address LIKE ?", f"{address}@%")
            subject = await effects.find(number)
            assert await effects.complained(subject, "abuse", "mx2.test") is Effect.DONE
            assert await effects.complained(subject, "abuse", "mx2.test") is Effect.REPEATED
            await effects.bounced(subject, LateBounce(Reply.of(550, "5.1.1", "gone")))
        warm_ups = relay.engine.foundation.warm_ups
        source, domain = (
            warm_ups.get(kind, name).by_provider["other"].progress
            for kind, name in ((Kind.SOURCE, "default"), (Kind.DOMAIN, "new.test"))
        )
        assert (source.sent, source.complained, source.bounced) == (2, 2, 2)
        assert (domain.sent, domain.complained, domain.bounced) == (1, 1, 1)


async def test_monitoring_sees_how_far_warm_ups_are(tmp_path):
    async with Network() as network, Relay(tmp_path, network, shaping=PLAN) as relay:
        mx = await network.receiver(2)
        network.domain("one.test", mx)
        await start(relay, Kind.SOURCE, "default")
        await relay.submit("ana@one.test", **NEWS)
        await relay.until_states(delivered=1)
        await relay.dispatcher.lanes.sweep_now()
        labels = {"subject": "default", "provider": "other"}
        value = relay.engine.registry.get_sample_value
        assert value("relevo_warm_up_step", labels) == 1
        assert value("relevo_warm_up_messages", {**labels, "what": "sent"}) == 1
        assert value("relevo_warm_up_messages", {**labels, "what": "planned"}) == 30
        await relay.engine.foundation.warm_ups.stop(Kind.SOURCE, "default")
        await relay.dispatcher.lanes.sweep_now()
        assert value("relevo_warm_up_step", labels) is None


async def test_what_waits_for_a_connection_to_its_own_hosts_counts_as_well(tmp_path):
    big = '[[provider]]\nname = "big"\nmx = ["*.test"]\nsamples = ["mx2.test"]\n'
    async with Network() as network, Relay(tmp_path, network, shaping=PLAN + big) as relay:
        first, second = await network.receiver(2), await network.receiver(3)
        network.domain("one.test", first)
        network.domain("two.test", second)
        await start(relay, Kind.SOURCE, "default")
        for n in range(40):
            await relay.submit(f"u{n}@one.test", f"u{n}@two.test", sender="a@new.test", **NEWS)
        await relay.until(lambda: relay.states().get("delivered"))
        await pass_hours(relay, 23)
        assert relay.states()["delivered"] == 30
        assert len(first.dialogues) + len(second.dialogues) <= 60
        await start(relay, Kind.DOMAIN, "new.test")  # first: nothing goes in between
        await relay.engine.foundation.warm_ups.stop(Kind.SOURCE, "default")
        await pass_hours(relay, 23)
        assert relay.states()["delivered"] == 60


async def test_greylisted_mail_of_a_cold_address_goes_from_a_warm_one(tmp_path):
    sources = json.dumps([{"address": a} for a in ("127.0.0.1", "127.0.0.9")])
    async with (
        Network() as network,
        Relay(tmp_path, network, shaping=PLAN, DELIVERY__SOURCES=sources) as relay,
    ):
        mx = await network.receiver(2)
        network.domain("one.test", mx)
        mx.behaviour = Behaviour(replies={"RCPT": b"451 4.7.1 greylisted\r\n"})
        await relay.submit(*(f"u{n}@one.test" for n in range(20)), **NEWS)
        await relay.until_states(scheduled=20)
        mx.behaviour = Behaviour()  # of new connections
        relay.advance(61.0)
        await relay.dispatcher.lanes.sweep_now()
        ((cold, _),) = relay.sql("SELECT source, count(*) FROM delivery GROUP BY source")
        await start(relay, Kind.SOURCE, cold)
        for up in relay.engine.foundation.warm_ups.get(Kind.SOURCE, cold).by_provider.values():
            up.take(up.cap, relay.clock.now_ms())
        relay.advance(1800.0)
        await relay.until_states(delivered=20)
