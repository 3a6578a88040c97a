"""What a server session offers and where its limits are."""

from dataclasses import dataclass
from datetime import UTC, datetime

from mta.smtp.commands import MAX_FUTURE_RELEASE_S
from mta.smtp.sasl import MECHANISMS


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Shared by all sessions of a listener."""

    hostname: str
    decoy_secret: bytes  # hides from SCRAM clients which names exist
    max_message_bytes: int = 26_214_400
    max_recipients: int = 1000
    normalize_line_endings: bool = True  # else a lone CR or LF in a message is refused
    offer_tls: bool = False
    mechanisms: tuple[str, ...] = MECHANISMS
    allow_plaintext_auth: bool = False
    max_errors_soft: int = 10  # Postfix smtpd_soft_error_limit
    max_errors_hard: int = 20  # Postfix smtpd_hard_error_limit
    max_idle_commands: int = (
        100  # NOOP, RSET, VRFY without a message; Postfix smtpd_junk_command_limit
    )

    def offers_auth(self, *, is_secure: bool) -> bool:
        """Whether AUTH is offered on such a connection (RFC 4954 §4: never a password in clear)."""
        return bool(self.mechanisms) and (is_secure or self.allow_plaintext_auth)

    def greeting(self) -> bytes:
        """The banner."""
        return f"220 {self.hostname} ESMTP Relevo\r\n".encode("ascii")

    def hello(self) -> bytes:
        """The reply to HELO."""
        return f"250 {self.hostname}\r\n".encode("ascii")

    def capabilities(self, *, is_secure: bool, now_ms: int) -> bytes:
        """The whole reply to EHLO, to be written at once."""
        lines = [
            self.hostname,
            "PIPELINING",
            f"SIZE {self.max_message_bytes}",
            "8BITMIME",
            "SMTPUTF8",
            "ENHANCEDSTATUSCODES",
            "DSN",
            "CHUNKING",
        ]
        if self.offer_tls and not is_secure:
            lines.append("STARTTLS")
        if self.offers_auth(is_secure=is_secure):
            lines.append("AUTH " + " ".join(self.mechanisms))
        latest = datetime.fromtimestamp(now_ms // 1000 + MAX_FUTURE_RELEASE_S, UTC)
        lines.append(f"FUTURERELEASE {MAX_FUTURE_RELEASE_S} {latest:%Y-%m-%dT%H:%M:%SZ}")
        lines.append(f"LIMITS RCPTMAX={self.max_recipients}")
        body = "".join(f"250-{line}\r\n" for line in lines[:-1])
        return f"{body}250 {lines[-1]}\r\n".encode("ascii")
