"""Forms of lists and the pages behind confirmation links.

GET changes nothing: scanners follow links. The form answers the same whoever is on the list, and
as fast: what follows from it is done afterwards.
"""

import asyncio
from collections.abc import Mapping

from aiohttp import web

from console.contacts.optin.service import OptinService
from console.contacts.optin.values import Confirmation, OptinList, Standing
from console.public.rendering import Page, PublicRenderer

FORM_ROUTE = "/subscribe/{token}"
CONFIRM_ROUTE = "/confirm/{token}"
_MAX_AGENT = 300
_MAX_WAITING = 200  # forms that are worked on; more are dropped: the machine is busy


class SubscribePages:
    """The handlers."""

    def __init__(self, renderer: PublicRenderer, optin: OptinService) -> None:
        self._renderer = renderer
        self._optin = optin
        self._tasks: set[asyncio.Task[None]] = set()

    def add_routes(self, app: web.Application) -> None:
        """Add the routes; they need no login."""
        app.router.add_get(FORM_ROUTE, self.form)
        app.router.add_post(FORM_ROUTE, self.subscribe)
        app.router.add_get(CONFIRM_ROUTE, self.look)
        app.router.add_post(CONFIRM_ROUTE, self.confirm)

    async def settle(self) -> None:
        """Return when what came by forms is worked on."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def form(self, request: web.Request) -> web.Response:
        """An input for an address."""
        asking = await self._asking(request)
        values = {"list": asking.name, "wording": asking.text}
        page = Page(
            "subscribe", values, ("text", "wording") if asking.text else ("text",), request.path,
            inputs=("email",),
        )  # fmt: skip
        return self._renderer.page(request, page)

    async def subscribe(self, request: web.Request) -> web.Response:
        """Always the same answer."""
        asking, form = await self._asking(request), await request.post()
        email, language = str(form.get("email", ""))[:320], self._renderer.language_of(request)
        if len(self._tasks) < _MAX_WAITING:
            work = self._optin.subscribe(asking, email, language, _evidence(request))
            task = asyncio.create_task(work)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return self._renderer.page(request, Page("subscribed", {"list": asking.name}))

    async def look(self, request: web.Request) -> web.Response:
        """A button, while there is something to confirm."""
        return self._answer(request, await self._optin.look(request.match_info["token"]))

    async def confirm(self, request: web.Request) -> web.Response:
        """The person confirms."""
        token = request.match_info["token"]
        return self._answer(request, await self._optin.confirm(token, _evidence(request)))

    def _answer(self, request: web.Request, found: Confirmation | None) -> web.Response:
        if found is None:
            raise web.HTTPNotFound
        values = {"list": found.list_name, "wording": found.text, "address": found.address}
        if found.standing is Standing.PENDING:
            lines = ("text", "wording") if found.text else ("text",)
            return self._renderer.page(request, Page("confirm", values, lines, request.path))
        if found.standing is Standing.CONFIRMED:
            return self._renderer.page(request, Page("confirmed", values))
        return self._renderer.page(request, Page("unconfirmable", values), 410)

    async def _asking(self, request: web.Request) -> OptinList:
        found = await self._optin.form(request.match_info["token"])
        if found is None:
            raise web.HTTPNotFound
        return found


def _evidence(request: web.Request) -> Mapping[str, str]:
    agent = "".join(c for c in request.headers.get("User-Agent", "") if c.isprintable())
    return {"peer": request.remote or "", "agent": agent[:_MAX_AGENT]}
