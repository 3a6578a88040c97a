"""What all subjects of a run share: a directory on disk, free ports, a certificate, a DNS.

The DNS is dnsmasq: every test domain has an MX record for one of the receivers' names, and these
have the addresses 127.0.1.1 and following. As root it also listens on port 53 of an address of its
own, for Postfix, which can be told of another resolver only by /etc/resolv.conf.
"""

import datetime as dt
import shutil
import socket
import tempfile
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bench import machine
from bench.cases import BENCH
from bench.children import Child, SubjectError, wait_for

DOMAINS = 1000
RECEIVERS = 20
FIRST_RECEIVER = "127.0.1.1"
DNS_ADDRESS = "127.0.53.1"
OWN_SITES = ("limited.test",)  # further domains, all on the first receiver


def receiver_address(number: int) -> str:
    """Address of the MX host `mxNN.test`."""
    return f"127.0.1.{number + 1}"


def free_port(addresses: tuple[str, ...] = ("127.0.0.1",)) -> int:
    """A TCP port that is free on all of `addresses` now."""
    for _ in range(50):
        with socket.create_server((addresses[0], 0)) as first:
            port: int = first.getsockname()[1]
            try:
                for address in addresses[1:]:
                    socket.create_server((address, port)).close()
            except OSError:
                continue
            return port
    raise SubjectError("no port is free on all receivers' addresses")


def is_open(target: str) -> bool:
    """Whether something listens on HOST:PORT."""
    host, _, port = target.rpartition(":")
    try:
        socket.create_connection((host, int(port)), 1).close()
    except OSError:
        return False
    return True


class Ground:
    """The common ground of all runs; a context manager that removes everything at its end."""

    def __init__(self, parent: Path | None, *, keep: bool = False) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="relevo-bench-", dir=_disk(parent)))
        self.directory.chmod(0o755)  # Postfix's own user has to get in
        self.certificate = self.directory / "certificate.pem"
        self.key = self.directory / "key.pem"
        self.mx_port = free_port(tuple(receiver_address(n) for n in range(RECEIVERS)))
        self.nameserver = f"{DNS_ADDRESS}:{53 if _can_use_port_53() else free_port()}"
        self._keep = keep
        self._dns: Child | None = None

    def __enter__(self) -> Self:
        try:
            _make_certificate(self.certificate, self.key)
            self._start_dns()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the DNS and remove the directory."""
        if self._dns is not None:
            self._dns.stop(5.0)
        if not self._keep:
            shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def dns_roots(self) -> tuple[int, ...]:
        """The DNS's process."""
        return (self._dns.pid,) if self._dns else ()

    @property
    def has_standard_dns(self) -> bool:
        """Whether the DNS is on port 53, where /etc/resolv.conf can name it."""
        return self.nameserver.endswith(":53")

    def _start_dns(self) -> None:
        server = shutil.which("dnsmasq", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
        if server is None:
            raise SubjectError("no dnsmasq: apt-get install dnsmasq-base")
        settings = self.directory / "dnsmasq.conf"
        settings.write_text(dns_settings(self.nameserver, machine.is_root()))
        command = [server, "--keep-in-foreground", f"--conf-file={settings}"]
        self._dns = Child(command, self.directory / "dnsmasq.log")
        wait_for("dnsmasq", lambda: is_open(self.nameserver), self._dns, 10.0)


def dns_settings(nameserver: str, as_root: bool) -> str:
    """A configuration of dnsmasq with every test domain."""
    address, _, port = nameserver.rpartition(":")
    lines = [
        "no-resolv",
        "no-hosts",
        "pid-file",
        f"listen-address={address}",
        "bind-interfaces",
        f"port={port}",
        "cache-size=10000",
        "local=/test/",
        "local-ttl=3600",
        *(["user=root"] if as_root else []),
        *(f"mx-host=d{n:04d}.test,mx{n % RECEIVERS:02d}.test,10" for n in range(DOMAINS)),
        *(f"mx-host={name},mx00.test,10" for name in OWN_SITES),
        *(f"host-record=mx{n:02d}.test,{receiver_address(n)}" for n in range(RECEIVERS)),
    ]
    return "\n".join(lines) + "\n"


def _disk(parent: Path | None) -> Path:
    """A directory that is on a disk: durability costs nothing in memory."""
    candidates = [parent] if parent else [Path("/var/tmp"), BENCH / "results"]
    for candidate in candidates:
        candidate.mkdir(parents=True, exist_ok=True)
        if machine.file_system(candidate.resolve()) not in machine.IN_MEMORY:
            return candidate.resolve()
    raise SubjectError(f"{candidates[0]} is in memory: name a directory on a disk with --dir")


def _can_use_port_53() -> bool:
    try:
        socket.create_server((DNS_ADDRESS, 53)).close()
    except OSError:
        return False
    return True


def _make_certificate(certificate: Path, key: Path) -> None:
    """A self-signed certificate with an ECDSA key, as most servers have today."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=2))
        .sign(private, hashes.SHA256())
    )
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    key.chmod(0o600)
