"""What monitors ask: `/metrics`, `/healthz` (the process runs), `/readyz` (it can take mail).

On an address of its own, without login: bind it where only the monitoring reaches it. Whoever does
reach it has no more places and no more time than clients of the other listeners.
"""

import prometheus_client
from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from console.web.gate import Gate, GateMetrics
from console.web.limits import HttpLimits
from console.web.site import Site
from mta.engine.health import Health, add_health_routes
from mta.model.clock import Clock
from mta.settings.values import HostPort

# A few monitors, each with a connection or two; mail keeps the descriptors.
LIMITS = HttpLimits(max_connections=32, max_per_address=16)
MAX_REQUEST_BYTES = 16 * 1024


class MetricsSite:
    """The small HTTP listener of `[metrics] listen`."""

    def __init__(
        self,
        listen: HostPort,
        registry: CollectorRegistry,
        health: Health,
        *,
        limits: HttpLimits = LIMITS,
        metrics: GateMetrics | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Shows `registry` and `health`; `metrics` counts who connects."""
        self._registry = registry
        self._health = health
        self.gate = Gate("metrics", limits, metrics=metrics, clock=clock)
        self._site = Site("metrics", listen, None, None, self.gate)

    async def start(self) -> None:
        """Listen. Raises `ConfigurationError` when the address is taken."""
        app = web.Application(client_max_size=MAX_REQUEST_BYTES)
        app.router.add_get("/metrics", self._metrics)
        add_health_routes(app, self._health)
        await self._site.start(app)

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Where it listens."""
        return self._site.addresses

    async def close(self) -> None:
        """Stop listening and end what runs."""
        await self._site.close()

    async def _metrics(self, _: web.Request) -> web.Response:
        body = prometheus_client.generate_latest(self._registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})
