"""A return path of its own for each recipient (VERP), made from the delivery's id and a key.

`b+<id in base 36>-<mac>@return_path_domain`: a bounce that comes back names its delivery even when
its text is garbage, and the mac makes it impossible to forge one (`mta.intake.tokens`). Nothing is
stored: the token is computed when a mail is sent and checked when a bounce arrives.
"""

from mta.intake.tokens import DeliveryTokens, Purpose

PREFIX = "b+"


class ReturnPaths:
    """Makes and checks return paths of one domain."""

    def __init__(self, key: bytes, domain: str) -> None:
        """`key`: 32 secret bytes of the installation; `domain`: `[inbound] return_path_domain`."""
        self._tokens = DeliveryTokens(key, Purpose.RETURN_PATH)
        self._domain = domain

    def address(self, delivery_id: int) -> str:
        """The envelope sender of that delivery."""
        return f"{PREFIX}{self._tokens.token(delivery_id)}@{self._domain}"

    def delivery_id(self, local_part: str) -> int | None:
        """The delivery that a return path belongs to, or None for a forged or foreign one."""
        if local_part[:2].lower() != PREFIX:
            return None
        return self._tokens.delivery_id(local_part[2:])
