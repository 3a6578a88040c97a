"""`/activity`: the message log of the account, one mail's timeline, cancel and send again."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

from console.accounts.actor import NotPermitted, NotVisible
from console.accounts.permissions import Permission
from console.maillog.search import Search, Standing
from console.maillog.service import Mail, MailLogService
from console.pages.account_switch import current_account
from console.pages.forms import day_in
from console.pages.rendering import Renderer
from console.pages.sessions import session_of
from mta.intake.header_encoding import readable
from mta.model.errors import PermanentError, TransientError
from mta.model.traffic import TrafficClass
from mta.spool.rows import MessageFlag

PAGE_SIZE = 50
MAX_TEXT = 320
_ONE = r"/activity/{id:[0-9]{1,19}}"
_MAX = (1 << 63) - 1
TONES: Mapping[str, str] = MappingProxyType(
    {
        "delivered": "good", "bounced": "bad", "expired": "bad", "suppressed": "warn",
        "cancelled": "off", "scheduled": "info", "ready": "info", "claimed": "info", "deferred": "warn",
    }
)  # fmt: skip
_FIELDS = (
    "recipient",
    "sender",
    "subject",
    "tag",
    "state",
    "class",
    "key",
    "since",
    "until",
    "provider",
)


class ActivityPages:
    """For those who may see mail; the service checks each step again."""

    def __init__(self, renderer: Renderer, service: MailLogService, zone: ZoneInfo) -> None:
        """`zone`: in which a day of the search begins."""
        self._renderer = renderer
        self._service = service
        self._zone = zone

    def add_routes(self, app: web.Application) -> None:
        """All of them."""
        app.router.add_get("/activity", self.show)
        app.router.add_get(_ONE, self.show_one)
        app.router.add_post(_ONE + "/cancel", self.cancel)
        app.router.add_post(_ONE + "/resend", self.resend)

    async def show(self, request: web.Request) -> web.Response:
        """The list, narrowed by the query."""
        session = session_of(request)
        account = current_account(session)
        if account is None:
            raise web.HTTPForbidden
        given = {name: request.query.get(name, "").strip()[:MAX_TEXT] for name in _FIELDS}
        before = _number(request.query.get("before", ""))
        try:
            page = await self._service.search(
                session.actor, account.id, self._search(given), before=before, limit=PAGE_SIZE
            )
        except (NotPermitted, NotVisible):
            raise web.HTTPForbidden from None
        older = None
        if page.next:
            kept = {name: value for name, value in given.items() if value}
            older = str(request.rel_url.with_query({**kept, "before": str(page.next)}))
        values = {
            "rows": page.rows,
            "given": given,
            "is_narrowed": any(given.values()),
            "older": older,
            "states": list(Standing),
            "classes": list(TrafficClass),
            "readable": readable,
            "tones": TONES,
        }
        return self._renderer.page(request, "activity.html", values)

    async def show_one(self, request: web.Request) -> web.Response:
        """One mail."""
        return await self._one(request)

    async def cancel(self, request: web.Request) -> web.StreamResponse:
        """End it before it is sent."""
        session, number = session_of(request), _number(request.match_info["id"])
        try:
            changed = await self._service.cancel(session.actor, number)
        except NotVisible:
            raise web.HTTPNotFound from None
        except NotPermitted:
            raise web.HTTPForbidden from None
        except PermanentError:
            changed = 0
        texts = self._renderer.texts(request)
        session.tell(texts("activity.cancelled" if changed else "activity.not_cancelled"))
        raise web.HTTPSeeOther(f"/activity/{number}")

    async def resend(self, request: web.Request) -> web.StreamResponse:
        """Send it once more."""
        session, number = session_of(request), _number(request.match_info["id"])
        try:
            made = await self._service.resend(session.actor, number)
        except NotVisible:
            raise web.HTTPNotFound from None
        except NotPermitted:
            raise web.HTTPForbidden from None
        except (PermanentError, TransientError) as error:
            texts = self._renderer.texts(request)
            problem = texts("activity.not_resent", detail=texts.said(str(error)))
            return await self._one(request, problem=problem, status=422)
        session.tell(self._renderer.texts(request)("activity.resent"))
        raise web.HTTPSeeOther(f"/activity/{made}")

    async def _one(
        self, request: web.Request, *, problem: str = "", status: int = 200
    ) -> web.Response:
        session = session_of(request)
        number = _number(request.match_info["id"])
        try:
            mail = await self._service.show(session.actor, number)
        except NotVisible:
            raise web.HTTPNotFound from None
        may = session.actor.may(Permission.MAIL_CANCEL, mail.message.account)
        free = _free_as(mail.message.flags)
        values: dict[str, Any] = {
            "mail": mail,
            "subject": readable(mail.message.subject),
            "problem": problem,
            "may_cancel": may and not mail.state.is_final,
            "may_resend": may and _can_resend(mail),
            "free": free,
            "may_refund": not free
            and session.actor.may(Permission.REFUND_PROPOSE, mail.message.account),
        }
        return self._renderer.page(request, "activity_mail.html", values, status=status)

    def _search(self, given: dict[str, str]) -> Search:
        states = {one.value: one for one in Standing}
        classes = {klass.label: klass for klass in TrafficClass}
        until = day_in(given["until"], self._zone)
        return Search(
            recipient=given["recipient"],
            sender=given["sender"],
            subject=given["subject"],
            tag=given["tag"],
            standing=states.get(given["state"]),
            klass=classes.get(given["class"]),
            credential=_number(given["key"]),
            provider=given["provider"],
            since_ms=_milliseconds(day_in(given["since"], self._zone)),
            until_ms=_milliseconds(until + timedelta(days=1) if until else None),
        )


def _can_resend(mail: Mail) -> bool:
    return mail.state.is_final and mail.message.size > 0


def _number(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0
    return number if number <= _MAX else 0


def _milliseconds(moment: datetime | None) -> int:
    return max(0, round(moment.timestamp() * 1000)) if moment else 0


def _free_as(flags: int) -> str:
    """Why a mail cost nothing, as a key of its texts; empty: it came out of the bag."""
    if flags & MessageFlag.TEST:
        return "test"
    return "training" if flags & MessageFlag.TRAINING else ""
