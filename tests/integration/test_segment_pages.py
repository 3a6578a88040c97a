"""Segments over the console's own pages and the API, without a browser."""

import re

import aiohttp
import pytest

from tests.accounts_world import OPERATOR
from tests.integration.test_import_pages import Person
from tests.web_world import sign_in, token_of
from tests.whole_server import EMAIL, PASSWORD, open_whole

EVIL = '"><script>alert(1)</script>'


@pytest.fixture
async def person(tmp_path):
    async with open_whole(tmp_path) as whole:
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(whole.url, cookie_jar=jar) as http:
            await sign_in(http, email=EMAIL, password=PASSWORD)
            someone = Person(whole, http)
            someone.token = token_of(await someone.get("/profile"))
            yield someone


async def test_T_a_a_segment_is_made_counted_and_chosen_for_a_campaign(person):
    services = person.whole.services
    account = (await services.accounts.only(OPERATOR)).id
    contacts = services.contacts.contacts
    await contacts.put(OPERATOR, account, "ana@example.org", {"ciudad": "Lima", "nota": EVIL})
    await contacts.put(OPERATOR, account, "luis@example.org", {"ciudad": "Ica"})
    form = {"name": EVIL, "match": "all", "field-0": "values.ciudad", "value-0": "lima"}
    status, _ = await person.post("/segments", **form, **{"op-0": "regex"})
    assert status == 422
    counted = await person.http.post("/segments/count", data={
        "csrf": person.token, **form, "op-0": "is"
    })  # fmt: skip
    shown = await counted.text()
    assert "ana@example.org" in shown
    assert "luis@example.org" not in shown
    assert EVIL not in shown
    status, where = await person.post("/segments", **form, **{"op-0": "is"})
    assert (status, where) == (303, "/segments")
    (segment,) = await services.contacts.segments.list(OPERATOR, account)
    page = await person.get(f"/segments/{segment.id}")
    assert "1 contact" in page
    assert EVIL not in page + await person.get("/segments")
    campaign = await services.campaigns.service.create(OPERATOR, account, "c")
    step = await person.get(f"/campaigns/{campaign.id}/audience")
    assert re.search(rf'name="include" value="{segment.id}"', step)
    assert EVIL not in step
    chosen = await person.post(
        f"/campaigns/{campaign.id}/audience", include=str(segment.id), etag=str(campaign.etag)
    )
    assert chosen[0] == 303
    found = await services.campaigns.service.get(OPERATOR, campaign.id)
    assert (found.audience.include, found.audience.count) == ((segment.id,), 1)


async def test_a_nested_segment_keeps_its_conditions_when_its_name_changes(person):
    services = person.whole.services
    account = (await services.accounts.only(OPERATOR)).id
    document = {"all": [{"not": {"field": "email", "op": "is", "value": "a@b.example"}}]}
    made = await services.contacts.segments.add(OPERATOR, account, "x", document)
    assert "a@b.example" in await person.get(f"/segments/{made.id}")
    assert (await person.post(f"/segments/{made.id}", name="y"))[0] == 303
    kept = await services.contacts.segments.get(OPERATOR, made.id)
    assert (kept.name, kept.filter) == ("y", document)
    assert (await person.post(f"/segments/{made.id}/remove"))[0] == 303
    assert "<table" not in await person.get("/segments")
