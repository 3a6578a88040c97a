"""Who is signed in: sessions in the database, found by a random 256-bit id that only the cookie holds.

The database has the id's hash, so a look into it gives nobody a session. What is in use is kept in
memory, so that a page costs no read; this process alone changes sessions. A session ends 30 minutes
after its last use, 12 hours after its start, when its person signs out or is disabled, and when
somebody revokes it.
"""

import asyncio
import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from console.accounts.actor import Actor, ActorKind, expand_grants
from console.accounts.values import Account, Role, State
from mta.model.clock import Clock
from mta.store.base import Store
from mta.store.work import Rows

IDLE_S = 30 * 60.0
ABSOLUTE_S = 12 * 3600.0
WRITE_USE_S = 60.0  # how late the database may know of the last use
MAX_CACHED = 10_000  # the least recently used is read again when it comes back
MOVED_S = 30.0  # requests that were under way when the id changed still come in
CHECK_S = 60.0  # what is known of the person is read again after that, whoever forgot to tell
MAX_TOLD = 4
MAX_AGENT = 200


@dataclass(slots=True)
class Session:
    """One sign-in."""

    digest: str  # SHA-256 of the id; names the session in lists
    user_id: int
    csrf_token: str
    started_ms: int
    used_ms: int
    written_ms: int
    address: str
    agent: str
    has_factor: bool
    account: int = 0  # that the person works in; 0: not chosen
    email: str = ""
    name: str = ""
    language: str = ""
    timezone: str = ""
    must_enrol: bool = False  # an account asks for a second factor and there is none
    checked_ms: int = 0  # when the person was read; 0: has to be read again
    must_renew: bool = False  # the id has to change with the next page
    actor: Actor = field(default_factory=lambda: Actor(ActorKind.USER, 0, ""))
    accounts: Mapping[int, Account] = field(default_factory=dict)  # that the person sees
    roles: Mapping[int, Role] = field(default_factory=dict)  # by account, as they were given
    _told: list[tuple[str, str]] = field(default_factory=list)

    def tell(self, text: str, *, tone: str = "good") -> None:
        """Show `text` on the next page that this person opens: what a form has done."""
        self._told = [*self._told[1 - MAX_TOLD :], (tone, text)]

    def told(self) -> list[tuple[str, str]]:
        """What to show now, and never again."""
        shown, self._told = self._told, []
        return shown


class Sessions:
    """All of them; used from the event loop only."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._cached: OrderedDict[str, Session] = OrderedDict()
        self._moved: dict[str, tuple[str, int]] = {}

    async def open(
        self, user_id: int, *, address: str, agent: str, has_factor: bool, account: int = 0
    ) -> str:
        """A new session, durable; gives its id, which is told to the browser and kept nowhere."""
        identifier = secrets.token_urlsafe(32)
        now = self._clock.now_ms()
        digest = digest_of(identifier)
        address, agent = plain(address), plain(agent)
        row = (digest, user_id, account, now, now, address, agent, int(has_factor))
        ended = (now - round(IDLE_S * 1000), now - round(ABSOLUTE_S * 1000))
        await self._store.submit(
            [Rows("session_insert", [row], expect=1), Rows("session_sweep", [ended])]
        )
        self._keep(
            Session(
                digest,
                user_id,
                csrf_token(identifier),
                now,
                now,
                now,
                address,
                agent,
                has_factor,
                account,
            )
        )
        return identifier

    async def find(self, identifier: str, *, is_use: bool = True) -> Session | None:
        """The session, if it has not ended; `is_use` False: do not prolong it.

        What it says of its person is fresh. Raises `StoreError` when it has to be read and cannot.
        """
        if not identifier:
            return None
        digest = digest_of(identifier)
        now = self._clock.now_ms()
        if (moved := self._moved.get(digest)) is not None and now < moved[1]:
            digest = moved[0]
        session = self._cached.get(digest) or await self._read(digest, identifier)
        if session is None:
            return None
        if self._has_ended(session, now):
            await self.close(session)
            return None
        is_old = now - session.checked_ms >= CHECK_S * 1000
        if is_old and not await self._freshen(session, now):
            await self.close(session)
            return None
        if is_use:
            self._used(session, now)
        return session

    async def renew(self, session: Session) -> str:
        """Give the session a new id; the old one serves half a minute more, for what is under way."""
        identifier = secrets.token_urlsafe(32)
        now = self._clock.now_ms()
        old, session.digest = session.digest, digest_of(identifier)
        session.must_renew = False
        row = (
            session.digest, session.user_id, session.account, session.started_ms, now,
            session.address, session.agent, int(session.has_factor),
        )  # fmt: skip
        await self._store.submit(
            [Rows("session_insert", [row], expect=1), Rows("session_delete", [(old,)])]
        )
        self._cached.pop(old, None)
        self._keep(session)
        self._moved = {key: to for key, to in self._moved.items() if to[1] > now}
        self._moved[old] = (session.digest, now + round(MOVED_S * 1000))
        return identifier

    async def choose_account(self, session: Session, account: int) -> None:
        """The account that the person works in from now on."""
        session.account = account
        await self._store.submit([Rows("session_account", [(session.digest, account)])])

    async def of_user(self, user_id: int) -> Sequence[Session]:
        """Those that have not ended, the last used first; without their tokens."""
        now = self._clock.now_ms()
        rows = await self._store.read("session_of_user", user=user_id)
        found = [self._cached.get(row[0]) or _session(row, "") for row in rows]
        return [session for session in found if not self._has_ended(session, now)]

    async def close(self, session: Session) -> None:
        """End it; one that has ended already is no error."""
        self._cached.pop(session.digest, None)
        await self._store.submit([Rows("session_delete", [(session.digest,)])])

    async def close_of_user(self, user_id: int, *, keep: str = "") -> None:
        """End all of a person, but the one with that digest."""
        await self._store.submit(self.ending(user_id, keep=keep))
        self.ended(user_id, keep=keep)

    def ending(self, user: int, *, keep: str = "") -> Sequence[Rows]:
        """The same as rows for the job of a change; `ended` follows when it is durable."""
        return [Rows("session_delete_others", [(user, keep)])]

    def ended(self, user: int, *, keep: str = "") -> None:
        """Take a person's sessions out of the memory."""
        for session in self._of(user):
            if session.digest != keep:
                del self._cached[session.digest]

    def person_changed(self, user_id: int, *, must_renew: bool = False) -> None:
        """Read again what the sessions know of a person; after a change of roles change their ids."""
        for session in self._of(user_id):
            session.checked_ms = 0
            session.must_renew = session.must_renew or must_renew

    async def refresh(self, session: Session) -> None:
        """Accounts have changed: read anew what this person may do, and later everybody else."""
        self.everybody_changed()
        await self._freshen(session, self._clock.now_ms())

    def everybody_changed(self) -> None:
        """The same for everybody: an account or its rules changed."""
        for session in self._cached.values():
            session.checked_ms = 0

    def _of(self, user_id: int) -> list[Session]:
        return [session for session in self._cached.values() if session.user_id == user_id]

    def _has_ended(self, session: Session, now_ms: int) -> bool:
        return (
            now_ms - session.used_ms >= IDLE_S * 1000
            or now_ms - session.started_ms >= ABSOLUTE_S * 1000
        )

    def _used(self, session: Session, now_ms: int) -> None:
        session.used_ms = now_ms
        self._cached.move_to_end(session.digest)
        if now_ms - session.written_ms >= WRITE_USE_S * 1000:
            session.written_ms = now_ms
            row = (session.digest, now_ms)
            self._store.submit([Rows("session_used", [row])], bulk=True).add_done_callback(_ignore)

    async def _read(self, digest: str, identifier: str) -> Session | None:
        rows = await self._store.read("session_find", digest=digest)
        # Another request may have read it meanwhile: there is one object for each session.
        if (known := self._cached.get(digest)) is not None:
            return known
        if not rows:
            return None
        session = _session(rows[0], csrf_token(identifier))
        self._keep(session)
        return session

    async def _freshen(self, session: Session, now_ms: int) -> bool:
        """Read the person; whether he may still be here."""
        session.checked_ms = now_ms
        rows = await self._store.read("signin_person", user=session.user_id)
        if not rows or rows[0][2] != State.ACTIVE:
            return False
        _, session.email, _, session.name, session.language, session.timezone = rows[0]
        await self._read_grants(session)
        session.must_enrol = False
        if not session.has_factor:
            ((is_required,),) = await self._store.read("factor_is_required", user=session.user_id)
            session.must_enrol = bool(is_required)
        return True

    async def _read_grants(self, session: Session) -> None:
        roles = await self._store.read("signin_roles", user=session.user_id)
        session.roles = {account: Role(role) for account, role in roles}
        accounts = [Account.of(row) for row in await self._store.read("account_all")]
        session.actor = Actor(
            ActorKind.USER,
            session.user_id,
            session.email,
            expand_grants(session.roles.items(), accounts),
            session.address,
            session.agent,
        )
        session.accounts = {a.id: a for a in accounts if session.actor.sees(a.id)}
        if session.account not in session.accounts:
            # Where a role was given, the uppermost first: parents are older than their children.
            session.account = next((a for a in session.accounts if a in session.roles), 0)

    def _keep(self, session: Session) -> None:
        self._cached[session.digest] = session
        if len(self._cached) > MAX_CACHED:
            self._cached.popitem(last=False)


def digest_of(identifier: str) -> str:
    """What is stored of a session's or link's id."""
    return hashlib.sha256(identifier.encode("utf-8", "replace")).hexdigest()


def csrf_token(identifier: str) -> str:
    """The token of a session's forms: who has the database cannot make it, a page knows it."""
    return hashlib.blake2s(identifier.encode("utf-8", "replace"), person=b"csrf").hexdigest()


def plain(text: str) -> str:
    """What a client says of itself, short and printable."""
    return "".join(c for c in text[:MAX_AGENT] if c.isprintable())


def _session(row: tuple[object, ...], token: str) -> Session:
    digest, user, account, started, used, address, agent, factor = row
    assert isinstance(user, int)
    assert isinstance(account, int)
    assert isinstance(started, int)
    assert isinstance(used, int)
    return Session(
        str(digest), user, token, started, used, used, str(address), str(agent), bool(factor),
        account,
    )  # fmt: skip


def _ignore(future: "asyncio.Future[None]") -> None:
    """The next use writes it again; a disk that fails is told elsewhere."""
    if not future.cancelled():
        future.exception()
