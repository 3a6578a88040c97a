"""The account that a person works in: what the bar above shows, and changing it."""

from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web

from console.accounts.signin.sessions import Session, Sessions
from console.accounts.values import AccountKind, Role
from console.pages.sessions import session_of
from mta.model.ids import id_in

_MAX_LEVEL = 2  # deeper ones are indented no further


@dataclass(frozen=True, slots=True)
class Choice:
    """An account as the switcher shows it."""

    id: int
    name: str
    level: int
    role: Role | None  # given there or above
    is_training: bool


def choices(session: Session) -> Sequence[Choice]:
    """All that the person sees, each below its parent."""
    children: dict[int | None, list[int]] = {}
    for account in session.accounts.values():
        above = account.parent if account.parent in session.accounts else None
        children.setdefault(above, []).append(account.id)
    found: list[Choice] = []

    def walk(parent: int | None, level: int, role: Role | None) -> None:
        for number in sorted(children.get(parent, ()), key=lambda n: session.accounts[n].name):
            account = session.accounts[number]
            here = session.roles.get(number, role)
            is_training = account.kind is AccountKind.TRAINING
            found.append(Choice(number, account.name, min(level, _MAX_LEVEL), here, is_training))
            walk(number, level + 1, here)

    walk(None, 0, None)
    return found


def current_account(session: Session) -> Choice | None:
    """The one chosen; None for a person without any role."""
    return next((c for c in choices(session) if c.id == session.account), None)


class AccountSwitch:
    """`/account`."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def add_routes(self, app: web.Application) -> None:
        """The one."""
        app.router.add_post("/account", self.choose)

    async def choose(self, request: web.Request) -> web.StreamResponse:
        """Work in another account from now on; one that the person does not see is not there."""
        session, form = session_of(request), await request.post()
        text = str(form.get("account", ""))
        number = id_in(text)
        if number not in session.accounts:
            raise web.HTTPNotFound
        await self._sessions.choose_account(session, number)
        raise web.HTTPSeeOther("/")
