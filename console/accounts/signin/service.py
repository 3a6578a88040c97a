"""The steps of getting in, and what a person changes about it himself.

A sign-in is a password, then a code where there is a second factor. What fails looks the same for
everybody: nobody of that address, wrong password, disabled; and it takes as long.
"""

import secrets
from dataclasses import dataclass
from enum import StrEnum

from console.accounts.actor import Actor, ActorKind, NotPermitted
from console.accounts.audit import AuditTrail
from console.accounts.passwords import PasswordHasher, check_new_password
from console.accounts.permissions import Permission
from console.accounts.signin.factors import Enrolment, SecondFactors
from console.accounts.signin.links import Link, LinkKind, Links
from console.accounts.signin.profiles import Profile, Profiles, put_profile
from console.accounts.signin.sessions import Session, Sessions
from console.accounts.signin.throttle import Throttle
from console.accounts.users import UserService
from console.accounts.values import User
from mta.model.address import parse_address
from mta.model.clock import Clock
from mta.model.errors import AddressSyntaxError, JobRefused, PermanentError
from mta.model.traffic import DeliveryState
from mta.store.base import Store
from mta.store.work import Rows

MAX_WAITING = 20  # sign-ins at one time: each costs a slow hash
TICKET_S = 5 * 60.0  # between the password and the code
MAX_TICKETS = 10_000
ISSUER = "Relevo"


class Verdict(StrEnum):
    """What became of a step; the values name texts of the pages."""

    SIGNED_IN = "signed_in"
    NEEDS_CODE = "needs_code"
    WRONG = "wrong"
    WRONG_CODE = "wrong_code"
    BLOCKED = "blocked"
    BUSY = "busy"


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks."""

    address: str
    network: str  # that failures are counted by
    agent: str


@dataclass(frozen=True, slots=True)
class Step:
    """The answer to a step."""

    verdict: Verdict
    secret: str = ""  # the session's id, or the ticket for the code
    wait_s: float = 0.0


@dataclass(frozen=True, slots=True)
class _Ticket:
    user: int
    email: str
    until_s: float


class SignIn:
    """All of it, over one store."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        users: UserService,
        hasher: PasswordHasher,
        trail: AuditTrail,
        sessions: Sessions,
        *,
        key: bytes,
    ) -> None:
        """`key`: the installation's secret."""
        self._store = store
        self._clock = clock
        self._users = users
        self._hasher = hasher
        self._trail = trail
        self._throttle = Throttle()
        self._tickets: dict[str, _Ticket] = {}
        self._waiting = 0
        self._checking: set[int] = set()  # people of whom a code is looked at
        self.sessions = sessions
        self.factors = SecondFactors(store, clock, key)
        self.links = Links(store, clock)
        self.profiles = Profiles(store)

    async def password(self, email: str, password: str, client: Client) -> Step:
        """The first step: opens a session, or asks for a code."""
        name = email.strip().lower()[:320]
        if blocked := self._blocked(name, client):
            return blocked
        if self._waiting >= MAX_WAITING:
            return Step(Verdict.BUSY)
        self._waiting += 1
        try:
            user = await self._users.authenticate(email, password)
        finally:
            self._waiting -= 1
        if user is None:
            await self._failed(name, client, "wrong password or address")
            return Step(Verdict.WRONG)
        if (await self.factors.state(user.id)).is_active:
            return Step(Verdict.NEEDS_CODE, self._ticket(user.id, user.email))
        return await self._enter(user.id, user.email, client, has_factor=False)

    async def code(self, ticket: str, code: str, client: Client) -> Step:
        """The second step, with a code of the app or a recovery code."""
        now = self._clock.monotonic_s()
        known = self._tickets.get(ticket)
        if known is None or known.until_s <= now:
            self._tickets.pop(ticket, None)
            return Step(Verdict.WRONG)
        if blocked := self._blocked(known.email, client):
            return blocked
        if known.user in self._checking:
            return Step(Verdict.BUSY)
        if not await self._check(known.user, code):
            await self._failed(known.email, client, "wrong code")
            return Step(Verdict.WRONG_CODE)
        if self._tickets.pop(ticket, None) is None:  # another request was quicker
            return Step(Verdict.WRONG)
        return await self._enter(known.user, known.email, client, has_factor=True)

    async def leave(self, session: Session) -> None:
        """Sign out."""
        await self.sessions.close(session)
        await self._trail.note(session.actor, "session.closed", session.account, session.email)

    async def change_password(self, session: Session, old: str, new: str) -> bool:
        """Whether `old` was right; then `new` holds and all other sessions of the person end.

        Raises `PermanentError` for a new password that is none.
        """
        check_new_password(new)
        if self._is_guessing(session):
            return False
        rows = await self._store.read("user_sign_in", email=session.email)
        if not rows or not await self._hasher.verify(rows[0][1], old):
            return self._guessed(session)
        await self._set_password(session.user_id, new, session.actor, keep=session.digest)
        return True

    async def use_link(self, link: Link, password: str, client: Client) -> bool:
        """Set the password that a link allows; False when the link was used just now.

        Raises `PermanentError` for a password that is none.
        """
        check_new_password(password)
        actor = Actor(ActorKind.USER, link.user, link.email, {}, client.address, client.agent)
        try:
            await self._set_password(link.user, password, actor, use=self.links.use(link))
        except JobRefused:
            return False
        self._throttle.succeeded(link.email)
        return True

    async def enrol(self, session: Session) -> Enrolment:
        """What the person needs to set up an app."""
        return await self.factors.begin(session.user_id, session.email, ISSUER)

    async def confirm(self, session: Session, code: str) -> list[str]:
        """Make the second factor active; gives the recovery codes, [] for a wrong code."""
        audit = self._entry(session, "second_factor.enabled")
        ends = self.sessions.ending(session.user_id, keep=session.digest)
        codes = await self.factors.confirm(session.user_id, code, [audit, *ends])
        if codes:
            self.sessions.ended(session.user_id, keep=session.digest)
            session.has_factor, session.must_enrol, session.must_renew = True, False, True
        return codes

    async def new_codes(self, session: Session, code: str) -> list[str]:
        """New recovery codes, for who shows a code; [] for a wrong one."""
        if not await self._shows_code(session, code):
            return []
        audit = self._entry(session, "recovery_codes.renewed")
        return await self.factors.renew_codes(session.user_id, [audit])

    async def disable_factor(self, session: Session, code: str) -> bool:
        """Give the second factor up, for who shows a code."""
        if not await self._shows_code(session, code):
            return False
        await self.factors.disable(
            session.user_id, [self._entry(session, "second_factor.disabled")]
        )
        session.has_factor = False
        self.sessions.person_changed(session.user_id)
        return True

    async def save_profile(self, session: Session, profile: Profile) -> None:
        """Name, language, time zone. Raises `PermanentError`."""
        before = await self.profiles.get(session.user_id)
        audit = self._trail.entry(
            session.actor,
            "profile.changed",
            session.account,
            session.user_id,
            {"name": before.name, "language": before.language, "timezone": before.timezone},
            {"name": profile.name, "language": profile.language, "timezone": profile.timezone},
        )
        await self._store.submit([put_profile(session.user_id, profile), audit])
        self.sessions.person_changed(session.user_id)

    async def revoke(self, session: Session, digest: str) -> None:
        """End another session of the same person."""
        for other in await self.sessions.of_user(session.user_id):
            if other.digest == digest:
                await self.sessions.close(other)
                await self._trail.note(
                    session.actor, "session.revoked", session.account, session.email
                )

    async def revoke_others(self, session: Session) -> None:
        """End all but this one."""
        await self.sessions.close_of_user(session.user_id, keep=session.digest)
        await self._trail.note(session.actor, "session.revoked", session.account, session.email)

    async def end_sessions(self, actor: Actor, user: User) -> None:
        """End all sessions of somebody whom the actor manages."""
        if not any(actor.may(Permission.USER_MANAGE, m.account) for m in user.memberships):
            raise NotPermitted(f"{actor.name} manages no role of {user.email}")
        await self.sessions.close_of_user(user.id)
        await self._trail.note(actor, "session.revoked", user.memberships[0].account, user.email)

    async def drop_factor(self, actor: Actor, user: User) -> None:
        """Take the second factor from somebody who lost telephone and codes; sessions end.

        For operators only: an administrator who could would be a way around it.
        """
        if not actor.is_operator:
            raise NotPermitted("a lost second factor is removed at the command line")
        account = await self._account_of(user.email)
        entry = self._trail.entry(actor, "second_factor.disabled", account, user.email)
        ends = self.sessions.ending(user.id)
        await self.factors.disable(user.id, [entry, *ends])
        self.sessions.ended(user.id)

    async def mail_state(self, message: int) -> str:
        """What became of the mail with an invitation: `none`, `waiting`, `delivered`, `bounced`."""
        if not message:
            return "none"
        rows = await self._store.read("signin_mail_state", message=message)
        states = {DeliveryState(row[0]) for row in rows}
        if DeliveryState.DELIVERED in states:
            return "delivered"
        if not states:  # long ago
            return "none"
        is_over = states <= {DeliveryState.BOUNCED, DeliveryState.EXPIRED}
        return "bounced" if is_over else "waiting"

    async def new_link(self, user: int, kind: LinkKind) -> str:
        """A token for a person; the one before it is worth nothing any more."""
        token, row = self.links.new(user, kind)
        await self._store.submit([row])
        return token

    async def _set_password(
        self, user: int, password: str, actor: Actor, *, keep: str = "", use: Rows | None = None
    ) -> None:
        hashed = await self._hasher.hash(password)
        work = [
            Rows("user_password", [(user, hashed)], expect=1),
            *self.sessions.ending(user, keep=keep),
            self._trail.entry(
                actor, "password.changed", await self._account_of(actor.name), actor.name
            ),
        ]
        # A link that is used up is gone before the rest of them is cleared.
        await self._store.submit([use, *work] if use is not None else work)
        self.sessions.ended(user, keep=keep)
        await self._store.submit([Rows("link_clear", [(user,)])])

    async def _enter(self, user: int, email: str, client: Client, *, has_factor: bool) -> Step:
        identifier = await self.sessions.open(
            user, address=client.address, agent=client.agent, has_factor=has_factor
        )
        self._throttle.succeeded(email.lower())
        actor = Actor(ActorKind.USER, user, email, {}, client.address, client.agent)
        account = await self._account_of(email)
        await self._trail.note(actor, "session.opened", account, email)
        return Step(Verdict.SIGNED_IN, identifier)

    async def _failed(self, name: str, client: Client, why: str) -> None:
        self._throttle.failed(name, client.network, self._clock.monotonic_s())
        actor = Actor(ActorKind.USER, 0, name, {}, client.address, client.agent)
        account = await self._account_of(name)
        await self._trail.note(actor, "session.refused", account, name, result=why)

    async def _account_of(self, email: str) -> int:
        """Whose auditors see what happens at the door; 0: nobody's but the operator's."""
        try:
            key = parse_address(email).key
        except AddressSyntaxError:
            return 0
        ((account,),) = await self._store.read("signin_account", email=key)
        return int(account)

    def _blocked(self, name: str, client: Client) -> Step | None:
        wait_s = self._throttle.wait_s(name, client.network, self._clock.monotonic_s())
        return Step(Verdict.BLOCKED, wait_s=wait_s) if wait_s > 0 else None

    async def _shows_code(self, session: Session, code: str) -> bool:
        if self._is_guessing(session) or session.user_id in self._checking:
            return False
        return await self._check(session.user_id, code) or self._guessed(session)

    async def _check(self, user: int, code: str) -> bool:
        """One code of a person at a time: many at once would all be looked at before one counts."""
        self._checking.add(user)
        try:
            return await self.factors.check(user, code)
        finally:
            self._checking.discard(user)

    def _is_guessing(self, session: Session) -> bool:
        """Who took a session over must not find out password or code by trying them all."""
        name = f"inside:{session.user_id}"
        return self._throttle.wait_s(name, name, self._clock.monotonic_s()) > 0

    def _guessed(self, session: Session) -> bool:
        """Count a wrong password or code, apart from the door: it locks nobody out; False."""
        name = f"inside:{session.user_id}"
        self._throttle.failed(name, name, self._clock.monotonic_s())
        return False

    def _ticket(self, user: int, email: str) -> str:
        now = self._clock.monotonic_s()
        if len(self._tickets) >= MAX_TICKETS:
            self._tickets = {t: k for t, k in self._tickets.items() if k.until_s > now}
        ticket = secrets.token_urlsafe(32)
        self._tickets[ticket] = _Ticket(user, email, now + TICKET_S)
        return ticket

    def _entry(self, session: Session, action: str) -> Rows:
        return self._trail.entry(session.actor, action, session.account, session.email)


def checked_pair(first: str, second: str) -> str:
    """A password that was typed twice. Raises `PermanentError` when the two differ."""
    if first != second:
        raise PermanentError("the two passwords differ")
    return first
