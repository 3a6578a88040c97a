"""People: their roles in accounts, password and state."""

import asyncio
from collections.abc import Mapping, Sequence

from console.accounts.actor import Actor, NotPermitted, NotVisible
from console.accounts.audit.trail import AuditTrail
from console.accounts.memberships import (
    is_self,
    require_other_owner,
    require_over,
    require_role_within,
)
from console.accounts.passwords import PasswordHasher, check_new_password, new_password
from console.accounts.permissions import Permission
from console.accounts.ports import SessionEnder
from console.accounts.tree import by_id
from console.accounts.values import Account, Membership, Role, State, User
from mta.model.address import parse_address
from mta.model.clock import Clock
from mta.model.errors import AddressSyntaxError, JobRefused, PermanentError
from mta.model.ids import IdGenerator
from mta.store.base import Store
from mta.store.work import Rows

MAX_FAILURES = 10  # failed sign-ins in a row that lock a person
LOCK_S = 15 * 60.0


class UserService:
    """Part of `AccountService`."""

    def __init__(
        self,
        store: Store,
        ids: IdGenerator,
        clock: Clock,
        hasher: PasswordHasher,
        trail: AuditTrail,
        sessions: SessionEnder,
    ) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock
        self._hasher = hasher
        self._trail = trail
        self._sessions = sessions
        # What the rules were asked of must still hold at the commit; this process alone writes.
        self._changing = asyncio.Lock()

    # -- roles -----------------------------------------------------------------------------------

    async def add(
        self, actor: Actor, email: str, role: Role, account: int, password: str | None = None
    ) -> tuple[int, str]:
        """Give a person a role in an account; a new person gets a password.

        Gives the person's id and the password that was made up, "" when none was: shown once.
        """
        require_role_within(actor, role, account)
        email = parse_address(email).key
        async with self._changing:
            await self._account(account)
            known = await self._store.read("user_by_email", email=email)
            if not known:
                return await self._add_person(actor, email, role, account, password)
            if password is not None:
                raise PermanentError(f"{email} has a password: `relevo user reset` changes it")
            user = int(known[0][0])
            row = (user, account, role, self._clock.now_ms())
            entry = self._entry(actor, "membership.added", account, email, after={"role": role})
            try:
                await self._store.submit([Rows("membership_insert", [row], expect=1), entry])
            except JobRefused:
                ((has,),) = await self._store.read("membership_of", user=user, account=account)
                raise PermanentError(f"{email} is {has} of that account already") from None
        return user, ""

    async def change_role(self, actor: Actor, email: str, account: int, role: Role) -> None:
        """Another role in an account; ends the person's sessions."""
        actor.require(Permission.USER_MANAGE, account)
        async with self._changing:
            user, held = await self._member(email, account)
            if is_self(actor, user.id):
                raise NotPermitted("nobody changes his own role: ask another administrator")
            require_role_within(actor, held, account)
            require_role_within(actor, role, account)
            if held is role:
                return
            await self._keep_owner(user, account, held)
            row = (user.id, account, role, held)
            was, became = {"role": held}, {"role": role}
            entry = self._entry(actor, "membership.changed", account, user.email, was, became)
            await self._submit(user.id, [Rows("membership_role", [row], expect=1), entry])

    async def remove(self, actor: Actor, email: str, account: int) -> None:
        """Take the role in an account away; ends the person's sessions. Anybody may leave."""
        user_id = await self._id_of(email)
        leaves = is_self(actor, user_id) and actor.sees(account)
        if not leaves:
            actor.require(Permission.USER_MANAGE, account)
        async with self._changing:
            user, held = await self._member(email, account)
            if not leaves:
                require_role_within(actor, held, account)
            await self._keep_owner(user, account, held)
            entry = self._entry(actor, "membership.removed", account, user.email, {"role": held})
            rows = Rows("membership_remove", [(user.id, account)], expect=1)
            await self._submit(user.id, [rows, entry])

    # -- people ----------------------------------------------------------------------------------

    async def list(self, actor: Actor) -> list[User]:
        """People with the memberships that the actor may see, oldest first."""
        if actor.is_operator:
            return [*await self._all()]
        seen = []
        for user in await self._all():
            visible = tuple(
                m
                for m in user.memberships
                if actor.may(Permission.USER_MANAGE, m.account)
                or actor.may(Permission.AUDIT_VIEW, m.account)
            )
            if visible:
                seen.append(_with_memberships(user, visible))
        return seen

    async def get(self, actor: Actor, email: str) -> User:
        """One of them. Raises `NotVisible`."""
        key = parse_address(email).key
        for user in await self.list(actor):
            if user.email == key:
                return user
        raise NotVisible(f"there is no user {email}: see `relevo user list`")

    async def disable(self, actor: Actor, email: str) -> None:
        """The person cannot sign in any more, sessions end; what the person made stays.

        Only an operator may leave an account without an owner this way: that one may have to.
        """
        async with self._changing:
            user = await self._decided(actor, email)
            if is_self(actor, user.id):
                raise NotPermitted("nobody disables himself: ask another administrator")
            if not actor.is_operator:
                for membership in user.memberships:
                    await self._keep_owner(user, membership.account, membership.role)
            rows = Rows("user_state", [(user.id, State.DISABLED)], expect=1)
            was, became = {"state": user.state}, {"state": State.DISABLED}
            entries = self._entries(actor, "user.disabled", user, was, became)
            await self._submit(user.id, [rows, *entries])

    async def unlock(self, actor: Actor, email: str) -> None:
        """The person can sign in again at once, whether disabled or locked by failures."""
        user = await self._decided(actor, email)
        was, became = {"state": user.state}, {"state": State.ACTIVE}
        entries = self._entries(actor, "user.unlocked", user, was, became)
        await self._store.submit([Rows("user_unlock", [(user.id,)], expect=1), *entries])

    async def reset(self, actor: Actor, email: str, password: str | None = None) -> str:
        """A new password, sessions end; gives the one made up, "" when one was handed in."""
        user = await self._decided(actor, email)
        made, hashed = await self._hashed(password)
        entries = self._entries(actor, "user.password_reset", user, {}, {})
        rows = Rows("user_password", [(user.id, hashed)], expect=1)
        await self._submit(user.id, [rows, *entries])
        return made

    async def authenticate(self, email: str, password: str) -> User | None:
        """The person whose address and password these are.

        None for everything else, and it takes as long: nobody of that name, wrong password, disabled
        or locked. The tenth failure in a row locks for 15 minutes. Raises `StoreError`.
        """
        try:
            rows = await self._store.read("user_sign_in", email=parse_address(email).key)
        except AddressSyntaxError:
            rows = []
        user, hashed, state, failures, locked_until_ms = rows[0] if rows else (0, None, "", 0, 0)
        fits = await self._hasher.verify(hashed, password)
        now_ms = self._clock.now_ms()
        if not fits or not rows:
            # Also where there is nobody (user 0): the commit is part of how long it takes.
            row = (user, MAX_FAILURES, now_ms + round(LOCK_S * 1000))
            await self._store.submit([Rows("user_failed", [row])])
            return None
        if state != State.ACTIVE or locked_until_ms > now_ms:
            return None
        if failures:
            await self._store.submit([Rows("user_signed_in", [(user,)])])
        return next((known for known in await self._all() if known.id == user), None)

    # -- within ----------------------------------------------------------------------------------

    async def _add_person(
        self, actor: Actor, email: str, role: Role, account: int, password: str | None
    ) -> tuple[int, str]:
        made, hashed = await self._hashed(password)
        user, now_ms = self._ids.new(), self._clock.now_ms()
        try:
            await self._store.submit(
                [
                    Rows("user_insert", [(user, email, hashed, State.ACTIVE, now_ms)], expect=1),
                    Rows("membership_insert", [(user, account, role, now_ms)], expect=1),
                    self._entry(actor, "user.created", account, email, after={"role": role}),
                ]
            )
        except JobRefused:
            raise PermanentError(f"{email} was added by somebody else just now") from None
        return user, made

    async def _all(self) -> Sequence[User]:
        users: dict[int, User] = {}
        for row in await self._store.read("user_all"):
            number, email, state, locked_until_ms, created_ms, account, account_name, role = row
            before = users[number].memberships if number in users else ()
            if account is not None:
                before = (*before, Membership(account, account_name, Role(role)))
            users[number] = User(number, email, State(state), locked_until_ms, created_ms, before)
        return list(users.values())

    async def _hashed(self, password: str | None) -> tuple[str, str]:
        made = new_password() if password is None else ""
        chosen = made if password is None else password
        check_new_password(chosen)
        return made, await self._hasher.hash(chosen)

    async def _id_of(self, email: str) -> int:
        known = await self._store.read("user_by_email", email=parse_address(email).key)
        return int(known[0][0]) if known else 0

    async def _member(self, email: str, account: int) -> tuple[User, Role]:
        key = parse_address(email).key
        for user in await self._all():
            if user.email == key:
                for membership in user.memberships:
                    if membership.account == account:
                        return user, membership.role
        raise NotVisible(f"{email} has no role in that account: see `relevo user list`")

    async def _decided(self, actor: Actor, email: str) -> User:
        """The person, whom the actor may decide about as a whole."""
        key = parse_address(email).key
        for user in await self._all():
            if user.email == key:
                require_over(actor, user)
                return user
        raise NotVisible(f"there is no user {email}: see `relevo user list`")

    async def _account(self, account: int) -> Account:
        known = by_id([Account.of(row) for row in await self._store.read("account_all")])
        if account not in known:
            raise NotVisible(f"there is no account '{account}': see `relevo account list`")
        return known[account]

    async def _keep_owner(self, user: User, account: int, held: Role) -> None:
        if held is not Role.OWNER or user.state is not State.ACTIVE:
            return
        known = by_id([Account.of(row) for row in await self._store.read("account_all")])
        require_other_owner(user.id, known[account], await self._all(), known)

    async def _submit(self, user: int, work: Sequence[Rows]) -> None:
        """A job that also ends the person's sessions."""
        await self._store.submit([*work, *self._sessions.ending(user)])
        self._sessions.ended(user)

    def _entry(
        self,
        actor: Actor,
        action: str,
        account: int,
        email: str,
        before: Mapping[str, str] | None = None,
        after: Mapping[str, str] | None = None,
    ) -> Rows:
        return self._trail.entry(actor, action, account, email, before, after)

    def _entries(
        self,
        actor: Actor,
        action: str,
        user: User,
        before: Mapping[str, str],
        after: Mapping[str, str],
    ) -> Sequence[Rows]:
        """One in each account of the person: each has an auditor of its own."""
        accounts = [m.account for m in user.memberships] or [0]
        return [self._entry(actor, action, a, user.email, before, after) for a in accounts]


def _with_memberships(user: User, memberships: tuple[Membership, ...]) -> User:
    return User(user.id, user.email, user.state, user.locked_until_ms, user.created_ms, memberships)
