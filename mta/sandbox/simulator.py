"""The receiving simulator as a whole: listens, keeps, and does what follows a delivery.

It runs in the caller's event loop. What follows a delivery (complaint, late bounce, open, click,
the check of signatures) waits in a bounded queue for one task; when the queue is full, it does not
happen and is counted, because the answers to the sender must not wait for it.
"""

import asyncio
import ssl
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from email.utils import formatdate
from typing import NamedTuple, Self

import structlog
from aiosmtpd.smtp import Envelope, Session

from mta.model.clock import Clock, SystemClock
from mta.model.ids import IdGenerator
from mta.sandbox.behaviour import AFTERMATH, READING, Behaviour, behaviour_of
from mta.sandbox.content import decode_words, split_headers, tracking_urls
from mta.sandbox.inbox import Inbox, ReceivedMessage
from mta.sandbox.reports import build_bounce, build_complaint
from mta.sandbox.session import SandboxHandler, SandboxProtocol, tls_of
from mta.sandbox.signatures import KeyLookup, check_signatures

SLOW_S = 5.0
MAX_MESSAGE_BYTES = 32 * 1024 * 1024
MAX_WAITING = 1000
MAX_READERS = 10_000  # whose mail has come and is not read yet
READ_AFTER_S = 20.0  # what is read sooner looks like a machine's
MAX_FEEDBACK = 1000
FOLLOW_UP_TIMEOUT_S = 30.0
BACKLOG = 1024  # asyncio's default of 100 overflows when many clients connect at once

SendFeedback = Callable[[str, str, bytes], Awaitable[None]]  # (mail_from, rcpt_to, content)
Fetch = Callable[[str], Awaitable[None]]


class Feedback(NamedTuple):
    """A mail that came back and that nobody took."""

    mail_from: str
    rcpt_to: str
    content: bytes


class _FollowUp(NamedTuple):
    behaviour: Behaviour | None  # None: check the signatures
    message_id: int
    recipient: str


class Simulator:
    """A mail server for tests and the sandbox mode; `start()`, then `close()`, or `async with`."""

    def __init__(
        self,
        listen: Sequence[tuple[str, int]] = (("127.0.0.1", 0),),
        *,
        hostname: str = "sandbox.invalid",
        tls_context: ssl.SSLContext | None = None,
        inbox: Inbox | None = None,
        clock: Clock | None = None,
        send_feedback: SendFeedback | None = None,
        fetch: Fetch | None = None,
        public_host: str = "",
        dkim_keys: KeyLookup | None = None,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        slow_s: float = SLOW_S,
        read_after_s: float = READ_AFTER_S,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Nothing happens yet. Readers open and click `read_after_s` after their mail came.

        `send_feedback` takes complaints and late bounces (None: they are kept in `feedback`);
        `fetch` gets the URLs of opens and clicks, only those on `public_host` (`host[:port]` of the
        public URL); `dkim_keys` finds TXT records (None: signatures are not checked).
        """
        self.inbox = inbox if inbox is not None else Inbox()
        self.feedback: deque[Feedback] = deque(maxlen=MAX_FEEDBACK)
        self.counts: Counter[str] = Counter()  # recipients taken by behaviour; "skipped" follow-ups
        self.addresses: tuple[tuple[str, int], ...] = ()
        self._listen = tuple(listen)
        self._hostname = hostname
        self._tls_context = tls_context
        self._clock = clock or SystemClock()
        self._ids = IdGenerator(clock_ns=lambda: self._clock.now_ms() * 1_000_000)
        self._send_feedback = send_feedback
        self._fetch = fetch
        self._public_host = public_host
        self._dkim_keys = dkim_keys
        self._max_message_bytes = max_message_bytes
        self._handler = SandboxHandler(self._take, slow_s=slow_s, sleep=sleep)
        self._live: set[SandboxProtocol] = set()
        self._servers: list[asyncio.Server] = []
        self._waiting: asyncio.Queue[_FollowUp] = asyncio.Queue(MAX_WAITING)
        self._read_after_s = read_after_s
        # What is read later, with the moment (of the loop): all wait equally long, the first is next.
        self._readers: asyncio.Queue[tuple[float, str]] = asyncio.Queue(MAX_READERS)
        self._workers: tuple[asyncio.Task[None], ...] = ()
        self._log = structlog.get_logger("relevo.sandbox")

    async def start(self) -> None:
        """Listen; `addresses` then tells where (port 0 takes a free one)."""
        loop = asyncio.get_running_loop()

        def connect() -> SandboxProtocol:
            return SandboxProtocol(
                self._handler,
                loop=loop,
                hostname=self._hostname,
                max_message_bytes=self._max_message_bytes,
                tls_context=self._tls_context,
                live=self._live,
            )

        for host, port in self._listen:
            server = await loop.create_server(connect, host, port, backlog=BACKLOG)
            self._servers.append(server)
        names = [sock.getsockname() for server in self._servers for sock in server.sockets]
        self.addresses = tuple((name[0], name[1]) for name in names)
        workers = {"relevo-sandbox": self._follow_up()}
        if self._fetch is not None:
            workers["relevo-sandbox-readers"] = self._read(self._fetch)
        self._workers = tuple(
            asyncio.create_task(work, name=name) for name, work in workers.items()
        )

    async def close(self) -> None:
        """Stop listening, close the connections, drop what still waits to follow."""
        for server in self._servers:
            server.close()
        await asyncio.gather(*(protocol.stop() for protocol in list(self._live)))
        self._servers.clear()
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        self._workers = ()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.close()

    async def settle(self) -> None:
        """Return once everything that followed the deliveries so far is done."""
        await self._waiting.join()
        await self._readers.join()

    def _take(self, envelope: Envelope, session: Session) -> int:
        raw = envelope.content if isinstance(envelope.content, bytes) else b""
        headers = split_headers(raw)
        first = {name.lower(): value for name, value in reversed(headers)}
        sender = "" if envelope.mail_from in (None, "<>") else str(envelope.mail_from)
        message = ReceivedMessage(
            id=self._ids.new(),
            at_ms=self._clock.now_ms(),
            mail_from=sender,
            rcpt_to=tuple(envelope.rcpt_tos),
            subject=decode_words(first.get("subject", "")),
            from_header=decode_words(first.get("from", "")),
            headers=headers,
            size_bytes=len(raw),
            raw=raw,
            peer=str(session.peer[0]) if session.peer else "",
            helo=str(session.host_name or ""),
            tls=tls_of(session),
        )
        self.inbox.add(message)
        if self._dkim_keys is not None:
            self._enqueue(_FollowUp(None, message.id, ""))
        for recipient in message.rcpt_to:
            behaviour = behaviour_of(recipient)
            self.counts[behaviour.value] += 1
            if behaviour in AFTERMATH:
                self._enqueue(_FollowUp(behaviour, message.id, recipient))
        return message.id

    def _enqueue(self, follow_up: _FollowUp) -> None:
        try:
            self._waiting.put_nowait(follow_up)
        except asyncio.QueueFull:
            self.counts["skipped"] += 1

    async def _follow_up(self) -> None:
        while True:
            follow_up = await self._waiting.get()
            try:
                async with asyncio.timeout(FOLLOW_UP_TIMEOUT_S):
                    await self._do(follow_up)
            except Exception as error:  # one that fails must not end those behind it
                self._log.warning(
                    "sandbox follow-up failed",
                    behaviour=follow_up.behaviour,
                    recipient=follow_up.recipient,
                    error=repr(error),
                )
            finally:
                self._waiting.task_done()

    async def _do(self, follow_up: _FollowUp) -> None:
        message = self.inbox.get(follow_up.message_id)
        if message is None:  # gave way to newer ones
            self.counts["skipped"] += 1
        elif follow_up.behaviour is None:
            await self._check_dkim(message)
        elif follow_up.behaviour in READING:
            await self._visit(message, follow_up.behaviour)
        elif message.mail_from:  # nothing is ever sent back to the null reverse-path
            await self._report(message, follow_up)

    async def _check_dkim(self, message: ReceivedMessage) -> None:
        if self._dkim_keys is not None:
            verdict, lines = await asyncio.to_thread(check_signatures, message.raw, self._dkim_keys)
            self.inbox.replace(replace(message, dkim=verdict, dkim_signatures=lines))

    async def _visit(self, message: ReceivedMessage, behaviour: Behaviour) -> None:
        if self._fetch is None or not self._public_host:
            return
        image, link = await asyncio.to_thread(tracking_urls, message.raw, self._public_host)
        url = image if behaviour is Behaviour.OPEN else link
        if not url:
            return
        try:
            due_s = asyncio.get_running_loop().time() + self._read_after_s
            self._readers.put_nowait((due_s, url))
        except asyncio.QueueFull:
            self.counts["skipped"] += 1

    async def _read(self, fetch: Fetch) -> None:
        """Let everybody read when it is time, one after the other."""
        while True:
            due_s, url = await self._readers.get()
            try:
                await asyncio.sleep(max(0.0, due_s - asyncio.get_running_loop().time()))
                async with asyncio.timeout(FOLLOW_UP_TIMEOUT_S):
                    await fetch(url)
            except Exception as error:  # one that fails must not end those behind it
                self._log.warning("sandbox reader failed", url=url, error=repr(error))
            finally:
                self._readers.task_done()

    async def _report(self, message: ReceivedMessage, follow_up: _FollowUp) -> None:
        date = formatdate(message.at_ms / 1000)
        if follow_up.behaviour is Behaviour.COMPLAIN:
            content = build_complaint(message, follow_up.recipient, self._hostname, date)
            sender = f"fbl@{self._hostname}"
        else:
            content = build_bounce(message, follow_up.recipient, self._hostname, date)
            sender = ""  # RFC 3464 §2: notifications have the null reverse-path
        if self._send_feedback is None:
            self.feedback.append(Feedback(sender, message.mail_from, content))
        else:
            await self._send_feedback(sender, message.mail_from, content)
