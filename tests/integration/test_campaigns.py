"""Campaigns from a draft to the last delivery, over real SMTP: T-a, T-d, T-m."""

from collections import Counter

import pytest

from console.campaigns.states import CampaignStatus as S
from tests.campaign_world import OPERATOR, CampaignRelay
from tests.integration.relay_network import Network


@pytest.fixture
async def network():
    async with Network() as network:
        yield network


@pytest.fixture
async def receiver(network):
    receiver = await network.receiver(2)
    network.domain("one.test", receiver)
    return receiver


@pytest.fixture
async def relay(tmp_path, network, receiver):
    async with CampaignRelay(tmp_path / "relay", network) as relay:
        yield relay


def recipients(receiver) -> Counter:
    return Counter(address for mail in receiver.received for address in mail.recipients)


async def test_T_a_a_campaign_goes_to_everybody_once_and_is_finished(relay, receiver):
    draft = await relay.draft(300)
    await relay.campaigns.start(OPERATOR, draft.id)
    done = await relay.until_status(draft, S.FINISHED)
    got = recipients(receiver)
    assert len(got) == 300
    assert set(got.values()) == {1}
    assert done.frozen.total == 300
    history = await relay.campaigns.history(OPERATOR, draft.id)
    assert [change.became for change in history] == ["draft", "preparing", "running", "finished"]
