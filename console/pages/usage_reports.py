"""`/reports/usage`: the bimonthly reports, asking for one, one with its files, the schedule (T-r)."""

import hashlib
from collections.abc import Mapping
from datetime import date
from typing import Any, Protocol
from urllib.parse import urlencode

from aiohttp import web

from console.accounts.actor import Actor
from console.accounts.permissions import Permission
from console.pages.account_switch import choices
from console.pages.forms import id_of, text_of
from console.pages.rendering import Renderer
from console.pages.sessions import session_of
from console.reports.usage.book import LAST, MAILED, PAGE, BadReport, Order, ReportBook
from console.reports.usage.making import ReportMaker, file_name
from console.reports.usage.schedule import Schedule, Scheduler
from console.reports.workbooks import XLSX
from mta.model.errors import PermanentError

LIST = "/reports/usage"
VERIFY = f"{LIST}/verify"
MAX_FILE = 24 * 1024 * 1024  # octets of a file that is verified
CUSTOM = "custom"
_TYPES = {"pdf": "application/pdf", "xlsx": XLSX, "json": "application/json"}
_ONE = LIST + r"/{id:[0-9]{1,19}}"


class Calendar(Protocol):
    """Days and numbers of accounts."""

    async def today(self, account: int) -> date:
        """The day it is for an account."""
        ...

    async def series_of(self, account: int, last: date) -> int:
        """Where a report of an account is numbered."""
        ...


class UsageReportPages:
    """For those who may see reports; who may export asks for one and takes its files."""

    def __init__(
        self,
        renderer: Renderer,
        book: ReportBook,
        maker: ReportMaker,
        scheduler: Scheduler,
        calendar: Calendar,
    ) -> None:
        self._renderer = renderer
        self._book = book
        self._maker = maker
        self._scheduler = scheduler
        self._calendar = calendar

    def add_routes(self, app: web.Application) -> None:
        """All of them."""
        app.router.add_get(LIST, self.list)
        app.router.add_get(f"{LIST}/new", self.ask)
        app.router.add_post(f"{LIST}/new", self.order)
        app.router.add_get(f"{LIST}/schedule", self.schedule)
        app.router.add_post(f"{LIST}/schedule", self.change)
        app.router.add_post(VERIFY, self.verify)
        app.router.add_get(_ONE, self.show)
        app.router.add_get(_ONE + r"/file.{format:pdf|xlsx|json}", self.file)
        app.router.add_post(_ONE + "/mail", self.mail)
        app.router.add_post(_ONE + "/again", self.again)

    async def list(self, request: web.Request) -> web.Response:
        """The newest first, with what comes next."""
        return await self._list(request)

    async def ask(self, request: web.Request) -> web.Response:
        """The form."""
        session_of(request).actor.require(Permission.EXPORT, _account(request))
        return await self._form(request, {})

    async def order(self, request: web.Request) -> web.StreamResponse:
        """Ask for it; it is made in the background."""
        session, form = session_of(request), await request.post()
        account = id_of(text_of(form, "account")) or _account(request)
        session.actor.require(Permission.EXPORT, account)
        try:
            first, last = _days(form)
            order = Order(
                account, await self._calendar.series_of(account, last), first, last,
                text_of(form, "language"), addresses_in(text_of(form, "addressees", 8_000)),
                text_of(form, "formats") or MAILED[-1],
            )  # fmt: skip
            report = await self._book.add(session.actor, order, await self._calendar.today(account))
        except PermanentError as error:
            if not isinstance(error, BadReport):
                raise
            return await self._form(request, form, str(error))
        self._maker.wake()
        raise web.HTTPSeeOther(f"{LIST}/{report.id}")

    async def show(self, request: web.Request) -> web.Response:
        """One of them: how far it is, its files, sending it again."""
        return await self._one(request)

    async def file(self, request: web.Request) -> web.Response:
        """A file of it."""
        session, kind = session_of(request), request.match_info["format"]
        report = await self._book.get(session.actor, _id(request))
        data = await self._book.content(session.actor, report.id, kind)
        name = file_name(report, self._renderer.texts(request)("usage_report.file"), kind)
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return web.Response(body=data, content_type=_TYPES[kind], headers=headers)

    async def mail(self, request: web.Request) -> web.StreamResponse:
        """Send it again."""
        session, form = session_of(request), await request.post()
        people = addresses_in(text_of(form, "addressees", 8_000))
        try:
            problem = await self._maker.mail(session.actor, _id(request), people)
        except BadReport as error:
            problem = str(error)
        if problem:
            return await self._one(request, problem)
        session.tell(self._renderer.texts(request).count("usage_report.mailed_to", len(people)))
        raise web.HTTPSeeOther(f"{LIST}/{_id(request)}")

    async def again(self, request: web.Request) -> web.StreamResponse:
        """Try to make one that failed."""
        try:
            await self._book.again(session_of(request).actor, _id(request))
        except BadReport as error:
            return await self._one(request, str(error))
        self._maker.wake()
        raise web.HTTPSeeOther(f"{LIST}/{_id(request)}")

    async def schedule(self, request: web.Request) -> web.Response:
        """Whether reports are made by themselves, and for whom."""
        return await self._schedule(request)

    async def change(self, request: web.Request) -> web.StreamResponse:
        """Put it."""
        session, form = session_of(request), await request.post()
        chosen = Schedule(
            _account(request), bool(text_of(form, "is_on")), text_of(form, "language"),
            addresses_in(text_of(form, "addressees", 8_000)),
            text_of(form, "formats") or MAILED[-1],
        )  # fmt: skip
        try:
            await self._scheduler.change(session.actor, chosen)
        except BadReport as error:
            return await self._schedule(request, chosen, str(error))
        session.tell(self._renderer.texts(request)("usage_report.schedule_kept"))
        raise web.HTTPSeeOther(LIST)

    async def verify(self, request: web.Request) -> web.Response:
        """Whether a file is the original of a report."""
        form = await request.post()
        field = form.get("file")
        if not isinstance(field, web.FileField) or not field.filename:
            raise web.HTTPSeeOther(LIST)
        try:
            digest = hashlib.file_digest(field.file, "sha256").hexdigest()  # type: ignore[arg-type]  # as a file
        finally:
            field.file.close()
        found = await self._book.find(session_of(request).actor, digest)
        return await self._list(
            request, {"verified": found, "verified_name": field.filename, "verified_hash": digest}
        )

    # -- inside --------------------------------------------------------------------------------

    async def _list(
        self, request: web.Request, more: Mapping[str, Any] | None = None
    ) -> web.Response:
        session, account = session_of(request), _account(request)
        before = id_of(request.query.get("before", "")) or LAST
        accounts = [one.id for one in choices(session) if _may(session.actor, one.id)]
        found = await self._book.list(session.actor, accounts, before=before, count=PAGE + 1)
        shown = found[:PAGE]
        older = f"{LIST}?{urlencode({'before': shown[-1].id})}" if len(found) > PAGE else None
        values = {
            "reports": shown,
            "older": older,
            "newer": LIST if before != LAST else None,
            "accounts": session.accounts,
            "chosen": await self._scheduler.get(session.actor, account),
            "coming": await self._scheduler.next_of(account),
            "step": self._maker.step,
            **self._rights(request, account),
            **(more or {"verified_hash": ""}),
        }
        return self._renderer.page(request, "usage_reports.html", values)

    async def _one(self, request: web.Request, problem: str = "") -> web.Response:
        session = session_of(request)
        report = await self._book.get(session.actor, _id(request))
        values = {
            "report": report,
            "files": await self._book.files(session.actor, report.id),
            "step": self._maker.step,
            "accounts": session.accounts,
            "problem": problem,
            **self._rights(request, report.account),
        }
        status = 422 if problem else 200
        return self._renderer.page(request, "usage_report.html", values, status=status)

    async def _form(
        self, request: web.Request, form: Mapping[str, Any], problem: str = ""
    ) -> web.Response:
        session, account = session_of(request), _account(request)
        texts = self._renderer.texts(request)
        today = await self._calendar.today(account)
        presets = [
            (f"{p.first}/{p.last}", texts("usage_report.period", first=texts.date(p.first),
                                          last=texts.date(p.last)))
            for p in await self._scheduler.past_of(account)
        ]  # fmt: skip
        coming = await self._scheduler.next_of(account)
        if coming is not None:
            words = texts("usage_report.until_today", first=texts.date(coming.first))
            presets.append((f"{coming.first}/{today}", words))
        values = {
            "form": form,
            "problem": problem,
            "presets": presets,
            "custom": CUSTOM,
            "today": today,
            "own": account,
            "offered": [one for one in choices(session) if _may_export(session.actor, one.id)],
            "language": texts.language,
        }
        status = 422 if problem else 200
        return self._renderer.page(request, "usage_report_new.html", values, status=status)

    async def _schedule(
        self, request: web.Request, chosen: Schedule | None = None, problem: str = ""
    ) -> web.Response:
        session, account = session_of(request), _account(request)
        held = await self._scheduler.get(session.actor, account)
        values = {
            "chosen": chosen or held,
            "problem": problem,
            "coming": await self._scheduler.next_of(account),
            **self._rights(request, account),
        }
        status = 422 if problem else 200
        return self._renderer.page(request, "usage_schedule.html", values, status=status)

    def _rights(self, request: web.Request, account: int) -> Mapping[str, bool]:
        actor = session_of(request).actor
        return {
            "may_export": _may_export(actor, account),
            "may_schedule": actor.may(Permission.SETTINGS_MANAGE, account),
        }


def addresses_in(text: str) -> tuple[str, ...]:
    """Addresses that stand in lines, or with commas or semicolons between them; each once."""
    parts = text.replace(",", "\n").replace(";", "\n").split("\n")
    return tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))


def _days(form: Mapping[str, Any]) -> tuple[date, date]:
    chosen = text_of(form, "period")
    first, _, last = chosen.partition("/")
    if not last:
        first, last = text_of(form, "first"), text_of(form, "last")
    try:
        return date.fromisoformat(first), date.fromisoformat(last)
    except ValueError:
        raise BadReport("choose the first and the last day") from None


def _account(request: web.Request) -> int:
    return session_of(request).account


def _id(request: web.Request) -> int:
    return id_of(request.match_info["id"])


def _may(actor: Actor, account: int) -> bool:
    return actor.may(Permission.REPORT_VIEW, account)


def _may_export(actor: Actor, account: int) -> bool:
    return _may(actor, account) and actor.may(Permission.EXPORT, account)
