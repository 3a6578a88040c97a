"""A pause stops everything at once, however much there is to stop."""

import asyncio

from tests.campaign_world import ANY, OPERATOR, CampaignRelay
from tests.integration.relay_network import Network, Receiver

ROWS = 100_000


def begun(receiver: Receiver) -> int:
    """Mails that were begun on the wire."""
    return sum(
        line.upper().startswith("MAIL") for one in receiver.dialogues for line in one.commands
    )


async def test_T_d_a_second_after_a_pause_no_mail_of_100000_is_begun(tmp_path):
    async with Network() as network:
        receiver = await network.receiver(4)
        network.domain("one.test", receiver)
        async with CampaignRelay(tmp_path / "relay", network) as relay:
            draft = await relay.draft(ROWS)
            hour_ms = relay.clock.now_ms() + 300_000
            await relay.campaigns.schedule(OPERATOR, draft.id, hour_ms, ANY)
            await relay.until_prepared(draft)
            relay.advance_campaigns(300)
            await relay.until(lambda: begun(receiver) > 200)
            await relay.campaigns.pause(OPERATOR, draft.id)
            await asyncio.sleep(1)  # the second that is claimed, not a way to wait
            after_a_second = begun(receiver)
            await relay.quiet()
            assert begun(receiver) == after_a_second < ROWS / 2
            progress = await relay.campaigns.progress(OPERATOR, draft.id)
            assert progress.left == ROWS - progress.done > 0
