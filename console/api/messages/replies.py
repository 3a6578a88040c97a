"""The door's refusals, which are SMTP replies, as HTTP says them (`INTERFACE`: refusals)."""

from collections.abc import Mapping
from types import MappingProxyType

from console.accounts.quota import replies as quota
from console.api.refusals import ApiRefusal
from mta.intake import intake
from mta.intake.admission import URGENT_REFUSED
from mta.model.reply import Reply

RETRY_S = 5
RATE_RETRY_S = 60

_KNOWN: Mapping[Reply, tuple[int, str]] = MappingProxyType(
    {
        **{reply: (402, code) for reply, code in quota.CODES.items()},
        intake.NOT_FOR_TRAINING: (403, quota.CODES[intake.NOT_FOR_TRAINING]),
        intake.KEY_REUSED: (422, "idempotency_key_reused"),
        intake.TOO_MANY: (422, "too_many_recipients"),
        URGENT_REFUSED: (403, "class_not_allowed"),
    }
)
_BY_ENHANCED: Mapping[str, tuple[int, str]] = MappingProxyType(
    {
        "5.2.2": (402, "quota_exhausted"),
        "5.3.4": (413, "too_large"),
        "4.5.3": (422, "too_many_recipients"),
        "4.7.1": (429, "rate_limited"),
        "5.7.0": (409, "campaign_cancelled"),
        "5.7.1": (403, "sender_not_allowed"),
        "5.7.8": (401, "unauthorized"),
    }
)


def refusal_of(reply: Reply) -> ApiRefusal:
    """The refusal to raise for a reply that is not positive."""
    found = _KNOWN.get(reply) or _BY_ENHANCED.get(reply.enhanced)
    if found is None:
        found = (503, "unavailable") if reply.is_transient else (422, "message_refused")
    status, code = found
    headers = {}
    if status == 429:
        headers["Retry-After"] = str(RATE_RETRY_S)
    elif status == 503:
        headers["Retry-After"] = str(RETRY_S)
    return ApiRefusal(status, code, reply.text, headers=headers)
