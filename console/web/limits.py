"""What clients of an HTTP listener may do: how many connections, and how slow they may be."""

import resource
from dataclasses import dataclass

from mta.settings.console_schema import Console, Public
from mta.settings.schema import Settings

RESERVED_FILES = 64  # database, log, listening sockets, pipes, DNS
LEAST = 16


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """Counts of connections; times in seconds."""

    max_connections: int = 1000
    max_per_address: int = 200  # an office behind one address: six for each browser
    handshake_s: float = 15.0  # of TLS
    headers_s: float = 15.0  # from the first octet (or the connection) to the end of the header
    body_s: float = 60.0  # how long a body may take at any speed, and then:
    least_rate: float = 4096.0  # octets a second on average: 100 MB in seven hours
    idle_s: float = 75.0  # between two requests; above the 60 s that proxies keep
    idle_when_full_s: float = 5.0  # when three quarters of the places are taken
    stalled_s: float = 120.0  # a client that asked for something and takes none of it
    farewell_s: float = 10.0  # from our end of the connection to the client's


def http_limits(settings: Settings, listener: Console | Public) -> HttpLimits:
    """Those of one listener: its settings, held to the descriptors that mail leaves."""
    most = affordable(settings.submission.max_connections, settings.delivery.max_connections)
    return HttpLimits(
        max_connections=min(listener.max_connections, most),
        max_per_address=listener.max_connections_per_address,
    )


def affordable(submission: int, delivery: int) -> int:
    """How many descriptors each HTTP listener may take, so that mail never wants for one.

    `submission` and `delivery` are the connections of the settings. The SMTP listener holds itself
    to three quarters of the process's limit; what it and deliveries leave is halved between the
    console's listener and the public one.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return 1_000_000
    left = soft - RESERVED_FILES - min(submission, soft * 3 // 4) - min(delivery, soft // 8)
    return max(LEAST, left // 2)
