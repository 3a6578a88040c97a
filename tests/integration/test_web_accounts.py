"""All of T-c in a browser: accounts, users with roles, shares of the bag, its movements, the audit."""

import csv
import io
from pathlib import Path

import aiohttp
import pytest

from console.accounts.actor import Actor, ActorKind
from console.accounts.values import Role
from tests.accounts_world import OPERATOR
from tests.web_world import EMAIL, WebWorld, open_web, sign_in, token_of

BAG = 1_000_000
SECRET = "una contraseña larga"
EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture
async def web(tmp_path: Path):
    async with open_web(tmp_path) as web:
        account = await web.accounts.accounts.only(OPERATOR)
        await web.accounts.bag.contracts.add(
            OPERATOR, account.id, "Contrato 1", BAG, days=365, starts_on="2027-01-15"
        )
        yield web


async def _page(browser: aiohttp.ClientSession, path: str, status: int = 200) -> str:
    async with browser.get(path) as response:
        assert response.status == status, path
        return await response.text()


async def _post(browser: aiohttp.ClientSession, path: str, **form: str) -> tuple[int, str]:
    token = token_of(await _page(browser, "/profile/password"))
    async with browser.post(path, data={"csrf": token, **form}, allow_redirects=False) as response:
        where = response.headers.get("Location", "")
        return response.status, where or await response.text()


async def _main(web: WebWorld) -> int:
    return (await web.accounts.accounts.only(OPERATOR)).id


async def _available(web: WebWorld, account: int) -> int | None:
    await web.accounts.bag.refresh()
    return web.accounts.bag.shares.share(account).available


async def _new_sub(web: WebWorld, browser: aiohttp.ClientSession, **form: str) -> int:
    filled = {"name": "Ventas", "parent": str(await _main(web)), **form}
    status, where = await _post(browser, "/accounts/new", **filled)
    assert status == 303, where
    return int(where.rpartition("/")[2])


async def test_T_c_a_sub_account_gets_a_share_and_the_sum_stays(web: WebWorld):
    async with web.signed_in() as browser:
        sub = await _new_sub(web, browser, share="allocate", amount="100 000")
        main = await _main(web)
        assert await _available(web, sub) == 100_000
        assert await _available(web, main) == BAG - 100_000
        path = f"/accounts/{sub}/share"
        assert (await _post(browser, path, action="return", amount="40000"))[0] == 303
        assert await _available(web, sub) == 60_000
        assert await _available(web, main) == BAG - 60_000
        status, page = await _post(browser, path, action="allocate", amount=str(BAG))
        assert status == 422
        assert "No se pudo hacer" in page
        assert (await _post(browser, path, action="allocate", amount="mil"))[0] == 422
        page = await _page(browser, "/quota")
        assert "1\N{NARROW NO-BREAK SPACE}000\N{NARROW NO-BREAK SPACE}000" in page
        assert "60\N{NARROW NO-BREAK SPACE}000" in page
        assert "Ventas" in await _page(browser, "/accounts")


async def test_T_c_a_sub_account_gives_its_share_back_when_it_is_disabled(web: WebWorld):
    async with web.signed_in() as browser:
        sub = await _new_sub(web, browser, share="allocate", amount="5000")
        assert (await _post(browser, f"/accounts/{sub}/state", action="disable"))[0] == 303
        assert await _available(web, await _main(web)) == BAG
        assert "Inactivo" in await _page(browser, f"/accounts/{sub}")
        assert (await _post(browser, f"/accounts/{sub}/state", action="enable"))[0] == 303


async def test_T_c_a_person_is_invited_with_a_role_and_a_share(web: WebWorld):
    async with web.signed_in() as browser:
        form = {
            "email": "eva@example.org",
            "name": "Eva",
            "role": "sender",
            "account": str(await _main(web)),
            "sub_account": "Equipo de Eva",
            "amount": "25000",
        }
        assert await _post(browser, "/users/new", **form) == (303, "/users")
        page = await _page(browser, "/users")
        assert "Eva" in page
        assert "Invitado" in page
        assert "Emisor" in page
    (mail,) = web.outbox.mails
    assert mail.to == "eva@example.org"
    user = await web.accounts.accounts.users.get(OPERATOR, "eva@example.org")
    (membership,) = user.memberships
    assert membership.account_name == "Equipo de Eva"
    assert await _available(web, membership.account) == 25_000


async def test_T_c_a_role_is_changed_and_taken_away(web: WebWorld):
    main = await _main(web)
    users = web.accounts.accounts.users
    await users.add(OPERATOR, "eva@example.org", Role.VIEWER, main, SECRET)
    number = (await users.get(OPERATOR, "eva@example.org")).id
    async with web.signed_in() as browser, web.browser() as other:
        await sign_in(other, email="eva@example.org", password=SECRET)
        assert await _page(other, "/status")
        path = f"/users/{number}"
        assert "Lector" in await _page(browser, path)
        assert (await _post(browser, f"{path}/role", account=str(main), role="editor"))[0] == 303
        async with other.get("/status", allow_redirects=False) as response:
            assert response.status == 303  # what he may do has changed: in again, under a new id
        assert (await _post(browser, f"{path}/state", action="disable"))[0] == 303
        assert (await sign_in(other, email="eva@example.org", password=SECRET)).status == 401
        assert (await _post(browser, f"{path}/state", action="enable"))[0] == 303
        assert (await _post(browser, f"{path}/role", account=str(main), role=""))[0] == 303
        assert "eva@example.org" not in await _page(browser, "/users")


@pytest.mark.parametrize("role", [Role.VIEWER, Role.SENDER, Role.EDITOR, Role.INTEGRATOR])
async def test_T_c_who_may_only_look_changes_nothing(web: WebWorld, role: Role):
    main = await _main(web)
    below = await web.accounts.accounts.add(OPERATOR, "Abajo", parent=main)
    await web.accounts.accounts.users.add(OPERATOR, "eva@example.org", role, main, SECRET)
    async with web.browser() as browser:
        await sign_in(browser, email="eva@example.org", password=SECRET)
        page = await _page(browser, "/accounts")
        assert "Nueva subcuenta" not in page
        assert 'href="/users"' not in page
        assert 'href="/audit"' not in page
        for path in ("/users", "/users/new", "/accounts/new", "/audit"):
            await _page(browser, path, 403)
        refused = {
            "/accounts/new": {"name": "x", "parent": str(main)},
            f"/accounts/{below.id}/share": {"action": "allocate", "amount": "1"},
            f"/accounts/{below.id}/state": {"action": "disable"},
            "/users/new": {"email": "x@example.org", "role": "viewer", "account": str(main)},
            "/audit/verify": {},
        }
        for path, form in refused.items():
            assert (await _post(browser, path, **form))[0] in (403, 404), path
    assert web.outbox.mails == []
    assert len(await web.accounts.accounts.list(OPERATOR)) == 2


async def test_who_audits_sees_who_has_which_role_and_changes_none(web: WebWorld):
    main, users = await _main(web), web.accounts.accounts.users
    await users.add(OPERATOR, "eva@example.org", Role.AUDITOR, main, SECRET)
    await users.add(OPERATOR, "luis@example.org", Role.EDITOR, main, SECRET)
    number = (await users.get(OPERATOR, "luis@example.org")).id
    async with web.browser() as browser:
        await sign_in(browser, email="eva@example.org", password=SECRET)
        assert 'href="/users"' in await _page(browser, "/audit")
        page = await _page(browser, "/users")
        assert "luis@example.org" in page
        assert "/users/new" not in page
        one = await _page(browser, f"/users/{number}")
        assert "Editor" in one
        assert f"/users/{number}/state" not in one
        for path, form in ((f"/users/{number}/state", {"action": "disable"}),
                           (f"/users/{number}/role", {"account": str(main), "role": ""})):  # fmt: skip
            status = (await _post(browser, path, **form))[0]
            assert status in (403, 404), path
    assert (await users.get(OPERATOR, "luis@example.org")).memberships


async def test_what_belongs_to_others_is_not_there(web: WebWorld):
    other = await web.accounts.accounts.add(OPERATOR, "De otros")
    users = web.accounts.accounts.users
    await users.add(OPERATOR, "x@example.org", Role.OWNER, other.id, SECRET)
    number = (await users.get(OPERATOR, "x@example.org")).id
    async with web.signed_in() as browser:
        for path in (f"/accounts/{other.id}", f"/users/{number}", "/accounts/1", "/users/1"):
            await _page(browser, path, 404)
        for path, form in (
            (f"/accounts/{other.id}/state", {"action": "disable"}),
            (f"/users/{number}/state", {"action": "disable"}),
            (f"/users/{number}/role", {"account": str(other.id), "role": ""}),
        ):
            assert (await _post(browser, path, **form))[0] == 404
        assert "De otros" not in await _page(browser, "/accounts")
        assert "x@example.org" not in await _page(browser, "/users")


async def test_nobody_gives_more_than_he_has(web: WebWorld):
    async with web.signed_in() as browser:
        page = await _page(browser, "/users/new")
        assert 'value="administrator"' in page
        assert 'value="owner"' not in page
        form = {"email": "x@example.org", "role": "owner", "account": str(await _main(web))}
        assert (await _post(browser, "/users/new", **form))[0] == 403
    assert web.outbox.mails == []


async def test_hostile_names_are_text_on_every_page(web: WebWorld):
    async with web.signed_in() as browser:
        sub = await _new_sub(web, browser, name=EVIL, share="allocate", amount="7")
        form = {"email": "eva@example.org", "name": EVIL, "role": "viewer", "account": str(sub)}
        assert (await _post(browser, "/users/new", **form))[0] == 303
        number = (await web.accounts.accounts.users.get(OPERATOR, "eva@example.org")).id
        paths = ("/accounts", f"/accounts/{sub}", "/users", f"/users/{number}", "/quota",
                 "/quota/ledger", "/audit", "/users/new", "/accounts/new")  # fmt: skip
        for path in paths:
            page = await _page(browser, path)
            assert EVIL not in page, path
        assert "&lt;img" in await _page(browser, "/accounts")


async def test_movements_show_a_running_balance_page_by_page(web: WebWorld):
    async with web.signed_in() as browser:
        sub = await _new_sub(web, browser)
        shares = web.accounts.bag.shares
        for number in range(30):
            await shares.allocate(OPERATOR, sub, 10, f"n.º {number}")
            await shares.give_back(OPERATOR, sub, 5)
        await _post(browser, "/account", account=str(sub))
        page = await _page(browser, "/quota/ledger")
        assert ">150<" in page  # what is left now
        older = page.partition('rel="next"')[0].rpartition('href="')[2].partition('"')[0]
        second = await _page(browser, older.replace("&amp;", "&"))
        assert ">10<" in second  # after the first movement
        assert "n.º 0" in second
        text = await _page(browser, "/quota/ledger.csv")
        rows = list(csv.DictReader(io.StringIO(text)))
        assert len(rows) == 60
        assert [rows[0]["balance"], rows[-1]["balance"]] == ["150", "10"]


async def test_the_audit_shows_filters_and_exports(web: WebWorld):
    async with web.signed_in() as browser:
        await _new_sub(web, browser, name="Ventas")
        main = await _main(web)
        await _post(browser, f"/accounts/{main}/settings", name="Principal", needs_factor="")
        page = await _page(browser, "/audit?action=user")
        assert "Usuario: se creó" in page
        assert "Cuenta: se creó" not in page
        assert "No hay registros" in await _page(browser, "/audit?until=2001-01-01")
        text = await _page(browser, "/audit.csv?action=user")
        assert "user.created" in text
        assert (await _post(browser, "/audit/verify"))[0] == 200
        async with web.browser() as stranger:
            await sign_in(stranger, password="falso")
        page = await _page(browser, "/audit?action=session")
        assert "Sesión: se abrió" in page
        assert "Sesión: se rechazó" in page
        assert "127.0.0.1" in page


async def test_an_account_asks_for_a_second_factor_from_its_page(web: WebWorld):
    main = await _main(web)
    async with web.signed_in() as browser:
        form = {"name": "Principal", "language": "", "timezone": "", "needs_factor": "1"}
        assert (await _post(browser, f"/accounts/{main}/settings", **form))[0] == 303
        async with browser.get("/status", allow_redirects=False) as response:
            assert response.headers["Location"] == "/profile/second-factor"
    trail = await web.accounts.audit_log.page(OPERATOR)
    assert any(e.action == "account.settings_changed" for e in trail.entries)


async def test_every_page_has_the_policy_and_no_inline_script(web: WebWorld):
    async with web.signed_in() as browser:
        sub = await _new_sub(web, browser)
        me = next(
            u.id for u in await web.accounts.accounts.users.list(OPERATOR) if u.email == EMAIL
        )
        paths = ["/status", "/sandbox", "/accounts", "/accounts/new", f"/accounts/{sub}", "/users",
                 "/users/new", f"/users/{me}", "/quota", "/quota/ledger", "/audit", "/profile",
                 "/profile/password", "/profile/second-factor", "/profile/sessions", "/nothing",
                 "/login", "/forgot", "/link/x"]  # fmt: skip
        for path in paths:
            async with browser.get(path) as response:
                page = await response.text()
                policy = response.headers["Content-Security-Policy"]
            assert "script-src 'self'" in policy
            assert "unsafe" not in policy
            assert "style=" not in page, path
            assert "<style" not in page
            assert " onclick" not in page
            assert page.count("<script") == page.count('<script src="/static/'), path


async def test_a_disabled_actor_has_no_session_left(web: WebWorld):
    main = await _main(web)
    users = web.accounts.accounts.users
    await users.add(OPERATOR, "eva@example.org", Role.ADMINISTRATOR, main, SECRET)
    number = (await users.get(OPERATOR, "eva@example.org")).id
    async with web.signed_in() as browser, web.browser() as other:
        await sign_in(other, email="eva@example.org", password=SECRET)
        assert (await _post(browser, f"/users/{number}/state", action="sessions"))[0] == 303
        async with other.get("/status", allow_redirects=False) as response:
            assert response.status == 303
    actor = Actor(ActorKind.USER, 1, "x")
    with pytest.raises(Exception, match="manages no role"):
        user = await users.get(OPERATOR, "eva@example.org")
        await web.accounts.sign_in.end_sessions(actor, user)


async def test_T_p_every_page_of_a_training_account_is_marked_as_such(web: WebWorld):
    async with web.signed_in() as browser:
        school = await _new_sub(web, browser, name="Aula", training="1")
        mark = 'data-watermark="Capacitación"'
        assert mark not in await _page(browser, "/profile")
        await _post(browser, "/account", account=str(school))
        for path in ("/profile", "/quota", "/accounts"):
            page = await _page(browser, path)
            assert mark in page
            assert "no cuentan en los informes del contrato" in page


async def test_T_p_whom_a_training_account_may_write_to_is_chosen_on_its_page(web: WebWorld):
    async with web.signed_in() as browser:
        school = await _new_sub(web, browser, name="Aula", training="1")
        path = f"/accounts/{school}"
        assert "Todavía no hay direcciones" in await _page(browser, path)
        status, _ = await _post(
            browser, f"{path}/training", addresses="ana@example.com, LUIS@example.com"
        )
        assert status == 303
        page = await _page(browser, path)
        assert "ana@example.com" in page
        assert web.accounts.bag.training.addresses(school) == {
            "ana@example.com",
            "luis@example.com",
        }
        await _post(browser, f"{path}/training", remove="ana@example.com")
        assert web.accounts.bag.training.addresses(school) == {"luis@example.com"}
        status, page = await _post(browser, f"{path}/training", addresses="sin arroba")
        assert status == 422
        main = await _main(web)
        status, _ = await _post(browser, f"/accounts/{main}/training", addresses="x@example.com")
        assert status == 422
