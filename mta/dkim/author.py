"""Which domain a message claims to come from: the domain of its From field (RFC 5322 §3.6.2)."""

import re

from mta.model.address import parse_domain
from mta.model.errors import AddressSyntaxError

_COLON = re.compile(rb"[ \t]*:")
# The usual forms, `a@example.org` and `Name <a@example.org>`, without quotes, comments or commas.
_PLAIN = re.compile(
    rb"(?:[^\"(),:;<>@\\]*<)?[ \t]*[^\"(),:;<>@\\\s]+@([A-Za-z0-9.-]+)[ \t]*(>)?[ \t\r\n]*\Z"
)
_PLAIN_BYTES = 998
_FIELD_BYTES = 65536  # a longer From field is not looked into
# Quoted strings end at their quote or at the end of the text: so each is found at the first try.
_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*(?:"|\\?\Z)|\\.|[(),<>:;]|[^"\\(),<>:;]+|\\', re.DOTALL)
_ASCII_DOMAIN = re.compile(rb"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?\Z")


def from_domain(content: bytes) -> str | None:
    """The domain of the author, lower-case A-labels.

    `None` when that is not clear: no From field or more than one, no address in it, or addresses of
    different domains. Takes time linear in the header.
    """
    end = content.find(b"\r\n\r\n")
    if end < 0:
        end = len(content)
    fields = [] if content.startswith(b"\r\n") else _from_fields(content, end)
    if len(fields) != 1:
        return None
    value = _unfolded(content, fields[0], end)
    plain = _PLAIN.match(value) if len(value) <= _PLAIN_BYTES else None
    if plain is not None and (b"<" in value) == (plain[2] is not None):
        return _domain(b"@" + plain[1])
    if len(value) >= _FIELD_BYTES:
        return None
    domains = {_domain(address) for address in _addresses(value)}
    return domains.pop() if len(domains) == 1 else None


def _from_fields(content: bytes, end: int) -> list[int]:
    """Where the values of the From fields begin; not more than two are looked for."""
    header = b"\n" + content[:end].lower()  # one octet longer than the content up to there
    found: list[int] = []
    at = header.find(b"\nfrom")
    while at >= 0 and len(found) < 2:
        colon = _COLON.match(header, at + 5)
        if colon is not None:
            found.append(colon.end() - 1)
        at = header.find(b"\nfrom", at + 5)
    return found


def _unfolded(content: bytes, start: int, end: int) -> bytes:
    """The value of the field that starts there, up to the line that is no continuation."""
    end = min(end, start + _FIELD_BYTES + 2)
    stop = content.find(b"\r\n", start, end)
    while 0 <= stop < end - 2 and content[stop + 2] in b" \t":
        stop = content.find(b"\r\n", stop + 2, end)
    return content[start : stop if stop >= 0 else end].replace(b"\r\n", b"").strip()


def _addresses(value: bytes) -> list[bytes]:
    """The addresses of a mailbox list, comments and display names left out, quoted text as `q`."""
    found: list[bytes] = []
    outside: list[bytes] = []  # what stands outside of angle brackets
    inside: list[bytes] | None = None
    depth = 0
    for token in _TOKENS.findall(value):
        if token == b"(":
            depth += 1
        elif depth:
            depth -= token == b")"
        elif token in (b",", b";"):
            found.append(b"".join(outside if inside is None else inside))
            outside, inside = [], None
        elif token == b"<":
            inside = []
        elif token == b":" and inside is None:
            outside = []  # the name of a group
        elif token != b">":
            (outside if inside is None else inside).append(
                b"q" if token.startswith(b'"') else token
            )
    found.append(b"".join(outside if inside is None else inside))
    return [address for address in found if address.strip()]


def _domain(address: bytes) -> str | None:
    _, at, domain = address.rpartition(b"@")
    lower = domain.strip().lower()
    if not at:
        return None
    if _ASCII_DOMAIN.match(lower) and b"xn--" not in lower and b".." not in lower:
        return lower.decode("ascii")
    try:
        return parse_domain(lower.decode("utf-8"))
    except (AddressSyntaxError, UnicodeDecodeError):
        return None
