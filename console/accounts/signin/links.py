"""One-time links: an invitation for a week, a reset of the password for an hour.

A link's token has 256 random bits, of which the database has the hash. Opening the page uses
nothing up (mail scanners open links too); only sending its form does, once.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from console.accounts.signin.sessions import digest_of
from console.accounts.values import State
from mta.model.clock import Clock
from mta.store.base import Store
from mta.store.work import Rows


class LinkKind(StrEnum):
    """What a link is for."""

    INVITATION = "invitation"
    RESET = "reset"


LIFETIME_S = {LinkKind.INVITATION: 7 * 86400, LinkKind.RESET: 3600}


@dataclass(frozen=True, slots=True)
class Link:
    """One that was found and is good still."""

    user: int
    email: str
    kind: LinkKind
    digest: str


@dataclass(frozen=True, slots=True)
class SentLink:
    """What became of a link."""

    kind: LinkKind
    created_ms: int
    expires_ms: int
    message: int  # the mail that carries it; 0: none was sent


class Links:
    """Of all people."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def new(self, user: int, kind: LinkKind) -> tuple[str, Rows]:
        """A token, told once, and the row that makes it good; ends the one before it."""
        token = secrets.token_urlsafe(32)
        now = self._clock.now_ms()
        row = (user, kind, digest_of(token), now, now + LIFETIME_S[kind] * 1000)
        return token, Rows("link_insert", [row], expect=1)

    async def find(self, token: str) -> Link | None:
        """Whose link that is; None when it is used, too old, replaced or never was."""
        rows = await self._store.read("link_find", digest=digest_of(token))
        if not rows:
            return None
        user, kind, expires_ms, email, state = rows[0]
        if expires_ms <= self._clock.now_ms() or state != State.ACTIVE:
            return None
        return Link(user, email, LinkKind(kind), digest_of(token))

    def use(self, link: Link) -> Rows:
        """The row that uses it up, once: its job is refused for the second one."""
        return Rows("link_use", [(link.digest, self._clock.now_ms())], expect=1)

    async def sent(self, token: str, message: int) -> None:
        """Note which mail carries it."""
        await self._store.submit([Rows("link_sent", [(digest_of(token), message)])])

    async def invitations(self) -> Mapping[int, SentLink]:
        """Invitations that nobody has used, by person."""
        return {
            row[0]: SentLink(LinkKind(row[1]), *row[2:])
            for row in await self._store.read("link_all")
            if row[1] == LinkKind.INVITATION
        }
