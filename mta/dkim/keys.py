"""Private keys for signing: what one is, and the ring of all that lie in the key directory.

Keys are PEM files `<directory>/<domain>/<selector>.pem`, readable by their owner alone. All keys of
a domain sign, so a mail has one signature for each: RSA first, because some receivers look at the
first signature only, and not every receiver knows Ed25519 (RFC 8463). A domain without keys of its
own is signed by the nearest parent domain that has some: relaxed alignment (RFC 9989 §4.4) accepts it.
"""

import base64
import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from mta.model.address import parse_domain
from mta.model.errors import AddressSyntaxError, ConfigurationError

MIN_RSA_BITS = 1024  # RFC 8301 §3.2: signers must not use less
_LINE = 76  # columns, of the 78 that RFC 5322 §2.1.1 recommends
_SUFFIX = ".pem"
_MAX_FILE_BYTES = 65536
_SELECTOR = re.compile(
    r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
    r"(?:\.[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?)*\Z"
)


@dataclass(frozen=True, slots=True, eq=False)
class DkimKey:
    """One private key and the names under which its public half is published."""

    domain: str  # lower-case A-labels, the d= tag
    selector: str  # the s= tag
    private: RSAPrivateKey | Ed25519PrivateKey = field(repr=False)
    head: bytes = field(init=False, repr=False)  # first lines of its signatures, as far as fixed

    def __post_init__(self) -> None:
        object.__setattr__(self, "head", _head(self))

    @property
    def algorithm(self) -> str:
        """The a= tag: `rsa-sha256` or `ed25519-sha256`."""
        return "rsa-sha256" if isinstance(self.private, RSAPrivateKey) else "ed25519-sha256"

    @property
    def bits(self) -> int:
        """The size of the key."""
        return self.private.key_size if isinstance(self.private, RSAPrivateKey) else 256

    @property
    def record_name(self) -> str:
        """Where the public key is published, without a final dot."""
        return f"{self.selector}._domainkey.{self.domain}"

    @property
    def public_text(self) -> str:
        """The p= tag of the record: base64 (RSA: SubjectPublicKeyInfo; Ed25519: the 32 octets)."""
        public = self.private.public_key()
        if isinstance(self.private, RSAPrivateKey):
            data = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        else:
            data = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        return base64.b64encode(data).decode("ascii")


def _head(key: DkimKey) -> bytes:
    """The field name and the tags that are the same in each signature of the key, folded."""
    tags = f"v=1; a={key.algorithm}; c=relaxed/relaxed; d={key.domain}; s={key.selector};"
    lines = ["DKIM-Signature:"]
    for tag in tags.split(" "):
        if len(lines[-1]) + 1 + len(tag) > _LINE:
            lines.append("")
        lines[-1] += f" {tag}"
    return "\r\n".join(lines).encode("ascii")


class KeyRing:
    """All keys of a directory, by domain."""

    def __init__(self, directory: Path, keys: dict[str, tuple[DkimKey, ...]]) -> None:
        """`keys` by domain, in the order in which they sign."""
        self.directory = directory
        self._keys = keys

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read every key; a directory that does not exist holds none.

        Raises `ConfigurationError` with one line for every file that cannot be used.
        """
        return cls(directory, _read_all(directory))

    def reload(self) -> None:
        """Read the directory again; when that raises `ConfigurationError` the keys stay as they were."""
        self._keys = _read_all(self.directory)

    @property
    def domains(self) -> tuple[str, ...]:
        """Domains that have keys of their own."""
        return tuple(self._keys)

    def keys(self, domain: str) -> tuple[DkimKey, ...]:
        """The domain's own keys."""
        return self._keys.get(domain, ())

    def signers(self, domain: str) -> tuple[DkimKey, ...]:
        """The keys that sign mail whose From is in `domain` (lower-case A-labels): the domain's own,
        or those of the nearest parent that has some; none when there is no such domain.
        """
        while domain:
            keys = self._keys.get(domain)
            if keys is not None:
                return keys
            domain = domain.partition(".")[2]
        return ()


def read_key(path: Path) -> DkimKey:
    """The key in `<domain>/<selector>.pem`.

    Raises `ConfigurationError` naming the file and the remedy: others can read it, it is no key, it
    is too weak, its names are none.
    """
    domain, selector = path.parent.name, path.name.removesuffix(".new").removesuffix(_SUFFIX)
    check_names(domain, selector, str(path))
    private = _load(path, _read_private(path))
    return DkimKey(domain, selector, private)


def check_names(domain: str, selector: str, where: str) -> None:
    """Raise `ConfigurationError` unless both can stand in a signature and in DNS."""
    try:
        if parse_domain(domain) != domain or domain.startswith("["):
            raise AddressSyntaxError(domain)
    except AddressSyntaxError:
        raise ConfigurationError(
            f"{where}: {domain!r} is not a domain in lower-case ASCII (xn--… for others)"
        ) from None
    if len(selector) > 63 or not _SELECTOR.match(selector):
        raise ConfigurationError(
            f"{where}: {selector!r} is not a selector: letters, digits, hyphens, dots between"
        )


def _read_all(directory: Path) -> dict[str, tuple[DkimKey, ...]]:
    found: dict[str, list[DkimKey]] = {}
    problems: list[str] = []
    try:
        paths = sorted(directory.glob(f"*/*{_SUFFIX}"))
    except OSError as error:
        raise ConfigurationError(f"{directory}: cannot be read: {error.strerror}") from None
    for path in paths:
        if path.name.startswith(".") or path.parent.name.startswith("."):
            continue
        try:
            key = read_key(path)
        except ConfigurationError as error:
            problems.append(str(error))
        else:
            found.setdefault(key.domain, []).append(key)
    if problems:
        raise ConfigurationError("\n".join(problems))
    order = ("rsa-sha256", "ed25519-sha256").index
    return {
        domain: tuple(sorted(keys, key=lambda key: (order(key.algorithm), key.selector)))
        for domain, keys in found.items()
    }


def _read_private(path: Path) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - the mode checked is that of the file read
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise ConfigurationError(f"{path}: is not a file")
            if status.st_mode & 0o077:
                raise ConfigurationError(
                    f"{path}: mode {stat.S_IMODE(status.st_mode):04o} lets others read the private "
                    f"key: chmod 600 {path}"
                )
            return file.read(_MAX_FILE_BYTES)
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from None


def _load(path: Path, data: bytes) -> RSAPrivateKey | Ed25519PrivateKey:
    try:
        # The library's own check of an RSA key takes 40 ms (primality): with a thousand domains that
        # is most of a minute at each start. One signature that verifies says the same in 0.4 ms.
        private = load_pem_private_key(data, None, unsafe_skip_rsa_key_validation=True)
    except TypeError:
        raise ConfigurationError(
            f"{path}: is encrypted; store it without passphrase, mode 0600"
        ) from None
    except Exception as error:  # the library raises ValueError, UnsupportedAlgorithm and more
        raise ConfigurationError(f"{path}: is not a private key in PEM form ({error})") from None
    if isinstance(private, Ed25519PrivateKey):
        return private
    if not isinstance(private, RSAPrivateKey):
        raise ConfigurationError(f"{path}: is neither an RSA nor an Ed25519 key")
    if private.key_size < MIN_RSA_BITS:
        raise ConfigurationError(
            f"{path}: RSA key of {private.key_size} bits, at least {MIN_RSA_BITS} are needed "
            "(RFC 8301): make another with `relevo dkim new`"
        )
    try:
        signature = private.sign(b"", padding.PKCS1v15(), hashes.SHA256())
        private.public_key().verify(signature, b"", padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, ValueError):
        raise ConfigurationError(f"{path}: is damaged: its signatures do not verify") from None
    return private
