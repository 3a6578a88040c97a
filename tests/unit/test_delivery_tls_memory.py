"""TlsMemory forgets in time and stays bounded."""

from mta.delivery.tls_memory import TlsMemory
from mta.model.clock import ManualClock


def test_broken_peer_is_remembered_for_three_days():
    clock = ManualClock()
    memory = TlsMemory(clock)
    memory.remember("192.0.2.1", 25, "handshake failed")
    assert memory.is_broken("192.0.2.1", 25)
    assert not memory.is_broken("192.0.2.1", 26)
    clock.advance(3 * 86_400 - 1)
    assert memory.is_broken("192.0.2.1", 25)
    clock.advance(1)
    assert memory.entries() == ()
    assert not memory.is_broken("192.0.2.1", 25)


def test_setting_the_wall_clock_changes_nothing():
    clock = ManualClock()
    memory = TlsMemory(clock)
    memory.remember("192.0.2.1", 25, "x")
    clock.jump(10 * 86_400)
    assert memory.is_broken("192.0.2.1", 25)


def test_oldest_entry_goes_first_when_it_is_full():
    memory = TlsMemory(ManualClock(), capacity=2)
    for number in (1, 2, 1, 3):
        memory.remember(f"192.0.2.{number}", 25, "x")
    assert [entry.address for entry in memory.entries()] == ["192.0.2.1", "192.0.2.3"]


def test_forgotten_peer_is_tried_again():
    memory = TlsMemory(ManualClock())
    memory.remember("192.0.2.1", 25, "x")
    memory.forget("192.0.2.1", 25)
    memory.forget("192.0.2.2", 25)
    assert not memory.is_broken("192.0.2.1", 25)
