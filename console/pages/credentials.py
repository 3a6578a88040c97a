"""`/credentials`: the keys of applications in the account that a person works in.

The secret is on the page once, when it was made: with the user name for SMTP, as API key, and as a
command to try it at once.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

from console.accounts.actor import Actor, NotPermitted, NotVisible
from console.accounts.credentials import CredentialService
from console.accounts.delegation import OF_MANAGERS
from console.accounts.permissions import Permission, permissions_of_scopes
from console.accounts.signin.sessions import Session
from console.accounts.values import Limits, NewCredential, Scope
from console.pages.account_switch import current_account
from console.pages.forms import day_in
from console.pages.rendering import Renderer
from console.pages.sessions import session_of
from mta.model.address import parse_domain
from mta.model.errors import AddressSyntaxError, PermanentError
from mta.model.traffic import TrafficClass
from mta.settings.values import read_network

MAX_RATE = 1_000_000
_ALWAYS = (Scope.SEND, Scope.TEST)  # chosen by the kind of key
_NEVER = (Scope.ANY_SENDER,)


class FieldProblem(Exception):
    """A field of the form that does not fit: its name, and the text that says why."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(field)
        self.field = field
        self.text = text


class CredentialPages:
    """List, add, rotate, revoke."""

    def __init__(
        self, renderer: Renderer, credentials: CredentialService, facts: Mapping[str, str]
    ) -> None:
        """`facts`: `server` (HOST:PORT for SMTP), `url` (of the API), `zone` (IANA name)."""
        self._renderer = renderer
        self._credentials = credentials
        self._facts = facts

    def add_routes(self, app: web.Application) -> None:
        """All of them."""
        app.router.add_get("/credentials", self.list)
        app.router.add_get("/credentials/new", self.form)
        app.router.add_post("/credentials/new", self.add)
        app.router.add_post("/credentials/{id:[0-9]{1,19}}/rotate", self.rotate)
        app.router.add_post("/credentials/{id:[0-9]{1,19}}/revoke", self.revoke)

    async def list(self, request: web.Request) -> web.Response:
        """All keys of the account."""
        session = session_of(request)
        account = _account(session, Permission.CREDENTIAL_VIEW)
        found = await self._credentials.list(session.actor, account)
        values = {
            "credentials": [(c, self._credentials.status_of(c)) for c in reversed(found)],
            "may_manage": session.actor.may(Permission.CREDENTIAL_MANAGE, account),
        }
        return self._renderer.page(request, "credentials.html", values)

    async def form(self, request: web.Request) -> web.Response:
        """An empty form."""
        _account(session_of(request), Permission.CREDENTIAL_MANAGE)
        return self._form(request, {"kind": "live", "scopes": [Scope.MAIL_VIEW.value]}, {})

    async def add(self, request: web.Request) -> web.Response:
        """A new key; its secret is on the page that answers, and on no other."""
        session, form = session_of(request), await request.post()
        account = _account(session, Permission.CREDENTIAL_MANAGE)
        given: dict[str, Any] = {key: str(value) for key, value in form.items()}
        given["scopes"] = [str(scope) for scope in form.getall("scopes", [])]
        try:
            limits = read_limits(given)
            expires_ms = read_expiry(str(given.get("expires", "")), self._renderer.zone_of(request))
            new = await self._credentials.add(
                session.actor, account, str(given.get("name", "")), limits, expires_ms=expires_ms
            )
        except NotPermitted:
            raise web.HTTPForbidden from None
        except FieldProblem as problem:
            return self._form(request, given, {problem.field: problem.text}, status=422)
        except PermanentError:
            return self._form(request, given, {"name": "credentials.bad_name"}, status=422)
        return self._secret(request, new)

    async def rotate(self, request: web.Request) -> web.StreamResponse:
        """A successor; the old secret works for another day."""
        session = session_of(request)
        try:
            old = await self._credentials.get(session.actor, request.match_info["id"])
            new = await self._credentials.rotate(session.actor, old)
        except NotVisible:
            raise web.HTTPNotFound from None
        except NotPermitted:
            raise web.HTTPForbidden from None
        except PermanentError:
            session.tell(self._renderer.texts(request)("credentials.not_rotated"), tone="bad")
            raise web.HTTPSeeOther("/credentials") from None
        return self._secret(request, new)

    async def revoke(self, request: web.Request) -> web.StreamResponse:
        """It stops working now."""
        session = session_of(request)
        try:
            credential = await self._credentials.get(session.actor, request.match_info["id"])
            await self._credentials.revoke(session.actor, credential)
        except NotVisible:
            raise web.HTTPNotFound from None
        except NotPermitted:
            raise web.HTTPForbidden from None
        session.tell(self._renderer.texts(request)("credentials.revoked", name=credential.name))
        raise web.HTTPSeeOther("/credentials")

    def _form(
        self,
        request: web.Request,
        given: Mapping[str, Any],
        errors: Mapping[str, str],
        *,
        status: int = 200,
    ) -> web.Response:
        session = session_of(request)
        account = _account(session, Permission.CREDENTIAL_MANAGE)
        values = {
            "given": given,
            "errors": errors,
            "scopes": [scope.value for scope in grantable(session.actor, account)],
            "classes": [klass.label for klass in TrafficClass],
        }
        return self._renderer.page(request, "credential_new.html", values, status=status)

    def _secret(self, request: web.Request, new: NewCredential) -> web.Response:
        is_test = Scope.TEST in new.credential.limits.scopes
        domains = self._credentials.sender_domains(new.credential)
        values = {
            "new": new,
            "facts": self._facts,
            "is_test": is_test,
            "domain": min(domains, default=""),
        }
        return self._renderer.page(request, "credential_secret.html", values)


def grantable(actor: Actor, account: int) -> list[Scope]:
    """The further scopes that the person may give to a key."""
    return [
        scope
        for scope in Scope
        if scope not in _ALWAYS
        and scope not in _NEVER
        and (scope not in OF_MANAGERS or actor.may(Permission.ACCOUNT_MANAGE, account))
        and all(
            permission is Permission.MAIL_VIEW or actor.may(permission, account)
            for permission in permissions_of_scopes([scope])
        )
    ]


def read_limits(given: Mapping[str, Any]) -> Limits:
    """What the form says. Raises `FieldProblem`."""
    kinds = (Scope.SEND, Scope.TEST) if given.get("kind") == "test" else (Scope.SEND,)
    try:
        scopes = {*kinds, *(Scope(scope) for scope in given.get("scopes", ()))}
        klass = TrafficClass[str(given.get("class", "transactional")).upper()]
    except (ValueError, KeyError):
        raise FieldProblem("kind", "credentials.bad_choice") from None
    if scopes & {*_NEVER}:
        raise FieldProblem("kind", "credentials.bad_choice")
    if klass is TrafficClass.URGENT and Scope.SEND_URGENT not in scopes:
        raise FieldProblem("class", "credentials.needs_urgent")
    return Limits(
        scopes=frozenset(scopes),
        sender_domains=frozenset(_domains(str(given.get("sender_domains", "")))),
        networks=tuple(_networks(str(given.get("networks", "")))),
        default_class=klass,
        rate_per_minute=_number(given, "rate"),
        per_hour=_number(given, "per_hour"),
        per_day=_number(given, "per_day"),
    )


def read_expiry(text: str, zone: ZoneInfo) -> int:
    """The end of a day in that zone as milliseconds; 0 for none. Raises `FieldProblem`."""
    if not text.strip():
        return 0
    day = day_in(text.strip(), zone)
    if day is None:
        raise FieldProblem("expires", "credentials.bad_date")
    end = day + timedelta(days=1)
    if end <= datetime.now(UTC):
        raise FieldProblem("expires", "credentials.date_over")
    return round(end.timestamp() * 1000)


def _domains(text: str) -> list[str]:
    try:
        return [parse_domain(word) for word in text.replace(",", " ").split()]
    except AddressSyntaxError:
        raise FieldProblem("sender_domains", "credentials.bad_domain") from None


def _networks(text: str) -> list[Any]:
    try:
        return [read_network(word) for word in text.replace(",", " ").split()]
    except ValueError:
        raise FieldProblem("networks", "credentials.bad_network") from None


def _number(given: Mapping[str, Any], field: str) -> int:
    text = str(given.get(field, "")).strip() or "0"
    if not (text.isascii() and text.isdigit() and len(text) < 8 and int(text) <= MAX_RATE):
        raise FieldProblem(field, "credentials.bad_rate")
    return int(text)


def _account(session: Session, permission: Permission) -> int:
    account = current_account(session)
    if account is None or not session.actor.may(permission, account.id):
        raise web.HTTPForbidden
    return account.id
