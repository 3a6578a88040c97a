"""When a condition is told: after it has lasted, again each day, and when it is over."""

from dataclasses import replace

from mta.engine.alerts.book import AGAIN_S, CALM_S, AlertBook, AlertState, Condition

DISK = Condition("disk", hold_s=60.0)
KNOWN = {"disk": DISK, "queue": Condition("queue", hold_s=0.0, breaks_mail=True)}


def states(book: AlertBook, problems: dict[str, str], now_s: float) -> list[tuple[str, AlertState]]:
    return [(a.name, a.state) for a in book.look(KNOWN, problems, now_s, int(now_s * 1000))]


def test_a_condition_is_told_once_when_it_has_lasted():
    book = AlertBook()
    assert states(book, {"disk": "low"}, 0.0) == []
    assert states(book, {"disk": "low"}, 59.0) == []
    assert states(book, {"disk": "low"}, 60.0) == [("disk", AlertState.RAISED)]
    assert states(book, {"disk": "low"}, 61.0) == []


def test_what_comes_and_goes_is_not_told():
    book = AlertBook()
    for second in range(0, 600, 40):
        assert states(book, {"disk": "low"} if second % 80 else {}, float(second)) == []


def test_it_is_told_again_each_day_and_since_when():
    book = AlertBook()
    states(book, {"disk": "low"}, 0.0)
    states(book, {"disk": "low"}, 60.0)
    (again,) = book.look(KNOWN, {"disk": "lower"}, 60.0 + AGAIN_S, 90_000_000)
    assert (again.state, again.text, again.since_ms) == (AlertState.STILL, "lower", 0)


def test_it_is_over_only_after_a_calm_while():
    book = AlertBook()
    states(book, {"queue": "waits"}, 0.0)
    assert states(book, {}, CALM_S - 1) == []
    assert states(book, {"queue": "waits"}, CALM_S - 0.5) == []  # still the same case
    assert states(book, {}, 2 * CALM_S) == [("queue", AlertState.OVER)]
    assert states(book, {}, 3 * CALM_S) == []


def test_two_conditions_do_not_hide_each_other():
    book = AlertBook()
    both = {"disk": "low", "queue": "waits"}
    assert states(book, both, 0.0) == [("queue", AlertState.RAISED)]
    assert states(book, both, 60.0) == [("disk", AlertState.RAISED)]


def test_an_alert_says_whether_its_condition_may_keep_mail_from_leaving():
    book = AlertBook()
    (alert,) = book.look(KNOWN, {"queue": "waits"}, 0.0, 0)
    assert alert.breaks_mail
    (calm,) = AlertBook().look({"disk": replace(DISK, hold_s=0.0)}, {"disk": "low"}, 0.0, 0)
    assert not calm.breaks_mail
