"""The door's refusals, which are SMTP replies, as HTTP says them (`INTERFACE`: refusals)."""

from collections.abc import Mapping
from types import MappingProxyType

from console.api.refusals import ApiRefusal
from mta.model.reply import Reply

RETRY_S = 5
RATE_RETRY_S = 60

_BY_ENHANCED: Mapping[str, tuple[int, str]] = MappingProxyType(
    {
        "5.2.2": (402, "quota_exhausted"),
        "5.3.4": (413, "too_large"),
        "4.5.3": (422, "too_many_recipients"),
        "4.7.1": (429, "rate_limited"),
        "5.5.4": (422, "message_refused"),
        "5.7.0": (409, "campaign_cancelled"),
        "5.7.1": (403, "sender_not_allowed"),
        "5.7.8": (401, "unauthorized"),
    }
)
# The text tells which of several causes with one status it is.
_BY_TEXT = (
    ("Idempotency key", 422, "idempotency_key_reused"),
    ("class urgent", 403, "class_not_allowed"),
    ("expired", 402, "quota_expired"),
    ("not started", 402, "quota_pending"),
)


def refusal_of(reply: Reply) -> ApiRefusal:
    """The refusal to raise for a reply that is not positive."""
    text = str(reply)
    status, code = _BY_ENHANCED.get(reply.enhanced, (422, "message_refused"))
    if 400 <= reply.code < 500 and reply.enhanced not in _BY_ENHANCED:
        status, code = 503, "unavailable"
    for mark, other_status, other_code in _BY_TEXT:
        if mark in text and (status == other_status or reply.enhanced in ("5.5.4", "5.7.1")):
            status, code = other_status, other_code
    headers = {}
    if status == 429:
        headers["Retry-After"] = str(RATE_RETRY_S)
    elif status == 503:
        headers["Retry-After"] = str(RETRY_S)
    return ApiRefusal(status, code, text, headers=headers)
