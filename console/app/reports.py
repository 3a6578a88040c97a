"""Puts the figures together: reading always, counting when a server runs."""

from zoneinfo import ZoneInfo

from console.accounts.audit import AuditTrail
from console.reports.causes import CauseService
from console.reports.clients.counting import BATCH as CLIENT_BATCH
from console.reports.clients.counting import FOLLOWED as OPENS
from console.reports.clients.counting import NAME as CLIENTS
from console.reports.clients.counting import ClientCounting, ClientReader
from console.reports.counting import BATCH, FOLLOWED, NAME, FigureCounting
from console.reports.exports.desk import FOLDER, ExportDesk
from console.reports.figures import FigureService
from console.reports.people import RecipientService
from console.reports.period import PeriodReader
from console.tracking.reader import EngagementReader
from mta.engine.foundation import Foundation
from mta.spool.follower import EventFollower, FollowerMetrics


class ReportParts:
    """What belongs to figures in one process."""

    def __init__(self, foundation: Foundation, trail: AuditTrail) -> None:
        self._foundation = foundation
        zone = ZoneInfo(foundation.loaded.settings.server.timezone)
        self.figures = FigureService(foundation.store, zone)
        self.causes = CauseService(foundation.store)
        self.clients = ClientReader(foundation.store)
        self.period = PeriodReader(foundation.store, zone)
        self.recipients = RecipientService(
            foundation.store, trail, EngagementReader(foundation.store)
        )
        folder = foundation.loaded.settings.server.data_dir / FOLDER
        self.exports = ExportDesk(foundation.store, foundation.ids, foundation.clock, folder)
        self._follower: EventFollower | None = None
        self._client_follower: EventFollower | None = None

    async def start(self, metrics: FollowerMetrics) -> None:
        """Count from the oldest event that was not counted yet. Raises `StoreError`."""
        base = self._foundation
        counting = FigureCounting(base.store)
        self._follower = EventFollower(
            base.store, NAME, FOLLOWED, counting.handle,
            clock=base.clock, metrics=metrics, batch=BATCH, from_beginning=True,
        )  # fmt: skip
        await self._follower.start()
        self._client_follower = EventFollower(
            base.store, CLIENTS, OPENS, ClientCounting().handle,
            clock=base.clock, metrics=metrics, batch=CLIENT_BATCH, from_beginning=True,
        )  # fmt: skip
        await self._client_follower.start()
        await self.exports.start()

    async def count_once(self) -> None:
        """Count everything until now where no server runs that does. Raises `StoreError`."""
        base = self._foundation
        counting = FigureCounting(base.store)
        follower = EventFollower(
            base.store, NAME, FOLLOWED, counting.handle,
            clock=base.clock, batch=BATCH, from_beginning=True,
        )  # fmt: skip
        await follower.start()
        await follower.catch_up()
        await follower.stop()

    async def counted(self) -> None:
        """Return when everything until now is counted; for tests."""
        for follower in (self._follower, self._client_follower):
            if follower is not None:
                await follower.catch_up()

    async def close(self) -> None:
        """End the counting, and what is being made."""
        await self.exports.close()
        for follower in (self._follower, self._client_follower):
            if follower is not None:
                await follower.stop()
