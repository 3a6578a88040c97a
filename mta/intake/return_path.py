"""A return path of its own for each recipient (VERP), made from the delivery's id and a key.

`b+<id in base 36>-<mac>@return_path_domain`: a bounce that comes back names its delivery even when
its text is garbage, and the keyed BLAKE2s over the id makes it impossible to forge one. Nothing is
stored: the token is computed when a mail is sent and checked when a bounce arrives.
"""

import hashlib
import hmac
import re

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_MAC_BYTES = 10  # 80 bits: an online guess has no chance, the local part stays short
_TOKEN = re.compile(r"b\+([0-9a-z]{1,13})-([0-9a-f]{20})\Z", re.IGNORECASE | re.ASCII)


class ReturnPaths:
    """Makes and checks return paths of one domain."""

    def __init__(self, key: bytes, domain: str) -> None:
        """`key`: 32 secret bytes of the installation; `domain`: `[inbound] return_path_domain`."""
        self._key = key
        self._domain = domain

    def address(self, delivery_id: int) -> str:
        """The envelope sender of that delivery."""
        return f"b+{_base36(delivery_id)}-{self._mac(delivery_id)}@{self._domain}"

    def delivery_id(self, local_part: str) -> int | None:
        """The delivery that a return path belongs to, or None for a forged or foreign one."""
        match = _TOKEN.match(local_part)
        if match is None:
            return None
        delivery_id = int(match[1], 36)
        if not hmac.compare_digest(self._mac(delivery_id), match[2].lower()):
            return None
        return delivery_id

    def _mac(self, delivery_id: int) -> str:
        data = delivery_id.to_bytes(10, "big")
        return hashlib.blake2s(data, key=self._key, digest_size=_MAC_BYTES).hexdigest()


def _base36(number: int) -> str:
    digits = []
    while True:
        number, rest = divmod(number, 36)
        digits.append(_DIGITS[rest])
        if not number:
            return "".join(reversed(digits))
