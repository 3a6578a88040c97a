"""What a peer offers in its reply to EHLO (RFC 5321 §4.1.1.1)."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Extensions:
    """The extensions that matter to a sender; the defaults are those of a peer that knows HELO only."""

    pipelining: bool = False  # RFC 2920
    eight_bit_mime: bool = False  # RFC 6152
    smtputf8: bool = False  # RFC 6531
    dsn: bool = False  # RFC 3461
    starttls: bool = False  # RFC 3207
    size: bool = False  # RFC 1870: SIZE= may be said
    size_limit: int = 0  # octets; 0: no fixed limit known
    auth: frozenset[str] = frozenset()  # RFC 4954 mechanisms
    mail_max: int = 0  # RFC 9422: transactions on this connection; 0: not told
    rcpt_max: int = 0  # RFC 9422: recipients in a transaction; 0: not told


def parse_extensions(lines: Sequence[str]) -> Extensions:
    """Read the lines of a positive reply to EHLO; the first is the peer's name.

    Keywords count in any letter case and lines that make no sense are passed over.
    """
    offered: dict[str, list[str]] = {}
    for line in lines[1:]:
        words = line.replace("=", " ", 1).split() if line[:5].upper() == "AUTH=" else line.split()
        if words:
            offered.setdefault(words[0].upper(), []).extend(words[1:])
    limits = dict(word.upper().partition("=")[::2] for word in offered.get("LIMITS", ()))
    return Extensions(
        pipelining="PIPELINING" in offered,
        eight_bit_mime="8BITMIME" in offered,
        smtputf8="SMTPUTF8" in offered,
        dsn="DSN" in offered,
        starttls="STARTTLS" in offered,
        size="SIZE" in offered,
        size_limit=_number(offered.get("SIZE", [""])[0] if offered.get("SIZE") else ""),
        auth=frozenset(word.upper() for word in offered.get("AUTH", ())),
        mail_max=_number(limits.get("MAILMAX", "")),
        rcpt_max=_number(limits.get("RCPTMAX", "")),
    )


def _number(text: str) -> int:
    """Up to 20 digits (RFC 1870 §4), else 0."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 20 else 0
