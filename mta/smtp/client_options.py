"""How a client introduces itself and what it demands of the connection."""

from dataclasses import dataclass
from enum import StrEnum


class TlsMode(StrEnum):
    """What to do about STARTTLS.

    `OPPORTUNISTIC` encrypts where the peer can and checks no certificate (RFC 7435), `ENCRYPT`
    demands encryption and checks no certificate, `REQUIRED` demands encryption with a certificate
    that the system's roots vouch for and that names the host; `OFF` never asks.
    """

    OFF = "off"
    OPPORTUNISTIC = "opportunistic"
    ENCRYPT = "encrypt"
    REQUIRED = "required"

    @property
    def is_mandatory(self) -> bool:
        """True when mail must not go in clear."""
        return self in {TlsMode.ENCRYPT, TlsMode.REQUIRED}


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """User name and password at a smarthost (AUTH PLAIN or LOGIN); never printed."""

    username: str
    password: str


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """What one connection is opened with."""

    ehlo: str  # our name: should be the PTR of the source address (RFC 5321 §4.1.1.1)
    tls: TlsMode = TlsMode.OPPORTUNISTIC
    credentials: Credentials | None = None
