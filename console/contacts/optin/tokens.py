"""Tokens of lists' forms and of confirmations: keyed BLAKE2s over what they name; nothing is stored.

`form` names a list. `confirm` names a list, a contact and when they were asked, so that a later
mail ends an earlier one's link; who has one of them can make no other.
"""

import hashlib
import hmac
import re
from typing import NamedTuple

from mta.intake.tokens import base36

_MAC_BYTES = 16
_TOKEN = re.compile(r"([0-9a-z]{1,13}(?:-[0-9a-z]{1,13}){0,2})-([0-9a-f]{32})\Z", re.ASCII)
_MAX_NUMBER = 1 << 63
_FORM, _CONFIRM = b"optform", b"optin"


class Asked(NamedTuple):
    """What a confirmation is about."""

    list: int
    contact: int
    asked_ms: int


class OptinTokens:
    """Makes and reads them."""

    def __init__(self, key: bytes) -> None:
        """`key`: 32 secret bytes of the installation."""
        self._key = key

    def form(self, list_id: int) -> str:
        """Of a list's public form."""
        return self._token(_FORM, (list_id,))

    def list_of(self, token: str) -> int | None:
        """The list of a form; None for a forged token."""
        numbers = self._numbers(_FORM, token)
        return numbers[0] if numbers is not None and len(numbers) == 1 else None

    def confirm(self, asked: Asked) -> str:
        """Of a confirmation mail."""
        return self._token(_CONFIRM, asked)

    def asked(self, token: str) -> Asked | None:
        """What a confirmation is about; None for a forged token."""
        numbers = self._numbers(_CONFIRM, token)
        return Asked(*numbers) if numbers is not None and len(numbers) == 3 else None

    def _token(self, person: bytes, numbers: tuple[int, ...]) -> str:
        text = "-".join(base36(one) for one in numbers)
        return f"{text}-{self._mac(person, text)}"

    def _numbers(self, person: bytes, token: str) -> tuple[int, ...] | None:
        match = _TOKEN.match(token)
        if match is None or not hmac.compare_digest(self._mac(person, match[1]), match[2]):
            return None
        numbers = tuple(int(part, 36) for part in match[1].split("-"))
        return numbers if max(numbers) < _MAX_NUMBER else None

    def _mac(self, person: bytes, text: str) -> str:
        return hashlib.blake2s(
            text.encode(), key=self._key, digest_size=_MAC_BYTES, person=person
        ).hexdigest()
