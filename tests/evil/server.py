"""The server itself, on asyncio streams, one task per connection, loopback only.

    async with EvilServer(Behaviour(faults={"DOT": Fault.DROP})) as server:
        … connect to 127.0.0.1, server.port …
        server.received   # messages it took, in order

Recipients choose their fate by local part: `bounce…` 550 5.1.1, `later…` 450 4.2.1, `many…`
452 4.5.3, `full…` 452 4.2.2, `bye…` 421 4.3.2 and the end.
"""

import asyncio
import base64
import contextlib
import socket
import struct
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from tests.evil.behaviour import Behaviour, Fault

_FATES = {
    "bounce": b"550 5.1.1 No such user here\r\n",
    "later": b"450 4.2.1 Mailbox busy\r\n",
    "many": b"452 4.5.3 Too many recipients\r\n",
    "full": b"452 4.2.2 Mailbox full\r\n",
    "odd": b"250\r\n",
}
_GARBAGE = bytes(range(128, 256)) + b"\x00\x1b[31m\r\n"


@dataclass
class Received:
    """One message as it came: MAIL and RCPT lines without CRLF, content with dots unstuffed."""

    mail: str
    recipients: list[str]
    content: bytes
    is_tls: bool


@dataclass
class Dialogue:
    """One connection: what was said, and in which writes it arrived."""

    commands: list[str] = field(default_factory=list)
    chunks: list[bytes] = field(default_factory=list)
    messages: int = 0
    is_tls: bool = False
    user: str = ""


class _Ended(Exception):
    """The connection is over, as the behaviour wants."""


class EvilServer:
    """Listens on a free port of 127.0.0.1 while entered."""

    def __init__(self, behaviour: Behaviour | None = None) -> None:
        self.behaviour = behaviour or Behaviour()
        self.received: list[Received] = []
        self.dialogues: list[Dialogue] = []
        self.port = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        session = _Session(self, reader, writer)
        try:
            await session.run()
        except _Ended:
            writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                await asyncio.wait_for(writer.wait_closed(), 2)
        except (OSError, EOFError, asyncio.LimitOverrunError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()
            self._tasks.discard(task)


class _Session:
    """The dialogue of one connection."""

    def __init__(
        self, server: EvilServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.server = server
        self.behaviour = server.behaviour
        self.reader = reader
        self.writer = writer
        self.dialogue = Dialogue()
        server.dialogues.append(self.dialogue)
        self.mail = ""
        self.recipients: list[str] = []
        self.has_mail = False

    async def run(self) -> None:
        await self.reply("GREETING", b"220 evil.test ESMTP\r\n")
        while True:
            line = (await self.reader.readuntil(b"\r\n"))[:-2].decode("utf-8")
            self.dialogue.commands.append(line)
            verb = line.split(" ", 1)[0].upper()
            handler = getattr(self, f"on_{verb.lower()}", None)
            if handler is None:
                await self.reply(verb, b"502 5.5.1 Command not implemented\r\n")
            else:
                await handler(line)

    async def reply(self, step: str, normal: bytes) -> None:
        """Answer a step as the behaviour wants, by default with `normal`."""
        behaviour = self.behaviour
        holds = self.dialogue.messages >= behaviour.from_message or step in {"GREETING", "EHLO"}
        data = behaviour.replies.get(step, normal) if holds else normal
        fault = behaviour.faults.get(step) if holds else None
        if fault is None:
            self.writer.write(data)
        else:
            await self.misbehave(fault, data)
        await self.writer.drain()
        if data[:3] == b"421":
            raise _Ended

    async def misbehave(self, fault: Fault, data: bytes) -> None:
        write = self.writer.write
        if fault is Fault.NEVER_REPLY:
            while await self.reader.read(65_536):
                pass
        elif fault is Fault.RESET:
            sock = self.writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.writer.transport.abort()
        elif fault is Fault.DRIP:
            for index in range(len(data)):
                write(data[index : index + 1])
                await self.writer.drain()
                await asyncio.sleep(self.behaviour.drip_s)
            return
        elif fault in {Fault.ENDLESS, Fault.ENDLESS_LINE}:
            filler = b"250-more\r\n" * 500 if fault is Fault.ENDLESS else b"250 x" + b"y" * 5000
            while True:
                write(filler)
                await self.writer.drain()
        elif fault is Fault.CLOSING:
            write(b"421 4.3.2 Service shutting down\r\n")
        elif fault is Fault.THEN_DROP:
            write(data)
        elif fault is not Fault.DROP:
            write(_distorted(fault, data))
            return
        raise _Ended

    # Commands

    async def on_ehlo(self, line: str) -> None:
        offered = list(self.behaviour.extensions)
        if self.behaviour.tls is not None and not self.dialogue.is_tls:
            offered.append("STARTTLS")
        if self.behaviour.tls_garbage or self.behaviour.tls_inject:
            offered.append("STARTTLS")
        if self.behaviour.password and not any(x.startswith("AUTH") for x in offered):
            offered.append("AUTH PLAIN LOGIN")
        lines = ["evil.test", *offered]
        text = "".join(f"250-{x}\r\n" for x in lines[:-1]) + f"250 {lines[-1]}\r\n"
        await self.reply("EHLO", text.encode())

    async def on_helo(self, line: str) -> None:
        await self.reply("HELO", b"250 evil.test\r\n")

    async def on_starttls(self, line: str) -> None:
        behaviour = self.behaviour
        if behaviour.tls_inject:
            self.writer.write(b"220 go ahead\r\n" + behaviour.tls_inject)
            return
        await self.reply("STARTTLS", b"220 go ahead\r\n")
        if behaviour.tls_garbage:
            await self.reader.read(1)  # the client's hello has come
            self.writer.write(b"this is no TLS record, whatever it says\r\n" * 10)
            raise _Ended
        if behaviour.tls_silent:
            await self.misbehave(Fault.NEVER_REPLY, b"")
        if behaviour.tls is not None and "STARTTLS" not in behaviour.replies:
            await self.writer.start_tls(behaviour.tls, ssl_handshake_timeout=10)
            self.dialogue.is_tls = True
            self.has_mail = False

    async def on_auth(self, line: str) -> None:
        words = line.split()
        if words[1] == "PLAIN":
            _, user, password = base64.b64decode(words[2]).decode().split("\0")
        else:
            user = await self.challenge(b"334 VXNlcm5hbWU6\r\n")
            password = await self.challenge(b"334 UGFzc3dvcmQ6\r\n")
        self.dialogue.user = user
        if password == self.behaviour.password:
            await self.reply("AUTH", b"235 2.7.0 Welcome\r\n")
        else:
            await self.reply("AUTH", b"535 5.7.8 Wrong\r\n")

    async def challenge(self, text: bytes) -> str:
        self.writer.write(text)
        return base64.b64decode(await self.reader.readuntil(b"\r\n")).decode()

    async def on_mail(self, line: str) -> None:
        limit = self.behaviour.max_messages
        if limit and self.dialogue.messages >= limit:
            raise _Ended
        if self.has_mail and self.behaviour.strict_sequence:
            await self.reply("MAIL", b"503 5.5.1 Nested MAIL\r\n")
            return
        self.mail, self.recipients = line, []
        holds = self.dialogue.messages >= self.behaviour.from_message
        reply = self.behaviour.replies.get("MAIL", b"250") if holds else b"250"
        self.has_mail = reply.startswith(b"2")
        await self.reply("MAIL", b"250 2.1.0 Sender ok\r\n")

    async def on_rcpt(self, line: str) -> None:
        if not self.has_mail and self.behaviour.strict_sequence:
            await self.reply("RCPT", b"503 5.5.1 MAIL first\r\n")
            return
        local = line.partition("<")[2].partition("@")[0].strip("\"'").rstrip("0123456789")
        limit = self.behaviour.max_recipients
        if local == "bye":
            self.writer.write(b"421 4.3.2 Enough\r\n")
            raise _Ended
        normal = _FATES.get(local, b"250 2.1.5 Recipient ok\r\n")
        if limit and len(self.recipients) >= limit:
            normal = _FATES["many"]
        if self.behaviour.replies.get("RCPT", normal).startswith(b"2"):
            self.recipients.append(line)
        await self.reply("RCPT", normal)

    async def on_data(self, line: str) -> None:
        if not self.recipients and not self.behaviour.always_354:
            await self.reply("DATA", b"503 5.5.1 RCPT first\r\n")
            return
        await self.reply("DATA", b"354 Go ahead\r\n")
        holds = self.dialogue.messages >= self.behaviour.from_message
        if holds and not self.behaviour.replies.get("DATA", b"354").startswith(b"354"):
            return
        if self.behaviour.stops_reading:
            self.writer.transport.pause_reading()
            await asyncio.Event().wait()
        content = await self.read_content()
        if self.recipients:
            message = Received(self.mail, self.recipients, content, self.dialogue.is_tls)
            self.server.received.append(message)
        self.recipients, self.has_mail = [], False
        normal = b"250 2.0.0 Ok: queued as 42\r\n" if content else b"554 5.5.1 No recipients\r\n"
        await self.reply("DOT", normal)
        self.dialogue.messages += 1

    async def read_content(self) -> bytes:
        lines = []
        while (line := await self.reader.readuntil(b"\r\n")) != b".\r\n":
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines)

    async def on_rset(self, line: str) -> None:
        self.recipients, self.has_mail = [], False
        await self.reply("RSET", b"250 2.0.0 Ok\r\n")

    async def on_quit(self, line: str) -> None:
        await self.reply("QUIT", b"221 2.0.0 Bye\r\n")
        raise _Ended


def _distorted(fault: Fault, data: bytes) -> bytes:
    code = data[:3]
    if fault is Fault.TWICE:
        return data + data
    if fault is Fault.LONG:
        return code + b" 2.0.0 " + b"x" * 2_000 + b"\r\n"
    if fault is Fault.BINARY:
        return _GARBAGE
    if fault is Fault.BINARY_TEXT:
        return code + b" " + _GARBAGE
    if fault is Fault.NO_CODE:
        return b"well, yes, why not\r\n"
    if fault is Fault.NO_TEXT:
        return code + b"\r\n"
    return data.replace(b"\r\n", b"\n")
