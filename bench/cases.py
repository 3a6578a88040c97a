"""The cases of the benchmark, as data: what is sent, who receives, what is filled up beforehand."""

from dataclasses import dataclass, field, replace
from pathlib import Path

BENCH = Path(__file__).resolve().parent
LIFTED = BENCH / "shaping.toml"
SHIPPED = BENCH.parent / "config" / "shaping.toml"
SUBJECTS = ("relevo", "postfix", "naive")
SIGNED_FROM = "sender.test"  # the domain of every load message's author; the one with a DKIM key


@dataclass(frozen=True, slots=True)
class Load:
    """One stream of messages: what `msrc` sends."""

    messages: int = 0  # 0: as many as asked for on the command line
    size: int = 2048  # octets of a message, about
    connections: int = 20
    domains: int = 10
    domain_format: str = "d%04d.test"
    recipients: int = 1  # of each message
    per_connection: int = 0  # messages on one connection; 0: all
    tls: bool = False
    auth: bool = False
    pipelining: bool = False  # MAIL, RCPT and DATA in one go
    rate: float = 0.0  # messages a second; 0: as fast as they are taken
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Receivers:
    """The MX hosts: what `msink` plays, on 127.0.1.1 and the following addresses."""

    count: int = 20
    tls: bool = False
    delay_ms: int = 0  # before each reply


@dataclass(frozen=True, slots=True)
class Case:
    """One situation that is measured."""

    key: str
    title: str
    load: Load = Load()
    receivers: Receivers = Receivers()
    is_signed: bool = False  # RSA-2048
    shaping: Path = LIFTED
    backlog: Load | None = (
        None  # handed in first and, being limited, still queued while `load` runs
    )
    is_restarted: bool = False  # between backlog and load: start-up time with a full queue
    is_template: bool = False  # `load` is one stored message, its copies rendered when sent
    subjects: tuple[str, ...] = SUBJECTS
    # Slower subjects get fewer messages, so that a run takes about as long as Relevo's.
    shares: dict[str, float] = field(default_factory=lambda: {"postfix": 0.25, "naive": 0.25})

    def load_for(self, subject: str, messages: int) -> Load:
        """The load of one subject when `messages` are asked for."""
        number = self.load.messages or messages
        share = self.shares.get(subject, 1.0)
        if subject == "naive" and self.is_signed:
            share /= 5  # dkimpy signs about a hundred a second
        least = 10 * self.load.connections
        return replace(self.load, messages=min(number, max(least, round(number * share))))


_KEPT = Case("a", "2 KiB, 20 connections, 10 domains, unsigned")
_BACKLOG = Load(recipients=1000, connections=8, domains=1, domain_format="limited.test")
_CAMPAIGN = ("X-Relevo-Class: campaign",)
_ONLY_US = ("relevo",)

CASES: tuple[Case, ...] = (
    _KEPT,
    replace(_KEPT, key="p", title="as a, submitted with PIPELINING", load=Load(pipelining=True)),
    replace(_KEPT, key="b", title="10 KiB, otherwise as a", load=Load(size=10240)),
    replace(_KEPT, key="c", title="as a, signed with DKIM RSA-2048", is_signed=True),
    replace(_KEPT, key="d", title="as a, 1000 domains on 20 receivers", load=Load(domains=1000)),
    replace(
        _KEPT,
        key="e",
        title="as a, STARTTLS on both sides",
        load=Load(tls=True),
        receivers=Receivers(tls=True),
    ),
    replace(
        _KEPT,
        key="f",
        title="as a, one connection per message with TLS and AUTH",
        load=Load(tls=True, auth=True, per_connection=1),
        shares={"postfix": 0.25, "naive": 0.1},
        subjects=("relevo", "postfix"),
    ),
    replace(
        _KEPT,
        key="g",
        title="receivers 100 ms away, 500 messages a second offered",
        load=Load(rate=500.0),
        receivers=Receivers(delay_ms=100),
        subjects=("relevo", "postfix"),
    ),
    replace(
        _KEPT,
        key="h",
        title="one transactional mail every 100 ms to a site of 50/s with 300,000 queued",
        load=Load(300, rate=10.0, connections=2, domains=1, domain_format="limited.test"),
        backlog=replace(_BACKLOG, messages=300, headers=_CAMPAIGN),
        subjects=_ONLY_US,
    ),
    replace(
        _KEPT,
        key="i",
        title="one template message to all, 2 KiB, rendered and signed at send (RSA-2048)",
        is_signed=True,
        is_template=True,
        subjects=_ONLY_US,
    ),
    replace(
        _KEPT,
        key="j1",
        title="as a, with 1,000,000 deliveries queued, after a restart",
        backlog=replace(_BACKLOG, messages=1000, headers=_CAMPAIGN),
        is_restarted=True,
        subjects=_ONLY_US,
    ),
    replace(
        _KEPT,
        key="j4",
        title="as a, with 4,000,000 deliveries queued, after a restart",
        backlog=replace(_BACKLOG, messages=4000, headers=_CAMPAIGN),
        is_restarted=True,
        subjects=_ONLY_US,
    ),
    replace(
        _KEPT,
        key="shipped",
        title="as a, 600 messages to 1 site under the limits as shipped (20/s)",
        load=Load(600, domains=1),
        shaping=SHIPPED,
        subjects=_ONLY_US,
    ),
)


def cases_of(keys: str) -> list[Case]:
    """The cases named by a comma-separated list. Raises `ValueError` with what can be named."""
    known = {case.key: case for case in CASES}
    names = [name for name in keys.split(",") if name]
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise ValueError(f"cases: expected some of {','.join(known)}, not {','.join(unknown)!r}")
    return [known[name] for name in names]
