"""What monitors ask: `/metrics`, `/healthz` (the process runs), `/readyz` (it can take mail).

On an address of its own, without login: bind it where only the monitoring reaches it.
"""

import asyncio
from collections.abc import Callable

import prometheus_client
from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from mta.model.errors import ConfigurationError
from mta.settings.values import HostPort


class Health:
    """Whether the server can take mail, and why not."""

    def __init__(self) -> None:
        self.problems: dict[str, Callable[[], str]] = {}

    def check(self, name: str, problem: Callable[[], str]) -> None:
        """`problem()` gives what is wrong with `name`, empty when nothing is."""
        self.problems[name] = problem

    def why_not_ready(self) -> dict[str, str]:
        """Everything that is wrong now."""
        return {name: text for name, problem in self.problems.items() if (text := problem())}


class HealthServer:
    """The small HTTP server of `[metrics] listen`."""

    def __init__(self, listen: HostPort, registry: CollectorRegistry, health: Health) -> None:
        self._listen = listen
        self._registry = registry
        self._health = health
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen. Raises `ConfigurationError` when the address is taken."""
        app = web.Application()
        app.router.add_get("/metrics", self._metrics)
        add_health_routes(app, self._health)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._listen.host, self._listen.port).start()
        except OSError as error:
            await self._runner.cleanup()
            raise ConfigurationError(
                f"[metrics] listen = {self._listen}: cannot listen there: {error.strerror}"
            ) from error

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Where it listens."""
        return [address[:2] for address in self._runner.addresses] if self._runner else []

    async def close(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            async with asyncio.timeout(5.0):
                await self._runner.cleanup()

    async def _metrics(self, _: web.Request) -> web.Response:
        body = prometheus_client.generate_latest(self._registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})


def add_health_routes(app: web.Application, health: Health) -> None:
    """`/healthz` and `/readyz`, for this server and for the console's."""

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def readyz(_: web.Request) -> web.Response:
        problems = health.why_not_ready()
        return web.json_response(
            {"status": "not ready" if problems else "ready", "problems": problems},
            status=503 if problems else 200,
        )

    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
