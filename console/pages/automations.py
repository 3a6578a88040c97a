"""`/automations`: automatic messages, their editor, and who is on the way (T-j)."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from aiohttp import web

from console.accounts.actor import Actor, NotPermitted, NotVisible
from console.accounts.permissions import Permission
from console.accounts.signin.sessions import Session
from console.automations.definition import DefinitionError, read_definition
from console.automations.ports import Choices
from console.automations.service import LAST, AutomationService
from console.automations.testing import TriedStep
from console.automations.values import Automation, EnrolmentState, RunMode
from console.pages.account_switch import current_account
from console.pages.automation_form import (
    STEPS,
    TRIGGERS,
    Draft,
    change,
    definition_of,
    draft_of,
    read_form,
)
from console.pages.automation_words import Names, in_words
from console.pages.forms import id_of
from console.pages.rendering import Renderer
from console.pages.sessions import session_of
from mta.model.errors import PermanentError

PAGE_SIZE = 25
_NUMBER = r"{id:[0-9]{1,19}}"
_MAX = (1 << 63) - 1


class AutomationPages:
    """For those who see campaigns; the service checks each step again."""

    def __init__(self, renderer: Renderer, service: AutomationService, choices: Choices) -> None:
        self._renderer = renderer
        self._service = service
        self._choices = choices

    def add_routes(self, app: web.Application) -> None:
        """All of them."""
        one = f"/automations/{_NUMBER}"
        app.router.add_get("/automations", self.show)
        app.router.add_get("/automations/new", self.new)
        app.router.add_post("/automations/new", self.create)
        app.router.add_get(one, self.show_one)
        app.router.add_get(f"{one}/edit", self.edit)
        app.router.add_post(f"{one}/edit", self.save)
        app.router.add_post(f"{one}/secret", self.secret)
        app.router.add_post(f"{one}/rotate", self.rotate)
        app.router.add_post(f"{one}/test", self.test)
        app.router.add_post(f"{one}/" + "{action:activate|pause|archive}", self.act)

    async def show(self, request: web.Request) -> web.Response:
        """The list."""
        session = self._viewer(request)
        before = id_of(request.query.get("before", "")) or LAST
        archived = bool(request.query.get("archived"))
        found = await self._service.list(
            session.actor, archived=archived, before=before, count=PAGE_SIZE + 1
        )
        older = f"/automations?before={found[PAGE_SIZE - 1].id}" if len(found) > PAGE_SIZE else ""
        context = {
            "automations": [(one, read_definition(one.definition)) for one in found[:PAGE_SIZE]],
            "older": older,
            "archived": archived,
            "may_edit": session.actor.may(Permission.CAMPAIGN_EDIT, session.account),
        }
        return self._renderer.page(request, "automations.html", context)

    async def secret(self, request: web.Request) -> web.Response:
        """The same page with what its webhook steps are signed with; it is noted who saw it."""
        return await self._with_secret(request, self._service.webhook_secret)

    async def rotate(self, request: web.Request) -> web.Response:
        """The same page with a new secret; the one before signs too for a day."""
        return await self._with_secret(request, self._service.rotate_secret)

    async def _with_secret(
        self, request: web.Request, found_by: Callable[[Actor, int], Awaitable[str]]
    ) -> web.Response:
        automation = await self._get(request)
        session = self._viewer(request)
        try:
            secret = await found_by(session.actor, automation.id)
        except (NotPermitted, NotVisible):
            raise web.HTTPForbidden from None
        except PermanentError as error:
            return await self._show_one(request, secret_problem=str(error))
        return await self._show_one(request, secret=secret)

    async def test(self, request: web.Request) -> web.Response:
        """The same page with what each step did or would do; its mails go to who asks."""
        automation = await self._get(request)
        session = self._viewer(request)
        address = str((await request.post()).get("address", ""))[:320]
        language = self._renderer.texts(request).language
        tried: Sequence[TriedStep] = ()
        problem = ""
        try:
            tried = await self._service.test(
                session.actor, automation.id, session.email, address=address, language=language
            )
        except NotPermitted:
            raise web.HTTPForbidden from None
        except PermanentError as error:
            problem = str(error)
        return await self._show_one(request, tried=tried, problem=problem, tested=address)

    async def show_one(self, request: web.Request) -> web.Response:
        """Its steps with figures, and who is on the way."""
        return await self._show_one(request)

    async def _show_one(
        self,
        request: web.Request,
        *,
        secret: str = "",
        secret_problem: str = "",
        tried: Sequence[TriedStep] = (),
        problem: str = "",
        tested: str = "",
    ) -> web.Response:
        automation = await self._get(request)
        session = self._viewer(request)
        wanted = request.query.get("state", "")
        state = EnrolmentState[wanted.upper()] if wanted in _STATES else None
        people = await self._service.enrolments(
            session.actor, automation.id, state=state, count=PAGE_SIZE + 1,
            before=id_of(request.query.get("before", "")) or LAST,
        )  # fmt: skip
        older = ""
        if len(people) > PAGE_SIZE:
            last = people[PAGE_SIZE - 1][0].id
            older = str(request.rel_url.update_query(before=str(last)))
        definition = read_definition(automation.definition)
        names = Names(
            dict(await self._choices.lists(automation.account)),
            dict(await self._choices.campaigns(automation.account)),
            dict(await self._choices.templates(automation.account)),
        )
        context = {
            "automation": automation,
            "definition": definition,
            "figures": await self._service.figures(session.actor, automation.id),
            "people": people[:PAGE_SIZE],
            "names": await self._choices.addresses(
                automation.account, [one.contact for one, _ in people[:PAGE_SIZE]]
            ),
            "older": older,
            "state": wanted,
            "states": _STATES,
            "words": in_words(definition, names, self._renderer.texts(request)),
            "may_edit": session.actor.may(Permission.CAMPAIGN_EDIT, automation.account),
            "may_send": session.actor.may(Permission.CAMPAIGN_SEND, automation.account),
            "may_sign": session.actor.may(Permission.CAMPAIGN_SEND, automation.account),
            "may_test": session.actor.may(Permission.CAMPAIGN_TEST, automation.account),
            "to": session.email,
            "secret": secret,
            "secret_problem": secret_problem,
            "tried": tried,
            "problem": problem,
            "tested": tested,
        }
        return self._renderer.page(
            request, "automation.html", context, status=422 if problem or secret_problem else 200
        )

    async def new(self, request: web.Request) -> web.Response:
        """An empty editor, with one mail in it."""
        session = self._editor(request)
        first = {"kind": "send", "id": "send1"}
        return await self._form(request, session.account, Draft(steps=[first]))

    async def create(self, request: web.Request) -> web.StreamResponse:
        """A button of the editor, or a new draft."""
        session = self._editor(request)
        draft, do = await _posted(request)
        if change(draft, do):
            return await self._form(request, session.account, draft)
        try:
            made = await self._service.create(
                session.actor, session.account, draft.name,
                definition_of(draft, str(self._renderer.zone_of(request))),
                sender=draft.sender, sender_name=draft.sender_name, mode=RunMode(draft.mode),
            )  # fmt: skip
        except (NotPermitted, NotVisible):
            raise web.HTTPForbidden from None
        except (PermanentError, ValueError) as error:
            return await self._form(request, session.account, draft, error)
        session.tell(self._renderer.texts(request)("automations.made"))
        raise web.HTTPSeeOther(f"/automations/{made.id}")

    async def edit(self, request: web.Request) -> web.Response:
        """The editor with what is stored."""
        automation = await self._get(request)
        self._editor(request)
        draft = draft_of(
            automation.definition, name=automation.name, sender=automation.sender,
            sender_name=automation.sender_name, mode=automation.mode.value,
        )  # fmt: skip
        return await self._form(request, automation.account, draft, automation=automation)

    async def save(self, request: web.Request) -> web.StreamResponse:
        """A button of the editor, or a new version."""
        automation = await self._get(request)
        session = self._editor(request)
        draft, do = await _posted(request)
        if change(draft, do):
            return await self._form(request, automation.account, draft, automation=automation)
        zone = read_definition(automation.definition).timezone
        try:
            await self._service.edit(
                session.actor, automation.id, name=draft.name,
                definition=definition_of(draft, zone), sender=draft.sender,
                sender_name=draft.sender_name, mode=RunMode(draft.mode),
                seen_ms=id_of(str((await request.post()).get("seen", ""))),
            )  # fmt: skip
        except (NotPermitted, NotVisible):
            raise web.HTTPForbidden from None
        except (PermanentError, ValueError) as error:
            return await self._form(
                request, automation.account, draft, error, automation=automation
            )
        session.tell(self._renderer.texts(request)("automations.saved"))
        raise web.HTTPSeeOther(f"/automations/{automation.id}")

    async def act(self, request: web.Request) -> web.StreamResponse:
        """Activate, pause, archive."""
        automation = await self._get(request)
        session = self._viewer(request)
        action = request.match_info["action"]
        work = {
            "activate": self._service.activate,
            "pause": self._service.pause,
            "archive": self._service.archive,
        }[action]
        texts = self._renderer.texts(request)
        try:
            await work(session.actor, automation.id)
        except (NotPermitted, NotVisible):
            raise web.HTTPForbidden from None
        except PermanentError as error:
            session.tell(texts("automations.not_done", reason=texts.said(str(error))), tone="bad")
        else:
            session.tell(texts(f"automations.told.{action}"))
        raise web.HTTPSeeOther(f"/automations/{automation.id}")

    # -- parts ---------------------------------------------------------------------------------

    def _viewer(self, request: web.Request) -> Session:
        session = session_of(request)
        account = current_account(session)
        if account is None or not session.actor.may(Permission.CAMPAIGN_VIEW, account.id):
            raise web.HTTPForbidden
        return session

    def _editor(self, request: web.Request) -> Session:
        session = self._viewer(request)
        if not session.actor.may(Permission.CAMPAIGN_EDIT, session.account):
            raise web.HTTPForbidden
        return session

    async def _get(self, request: web.Request) -> Automation:
        number = min(int(request.match_info["id"]), _MAX)
        try:
            return await self._service.get(session_of(request).actor, number)
        except NotVisible:
            raise web.HTTPNotFound from None

    async def _form(
        self,
        request: web.Request,
        account: int,
        draft: Draft,
        error: Exception | None = None,
        *,
        automation: Automation | None = None,
    ) -> web.Response:
        problems: Sequence[tuple[str, str]] = ()
        if isinstance(error, DefinitionError):
            problems = error.problems
        elif error is not None:
            problems = (("", str(error)),)
        context: Mapping[str, Any] = {
            "draft": draft,
            "problems": problems,
            "triggers": TRIGGERS,
            "kinds": STEPS,
            "automation": automation,
            "lists": await self._choices.lists(account),
            "campaigns": await self._choices.campaigns(account),
            "templates": await self._choices.templates(account),
            "senders": await self._choices.senders(account),
        }
        return self._renderer.page(
            request, "automation_form.html", context, status=422 if error else 200
        )


_STATES = tuple(state.name.lower() for state in EnrolmentState)


async def _posted(request: web.Request) -> tuple[Draft, str]:
    form = await request.post()
    days = [str(one) for one in form.getall("days", [])]
    weekdays = [str(one) for one in form.getall("weekdays", [])]
    texts = {name: value for name, value in form.items() if isinstance(value, str)}
    return read_form(texts, weekdays, days), texts.get("do", "save")
