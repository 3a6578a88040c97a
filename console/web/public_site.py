"""What the public reaches, on a listener of its own: nothing of the console exists there."""

import socket
from collections.abc import Callable, Sequence

import structlog
from aiohttp import web
from aiohttp.typedefs import Middleware

from console.public.rendering import PublicRenderer
from console.web.crowd import crowd_middleware
from console.web.forwarded import Handler, forwarded_middleware
from console.web.gate import Gate, GateMetrics
from console.web.headers import add_headers
from console.web.limits import HttpLimits
from console.web.site import Site
from mta.engine.health import Health, add_health_routes
from mta.model.clock import Clock
from mta.model.errors import TransientError
from mta.settings.console_schema import Public

RETRY_AFTER_S = 5
MAX_REQUEST_BYTES = 16 * 1024  # a form of two fields


class PublicSite:
    """`[public] listen`; `start()`, then `close()`."""

    def __init__(
        self,
        settings: Public,
        renderer: PublicRenderer,
        health: Health,
        add_routes: Callable[[web.Application], None],
        sockets: Sequence[socket.socket] | None = None,
        *,
        limits: HttpLimits | None = None,
        metrics: GateMetrics | None = None,
        clock: Clock | None = None,
    ) -> None:
        """`add_routes` adds the public routes; `settings.listen` is set.

        Given sockets (socket activation) replace that address.
        """
        self._sockets = sockets
        assert settings.listen is not None
        self._settings = settings
        self._renderer = renderer
        self._health = health
        self._add_routes = add_routes
        self.gate = Gate(
            "public",
            limits or HttpLimits(settings.max_connections, settings.max_connections_per_address),
            trusted=settings.trusted_proxies,
            metrics=metrics,
            clock=clock,
        )
        self._site = Site(
            "public", settings.listen, settings.tls_certificate, settings.tls_key, self.gate
        )
        self._log = structlog.get_logger("relevo.public")

    async def start(self) -> None:
        """Listen. Raises `ConfigurationError` when the address is taken or the certificate is bad."""
        proxies = self._settings.trusted_proxies
        app = web.Application(
            middlewares=[
                forwarded_middleware(proxies),
                self._failures(),
                crowd_middleware(self.gate, proxies),
            ],
            client_max_size=MAX_REQUEST_BYTES,
        )
        app.on_response_prepare.append(add_headers)
        add_health_routes(app, self._health)
        self._add_routes(app)
        await self._site.start(app, self._sockets)

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Where it listens."""
        return self._site.addresses

    def reload(self) -> None:
        """Use the certificate's files as they are now. Raises `ConfigurationError`."""
        self._site.reload()

    async def close(self) -> None:
        """Stop listening and end what runs."""
        await self._site.close()

    def _failures(self) -> Middleware:
        """Exceptions become pages."""

        @web.middleware
        async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
            try:
                return await handler(request)
            except web.HTTPException as error:
                if error.status < 400:
                    raise
                response = self._renderer.failure(request, error.status)
                for name in ("Allow", "Retry-After"):
                    if name in error.headers:
                        response.headers[name] = error.headers[name]
                return response
            except TransientError as error:
                self._log.warning("request_not_answered", path=request.path, error=str(error))
                response = self._renderer.failure(request, 503)
                response.headers["Retry-After"] = str(RETRY_AFTER_S)
                return response
            except ConnectionResetError:  # gone in the middle of its body: no error of ours
                return web.Response(status=400)
            except Exception:
                self._log.exception("request_failed", method=request.method, path=request.path)
                return self._renderer.failure(request, 500)

        return answer
