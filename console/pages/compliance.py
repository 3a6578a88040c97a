"""`/compliance`: each clause of the contract, where it is met, and what there is of it now.

Evidence is computed when the page is asked for; where there is none the page says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from aiohttp import web

from console.accounts.csv_text import Cell
from console.accounts.permissions import Permission
from console.accounts.signin.sessions import Session
from console.pages.account_switch import current_account
from console.pages.compliance_facts import TELLERS, Fact, Support, View
from console.pages.rendering import Renderer
from console.pages.sessions import session_of
from console.pages.table_files import in_one, require_export, send_table
from console.pages.texts import Texts
from console.reports.compliance import ComplianceService
from mta.model.clock import Clock

# Where each clause is met: keys of the menu. Those that this console does not serve are left out.
WHERE: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        "a": ("imports", "campaigns", "campaign_calendar", "credentials"),
        "b": ("reports", "report_providers", "report_contract", "report_api"),
        "c": ("subaccounts", "users", "quota"),
        "d": ("campaigns",),
        "e": ("deliverability_page", "domains", "suppressions"),
        "f": ("credentials", "webhooks", "activity"),
        "g": ("reports", "report_contract"),
        "h": ("gallery", "templates"),
        "i": ("reports", "campaigns"),
        "j": ("automations",),
        "k": ("users",),
        "l": ("templates", "contacts"),
        "m": ("campaigns", "campaign_calendar"),
        "n": ("templates", "campaigns"),
        "o": ("quota", "report_api"),
        "p": ("subaccounts", "manuals"),
        "q": ("refunds", "approvals"),
        "r": ("usage_reports", "report_contract"),
        "s": ("quota",),
        "t": ("audit", "privacy", "consents"),
        "u": ("support",),
        "v": ("handover", "evidence"),
    }
)


@dataclass(frozen=True, slots=True)
class Clause:
    """One row of the page."""

    letter: str
    title: str
    words: str
    where: Sequence[tuple[str, str]]  # path, name
    facts: Sequence[Fact]

    @property
    def key(self) -> str:
        """As the tender is keyed: `T-a`."""
        return f"T-{self.letter}"


class CompliancePages:
    """For who may read the audit trail: owners, administrators, auditors."""

    def __init__(
        self, renderer: Renderer, service: ComplianceService, support: Support, clock: Clock
    ) -> None:
        self._renderer = renderer
        self._service = service
        self._support = support
        self._clock = clock

    def add_routes(self, app: web.Application) -> None:
        """Both."""
        app.router.add_get("/compliance", self.show)
        app.router.add_get("/compliance.{kind}", self.export)

    async def show(self, request: web.Request) -> web.Response:
        """The matrix."""
        session = session_of(request)
        account = _account(session)
        clauses = await self._clauses(request, account)
        values: dict[str, Any] = {
            "clauses": clauses,
            "shown": sum(1 for clause in clauses if clause.facts),
            "now_ms": self._clock.now_ms(),
            "may_export": session.actor.may(Permission.EXPORT, account),
        }
        return self._renderer.page(request, "compliance.html", values)

    async def export(self, request: web.Request) -> web.StreamResponse:
        """A line for each piece of evidence."""
        texts, account = self._renderer.texts(request), _account(session_of(request))
        require_export(request, account)
        nothing = texts("compliance.nothing")
        lines: list[Sequence[Cell]] = []
        for clause in await self._clauses(request, account):
            where = ", ".join(name for _, name in clause.where)
            lines += [
                (clause.key, clause.title, clause.words, where, fact)
                for fact in [fact.text for fact in clause.facts] or [nothing]
            ]
        headings = [
            texts(f"compliance.{key}") for key in ("key", "clause", "words", "where", "evidence")
        ]
        widths = (8, 30, 60, 40, 70)
        return await send_table(request, texts("compliance.file"), headings, in_one(lines), widths)

    async def _clauses(self, request: web.Request, account: int) -> Sequence[Clause]:
        texts, zone = self._renderer.texts(request), self._renderer.zone_of(request)
        found = await self._service.gather(session_of(request).actor, account)
        view = View(texts, found, self._support, lambda at_ms: texts.moment(at_ms, zone))
        paths = {
            item.key: item.path
            for section in self._renderer.menu_of(request)
            for item in section.items
        }
        return [_clause(texts, letter, view, paths) for letter in TELLERS]


def _clause(texts: Texts, letter: str, view: View, paths: Mapping[str, str]) -> Clause:
    where = [(paths[key], texts(f"menu.{key}")) for key in WHERE[letter] if key in paths]
    title, words = (texts(f"compliance.{letter}.{key}") for key in ("title", "words"))
    return Clause(letter, title, words, where, TELLERS[letter](view))


def _account(session: Session) -> int:
    account = current_account(session)
    if account is None:
        raise web.HTTPForbidden
    return account.id
