"""The pages of refunds and of what waits for a decision, over a real socket (clause T-q)."""

import csv
import io
import re
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mta.model.traffic import DeliveryState
from tests.accounts_world import OPERATOR
from tests.refund_world import SECOND, VIEWER, RefundWorld, open_refunds
from tests.web_world import EMAIL, sign_in, token_of

D, B, X = DeliveryState.DELIVERED, DeliveryState.BOUNCED, DeliveryState.EXPIRED
WHY = "el servidor se quedó sin disco"


@pytest.fixture
async def world(tmp_path: Path):
    async with open_refunds(tmp_path) as made:
        yield made


@asynccontextmanager
async def person(world: RefundWorld, email: str):
    async with world.web.browser() as browser:
        assert (await sign_in(browser, email=email)).status == 303
        yield browser


async def page(browser, path: str, status: int = 200) -> str:
    async with browser.get(path) as answer:
        assert answer.status == status, await answer.text()
        return await answer.text()


async def post(browser, path: str, **form: str) -> tuple[int, str]:
    token = token_of(await page(browser, "/profile/password"))
    async with browser.post(path, data={"csrf": token, **form}, allow_redirects=False) as answer:
        return answer.status, answer.headers.get("Location", "") or await answer.text()


async def proposed(world: RefundWorld, browser, *states: DeliveryState, **form: str) -> str:
    """The path of a refund of what was sent in those states."""
    flow, _ = await world.sent(*states)
    form = {"by": "flow", "flow": str(flow), "reason": WHY, "action": "propose", **form}
    status, where = await post(browser, "/refunds/new", **form)
    assert status == 303, where
    return where


async def test_T_q_a_person_proposes_with_the_count_before_and_a_second_one_confirms(world):
    flow, _ = await world.sent(D, B, X)
    async with person(world, EMAIL) as ana:
        assert "No hay reposiciones" in await page(ana, "/refunds")
        assert f'<option value="{flow}">' in await page(ana, "/refunds/new")
        form = {"by": "flow", "flow": str(flow), "reason": WHY, "evidence": "INC-7"}
        status, shown = await post(ana, "/refunds/new", **form, action="count")
        assert status == 200
        assert "Se repondrán 3 envíos" in shown
        assert await world.web.accounts.bag.refunds.list(OPERATOR) == []
        status, where = await post(ana, "/refunds/new", **form, action="propose")
        assert status == 303
        mine = await page(ana, where)
        assert "otra persona tiene que decidir" in mine
        assert "INC-7" in mine
        assert 'value="confirm"' not in mine
        status, refused = await post(ana, f"{where}/decide", decision="confirm")
        assert status == 403, refused
    async with person(world, SECOND) as luis:
        inbox = await page(luis, "/approvals")
        assert f'href="{where}"' in inbox
        assert 'class="inbox-mark" href="' + where in inbox  # the badge leads there at once
        status, _ = await post(luis, f"{where}/decide", decision="confirm", why="visto")
        assert status == 303
        await world.web.accounts.bag.refunds.carry_on()
        shown = await page(luis, where)
        assert "3 envíos volvieron a la bolsa" in shown
        assert SECOND in shown
        assert "inbox-mark" not in shown
    assert await world.left() == 1_000


async def test_T_q_a_second_person_rejects_with_a_reason_that_the_first_one_reads(world):
    async with person(world, EMAIL) as ana, person(world, SECOND) as luis:
        where = await proposed(world, ana, D)
        status, shown = await post(luis, f"{where}/decide", decision="reject")
        assert (status, "indique por qué no" in shown) == (422, True)
        await post(luis, f"{where}/decide", decision="reject", why="no fue <b>culpa</b> nuestra")
        shown = await page(ana, where)
        assert "no fue &lt;b&gt;culpa&lt;/b&gt; nuestra" in shown
        assert "Rechazada" in shown
        assert "Rechazado" in await page(ana, "/approvals")
        status, shown = await post(luis, f"{where}/decide", decision="confirm")
        assert status == 422
    assert await world.left() == 999


async def test_T_q_what_waits_comes_first_and_the_list_has_pages_and_filters(world):
    async with person(world, EMAIL) as ana, person(world, SECOND) as luis:
        waiting = await proposed(world, ana, D)
        world.web.accounts.clock.advance(1)
        decided = await proposed(world, ana, B, reason="<img src=x>")
        await post(luis, f"{decided}/decide", decision="reject", why="no")
        shown = await page(luis, "/refunds")
        assert shown.index(f'href="{waiting}"') < shown.index(f'href="{decided}"')
        assert "<img src=x>" not in shown
        only = await page(luis, "/refunds?state=rejected")
        assert waiting not in only.partition("<main")[2]
        assert decided in only
        assert "Ninguna reposición" in await page(luis, "/refunds?state=done")


async def test_T_q_a_proposal_that_lapsed_is_told_so_and_proposed_again(world):
    async with person(world, EMAIL) as ana:
        where = await proposed(world, ana, D)
    world.web.accounts.clock.advance(8 * 86_400)
    async with person(world, EMAIL) as ana, person(world, SECOND) as luis:
        assert where in await page(luis, "/refunds?state=lapsed")
        assert "caducó" in await page(luis, where)
        assert "No hay nada por aprobar" in await page(luis, "/approvals")
        assert (await post(luis, f"{where}/again"))[0] == 303
        assert 'value="confirm"' in await page(ana, where)


async def test_T_q_a_batch_or_a_time_range_is_told_in_the_persons_own_time(world):
    _, message = await world.sent(D, B)
    async with person(world, EMAIL) as ana:
        form = {"reason": WHY, "action": "count", "scope": "failed"}
        _, shown = await post(ana, "/refunds/new", by="message", message=str(message), **form)
        assert "Se repondrá 1 envío" in shown
        day = {"from": "2027-01-14T23:00", "until": "2027-01-16T00:00"}  # Lima; the clock: 15th
        _, shown = await post(ana, "/refunds/new", by="time", **day, **form)
        assert "Se repondrá 1 envío" in shown
        assert "2027-01-14 23:00:00" in shown
        day["until"] = "2027-01-14T23:00"
        status, shown = await post(ana, "/refunds/new", by="time", **day, **form)
        assert (status, "posterior al comienzo" in shown) == (422, True)
        status, shown = await post(ana, "/refunds/new", by="message", message="x", **form)
        assert (status, "solo cifras" in shown) == (422, True)
        status, shown = await post(ana, "/refunds/new", by="flow", flow="9", **form)
        assert (status, "No hay nada que reponer" in shown) == (422, True)


async def test_T_q_the_list_is_paged_and_downloaded_whole(world):
    async with person(world, EMAIL) as ana:
        where = await proposed(world, ana, *[D] * 60)
        first = await page(ana, where)
        assert first.count("@example.net") == 50
        (older,) = re.findall(rf'href="({where}\?after=\d+)#deliveries"', first)
        assert (await page(ana, older)).count("@example.net") == 10
        text = await page(ana, f"{where}/deliveries.csv")
        rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))
        assert len(rows) == 61
        assert rows[1][2:] == ["u0@example.net", "delivered", "Principal"]
    log = await world.web.accounts.store.read("audit_last_id")
    assert log[0][0] > 0


async def test_who_only_looks_proposes_and_decides_nothing(world):
    async with person(world, EMAIL) as ana, person(world, VIEWER) as eva:
        where = await proposed(world, ana, D)
        shown = await page(eva, where)
        assert 'value="confirm"' not in shown
        assert "deliveries.csv" not in shown
        await page(eva, "/refunds/new", status=403)
        await page(eva, f"{where}/deliveries.csv", status=403)
        for path in ("/refunds/new", f"{where}/decide", f"{where}/again"):
            assert (await post(eva, path, decision="confirm", why="x"))[0] == 403
        await page(eva, "/refunds/123", status=404)
