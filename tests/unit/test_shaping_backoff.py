"""When a lane slows down, rests and recovers."""

import pytest

from mta.model.outcome import Outcome, OutcomeKind, Phase
from mta.model.reply import Reply
from mta.shaping.backoff import Backoff
from mta.shaping.throttle import ShapingChange, Stage, Throttle
from mta.shaping.trouble import slow_down
from tests.unit.test_shaping_limiter import NOW_MS, policy

BUSY = Outcome(
    OutcomeKind.DEFERRED, Reply.of(421, "4.7.0", "Try again later, too many messages"), Phase.MAIL
)


class Lane:
    """A back-off and its time."""

    def __init__(self, **limits: object) -> None:
        self.backoff = Backoff(policy(**limits))
        self.now_s = 1000.0
        self.changes: list[ShapingChange] = []

    @property
    def now_ms(self) -> int:
        return NOW_MS + round(self.now_s * 1000)

    def trouble(self, times: int = 1, every_s: float = 1.0) -> None:
        for _ in range(times):
            self._note(self.backoff.observe(BUSY, self.now_s, self.now_ms))
            self.now_s += every_s

    def delivered(self, times: int = 1) -> None:
        for _ in range(times):
            self._note(self.backoff.on_delivered())

    def wait(self, seconds: float) -> None:
        self.now_s += seconds
        self._note(self.backoff.tick(self.now_s, self.now_ms))

    def rest(self) -> None:
        """Trouble until the lane rests."""
        while self.backoff.stage is not Stage.RESTING:
            self.trouble()

    def _note(self, change: ShapingChange | None) -> None:
        if change is not None:
            self.changes.append(change)

    @property
    def stages(self) -> list[str]:
        return [change.stage.value for change in self.changes]


def deferred(code: int, enhanced: str, text: str, phase: Phase) -> Outcome:
    return Outcome(OutcomeKind.DEFERRED, Reply.of(code, enhanced, text), phase)


@pytest.mark.parametrize(
    ("code", "enhanced", "text", "phase"),
    [
        (421, "4.7.0", "Our system has detected an unusual rate of mail", Phase.DOT),
        (421, "4.7.28", "Gmail has detected an unusual rate of unsolicited mail", Phase.DOT),
        (421, "4.7.0", "[TSS04] Messages temporarily deferred", Phase.MAIL),
        (451, "4.7.650", "The mail server has been temporarily rate limited", Phase.RCPT),
        (451, "4.7.500", "Server busy. Please try again later from [192.0.2.1]", Phase.RCPT),
        (421, "4.3.2", "Service shutting down", Phase.GREETING),
        (421, "", "Too many concurrent SMTP connections", Phase.GREETING),
        (451, "4.3.0", "Error: queue file write error", Phase.DOT),
        (450, "", "Trop de connexions, veuillez verifier votre configuration", Phase.RCPT),
        (452, "4.3.1", "Insufficient system storage", Phase.MAIL),
    ],
)
def test_replies_about_the_site_ask_to_slow_down(code: int, enhanced: str, text: str, phase: Phase):
    assert slow_down(deferred(code, enhanced, text, phase)) is not None


@pytest.mark.parametrize(
    ("code", "enhanced", "text", "phase"),
    [
        (452, "4.2.2", "The recipient's inbox is out of storage space", Phase.RCPT),
        (450, "4.2.1", "The user is receiving mail at a rate that prevents delivery", Phase.RCPT),
        (450, "4.2.0", "Recipient address rejected: Greylisted", Phase.RCPT),
        (451, "4.7.1", "Greylisting in action, please come back later", Phase.RCPT),
        (451, "4.7.1", "Please try again later", Phase.RCPT),
        (450, "4.7.1", "Grey-listed, see http://postgrey.example", Phase.DOT),
        (451, "", "Temporary local problem", Phase.RCPT),
        (452, "4.5.3", "Too many recipients", Phase.RCPT),
        (451, "4.1.8", "Domain of sender address does not resolve", Phase.MAIL),
        (421, "4.4.2", "Timeout, closing connection", Phase.MAIL),
        (451, "4.4.1", "Connection refused", Phase.CONNECT),
        (451, "4.4.3", "DNS lookup failed", Phase.DNS),
        (454, "4.7.0", "TLS not available", Phase.TLS),
        (550, "5.7.1", "Too many messages", Phase.DOT),
    ],
)
def test_replies_about_one_message_or_the_line_do_not(
    code: int, enhanced: str, text: str, phase: Phase
):
    assert slow_down(deferred(code, enhanced, text, phase)) is None


@pytest.mark.parametrize("kind", [OutcomeKind.RETURNED, OutcomeKind.UNCERTAIN, OutcomeKind.BOUNCED])
def test_only_deferrals_count(kind: OutcomeKind):
    assert slow_down(Outcome(kind, BUSY.reply, Phase.MAIL)) is None


def test_two_refusals_change_nothing():
    lane = Lane()
    lane.trouble(2)
    assert lane.changes == []


def test_three_refusals_in_a_row_halve_connections_and_rates():
    lane = Lane()
    lane.trouble(3)
    assert lane.changes == [
        ShapingChange(
            Stage.REDUCED, "asked to slow down", BUSY.reply, Throttle(4), Throttle(2, 0.5), 0
        )
    ]


def test_refusals_spread_over_more_than_a_minute_change_nothing():
    lane = Lane()
    lane.trouble(10, every_s=31.0)
    assert lane.changes == []


def test_a_delivery_between_refusals_keeps_a_lane_that_is_mostly_accepted():
    lane = Lane(connections_max=4)
    for _ in range(5):
        lane.delivered(40)
        lane.trouble()
    assert lane.changes == []


def test_many_refusals_among_deliveries_halve_but_never_rest():
    lane = Lane()
    for _ in range(60):
        lane.delivered(3)
        lane.trouble(2, every_s=5.0)
    assert set(lane.stages) == {"reduced"}
    assert lane.backoff.throttle == Throttle(1, 0.0625)


def test_there_is_no_second_cut_within_a_minute():
    lane = Lane()
    lane.trouble(3)
    lane.trouble(50, every_s=1.0)
    assert lane.stages == ["reduced"]


def test_a_lane_rests_when_nothing_gets_through_after_a_cut():
    lane = Lane()
    lane.trouble(65)
    assert lane.stages == ["reduced", "resting"]
    change = lane.changes[-1]
    assert change.new == Throttle(1, 0.5, 1.0)
    assert change.cause == BUSY.reply
    cut_ms = lane.changes[-1].until_ms - 3_600_000
    assert NOW_MS + 1_000_000 < cut_ms <= lane.now_ms


def test_a_lane_that_delivered_since_the_cut_is_cut_again_first():
    lane = Lane()
    lane.trouble(3)
    lane.delivered(1)
    lane.wait(61)
    lane.trouble(3)
    assert lane.stages == ["reduced", "reduced"]


def test_a_rest_doubles_while_the_site_refuses_up_to_twelve_hours():
    lane = Lane()
    lane.rest()
    lengths = []
    for _ in range(6):
        lengths.append(lane.backoff.until_s - lane.now_s)
        lane.wait(lane.backoff.until_s - lane.now_s - 30)
        lane.trouble()
        lane.wait(60)
    hours = [round(length / 3600) for length in lengths]
    assert hours == [1, 2, 4, 8, 12, 12]


def test_after_a_quiet_rest_the_lane_recovers_from_one_connection():
    lane = Lane()
    lane.rest()
    lane.wait(3600)
    assert lane.changes[-1].stage is Stage.RECOVERING
    assert lane.backoff.throttle == Throttle(1, 0.125)


def test_recovery_adds_a_connection_per_clean_cohort_up_to_the_maximum():
    lane = Lane()
    lane.rest()
    lane.wait(3600)
    lane.changes.clear()
    lane.delivered(9)
    assert lane.changes == []
    lane.delivered(1)
    assert lane.backoff.throttle == Throttle(2, 0.25)
    lane.delivered(2000)
    assert lane.backoff.throttle == Throttle(10)
    assert lane.backoff.stage is Stage.NORMAL


def test_trouble_restarts_the_cohort():
    lane = Lane()
    lane.delivered(39)
    lane.trouble()
    lane.delivered(39)
    assert lane.changes == []
    lane.delivered(1)
    assert lane.backoff.throttle == Throttle(5)


def test_a_new_lane_grows_from_start_to_maximum():
    lane = Lane(connections_start=4, connections_max=6)
    lane.delivered(40 + 50 + 1000)
    assert [change.new.connections for change in lane.changes] == [5, 6]


def test_trouble_is_forgotten_after_a_quiet_day():
    lane = Lane()
    lane.trouble(3)
    lane.wait(86_400)
    assert lane.changes[-1].reason == "no trouble for a day"
    assert lane.backoff.throttle == Throttle(4)


def test_an_operator_can_undo():
    lane = Lane()
    lane.rest()
    change = lane.backoff.undo()
    assert change is not None
    assert change.new == Throttle(4)
    assert lane.backoff.undo() is None
    lane.trouble(2)
    assert lane.backoff.stage is Stage.NORMAL


def test_a_record_has_plain_values():
    lane = Lane()
    lane.rest()
    assert lane.changes[-1].record() == {
        "stage": "resting",
        "reason": "nothing gets through",
        "cause": "421 4.7.0 Try again later, too many messages",
        "old_connections": 2,
        "new_connections": 1,
        "old_rate_factor": 0.5,
        "new_rate_factor": 0.5,
        "messages_per_minute": 1.0,
        "until_ms": lane.changes[-1].until_ms,
    }


def test_a_rest_survives_a_restart():
    lane = Lane()
    lane.rest()
    left_s = lane.backoff.until_s - lane.now_s
    saved = lane.backoff.snapshot(lane.now_s, lane.now_ms)
    after = Backoff(policy())
    after.restore(saved, 10.0, lane.now_ms + 600_000)
    assert after.stage is Stage.RESTING
    assert after.throttle == lane.backoff.throttle
    assert after.until_s == pytest.approx(10.0 + left_s - 600, abs=1.0)
    change = after.tick(10.0 + left_s, lane.now_ms + 3_600_000)
    assert change is not None
    assert change.stage is Stage.RECOVERING


def test_a_lane_that_is_not_slowed_has_nothing_to_save():
    backoff = Backoff(policy())
    assert backoff.snapshot(1.0, NOW_MS) == {}
    backoff.restore({}, 1.0, NOW_MS)
    assert backoff.stage is Stage.NORMAL


def test_a_reload_takes_over_new_limits():
    lane = Lane()
    change = lane.backoff.change(policy(connections_start=1, connections_max=2))
    assert change is not None
    assert change.new == Throttle(2)
    lane.delivered(1000)
    assert lane.backoff.throttle == Throttle(2)
