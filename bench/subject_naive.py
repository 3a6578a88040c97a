"""The naive relay of `bench.naive` as a subject."""

import sys
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bench.cases import BENCH, Case
from bench.children import Child, SubjectError, wait_for
from bench.generator import Release, Stream
from bench.ground import Ground, free_port, is_open
from bench.meter import SyncCounter


class NaiveSubject:
    """aiosmtpd, aiosmtplib and dkimpy without a queue."""

    name = "naive"

    def __init__(self, ground: Ground) -> None:
        self.roots: tuple[int, ...] = ()
        self.target = ""
        self.credentials = ""
        self.notes: list[str] = []
        self._ground = ground
        self._child: Child | None = None

    def obstacle(self, case: Case) -> str:  # noqa: ARG002 - it can do what the library can
        return ""

    def start(self, case: Case, directory: Path, syncs: SyncCounter) -> float:
        self.notes = ["no queue: nothing is durable"]
        self.target = f"127.0.0.1:{free_port()}"
        command = [sys.executable, "-m", "bench.naive", "--listen", self.target]
        command += ["--nameserver", self._ground.nameserver]
        command += ["--mx-port", str(self._ground.mx_port)]
        if case.is_signed:
            command += ["--key", str(_make_key(directory))]
        if case.load.tls:
            command += ["--certificate", str(self._ground.certificate)]
            command += ["--certificate-key", str(self._ground.key)]
        self._child = Child(
            command,
            directory / "naive.log",
            environment=syncs.environment,
            directory=BENCH.parent,
        )
        self.roots = (self._child.pid,)
        return wait_for("naive", lambda: is_open(self.target), self._child)

    def restart(self) -> float:
        raise SubjectError("the naive relay has nothing to keep over a restart")

    def put_template(self, stream: Stream) -> dict[str, float]:  # noqa: ARG002
        raise SubjectError("the naive relay knows no templates")

    def release(self, expanded: dict[str, float]) -> Release:  # noqa: ARG002
        raise SubjectError("the naive relay knows no templates")

    def counters(self) -> dict[str, float]:
        return {}

    def stop(self) -> list[str]:
        child, self._child, self.roots = self._child, None, ()
        problem = child.stop() if child else ""
        return [problem] if problem else []


def _make_key(directory: Path) -> Path:
    path = directory / "dkim.pem"
    path.write_bytes(
        rsa.generate_private_key(65537, 2048).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )
    return path
