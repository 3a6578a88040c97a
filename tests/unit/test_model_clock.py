"""The steady clock: what the machine's clock says, but for jumps that nobody took over."""

import pytest

from mta.model.clock import ManualClock, SteadyClock

HOUR_MS = 3_600_000


@pytest.mark.parametrize("step_s", [-7200, -60, 60, 3 * 3600, 365 * 86_400])
def test_a_jump_is_not_shown_until_it_is_taken_over(step_s):
    machine = ManualClock()
    clock = SteadyClock(machine)
    before = clock.now_ms()
    machine.jump(step_s)
    machine.advance(10)
    assert clock.now_ms() == before + 10_000
    assert clock.step_ms() == step_s * 1000
    clock.take_over(clock.step_ms())
    assert clock.step_ms() == 0
    assert clock.now_ms() == machine.now_ms()


@pytest.mark.parametrize("step_s", [-59.9, -0.5, 1, 59.9])
def test_small_corrections_are_followed_at_once(step_s):
    machine = ManualClock()
    clock = SteadyClock(machine)
    machine.jump(step_s)
    assert clock.now_ms() == machine.now_ms()
    assert clock.step_ms() == 0


def test_a_clock_that_drifts_is_never_far_enough_off_to_be_a_jump():
    machine = ManualClock()
    clock = SteadyClock(machine)
    for _ in range(1_000):
        machine.advance(60)
        machine.jump(-1)  # much more than any quartz
        assert clock.now_ms() == machine.now_ms()


def test_a_second_jump_while_the_first_is_taken_over_is_left_for_later():
    machine = ManualClock()
    clock = SteadyClock(machine)
    machine.jump(3600)
    first = clock.step_ms()
    machine.jump(-7200)
    before = clock.now_ms()
    clock.take_over(first)
    assert clock.now_ms() == before + HOUR_MS
    assert clock.step_ms() == -2 * HOUR_MS
