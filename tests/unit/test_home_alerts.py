"""What the first page warns of."""

import pytest

from console.accounts.quota.values import Share, ShareKind
from console.pages.home_alerts import bag_alerts, rate_alerts
from console.pages.texts import load_texts
from console.reports.figures import Figures
from mta.model.traffic import DeliveryState

TEXTS = load_texts()["es"]


def share(granted: int | None, available: int | None) -> Share:
    return Share(1, "Municipalidad", None, ShareKind.CONTRACT, granted, available, 0, 0, 0)


@pytest.mark.parametrize(
    ("granted", "available", "tones"),
    [(1000, 0, ["bad"]), (1000, 99, ["warn"]), (1000, 101, []), (None, None, []), (0, 0, [])],
)
def test_a_bag_that_is_empty_or_nearly_is_told(
    granted: int | None, available: int | None, tones: list[str]
):
    assert [a.tone for a in bag_alerts(TEXTS, share(granted, available))] == tones


@pytest.mark.parametrize(
    ("delivered", "bounced", "complained", "words"),
    [
        (950, 50, 0, ["Rebota"]),
        (960, 40, 0, []),
        (1000, 0, 3, ["quienes"]),
        (1000, 0, 2, []),
        (100, 90, 90, []),  # too few to say anything
    ],
)
def test_T_e_rates_that_providers_do_not_bear_are_told(
    delivered: int, bounced: int, complained: int, words: list[str]
):
    states = {DeliveryState.DELIVERED: delivered, DeliveryState.BOUNCED: bounced}
    found = rate_alerts(TEXTS, Figures(states, complained, 0))
    assert [word in alert.text for word, alert in zip(words, found, strict=True)] == [True] * len(
        words
    )
    assert {alert.href for alert in found} <= {"/deliverability"}
