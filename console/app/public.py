"""Builds what the public reaches: on `[public] listen`, or on the console's listener."""

import socket
from collections.abc import Sequence

from aiohttp import web

from console.app.templates import TemplateParts
from console.app.topics import ContactTopics
from console.app.tracking import TrackingParts
from console.contacts.optin.service import OptinService
from console.pages.rendering import Renderer
from console.public.media import MediaPages
from console.public.rendering import PublicRenderer
from console.public.subscribing import SubscribePages
from console.public.tracking import TrackingPages
from console.public.unsubscribe import UnsubscribePages
from console.public.viewing import ViewPages
from console.web.limits import http_limits
from console.web.public_site import PublicSite
from mta.engine.engine import Engine
from mta.model.rendering import ContentRenderer, ContentTracker


class PublicFace:
    """The public routes, and the listener of their own if there is one."""

    def __init__(
        self,
        engine: Engine,
        tracking: TrackingParts,
        templates: ContentRenderer,
        tracker: ContentTracker,
        saved: TemplateParts,
        optin: OptinService,
        sockets: Sequence[socket.socket] | None = None,
    ) -> None:
        """`engine` and `tracking` are running; `sockets` (systemd's) replace `[public] listen`."""
        settings = engine.settings
        self._renderer = PublicRenderer(settings.server.language)
        self._unsubscribe = UnsubscribePages(
            self._renderer, engine.feedback.effects, engine.installation_key,
            engine.foundation.clock,
            ContactTopics(
                engine.foundation.store, engine.foundation.ids, engine.foundation.clock
            ),
        )  # fmt: skip
        assert tracking.ingest is not None
        self._tracking = TrackingPages(
            tracking.tokens, tracking.links, tracking.merges, tracking.ingest.keep,
            engine.foundation.clock,
        )  # fmt: skip
        self._views = ViewPages(
            self._renderer, tracking.tokens, engine.foundation.store, templates, tracker
        )
        self._media = MediaPages(saved.media)
        self.subscribing = SubscribePages(self._renderer, optin)
        self._site: PublicSite | None = None
        if settings.public.listen is not None:
            self._site = PublicSite(
                settings.public, self._renderer, engine.health, self._add_routes, sockets,
                limits=http_limits(settings, settings.public), metrics=engine.metrics,
                clock=engine.foundation.clock,
            )  # fmt: skip

    def console_area(self, app: web.Application, _: Renderer) -> None:
        """On the console's listener, unless there is one of its own."""
        if self._site is None:
            self._add_routes(app)

    async def start(self) -> None:
        """Listen. Raises `ConfigurationError`."""
        if self._site is not None:
            await self._site.start()

    def reload(self) -> None:
        """Use the certificate's files as they are now. Raises `ConfigurationError`."""
        if self._site is not None:
            self._site.reload()

    async def close(self) -> None:
        """Stop listening."""
        if self._site is not None:
            await self._site.close()

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Where its own listener listens."""
        return self._site.addresses if self._site is not None else []

    def _add_routes(self, app: web.Application) -> None:
        self._renderer.add_routes(app)
        self._unsubscribe.add_routes(app)
        self._tracking.add_routes(app)
        self._views.add_routes(app)
        self._media.add_routes(app)
        self.subscribing.add_routes(app)
