"""The bag as one service: contracts, shares, ledger, reservations, training, and their policy.

Every method takes who asks and checks what that one may do. Changes are durable when the call
returns, and the policy knows of them.
"""

from zoneinfo import ZoneInfo

from console.accounts.quota.alerts import Alerts
from console.accounts.quota.books import Books
from console.accounts.quota.contracts import ContractService
from console.accounts.quota.keeper import Keeper
from console.accounts.quota.ledger import Ledger
from console.accounts.quota.meter import Meter
from console.accounts.quota.policy import QuotaPolicy
from console.accounts.quota.refund_log import RefundLog
from console.accounts.quota.refunds import RefundService
from console.accounts.quota.reservations import ReservationService
from console.accounts.quota.shares import ShareService
from console.accounts.quota.training import TrainingService
from mta.model.clock import Clock
from mta.model.ids import IdGenerator
from mta.store.base import Store


class QuotaService:
    """All of the bag; `load()` before first use."""

    def __init__(
        self,
        store: Store,
        ids: IdGenerator,
        clock: Clock,
        zone: ZoneInfo,
    ) -> None:
        """`zone`: whose days the terms of contracts count."""
        self.zone = zone
        self._store = store
        self._ids = ids
        self.meter = Meter(store, clock, zone)
        self.books = Books(store, ids, clock, self.meter)
        self.contracts = ContractService(self.books, zone)
        self.shares = ShareService(self.books)
        self.ledger = Ledger(self.books, zone)
        self.reservations = ReservationService(self.books)
        self.training = TrainingService(self.books)
        self.policy = QuotaPolicy(self.meter, clock, self.training.addresses)
        self.refunds = RefundService(self.books)
        self.refund_log = RefundLog(self.books, self.refunds)
        self.alerts = Alerts(self.books)
        self.keeper = Keeper(self.books, self.ledger, self.alerts, self.refunds)

    async def load(self) -> None:
        """Read what is kept in memory. Raises `StoreError`."""
        ((last,),) = await self._store.read("quota_last_id")
        self._ids.observe(last)
        await self.refresh()
        await self.alerts.load()

    async def refresh(self) -> None:
        """Accounts or their shares have changed. Raises `StoreError`."""
        await self.meter.refresh()
        await self.training.refresh()
