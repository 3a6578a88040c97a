"""Accounts over a real store in a folder, with a clock that tests move."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from console.accounts.authenticator import CredentialAuthenticator
from console.accounts.last_use import LastUse
from console.accounts.passwords import PasswordHasher
from console.accounts.service import AccountService
from mta.model.clock import ManualClock
from mta.model.ids import IdGenerator
from mta.store.sqlite import SqliteStore
from mta.store.statements import StatementPackage


@dataclass
class World:
    """What a composition hands to the operations, and what stands behind it."""

    folder: Path
    store: SqliteStore
    clock: ManualClock
    last_use: LastUse
    authenticator: CredentialAuthenticator
    accounts: AccountService


@asynccontextmanager
async def open_world(folder: Path) -> AsyncIterator[World]:
    """Open the store in `folder`; what was written there before is there again."""
    clock = ManualClock()
    store = await SqliteStore.open(folder, [StatementPackage.of("console.accounts")])
    last_use = LastUse(store)
    authenticator = CredentialAuthenticator(store, clock, on_use=last_use.note)
    hasher = PasswordHasher(time_cost=1, memory_kib=8)  # cheap: these tests are not about its cost
    ids = IdGenerator(clock_ns=lambda: clock.now_ms() * 1_000_000)
    accounts = AccountService(store, ids, clock, authenticator, hasher)
    await accounts.observe_ids()
    await authenticator.refresh()
    try:
        yield World(folder, store, clock, last_use, authenticator, accounts)
    finally:
        hasher.close()
        await store.close()
