"""A connection as its lane sees it: how many attempts it has, and whether more may be given to it.

At most two attempts belong to a link at any time, from the claim to the committed settlement: so
a connection begins a further body only when its last-but-one settlement is on disk, and what is
uncertain after a crash is bounded by the connections.
"""

from mta.delivery.connection import MxConnection

MAX_ATTEMPTS = 2


class Link:
    """One open connection of a lane."""

    __slots__ = (
        "attempts",
        "bulk",
        "connection",
        "domain",
        "given",
        "has_sent",
        "host",
        "idle_since_s",
        "is_retiring",
        "port",
    )

    def __init__(self, connection: MxConnection, host: str, port: int, domain: str) -> None:
        self.connection = connection
        self.host = host  # MX name it was opened for
        self.port = port
        self.domain = domain
        self.attempts = 0  # picked for it and not settled
        self.bulk = 0  # of these, automated and campaign mail
        self.given = 0  # attempts ever given to it
        self.has_sent = False  # any of them reached it
        self.idle_since_s = 0.0
        self.is_retiring = False

    def has_slot(self, messages_per_connection: int) -> bool:
        """Whether one more attempt may be given to it."""
        return (
            self.attempts < MAX_ATTEMPTS
            and not self.is_retiring
            and self.connection.slots_free > 0  # none when the peer has set an end to it
            and self.given < messages_per_connection
        )
