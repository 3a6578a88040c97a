"""Targets and timeouts as values."""

import pytest

from mta.delivery.target import Credentials, Target, Timeouts
from mta.smtp.client_states import Step


def test_target_is_named_as_outcomes_name_it():
    target = Target("mx1.example.org", "192.0.2.1")
    assert target.host == "mx1.example.org[192.0.2.1]"
    assert target.peer == "mx1.example.org[192.0.2.1]:25"


def test_password_of_a_target_is_never_printed():
    target = Target("mx.test", "192.0.2.1", credentials=Credentials("user", "geheim"))
    assert "geheim" not in repr(target)


def test_default_waits_keep_rfc_5321s_minima():
    timeouts = Timeouts()
    minima = {
        Step.GREETING: 300,
        Step.MAIL: 300,
        Step.RCPT: 300,
        Step.DATA: 120,
        Step.DOT: 600,
    }
    for step, seconds in minima.items():
        assert timeouts.of_step(step) >= seconds
    assert timeouts.block >= 180


def test_every_step_has_a_wait_and_none_is_shorter_than_the_shortest():
    timeouts = Timeouts()
    assert all(timeouts.of_step(step) >= timeouts.shortest for step in Step)


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_wait_that_is_not_positive_is_refused(seconds: float):
    with pytest.raises(ValueError, match="timeout dot"):
        Timeouts(dot=seconds)
