"""Turns a template and its values into a page in the language of who asks."""

import importlib.metadata
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import aiohttp_jinja2
import jinja2
from aiohttp import web

from console.accounts.permissions import Permission
from console.accounts.signin.sessions import Session
from console.pages.account_switch import choices, current_account
from console.pages.assets import Assets
from console.pages.language import language_of, remember
from console.pages.menu import Links, menu
from console.pages.sessions import SESSION
from console.pages.texts import LANGUAGES, Texts, load_texts
from console.pages.theme import THEMES, remember_theme, theme_of
from mta.bounces.explanations import explanation


class Renderer:
    """Knows the templates, the texts and what every page needs."""

    def __init__(self, *, language: str, timezone: str, is_sandbox: bool) -> None:
        """`language` serves who does not say; `timezone` is an IANA name."""
        self.assets = Assets()
        self._served: set[str] = set()  # paths of the application, once it is complete
        self._texts = load_texts()
        self._language = language
        self._zone = ZoneInfo(timezone)
        self._is_sandbox = is_sandbox
        # How much waits for a person's decision, and where; (0, "") without that page.
        self.inbox_of: Callable[[Session], tuple[int, str]] = lambda _: (0, "")
        # How many mails are left, for who may know; None: without a limit, or not to be told.
        self.balance_of: Callable[[Session], int | None] = lambda _: None
        self.zones = sorted(z for z in available_timezones() if "/" in z or z == "UTC")
        self._version = importlib.metadata.version("relevo")

    def setup(self, app: web.Application) -> None:
        """Prepare the application; HTML is escaped, an unknown name is an error."""
        environment = aiohttp_jinja2.setup(
            app,
            loader=jinja2.PackageLoader("console.pages"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
            default_helpers=False,
        )
        environment.globals.update(
            asset=self.assets.url, version=self._version, explanation=explanation
        )
        environment.filters.update(moment=_moment, rfc3339=_rfc3339)
        self.assets.add_routes(app)

    def texts(self, request: web.Request, language: str = "") -> Texts:
        """In the language of who asks, or in the one given."""
        return self._texts[language or language_of(request, self._language)]

    def texts_in(self, language: str) -> Texts:
        """In that language; "": in that of the settings."""
        return self._texts[language or self._language]

    def page(
        self,
        request: web.Request,
        template: str,
        values: Mapping[str, Any],
        *,
        status: int = 200,
    ) -> web.Response:
        """The page as a response."""
        texts = self.texts(request)
        context = {**self._frame(request, texts), **values}
        response = aiohttp_jinja2.render_template(template, request, context, status=status)
        response.headers["Content-Language"] = texts.language
        response.headers["Vary"] = "Accept-Language, Cookie"
        remember(request, response)
        remember_theme(request, response)
        return response

    def fragment(self, request: web.Request, template: str, values: Mapping[str, Any]) -> str:
        """A part of a page that is on the screen already, as HTML."""
        context = {**self._frame(request, self.texts(request)), **values}
        return aiohttp_jinja2.render_string(template, request, context)

    def _frame(self, request: web.Request, texts: Texts) -> dict[str, Any]:
        """What every page needs, whatever it is about."""
        url = request.rel_url
        session = request.get(SESSION)
        sections = self.menu_of(request)
        return {
            "t": texts,
            "session": session,
            "zone": self.zone_of(request),
            "account": session and current_account(session),
            "choices": choices(session) if session else (),
            "menu": sections,
            "inbox": self.inbox_of(session) if session else (0, ""),
            "balance": self.balance_of(session) if session else None,
            "has_search": "/search" in self._served,
            "pages": {item.key for section in sections for item in section.items},
            "path": request.path,
            "is_sandbox": self._is_sandbox,
            "theme": theme_of(request),
            "themes": [(code, str(url.update_query(theme=code))) for code in THEMES],
            "languages": [(code, str(url.update_query(lang=code))) for code in LANGUAGES],
        }

    def menu_of(self, request: web.Request) -> Sequence[Links]:
        """The pages that who asks may use."""
        if not self._served:
            self._served = {route.canonical for route in request.app.router.resources()}
        session = request.get(SESSION)
        return menu(request.path, partial(_may, session), self._served, is_sandbox=self._is_sandbox)

    def zone_of(self, request: web.Request) -> ZoneInfo:
        """The time zone of who asks."""
        session = request.get(SESSION)
        return ZoneInfo(session.timezone) if session and session.timezone else self._zone


@jinja2.pass_context
def _moment(context: jinja2.runtime.Context, at_ms: int) -> str:
    """Local time to the second, in the order that sorts and that both languages read."""
    return f"{datetime.fromtimestamp(at_ms / 1000, context['zone']):%Y-%m-%d %H:%M:%S}"


def _may(session: Session | None, permission: str) -> bool:
    return session is not None and session.actor.may(Permission(permission), session.account)


def _rfc3339(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="seconds")
