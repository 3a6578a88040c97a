"""Where a connection goes and how long it may take: values only."""

from dataclasses import dataclass, fields
from typing import cast

from mta.smtp.client_options import ClientOptions, Credentials, TlsMode
from mta.smtp.client_states import Step

__all__ = ["ClientOptions", "Credentials", "Target", "Timeouts", "TlsMode"]


@dataclass(frozen=True, slots=True)
class Target:
    """One address of one MX host, and how to go there."""

    host_name: str  # MX name as A-labels, or the address again for an address literal
    address: str  # IPv4 or IPv6, never a name
    port: int = 25
    source_address: str | None = None  # egress address; None: the system's choice
    ehlo: str = "localhost"
    tls_mode: TlsMode = TlsMode.OPPORTUNISTIC
    credentials: Credentials | None = None  # for a smarthost
    is_known: bool = False  # it has greeted us before: wait `Timeouts.greeting_known` only

    @property
    def host(self) -> str:
        """Name and address as outcomes carry them: `mx1.example.org[192.0.2.1]`."""
        return f"{self.host_name}[{self.address}]"

    @property
    def peer(self) -> str:
        """The same with the port: `mx1.example.org[192.0.2.1]:25`."""
        return f"{self.host_name}[{self.address}]:{self.port}"


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to wait in each phase; the defaults are RFC 5321 §4.5.3.2's minima or above."""

    connect: float = 30.0
    greeting: float = 300.0  # §4.5.3.2.1: 5 minutes
    greeting_known: float = 60.0
    ehlo: float = 300.0  # §4.5.3.2.1
    tls: float = 60.0  # STARTTLS and the handshake, each
    auth: float = 300.0
    mail: float = 300.0  # §4.5.3.2.2: 5 minutes
    rcpt: float = 300.0  # §4.5.3.2.3: 5 minutes
    data: float = 120.0  # §4.5.3.2.4: 2 minutes
    block: float = 180.0  # §4.5.3.2.5: 3 minutes without progress in a body
    dot: float = 600.0  # §4.5.3.2.6: 10 minutes; giving up earlier makes duplicates
    rset: float = 20.0
    quit: float = 5.0  # its answer changes nothing (§3.8)
    transaction: float = 1200.0  # cap from MAIL to the answer to the final dot

    def __post_init__(self) -> None:
        for field in fields(self):
            if not getattr(self, field.name) > 0:
                raise ValueError(
                    f"timeout {field.name} = {getattr(self, field.name)}: not positive"
                )

    def of_step(self, step: Step) -> float:
        """Seconds to wait for the reply to a step."""
        return cast(float, getattr(self, _FIELDS[step]))

    @property
    def shortest(self) -> float:
        """The least of those that a wait for a reply can have."""
        return min(
            self.greeting, self.greeting_known, self.ehlo, self.tls, self.auth, self.mail, self.rcpt,
            self.data, self.block, self.dot, self.rset, self.quit, self.transaction,
        )  # fmt: skip


# Indexed by Step: the field of Timeouts that counts.
_FIELDS = (
    "greeting",
    "ehlo",
    "ehlo",
    "tls",
    "auth",
    "auth",
    "auth",
    "auth",
    "rset",
    "mail",
    "rcpt",
    "data",
    "dot",
    "data",
    "quit",
)
