"""Mailboxes: RFC 5321 §4.1.2 with RFC 6531's UTF-8 and RFC 5890's domains; strict and linear.

The domain is kept as lower-case A-labels (what DNS and comparisons need), the local part byte for
byte as given (RFC 5321 §2.4). One field holds one address: no comments, no groups, no routes.
"""

import ipaddress
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

import idna

from mta.model.errors import AddressSyntaxError

MAX_LOCAL_OCTETS = 64  # RFC 5321 §4.5.3.1.1
MAX_DOMAIN_OCTETS = 255  # RFC 5321 §4.5.3.1.2
MAX_PATH_OCTETS = 256  # RFC 5321 §4.5.3.1.3, the angle brackets included

_ATEXT = r"A-Za-z0-9!#$%&'*+/=?^_`{|}~\-"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9\-]{0,61}[A-Za-z0-9])?"
_FAST = re.compile(rf"([{_ATEXT}]+(?:\.[{_ATEXT}]+)*)@((?:{_LABEL}\.)*{_LABEL})\Z")
_DOT_STRING = re.compile(rf"[{_ATEXT}\u0080-\U0010ffff]+(?:\.[{_ATEXT}\u0080-\U0010ffff]+)*\Z")
_QUOTED = re.compile(r'"(?:[ !#-\[\]-~\u00a0-\U0010ffff]|\\[ -~])*"\Z')
_DOMAIN = re.compile(rf"(?:{_LABEL}\.)*{_LABEL}\Z")
_ESCAPE = re.compile(r"\\(.)")
# Separators that IDNA maps to a dot, and other characters that must not appear from a mapping.
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f\u0080-\u009f\u2028\u2029\u3002\uff0e\uff61]")


@dataclass(frozen=True, slots=True)
class Address:
    """A mailbox; `str()` gives the form used on the wire and in the queue."""

    local: str
    domain: str  # lower-case A-labels, or an address literal in brackets

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"

    @property
    def is_ascii(self) -> bool:
        """False when the address can only travel with SMTPUTF8."""
        return self.local.isascii()

    @property
    def key(self) -> str:
        """The form in which addresses are compared (suppression, search).

        All lower case, in NFC, and quoted only where it has to be: `"a.b"@example.org` is
        `a.b@example.org` (RFC 5321 §4.1.2).
        """
        local = self.local
        if local.startswith('"') or not local.isascii():
            local = _comparable(local)
        return f"{local}@{self.domain}".lower()

    @property
    def is_literal(self) -> bool:
        """True for `user@[192.0.2.1]`."""
        return self.domain.startswith("[")


@lru_cache(maxsize=1024)  # an application writes from few addresses: three of four are known
def parse_address(text: str) -> Address:
    """Parse `local@domain`.

    Raises `AddressSyntaxError` whose text can be shown to the user.
    """
    match = _FAST.match(text)
    if match is not None and "xn--" not in (domain := match[2].lower()):
        local = match[1]
    else:
        local, domain = _split(text)
        domain = parse_domain(domain)
    if len(local) > MAX_LOCAL_OCTETS or (
        not local.isascii() and len(local.encode("utf-8", "surrogatepass")) > MAX_LOCAL_OCTETS
    ):
        raise AddressSyntaxError(f"local part longer than {MAX_LOCAL_OCTETS} octets")
    if len(domain) > MAX_DOMAIN_OCTETS:
        raise AddressSyntaxError(f"domain longer than {MAX_DOMAIN_OCTETS} octets")
    if len(local.encode()) + len(domain) + 3 > MAX_PATH_OCTETS:
        raise AddressSyntaxError(f"path longer than {MAX_PATH_OCTETS} octets")
    if domain[-1].isdigit() and domain.rpartition(".")[2].isdigit():
        raise AddressSyntaxError(f"{domain!r} ends in a number: not a domain name")
    return Address(local, domain)


def _comparable(local: str) -> str:
    if local.startswith('"'):
        inner = _ESCAPE.sub(r"\1", local[1:-1])
        if _DOT_STRING.match(inner):
            local = inner
        else:
            escaped = inner.replace("\\", "\\\\").replace('"', '\\"')
            local = f'"{escaped}"'
    return unicodedata.normalize("NFC", local)


def _split(text: str) -> tuple[str, str]:
    if len(text) > 4 * MAX_PATH_OCTETS:
        raise AddressSyntaxError(f"path longer than {MAX_PATH_OCTETS} octets")
    if _FORBIDDEN.search(text) or any(0xD800 <= ord(c) <= 0xDFFF for c in text):
        raise AddressSyntaxError("control character or line separator in the address")
    local, at, domain = text.rpartition("@")
    if not at:
        raise AddressSyntaxError(f"{text!r} has no domain")
    if not local:
        raise AddressSyntaxError(f"{text!r} has no local part")
    if not (_DOT_STRING.match(local) or _QUOTED.match(local)):
        raise AddressSyntaxError(f"{local!r} is not a local part")
    return local, domain


def parse_domain(text: str) -> str:
    """A domain name as lower-case A-labels (IDNA 2008, UTS 46 non-transitional) or an address literal.

    Raises `AddressSyntaxError`.
    """
    if len(text) > 4 * MAX_DOMAIN_OCTETS:
        raise AddressSyntaxError(f"domain longer than {MAX_DOMAIN_OCTETS} octets")
    if text.startswith("["):
        return _literal(text)
    ascii_text = text.lower()
    if not text.isascii() or "xn--" in ascii_text:
        if _FORBIDDEN.search(text):
            raise AddressSyntaxError(f"{text!r} is not a domain name")
        try:
            ascii_text = idna.encode(text, uts46=True, transitional=False).decode("ascii")
        except (idna.IDNAError, UnicodeError) as error:
            raise AddressSyntaxError(f"{text!r} is not a domain name: {error}") from None
        if ascii_text.count(".") != text.count("."):  # another character was mapped to a dot
            raise AddressSyntaxError(f"{text!r} is not a domain name")
    if len(ascii_text) > MAX_DOMAIN_OCTETS or not _DOMAIN.match(ascii_text):
        raise AddressSyntaxError(f"{text!r} is not a domain name")
    return ascii_text


def _literal(text: str) -> str:
    inner = text[1:-1]
    if not text.endswith("]") or "%" in inner:  # a zone (RFC 4007) would be free text
        raise AddressSyntaxError(f"{text!r} is not an address literal")
    try:
        if inner[:5].lower() == "ipv6:":
            return f"[IPv6:{ipaddress.IPv6Address(inner[5:])}]"
        return f"[{ipaddress.IPv4Address(inner)}]"
    except ValueError:
        raise AddressSyntaxError(f"{text!r} is not an address literal") from None
