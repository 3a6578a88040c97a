"""Ages of the queue from a few weighted points."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mta.engine.gauges import NEWEST_WEIGHT, RANKS, quantile


def test_the_points_speak_for_the_whole_flow():
    assert sum(weight for _, weight in RANKS) + NEWEST_WEIGHT == pytest.approx(1.0)


def test_without_mail_every_age_is_zero():
    assert quantile([], 0.99) == 0.0


def test_a_small_old_flow_shows_in_the_highest_percentile_only():
    young, old = (1.0, 98.5), (3_600.0, 1.5)
    assert quantile([young, old], 0.50) == 1.0
    assert quantile([young, old], 0.95) == 1.0
    assert quantile([young, old], 0.99) == 3_600.0


@given(
    st.lists(st.tuples(st.floats(0, 1e6), st.floats(0.01, 1e6)), min_size=1),
    st.floats(0.01, 1.0),
)
def test_a_quantile_is_one_of_the_values_and_splits_the_weight(weighted, share):
    value = quantile(weighted, share)
    total = sum(weight for _, weight in weighted)
    assert value in {v for v, _ in weighted}
    assert sum(w for v, w in weighted if v < value) <= share * total * (1 + 1e-6) + 1e-6
