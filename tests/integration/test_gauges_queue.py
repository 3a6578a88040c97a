"""What monitoring sees of a queue on disk."""

import pytest
from prometheus_client import CollectorRegistry

from mta.delivery.board import Board
from mta.engine.gauges import QueueGauges
from mta.events.metrics import Metrics
from mta.model.traffic import DeliveryState, Gate
from tests.integration.queue_stand import Stand


@pytest.fixture
async def stand(tmp_path):
    stand = await Stand.open(tmp_path)
    yield stand
    await stand.store.close()


class Measured:
    """Gauges over a stand's queue."""

    def __init__(self, stand: Stand) -> None:
        self.board = Board(stand.sites, stand.flows)
        self.metrics = Metrics(CollectorRegistry())
        self._gauges = QueueGauges(stand.store, self.board, self.metrics, stand.clock)

    async def value(self, name: str, **labels: str) -> float | None:
        await self._gauges.measure()
        return self.metrics.registry.get_sample_value(name, labels)

    async def oldest_due_s(self) -> float | None:
        return await self.value("relevo_queue_oldest_due_seconds", **{"class": "transactional"})


async def test_the_longest_wait_of_due_mail_is_that_of_what_comes_next(stand):
    measured = Measured(stand)
    site = await stand.site()
    assert await measured.oldest_due_s() == 0
    flow = await stand.flow()
    (first,) = await stand.put(flow, site=site)
    stand.clock.advance(30)
    (second,) = await stand.put(await stand.flow("other"), site=site)
    for delivery in (second, first):
        measured.board.offer(delivery, stand.flows.get(delivery.flow), stand.clock.now_ms())
    stand.clock.advance(12)
    assert await measured.oldest_due_s() == 42
    flow.gate = Gate.HELD
    assert await measured.oldest_due_s() == 12, "held mail does not wait"


async def test_mail_past_its_deadline_is_counted_unless_it_is_held(stand):
    measured = Measured(stand)
    flow = await stand.flow()
    deadline_ms = stand.clock.now_ms() + 1000
    await stand.put(flow, 3, expires_ms=deadline_ms, state=DeliveryState.SCHEDULED, due_in_s=900)
    assert await measured.value("relevo_deliveries_past_deadline") == 0
    stand.clock.advance(120)
    assert await measured.value("relevo_deliveries_past_deadline") == 3
    flow.gate = Gate.HELD
    assert await measured.value("relevo_deliveries_past_deadline") == 0


async def test_an_attempt_under_way_may_end_after_the_deadline_but_not_for_hours(stand):
    measured = Measured(stand)
    flow = await stand.flow()
    deadline_ms = stand.clock.now_ms() + 1000
    await stand.put(flow, expires_ms=deadline_ms, state=DeliveryState.CLAIMED)
    stand.clock.advance(600)
    assert await measured.value("relevo_deliveries_past_deadline") == 0
    stand.clock.advance(4000)
    assert await measured.value("relevo_deliveries_past_deadline") == 1
