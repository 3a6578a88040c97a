"""Users and roles: who may do what where; inviting, changing, removing, sessions."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from console.accounts.actor import NotPermitted, NotVisible
from console.accounts.permissions import PERMISSIONS, Permission
from console.accounts.quota.service import QuotaService
from console.accounts.service import AccountService
from console.accounts.signin.service import SignIn
from console.accounts.signin.sessions import Session
from console.accounts.values import Role, User
from console.pages.forms import id_of, number_of, refusal, text_of
from console.pages.invitations import Invitations
from console.pages.rendering import Renderer
from console.pages.sessions import session_of
from mta.model.errors import PermanentError


class UserPages:
    """`/users…`."""

    def __init__(
        self,
        renderer: Renderer,
        accounts: AccountService,
        quota: QuotaService,
        sign_in: SignIn,
        invitations: Invitations,
    ) -> None:
        self._renderer = renderer
        self._accounts = accounts
        self._quota = quota
        self._sign_in = sign_in
        self._invitations = invitations

    def add_routes(self, app: web.Application) -> None:
        """All of them."""
        one = r"/users/{id:\d{1,19}}"
        app.router.add_get("/users", self.show)
        app.router.add_get("/users/new", self.show_new)
        app.router.add_post("/users/new", self.create)
        app.router.add_get(one, self.show_one)
        app.router.add_post(f"{one}/role", self.change_role)
        app.router.add_post(f"{one}/state", self.set_state)

    async def show(self, request: web.Request) -> web.Response:
        """Everybody whom the person sees."""
        session = session_of(request)
        may_manage = session.actor.may(Permission.USER_MANAGE, session.account)
        if not may_manage:  # who checks sees who has which role
            session.actor.require(Permission.AUDIT_VIEW, session.account)
        values = {
            "may_manage": may_manage,
            "users": await self._accounts.users.list(session.actor),
            "profiles": await self._sign_in.profiles.all(),
            "invited": await self._sign_in.links.invitations(),
            "factors": await self._sign_in.factors.active_users(),
        }
        return self._renderer.page(request, "users.html", values)

    async def show_new(self, request: web.Request) -> web.Response:
        """The form for an invitation."""
        return await self._new(request, {"account": session_of(request).account}, "")

    async def create(self, request: web.Request) -> web.StreamResponse:
        """Invite: perhaps with a sub-account of his own and a share of the bag."""
        session, form = session_of(request), await request.post()
        names = ("email", "name", "language", "account", "role", "sub_account", "amount")
        given = {name: text_of(form, name) for name in names}
        amount = number_of(given["amount"]) if given["amount"] else 0
        texts = self._renderer.texts(request)
        if amount is None:
            return await self._new(request, given, texts("accounts.amount_unfit"))
        account = id_of(given["account"])
        try:
            role = Role(given["role"])
            if given["sub_account"]:
                account = await self._sub_account(session, account, given["sub_account"], amount)
            invited = await self._invitations.invite(
                session.actor,
                given["email"],
                role,
                account,
                name=given["name"],
                language=given["language"],
            )
        except (NotPermitted, NotVisible):
            raise
        except (PermanentError, ValueError) as error:
            return await self._new(request, given, str(error))
        self._sign_in.sessions.person_changed(invited.user)
        key = "users.invited" if invited.message else "users.added"
        session.tell(texts(key, email=invited.email))
        raise web.HTTPSeeOther("/users")

    async def show_one(self, request: web.Request) -> web.Response:
        """One person."""
        return await self._one(request, await self._user(request))

    async def change_role(self, request: web.Request) -> web.StreamResponse:
        """Another role in an account, or none any more."""
        session, form = session_of(request), await request.post()
        user, account = await self._user(request), id_of(text_of(form, "account"))
        users, role = self._accounts.users, text_of(form, "role")
        if role:
            if role not in set(Role):
                raise web.HTTPBadRequest
            work = users.change_role(session.actor, user.email, account, Role(role))
        else:
            work = users.remove(session.actor, user.email, account)
        if problem := await refusal(work):
            return await self._one(request, user, problem)
        session.tell(self._renderer.texts(request)("users.changed"))
        left = await self._accounts.users.list(session.actor)
        stays = any(other.id == user.id for other in left)
        raise web.HTTPSeeOther(f"/users/{user.id}" if stays else "/users")

    async def set_state(self, request: web.Request) -> web.StreamResponse:
        """Disable, let in again, end sessions, mail a link."""
        session, form = session_of(request), await request.post()
        user, users = await self._user(request), self._accounts.users
        match text_of(form, "action"):
            case "disable":
                problem = await refusal(users.disable(session.actor, user.email))
            case "enable":
                problem = await refusal(users.unlock(session.actor, user.email))
            case "resend":
                problem = await refusal(self._invitations.resend(session.actor, user.email))
            case "reset":
                problem = await refusal(self._invitations.reset(session.actor, user.email))
            case "guide":
                problem = await refusal(self._invitations.send_guide(session.actor, user.email))
            case "sessions":
                problem = await refusal(self._sign_in.end_sessions(session.actor, user))
            case _:
                raise web.HTTPBadRequest
        if problem:
            return await self._one(request, user, problem)
        session.tell(self._renderer.texts(request)("users.changed"))
        raise web.HTTPSeeOther(f"/users/{user.id}")

    async def _sub_account(self, session: Session, parent: int, name: str, amount: int) -> int:
        """A sub-account for the person, with its share moved into it."""
        known = [a for a in session.accounts.values() if a.parent == parent and a.name == name]
        if known:  # the form was sent again after something else did not fit
            return known[0].id
        made = await self._accounts.add(session.actor, name, parent=parent)
        await self._sign_in.sessions.refresh(session)
        if amount:
            await self._quota.shares.allocate(session.actor, made.id, amount)
        return made.id

    async def _new(
        self, request: web.Request, given: Mapping[str, Any], problem: str
    ) -> web.Response:
        session = session_of(request)
        actor = session.actor
        accounts = [
            (number, account.name)
            for number, account in session.accounts.items()
            if actor.may(Permission.USER_MANAGE, number)
        ]
        if not accounts:
            raise web.HTTPForbidden
        may_share = actor.may(Permission.ACCOUNT_MANAGE, session.account)
        above = None
        if may_share and actor.may(Permission.QUOTA_MOVE, session.account):
            shares = await self._quota.shares.list(actor, session.account)
            above = next(s for s in shares if s.account == session.account)
        values = {
            "given": given,
            "accounts": accounts,
            "roles": self._grantable(session, session.account),
            "problem": problem,
            "may_share": may_share,
            "above": above,
        }
        status = 422 if problem else 200
        return self._renderer.page(request, "user_new.html", values, status=status)

    async def _one(self, request: web.Request, user: User, problem: str = "") -> web.Response:
        session = session_of(request)
        invited = await self._sign_in.links.invitations()
        manages = [
            m for m in user.memberships if session.actor.may(Permission.USER_MANAGE, m.account)
        ]
        values = {
            "user": user,
            "profile": await self._sign_in.profiles.get(user.id),
            "invitation": invited.get(user.id),
            "mail_state": await self._mail_state(invited[user.id].message)
            if user.id in invited
            else "",
            "guide": await self._invitations.book.last(user.id),
            "has_factor": user.id in await self._sign_in.factors.active_users(),
            "open_sessions": len(await self._sign_in.sessions.of_user(user.id)),
            "roles": {m.account: self._grantable(session, m.account) for m in manages},
            "is_self": user.id == session.user_id,
            "problem": problem,
        }
        status = 422 if problem else 200
        return self._renderer.page(request, "user.html", values, status=status)

    async def _mail_state(self, message: int) -> str:
        """What became of the invitation's mail: the state of its delivery, as a word."""
        return await self._sign_in.mail_state(message)

    def _grantable(self, session: Session, account: int) -> list[Role]:
        """Roles that the person may give there: none with more than his own permissions."""
        may = session.actor.may
        return [r for r in Role if all(may(p, account) for p in PERMISSIONS[r])]

    async def _user(self, request: web.Request) -> User:
        number = int(request.match_info["id"])
        for user in await self._accounts.users.list(session_of(request).actor):
            if user.id == number:
                return user
        raise web.HTTPNotFound
