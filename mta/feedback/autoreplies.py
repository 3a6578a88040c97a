"""Answers of machines that say nothing about a delivery: out of office, receipts (RFC 3834).

Headers first; the words of a subject are asked last, because people write them, too.
"""

import re

from mta.feedback.mime import Part

_PRESENT = ("x-autoreply", "x-autorespond", "x-autoresponse", "x-auto-response-suppress")
_PRECEDENCE = frozenset(("auto_reply", "auto-reply", "bulk", "junk", "list"))
_SUBJECT = re.compile(
    r"\s*(?:\[?auto(?:matic|mated)?[ -]?(?:reply|response|antwort)|auto:|automatic reply"
    r"|out of (?:the )?office|on vacation|away from|vacation (?:reply|message)"
    r"|respuesta autom[aá]tica|fuera de (?:la )?oficina|ausente|de vacaciones|ausencia"
    r"|abwesenheit|automatische antwort|r[eé]ponse automatique|absence|resposta autom[aá]tica)",
    re.IGNORECASE,
)


def is_automatic(mail: Part) -> bool:
    """Whether the headers say that a machine answered (RFC 3834 §5)."""
    submitted = mail.header("auto-submitted").partition(";")[0].strip().lower()
    if submitted and submitted != "no":
        return True
    if any(mail.header(name) for name in _PRESENT):
        return True
    if mail.header("precedence").strip().lower() in _PRECEDENCE:
        return True
    return mail.parameters.get("report-type", "").lower() == "disposition-notification"


def sounds_automatic(mail: Part) -> bool:
    """Whether the subject reads like the answer of a machine."""
    return _SUBJECT.match(mail.header("subject")) is not None
