"""What a DKIM signature costs, and how much of it is not the RSA operation: `python -m bench.dkim_signing`.

CPU time of one thread; each figure is the minimum, median and maximum of seven rounds.
"""

import datetime as dt
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cryptography
import dkim
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from mta.dkim import DkimKey, KeyType, Signer, from_domain, generate_key

ROUNDS = 7
COUNT = 300
NOW_S = 1_763_800_000
HEAD = (
    b"Received: from app.example.org (app.example.org [192.0.2.1])\r\n"
    b"\tby relevo.example.org with ESMTPSA id 1790000000000000000;\r\n"
    b"\tSat, 22 Nov 2025 09:00:00 -0500\r\n"
    b"From: Avisos <avisos@example.org>\r\nTo: persona@recipient.example\r\n"
    b"Subject: Su comprobante de pago\r\nDate: Sat, 22 Nov 2025 09:00:00 -0500\r\n"
    b"Message-ID: <1790000000000000000@relevo.example.org>\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n"
    b"List-Unsubscribe: <https://correo.example.org/u/abcdefghijklmnopqrstuvwxyz>\r\n"
    b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\n"
)
LINE = b"Estimada persona, su comprobante de pago esta listo.\r\n"


class _NoKey:
    """Stands for a private key whose operation costs nothing."""

    key_size = 2048

    def sign(self, *_args: object) -> bytes:
        return bytes(256)


def message(size: int, number: int) -> bytes:
    body = LINE * ((size - len(HEAD)) // len(LINE))
    return HEAD + body + b"Numero %d\r\n" % number


def measure(name: str, call: Callable[[int], object], count: int = COUNT) -> None:
    """Print microseconds of CPU per call."""
    figures = []
    for round_ in range(ROUNDS):
        start = time.thread_time()
        for i in range(count):
            call(round_ * count + i)
        figures.append((time.thread_time() - start) / count * 1e6)
    low, mid, high = min(figures), statistics.median(figures), max(figures)
    print(f"{name:<58}{low:>9.1f}{mid:>9.1f}{high:>9.1f}")


def measure_size(size: int, rsa: DkimKey, ed25519: DkimKey, free: DkimKey) -> None:
    """All figures for messages of one size."""
    signer = Signer()
    messages = [message(size, i) for i in range(ROUNDS * COUNT)]

    def different(keys: tuple[DkimKey, ...]) -> Callable[[int], object]:
        return lambda i: signer.sign(messages[i], keys, NOW_S)

    kib = f"{size // 1024} KiB"
    measure(f"{kib}: all but the key operation", different((free,)))
    measure(
        f"{kib}: the same, body seen before", lambda _: signer.sign(messages[0], (free,), NOW_S)
    )
    measure(f"{kib}: RSA-2048", different((rsa,)))
    measure(f"{kib}: RSA-2048 and Ed25519", different((rsa, ed25519)))


def main() -> None:
    """Print the table."""
    machine = platform.processor() or platform.machine()
    versions = f"Python {platform.python_version()}, cryptography {cryptography.__version__}"
    print(f"{machine}, {os.cpu_count()} cores, {versions}")
    print(f"{'microseconds of CPU per message':<58}{'min':>9}{'median':>9}{'max':>9}")
    today = dt.date(2026, 11, 1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rsa, path = generate_key(folder, "example.org", today=today)
        kind = KeyType.ED25519
        ed25519, _ = generate_key(folder, "example.org", today=today, key_type=kind)
        pem = path.read_bytes()
    free = DkimKey("example.org", "r202611", _NoKey())  # type: ignore[arg-type]
    for size in (2048, 10240, 102400):
        measure_size(size, rsa, ed25519, free)
    assert isinstance(rsa.private, RSAPrivateKey)
    private, data = rsa.private, bytes(900)
    measure(
        "RSA-2048 operation alone",
        lambda _: private.sign(data, padding.PKCS1v15(), hashes.SHA256()),
    )
    small = message(2048, 0)
    measure("domain of the From field", lambda _: from_domain(small))
    relaxed = (b"relaxed", b"relaxed")
    measure(
        "2 KiB: dkimpy, RSA-2048",
        lambda _: dkim.sign(small, b"r202611", b"example.org", pem, canonicalize=relaxed),
        count=10,
    )


if __name__ == "__main__":
    main()
