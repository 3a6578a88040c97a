"""The listener's pure parts: deadlines, login guard, client counts."""

import ipaddress

from mta.listener.auth_guard import AuthGuard
from mta.listener.clients import ClientRegistry
from mta.listener.deadlines import MAX_SLEEP_S, DeadlineWheel


class Member:
    def __init__(self, deadline_s: float) -> None:
        self.deadline_s = deadline_s
        self.expired = 0
        self.asked = 0

    def expires_s(self) -> float:
        self.asked += 1
        return self.deadline_s

    def expire(self) -> None:
        self.expired += 1


def test_member_expires_once_its_deadline_has_passed() -> None:
    wheel, member = DeadlineWheel(100.0), Member(105.0)
    wheel.add(member, 100.0)
    wheel.check(104.0)
    assert member.expired == 0
    wheel.check(107.0)
    assert member.expired == 1
    assert len(wheel) == 0


def test_member_whose_deadline_moved_on_stays() -> None:
    wheel, member = DeadlineWheel(100.0), Member(105.0)
    wheel.add(member, 100.0)
    member.deadline_s = 112.0
    wheel.check(107.0)
    assert member.expired == 0
    wheel.check(114.0)
    assert member.expired == 1


def test_deadline_that_came_nearer_is_seen_in_time() -> None:
    wheel, member = DeadlineWheel(100.0), Member(10_000.0)
    wheel.add(member, 100.0)
    member.deadline_s = 101.0
    wheel.check(100.0 + MAX_SLEEP_S + 2)
    assert member.expired == 1


def test_many_idle_members_are_rarely_asked() -> None:
    wheel = DeadlineWheel(0.0)
    members = [Member(300.0) for _ in range(100)]
    for member in members:
        wheel.add(member, 0.0)
    for second in range(300):
        wheel.check(float(second))
    assert sum(member.asked for member in members) <= 2 * 100 * (300 / MAX_SLEEP_S + 1)
    assert not any(member.expired for member in members)


def test_dropped_member_never_expires() -> None:
    wheel, member = DeadlineWheel(0.0), Member(1.0)
    wheel.add(member, 0.0)
    wheel.discard(member)
    wheel.discard(member)
    wheel.check(1000.0)
    assert member.expired == 0


def test_clock_that_leaps_is_no_endless_loop() -> None:
    wheel, member = DeadlineWheel(0.0), Member(1.0)
    wheel.add(member, 0.0)
    wheel.check(1e12)
    assert member.expired == 1


def guard() -> AuthGuard:
    return AuthGuard(5, 600.0, 1.0, 30.0)


def test_delays_double_up_to_the_cap() -> None:
    guarded = guard()
    delays = [guarded.failed("192.0.2.1", f"name{n}", float(n)) for n in range(7)]
    assert delays == [1, 2, 4, 8, 16, 30, 30]


def test_five_failures_in_ten_minutes_block_an_address_for_a_while() -> None:
    guarded = guard()
    for second in range(5):
        assert not guarded.is_blocked("192.0.2.1", "app", float(second))
        guarded.failed("192.0.2.1", "app", float(second))
    assert guarded.is_blocked("192.0.2.1", "app", 10.0)
    assert not guarded.is_blocked("192.0.2.2", "app", 10.0)
    assert not guarded.is_blocked("192.0.2.1", "app", 605.0)


def test_one_name_from_many_addresses_is_slowed_down_and_not_blocked() -> None:
    guarded = guard()
    delays = [guarded.failed(f"192.0.2.{n}", "app", 0.0) for n in range(6)]
    assert delays[-1] > 8
    assert not guarded.is_blocked("192.0.2.5", "app", 1.0)


def test_who_logged_in_from_there_before_is_cut_off_by_failures_of_his_own_alone() -> None:
    guarded = guard()
    guarded.succeeded("192.0.2.1", "erp", 0.0)
    for second in range(9):
        guarded.failed("192.0.2.1", "thunderbird", float(second))
    assert guarded.is_blocked("192.0.2.1", "thunderbird", 9.0)
    assert guarded.is_blocked("192.0.2.1", "unknown", 9.0)
    assert not guarded.is_blocked("192.0.2.1", "erp", 9.0)
    for second in range(5):
        assert not guarded.is_blocked("192.0.2.1", "erp", 10.0 + second)
        guarded.failed("192.0.2.1", "erp", 10.0 + second)
    assert guarded.is_blocked("192.0.2.1", "erp", 15.0)


def test_a_login_of_yesterday_opens_no_door_of_today() -> None:
    guarded = guard()
    guarded.succeeded("192.0.2.1", "erp", 0.0)
    for _ in range(5):
        guarded.failed("192.0.2.1", "x", 86_400.0)
    assert not guarded.is_blocked("192.0.2.1", "erp", 86_399.0)
    assert guarded.is_blocked("192.0.2.1", "erp", 86_400.0)


def test_guard_remembers_a_bounded_number() -> None:
    guarded = guard()
    for n in range(30_000):
        guarded.failed(f"10.{n}", f"name{n}", 0.0)
        guarded.succeeded(f"10.{n}", f"name{n}", 0.0)
    assert len(guarded._failures) <= 20_000
    assert len(guarded._known) <= 20_000


def test_addresses_are_counted_each_and_all_together() -> None:
    clients = ClientRegistry(3, 2, ())
    one, two = (clients.identify((f"192.0.2.{n}", 1)) for n in (1, 2))
    assert [clients.enter(one), clients.enter(one), clients.enter(one)] == ["", "", "address_limit"]
    assert clients.enter(two) == ""
    assert clients.enter(two) == "limit"
    clients.leave(one)
    assert clients.enter(two) == ""
    assert clients.total == 3


def test_trusted_network_has_no_limit_per_address() -> None:
    clients = ClientRegistry(10, 1, (ipaddress.ip_network("10.0.0.0/8"),))
    gateway = clients.identify(("10.1.2.3", 5))
    assert gateway.is_trusted
    assert [clients.enter(gateway) for _ in range(3)] == ["", "", ""]


def test_ipv6_is_counted_by_network_and_mapped_addresses_are_ipv4() -> None:
    clients = ClientRegistry(10, 5, (ipaddress.ip_network("192.0.2.0/24"),))
    assert clients.identify(("2001:db8::1", 1, 0, 0)).network == "2001:db8::/64"
    mapped = clients.identify(("::ffff:192.0.2.9", 1, 0, 0))
    assert (mapped.address, mapped.is_trusted) == ("192.0.2.9", True)
    assert clients.identify(("fe80::1%eth0", 1, 0, 2)).address == "fe80::1"
    assert clients.identify(None).address == ""
