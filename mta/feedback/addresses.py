"""Which addresses of the return path domain are ours, and what they are for.

`b+TOKEN` is the envelope sender of one delivery, `u+TOKEN` (also `baja+TOKEN`) unsubscribes its
recipient, `fbl` and `fbl+anything` take the reports of feedback loops, `abuse` and `postmaster` are
read by people. A token that does not fit is no address of ours: it is refused like any other.
"""

import re
from dataclasses import dataclass
from enum import Enum

from mta.intake.return_path import PREFIX, ReturnPathHosts, ReturnPaths
from mta.intake.tokens import TOKEN_PATTERN, DeliveryTokens, Purpose

UNSUBSCRIBE_PREFIXES = ("u+", "baja+")
_LOOPS = "fbl"
_PEOPLE = frozenset(("abuse", "postmaster"))
MAX_CANDIDATES = 20  # tokens of one mail that are looked at


class Use(Enum):
    """What an address is for."""

    RETURN_PATH = "return-path"
    UNSUBSCRIBE = "unsubscribe"
    FEEDBACK_LOOP = "feedback-loop"
    PEOPLE = "people"


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address of ours; `delivery` is 0 where none is meant."""

    use: Use
    delivery: int = 0


class FeedbackAddresses:
    """Recognises them."""

    def __init__(self, key: bytes, hosts: ReturnPathHosts) -> None:
        """`key`: the installation's secret."""
        self.hosts = hosts
        self._return_paths = ReturnPaths(key, hosts)
        self._unsubscribe = DeliveryTokens(key, Purpose.UNSUBSCRIBE)
        # The token proves itself, whatever the domain.
        self._returns = re.compile(rf"\bb\+({TOKEN_PATTERN})@", re.IGNORECASE | re.ASCII)
        self._leaves = re.compile(
            rf"(?:\b(?:u|baja)\+({TOKEN_PATTERN})@|/u/({TOKEN_PATTERN})\b)",
            re.IGNORECASE | re.ASCII,
        )

    def resolve(self, address: str) -> Mailbox | None:
        """What an address of RCPT is for; None: not ours, or forged."""
        local, at, domain = address.rpartition("@")
        if not at:
            # RFC 5321 §4.5.1: <Postmaster> without a domain is always there.
            return Mailbox(Use.PEOPLE) if address.lower() == "postmaster" else None
        if domain.lower().rstrip(".") not in self.hosts:
            return None
        name = local.lower()
        if name in _PEOPLE:
            return Mailbox(Use.PEOPLE)
        if name == _LOOPS or name.startswith(f"{_LOOPS}+"):
            return Mailbox(Use.FEEDBACK_LOOP)
        if name.startswith(PREFIX):
            delivery = self._return_paths.delivery_id(local)
            return Mailbox(Use.RETURN_PATH, delivery) if delivery is not None else None
        for prefix in UNSUBSCRIBE_PREFIXES:
            if name.startswith(prefix):
                delivery = self._unsubscribe.delivery_id(local[len(prefix) :])
                return Mailbox(Use.UNSUBSCRIBE, delivery) if delivery is not None else None
        return None

    def delivery_in(self, text: str) -> int:
        """The delivery whose token stands in a text, 0 when there is none that is ours.

        Looks at so many places at most; linear in the text.
        """
        for count, match in enumerate(self._returns.finditer(text)):
            found = self._return_paths.delivery_id(PREFIX + match[1])
            if found is not None:
                return found
            if count == MAX_CANDIDATES:
                break
        for count, match in enumerate(self._leaves.finditer(text)):
            found = self._unsubscribe.delivery_id(match[1] or match[2])
            if found is not None:
                return found
            if count == MAX_CANDIDATES:
                break
        return 0
