"""Joins the dialects of other providers to the queue."""

from functools import partial

from console.accounts.actor import Actor
from console.api.bearer import BearerCheck
from console.api.dialects.dialect import Backend
from console.api.dialects.registry import add_dialects, dialects
from console.api.reading import BodyReader
from console.app.api import build_send_service
from console.app.services import Services
from console.web.application import Doors
from mta.engine.engine import Engine
from mta.model.envelope import Identity
from mta.spool.inspection import QueueReader

MAX_BODY = 50 * 1024 * 1024  # octets; the largest that one of the providers takes (Postmark)
MAX_OPEN_BODY = 256 * 1024  # octets, with everybody's test key


def dialect_doors(engine: Engine, services: Services) -> Doors:
    """What adds their routes to the HTTP server."""
    backend = Backend(
        BearerCheck(services.authenticator),
        BodyReader(MAX_BODY),
        BodyReader(MAX_OPEN_BODY),
        build_send_service(engine, services),
    )

    def actor_of(identity: Identity, address: str) -> Actor:
        return services.actors.of_identity(identity, address=address)

    lists = services.areas.suppressions.service
    base = engine.foundation
    spoken = dialects(
        backend, base.clock, lists, actor_of,
        flows_of=QueueReader(base.store, base.clock).flows,
        cancel=services.queue.operations["queue.cancel"],
    )  # fmt: skip
    return partial(add_dialects, spoken=spoken, backend=backend)
