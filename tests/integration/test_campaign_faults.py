"""A disk that is full, or readers that fail, while a campaign is prepared: told, and gone on with."""

from collections import Counter

import pytest

from console.campaigns import runner
from console.campaigns.states import CampaignStatus as S
from mta.model.errors import StoreError
from tests.accounts_world import OPERATOR
from tests.campaign_world import ANY, CampaignRelay

FULL = StoreError("database or disk is full")
SLOW = StoreError("no reader within 5 s")
TOTAL = 600
# What is written and read from the start of a campaign until nothing is left to be done.
WRITES = (
    "flow_insert", "quota_reservation_insert", "message_insert", "idempotency_insert", "campaign_frozen_put",
    "flow_plan", "expansion_begin", "delivery_insert_merged", "quota_reservation_take",
    "expansion_advance", "expansion_end",
    "campaign_put", "campaign_history_insert", "audit_insert", "flow_gate", "campaign_figures_put",
    "campaign_settle",
)  # fmt: skip
READS = (
    "campaign_unsettled", "flow_by_name", "quota_reservation_of", "expansion_of", "flow_states",
    "campaign_tallies",
)  # fmt: skip


@pytest.fixture
async def relay(tmp_path, network, receiver, monkeypatch):
    monkeypatch.setattr(runner, "RETRY_S", 0.01)
    monkeypatch.setattr(runner, "TICK_S", 0.02)
    async with CampaignRelay(tmp_path / "relay", network) as relay:
        yield relay


def assert_in_order(relay, receiver) -> None:
    """Everybody got it once, and it was paid once."""
    got = Counter(address for mail in receiver.received for address in mail.recipients)
    assert (len(got), set(got.values())) == (TOTAL, {1})
    assert relay.sql("SELECT consumed, reserved FROM quota_bag") == [(TOTAL, 0)]
    assert relay.sql("SELECT size, rest FROM quota_reservation") == [(TOTAL, 0)]
    became = relay.sql("SELECT became FROM campaign_history ORDER BY id")
    assert became == [("draft",), ("preparing",), ("running",), ("finished",)]


async def test_each_thing_that_is_written_or_read_may_fail_and_is_done_all_the_same(
    relay, receiver
):
    await relay.bag(TOTAL)
    draft = await relay.draft(TOTAL)
    starting = relay.campaigns.start(OPERATOR, draft.id, ANY)
    for statement in WRITES:
        if statement not in {"campaign_put", "campaign_history_insert", "audit_insert"}:
            relay.store.fail(statement, FULL, 2)
    for statement in READS:
        relay.store.fail(statement, SLOW)
    await starting
    for statement in ("campaign_put", "campaign_history_insert", "audit_insert"):
        relay.store.fail(statement, FULL, 2)
    assert (await relay.settled(draft)).status is S.FINISHED
    assert {name: left for name, left in relay.store._faults.items() if left} == {}
    assert_in_order(relay, receiver)


@pytest.mark.parametrize(
    "statement", ["quota_reservation_insert", "message_insert", "delivery_insert_merged"]
)
async def test_a_campaign_that_does_not_get_on_says_why_and_goes_on(relay, receiver, statement):
    await relay.bag(TOTAL)
    draft = await relay.draft(TOTAL)
    relay.store.fail(statement, FULL, 100_000)
    await relay.campaigns.start(OPERATOR, draft.id, ANY)
    await relay.until(lambda: relay.services.campaigns.pace.trouble(draft.id))
    progress = await relay.campaigns.progress(OPERATOR, draft.id)
    assert "disk is full" in progress.trouble
    assert progress.status in (S.PREPARING, S.RUNNING)
    assert receiver.received == []
    relay.store.heal()
    assert (await relay.settled(draft)).status is S.FINISHED
    assert (await relay.campaigns.progress(OPERATOR, draft.id)).trouble == ""
    assert_in_order(relay, receiver)
