"""The status page: which version this is, whether it takes mail, where help is."""

from collections.abc import Mapping

from aiohttp import web

from console.pages.rendering import Renderer
from mta.engine.health import Health


class StatusPage:
    """`/status`."""

    def __init__(self, renderer: Renderer, health: Health, facts: Mapping[str, str]) -> None:
        """`facts` are shown as they are, each under the text `status.<name>`."""
        self._renderer = renderer
        self._health = health
        self._facts = facts

    async def show(self, request: web.Request) -> web.Response:
        """The page."""
        values = {"problems": self._health.why_not_ready(), "facts": self._facts}
        return self._renderer.page(request, "status.html", values)
