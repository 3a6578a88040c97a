"""The gate of a campaign's flow: set in the very transaction that changes the campaign's status.

One row steers all of its mail, however much that is; once it is committed the dispatcher hears of
it and hands out nothing more.
"""

from console.campaigns.values import Campaign
from mta.engine.port import DispatcherPort
from mta.intake.flow_lookup import FlowLookup
from mta.model.clock import Clock
from mta.model.traffic import Gate, TrafficClass
from mta.spool.flows import Flow
from mta.store.work import Rows

GateRow = tuple[int, int, str, int, int]
KIND = "campaign"


class Steering:
    """Finds and gates flows of campaigns."""

    def __init__(self, lookup: FlowLookup, clock: Clock, port: DispatcherPort | None) -> None:
        """`port`: the running dispatcher; None when no server runs."""
        self._lookup = lookup
        self._clock = clock
        self._port = port

    async def make(self, campaign: Campaign) -> Flow:
        """The flow of a campaign, made if it is not there."""
        name = campaign.flow_name
        return await self._lookup.find(campaign.account, TrafficClass.CAMPAIGN, name, KIND)

    async def flow(self, campaign: Campaign) -> Flow | None:
        """The flow, if it has one already."""
        if not campaign.frozen.flow:
            return None
        return await self._lookup.by_id(campaign.frozen.flow)

    def gated(self, flow: Flow, gate: Gate, reason: str) -> GateRow:
        """The row that will set the gate."""
        return flow.gated(gate, reason, self._clock.now_ms())

    @staticmethod
    def rows(row: GateRow) -> Rows:
        """The same for a job."""
        return Rows("flow_gate", [row])

    def committed(self, flow: Flow, row: GateRow) -> None:
        """The row is durable: what waits in memory follows."""
        flow.apply(row)
        if self._port is not None:
            self._port.gate_changed(flow.id)
