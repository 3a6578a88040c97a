"""People: their password, state and roles in accounts."""

from console.accounts.passwords import PasswordHasher, check_new_password, new_password
from console.accounts.values import Membership, Role, State, User
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
        self, store: Store, ids: IdGenerator, clock: Clock, hasher: PasswordHasher
    ) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock
        self._hasher = hasher

    async def add(
        self, email: str, role: Role, account: int, password: str | None = None
    ) -> tuple[int, str]:
        """Give a person a role in an account; a new person gets a password.

        Gives the person's id and the password that was made up, "" when none was: shown once.
        """
        email = parse_address(email).key
        now_ms = self._clock.now_ms()
        known = await self._store.read("user_by_email", email=email)
        if not known:
            return await self._add_person(email, role, account, password, now_ms)
        if password is not None:
            raise PermanentError(f"{email} has a password: `relevo user reset` changes it")
        user = int(known[0][0])
        try:
            await self._store.submit(
                [Rows("membership_insert", [(user, account, role, now_ms)], expect=1)]
            )
        except JobRefused:
            ((has,),) = await self._store.read("membership_of", user=user, account=account)
            raise PermanentError(f"{email} is {has} of that account already") from None
        return user, ""

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
        if not rows or state != State.ACTIVE or locked_until_ms > now_ms:
            return None
        if not fits:
            row = (user, MAX_FAILURES, now_ms + round(LOCK_S * 1000))
            await self._store.submit([Rows("user_failed", [row])])
            return None
        if failures:
            await self._store.submit([Rows("user_signed_in", [(user,)])])
        return next((known for known in await self.list() if known.id == user), None)

    async def list(self) -> list[User]:
        """Everybody, oldest first."""
        users: dict[int, User] = {}
        for row in await self._store.read("user_all"):
            number, email, state, locked_until_ms, created_ms, account, account_name, role = row
            before = users[number].memberships if number in users else ()
            if account is not None:
                before = (*before, Membership(account, account_name, Role(role)))
            users[number] = User(number, email, State(state), locked_until_ms, created_ms, before)
        return list(users.values())

    async def disable(self, email: str) -> None:
        """The person cannot sign in any more; what the person made stays."""
        user = await self._find(email)
        await self._store.submit([Rows("user_state", [(user, State.DISABLED)], expect=1)])

    async def unlock(self, email: str) -> None:
        """The person can sign in again at once, whether disabled or locked by failures."""
        user = await self._find(email)
        await self._store.submit([Rows("user_unlock", [(user,)], expect=1)])

    async def reset(self, email: str, password: str | None = None) -> str:
        """A new password; gives the one that was made up, "" when one was handed in."""
        user = await self._find(email)
        made, hashed = await self._hashed(password)
        await self._store.submit([Rows("user_password", [(user, hashed)], expect=1)])
        return made

    async def _add_person(
        self, email: str, role: Role, account: int, password: str | None, now_ms: int
    ) -> tuple[int, str]:
        made, hashed = await self._hashed(password)
        user = self._ids.new()
        try:
            await self._store.submit(
                [
                    Rows("user_insert", [(user, email, hashed, State.ACTIVE, now_ms)], expect=1),
                    Rows("membership_insert", [(user, account, role, now_ms)], expect=1),
                ]
            )
        except JobRefused:
            raise PermanentError(f"{email} was added by somebody else just now") from None
        return user, made

    async def _hashed(self, password: str | None) -> tuple[str, str]:
        made = new_password() if password is None else ""
        chosen = made if password is None else password
        check_new_password(chosen)
        return made, await self._hasher.hash(chosen)

    async def _find(self, email: str) -> int:
        known = await self._store.read("user_by_email", email=parse_address(email).key)
        if not known:
            raise PermanentError(f"there is no user {email}: see `relevo user list`")
        return int(known[0][0])
