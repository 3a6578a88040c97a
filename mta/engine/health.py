"""What monitors ask: `/healthz` (the process runs), `/readyz` (it can take mail)."""

from collections.abc import Callable

from aiohttp import web


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


def add_health_routes(app: web.Application, health: Health) -> None:
    """`/healthz` and `/readyz`, for every listener that answers HTTP."""

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
