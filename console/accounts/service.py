"""Creates, lists and changes accounts; people, credentials and domains hang on it.

Every method takes who does it and asks what that one may do; every change is durable, with its
entry in the audit trail, when its call returns, and the authenticator knows of it. What does not
exist, exists already or does not fit is a `PermanentError` whose text can be shown to the user.
"""

from collections.abc import Sequence
from dataclasses import replace
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from console.accounts.actor import Actor, NotPermitted, NotVisible
from console.accounts.audit.trail import AuditTrail
from console.accounts.authenticator import CredentialAuthenticator
from console.accounts.credentials import CredentialService
from console.accounts.domains import DomainService
from console.accounts.names import checked_name
from console.accounts.passwords import PasswordHasher
from console.accounts.permissions import Permission
from console.accounts.ports import NoQuota, NoSessions, QuotaReturner, SessionEnder
from console.accounts.tree import MAX_DEPTH, by_id, is_active, line_of, with_all_below
from console.accounts.users import UserService
from console.accounts.values import Account, AccountKind, State
from mta.model.clock import Clock
from mta.model.errors import JobRefused, PermanentError, TransientError
from mta.model.ids import IdGenerator
from mta.store.base import Store
from mta.store.work import Rows

LANGUAGES = ("", "es", "en")
TRIES = 5  # of a job that gives quota back while mail is still taken


class AccountService:
    """Accounts themselves; what belongs to them is in `users`, `credentials`, `domains`."""

    def __init__(
        self,
        store: Store,
        ids: IdGenerator,
        clock: Clock,
        authenticator: CredentialAuthenticator,
        hasher: PasswordHasher,
        trail: AuditTrail,
        *,
        quota: QuotaReturner | None = None,
        sessions: SessionEnder | None = None,
    ) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock
        self._authenticator = authenticator
        self._trail = trail
        self._quota = quota or NoQuota()
        self.users = UserService(store, ids, clock, hasher, trail, sessions or NoSessions())
        self.credentials = CredentialService(store, ids, clock, authenticator, trail)
        self.domains = DomainService(store, clock, authenticator, trail)

    async def observe_ids(self) -> None:
        """Tell the id generator of the greatest id on disk; once at start."""
        ((last,),) = await self._store.read("accounts_last_id")
        self._ids.observe(last)

    async def add(
        self,
        actor: Actor,
        name: str,
        *,
        parent: int | None = None,
        kind: AccountKind = AccountKind.NORMAL,
    ) -> Account:
        """A new account below `parent`, or, for operators only, on its own.

        Below a training account everything is for training.
        """
        name = checked_name(name, "account")
        if parent is None:
            if not actor.is_operator:
                raise NotPermitted("main accounts are made at the command line")
        else:
            actor.require(Permission.ACCOUNT_MANAGE, parent)
            kind = await self._kind_below(parent, kind)
        now_ms = self._clock.now_ms()
        account = Account(self._ids.new(), parent, name, kind, State.ACTIVE, now_ms)
        row = (account.id, parent, name, kind, account.state, now_ms)
        after = {"name": name, "parent": str(parent or ""), "kind": kind}
        entry = self._trail.entry(actor, "account.created", account.id, account.id, after=after)
        try:
            await self._store.submit([Rows("account_insert", [row], expect=1), entry])
        except JobRefused:
            raise PermanentError(f"there is an account {name!r} already") from None
        await self._changed()
        return account

    async def list(self, actor: Actor) -> list[Account]:
        """All accounts that the actor sees, oldest first."""
        everything = await self._all()
        return [a for a in everything if actor.may(Permission.ACCOUNT_VIEW, a.id)]

    async def get(self, actor: Actor, text: str) -> Account:
        """The account with that id, or the only one with that name, of those the actor sees."""
        found = [a for a in await self.list(actor) if text in (str(a.id), a.name)]
        if not found:
            raise NotVisible(f"there is no account {text!r}: see `relevo account list`")
        if len(found) > 1:
            raise PermanentError(f"{len(found)} accounts are called {text!r}: give the id")
        return found[0]

    async def only(self, actor: Actor) -> Account:
        """The one main account, where a command may leave it out."""
        found = [a for a in await self.list(actor) if a.parent is None]
        if not found:
            raise PermanentError("there is no account yet: `relevo account add NAME` makes one")
        if len(found) > 1:
            raise PermanentError("there are several accounts: say which with --account ID")
        return found[0]

    async def rename(self, actor: Actor, account_id: int, name: str) -> Account:
        """Another name; the id stays."""
        account = await self._manageable(actor, account_id, from_above=False)
        name = checked_name(name, "account")
        was, became = {"name": account.name}, {"name": name}
        entry = self._trail.entry(actor, "account.renamed", account.id, account.id, was, became)
        try:
            await self._store.submit([Rows("account_name", [(account.id, name)], expect=1), entry])
        except JobRefused:
            raise PermanentError(f"there is an account {name!r} already") from None
        await self._changed()
        return await self.get(actor, str(account.id))

    async def change_settings(
        self,
        actor: Actor,
        account_id: int,
        *,
        language: str | None = None,
        timezone: str | None = None,
        needs_approval: bool | None = None,
    ) -> Account:
        """What the account chooses for itself; None leaves a setting as it is."""
        actor.require(Permission.SETTINGS_MANAGE, account_id)
        account = await self.get(actor, str(account_id))
        changed = replace(
            account,
            language=account.language if language is None else language,
            timezone=account.timezone if timezone is None else timezone,
            needs_approval=account.needs_approval if needs_approval is None else needs_approval,
        )
        if changed.language not in LANGUAGES:
            raise PermanentError(f"language {language!r}: expected es or en")
        _check_timezone(changed.timezone)
        row = (account.id, changed.language, changed.timezone, int(changed.needs_approval))
        before, after = _settings_of(account), _settings_of(changed)
        entry = self._trail.entry(
            actor, "account.settings_changed", account.id, account.id, before, after
        )
        await self._store.submit([Rows("account_settings", [row], expect=1), entry])
        return changed

    async def disable(self, actor: Actor, account_id: int) -> Account:
        """No mail from the account and all below it, and its quota goes back; mail in queue stays."""
        return await self._set_state(actor, account_id, State.DISABLED)

    async def enable(self, actor: Actor, account_id: int) -> Account:
        """Undo `disable`; quota has to be allocated anew."""
        return await self._set_state(actor, account_id, State.ACTIVE)

    async def close(self, actor: Actor, account_id: int) -> Account:
        """As `disable`, for good: the credentials of the account and all below it are revoked."""
        return await self._set_state(actor, account_id, State.CLOSED)

    async def _set_state(self, actor: Actor, account_id: int, state: State) -> Account:
        account = await self._manageable(actor, account_id, from_above=True)
        if account.state is State.CLOSED and state is not State.CLOSED:
            raise PermanentError(f"account {account.name!r} is closed for good")
        for _ in range(TRIES):
            try:
                await self._store.submit(await self._state_job(actor, account, state))
                break
            except JobRefused:  # mail was taken meanwhile: another rest
                continue
        else:
            raise TransientError(f"account {account.name!r}: too much happens there, try again")
        await self._changed()
        return await self.get(actor, str(account.id))

    async def _changed(self) -> None:
        """Mail of an account is accepted as soon as its maker hears of it, not some time later."""
        await self._authenticator.refresh()
        await self._quota.on_accounts_changed()

    async def _state_job(self, actor: Actor, account: Account, state: State) -> Sequence[Rows]:
        below = with_all_below(account, await self._all())
        changed = below if state is State.CLOSED else [account]
        rows = [(member.id, state) for member in changed]
        work = [Rows("account_state", rows, expect=len(rows))]
        if state is State.CLOSED:
            work.append(Rows("credential_revoke_all", [(member.id,) for member in below]))
        if state is not State.ACTIVE:
            work += await self._quota.on_disabled(actor, below)
        action = _STATE_ACTIONS[state]
        for member in changed:
            was, became = {"state": member.state}, {"state": state}
            work.append(self._trail.entry(actor, action, member.id, member.id, was, became))
        return work

    async def _manageable(self, actor: Actor, account_id: int, *, from_above: bool) -> Account:
        """The account, if the actor may change it; `from_above`: by what he may in its parent.

        So nobody disables the account that he is in, nor enables it again.
        """
        account = await self.get(actor, str(account_id))
        if account.parent is None:
            may = actor.is_operator or (
                not from_above and actor.may(Permission.ACCOUNT_MANAGE, account.id)
            )
        else:
            asked = account.parent if from_above else account.id
            may = actor.may(Permission.ACCOUNT_MANAGE, asked)
        if not may:
            raise NotPermitted(f"{actor.name} may not change account {account.name!r}")
        return account

    async def _kind_below(self, parent: int, kind: AccountKind) -> AccountKind:
        known = by_id(await self._all())
        above = known.get(parent)
        if above is None:
            raise NotVisible(f"there is no account '{parent}': see `relevo account list`")
        if not is_active(above, known):
            raise PermanentError(f"account {above.name!r} is not active")
        if len(line_of(above, known)) >= MAX_DEPTH:
            raise PermanentError(f"accounts are at most {MAX_DEPTH} levels deep")
        return AccountKind.TRAINING if above.kind is AccountKind.TRAINING else kind

    async def _all(self) -> Sequence[Account]:
        return [Account.of(row) for row in await self._store.read("account_all")]


_STATE_ACTIONS = {
    State.ACTIVE: "account.enabled",
    State.DISABLED: "account.disabled",
    State.CLOSED: "account.closed",
}


def _settings_of(account: Account) -> dict[str, str | bool]:
    return {
        "language": account.language,
        "timezone": account.timezone,
        "needs_approval": account.needs_approval,
    }


def _check_timezone(name: str) -> None:
    if not name:
        return
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise PermanentError(f"time zone {name!r}: expected a name such as America/Lima") from None
