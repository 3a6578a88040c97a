"""What goes over which connection."""

from types import SimpleNamespace

from mta.delivery.board import Board
from mta.delivery.link import Link
from mta.delivery.picker import MAX_PARKED, Picker
from mta.delivery.sites import Site
from mta.model.traffic import TrafficClass
from mta.spool.flows import Flow, FlowDirectory
from mta.spool.rows import QueuedDelivery, QueuedMessage
from mta.store.work import ContentRef

NOW_MS = 1_800_000_000_000
KLASS = TrafficClass.TRANSACTIONAL


class Sites:
    def get(self, site_id):
        return Site(site_id, "mx.test", "other")


class Routes:
    """Two domains of one site on different hosts."""

    def known(self, domain):
        hosts = {"a.test": {"mx1"}, "b.test": {"mx2"}, "c.test": {"mx1", "mx2"}}.get(domain)
        return SimpleNamespace(hosts=frozenset(hosts), port=25, site="mx.test") if hosts else None

    def is_fresh(self, route):
        return True


def stand(*names):
    board = Board(Sites(), FlowDirectory())
    asked = []
    pickers = [Picker(board, board.site(1), Routes(), asked.append) for _ in names]
    if len(pickers) > 1:
        by_source = dict(zip(names, pickers, strict=True))
        for picker in pickers:
            picker.by_source = by_source
    return board, pickers, asked


def put(board, number, domain, *, klass=KLASS, **values):
    flow = board.flows.get(klass) or board.flows.add(Flow(klass, 1, "f", "application", klass))
    message = QueuedMessage(number, 1, "s@x.test", ContentRef(0, 0, 0, 0), 0, "", "", "")
    delivery = QueuedDelivery(
        number, message, 0, klass, klass, 1, 1, domain, f"u@{domain}", **values
    )
    board.offer(delivery, flow, NOW_MS)
    return delivery


def link(host):
    return Link(None, host, 25, "")


def take(picker, host):
    picked = picker.next_for(link(host), NOW_MS, bulk=True)
    return picked[1].domain if picked else None


def test_mail_goes_only_over_a_connection_to_a_host_of_its_domain():
    board, (picker,), _ = stand("")
    for number, domain in enumerate(("a.test", "b.test", "c.test", "b.test")):
        put(board, number + 10, domain)
    assert take(picker, "mx2") == "b.test"
    assert take(picker, "mx2") == "c.test"
    assert take(picker, "mx2") == "b.test"
    assert take(picker, "mx2") is None
    assert picker.parked == 1
    assert take(picker, "mx1") == "a.test"


def test_a_domain_without_a_route_is_asked_for_and_waits():
    board, (picker,), asked = stand("")
    put(board, 10, "new.test")
    assert take(picker, "mx1") is None
    assert asked == ["new.test"]
    assert picker.waiting == 1


def test_a_first_retry_keeps_the_address_it_was_tried_from():
    board, (one, two), _ = stand("192.0.2.1", "192.0.2.2")
    put(board, 10, "a.test", attempts=1, source="192.0.2.2")
    put(board, 11, "a.test", attempts=2, source="192.0.2.2")
    woken = []
    two.woken = lambda: woken.append(True)
    first = one.next_for(link("mx1"), NOW_MS, bulk=True)
    assert first[1].id == 11
    assert woken == [True]
    assert two.next_for(link("mx1"), NOW_MS, bulk=True)[1].id == 10


def test_parked_campaign_mail_lets_better_mail_go_first_and_does_not_starve():
    board, (picker,), _ = stand("")
    for number in range(10, 13):
        put(board, number, "b.test", klass=TrafficClass.CAMPAIGN)
    assert take(picker, "mx1") is None
    assert picker.parked == 3
    for number in range(20, 30):
        put(board, number, "b.test")
    classes = [picker.next_for(link("mx2"), NOW_MS, bulk=True)[0].klass for _ in range(13)]
    assert classes[:10] == [1, 1, 1, 1, 3, 1, 1, 1, 1, 3]
    assert sorted(classes) == [1] * 10 + [3] * 3


def test_better_mail_is_found_behind_as_much_parked_campaign_mail_as_there_may_be():
    board, (picker,), _ = stand("")
    for number in range(1000, 1000 + 2 * MAX_PARKED):
        put(board, number, "b.test", klass=TrafficClass.CAMPAIGN)
    assert take(picker, "mx1") is None
    assert picker.parked == MAX_PARKED
    put(board, 20, "c.test")
    assert picker.next_for(link("mx1"), NOW_MS, bulk=False)[1].id == 20
    put(board, 21, "a.test")
    assert take(picker, "mx2") == "b.test"
    assert picker.route_to_open().hosts == {"mx1"}, "a connection for the better mail comes first"


def test_what_is_given_back_keeps_its_order():
    board, (picker,), _ = stand("")
    for number in range(10, 14):
        put(board, number, "a.test")
    assert take(picker, "mx2") is None
    picker.give_back()
    order = [picker.next_for(link("mx1"), NOW_MS, bulk=True)[1].id for _ in range(4)]
    assert order == [10, 11, 12, 13]
    assert picker.waiting == 0
