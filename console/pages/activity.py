"""`/activity`: the message log of the account and its export, a mail's timeline, cancel, send again."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

from console.accounts.actor import NotPermitted, NotVisible
from console.accounts.csv_text import Cell
from console.accounts.permissions import Permission
from console.maillog.search import LogRow, Search, Standing
from console.maillog.service import Mail, MailLogService
from console.pages.account_switch import current_account
from console.pages.downloads import marked
from console.pages.forms import day_in, refusal
from console.pages.rendering import Renderer
from console.pages.sessions import session_of
from console.pages.subjects import shown_subject
from console.reports.exports.desk import ExportDesk, Order
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
_COLUMNS = (
    "accepted", "recipient", "sender", "subject", "tag", "class", "state", "attempts", "reply",
    "changed",
)  # fmt: skip
_WIDTHS = (20, 34, 30, 40, 20, 16, 22, 10, 60, 20)


class ActivityPages:
    """For those who may see mail; the service checks each step again."""

    def __init__(
        self, renderer: Renderer, service: MailLogService, zone: ZoneInfo, desk: ExportDesk
    ) -> None:
        """`zone`: in which a day of the search begins; `desk`: where long tables are made."""
        self._renderer = renderer
        self._desk = desk
        self._service = service
        self._zone = zone

    def add_routes(self, app: web.Application) -> None:
        """All of them."""
        app.router.add_get("/activity", self.show)
        app.router.add_post(r"/activity/export.{kind:csv|xlsx}", self.prepare)
        app.router.add_get(_ONE, self.show_one)
        app.router.add_post(_ONE + "/cancel", self.cancel)
        app.router.add_post(_ONE + "/resend", self.resend)

    async def show(self, request: web.Request) -> web.Response:
        """The list, narrowed by the query."""
        session = session_of(request)
        account = current_account(session)
        if account is None:
            raise web.HTTPForbidden
        given = _given(request)
        before = _number(request.query.get("before", ""))
        try:
            page = await self._service.search(
                session.actor, account.id, self._search(given), before=before, limit=PAGE_SIZE
            )
        except (NotPermitted, NotVisible):
            raise web.HTTPForbidden from None
        older = None
        kept = {name: value for name, value in given.items() if value}
        if page.next:
            older = str(request.rel_url.with_query({**kept, "before": str(page.next)}))
        values = {
            "rows": page.rows,
            "given": given,
            "is_narrowed": any(given.values()),
            "older": older,
            "states": list(Standing),
            "classes": list(TrafficClass),
            "readable": shown_subject,
            "tones": TONES,
            "exported": str(request.rel_url.with_path("/activity/export").with_query(kept)),
            "may_export": session.actor.may(Permission.EXPORT, account.id),
        }
        return self._renderer.page(request, "activity.html", values)

    async def prepare(self, request: web.Request) -> web.StreamResponse:
        """All that the query finds, made in the background; where it is made is shown next."""
        session, texts = session_of(request), self._renderer.texts(request)
        account = current_account(session)
        if account is None:
            raise web.HTTPForbidden
        session.actor.require(Permission.MAIL_VIEW, account.id)
        order = Order(
            texts("activity.title"), marked(request, texts("activity.file")),
            request.match_info["kind"], [texts(f"activity.{key}") for key in _COLUMNS], _WIDTHS,
        )  # fmt: skip
        wanted = self._search(_given(request))
        pieces = self._pieces(request, self._service.export(session.actor, account.id, wanted))
        problem = await refusal(self._desk.begin(session.actor, account.id, order, pieces))
        session.tell(problem or texts("exports.begun"), **({"tone": "bad"} if problem else {}))
        raise web.HTTPSeeOther("/exports")

    async def _pieces(
        self, request: web.Request, found: AsyncIterator[Sequence[LogRow]]
    ) -> AsyncIterator[Sequence[Sequence[Cell]]]:
        texts, zone = self._renderer.texts(request), self._renderer.zone_of(request)

        def moment(at_ms: int) -> str:
            return f"{datetime.fromtimestamp(at_ms / 1000, zone):%Y-%m-%d %H:%M:%S}"

        async for rows in found:
            yield [
                (
                    moment(one.accepted_ms), one.address, one.sender, shown_subject(one.subject),
                    ", ".join(one.tags), texts(f"activity.classes.{one.klass.label}"),
                    texts(f"activity.states.{one.standing}"), one.attempts, one.reply,
                    moment(one.changed_ms),
                )
                for one in rows
            ]  # fmt: skip

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
            "subject": shown_subject(mail.message.subject),
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


def _given(request: web.Request) -> dict[str, str]:
    """What is looked for."""
    return {name: request.query.get(name, "").strip()[:MAX_TEXT] for name in _FIELDS}


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
