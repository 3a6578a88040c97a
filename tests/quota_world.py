"""A bag of mails over a real store and a real intake, with a clock that tests move."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from console.accounts.actor import Actor
from console.accounts.approvals.service import ApprovalService
from console.accounts.audit.chain import ChainKey
from console.accounts.audit.trail import AuditTrail
from console.accounts.quota.contracts import ContractView
from console.accounts.quota.service import QuotaService
from console.app.quota import connect_refunds
from mta.intake.ports import Receipt
from mta.model.clock import ManualClock
from mta.model.envelope import Identity
from mta.model.ids import IdGenerator
from mta.store.sqlite import SqliteStore
from mta.store.statements import StatementPackage
from mta.store.work import Rows
from tests.intake_stand import BAG, CONTENT, Stand, submission

OPERATOR = Actor.command()
MAIN, SUB, OTHER, TRAINING, LONE = 10, 11, 12, 13, 20
LIMA = ZoneInfo("America/Lima")
PACKAGES = (
    "mta.spool",
    "console.accounts",
    "console.accounts.audit",
    "console.accounts.approvals",
    "console.accounts.quota",
)
ACCOUNTS = (
    (MAIN, None, "Agencia", "normal"),
    (SUB, MAIN, "Prensa", "normal"),
    (OTHER, MAIN, "Rentas", "normal"),
    (TRAINING, MAIN, "Aula", "training"),
    (LONE, None, "Sin contrato", "normal"),
)


class QuotaWorld:
    """A store with five accounts, an intake that asks the bag, and the bag."""

    def __init__(self, store: SqliteStore) -> None:
        self.store = store
        self.clock = ManualClock()
        self.ids = IdGenerator(clock_ns=lambda: self.clock.now_ms() * 1_000_000)
        self.quota = QuotaService(store, self.ids, self.clock, LIMA)
        trail = AuditTrail(store, self.ids, self.clock, ChainKey(b"k" * 32))
        self.approvals = ApprovalService(store, self.ids, self.clock, trail)
        self.quota.books.audited_by(trail)
        connect_refunds(self.quota, self.approvals)
        self.stand = Stand(store, policy=self.quota.policy, clock=self.clock)

    async def begin(
        self, size: int = 1_000, starts: str = "2027-01-15", **options: Any
    ) -> ContractView:
        """A contract of the main account; day 1 is the clock's own day."""
        return await self.quota.contracts.add(
            OPERATOR, MAIN, "Bolsa 2027", size, starts_on=starts, **options
        )

    async def send(
        self,
        account: int = MAIN,
        *recipients: str,
        key: str = "",
        release_at_ms: int = 0,
        **who: Any,
    ) -> Receipt:
        """Hand in a mail for an account."""
        return await self.stand.intake.submit(
            submission(
                CONTENT,
                *recipients,
                identity=identity_of(account, **who),
                key=key,
                release_at_ms=release_at_ms,
            )
        )

    async def left(self, account: int = MAIN) -> int:
        """What the account's own balance holds, on the disk."""
        await self.quota.meter.refresh()
        contract = self.quota.meter.contract_of(account, self.clock.now_ms())
        assert contract is not None
        found = self.quota.meter.balance(contract.id, account)
        assert found is not None
        return found.available

    async def entries(self, account: int = MAIN, **options: Any) -> list[tuple[str, int, int, int]]:
        """Kind and what was added to available, reserved, consumed; the oldest first."""
        page = await self.quota.ledger.page(OPERATOR, account, count=1_000, **options)
        return [(e.kind, e.available, e.reserved, e.consumed) for e in reversed(page)]

    async def verify(self) -> None:
        """The books are right: what `relevo verify` asks."""
        assert await self.store.read("verify_quota_bags") == []
        assert await self.store.read("verify_quota_contracts") == []


def identity_of(account: int, **who: Any) -> Identity:
    """Who hands in mail for an account."""
    base: dict[str, Any] = {
        "account_id": account,
        "credential_id": account,
        "name": "app",
        "sender_domains": frozenset({"example.org"}),
        "is_training": account == TRAINING,
    }
    return Identity(**{**base, **who})


@asynccontextmanager
async def open_quota(folder: Path) -> AsyncIterator[QuotaWorld]:
    """Open the store in `folder`; what was written there before is there again."""
    store = await SqliteStore.open(folder, [*map(StatementPackage.of, PACKAGES), BAG])
    try:
        if not await store.read("account_all"):
            rows = [(i, p, name, kind, "active", 1) for i, p, name, kind in ACCOUNTS]
            await store.submit([Rows("account_insert", rows)])
        world = QuotaWorld(store)
        await world.quota.load()
        yield world
    finally:
        await store.close()
