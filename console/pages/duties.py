"""`/privacy/retention`: what is kept how long; `/privacy/processor`: the processor's report (T-t)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from aiohttp import web

from console.accounts.incidents.register import IncidentRegister, RegisterFilter
from console.accounts.permissions import Permission
from console.accounts.signin.sessions import Session
from console.accounts.tree import by_id, line_of
from console.pages.documents_sent import send_document
from console.pages.forms import day_in
from console.pages.rendering import Renderer
from console.pages.sessions import session_of
from console.privacy.duties import MOST_COUNTED, DutyReader
from mta.model.clock import Clock
from mta.settings.console_schema import Processor

_QUARTER_MS = 90 * 24 * 3_600_000
_SHOWN = 200


class DutyPages:
    """For those who see the audit trail, about the account they work in and those below it."""

    def __init__(
        self, renderer: Renderer, duties: DutyReader, register: IncidentRegister,
        processor: Processor, clock: Clock, server: str,
    ) -> None:  # fmt: skip
        """`server`: the installation's host name."""
        self._renderer = renderer
        self._duties = duties
        self._register = register
        self._processor = processor
        self._clock = clock
        self._server = server

    def add_routes(self, app: web.Application) -> None:
        """Both."""
        app.router.add_get("/privacy/retention", self.retention)
        app.router.add_get("/privacy/processor", self.report)

    async def retention(self, request: web.Request) -> web.Response:
        """How long, by which setting, what goes next."""
        session = _session(request)
        since, until = self._period(request)
        zone = self._renderer.zone_of(request)
        values = {
            "kept": await self._duties.retention(session.actor, _tree(session)),
            "most": MOST_COUNTED,
            "account_name": session.accounts[session.account].name,
            "since": _day(since, zone),
            "until": _day(until - 1, zone),
            "may_erase": session.actor.may(Permission.PRIVACY_MANAGE, session.account),
        }
        return self._renderer.page(request, "retention.html", values)

    async def report(self, request: web.Request) -> web.Response:
        """The report for a period, as a document."""
        session, (since, until) = _session(request), self._period(request)
        tree = _tree(session)
        incidents = await self._register.page(
            session.actor, RegisterFilter(since_ms=since, until_ms=until), count=_SHOWN
        )
        own = [one for one in incidents if one.incident.account in tree]
        zone = self._renderer.zone_of(request)
        values = {
            "account": await self._duties.account(session.actor, tree, since, until),
            "kept": await self._duties.retention(session.actor, tree),
            "incidents": [(one, self._register.countdown(one)) for one in own],
            "account_name": session.accounts[session.account].name,
            "below": len(tree) - 1,
            "processor": self._processor,
            "server": self._server,
            "since_ms": since,
            "until_ms": until,
            "made_ms": self._clock.now_ms(),
            "by": session.email,
        }
        name = f"processor-{_day(since, zone)}-{_day(until - 1, zone)}"
        return await send_document(request, self._renderer, "processor_report.html", values, name)

    def _period(self, request: web.Request) -> tuple[int, int]:
        """From the first day to the end of the last one; without any the last 90 days."""
        zone = self._renderer.zone_of(request)
        first = day_in(request.query.get("since", ""), zone)
        last = day_in(request.query.get("until", ""), zone)
        now_ms = self._clock.now_ms()
        until = round((last + timedelta(days=1)).timestamp() * 1000) if last else now_ms
        since = round(first.timestamp() * 1000) if first else until - _QUARTER_MS
        return max(0, since), max(until, since + 1)


def _session(request: web.Request) -> Session:
    session = session_of(request)
    session.actor.require(Permission.AUDIT_VIEW, session.account)
    return session


def _tree(session: Session) -> Sequence[int]:
    known = by_id(session.accounts.values())
    below = [
        number
        for number, account in known.items()
        if number != session.account
        and any(above.id == session.account for above in line_of(account, known))
        and session.actor.may(Permission.AUDIT_VIEW, number)
    ]
    return [session.account, *below]


def _day(at_ms: int, zone: ZoneInfo) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, zone):%Y-%m-%d}"
