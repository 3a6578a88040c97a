"""`/search`: a page, a campaign, an address, a mail or a contact by a few letters.

An address shows what became of its last mails and why it gets none any more. Works as a page of its
own; the field for it stands on every page (Ctrl-K goes there).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from console.accounts.actor import NotVisible
from console.accounts.permissions import Permission
from console.campaigns.states import CampaignStatus
from console.maillog.search import LogRow, Search
from console.maillog.service import Mail, MailLogService
from console.pages import activity, campaign_words
from console.pages.account_switch import current_account
from console.pages.forms import id_of
from console.pages.menu import Links
from console.pages.rendering import Renderer
from console.pages.sessions import session_of
from console.pages.subjects import shown_subject
from console.pages.texts import Texts
from console.search.service import SearchService, plain
from console.suppressions.service import SuppressionService
from mta.model.address import parse_address
from mta.model.errors import AddressSyntaxError
from mta.suppression.values import Entry

MAX_TEXT = 320
MAILS = 10


@dataclass(frozen=True, slots=True)
class FoundPage:
    """One of the menu."""

    path: str
    icon: str
    text: str


class SearchPages:
    """For everybody who is signed in; each part only for who may see it."""

    def __init__(
        self,
        renderer: Renderer,
        service: SearchService,
        log: MailLogService,
        suppressions: SuppressionService,
    ) -> None:
        self._renderer = renderer
        self._service = service
        self._log = log
        self._suppressions = suppressions

    def add_routes(self, app: web.Application) -> None:
        """The one."""
        app.router.add_get("/search", self.show)

    async def show(self, request: web.Request) -> web.Response:
        """What fits, by kind; nothing is asked of the store without a text."""
        text = request.query.get("q", "").strip()[:MAX_TEXT]
        session, texts = session_of(request), self._renderer.texts(request)
        found: dict[str, Any] = {
            "pages_found": [], "campaigns": [], "contacts": [], "mails": [], "mail": None,
            "suppressed": [],
        }  # fmt: skip
        account = current_account(session)
        if text and account is not None:
            found["pages_found"] = _pages(self._renderer.menu_of(request), texts, text)
            may = session.actor.may
            if may(Permission.CAMPAIGN_VIEW, account.id):
                found["campaigns"] = await self._service.campaigns(session.actor, account.id, text)
            if may(Permission.CONTACT_VIEW, account.id):
                found["contacts"] = await self._service.contacts(session.actor, account.id, text)
            if may(Permission.MAIL_VIEW, account.id):
                found["mails"] = await self._mails(request, account.id, text)
                found["mail"] = await self._mail(request, text)
            if "@" in text and may(Permission.SUPPRESSION_VIEW, account.id):
                found["suppressed"] = await self._suppressed(request, account.id, text)
        values = {
            "q": text,
            **found,
            "is_empty": not any(found.values()),
            "is_address": _is_address(text),
            "campaign_tones": {str(s): tone for s, tone in campaign_words.TONES.items()},
            "statuses": list(CampaignStatus),
            "tones": activity.TONES,
            "readable": shown_subject,
            "may_remove": account is not None
            and session.actor.may(Permission.SUPPRESSION_MANAGE, account.id),
        }
        return self._renderer.page(request, "search.html", values)

    async def _mails(self, request: web.Request, account: int, text: str) -> Sequence[LogRow]:
        """The last ones to an address."""
        if not _is_address(text):
            return ()
        actor = session_of(request).actor
        return (await self._log.search(actor, account, Search(recipient=text), limit=MAILS)).rows

    async def _mail(self, request: web.Request, text: str) -> Mail | None:
        """The one with that id, of a message or of one of its deliveries."""
        number = id_of(text)
        if not number or number >= 1 << 63:
            return None
        try:
            return await self._log.show(session_of(request).actor, number)
        except NotVisible:
            return None

    async def _suppressed(self, request: web.Request, account: int, text: str) -> Sequence[Entry]:
        actor = session_of(request).actor
        return await self._suppressions.entries(actor, account, search=text, limit=MAILS)


def _pages(menu: Sequence[Links], texts: Texts, text: str) -> list[FoundPage]:
    """Those of the menu with all the words in their names."""
    words = plain(text).split() if len(text) > 1 else ["\n"]  # one letter is in most of them
    found = []
    for section in menu:
        for item in section.items:
            name = texts(f"menu.{item.key}")
            whole = plain(f"{texts(f'menu.{section.key}')} {name}" if section.key else name)
            if all(word in whole for word in words):
                found.append(FoundPage(item.path, item.icon, name))
    return found


def _is_address(text: str) -> bool:
    try:
        parse_address(text)
    except AddressSyntaxError:
        return False
    return True
