"""The load: `msink` receives and accounts for every copy, `msrc` sends (C programs in bench/load)."""

import contextlib
import itertools
import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from bench.cases import Load, Receivers
from bench.children import SubjectError
from bench.ground import FIRST_RECEIVER, Ground
from bench.programs import program

_ANSWER_S = 20.0


@dataclass(frozen=True, slots=True)
class Stream:
    """A load and the name its messages carry."""

    run: str  # hexadecimal
    load: Load

    @property
    def copies(self) -> int:
        """How many copies the receivers get when nothing is lost."""
        return self.load.messages * self.load.recipients


def new_stream(load: Load, numbers: "itertools.count[int]") -> Stream:
    """A stream whose name no other run of this machine has."""
    return Stream(f"{os.getpid() & 0xFFFF:x}{next(numbers):04x}", load)


class Sink:
    """All receivers, one process; a context manager."""

    def __init__(
        self,
        ground: Ground,
        receivers: Receivers,
        streams: list[Stream],
        options: Sequence[str] = (),
    ) -> None:
        command = [str(program("msink")), "--address", FIRST_RECEIVER]
        command += ["--count", str(receivers.count), "--port", str(ground.mx_port)]
        for stream in streams:
            load = stream.load
            command += ["--stream", f"{stream.run}:{load.messages}:{load.recipients}"]
        if receivers.delay_ms:
            command += ["--delay", str(receivers.delay_ms)]
        if receivers.tls:
            command += ["--certificate", str(ground.certificate), "--key", str(ground.key)]
        self._process = subprocess.Popen(
            [*command, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        if self._line() != "ready":
            self.close()
            raise SubjectError("msink could not listen on the receivers' addresses")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self) -> dict[str, Any]:
        """What has arrived so far."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write("\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass
        line = self._line()
        if not line:
            raise SubjectError(f"msink ended with status {self._process.wait(_ANSWER_S)}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End it: it goes when its input ends."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


class Source:
    """One sender at work."""

    def __init__(
        self, stream: Stream, target: str, deadline_s: float, credentials: str = ""
    ) -> None:
        self._process = subprocess.Popen(
            source_command(stream, target, deadline_s, credentials),
            stdout=subprocess.PIPE,
            text=True,
        )

    @property
    def has_ended(self) -> bool:
        """Whether everything was taken, or the time is up."""
        return self._process.poll() is not None

    def result(self) -> dict[str, Any]:
        """What was taken; ends the sender if it is still at work."""
        if not self.has_ended:
            self._process.terminate()
        output, _ = self._process.communicate(timeout=_ANSWER_S)
        if not output.strip():
            raise SubjectError(f"msrc ended with status {self._process.returncode}: see above")
        answer: dict[str, Any] = json.loads(output)
        return answer

    def close(self) -> None:
        """End it, whatever it is doing."""
        if not self.has_ended:
            self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


class Release:
    """The beginning of a campaign that is in the queue already; in the place of a sender."""

    def __init__(self, command: Sequence[str], expanded: dict[str, float]) -> None:
        """`expanded`: what `bench.campaign` told."""
        self._expanded = expanded
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)

    @property
    def has_ended(self) -> bool:
        """Whether it was released."""
        return self._process.poll() is not None

    def result(self) -> dict[str, Any]:
        """As of a sender that handed in each copy. Raises `SubjectError` if it was not released."""
        if self._process.wait(_ANSWER_S):
            raise SubjectError("the campaign was not released")
        deliveries, seconds = self._expanded["deliveries"], self._expanded["seconds"]
        return {
            "start_ns": 0,  # the first arrival: a command takes its time to begin
            "accepted": deliveries,
            "accepted_s": round(deliveries / seconds, 1),
            "acceptance_ms": {"p50": 0.0, "p95": 0.0, "p99": 0.0, "max": 0.0},
            "deferred": 0,
            "refused": 0,
            "resent": 0,
            "cpu_s": 0.0,
        }

    def close(self) -> None:
        """End it, whatever it is doing."""
        if not self.has_ended:
            self._process.kill()
        self._process.wait()


def source_command(stream: Stream, target: str, deadline_s: float, credentials: str) -> list[str]:
    """The sender's command line."""
    load = stream.load
    options = {
        "target": target,
        "run": stream.run,
        "messages": load.messages,
        "connections": load.connections,
        "size": load.size,
        "domains": load.domains,
        "domain-format": load.domain_format,
        "recipients": load.recipients,
        "per-connection": load.per_connection,
        "rate": load.rate,
        "deadline": round(deadline_s),
    }
    command = [str(program("msrc"))]
    for name, value in options.items():
        command += [f"--{name}", str(value)]
    for header in load.headers:
        command += ["--header", header]
    if load.tls:
        command.append("--tls")
    if load.pipelining:
        command.append("--pipelining")
    if load.auth and credentials:
        command += ["--auth", credentials]
    return command
