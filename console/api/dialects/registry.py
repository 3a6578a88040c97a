"""All dialects of the host: one line each."""

from collections.abc import Sequence

from aiohttp import web

from console.api.dialects.dialect import NOT_FOUND, Backend, Dialect, Failure, Handler, guarded
from console.api.dialects.postmark import Postmark
from console.api.dialects.sendgrid import SendGrid
from console.api.dialects.sendgrid_batches import Cancel, FlowsOf, SendGridBatches
from console.api.dialects.sendgrid_suppressions import ActorOf, SendGridSuppressions
from console.suppressions.service import SuppressionService
from mta.model.clock import Clock


def dialects(
    backend: Backend,
    clock: Clock,
    suppressions: SuppressionService,
    actor_of: ActorOf,
    *,
    flows_of: FlowsOf,
    cancel: Cancel,
) -> Sequence[Dialect]:
    """Those that this release speaks; paths of two never overlap."""
    return (
        SendGrid(
            backend,
            SendGridSuppressions(backend, suppressions, actor_of),
            SendGridBatches(backend, flows_of, cancel, actor_of),
        ),
        Postmark(backend, clock),
    )


def add_dialects(
    app: web.Application, spoken: Sequence[Dialect], backend: Backend
) -> frozenset[str]:
    """Add their routes; gives their resources, which check keys themselves.

    Whatever else is asked below a dialect's paths gets the provider's own 404.
    """
    paths = set()
    for dialect in spoken:
        for method, path, handler in dialect.routes():
            paths.add(_add(app, method, path, guarded(dialect, backend, handler)))
        for prefix in dialect.prefixes:
            path = f"{prefix.rstrip('/')}/{{tail:.*}}"
            paths.add(_add(app, "*", path, guarded(dialect, backend, _missing(dialect))))
    return frozenset(paths)


def _add(app: web.Application, method: str, path: str, handler: Handler) -> str:
    resource = app.router.add_route(method, path, handler).resource
    assert resource is not None
    return resource.canonical


def _missing(dialect: Dialect) -> Handler:
    async def answer(_: web.Request) -> web.StreamResponse:
        return dialect.failed(Failure(404, NOT_FOUND))

    return answer
