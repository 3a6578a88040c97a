"""SendGrid's lists of addresses that get no mail, over those of the account.

Its three lists are ours by reason: bounces, spam reports, and unsubscribes with whatever people
added by hand or by a file. Times are seconds since 1970.
"""

from collections.abc import Callable, Sequence
from typing import Any

import orjson
from aiohttp import web
from pydantic import Field, ValidationError

from console.accounts.actor import Actor, NotPermitted, NotVisible
from console.api.bearer import IDENTITY
from console.api.dialects.dialect import Backend, Route
from console.api.dialects.faults import Fault, Faulty, Schema, faults_of
from console.api.refusals import ApiRefusal
from console.suppressions.service import MAX_ADDED, SuppressionService
from mta.model.address import parse_address
from mta.model.envelope import Identity
from mta.model.errors import AddressSyntaxError, PermanentError
from mta.suppression.values import Entry, Reason

LISTS = {
    "bounces": (Reason.HARD_BOUNCE, Reason.MAILBOX_FULL),
    "spam_reports": (Reason.COMPLAINT,),
    "unsubscribes": (Reason.UNSUBSCRIBE, Reason.MANUAL, Reason.IMPORT),
}
MAX_LIMIT = 500
WHY = "removed by the application over the SendGrid dialect"
_GLOBAL = "/v3/asm/suppressions/global"
ActorOf = Callable[[Identity, str], Actor]


class Added(Schema):
    """The body that adds addresses."""

    recipient_emails: list[str] = Field(min_length=1, max_length=MAX_ADDED)


class Removed(Schema):
    """The body that removes several."""

    emails: list[str] = Field(min_length=1, max_length=MAX_LIMIT)


class SendGridSuppressions:
    """Routes of the dialect; the key needs `suppression.view` or `suppression.manage`."""

    def __init__(self, backend: Backend, service: SuppressionService, actor_of: ActorOf) -> None:
        """`actor_of` the identity and the client's address."""
        self._backend = backend
        self._service = service
        self._actor_of = actor_of

    def routes(self) -> Sequence[Route]:
        """Lists, single addresses, and the global list that can be added to."""
        found: list[Route] = []
        for name, reasons in LISTS.items():
            path = f"/v3/suppression/{name}"
            found += [
                ("GET", path, self._lister(reasons)),
                ("DELETE", path, self._remover(reasons)),
                ("GET", f"{path}/{{email}}", self._finder(reasons)),
                ("DELETE", f"{path}/{{email}}", self._remover(reasons)),
            ]
        everything = tuple(Reason)
        return (
            *found,
            ("POST", _GLOBAL, self.add),
            ("GET", f"{_GLOBAL}/{{email}}", self.is_suppressed),
            ("DELETE", f"{_GLOBAL}/{{email}}", self._remover(everything)),
        )

    async def add(self, request: web.Request) -> web.StreamResponse:
        """`{"recipient_emails": […]}`, all or none."""
        wanted = _body(Added, await self._backend.json(request))
        for n, address in enumerate(wanted.recipient_emails):
            _check(f"recipient_emails.{n}", address)
        actor, account = self._who(request)
        try:
            await self._service.add(actor, account, wanted.recipient_emails)
        except (NotPermitted, NotVisible):
            raise ApiRefusal(403, "not_permitted") from None
        return _json({"recipient_emails": wanted.recipient_emails}, 201)

    async def is_suppressed(self, request: web.Request) -> web.StreamResponse:
        """`{"recipient_email": …}`, or `{}` when the address gets mail."""
        entries = await self._entries(request, tuple(Reason), request.match_info["email"])
        return _json({"recipient_email": entries[0].address} if entries else {})

    def _lister(self, reasons: Sequence[Reason]) -> Callable[..., Any]:
        async def answer(request: web.Request) -> web.StreamResponse:
            limit, offset = _number(request, "limit", MAX_LIMIT), _number(request, "offset", 0)
            first, last = _number(request, "start_time", 0), _number(request, "end_time", 2**53)
            seen = [
                entry
                for entry in await self._entries(request, reasons, "", offset + limit)
                if first <= entry.created_ms // 1000 <= last
            ]
            return _json([_shown(entry) for entry in seen[offset : offset + limit]])

        return answer

    def _finder(self, reasons: Sequence[Reason]) -> Callable[..., Any]:
        async def answer(request: web.Request) -> web.StreamResponse:
            entries = await self._entries(request, reasons, request.match_info["email"])
            return _json([_shown(entry) for entry in entries])

        return answer

    def _remover(self, reasons: Sequence[Reason]) -> Callable[..., Any]:
        async def answer(request: web.Request) -> web.StreamResponse:
            one = request.match_info.get("email")
            emails = (
                [one]
                if one is not None
                else _body(Removed, await self._backend.json(request)).emails
            )
            for n, email in enumerate(emails):
                _check(f"emails.{n}", email)
            actor, account = self._who(request)
            gone = 0
            for email in emails:
                for reason in reasons:
                    gone += await self._remove(actor, account, email, reason)
            if not gone:
                raise ApiRefusal(404, "not_found")
            return web.Response(status=204)

        return answer

    async def _remove(self, actor: Actor, account: int, email: str, reason: Reason) -> int:
        try:
            return len(await self._service.remove(actor, account, email, WHY, reason=reason))
        except (NotPermitted, NotVisible):
            raise ApiRefusal(403, "not_permitted") from None
        except PermanentError:
            return 0  # there is none for that reason

    async def _entries(
        self, request: web.Request, reasons: Sequence[Reason], email: str, limit: int = MAX_LIMIT
    ) -> list[Entry]:
        """The newest first; of an address, its own and not those that begin like it."""
        key = _check("email", email) if email else ""
        actor, account = self._who(request)
        found: list[Entry] = []
        try:
            for reason in reasons:
                found += await self._service.entries(
                    actor, account, search=key, reason=reason, limit=limit
                )
        except (NotPermitted, NotVisible):
            raise ApiRefusal(403, "not_permitted") from None
        if key:
            found = [e for e in found if e.address and parse_address(e.address).key == key]
        return sorted(found, key=lambda entry: entry.id, reverse=True)

    def _who(self, request: web.Request) -> tuple[Actor, int]:
        identity = request[IDENTITY]
        return self._actor_of(identity, request.remote or ""), identity.account_id


def _check(field: str, email: str) -> str:
    """The form in which addresses are compared. Raises `Faulty`."""
    try:
        return parse_address(email.strip()).key
    except AddressSyntaxError as error:
        raise Faulty(Fault(field, f"Does not contain a valid address: {error}")) from None


def _number(request: web.Request, name: str, otherwise: int) -> int:
    text = request.query.get(name, str(otherwise))
    most = MAX_LIMIT if name in ("limit", "offset") else 2**53
    if not text.isascii() or not text.isdigit() or not 0 <= int(text[:20]) <= most:
        raise Faulty(Fault(name, f"expected a number, 0 to {most}"))
    return int(text)


def _shown(entry: Entry) -> dict[str, object]:
    return {
        "created": entry.created_ms // 1000,
        "email": entry.address,
        "reason": entry.note or entry.reason.value,
        "status": "",
    }


def _body(model: type[Any], body: object) -> Any:
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise Faulty(*faults_of(error)) from None


def _json(value: object, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(value), status=status, content_type="application/json")
