"""The listener's numbers: those of the settings and those that are not worth a setting."""

from dataclasses import dataclass
from typing import Self

from mta.settings.schema import Submission

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True)
class ListenerLimits:
    """Times in seconds, sizes in octets."""

    max_connections: int = 10_000
    max_per_address: int = 50
    idle_s: float = 300.0  # RFC 5321 §4.5.3.2.7
    login_s: float = 60.0  # silence before AUTH
    login_total_s: float = 300.0  # whole time before AUTH, however busy
    block_s: float = 180.0  # silence within a message (RFC 5321 §4.5.3.2.5)
    message_s: float = 600.0  # whole message, unless it comes at least at
    min_rate: float = 5_000.0  # octets a second: 25 MiB in 90 min, a slow mobile link
    handshake_s: float = 30.0
    farewell_s: float = 10.0  # to take the last reply off us
    max_auth_failures: int = 5
    auth_window_s: float = 600.0
    auth_delay_s: float = 1.0  # doubles with each failure
    max_auth_delay_s: float = 30.0
    error_delay_s: float = 1.0  # Postfix smtpd_error_sleep_time
    max_buffered: int = 64 * KIB  # of a connection, while it waits for an answer
    max_held: int = 256 * MIB  # contents of all connections; beyond it MAIL is deferred
    backlog: int = 1024

    @classmethod
    def of(cls, submission: Submission) -> Self:
        """The limits that `[submission]` sets."""
        return cls(
            max_connections=submission.max_connections,
            max_per_address=submission.max_connections_per_address,
            idle_s=submission.idle_timeout,
            login_s=min(60.0, submission.idle_timeout),
            message_s=submission.data_timeout,
            max_auth_failures=submission.auth_failures,
            auth_window_s=submission.auth_failure_window,
        )
