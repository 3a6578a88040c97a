"""Memory of addresses that do not answer."""

from mta.shaping.deadhosts import DeadHosts


def test_a_refused_address_rests_two_minutes_and_a_silent_one_fifteen():
    hosts = DeadHosts()
    assert hosts.refused("a", 1000.0) == 1120.0
    assert hosts.timed_out("b", 1000.0) == 1900.0
    assert hosts.is_dead("a", 1119.9)
    assert not hosts.is_dead("a", 1120.0)
    assert not hosts.is_dead("c", 1000.0)


def test_each_further_failure_doubles_the_rest_up_to_an_hour():
    hosts, now_s, rests = DeadHosts(), 1000.0, []
    for _ in range(7):
        until_s = hosts.refused("a", now_s)
        rests.append((until_s - now_s) / 60)
        now_s = until_s
    assert rests == [2, 4, 8, 16, 32, 60, 60]


def test_failures_of_connections_that_began_before_the_rest_tell_nothing_new():
    hosts = DeadHosts()
    until_s = hosts.refused("a", 1000.0)
    assert hosts.timed_out("a", 1001.0) == until_s


def test_an_answer_clears_the_memory():
    hosts = DeadHosts()
    hosts.refused("a", 1000.0)
    hosts.answered("a")
    assert not hosts.is_dead("a", 1001.0)
    assert hosts.refused("a", 1001.0) == 1121.0


def test_an_address_without_news_for_an_hour_starts_afresh():
    hosts = DeadHosts()
    hosts.refused("a", 1000.0)
    hosts.refused("a", 1120.0)
    assert hosts.refused("a", 10_000.0) == 10_120.0


def test_the_wait_is_until_the_first_address_may_be_tried():
    hosts = DeadHosts()
    hosts.refused("a", 1000.0)
    hosts.timed_out("b", 1000.0)
    assert hosts.wait_s(["a", "b"], 1000.0) == 120.0
    assert hosts.wait_s(["a", "b", "c"], 1000.0) == 0.0
    assert hosts.wait_s([], 1000.0) == 0.0


def test_the_memory_is_bounded():
    hosts = DeadHosts(max_hosts=10)
    for i in range(100):
        hosts.refused(f"192.0.2.{i}", 1000.0 + i)
    assert len(hosts) == 10
    assert hosts.is_dead("192.0.2.99", 1100.0)
