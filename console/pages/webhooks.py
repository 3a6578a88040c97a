"""`/webhooks`: endpoints of the account, their secrets, what was sent to them, tests and replays."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from console.accounts.actor import NotPermitted, NotVisible
from console.accounts.permissions import Permission
from console.accounts.signin.sessions import Session
from console.pages.account_switch import current_account
from console.pages.rendering import Renderer
from console.pages.sessions import session_of
from console.webhooks.service import WebhookService
from console.webhooks.values import Answer, Webhook
from mta.model.errors import PermanentError
from mta.model.traffic import EventType

PAGE_SIZE = 25
_NUMBER = r"{id:[0-9]{1,19}}"
_MAX = (1 << 63) - 1


class WebhookPages:
    """For those who may see webhooks; the service checks each step again."""

    def __init__(self, renderer: Renderer, service: WebhookService) -> None:
        self._renderer = renderer
        self._service = service

    def add_routes(self, app: web.Application) -> None:
        """All of them."""
        one = f"/webhooks/{_NUMBER}"
        app.router.add_get("/webhooks", self.show)
        app.router.add_post("/webhooks", self.add)
        app.router.add_get(one, self.show_one)
        app.router.add_post(one, self.change)
        app.router.add_post(f"{one}/" + "{action:pause|enable|rotate|test|remove}", self.act)
        app.router.add_post(f"{one}/replay", self.replay)

    async def show(self, request: web.Request) -> web.Response:
        """The list, and a form for a new one."""
        return await self._list(request, {})

    async def add(self, request: web.Request) -> web.StreamResponse:
        """A new one, with its secret, once."""
        session, form = session_of(request), await request.post()
        account = current_account(session)
        if account is None:
            raise web.HTTPForbidden
        values = _values(form)
        try:
            new = await self._service.add(
                session.actor, account.id, values["url"], types=values["types"],
                description=values["description"],
            )  # fmt: skip
        except (NotPermitted, NotVisible):
            raise web.HTTPForbidden from None
        except PermanentError:
            return await self._list(request, values, problem="webhooks.unfit", status=422)
        return await self._one(request, new.webhook, secret=new.secret)

    async def show_one(self, request: web.Request) -> web.Response:
        """One, with the newest of what was sent to it."""
        return await self._one(request, await self._get(request))

    async def change(self, request: web.Request) -> web.StreamResponse:
        """Another address, other events."""
        session, hook = session_of(request), await self._get(request)
        values = _values(await request.post())
        try:
            await self._service.change(session.actor, hook.id, **values)
        except NotPermitted:
            raise web.HTTPForbidden from None
        except PermanentError:
            return await self._one(
                request, hook, values=values, problem="webhooks.unfit", status=422
            )
        self._tell(request, "webhooks.changed")
        raise web.HTTPSeeOther(f"/webhooks/{hook.id}")

    async def act(self, request: web.Request) -> web.StreamResponse:
        """Pause, enable, rotate, test, remove."""
        session, hook = session_of(request), await self._get(request)
        form, action = await request.post(), request.match_info["action"]
        try:
            if action == "rotate":
                new = await self._service.rotate(session.actor, hook.id)
                return await self._one(request, new.webhook, secret=new.secret)
            if action == "test":
                self._tell_answer(request, await self._service.test(session.actor, hook.id))
            elif action == "pause":
                await self._service.pause(session.actor, hook.id)
            elif action == "enable":
                from_now = bool(form.get("from_now"))
                await self._service.enable(session.actor, hook.id, from_now=from_now)
            else:
                await self._service.remove(session.actor, hook.id)
                self._tell(request, "webhooks.removed")
                raise web.HTTPSeeOther("/webhooks")
        except NotPermitted:
            raise web.HTTPForbidden from None
        raise web.HTTPSeeOther(f"/webhooks/{hook.id}")

    async def replay(self, request: web.Request) -> web.StreamResponse:
        """The events of a line of the log once more."""
        session, hook = session_of(request), await self._get(request)
        text = str((await request.post()).get("delivery", ""))
        if not (text.isascii() and text.isdigit() and len(text) < 20):
            raise web.HTTPNotFound
        try:
            answer = await self._service.replay(session.actor, hook.id, min(int(text), _MAX))
        except NotPermitted:
            raise web.HTTPForbidden from None
        except PermanentError:
            self._tell(request, "webhooks.too_old", tone="bad")
        else:
            self._tell_answer(request, answer)
        raise web.HTTPSeeOther(f"/webhooks/{hook.id}")

    async def _get(self, request: web.Request) -> Webhook:
        number = min(int(request.match_info["id"]), _MAX)
        try:
            return await self._service.get(session_of(request).actor, number)
        except NotVisible:
            raise web.HTTPNotFound from None

    async def _list(
        self,
        request: web.Request,
        values: Mapping[str, Any],
        *,
        problem: str = "",
        status: int = 200,
    ) -> web.Response:
        session = session_of(request)
        account = current_account(session)
        if account is None or not session.actor.may(Permission.WEBHOOK_VIEW, account.id):
            raise web.HTTPForbidden
        context = {
            "webhooks": await self._service.all(session.actor, account.id),
            "may_manage": session.actor.may(Permission.WEBHOOK_MANAGE, account.id),
            "known_types": [kind.value for kind in EventType],
            "form": {"url": "", "description": "", "types": [], **values},
            "problem": problem,
        }
        return self._renderer.page(request, "webhooks.html", context, status=status)

    async def _one(
        self,
        request: web.Request,
        hook: Webhook,
        *,
        secret: str = "",
        values: Mapping[str, Any] | None = None,
        problem: str = "",
        status: int = 200,
    ) -> web.Response:
        session = session_of(request)
        before = request.query.get("before", "")
        start = int(before) if before.isascii() and before.isdigit() and len(before) < 19 else 0
        found = await self._service.deliveries(
            session.actor, hook.id, before=start, count=PAGE_SIZE + 1
        )
        shown = found[:PAGE_SIZE]
        path = f"/webhooks/{hook.id}"
        context = {
            "webhook": hook,
            "path_one": path,
            "secret": secret,
            "deliveries": shown,
            "older": f"{path}?before={shown[-1].id}" if len(found) > PAGE_SIZE else None,
            "newer": path if start else None,
            "may_manage": session.actor.may(Permission.WEBHOOK_MANAGE, hook.account),
            "known_types": [kind.value for kind in EventType],
            "form": values or {
                "url": hook.url, "description": hook.description,
                "types": [kind.value for kind in hook.types],
            },
            "problem": problem,
        }  # fmt: skip
        return self._renderer.page(request, "webhook.html", context, status=status)

    def _tell(self, request: web.Request, key: str, *, tone: str = "good") -> None:
        _say(session_of(request), self._renderer.texts(request)(key), tone)

    def _tell_answer(self, request: web.Request, answer: Answer) -> None:
        texts = self._renderer.texts(request)
        if answer.is_taken:
            text = texts("webhooks.taken", status=answer.status, ms=answer.took_ms)
            _say(session_of(request), text, "good")
        elif answer.status:
            text = texts("webhooks.not_taken", status=answer.status, answer=answer.text[:200])
            _say(session_of(request), text, "bad")
        else:
            text = texts("webhooks.no_answer", answer=answer.text[:200])
            _say(session_of(request), text, "bad")


def _say(session: Session, text: str, tone: str) -> None:
    session.tell(text, tone=tone)


def _values(form: Any) -> dict[str, Any]:
    return {
        "url": str(form.get("url", "")),
        "description": str(form.get("description", "")),
        "types": [str(name) for name in form.getall("types", [])],
    }
