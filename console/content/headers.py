"""Which header fields a sender may set, and how they are written."""

import re

from console.content.fields import TemplateError

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,70}\Z")
# Written by us, by the servers on the way, or said by other means: whoever could set one of these
# could write in another one's name, or to others than those who were charged for.
_RESERVED = frozenset(
    {
        "from", "to", "cc", "bcc", "subject", "date", "message-id", "reply-to", "sender",
        "mime-version", "dkim-signature", "domainkey-signature", "received", "received-spf",
        "return-path", "authentication-results", "errors-to", "return-receipt-to",
        "disposition-notification-to", "apparently-to", "envelope-to", "delivered-to",
        "x-original-to",
    }
)  # fmt: skip
_RESERVED_FAMILIES = ("content-", "resent-", "arc-", "x-relevo-")
# Of atoms, ids and URLs: never encoded words (RFC 2047 §5).
_STRUCTURED = ("list-", "feedback-id", "auto-submitted", "precedence", "in-reply-to", "references")


def check_header(name: str) -> bool:
    """Whether the field is one of atoms and URLs. Raises `TemplateError` for one that is not free."""
    lower = name.lower()
    is_reserved = lower in _RESERVED or lower.startswith(_RESERVED_FAMILIES)
    if not _NAME.match(name) or is_reserved:
        raise TemplateError(f"headers: {name[:80]!r} cannot be set")
    return lower.startswith(_STRUCTURED)
