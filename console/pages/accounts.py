"""Accounts and sub-accounts: the tree with everybody's share of the bag, and changing both."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from console.accounts.actor import NotPermitted, NotVisible
from console.accounts.permissions import Permission
from console.accounts.quota.service import QuotaService
from console.accounts.service import AccountService
from console.accounts.signin.rules import FactorRules
from console.accounts.signin.sessions import Session, Sessions
from console.accounts.values import Account, AccountKind, State
from console.pages.account_switch import choices
from console.pages.forms import id_of, number_of, refusal, text_of
from console.pages.rendering import Renderer
from console.pages.sessions import session_of
from mta.model.errors import PermanentError

_STATES = {"disable": State.DISABLED, "enable": State.ACTIVE, "close": State.CLOSED}


class AccountPages:
    """`/accounts…`."""

    def __init__(
        self,
        renderer: Renderer,
        accounts: AccountService,
        quota: QuotaService,
        sessions: Sessions,
        rules: FactorRules,
    ) -> None:
        self._renderer = renderer
        self._accounts = accounts
        self._quota = quota
        self._sessions = sessions
        self._rules = rules

    def add_routes(self, app: web.Application) -> None:
        """All of them."""
        one = r"/accounts/{id:\d{1,19}}"
        app.router.add_get("/accounts", self.show)
        app.router.add_get("/accounts/new", self.show_new)
        app.router.add_post("/accounts/new", self.create)
        app.router.add_get(one, self.show_one)
        app.router.add_post(f"{one}/settings", self.change)
        app.router.add_post(f"{one}/share", self.share)
        app.router.add_post(f"{one}/state", self.set_state)
        app.router.add_post(f"{one}/training", self.change_training)

    async def show(self, request: web.Request) -> web.Response:
        """The account that the person works in, with all below it."""
        session = session_of(request)
        session.actor.require(Permission.ACCOUNT_VIEW, session.account)
        values = {
            "tree": _below(session, session.account),
            "accounts": session.accounts,
            "shares": await self._shares(session, session.account),
            "may_manage": session.actor.may(Permission.ACCOUNT_MANAGE, session.account),
        }
        return self._renderer.page(request, "accounts.html", values)

    async def show_new(self, request: web.Request) -> web.Response:
        """The form for a sub-account."""
        return await self._new(request, {"parent": session_of(request).account}, "")

    async def create(self, request: web.Request) -> web.StreamResponse:
        """A sub-account, and its share of the bag."""
        session, form = session_of(request), await request.post()
        given = {
            name: text_of(form, name) for name in ("name", "parent", "training", "share", "amount")
        }
        amount = number_of(given["amount"]) if given["amount"] else 0
        if given["share"] and amount is None:
            return await self._new(request, given, self._say(request, "accounts.amount_unfit"))
        kind = AccountKind.TRAINING if given["training"] else AccountKind.NORMAL
        try:
            made = await self._accounts.add(
                session.actor, given["name"], parent=id_of(given["parent"]), kind=kind
            )
        except (NotPermitted, NotVisible):
            raise
        except PermanentError as error:
            return await self._new(request, given, str(error))
        await self._sessions.refresh(session)
        problem = ""
        if given["share"] and amount is not None:
            problem = await self._give(session, made.id, given["share"], amount, "")
        if problem:  # the account is there, its share is not
            session.tell(problem, tone="bad")
        else:
            session.tell(self._say(request, "accounts.created", name=made.name))
        raise web.HTTPSeeOther(f"/accounts/{made.id}")

    async def show_one(self, request: web.Request) -> web.Response:
        """One account: data, share, state."""
        return await self._one(request)

    async def change(self, request: web.Request) -> web.StreamResponse:
        """Name and settings."""
        session, form = session_of(request), await request.post()
        account = self._account(request)
        name = text_of(form, "name")
        try:
            if name != account.name:
                await self._accounts.rename(session.actor, account.id, name)
            if session.actor.may(Permission.SETTINGS_MANAGE, account.id):
                await self._accounts.change_settings(
                    session.actor,
                    account.id,
                    language=text_of(form, "language"),
                    timezone=text_of(form, "timezone"),
                    needs_approval=bool(text_of(form, "needs_approval")),
                )
                needs = bool(text_of(form, "needs_factor"))
                await self._rules.set(session.actor, account.id, is_required=needs)
        except (NotPermitted, NotVisible):
            raise
        except PermanentError as error:
            return await self._one(request, str(error), status=422)
        await self._sessions.refresh(session)
        session.tell(self._say(request, "accounts.saved"))
        raise web.HTTPSeeOther(f"/accounts/{account.id}")

    async def share(self, request: web.Request) -> web.StreamResponse:
        """Allocate, give back, or limit."""
        session, form = session_of(request), await request.post()
        account, action = self._account(request), text_of(form, "action")
        session.actor.require(Permission.QUOTA_MOVE, account.parent or account.id)
        amount = number_of(text_of(form, "amount"))
        if amount is None and action != "uncap":
            return await self._one(request, self._say(request, "accounts.amount_unfit"), status=422)
        problem = await self._give(
            session, account.id, action, amount or 0, text_of(form, "reason")
        )
        if problem:
            return await self._one(request, problem, status=422)
        session.tell(self._say(request, "accounts.shared"))
        raise web.HTTPSeeOther(f"/accounts/{account.id}")

    async def change_training(self, request: web.Request) -> web.StreamResponse:
        """Addresses that a training account may write to: put on its list, or taken off."""
        session, form = session_of(request), await request.post()
        account, training = self._account(request), self._quota.training
        if gone := text_of(form, "remove"):
            problem = await refusal(training.disallow(session.actor, account.id, gone))
        else:
            problem = ""
            for address in text_of(form, "addresses", 20_000).replace(",", " ").split()[:200]:
                problem = problem or await refusal(
                    training.allow(session.actor, account.id, address)
                )
        if problem:
            return await self._one(request, problem, status=422)
        session.tell(self._say(request, "accounts.training_saved"))
        raise web.HTTPSeeOther(f"/accounts/{account.id}")

    async def set_state(self, request: web.Request) -> web.StreamResponse:
        """Disable, enable, close."""
        session, form = session_of(request), await request.post()
        account, state = self._account(request), _STATES.get(text_of(form, "action"))
        change = {
            State.DISABLED: self._accounts.disable,
            State.ACTIVE: self._accounts.enable,
            State.CLOSED: self._accounts.close,
        }
        if state is None:
            raise web.HTTPBadRequest
        if problem := await refusal(change[state](session.actor, account.id)):
            return await self._one(request, problem, status=422)
        await self._sessions.refresh(session)
        session.tell(self._say(request, "accounts.saved"))
        raise web.HTTPSeeOther(f"/accounts/{account.id}")

    async def _give(
        self, session: Session, account: int, action: str, amount: int, reason: str
    ) -> str:
        shares, actor = self._quota.shares, session.actor
        match action:
            case "allocate":
                return await refusal(shares.allocate(actor, account, amount, reason))
            case "return":
                return await refusal(shares.give_back(actor, account, amount, reason))
            case "cap":
                return await refusal(shares.cap(actor, account, amount, reason))
            case "uncap":
                return await refusal(shares.cap(actor, account, None, reason))
        raise web.HTTPBadRequest

    async def _new(
        self, request: web.Request, given: Mapping[str, Any], problem: str
    ) -> web.Response:
        session = session_of(request)
        parents = [
            (number, account.name)
            for number, account in session.accounts.items()
            if session.actor.may(Permission.ACCOUNT_MANAGE, number)
        ]
        if not parents:
            raise web.HTTPForbidden
        shares = await self._shares(session, session.account)
        values = {
            "given": given,
            "parents": parents,
            "problem": problem,
            "above": shares.get(session.account),
            "may_share": session.actor.may(Permission.QUOTA_MOVE, session.account),
        }
        status = 422 if problem else 200
        return self._renderer.page(request, "account_new.html", values, status=status)

    async def _one(
        self, request: web.Request, problem: str = "", *, status: int = 200
    ) -> web.Response:
        session, account = session_of(request), self._account(request)
        actor, parent = session.actor, account.parent
        above_id = parent if parent in session.accounts else None
        shares = await self._shares(session, above_id or account.id)
        values = {
            "shown": account,
            "share": shares.get(account.id),
            "above": shares.get(above_id) if above_id else None,
            "parent": session.accounts.get(above_id) if above_id else None,
            "problem": problem,
            "allowed": (
                await self._quota.training.list(actor, account.id)
                if account.kind is AccountKind.TRAINING
                else ()
            ),
            "needs_factor": account.id in await self._rules.accounts(),
            "zones": self._renderer.zones,
            "may_manage": actor.may(Permission.ACCOUNT_MANAGE, account.id),
            "may_settings": actor.may(Permission.SETTINGS_MANAGE, account.id),
            "may_state": above_id is not None and actor.may(Permission.ACCOUNT_MANAGE, above_id),
            "may_share": above_id is not None and actor.may(Permission.QUOTA_MOVE, above_id),
        }
        return self._renderer.page(request, "account.html", values, status=status)

    async def _shares(self, session: Session, account: int) -> dict[int, Any]:
        if not session.actor.may(Permission.QUOTA_VIEW, account):
            return {}
        return {s.account: s for s in await self._quota.shares.list(session.actor, account)}

    def _account(self, request: web.Request) -> Account:
        session = session_of(request)
        account = session.accounts.get(int(request.match_info["id"]))
        if account is None:
            raise web.HTTPNotFound
        session.actor.require(Permission.ACCOUNT_VIEW, account.id)
        return account

    def _say(self, request: web.Request, key: str, **values: object) -> str:
        return self._renderer.texts(request)(key, **values)


def _below(session: Session, account: int) -> list[Any]:
    """The account and all below it, as the switcher orders them, levels counted from it."""
    found: list[Any] = []
    inside = {account}
    for choice in choices(session):
        parent = session.accounts[choice.id].parent
        if choice.id == account or parent in inside:
            inside.add(choice.id)
            found.append(choice)
    return found
