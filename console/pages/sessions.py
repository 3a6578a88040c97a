"""Who is signed in: sessions in memory, found by a random 256-bit id that only the cookie holds.

We keep the id's hash, so that a look into memory or a log gives nobody a session. A session ends
30 minutes after its last use, 12 hours after its start, when its person signs out, and when the
process ends.
"""

import hashlib
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field

from aiohttp import web

from mta.model.clock import Clock

IDLE_S = 30 * 60.0
ABSOLUTE_S = 12 * 3600.0
MAX_SESSIONS = 10_000  # the least recently used gives way
MAX_TOLD = 4


@dataclass(slots=True)
class Session:
    """One sign-in."""

    user_id: int
    email: str
    csrf_token: str
    started_s: float
    used_s: float
    checked_s: float  # when we last saw that the person may still be here
    name: str = ""
    _told: list[tuple[str, str]] = field(default_factory=list)

    def tell(self, text: str, *, tone: str = "good") -> None:
        """Show `text` on the next page that this person opens: what a form has done."""
        del self._told[:-MAX_TOLD]
        self._told.append((tone, text))

    def told(self) -> list[tuple[str, str]]:
        """What to show now, and never again."""
        shown, self._told = self._told, []
        return shown


SESSION = web.RequestKey("session", Session)


class Sessions:
    """All of them; used from the event loop only."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._by_digest: OrderedDict[bytes, Session] = OrderedDict()

    def __len__(self) -> int:
        return len(self._by_digest)

    def open(self, user_id: int, email: str) -> str:
        """A new session; gives its id, which is told to the browser and kept nowhere."""
        identifier = secrets.token_urlsafe(32)
        now = self._clock.monotonic_s()
        self._by_digest[_digest(identifier)] = Session(
            user_id, email, secrets.token_urlsafe(32), now, now, now
        )
        if len(self._by_digest) > MAX_SESSIONS:
            self._by_digest.popitem(last=False)
        return identifier

    def find(self, identifier: str, *, is_use: bool = True) -> Session | None:
        """The session, if it has not ended; `is_use` False: do not prolong it."""
        digest = _digest(identifier)
        session = self._by_digest.get(digest)
        if session is None:
            return None
        now = self._clock.monotonic_s()
        if now - session.used_s >= IDLE_S or now - session.started_s >= ABSOLUTE_S:
            del self._by_digest[digest]
            return None
        if is_use:
            session.used_s = now
            self._by_digest.move_to_end(digest)
        return session

    def close(self, identifier: str) -> None:
        """End it; one that has ended already is no error."""
        self._by_digest.pop(_digest(identifier), None)


def _digest(identifier: str) -> bytes:
    return hashlib.sha256(identifier.encode("utf-8", "replace")).digest()


def cookie_name(request: web.Request) -> str:
    """With TLS the `__Host-` prefix ties the cookie to this very host (RFC 6265bis §4.1.3.2)."""
    return "__Host-relevo" if request.secure else "relevo_session"


def set_cookie(request: web.Request, response: web.StreamResponse, identifier: str) -> None:
    """Hand the session to the browser; it forgets the cookie when it is closed."""
    response.set_cookie(
        cookie_name(request),
        identifier,
        path="/",
        httponly=True,
        samesite="Lax",
        secure=request.secure,
    )


def delete_cookie(request: web.Request, response: web.StreamResponse) -> None:
    """Take the session from the browser."""
    response.del_cookie(
        cookie_name(request), path="/", httponly=True, samesite="Lax", secure=request.secure
    )
