"""Which address of a row is good, and what is wrong with it otherwise."""

import re
from enum import StrEnum
from types import MappingProxyType

from email_validator import EmailNotValidError, validate_email

from mta.model.address import Address, parse_address
from mta.model.errors import AddressSyntaxError


class Reason(StrEnum):
    """Why a row is not in the audience."""

    EMPTY = "empty"
    INVALID = "invalid"
    DUPLICATED = "duplicated"
    TYPO = "typo"
    SEVERAL = "several"  # addresses in one cell
    ROLE = "role"
    SUPPRESSED = "suppressed"
    UNSUBSCRIBED = "unsubscribed"
    HIDDEN = "hidden"  # the row, in the sheet
    TOO_LONG = "too_long"  # the values of its other columns


_BETWEEN = re.compile(r"[\s;,/|]+")  # what people put between several addresses
# Local parts that many people read, or nobody (RFC 2142).
ROLES = frozenset(
    {
        "abuse",
        "admin",
        "administrador",
        "contacto",
        "contact",
        "hostmaster",
        "info",
        "mailer-daemon",
        "mesadepartes",
        "no-reply",
        "noc",
        "noreply",
        "postmaster",
        "root",
        "sales",
        "security",
        "soporte",
        "support",
        "ventas",
        "webmaster",
    }
)
TYPOS = MappingProxyType(
    {
        wrong: right
        for right, wrongs in {
            "gmail.com": "gamil.com gmial.com gmai.com gmal.com gmail.con gmail.co gmil.com gnail.com "
            "gmaill.com gmail.cm gmeil.com",
            "hotmail.com": "hotmal.com hotmial.com hotmai.com hotmil.com hotmail.con hotmail.co "
            "hormail.com hotmaill.com htomail.com",
            "outlook.com": "outlok.com outloo.com outlook.con outlook.co outllok.com",
            "yahoo.com": "yaho.com yahooo.com yahoo.con yahoo.co yhoo.com yahho.com",
            "icloud.com": "iclod.com icloud.con",
        }.items()
        for wrong in wrongs.split()
    }
)


def judge(text: str) -> tuple[Address | None, Reason | None]:
    """The address in a cell, or why it is none.

    What our own parser takes in its fast form is good; what it takes otherwise (accents, quotes)
    has to pass email-validator too, which knows what no mailbox is called.
    """
    cleaned = text.strip()
    if cleaned.endswith(">") and "<" in cleaned:  # as mail programs copy it, with the name
        cleaned = cleaned.rpartition("<")[2]
    cleaned = cleaned.strip("<>;, ").removeprefix("mailto:").rstrip(".")
    if not cleaned:
        return None, Reason.EMPTY
    try:
        address = parse_address(cleaned)
        if "." not in address.domain or address.is_literal:
            return None, _what_is_wrong(cleaned)
        if not cleaned.isascii() or address.local.startswith('"'):
            validate_email(cleaned, check_deliverability=False)
    except (AddressSyntaxError, EmailNotValidError):
        return None, _what_is_wrong(cleaned)
    return address, None


def _what_is_wrong(text: str) -> Reason:
    parts = [part for part in _BETWEEN.split(text) if "@" in part]
    return Reason.SEVERAL if len(parts) > 1 else Reason.INVALID


def is_role(address: Address) -> bool:
    """Whether it is a function, not a person."""
    return address.local.lower() in ROLES


def right_domain(address: Address) -> str:
    """What the domain was probably meant to be; "" where nothing looks wrong."""
    return TYPOS.get(address.domain, "")
