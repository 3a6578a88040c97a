"""What a start has to put right: rows found claimed were on their way when the process ended.

The remote may have taken them, so they are marked uncertain in their history and tried again after
a quarter of an hour with the same Message-ID. They and only they can be duplicates.
"""

import structlog

from mta.delivery.settlement import Settlement
from mta.model.clock import Clock
from mta.model.outcome import OutcomeKind, Phase, local_outcome
from mta.model.traffic import DeliveryState
from mta.spool.flows import FlowDirectory, flow_from_row
from mta.spool.rows import QueuedMessage, delivery_from_row, message_from_row
from mta.store.base import Store

BATCH = 400

INTERRUPTED = local_outcome(
    OutcomeKind.UNCERTAIN,
    451,
    "4.3.0",
    "Interrupted by a stop of the server; the recipient's server may have taken the mail",
    Phase.DOT,
)


class Recovery:
    """Runs once, before anything is delivered."""

    def __init__(
        self, store: Store, settlement: Settlement, clock: Clock, flows: FlowDirectory
    ) -> None:
        self._store = store
        self._settlement = settlement
        self._clock = clock
        self._flows = flows
        self._log = structlog.get_logger("mta.delivery")

    async def run(self) -> int:
        """Put claimed rows back as uncertain; gives how many there were."""
        for row in await self._store.read("flows_open", deadline_s=60.0):
            self._flows.add(flow_from_row(row))
        found = after = 0
        while rows := await self._store.read("claimed", after=after, count=BATCH):
            after = rows[-1][0]
            found += len(rows)
            messages: dict[int, QueuedMessage] = {}
            deliveries = []
            for row in rows:
                message = messages.setdefault(row[1], message_from_row(row))
                deliveries.append(delivery_from_row(row, message, DeliveryState.CLAIMED))
            await self._settlement.attempted_all(deliveries, INTERRUPTED)
        if found:
            self._log.warning("deliveries were interrupted and are uncertain", count=found)
        return found
