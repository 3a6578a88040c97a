"""What stands before a launch: errors stop it, warnings are accepted by name, edits make that void."""

import json
from dataclasses import replace

import pytest

from console.campaigns.accepting import PreflightRefused
from console.campaigns.states import CampaignStatus as S
from console.campaigns.states import Reason
from tests.campaign_world import ANY, CONTENT, OPERATOR, CampaignRelay
from tests.integration.relay_network import Network

DNS = ("sender.spf", "sender.dmarc")  # what the test's domain lacks
BROKEN = replace(CONTENT, text="{{ nadie }}")


@pytest.fixture
async def relay(tmp_path):
    async with Network() as network:
        network.domain("one.test", await network.receiver(1))
        async with CampaignRelay(tmp_path / "relay", network) as relay:
            yield relay


def codes(refused) -> set[str]:
    return {finding.code for finding in refused.value.findings}


async def test_T_l_an_error_of_the_preflight_stops_whoever_asks_and_however(relay):
    draft = await relay.draft(3, content=BROKEN)
    hour_ms = relay.clock.now_ms() + 3_600_000
    for launch in (
        relay.campaigns.start(OPERATOR, draft.id, ANY),
        relay.campaigns.schedule(OPERATOR, draft.id, hour_ms, ANY),
    ):
        with pytest.raises(PreflightRefused) as refused:
            await launch
        assert codes(refused) == {"fields.unknown"}
    assert (await relay.campaigns.get(OPERATOR, draft.id)).status is S.DRAFT


async def test_warnings_are_accepted_by_name_and_it_is_recorded_who_did(relay):
    draft = await relay.draft(3)
    with pytest.raises(PreflightRefused) as refused:
        await relay.campaigns.start(OPERATOR, draft.id)
    assert codes(refused) == set(DNS)
    with pytest.raises(PreflightRefused) as refused:
        await relay.campaigns.start(OPERATOR, draft.id, DNS[:1])
    assert codes(refused) == {DNS[1]}
    started = await relay.campaigns.start(OPERATOR, draft.id, DNS)
    assert set(started.accepted.codes) == set(DNS)
    assert started.accepted.actor_name == OPERATOR.name
    ((after,),) = relay.sql("SELECT after FROM audit_entry WHERE action = 'campaign.preparing'")
    assert set(json.loads(after)["accepted"]) == set(DNS)


async def test_an_edit_of_content_or_audience_makes_an_acceptance_void(relay):
    draft = await relay.draft(3)
    hour_ms = relay.clock.now_ms() + 86_400_000
    await relay.campaigns.schedule(OPERATOR, draft.id, hour_ms, DNS)
    await relay.campaigns.schedule(OPERATOR, draft.id, hour_ms + 1)  # nothing new is found
    await relay.campaigns.unschedule(OPERATOR, draft.id)
    renamed = await relay.campaigns.edit(OPERATOR, draft.id, name="Otro")
    assert renamed.accepted.codes
    edited = await relay.campaigns.set_content(OPERATOR, draft.id, replace(CONTENT, subject="Ya"))
    assert edited.accepted.codes == ()
    with pytest.raises(PreflightRefused):
        await relay.campaigns.schedule(OPERATOR, draft.id, hour_ms)
    await relay.campaigns.schedule(OPERATOR, draft.id, hour_ms, DNS)
    await relay.campaigns.unschedule(OPERATOR, draft.id)
    other = await relay.campaigns.set_audience(OPERATOR, draft.id, relay.lists.add(4))
    assert other.accepted.codes == ()


async def test_T_m_what_missed_its_hour_is_looked_at_again_before_it_goes_on(relay):
    draft = await relay.draft(3, grace_min=30)
    hour_ms = relay.clock.now_ms() + 3_600_000
    await relay.campaigns.schedule(OPERATOR, draft.id, hour_ms, ANY)
    await relay.bag(1)
    assert await relay.left() == 1
    relay.advance_campaigns(2 * 3600)
    late = await relay.until_status(draft, S.PAUSED)
    assert late.reason is Reason.LATE
    with pytest.raises(PreflightRefused) as refused:
        await relay.campaigns.resume(OPERATOR, draft.id, ANY)
    assert codes(refused) == {"quota.short"}


async def test_a_review_on_which_nobody_decided_is_a_draft_that_can_be_sent_again(relay):
    draft = await relay.draft(3)
    await relay.campaigns.submit_for_review(OPERATOR, draft.id)
    relay.advance_campaigns(6 * 86_400)
    assert (await relay.campaigns.get(OPERATOR, draft.id)).status is S.IN_REVIEW
    relay.advance_campaigns(86_400)
    lapsed = await relay.until_status(draft, S.DRAFT)
    assert (lapsed.reason, lapsed.approval) == (Reason.LAPSED, 0)
    history = await relay.campaigns.history(OPERATOR, draft.id)
    assert (history[-1].reason, history[-1].actor_kind) == ("lapsed", "system")
    again = await relay.campaigns.submit_for_review(OPERATOR, draft.id)
    assert (again.status, again.approval != 0) == (S.IN_REVIEW, True)
