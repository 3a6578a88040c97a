"""A real listener on loopback with an intake and accounts in memory."""

import asyncio
import datetime as dt
import functools
import inspect
import ipaddress
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mta.intake.ports import Receipt
from mta.listener.limits import ListenerLimits
from mta.listener.listener import Listener
from mta.listener.ports import ListenerMetrics
from mta.model.address import Address
from mta.model.clock import Clock, SystemClock
from mta.model.envelope import Identity, Recipient, Submission
from mta.model.reply import Reply
from mta.settings.schema import Server
from mta.settings.schema import Submission as SubmissionSettings
from mta.smtp.scram import ScramKeys, derive_keys

USER = "app@example.org"
PASSWORD = "secreto-Ñ1"
TAKEN = Reply.of(250, "2.0.0", "1800000000000000001 queued")


class MemoryIntake:
    """Keeps what it took; answers at once unless told to wait."""

    def __init__(self) -> None:
        self.taken: list[Submission] = []
        self.capacity: Reply | None = None
        self.refused_recipients: dict[str, Reply] = {}
        self.waiting: list[asyncio.Future[Receipt]] | None = None

    def check_capacity(self) -> Reply | None:
        return self.capacity

    def check_sender(self, identity: Identity, sender: Address | None) -> Reply | None:
        if sender is None or identity.may_send_as(sender):
            return None
        return Reply.of(550, "5.7.1", "Sender does not belong to this account")

    def check_recipient(self, identity: Identity, recipient: Recipient, count: int) -> Reply | None:
        return self.refused_recipients.get(str(recipient.address))

    def submit(self, submission: Submission) -> asyncio.Future[Receipt]:
        self.taken.append(submission)
        future: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        if self.waiting is None:
            future.set_result(Receipt(TAKEN, 1))
        else:
            self.waiting.append(future)
        return future


class MemoryAccounts:
    """One account."""

    def __init__(self) -> None:
        self.keys = derive_keys(PASSWORD, b"0123456789abcdef")
        self.me = Identity(1, 1, "app", sender_domains=frozenset({"example.org"}))

    def check_password(self, username: str, password: str, peer: str) -> Identity | None:
        return self.me if (username, password) == (USER, PASSWORD) else None

    def scram_keys(self, username: str) -> ScramKeys | None:
        return self.keys if username == USER else None

    def identity(self, username: str, peer: str) -> Identity | None:
        return self.me if username == USER else None

    def trusted_identity(self, account: str) -> Identity | None:
        return self.me if account == "app" else None


class Stand:
    """What a test needs of a running listener."""

    def __init__(self, listener: Listener, intake: MemoryIntake) -> None:
        self.listener = listener
        self.intake = intake

    @property
    def port(self) -> int:
        return self.listener.addresses[0][1]

    @property
    def tls_port(self) -> int:
        return self.listener.addresses[-1][1]


def on_both_loops(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run an async test once on asyncio's own loop and once on uvloop, which the product uses."""

    @functools.wraps(test)
    def run(*args: Any, loop: Callable[..., None], **kwargs: Any) -> None:
        loop(test(*args, **kwargs))

    signature = inspect.signature(test)
    extra = inspect.Parameter("loop", inspect.Parameter.KEYWORD_ONLY)
    run.__signature__ = signature.replace(parameters=[*signature.parameters.values(), extra])
    del run.__wrapped__
    loops = pytest.mark.parametrize("loop", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
    return loops(run)


def write_certificate(folder: Path, name: str = "localhost") -> tuple[Path, Path]:
    """A self-signed certificate and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=30))
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            ),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir(parents=True, exist_ok=True)
    certificate_path, key_path = folder / "cert.pem", folder / "key.pem"
    certificate_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate_path, key_path


@asynccontextmanager
async def running(
    *,
    certificate: tuple[Path, Path] | None = None,
    limits: ListenerLimits | None = None,
    clock: Clock | None = None,
    metrics: ListenerMetrics | None = None,
    **settings: object,
) -> AsyncIterator[Stand]:
    """A listener on a free port; with a certificate also with implicit TLS on another."""
    table: dict[str, object] = {"listen": ["127.0.0.1:0"], **settings}
    if certificate is not None:
        table |= {
            "tls_certificate": str(certificate[0]),
            "tls_key": str(certificate[1]),
            "implicit_tls_listen": ["127.0.0.1:0"],
        }
    intake = MemoryIntake()
    listener = Listener(
        SubmissionSettings.model_validate(table),
        Server(hostname="mail.example.org"),
        intake,
        MemoryAccounts(),
        clock or SystemClock(),
        limits=limits,
        metrics=metrics,
    )
    await listener.start()
    try:
        yield Stand(listener, intake)
    finally:
        await listener.close(0.5)
