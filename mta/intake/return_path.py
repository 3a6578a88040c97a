"""A return path of its own for each recipient (VERP), made from the delivery's id and a key.

`b+<id in base 36>-<mac>@return_path_domain`: a bounce that comes back names its delivery even when
its text is garbage, and the mac makes it impossible to forge one (`mta.intake.tokens`). Nothing is
stored: the token is computed when a mail is sent and checked when a bounce arrives.
"""

from collections.abc import Iterable, Mapping
from typing import Self

from mta.intake.tokens import DeliveryTokens, Purpose

PREFIX = "b+"


class ReturnPathHosts:
    """Where return paths live: one domain of the installation, and hosts of sending domains.

    A sending domain may point a host of its own at the installation's (CNAME): then SPF passes for
    a name below the sender's own domain, which is what DMARC wants.
    """

    __slots__ = ("_by_domain", "_known", "default")

    def __init__(self, default: str) -> None:
        """`default`: `[inbound] return_path_domain`."""
        self.default = default.lower()
        self._by_domain: Mapping[str, str] = {}
        self._known: frozenset[str] = frozenset()

    def use(self, by_domain: Mapping[str, str], known: Iterable[str]) -> None:
        """From now on mail of these domains returns to those hosts; `known` ones take mail too."""
        self._by_domain = dict(by_domain)
        self._known = frozenset(known)

    def of(self, sender: str) -> str:
        """The host for mail of an envelope sender."""
        if not self._by_domain:
            return self.default
        return self._by_domain.get(sender.rpartition("@")[2], self.default)

    def __contains__(self, domain: str) -> bool:
        """Whether mail to addresses of that domain, in lower case, is for us."""
        return domain == self.default or domain in self._known


class ReturnPaths:
    """Makes and checks return paths."""

    def __init__(self, key: bytes, hosts: ReturnPathHosts) -> None:
        """`key`: 32 secret bytes of the installation."""
        self._tokens = DeliveryTokens(key, Purpose.RETURN_PATH)
        self.hosts = hosts

    @classmethod
    def of(cls, key: bytes, domain: str | None) -> Self | None:
        """Those of an installation; `domain`: `[inbound] return_path_domain`, None: there are none."""
        return cls(key, ReturnPathHosts(domain)) if domain else None

    def address(self, delivery_id: int, sender: str = "") -> str:
        """The envelope sender of that delivery in place of the application's."""
        return f"{PREFIX}{self._tokens.token(delivery_id)}@{self.hosts.of(sender)}"

    def delivery_id(self, local_part: str) -> int | None:
        """The delivery that a return path belongs to, or None for a forged or foreign one."""
        if local_part[:2].lower() != PREFIX:
            return None
        return self._tokens.delivery_id(local_part[2:])
