"""Talks to systemd: state and watchdog on the notification socket, listening sockets from socket units.

The protocols are those of sd_notify(3) and sd_listen_fds(3). Without systemd nothing happens: a
`Notifier` without an address is silent, `listen_fds` gives nothing. Sending never waits and never
fails: a manager that does not listen is no reason to stop taking mail.
"""

import asyncio
import os
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import NamedTuple, Self

FIRST_FD = 3  # sd_listen_fds(3): SD_LISTEN_FDS_START
UNNAMED = "unknown"  # what systemd calls a socket without FileDescriptorName=
MAX_SOCKETS = 64


class ActivatedSocket(NamedTuple):
    """A listening socket that was opened for us, and the `FileDescriptorName=` of its unit."""

    name: str
    socket: socket.socket


class Notifier:
    """Tells the service manager how the service is doing."""

    def __init__(self, address: str = "", watchdog_s: float = 0.0) -> None:
        """`address`: a Unix datagram socket, `@…` for an abstract one; empty: nobody listens."""
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self.watchdog_s = watchdog_s

    @classmethod
    def from_environment(cls, environ: Mapping[str, str], pid: int | None = None) -> Self:
        """As NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID say."""
        address = environ.get("NOTIFY_SOCKET", "")
        if not address.startswith(("/", "@")):
            address = ""
        microseconds = environ.get("WATCHDOG_USEC", "")
        meant = environ.get("WATCHDOG_PID", "")
        is_ours = not meant or meant == str(os.getpid() if pid is None else pid)
        watchdog_s = int(microseconds) / 1e6 if microseconds.isdecimal() and is_ours else 0.0
        return cls(address, watchdog_s)

    @property
    def is_active(self) -> bool:
        """Whether anybody listens."""
        return bool(self._address)

    def ready(self, status: str = "") -> None:
        """The service serves now: after the start, and after a reload."""
        self._send("READY=1", status)

    def reloading(self, monotonic_s: float) -> None:
        """Settings are being read again; `ready` follows."""
        self._send("RELOADING=1", more=f"MONOTONIC_USEC={round(monotonic_s * 1e6)}")

    def stopping(self, status: str = "") -> None:
        """The service begins to stop."""
        self._send("STOPPING=1", status)

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self._send("", text)

    def alive(self) -> None:
        """The watchdog's time starts anew."""
        self._send("WATCHDOG=1")

    async def keep_alive(self, is_healthy: Callable[[], bool] = lambda: True) -> None:
        """Send `alive` three times in the watchdog's time while all is well, for ever.

        Returns at once when there is no watchdog. It runs on the event loop on purpose: a loop that
        hangs is what the watchdog is for.
        """
        while self.watchdog_s and self.is_active:
            if is_healthy():
                self.alive()
            await asyncio.sleep(self.watchdog_s / 3)

    def _send(self, state: str, status: str = "", more: str = "") -> None:
        if not self._address:
            return
        lines = [state, more, f"STATUS={' '.join(status.split())}" if status else ""]
        message = "\n".join(line for line in lines if line).encode("utf-8", "replace")
        with (
            suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender,
        ):
            sender.setblocking(False)
            sender.sendto(message, self._address)


def listen_fds(
    environ: Mapping[str, str], *, pid: int | None = None, first_fd: int = FIRST_FD
) -> list[ActivatedSocket]:
    """The sockets that systemd opened for this process, non-blocking and not inherited further.

    Empty when LISTEN_PID names another process. What is no listening stream socket is left alone.
    """
    count = environ.get("LISTEN_FDS", "")
    if environ.get("LISTEN_PID") != str(os.getpid() if pid is None else pid):
        return []
    if not count.isdecimal() or int(count) > MAX_SOCKETS:
        return []
    names = environ.get("LISTEN_FDNAMES", "").split(":")
    found = []
    for number in range(int(count)):
        opened = _listening(first_fd + number)
        if opened is not None:
            name = names[number] if number < len(names) else ""
            found.append(ActivatedSocket(name or UNNAMED, opened))
    return found


def _listening(fd: int) -> socket.socket | None:
    try:
        opened = socket.socket(fileno=fd)
    except OSError:
        return None
    is_stream = opened.type == socket.SOCK_STREAM and opened.family in {
        socket.AF_INET,
        socket.AF_INET6,
        socket.AF_UNIX,
    }
    if not is_stream or not opened.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        opened.detach()
        return None
    opened.setblocking(False)
    os.set_inheritable(fd, False)
    return opened
