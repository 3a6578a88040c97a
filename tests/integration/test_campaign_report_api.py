"""The report of a campaign as a program gets it."""

import asyncio

import aiohttp

from console.accounts.values import Scope
from console.campaigns.accepting import ALL
from console.campaigns.states import CampaignStatus
from console.campaigns.values import AudienceSpec, Content
from tests.accounts_world import OPERATOR
from tests.integration.test_import_api import Client, key_of
from tests.whole_server import DOMAIN, open_whole

CONTENT = Content(
    from_address=f"avisos@{DOMAIN}", subject="Aviso", source="<p>Mañana no hay agua.</p>"
)
SCOPES = (Scope.CONTACT_EDIT, Scope.CONTACT_VIEW, Scope.REPORT_VIEW)


async def test_T_g_a_program_gets_the_report_of_a_campaign(tmp_path):
    async with open_whole(tmp_path) as whole:
        key = await key_of(whole, whole.account, *SCOPES)
        headers = {"Authorization": f"Bearer {key}"}
        async with aiohttp.ClientSession(whole.url, headers=headers) as http:
            client = Client(whole, http, key, whole.account)
            people = ["ok+1@example.com", "open@example.com", "bounce@example.com"]
            made = await client.send("\n".join(["correo", *people]).encode(), "a.csv")
            audience = (await client.read(made["id"]))["audience"]
            service = whole.services.campaigns.service
            campaign = await service.create(OPERATOR, whole.account, "Aviso", CONTENT)
            async with http.get(f"api/v1/campaigns/{campaign.id}/report") as answer:
                before = await answer.json()
            assert answer.status == 200, before
            assert (before["audience"], before["success_percent"], before["hours"]) == (0, None, [])
            chosen = AudienceSpec(audience=int(audience), count=3)
            await service.set_audience(OPERATOR, campaign.id, chosen)
            await service.start(OPERATOR, campaign.id, (ALL,))
            async with asyncio.timeout(60):
                while (
                    await service.get(OPERATOR, campaign.id)
                ).status is not CampaignStatus.FINISHED:
                    await asyncio.sleep(0.05)
            await whole.services.areas.reports.counted()
            async with http.get(f"api/v1/campaigns/{campaign.id}/report") as answer:
                assert answer.status == 200
                found = await answer.json()
        told = {name: found[name] for name in ("audience", "attempted", "delivered", "bounced")}
        assert told == {"audience": 3, "attempted": 3, "delivered": 2, "bounced": 1}
        assert found["success_percent"] == 66.67
        assert found["bounces"] == {"bad-mailbox": 1}
        assert found["not_opened"] == 2 - found["unique_opens"]
        assert sum(one["attempted"] for one in found["providers"]) == 3
