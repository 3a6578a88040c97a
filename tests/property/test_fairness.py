"""Who goes next: shares follow the weights, nobody starves, and a small flow does not wait for a big one."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from mta.model.traffic import Gate, TrafficClass
from mta.scheduler.site_queue import WEIGHTS, SiteQueue
from mta.scheduler.stream import Stream
from mta.spool.flows import Flow
from mta.spool.rows import QueuedDelivery, QueuedMessage
from mta.store.work import ContentRef

NOW_MS = 1_800_000_000_000


def filled(queue: SiteQueue, flow: Flow, count: int, start: int = 0) -> Stream:
    stream = Stream(1, flow.klass, flow)
    message = QueuedMessage(1, flow.account, "a@b", ContentRef(0, 0, 0, 0), 0, "", "", "")
    for n in range(count):
        stream.window.append(
            QueuedDelivery(start + n, message, n, flow.id, flow.klass, flow.klass, 1, "d", "u@d")
        )
    queue.wake(stream)
    return stream


def flow(number: int, klass: TrafficClass, account: int = 1) -> Flow:
    return Flow(number, account, str(number), "application", klass)


def picks(queue: SiteQueue, count: int, *, bulk: bool = True) -> list[QueuedDelivery]:
    found = []
    for _ in range(count):
        picked = queue.pick(NOW_MS, bulk=bulk)
        if picked is None:
            break
        found.append(picked[1])
    return found


def test_classes_share_by_their_weights_while_all_have_work():
    queue = SiteQueue()
    for klass in TrafficClass:
        filled(queue, flow(klass, klass), 1_000)
    shares = Counter(d.klass for d in picks(queue, 15 * 20))
    assert [shares[k] for k in TrafficClass] == [w * 20 for w in WEIGHTS]


@given(st.sets(st.sampled_from(list(TrafficClass)), min_size=1))
def test_a_class_gets_its_share_of_those_that_have_work(classes):
    queue = SiteQueue()
    for klass in classes:
        filled(queue, flow(klass, klass), 2_000)
    total = sum(WEIGHTS[k] for k in classes)
    shares = Counter(d.klass for d in picks(queue, total * 20))
    for klass in classes:
        assert abs(shares[klass] - WEIGHTS[klass] * 20) <= WEIGHTS[klass]


def test_without_bulk_only_urgent_and_transactional_mail_is_picked():
    queue = SiteQueue()
    for klass in TrafficClass:
        filled(queue, flow(klass, klass), 10)
    found = picks(queue, 100, bulk=False)
    assert len(found) == 20
    assert {d.klass for d in found} == {TrafficClass.URGENT, TrafficClass.TRANSACTIONAL}
    assert not queue.has_work(bulk=False)
    assert queue.has_work()


def test_a_campaign_of_a_hundred_is_not_held_back_by_one_of_many_thousands():
    queue = SiteQueue()
    filled(queue, flow(1, TrafficClass.CAMPAIGN), 5_000)
    picks(queue, 1_000)
    filled(queue, flow(2, TrafficClass.CAMPAIGN), 100)
    found = picks(queue, 210)
    assert sum(d.flow == 2 for d in found) == 100


def test_tenants_share_evenly_however_many_flows_they_have():
    queue = SiteQueue()
    for number in range(9):
        filled(queue, flow(number, TrafficClass.CAMPAIGN, account=1), 100)
    filled(queue, flow(9, TrafficClass.CAMPAIGN, account=2), 100)
    found = picks(queue, 100)
    assert 45 <= sum(d.flow == 9 for d in found) <= 55


def test_a_flow_that_was_idle_does_not_claim_the_time_it_was_away():
    queue = SiteQueue()
    filled(queue, flow(1, TrafficClass.CAMPAIGN, account=1), 2_000)
    picks(queue, 1_500)
    filled(queue, flow(2, TrafficClass.CAMPAIGN, account=2), 500)
    found = picks(queue, 100)
    assert 45 <= sum(d.flow == 2 for d in found) <= 55


@given(
    st.lists(
        st.tuples(st.sampled_from(list(TrafficClass)), st.integers(1, 3), st.integers(1, 30)),
        min_size=1,
        max_size=12,
    )
)
def test_everything_in_the_windows_is_picked_once_in_the_order_of_its_flow(flows):
    queue = SiteQueue()
    expected = []
    for number, (klass, account, count) in enumerate(flows):
        filled(queue, flow(number, klass, account), count, start=number * 1_000)
        expected += [number * 1_000 + n for n in range(count)]
    found = picks(queue, len(expected) + 10)
    assert sorted(d.id for d in found) == expected
    for number in range(len(flows)):
        mine = [d.id for d in found if d.flow == number]
        assert mine == sorted(mine)


def test_a_held_flow_is_passed_over_and_comes_back_when_woken():
    queue = SiteQueue()
    held = flow(1, TrafficClass.TRANSACTIONAL)
    stream = filled(queue, held, 5)
    held.gate = Gate.HELD
    assert picks(queue, 5) == []
    held.gate = Gate.OPEN
    queue.wake(stream)
    assert len(picks(queue, 10)) == 5


def test_a_flow_is_not_served_before_its_time():
    queue = SiteQueue()
    later = flow(1, TrafficClass.CAMPAIGN)
    later.not_before_ms = NOW_MS + 1
    stream = filled(queue, later, 1)
    assert picks(queue, 1) == []
    later.not_before_ms = NOW_MS
    queue.wake(stream)
    assert len(picks(queue, 1)) == 1


def test_recipients_that_go_along_count_against_their_flow():
    queue = SiteQueue()
    big = filled(queue, flow(1, TrafficClass.CAMPAIGN, account=1), 500)
    filled(queue, flow(2, TrafficClass.CAMPAIGN, account=1), 100, start=10_000)
    first = queue.pick(NOW_MS)
    while first[1].flow != 1:
        first = queue.pick(NOW_MS)
    for _ in range(49):
        big.window.popleft()
    queue.charge(big, 49)
    assert all(d.flow == 2 for d in picks(queue, 20))
