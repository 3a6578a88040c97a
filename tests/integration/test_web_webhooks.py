"""The pages of webhooks and sending domains over a real socket."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from console.accounts.sending.checking import DomainChecker, Installation
from console.accounts.sending.service import SendingDomains
from console.pages.domains import DomainPages
from console.pages.webhooks import WebhookPages
from console.web.application import Area
from console.webhooks.posting import Poster
from console.webhooks.service import WebhookService
from console.webhooks.signing import Signer
from console.webhooks.targets import TargetPolicy
from mta.dns.lookup import Lookup
from mta.dns.reachable import AddressPolicy
from mta.model.ids import IdGenerator
from mta.settings.schema import Settings
from tests.accounts_world import World
from tests.dnsserver import DnsServer
from tests.web_world import open_web, token_of
from tests.webhook_world import receiver


class Areas:
    """Both areas over the store of a web world."""

    def __init__(self, dns: DnsServer) -> None:
        self.dns = dns
        self.poster: Poster | None = None

    def __call__(self, world: World, _: Settings) -> Sequence[Area]:
        signer, policy = (
            Signer(bytes(32)), TargetPolicy(AddressPolicy(allow_private=True), allow_private=True),
        )  # fmt: skip
        self.poster = Poster(signer, policy, world.clock)
        webhooks = WebhookService(
            world.store, IdGenerator(), world.clock, world.trail, signer, policy, self.poster
        )
        checker = DomainChecker(
            Lookup([self.dns.host_port]), Installation("m.example", ("192.0.2.1",), bytes(32))
        )
        domains = SendingDomains(
            world.store, world.clock, world.trail, world.authenticator, checker,
            world.folder / "dkim_keys",
        )  # fmt: skip

        def add(app, renderer):
            WebhookPages(renderer, webhooks).add_routes(app)
            DomainPages(renderer, domains).add_routes(app)

        return (add,)


@pytest.fixture
async def web(tmp_path: Path):
    async with DnsServer({"example.org": {"A": ["192.0.2.9"]}}) as dns:
        areas = Areas(dns)
        async with open_web(tmp_path, areas=areas) as made:
            made.dns = dns
            yield made
            assert areas.poster is not None
            await areas.poster.close()


async def _page(browser, path: str) -> str:
    async with browser.get(path) as response:
        assert response.status == 200
        return await response.text()


async def _post(browser, path: str, **form) -> tuple[int, str]:
    token = token_of(await _page(browser, "/webhooks"))
    async with browser.post(path, data={"csrf": token, **form}, allow_redirects=False) as answer:
        return answer.status, answer.headers.get("Location", "") or await answer.text()


async def test_T_f_a_webhook_is_added_tested_changed_and_removed_by_hand(web):
    async with receiver() as sink, web.signed_in() as browser:
        assert "No hay webhooks" in await _page(browser, "/webhooks")
        status, page = await _post(
            browser, "/webhooks", url=sink.url, description="<b>ERP</b>", types="message.bounced"
        )
        assert status == 200
        assert "&lt;b&gt;ERP&lt;/b&gt;" in page
        secret = re.search(r"whsec_[A-Za-z0-9+/=]+", page)
        assert secret is not None
        path = re.search(r'action="(/webhooks/\d+)/test"', page)[1]
        assert secret[0] not in await _page(browser, path)
        assert (await _post(browser, f"{path}/test"))[0] == 303
        page = await _page(browser, path)
        assert "Recibido: respuesta 204" in page
        assert len(sink.got) == 1
        assert (await _post(browser, f"{path}/pause"))[0] == 303
        assert "En pausa" in await _page(browser, path)
        assert (await _post(browser, f"{path}/enable"))[0] == 303
        status, page = await _post(browser, f"{path}/rotate")
        assert status == 200
        assert re.search(r"whsec_[A-Za-z0-9+/=]+", page)[0] != secret[0]
        assert (await _post(browser, path, url=sink.url, description="Otro"))[0] == 303
        assert "Otro" in await _page(browser, "/webhooks")
        assert await _post(browser, f"{path}/remove") == (303, "/webhooks")
        assert "No hay webhooks" in await _page(browser, "/webhooks")


async def test_a_url_that_does_not_fit_is_told_and_the_form_keeps_what_was_written(web):
    async with web.signed_in() as browser:
        status, page = await _post(browser, "/webhooks", url="ftp://x/", description="Mi ERP")
        assert status == 422
        assert 'value="Mi ERP"' in page
        assert "Revise la dirección" in page


async def test_without_the_token_nothing_is_changed(web):
    async with web.signed_in() as browser:
        async with browser.post("/webhooks", data={"url": "https://a.example/"}) as response:
            assert response.status == 403
        assert "No hay webhooks" in await _page(browser, "/webhooks")


async def test_T_f_a_domain_is_added_published_and_verified_by_hand(web):
    async with web.signed_in() as browser:
        status, path = await _post(browser, "/domains", domain="Boletin.example.org", shared="1")
        assert (status, path) == (303, "/domains/boletin.example.org")
        page = await _page(browser, path)
        assert "Todavía no se puede enviar" in page
        token = re.search(r"relevo-verification=[0-9a-f]{32}", page)
        assert token is not None
        assert "v=DKIM1; k=rsa; p=" in page
        assert (await _post(browser, f"{path}/check"))[0] == 303
        assert "Aún falta algún registro" in await _page(browser, path)
        web.dns.set("_relevo.boletin.example.org", TXT=[f'"{token[0]}"'])
        assert (await _post(browser, f"{path}/check"))[0] == 303
        page = await _page(browser, path)
        assert "Todavía no se puede enviar" not in page
        assert "boletin.example.org" in await _page(browser, "/domains")
        assert (await _post(browser, "/domains", domain="no hay"))[0] == 422
        assert await _post(browser, f"{path}/remove") == (303, "/domains")
        async with browser.get(path) as response:
            assert response.status == 404
