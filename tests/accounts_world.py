"""Accounts over a real store in a folder, with a clock that tests move."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from console.accounts.actor import Actor
from console.accounts.audit import AuditTrail
from console.accounts.audit.chain import ChainKey
from console.accounts.audit.log import AuditLog
from console.accounts.audit.sealer import Sealer
from console.accounts.authenticator import CredentialAuthenticator
from console.accounts.last_use import LastUse
from console.accounts.passwords import PasswordHasher
from console.accounts.ports import QuotaReturner, SessionEnder
from console.accounts.quota.service import QuotaService
from console.accounts.service import AccountService
from console.accounts.signin.service import SignIn
from console.accounts.signin.sessions import Sessions
from mta.model.clock import ManualClock
from mta.model.ids import IdGenerator
from mta.store.sqlite import SqliteStore
from mta.store.statements import StatementPackage

PACKAGES = (
    "mta.spool",
    "mta.suppression",
    "console.accounts",
    "console.accounts.approvals",
    "console.accounts.audit",
    "console.accounts.sending",
    "console.accounts.incidents",
    "console.accounts.quota",
    "console.accounts.signin",
    "console.maillog",
    "console.reports.exports",
    "console.training",
    "console.webhooks",
)
OPERATOR = Actor.command()
SECRET = bytes(32)  # the installation's
KEY = ChainKey(SECRET)


@dataclass
class World:
    """What a composition hands to the operations, and what stands behind it."""

    folder: Path
    store: SqliteStore
    clock: ManualClock
    last_use: LastUse
    authenticator: CredentialAuthenticator
    accounts: AccountService
    trail: AuditTrail
    sealer: Sealer
    sign_in: SignIn
    bag: QuotaService

    @property
    def audit_log(self) -> AuditLog:
        """The reading side of the trail."""
        return AuditLog(self.store, self.trail)


@asynccontextmanager
async def open_world(
    folder: Path,
    *,
    quota: QuotaReturner | None = None,
    sessions: SessionEnder | None = None,
) -> AsyncIterator[World]:
    """Open the store in `folder`; what was written there before is there again."""
    clock = ManualClock()
    store = await SqliteStore.open(folder, [StatementPackage.of(name) for name in PACKAGES])
    last_use = LastUse(store)
    authenticator = CredentialAuthenticator(store, clock, on_use=last_use.note)
    hasher = PasswordHasher(time_cost=1, memory_kib=8)  # cheap: these tests are not about its cost
    ids = IdGenerator(clock_ns=lambda: clock.now_ms() * 1_000_000)
    sealer = Sealer(store, KEY)
    trail = AuditTrail(store, ids, clock, KEY, on_entry=sealer.wake)
    own = Sessions(store, clock)
    bag = QuotaService(store, ids, clock, ZoneInfo("America/Lima"))
    bag.books.audited_by(trail)
    accounts = AccountService(
        store,
        ids,
        clock,
        authenticator,
        hasher,
        trail,
        quota=quota or bag.shares,
        sessions=sessions or own,
    )
    sign_in = SignIn(store, clock, accounts.users, hasher, trail, own, key=SECRET)
    await bag.load()
    await accounts.observe_ids()
    await trail.observe_ids()
    await authenticator.refresh()
    try:
        yield World(
            folder, store, clock, last_use, authenticator, accounts, trail, sealer, sign_in, bag
        )
    finally:
        hasher.close()
        await store.close()
