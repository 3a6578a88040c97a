"""The control channel of a running server: one Unix socket, one JSON request, a stream of JSON lines.

A command of `relevo` talks to the process that holds the data directory. Per connection one line

    {"command": "queue.list", "arguments": {"site": "google"}}

and for an answer either one line `{"result": …}`, or, when the handler gives a list, `{"row": …}`
lines ended by `{"rows": <their number>}`, so that an answer that was cut off is noticed; or `{"error": {"kind": …, "message": …}}`. Rules: the socket has mode 0600
from its first moment whatever the umask is, the peer's user must be ours or root (SO_PEERCRED),
every wait has a deadline, requests and lines are bounded, and an error of a handler never ends the
server. `ControlClient` raises an error of the same class as the handler did.
"""

import asyncio
import contextlib
import json
import os
import socket
import stat
import struct
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path

import structlog

from mta.model.errors import (
    ConfigurationError,
    InternalError,
    PeerError,
    PermanentError,
    RelevoError,
    TransientError,
)

Handler = Callable[[dict[str, object]], Awaitable[object]]

SOCKET_NAME = "relevo.sock"  # in the data directory
REQUEST_BYTES = 1 << 20  # a request is a name and selectors
LINE_BYTES = 16 << 20  # one row or result: a message's whole history
REQUEST_DEADLINE_S = 10.0  # the client has its request ready when it connects
HANDLER_DEADLINE_S = 300.0  # until the result, or the first row, is there
WRITE_DEADLINE_S = 30.0  # a client that stops reading is cut off
CONNECT_DEADLINE_S = 5.0
CLOSE_GRACE_S = 5.0
MAX_CONNECTIONS = 64
SUN_PATH_BYTES = 107  # unix(7): sun_path is 108 bytes with its final NUL

_KINDS: tuple[tuple[str, type[RelevoError]], ...] = (
    ("transient", TransientError),
    ("permanent", PermanentError),
    ("configuration", ConfigurationError),
    ("peer", PeerError),
    ("internal", InternalError),
)


class NoServer(TransientError):
    """No process answers on the socket: the server is not running (or has just ended)."""


class ControlServer:
    """Answers commands on a Unix socket; `start()` and `close()` once each."""

    def __init__(
        self,
        path: Path,
        handlers: Mapping[str, Handler],
        *,
        handler_deadline_s: float = HANDLER_DEADLINE_S,
        request_deadline_s: float = REQUEST_DEADLINE_S,
        trusted_uids: frozenset[int] | None = None,  # None: root and the server's own user
    ) -> None:
        self._path = path
        self._handlers = handlers
        self._handler_deadline_s = handler_deadline_s
        self._request_deadline_s = request_deadline_s
        self._trusted_uids = trusted_uids or frozenset((0, os.geteuid()))
        self._server: asyncio.Server | None = None
        self._running: set[asyncio.Task[None]] = set()
        self._log = structlog.get_logger("relevo.control")

    async def start(self) -> None:
        """Listen; a socket left over by a dead process is replaced.

        Raises `ConfigurationError` when a living process answers there or the path is not a socket.
        """
        _remove_stale(self._path)
        with _short_path(self._path) as address:
            listening = _bind(address)
        self._server = await asyncio.start_unix_server(
            self._serve, sock=listening, limit=REQUEST_BYTES
        )

    async def close(self) -> None:
        """Stop listening, let running commands end for a few seconds, then cut them off."""
        if self._server is None:
            return
        self._server.close()
        self._path.unlink(missing_ok=True)
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=CLOSE_GRACE_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        try:
            await self._answer(reader, writer)
        except ConnectionError:
            pass  # the client went away or stopped reading: nobody is left to tell
        finally:
            self._running.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError, TimeoutError):
                async with asyncio.timeout(WRITE_DEADLINE_S):
                    await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if _peer_uid(writer) not in self._trusted_uids:
                raise PermanentError("only the server's own user and root may send commands")
            if len(self._running) > MAX_CONNECTIONS:
                raise TransientError(f"more than {MAX_CONNECTIONS} commands at once: try again")
            name, arguments = await self._read_request(reader)
            handler = self._handlers.get(name)
            if handler is None:
                raise PermanentError(f"the running server does not know the command {name!r}")
            async with asyncio.timeout(self._handler_deadline_s):
                result = await handler(arguments)
            await _write_result(writer, result)
        except RelevoError as error:
            await _write(writer, {"error": {"kind": _kind_of(error), "message": str(error)}})
        except ConnectionError:
            raise
        except TimeoutError:
            message = "the command took too long and was abandoned"
            await _write(writer, {"error": {"kind": "transient", "message": message}})
        except Exception:
            self._log.exception("control_command_failed")
            message = "internal error, told in the server's log"
            await _write(writer, {"error": {"kind": "internal", "message": message}})

    async def _read_request(self, reader: asyncio.StreamReader) -> tuple[str, dict[str, object]]:
        try:
            async with asyncio.timeout(self._request_deadline_s):
                line = await reader.readline()
        except ValueError:  # what StreamReader makes of a line above its limit
            raise PermanentError(f"request above {REQUEST_BYTES} bytes") from None
        except TimeoutError:
            raise PermanentError("no request within the deadline") from None
        try:
            request = json.loads(line)
        except (ValueError, RecursionError):  # nested without end
            raise PermanentError("the request is not one line of JSON") from None
        match request:
            case {"command": str(name), "arguments": dict(arguments)}:
                return name, arguments
        raise PermanentError('the request is not {"command": …, "arguments": {…}}')


class ControlClient:
    """Sends commands to the server of a data directory; one connection per command."""

    def __init__(self, path: Path, *, deadline_s: float = HANDLER_DEADLINE_S + 10) -> None:
        self._path = path
        self._deadline_s = deadline_s

    async def call(self, command: str, arguments: Mapping[str, object]) -> object:
        """The handler's result; rows come as a list.

        Raises `NoServer` when nobody listens, `TransientError` past the deadline, `PeerError` when
        the answer is cut off, and what the handler raised by its class in the tree of errors.
        """
        try:
            async with asyncio.timeout(self._deadline_s):
                reader, writer = await self._connect()
                try:
                    request = {"command": command, "arguments": dict(arguments)}
                    with contextlib.suppress(ConnectionError):  # refused early: read why
                        await _write(writer, request)
                    return await _read_result(reader)
                finally:
                    writer.close()
        except TimeoutError:
            raise TransientError(
                f"no answer on {self._path} within {self._deadline_s:g} s"
            ) from None

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        with _short_path(self._path) as address:
            try:
                async with asyncio.timeout(CONNECT_DEADLINE_S):
                    return await asyncio.open_unix_connection(address, limit=LINE_BYTES)
            except (FileNotFoundError, ConnectionRefusedError):
                raise NoServer(f"no server answers on {self._path}") from None
            except PermissionError:
                raise ConfigurationError(
                    f"{self._path}: permission denied: run the command as the server's user or root"
                ) from None


async def _read_result(reader: asyncio.StreamReader) -> object:
    rows: list[object] = []
    while True:
        try:
            line = await reader.readline()
        except ValueError:
            raise PeerError(f"the server's answer has a line above {LINE_BYTES} bytes") from None
        except ConnectionError:
            line = b""
        if not line.endswith(b"\n"):
            raise PeerError("the server ended the connection before its answer was complete")
        match json.loads(line):
            case {"row": row}:
                rows.append(row)
            case {"rows": int(count)}:
                if count != len(rows):
                    raise PeerError(f"the server announced {count} rows, {len(rows)} came")
                return rows
            case {"result": result}:
                return result
            case {"error": {"kind": str(kind), "message": str(message)}}:
                raise _error_of(kind)(message)
            case _:
                raise PeerError("the server's answer is not understood: another version?")


async def _write_result(writer: asyncio.StreamWriter, result: object) -> None:
    if isinstance(result, list):
        for row in result:
            await _write(writer, {"row": row})
        await _write(writer, {"rows": len(result)})
    else:
        await _write(writer, {"result": result})


async def _write(writer: asyncio.StreamWriter, value: object) -> None:
    writer.write(json.dumps(value, separators=(",", ":")).encode() + b"\n")
    try:
        async with asyncio.timeout(WRITE_DEADLINE_S):
            await writer.drain()
    except TimeoutError:
        raise ConnectionAbortedError("the peer stopped reading") from None


def _kind_of(error: RelevoError) -> str:
    return next((kind for kind, cls in _KINDS if isinstance(error, cls)), "internal")


def _error_of(kind: str) -> type[RelevoError]:
    return next((cls for name, cls in _KINDS if name == kind), InternalError)


def _peer_uid(writer: asyncio.StreamWriter) -> int:
    peer = writer.get_extra_info("socket")
    # struct ucred, unix(7): pid, uid, gid
    raw = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", raw)
    return int(uid)


def _bind(address: str) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # Linux gives the file the mode of the unbound socket, less the umask: never wider than 0600.
        os.fchmod(listening.fileno(), 0o600)
        listening.bind(address)
        os.chmod(address, 0o600)  # noqa: PTH101 - a string, possibly below /proc/self/fd; for a narrower umask
        listening.listen(MAX_CONNECTIONS)
        listening.setblocking(False)
    except BaseException:
        listening.close()
        raise
    return listening


def _remove_stale(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise ConfigurationError(f"{path} is in the way: it should be a socket; remove it")
    with _short_path(path) as address, socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(address)
        except ConnectionRefusedError:
            path.unlink()
        else:
            raise ConfigurationError(f"{path}: another process answers there; stop it first")


@contextlib.contextmanager
def _short_path(path: Path) -> Iterator[str]:
    """A name of the socket that fits into `sun_path`, valid inside the block."""
    if len(os.fsencode(path)) <= SUN_PATH_BYTES:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
