"""A feedback listener over a queue on disk, for tests that talk to it."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from console.public.rendering import PublicRenderer
from console.public.unsubscribe import UnsubscribePages
from console.web.public_site import PublicSite
from mta.bounces.classifier import Classifier
from mta.engine.health import Health
from mta.feedback.addresses import FeedbackAddresses
from mta.feedback.effects import FeedbackEffects
from mta.feedback.letters import FOLDER, Letters
from mta.feedback.server import FeedbackServer
from mta.feedback.session import FeedbackLimits
from mta.intake.return_path import ReturnPathHosts, ReturnPaths
from mta.intake.tokens import DeliveryTokens, Purpose
from mta.model.traffic import DeliveryState
from mta.settings.console_schema import Public
from mta.settings.values import HostPort
from tests.integration.queue_stand import Stand

DOMAIN = "b.example.org"
DEADLINE_S = 20


class Counts:
    """Counts results as the metric does."""

    def __init__(self) -> None:
        self.results: Counter[str] = Counter()

    def feedback(self, result: str) -> None:
        self.results[result] += 1


class FeedbackStand:
    """Queue, listener, and the tokens of this installation."""

    key = b"k" * 32

    def __init__(self, stand: Stand, directory: Path, limits=None, tls=None) -> None:
        self.queue = stand
        self.counts = Counts()
        self.directory = directory
        self.returns = ReturnPaths(self.key, ReturnPathHosts(DOMAIN))
        self.leaves = DeliveryTokens(self.key, Purpose.UNSUBSCRIBE)
        self.effects = FeedbackEffects(stand.store, stand.clock, Classifier.load())
        self.server = FeedbackServer(
            [HostPort("127.0.0.1", 0)],
            hostname="relevo.example.org",
            addresses=FeedbackAddresses(self.key, ReturnPathHosts(DOMAIN)),
            effects=self.effects,
            letters=Letters(directory, stand.clock),
            metrics=self.counts,
            tls=lambda: tls,
            limits=limits or FeedbackLimits(),
        )

    async def delivered(self, address: str = "ana@example.com"):
        flow = await self.queue.flow(f"flow {address}")
        (delivery,) = await self.queue.put(flow, address=address)
        await self.queue.finish(delivery, DeliveryState.DELIVERED, "250 ok")
        return delivery

    async def state(self, delivery) -> DeliveryState:
        return (await self.effects.find(delivery.id)).state

    def letters(self) -> list[bytes]:
        folder = self.directory / FOLDER
        return [path.read_bytes() for path in sorted(folder.glob("*"))] if folder.exists() else []

    async def connect(self) -> "Wire":
        host, port = self.server.addresses[0]
        reader, writer = await asyncio.open_connection(host, port)
        return Wire(reader, writer)


class Wire:
    """One SMTP session, written by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def reply(self) -> str:
        """The next reply, its lines joined; empty at the end of the session."""
        lines = []
        async with asyncio.timeout(DEADLINE_S):
            while line := (await self.reader.readline()).decode():
                lines.append(line.rstrip("\r\n"))
                if line[3:4] != "-":
                    break
        return "\n".join(lines)

    async def say(self, line: str | bytes) -> str:
        data = line if isinstance(line, bytes) else f"{line}\r\n".encode()
        self.writer.write(data)
        return await self.reply()

    async def greet(self) -> "Wire":
        assert (await self.reply()).startswith("220 relevo.example.org")
        assert (await self.say("EHLO mx.example.com")).startswith("250")
        return self

    async def send(self, recipient: str, content: bytes, sender: str = "") -> str:
        """The reply to the mail, or to the recipient when that is refused."""
        assert (await self.say(f"MAIL FROM:<{sender}>")).startswith("250")
        reply = await self.say(f"RCPT TO:<{recipient}>")
        if not reply.startswith("250"):
            return reply
        assert (await self.say("DATA")).startswith("354")
        return await self.say(content.replace(b"\r\n.", b"\r\n..") + b".\r\n")

    async def end(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


@asynccontextmanager
async def public_pages(
    stand: FeedbackStand, queue: Stand, *arguments: Any
) -> AsyncIterator[tuple[PublicSite, aiohttp.ClientSession]]:
    """The public site with the pages of unsubscribing, and a client; `arguments` are theirs."""
    renderer = PublicRenderer("es")
    pages = UnsubscribePages(renderer, stand.effects, stand.key, queue.clock, *arguments)

    def add_routes(app: web.Application) -> None:
        renderer.add_routes(app)
        pages.add_routes(app)

    site = PublicSite(Public(listen="127.0.0.1:0"), renderer, Health(), add_routes)
    await site.start()
    host, port = site.addresses[0]
    async with aiohttp.ClientSession(f"http://{host}:{port}") as http:
        yield site, http
    await site.close()
    await stand.server.close()
