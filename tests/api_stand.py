"""The send service on a real store and a real intake, with a dispatcher that only remembers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import orjson

from console.api.messages.request import MessageRequest
from console.api.messages.result import SendResult
from console.api.messages.service import SendService
from console.content.rendering import Renderer
from mta.intake.batch import BatchIntake
from mta.model.envelope import Identity, Origin
from mta.model.rendering import Occasion
from mta.store.sqlite import SqliteStore
from mta.store.statements import SqlFile, StatementPackage
from tests.intake_stand import BAG, ME, Ready, Stand

HTTP = Origin("HTTP", "192.0.2.7", "client.example.org")


class Told(Ready):
    """Remembers rows on disk, too."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[tuple[int, int, int, int, str]] = []

    def stored(self, rows: Any) -> None:
        self.rows += rows


class ApiStand(Stand):
    """A stand with the service on top; `send` takes the JSON of a request."""

    def __init__(self, store: SqliteStore, **options: Any) -> None:
        super().__init__(store, **options)
        self.told = Told()
        self.batches = BatchIntake(
            store=store,
            flows=self.flows,
            admission=self.intake._admission,
            ids=self.ids,
            listener=self.told,
            clock=self.clock,
            suppression=self.suppressed,
            site_of=lambda domain: 5 if domain == "known.example" else 0,
            renderer=Renderer(),
            metrics=self.counters,
            **{name: options[name] for name in ("policy",) if name in options},
        )
        self.service = SendService(self.intake, self.batches, store, max_message_bytes=1_000_000)

    async def post(
        self, *, identity: Identity = ME, key: str = "", joined: Any = None, **request: Any
    ) -> SendResult:
        """Send what the keyword arguments say; `from` and a text are there if left out."""
        full: dict[str, Any] = {"from": {"email": "app@example.org"}, "text": "Hola", **request}
        read = MessageRequest.model_validate_json(orjson.dumps(full))
        return await self.service.send(
            identity, read, origin=HTTP, idempotency_key=key, joined=joined
        )

    async def mail(self) -> EmailMessage:
        """What is stored of the last message, read by Python's parser."""
        return parsed(await self.content())

    async def rendered(self, n: int = 0) -> bytes:
        """The mail of the n-th recipient of the last message, as it would go out."""
        message = (await self.messages())[-1]["id"]
        rows = await self.store.read("test_merges", message=message)
        delivery, address, merge = rows[n]
        occasion = Occasion(
            delivery, address, "<1@x.test>", "Sun, 22 Nov 2026 10:00:00 +0000", merge
        )
        return Renderer().load(await self.content()).render(occasion)


def parsed(content: bytes) -> EmailMessage:
    """A mail as a reader sees it."""
    return message_from_bytes(content, policy=policy.default)


MERGES = """
-- name: test_merges
SELECT id, address, coalesce(merge, '') FROM delivery WHERE message = :message ORDER BY id;
"""


@asynccontextmanager
async def open_api_stand(path: Path, **options: Any) -> AsyncIterator[ApiStand]:
    """A stand on a store in `path`."""
    merges = StatementPackage("tests.merges", (SqlFile("merges", "", MERGES),), ())
    packages = [
        StatementPackage.of("mta.spool"),
        StatementPackage.of("console.api"),
        StatementPackage.of("console.maillog"),
        BAG,
        merges,
    ]
    store = await SqliteStore.open(path, packages)
    try:
        yield ApiStand(store, **options)
    finally:
        await store.close()
