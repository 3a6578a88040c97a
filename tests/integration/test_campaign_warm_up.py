"""A campaign of a new domain: the preflight tells of days, its end lies behind them, its page says why."""

from console.campaigns.providers import why_of
from mta.delivery.warm_ups import Kind
from mta.engine.dispatch_view import DispatchView
from tests.accounts_world import OPERATOR
from tests.campaign_world import ANY, CampaignRelay
from tests.integration.relay import CALM
from tests.integration.relay_network import Network

DAY_MS = 86_400_000
PLAN = CALM + "[warm_up]\ndays = [30, 60, 120]\nnew_domains = true\n"


async def test_T_e_a_campaign_of_a_new_domain_waits_for_its_days_and_is_not_cut_off(tmp_path):
    async with (
        Network() as network,
        CampaignRelay(tmp_path / "relay", network, shaping=PLAN) as relay,
    ):
        mx = await network.receiver(2)
        network.domain("one.test", mx)
        relay.audits = False
        services = relay.services
        await services.areas.domains.service.add(OPERATOR, "correo.sender.test", relay.account)
        begun = await services.run("warmup.list", {"domain": "correo.sender.test"})
        assert {row["started_by"] for row in begun} == {"new domain"}
        await services.run("warmup.start", {"domain": "sender.test"})
        draft = await relay.draft(100)
        found = await relay.campaigns.preflight(OPERATOR, draft.id)
        assert found.forecast.is_warm_up
        assert 2 * DAY_MS < found.forecast.seconds * 1000 < 3 * DAY_MS
        assert "forecast.warm_up" in [one.code for one in found.findings]
        started_ms = relay.clock.now_ms()
        await relay.campaigns.start(OPERATOR, draft.id, ANY)
        await relay.until(lambda: relay.states().get("delivered"))
        await relay.quiet()
        ((end_ms,),) = relay.sql("SELECT end_ms FROM flow WHERE kind = 'campaign'")
        assert end_ms > started_ms + 3 * DAY_MS
        (view,) = [v for v in DispatchView(relay.dispatcher, relay.clock).site_views() if v.waiting]
        assert "step 1 of 3 (sender.test)" in why_of(view, draft)
        await services.run("warmup.stop", {"domain": "sender.test"})
        await relay.dispatcher.lanes.sweep_now()
        await relay.until(lambda: relay.states()["delivered"] == 100)
        entries = relay.sql(
            "SELECT action FROM audit_entry WHERE action LIKE 'warmup.%' ORDER BY id"
        )
        assert [action for (action,) in entries] == ["warmup.started", "warmup.stopped"]
        assert relay.engine.foundation.warm_ups.get(Kind.DOMAIN, "sender.test") is None
