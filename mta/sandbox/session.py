"""The SMTP side of the simulator, on aiosmtpd."""

import asyncio
import contextlib
import ssl
from collections import OrderedDict, defaultdict
from collections.abc import Awaitable, Callable
from typing import cast

from aiosmtpd.smtp import SMTP, Envelope, Session

from mta.sandbox.behaviour import REFUSALS, Behaviour, behaviour_of

MAX_COMMAND_CHARS = 2048  # RFC 5321's 512 and room for long addresses and parameters
MAX_RECIPIENTS = 1000
GREYLIST_ENTRIES = 10_000
CLOSE_TIMEOUT_S = 2.0  # for a client to answer TLS's goodbye
IDLE_TIMEOUT_S = 300.0  # RFC 5321 §4.5.3.2.7

# (envelope, session) → id of the message taken
Take = Callable[[Envelope, Session], int]


class SandboxHandler:
    """aiosmtpd's hooks: which recipients are taken, and what happens to the content."""

    def __init__(
        self, take: Take, *, slow_s: float, sleep: Callable[[float], Awaitable[None]]
    ) -> None:
        self._take = take
        self._slow_s = slow_s
        self._sleep = sleep
        self._greylisted: OrderedDict[tuple[str, str], None] = OrderedDict()

    async def handle_EHLO(  # noqa: N802  # aiosmtpd's name
        self,
        server: SMTP,  # noqa: ARG002
        session: Session,
        envelope: Envelope,  # noqa: ARG002
        hostname: str,
        responses: list[str],
    ) -> list[str]:
        """Offer PIPELINING too (commands wait in the reader's buffer), and no AUTH."""
        session.host_name = hostname
        kept = [line for line in responses if line[4:8] not in ("AUTH", "HELP")]
        return [*kept, "250 PIPELINING"]

    async def handle_RCPT(  # noqa: N802  # aiosmtpd's name
        self,
        server: SMTP,  # noqa: ARG002
        session: Session,  # noqa: ARG002
        envelope: Envelope,
        address: str,
        rcpt_options: list[str],
    ) -> str:
        """Answer as the address asks."""
        if len(envelope.rcpt_tos) >= MAX_RECIPIENTS:
            return "452 4.5.3 Too many recipients"
        behaviour = behaviour_of(address)
        refusal = REFUSALS.get(behaviour)
        if refusal is not None and not (
            behaviour is Behaviour.GREYLIST and self._was_seen(envelope.mail_from or "", address)
        ):
            return refusal
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(rcpt_options)
        return "250 2.1.5 Ok"

    async def handle_DATA(  # noqa: N802  # aiosmtpd's name
        self,
        server: SMTP,  # noqa: ARG002
        session: Session,
        envelope: Envelope,
    ) -> str:
        """Keep the message, late or without an answer where an address asks for that."""
        behaviours = {behaviour_of(address) for address in envelope.rcpt_tos}
        if Behaviour.SLOW in behaviours:
            await self._sleep(self._slow_s)
        identifier = self._take(envelope, session)
        if Behaviour.DROP in behaviours:
            raise ConnectionResetError("drop@")  # aiosmtpd then closes without a reply
        return f"250 2.0.0 Ok: {identifier} kept by the sandbox"

    def _was_seen(self, sender: str, recipient: str) -> bool:
        key = (sender, recipient.lower())
        if key in self._greylisted:
            return True
        self._greylisted[key] = None
        if len(self._greylisted) > GREYLIST_ENTRIES:
            self._greylisted.popitem(last=False)
        return False


class SandboxProtocol(SMTP):
    """One connection."""

    def __init__(
        self,
        handler: SandboxHandler,
        *,
        loop: asyncio.AbstractEventLoop,
        hostname: str,
        max_message_bytes: int,
        tls_context: ssl.SSLContext | None,
        live: set["SandboxProtocol"],
    ) -> None:
        # aiosmtpd keeps these on the class and adds to them with every EHLO.
        self.command_size_limits = defaultdict(lambda: MAX_COMMAND_CHARS)
        self._live = live
        self._lost = asyncio.Event()
        super().__init__(
            handler,
            loop=loop,
            hostname=hostname,
            ident="Relevo sandbox",
            data_size_limit=max_message_bytes,
            enable_SMTPUTF8=True,
            tls_context=tls_context,
            timeout=IDLE_TIMEOUT_S,
        )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the connection, so that the simulator can close it."""
        self._live.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Forget the connection."""
        self._live.discard(self)
        self._lost.set()
        super().connection_lost(error)

    async def _handle_client(self) -> None:
        # The client left, or drop@ asked for it: aiosmtpd has closed the connection by then.
        with contextlib.suppress(ConnectionError):
            await super()._handle_client()

    async def stop(self) -> None:
        """Close the connection and wait until it and its task are over."""
        # Not asked for its class: uvloop's transports are none of asyncio's by inheritance.
        transport = cast("asyncio.WriteTransport | None", self.transport)
        task = self._handler_coroutine
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        if transport is not None:
            transport.close()
            try:
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await self._lost.wait()
            except TimeoutError:
                transport.abort()


def tls_of(session: Session) -> str:
    """Version and cipher of the session, empty in clear."""
    extra = session.ssl
    cipher = extra.get("cipher") if extra else None
    return f"{cipher[1]} {cipher[0]}" if cipher else ""
