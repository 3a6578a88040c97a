"""What a person types into the places of a design."""

import aiohttp

from tests.accounts_world import OPERATOR
from tests.web_world import sign_in, token_of
from tests.whole_server import EMAIL, PASSWORD, open_whole


async def test_T_h_what_was_typed_stays_when_a_link_of_it_cannot_be(tmp_path):
    async with open_whole(tmp_path) as whole:
        service = whole.services.campaigns.service
        campaign = (await service.create(OPERATOR, whole.account, "Aviso")).id
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(whole.url, cookie_jar=jar) as browser:
            await sign_in(browser, email=EMAIL, password=PASSWORD)
            path = f"/campaigns/{campaign}"
            async with browser.get(f"{path}/template") as page:
                form = {"csrf": token_of(await page.text()), "design": "notice"}
            async with browser.post(f"{path}/template", data=form) as page:
                assert page.status == 200
            before = (await service.get(OPERATOR, campaign)).content
            form = {
                "csrf": form["csrf"], "subject": "Corte de agua", "slot.title": "Mañana no hay agua",
                "slot.button.text": "Ver", "slot.button.url": "java\tscript:alert(1)",
            }  # fmt: skip
            async with browser.post(f"{path}/slots", data=form) as page:
                text = await page.text()
                assert page.status == 422
            assert "no es un enlace a una página" in text
            assert 'value="Mañana no hay agua"' in text
            assert 'value="Corte de agua"' in text
            assert (await service.get(OPERATOR, campaign)).content == before
            form["slot.button.url"] = "www.example.org/agua"
            async with browser.post(f"{path}/slots", data=form) as page:
                assert page.status == 200
            source = (await service.get(OPERATOR, campaign)).content.source
            assert 'href="https://www.example.org/agua"' in source
