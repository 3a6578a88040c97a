"""The API as a whole: its routes, what serves them, and the document that describes them."""

from collections.abc import Sequence
from typing import Protocol

import orjson
from aiohttp import web

from console.api.endpoint import Endpoints
from console.api.idempotency import Idempotency
from console.api.openapi import document
from console.api.pace import Pace
from console.api.reading import BodyReader
from console.api.routes import Answer, Call, Route
from mta.model.clock import Clock
from mta.store.base import Store

DOCUMENT = "/api/v1/openapi.json"
SPARE_BYTES = 2 * 1024 * 1024  # of a request beside the mail in it


class RouteGroup(Protocol):
    """Endpoints of one resource."""

    def routes(self) -> Sequence[Route]:
        """Their table."""
        ...


class Api:
    """Everything under `/api/v1`."""

    def __init__(
        self,
        groups: Sequence[RouteGroup],
        *,
        store: Store,
        clock: Clock,
        language: str,
        server: str,
        version: str,
        max_message_bytes: int,
    ) -> None:
        """`server`: the URL that clients use, for the document."""
        described = Route(
            "GET", DOCUMENT, "getDocument", "This document", self._describe, (), is_open=True
        )
        self.routes: Sequence[Route] = (
            *(route for group in groups for route in group.routes()),
            described,
        )
        self._document = orjson.dumps(document(self.routes, server=server, version=version))
        self.idempotency = Idempotency(store, clock)
        self._endpoints = Endpoints(
            # What is attached comes in base64.
            reader=BodyReader(max_message_bytes * 4 // 3 + SPARE_BYTES),
            idempotency=self.idempotency,
            pace=Pace(clock),
            language=language,
        )

    def add_to(self, app: web.Application) -> None:
        """Serve the routes."""
        self._endpoints.add_routes(app, self.routes)

    async def _describe(self, _: Call) -> Answer:
        return Answer(body=self._document)
