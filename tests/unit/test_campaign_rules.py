"""When a campaign may go, when it stops by itself, and what is told before: pure functions."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from console.accounts.actor import ActorKind
from console.campaigns.figures import Pace, figured
from console.campaigns.ports import Column
from console.campaigns.preflight.checking import check_content
from console.campaigns.preflight.findings import Finding, title
from console.campaigns.preflight.forecast import forecast
from console.campaigns.preflight.texts import TEXTS
from console.campaigns.providers import ProviderProgress
from console.campaigns.states import LIVE, TRANSITIONS, CampaignStatus, Origin, Reason
from console.campaigns.stopping import Limits, Tally, stop_of
from console.campaigns.values import (
    Acceptance,
    AudienceSpec,
    Campaign,
    Content,
    Figures,
    Frozen,
    Plan,
)
from console.campaigns.windows import is_within, moment_ms, next_opening_ms
from mta.model.traffic import DeliveryState
from mta.settings.console_schema import Campaigns
from mta.shaping.rules import Shaping

LIMA, MADRID, SANTIAGO = map(ZoneInfo, ("America/Lima", "Europe/Madrid", "America/Santiago"))
LIMITS = Limits.of(Campaigns())
OFFICE = Plan(days=(0, 1, 2, 3, 4), from_minute=8 * 60, to_minute=18 * 60)


def at(zone: ZoneInfo, *when: int) -> int:
    return moment_ms(dt.datetime(*when), zone)  # noqa: DTZ001  # the wall clock's


@pytest.mark.parametrize(
    ("when", "may"),
    [
        ((2026, 11, 23, 7, 59), False),
        ((2026, 11, 23, 8, 0), True),
        ((2026, 11, 23, 17, 59), True),
        ((2026, 11, 23, 18, 0), False),
        ((2026, 11, 22, 12, 0), False),  # a Sunday
    ],
)
def test_T_m_office_hours_are_those_of_the_campaigns_zone(when, may):
    assert is_within(OFFICE, LIMA, at(LIMA, *when)) is may


def test_T_m_after_friday_evening_comes_monday_morning():
    friday = at(LIMA, 2026, 11, 20, 18, 0)
    assert next_opening_ms(OFFICE, LIMA, friday) == at(LIMA, 2026, 11, 23, 8, 0)
    monday = at(LIMA, 2026, 11, 23, 9, 30)
    assert next_opening_ms(OFFICE, LIMA, monday) == monday


def test_T_m_a_window_keeps_its_hours_over_a_change_of_the_clock():
    daily = Plan(from_minute=8 * 60, to_minute=18 * 60)
    before, after = at(MADRID, 2026, 3, 28, 20, 0), at(MADRID, 2026, 3, 29, 8, 0)
    assert next_opening_ms(daily, MADRID, before) == after
    assert after - at(MADRID, 2026, 3, 28, 8, 0) == 23 * 3_600_000  # the night had an hour less


def test_T_m_an_opening_that_the_clock_skips_is_the_moment_after_the_gap():
    night = Plan(from_minute=2 * 60 + 30, to_minute=4 * 60)
    opening = next_opening_ms(night, MADRID, at(MADRID, 2026, 3, 29, 0, 0))
    local = dt.datetime.fromtimestamp(opening / 1000, MADRID)
    assert (local.hour, local.minute) == (3, 30)
    assert is_within(night, MADRID, opening)


def test_T_m_an_hour_that_comes_twice_is_taken_the_first_time():
    first = at(SANTIAGO, 2026, 4, 4, 23, 30)
    assert dt.datetime.fromtimestamp(first / 1000, SANTIAGO).fold == 0


def test_a_window_over_midnight_belongs_to_the_day_on_which_it_begins():
    night = Plan(days=(4,), from_minute=22 * 60, to_minute=2 * 60)
    assert is_within(night, LIMA, at(LIMA, 2026, 11, 21, 1, 0))
    assert not is_within(night, LIMA, at(LIMA, 2026, 11, 20, 1, 0))


def test_every_status_can_be_reached_and_what_is_over_stays_so():
    reached = {CampaignStatus.DRAFT}.union(*TRANSITIONS.values())
    assert reached == set(CampaignStatus)
    assert {s for s in CampaignStatus if s.is_over} == {
        CampaignStatus.FINISHED, CampaignStatus.CANCELLED, CampaignStatus.FAILED
    }  # fmt: skip
    assert all(CampaignStatus.CANCELLED in TRANSITIONS[status] for status in LIVE)


def counts(delivered: int, bounced: int = 0) -> dict:
    return {DeliveryState.DELIVERED: delivered, DeliveryState.BOUNCED: bounced}


@pytest.mark.parametrize(
    ("delivered", "hard", "complaints", "reason"),
    [
        (470, 29, 0, None),  # too few to judge
        (474, 26, 0, Reason.BOUNCES),
        (475, 25, 0, None),  # exactly 5 %
        (1_000, 0, 3, None),
        (1_000, 0, 4, Reason.COMPLAINTS),
        (10, 0, 2, None),
    ],
)
def test_T_e_dead_addresses_and_complaints_stop_a_campaign(delivered, hard, complaints, reason):
    tallies = {Tally.HARD: hard, Tally.COMPLAINT: complaints}
    stop = stop_of(counts(delivered, hard), tallies, {}, (), (), LIMITS)
    assert (stop.reason if stop else None) == reason
    assert (
        reason is None
        or stop_of(counts(delivered, hard), tallies, {}, (), (reason,), LIMITS) is None
    )


def test_T_e_one_provider_that_refuses_by_policy_stops_a_campaign():
    google = ProviderProgress("google", delivered=79, failed=21)
    stop = stop_of(counts(900, 21), {Tally.POLICY: 21}, {"google": 21}, (google,), (), LIMITS)
    assert stop.reason is Reason.POLICY
    assert "google" in stop.note
    assert (
        stop_of(counts(900, 20), {Tally.POLICY: 20}, {"google": 20}, (google,), (), LIMITS) is None
    )


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (Limits(bounces=2.5), Reason.BOUNCES),
        (Limits(bounces=2.5, bounces_after=2_001), None),
        (Limits(complaints=0.1), Reason.COMPLAINTS),
        (Limits(complaints=0.1, complaints_after=4), None),
        (Limits(policy=5, policy_after=50), Reason.POLICY),
        (Limits(bounces=0, complaints=0, policy=0), None),
        (Limits(), None),
    ],
)
def test_T_e_how_much_is_too_much_is_a_setting(limits, reason):
    google = ProviderProgress("google", delivered=90, failed=10)
    tallies = {Tally.HARD: 60, Tally.COMPLAINT: 3, Tally.POLICY: 6}
    stop = stop_of(counts(1_940, 60), tallies, {"google": 6}, (google,), (), limits)
    assert (stop.reason if stop else None) == reason


def codes(html: str = "<p>Hola</p>", *, text: str = "Hola", columns=(), **content) -> set[str]:
    made = Content(from_address="a@sender.test", **{"subject": "Aviso", **content})
    return {finding.code for finding in check_content(made, html, text, columns)}


@pytest.mark.parametrize(
    ("html", "code"),
    [
        ('<a href="http://x.example/">x</a>', "links.http"),
        ('<a href="https://bit.ly/x">x</a>', "links.shortener"),
        ('<a href="https://203.0.113.7/">x</a>', "links.address"),
        ('<a href="https://evil.example/">www.banco.pe</a>', "links.mismatch"),
        ('<a href="javascript:alert(1)">x</a>', "links.script"),
        ('<img src="x.png">', "images.alt"),
        (f"<p>{'x' * 105_000}</p>", "size.clipped"),
        ("<p>gratis gratis, haga clic aquí</p>", "spam.words"),
    ],
)
def test_what_filters_and_people_distrust_is_found(html, code):
    assert code in codes(html)


def test_a_plain_notice_has_nothing_to_find():
    assert codes('<p>Hola</p><a href="https://www.gob.pe/a">www.gob.pe</a>') == set()


def test_T_l_fields_that_nobody_has_or_that_are_empty_for_some_stop_it():
    columns = [Column("nombre", filled=10), Column("cargo", filled=7)]
    found = codes("{{ nombre }} {{ cargo }} {{ nadie }}", columns=columns)
    assert found == {"fields.empty", "fields.unknown"}
    assert TEXTS["fields.empty"][0] == TEXTS["fields.unknown"][0] == TEXTS["fields.like"][0] == "E"
    assert codes('{{ cargo | default: "x" }}', columns=columns) == {"fields.default"}
    assert codes('{{ nadie | default: "x" }}', columns=columns) == {"fields.nobody"}
    assert codes("{{ nombres }}", columns=columns) == {"fields.like"}


def test_T_l_a_condition_hides_no_field_from_the_check_and_saves_an_empty_one():
    columns = [Column("nombre", filled=10), Column("cargo", filled=7)]
    assert codes("{% if cargo %}{{ cargo }}{% endif %}", columns=columns) == set()
    assert codes("{% if nombre %}{{ nadie }}{% endif %}", columns=columns) == {"fields.unknown"}
    assert codes("{% if nadie %}x{% endif %}", columns=columns) == {"fields.unknown"}
    either = "{% if cargo or nombre %}{{ cargo }}{% endif %}"
    assert codes(either, columns=columns) == {"fields.empty"}
    both = '{% if cargo == "jefe" and nombre %}{{ cargo }}{% else %}x{% endif %}'
    assert codes(both, columns=columns) == set()
    other = "{% if not cargo %}{{ cargo }}{% endif %}"
    assert codes(other, columns=columns) == {"fields.empty"}


def test_T_l_names_with_accents_and_spaces_mean_the_column_and_ours_need_none():
    columns = [Column("fecha_de_envio", filled=10)]
    assert (
        codes("{{ Fecha de envío }} {{ fecha de envio }} {{ campaña }}", columns=columns) == set()
    )


def test_commercial_mail_says_so_and_from_whom():
    found = codes(is_commercial=True)
    assert found == {"commercial.subject", "commercial.sender", "commercial.address"}
    html = "<p>Av. Arequipa 123, Lima</p>"
    good = codes(html, is_commercial=True, subject="PUBLICIDAD: ofertas", from_name="Tienda")
    assert good == set()


def test_every_finding_speaks_both_languages_with_the_same_values():
    values = dict.fromkeys(
        (
            "problem", "accepted", "left_out", "others", "needed", "left", "domain", "field", "empty",
            "total", "size", "meant", "default", "count", "link", "shown", "start", "words", "minutes", "slowest", "days",
            "filter", "score", "limit", "rules",
        ),
        "7",
    )  # fmt: skip
    for code in TEXTS:
        finding = Finding(code, values)
        assert finding.severity
        assert "{7" not in finding.text("es") + finding.text("en")


def test_a_finding_tells_numbers_as_its_language_does_and_has_a_title_without_them():
    counts = Finding("audience.counts", {"accepted": 298_114, "left_out": 1_234})
    assert "298\u202f114" in counts.text("es")
    assert "1234" in counts.text("es")
    assert "298,114" in counts.text("en")
    assert title("sender.dkim", "es", {}) == "DKIM de … no está verificado"
    assert title("sender.dkim", "es", {"domain": "a.pe"}) == "DKIM de a.pe no está verificado"
    assert title("gone.since", "es", {}) == "gone.since"
    for code in TEXTS:
        assert "{" not in title(code, "es", {}) + title(code, "en", {}), code


def test_only_a_provider_that_people_know_is_named_as_the_slowest():
    shaping = Shaping.load()
    policies = {name: shaping.policy(name) for name in ("google", "other")}
    assert forecast({"google": 100_000}, policies).is_named
    assert not forecast({"other": 100_000}, policies).is_named


def test_T_d_the_forecast_is_that_of_the_slowest_provider():
    shaping = Shaping.load()
    policies = {name: shaping.policy(name) for name in ("google", "other")}
    both = forecast({"google": 100_000, "other": 100}, policies)
    assert both.slowest == "google"
    assert both.seconds >= forecast({"google": 50_000, "other": 100}, policies).seconds
    paced = forecast({"other": 1_000}, policies, rate_per_hour=100)
    assert paced.seconds == 36_000


def test_the_pace_is_that_of_the_last_minute():
    pace = Pace()
    for second in range(0, 200, 10):
        pace.note(1, float(second), second * 5)
    assert pace.per_minute(1) == pytest.approx(300)
    assert pace.per_minute(2) == 0


def test_T_d_times_are_those_of_people_who_can_get_it(campaign):
    half = figured(campaign, counts(40, 20), held_ms=0, now_ms=60_000)
    assert (half.t50_ms, half.t90_ms) == (59_999, 0)  # 40 of 80
    held = figured(campaign, counts(75, 20), held_ms=30_000, now_ms=100_000)
    assert held.t90_ms == 69_999  # pauses are left out


@pytest.fixture
def campaign():
    plain = Plan()
    started = Figures(started_ms=1)
    return Campaign(
        1, 1, "x", CampaignStatus.RUNNING, Reason.NONE, "", 1, Content(), AudienceSpec(), plain, 0,
        0, Origin.NONE, Frozen(total=100), started, False, ActorKind.USER, 1, "ana", 0, 0,
        Acceptance(),
    )  # fmt: skip
