"""The SMTP side of the feedback listener, on aiosmtpd: our own addresses, small mails, no relay.

aiosmtpd drops what was sent in clear before TLS. What it lacks is here: limits on connections,
recipients and errors, contents read in large pieces, no AUTH, no second STARTTLS.
"""

import asyncio
import contextlib
import ipaddress
import ssl
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import cast

import structlog
from aiosmtpd.smtp import SMTP, Envelope, Session, TLSSetupException

from mta.feedback.addresses import Mailbox
from mta.feedback.body import read_content
from mta.feedback.desk import Answer, FeedbackDesk

MAX_COMMAND_CHARS = 1_024  # RFC 5321 §4.5.3.1.4: 512, and room for parameters
MAX_LINE = 4 * 1024  # of a command, before it is called too long; half of what the reader buffers
CLOSE_TIMEOUT_S = 2.0  # for a client to answer TLS's goodbye

_NOT_SMTP = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE", "PRI")
_UNKNOWN = "550 5.1.1 No such address here"
_NO_RELAY = "550 5.7.1 Relaying denied"


@dataclass(frozen=True, slots=True)
class FeedbackLimits:
    """What strangers may do; times in seconds."""

    max_connections: int = 200
    max_per_address: int = 20
    max_message_bytes: int = 1 << 20
    max_recipients: int = 10
    max_errors: int = 10
    max_commands: int = 300  # of one kind in a session
    timeout_s: float = 300.0  # between commands, and for a whole mail (RFC 5321 §4.5.3.2.7)
    session_s: float = 1800.0  # however busy it is: nobody keeps a place for ever


@dataclass(slots=True)
class Crowd:
    """Who is connected now."""

    live: set["FeedbackProtocol"] = field(default_factory=set)
    by_address: Counter[str] = field(default_factory=Counter)
    busy: int = 0  # mails that are being carried out
    idle: asyncio.Event = field(default_factory=asyncio.Event)  # set while there are none

    def __post_init__(self) -> None:
        self.idle.set()

    def begin(self) -> None:
        """A mail came in."""
        self.busy += 1
        self.idle.clear()

    def end(self) -> None:
        """It is done."""
        self.busy -= 1
        if not self.busy:
            self.idle.set()


class FeedbackHandler:
    """aiosmtpd's hooks: which recipients are taken, and what happens to the content."""

    def __init__(self, desk: FeedbackDesk, limits: FeedbackLimits, crowd: Crowd) -> None:
        self._desk = desk
        self._limits = limits
        self._crowd = crowd
        self._log = structlog.get_logger("relevo.feedback")

    async def handle_exception(self, error: Exception) -> str:
        """What the client hears of an error; a handshake that fails is its own affair."""
        if isinstance(error, TLSSetupException):
            self._desk.metrics.feedback("tls")
            self._log.debug("feedback_tls_failed", error=str(error.__cause__))
        else:
            self._log.error("feedback_failed", exc_info=error)
        return "451 4.3.0 Try again later"

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
        rcpt_options: list[str],  # noqa: ARG002
    ) -> str:
        """Only our own addresses, whose tokens fit."""
        if len(envelope.rcpt_tos) >= self._limits.max_recipients:
            return "452 4.5.3 Too many recipients"
        if self._desk.addresses.resolve(address) is None:
            self._desk.metrics.feedback("refused")
            domain = address.rpartition("@")[2].lower().rstrip(".")
            return _UNKNOWN if domain in self._desk.addresses.hosts else _NO_RELAY
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(  # noqa: N802  # aiosmtpd's name
        self,
        server: SMTP,  # noqa: ARG002
        session: Session,  # noqa: ARG002
        envelope: Envelope,
    ) -> str:
        """Carry it out for every recipient; 250 when all of it is on the disk."""
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        sender = "" if envelope.mail_from in (None, "<>") else envelope.mail_from
        sender = str(sender).encode("utf-8", "replace").decode()  # aiosmtpd escapes odd octets
        self._crowd.begin()
        try:
            answers: list[Answer] = []
            for address in envelope.rcpt_tos:
                mailbox: Mailbox | None = self._desk.addresses.resolve(address)
                if mailbox is not None:
                    answers.append(await self._desk.receive(mailbox, address, sender, content))
        finally:
            self._crowd.end()
        later = [answer.reply for answer in answers if not answer.reply.startswith("2")]
        return later[0] if later else "250 2.0.0 Ok"


class FeedbackProtocol(SMTP):
    """One connection."""

    line_length_limit = MAX_LINE

    def __init__(
        self,
        handler: FeedbackHandler,
        *,
        loop: asyncio.AbstractEventLoop,
        hostname: str,
        limits: FeedbackLimits,
        tls_context: ssl.SSLContext | None,
        crowd: Crowd,
    ) -> None:
        # aiosmtpd keeps these on the class and adds to them with every EHLO.
        self.command_size_limits = defaultdict(lambda: MAX_COMMAND_CHARS)
        self._limits = limits
        self._crowd = crowd
        self._errors = 0
        self._lines: list[bytes] = []  # of a reply that is not complete
        self._address = ""
        self._lost = asyncio.Event()
        self._end: asyncio.TimerHandle | None = None
        super().__init__(
            handler,
            loop=loop,
            hostname=hostname,
            ident="ESMTP",
            data_size_limit=limits.max_message_bytes,
            enable_SMTPUTF8=True,
            tls_context=tls_context,
            timeout=limits.timeout_s,
            command_call_limit=limits.max_commands,
        )
        for verb in ("AUTH", "EXPN", "HELP"):
            self._smtp_methods.pop(verb, None)
        self._smtp_methods.update(dict.fromkeys(_NOT_SMTP, self._refuse_http))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let the client in, or tell it that there are too many."""
        if self._address:  # inside TLS: the same client again
            super().connection_made(transport)
            return
        peer = transport.get_extra_info("peername")
        address = _network_of(str(peer[0])) if peer else "?"
        crowd, limits = self._crowd, self._limits
        if (
            len(crowd.live) >= limits.max_connections
            or crowd.by_address[address] >= limits.max_per_address
        ):
            wire = cast(asyncio.Transport, transport)  # uvloop's are none by inheritance
            wire.write(b"421 4.7.0 Too many connections, try again later\r\n")
            wire.set_protocol(asyncio.Protocol())
            wire.close()
            return
        self._address = address
        crowd.live.add(self)
        crowd.by_address[address] += 1
        self._end = self.loop.call_later(limits.session_s, self._end_session)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Forget the connection."""
        if self in self._crowd.live:
            self._crowd.live.discard(self)
            self._crowd.by_address[self._address] -= 1
            self._crowd.by_address += Counter()  # drops what is zero
        self._lost.set()
        if self._end is not None:
            self._end.cancel()
        super().connection_lost(error)

    async def push(self, status: str | bytes) -> None:
        """A reply, all of its lines in one write; who collects too many errors is sent away."""
        line = status if isinstance(status, bytes) else status.encode("utf-8", "replace")
        if line[3:4] == b"-":
            self._lines.append(line)
            return
        reply = b"\r\n".join((*self._lines, line))
        self._lines.clear()
        await super().push(reply)
        if line[:1] in (b"4", b"5"):
            self._errors += 1
            if self._errors == self._limits.max_errors:
                await self._hang_up("421 4.7.0 Too many errors")

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802  # aiosmtpd's name
        """The content, and what becomes of it (RFC 5321 §4.1.1.4)."""
        if await self.check_helo_needed():
            return
        envelope = self.envelope
        if envelope is None or not envelope.rcpt_tos:
            await self.push("503 5.5.1 Need a recipient first")
            return
        if arg:
            await self.push("501 5.5.4 DATA takes no parameter")
            return
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        content = await read_content(self._reader, self._limits.max_message_bytes)
        if content is None:
            status = "552 5.3.4 Message too large"
        else:
            envelope.content = envelope.original_content = content
            status = await self._call_handler_hook("DATA")
        self._set_post_data_state()  # type: ignore[no-untyped-call]  # aiosmtpd
        await self.push(status)

    async def smtp_STARTTLS(self, arg: str) -> None:  # noqa: N802  # aiosmtpd's name
        """Once in a session (RFC 3207 §4.2)."""
        if self._tls_protocol is not None:
            await self.push("503 5.5.1 TLS is already in use")
            return
        await super().smtp_STARTTLS(arg)

    async def _refuse_http(self, _: str) -> None:
        """Cross-protocol attacks: nothing behind a verb of HTTP is read."""
        await self._hang_up("421 4.7.0 This is an SMTP server, closing connection")

    async def _hang_up(self, reply: str) -> None:
        """The last reply; what the client has sent already is not carried out."""
        await super().push(reply)
        self._close()
        await self._lost.wait()  # `connection_lost` cancels this task

    async def _handle_client(self) -> None:
        # The client left: aiosmtpd has closed the connection by then.
        with contextlib.suppress(ConnectionError):
            await super()._handle_client()

    def _end_session(self) -> None:
        if self.transport is not None:
            self._wire().write(b"421 4.4.2 The session took too long\r\n")
            self._close()

    def _close(self) -> None:
        if self.transport is not None:
            wire = self._wire()
            wire.close()  # waits for a client that does not read
            self.loop.call_later(CLOSE_TIMEOUT_S, wire.abort)

    def _wire(self) -> asyncio.Transport:
        return cast(asyncio.Transport, self.transport)

    async def stop(self) -> None:
        """Close the connection and wait until it and its task are over."""
        wire, task = cast("asyncio.Transport | None", self.transport), self._handler_coroutine
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        if wire is not None:
            wire.close()
            try:
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await self._lost.wait()
            except TimeoutError:
                wire.abort()


def _network_of(address: str) -> str:
    """What counts as one client: an IPv4 address, an IPv6 /64."""
    if ":" not in address:
        return address
    plain = address.partition("%")[0]
    return str(ipaddress.IPv6Network((plain, 64), strict=False))
