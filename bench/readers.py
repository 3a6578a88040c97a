"""People who open their mail: reads what `msink --opens` writes and fetches each picture once.

Nobody opens anything before half of the campaign has arrived; then all who have theirs do at once,
and the others as their mail comes. A server that is gone is asked again, as a browser would not do,
so that every open is told.
"""

import multiprocessing
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Self

from bench.hits import AGENTS, send_all

CONNECTIONS = 128  # people do not wait for each other; of one address no more than 200 are taken
_LOOK_S = 0.2
_LEAST = 64


class Readers:
    """A process of their own; a context manager."""

    def __init__(self, opens: Path, target: str) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, far = context.Pipe()
        self._process = context.Process(target=_read, args=(far, opens, target), daemon=True)

    def __enter__(self) -> Self:
        self._process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.join()

    def begin(self) -> None:
        """Open what has come, and from now on what comes."""
        self._pipe.send(None)

    def finish(self) -> dict[str, float]:
        """Open the rest; gives `opened`, the `burst`'s opens and its `burst_s`, and `cpu_s`."""
        self._pipe.send(None)
        found: dict[str, float] = self._pipe.recv()
        return found


def _read(pipe: Connection, opens: Path, target: str) -> None:
    host, _, port = target.rpartition(":")
    pipe.recv()
    found = {"opened": 0.0, "burst": 0.0, "burst_s": 0.0}
    is_last, half = False, ""
    with opens.open() as file:
        while True:
            *paths, half = (half + file.read()).split("\n")
            began_s = time.perf_counter()
            _open(paths, host, int(port))
            if not found["burst"]:
                found |= {"burst": len(paths), "burst_s": time.perf_counter() - began_s}
            found["opened"] += len(paths)
            if is_last and not paths:
                pipe.send(found | {"cpu_s": time.process_time()})
                return
            is_last = is_last or pipe.poll(_LOOK_S)


def _open(paths: list[str], host: str, port: int) -> None:
    agents = [agent.encode() for agent in AGENTS]
    made = [
        b"GET %b HTTP/1.1\r\nHost: %b:%d\r\nUser-Agent: %b\r\n\r\n"
        % (path.encode(), host.encode(), port, agents[n % len(agents)])
        for n, path in enumerate(paths)
    ]
    for start in range(0, len(made), 10_000):
        part = made[start : start + 10_000]
        while part:
            try:
                if send_all(part, host, port, CONNECTIONS) != len(part):
                    raise SystemExit("an open was not answered with a picture")
                part = []
            except OSError:  # the server is killed or not up yet
                time.sleep(_LOOK_S)
