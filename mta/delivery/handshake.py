"""What a failed TLS handshake means: in opportunistic mode, the same mail in clear (RFC 7435 §3)."""

import ssl

from mta.delivery.target import Target
from mta.delivery.tls_memory import TlsMemory
from mta.model.outcome import Outcome, OutcomeKind, Phase
from mta.model.reply import Reply
from mta.smtp.client_verdicts import Verdicts


def should_retry_in_clear(outcome: Outcome) -> bool:
    """True for the outcome of `MxConnection.open` when TLS failed in opportunistic mode.

    The peer is remembered: opening the same target again goes in clear.
    """
    return outcome.kind is OutcomeKind.RETURNED and outcome.phase is Phase.TLS


def handshake_failed(
    error: OSError | ValueError, target: Target, verdicts: Verdicts, memory: TlsMemory
) -> Outcome:
    """The outcome; where TLS is not mandatory, `memory` keeps that the peer's is broken."""
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = error.verify_message
    else:
        reason = getattr(error, "reason", None) or str(error) or type(error).__name__
    reply = Reply.of(454, "4.7.5", f"TLS handshake failed: {reason}")
    if target.tls_mode.is_mandatory:
        return verdicts.host_failed(reply, Phase.TLS)
    memory.remember(target.address, target.port, reason)
    return verdicts.returned(reply, Phase.TLS)
