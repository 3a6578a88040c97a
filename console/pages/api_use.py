"""`/reports/api`: what applications asked of the API and of SMTP, by key and day, and how fast it was."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from aiohttp import web

from console.accounts.csv_text import Cell
from console.accounts.permissions import Permission
from console.accounts.usage.service import Group, UsageQuery, UsageRow, UsageService
from console.pages.account_switch import current_account
from console.pages.charting import framed
from console.pages.periods import Calendar, Days, today_of
from console.pages.rendering import Renderer
from console.pages.sessions import session_of
from console.pages.table_files import in_one, require_export, send_table
from console.pages.texts import Texts
from console.reports.charts import Chart, Point, bars
from mta.model.clock import Clock

HALF, MOST = 0.50, 0.95
_NUMBERS = ("requests", "accepted", "rejected", "errors", "recipients")


@dataclass(frozen=True, slots=True)
class Use:
    """The same use, told apart in four ways."""

    total: UsageRow | None
    days: Sequence[UsageRow]
    doors: Sequence[UsageRow]
    keys: Sequence[UsageRow]  # by key and door
    lines: Sequence[UsageRow]  # by day, key and door


class ApiUsePages:
    """For those who may see reports; the service checks again."""

    def __init__(self, renderer: Renderer, usage: UsageService, clock: Clock) -> None:
        self._renderer = renderer
        self._usage = usage
        self._clock = clock

    def add_routes(self, app: web.Application) -> None:
        """Both."""
        app.router.add_get("/reports/api", self.show)
        app.router.add_get("/reports/api.{kind}", self.export)

    async def show(self, request: web.Request) -> web.Response:
        """Sums, a chart of the days, tables by key, door and day."""
        texts, session = self._renderer.texts(request), session_of(request)
        account = _account(request)
        session.actor.require(Permission.REPORT_VIEW, account)
        calendar = Calendar(today_of(request, self._renderer, self._clock))
        days = calendar.chosen(request.query)
        use = await self._read(request, account, days)
        values: dict[str, Any] = {
            "days": days,
            "options": calendar.options(),
            "use": use,
            "chart": _chart(texts, use.days, days) if use.days else None,
            "door": lambda name: door_name(texts, name),
            "half": HALF,
            "most": MOST,
            "may_export": session.actor.may(Permission.EXPORT, account),
            "may_look": session.actor.may(Permission.MAIL_VIEW, account),
        }
        return self._renderer.page(request, "reports_api.html", values)

    async def export(self, request: web.Request) -> web.StreamResponse:
        """A line for each day, key and door."""
        texts, account = self._renderer.texts(request), _account(request)
        require_export(request, account)
        calendar = Calendar(today_of(request, self._renderer, self._clock))
        use = await self._read(request, account, calendar.chosen(request.query))
        headings = [
            texts(f"apiuse.{key}") for key in ("day", "key", "door", *_NUMBERS, "half", "most")
        ]
        lines = [_line(texts, row) for row in use.lines]
        widths = (12, 28, 16, *(13,) * (len(_NUMBERS) + 2))
        return await send_table(request, texts("apiuse.file"), headings, in_one(lines), widths)

    async def _read(self, request: web.Request, account: int, days: Days) -> Use:
        actor = session_of(request).actor

        async def rows(*groups: Group) -> Sequence[UsageRow]:
            query = UsageQuery(days.first, days.last, frozenset(groups), account)
            return (await self._usage.report(actor, query)).rows

        total = await rows()
        keys = await rows(Group.CREDENTIAL, Group.DOOR)
        return Use(
            total[0] if total else None,
            await rows(Group.DAY),
            sorted(await rows(Group.DOOR), key=lambda row: -row.requests),
            sorted(keys, key=lambda row: -row.requests),
            await rows(Group.DAY, Group.CREDENTIAL, Group.DOOR),
        )


def door_name(texts: Texts, door: str) -> str:
    """In words; dialects have the names of their makers."""
    known: Mapping[str, str] = {"api": "API", "smtp": "SMTP"}
    if door in known:
        return known[door]
    return texts.by_key.get(f"apiuse.doors.{door}", door.replace("_", " ").title())


def _line(texts: Texts, row: UsageRow) -> Sequence[Cell]:
    return (
        row.day or "", row.credential_name or "–", door_name(texts, row.door or ""),
        *(getattr(row, name) for name in _NUMBERS),
        row.latency_ms(HALF), row.latency_ms(MOST),
    )  # fmt: skip


def _chart(texts: Texts, rows: Sequence[UsageRow], days: Days) -> Chart:
    asked = Counter({row.day: row.requests for row in rows})
    frame = framed(
        texts, "use", texts("apiuse.by_day"), (texts("apiuse.day"), texts("apiuse.requests"))
    )
    points = [
        Point(f"{day:%d/%m}", asked[day.isoformat()])
        for day in (days.first + timedelta(days=n) for n in range(days.count))
    ]
    return bars(frame, points)


def _account(request: web.Request) -> int:
    account = current_account(session_of(request))
    if account is None:
        raise web.HTTPForbidden
    return account.id
