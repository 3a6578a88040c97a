"""Creates, lists and changes accounts, people, credentials and domains.

Every change is durable when its call returns, and the authenticator knows of it. What does not
exist, exists already or does not fit is a `PermanentError` whose text can be shown to the user.
"""

from console.accounts.authenticator import CredentialAuthenticator
from console.accounts.credentials import CredentialService
from console.accounts.domains import DomainService
from console.accounts.names import checked_name
from console.accounts.passwords import PasswordHasher
from console.accounts.users import UserService
from console.accounts.values import Account, AccountKind, State
from mta.model.clock import Clock
from mta.model.errors import JobRefused, PermanentError
from mta.model.ids import IdGenerator
from mta.store.base import Store
from mta.store.work import Rows


class AccountService:
    """Accounts themselves; what belongs to them is in `users`, `credentials`, `domains`."""

    def __init__(
        self,
        store: Store,
        ids: IdGenerator,
        clock: Clock,
        authenticator: CredentialAuthenticator,
        hasher: PasswordHasher,
    ) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock
        self._authenticator = authenticator
        self.users = UserService(store, ids, clock, hasher)
        self.credentials = CredentialService(store, ids, clock, authenticator)
        self.domains = DomainService(store, clock, authenticator)

    async def observe_ids(self) -> None:
        """Tell the id generator of the greatest id on disk; once at start."""
        ((last,),) = await self._store.read("accounts_last_id")
        self._ids.observe(last)

    async def add(
        self, name: str, *, parent: int | None = None, kind: AccountKind = AccountKind.NORMAL
    ) -> Account:
        """A new account, below `parent` or on its own."""
        name = checked_name(name, "account")
        if parent is not None:
            await self.get(str(parent))
        now_ms = self._clock.now_ms()
        account = Account(self._ids.new(), parent, name, kind, State.ACTIVE, now_ms)
        row = (account.id, parent, name, kind, account.state, now_ms)
        try:
            await self._store.submit([Rows("account_insert", [row], expect=1)])
        except JobRefused:
            raise PermanentError(f"there is an account {name!r} already") from None
        await self._authenticator.refresh()
        return account

    async def list(self) -> list[Account]:
        """All accounts, oldest first."""
        return [Account.of(row) for row in await self._store.read("account_all")]

    async def get(self, text: str) -> Account:
        """The account with that id, or the only one with that name."""
        found = [a for a in await self.list() if text in (str(a.id), a.name)]
        if not found:
            raise PermanentError(f"there is no account {text!r}: see `relevo account list`")
        if len(found) > 1:
            raise PermanentError(f"{len(found)} accounts are called {text!r}: give the id")
        return found[0]

    async def only(self) -> Account:
        """The one main account, where a command may leave it out."""
        found = [a for a in await self.list() if a.parent is None]
        if not found:
            raise PermanentError("there is no account yet: `relevo account add NAME` makes one")
        if len(found) > 1:
            raise PermanentError("there are several accounts: say which with --account ID")
        return found[0]

    async def set_state(self, account: int, state: State) -> None:
        """Disable an account with all below it, or make it active again; mail in queue stays."""
        await self._store.submit([Rows("account_state", [(account, state)], expect=1)])
        await self._authenticator.refresh()
