"""Forms of the register of incidents, read from what a browser sent, in the person's time zone."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from console.accounts.incidents.entries import Judgement, Kind, Registered, Severity, Whom
from console.accounts.incidents.register import RegisterFilter
from console.pages.forms import day_in, number_of, text_of
from mta.model.errors import PermanentError

_MOMENT = "%Y-%m-%dT%H:%M"
MAX_TEXT = 10_000


def read_filter(query: Mapping[str, str], zone: ZoneInfo) -> RegisterFilter:
    """Which incidents are asked for; what is no choice is left out."""
    since = day_in(query.get("since", ""), zone)
    until = day_in(query.get("until", ""), zone)
    kind, severity = query.get("kind", ""), query.get("severity", "")
    wanted = RegisterFilter(
        kind if kind in tuple(Kind) else "",
        severity if severity in tuple(Severity) else "",
        query.get("closed", "") if query.get("closed", "") in ("open", "closed") else "",
        round(since.timestamp() * 1000) if since else 0,
    )
    if until is None:
        return wanted
    end = until + timedelta(days=1)
    return RegisterFilter(
        wanted.kind, wanted.severity, wanted.closed, wanted.since_ms, round(end.timestamp() * 1000)
    )


def judgement_values(one: Registered, zone: ZoneInfo) -> dict[str, Any]:
    """What the form shows at first."""
    j = one.judgement
    return {
        "kind": j.kind.value,
        "severity": j.severity.value,
        "began": moment_field(j.began_ms, zone),
        "known": moment_field(j.known_ms, zone),
        "needs_notice": j.needs_notice,
        "happened": j.happened,
        "data": j.data,
        "people": "" if j.people is None else str(j.people),
        "measures": j.measures,
    }


def read_judgement(form: Mapping[str, object], zone: ZoneInfo, before: Judgement) -> Judgement:
    """What was filled in; a moment left as it was shown keeps its seconds. Raises `PermanentError`."""
    people = text_of(form, "people", 20)
    count = number_of(people) if people else None
    if people and count is None:
        raise PermanentError("how many people are affected is no such number")
    try:
        kind, severity = Kind(text_of(form, "kind")), Severity(text_of(form, "severity"))
    except ValueError:
        raise PermanentError("there is no such kind or severity") from None
    return Judgement(
        kind, severity,
        _moment(form, "began", zone, before.began_ms, is_needed=False),
        _moment(form, "known", zone, before.known_ms),
        bool(text_of(form, "needs_notice")),
        text_of(form, "happened", MAX_TEXT), text_of(form, "data", MAX_TEXT), count,
        text_of(form, "measures", MAX_TEXT),
    )  # fmt: skip


def read_notice(
    form: Mapping[str, object], zone: ZoneInfo, now_ms: int
) -> tuple[Whom, str, str, int, str]:
    """Who was told: whom, name, way, when, what. Raises `PermanentError`."""
    try:
        whom = Whom(text_of(form, "whom"))
    except ValueError:
        raise PermanentError("there is no such addressee") from None
    told_ms = _moment(form, "told", zone, now_ms)
    return (
        whom,
        text_of(form, "name"),
        text_of(form, "way"),
        told_ms,
        text_of(form, "text", MAX_TEXT),
    )


def moment_field(at_ms: int, zone: ZoneInfo) -> str:
    """As `<input type="datetime-local">` wants it; empty for 0."""
    return f"{datetime.fromtimestamp(at_ms / 1000, zone):{_MOMENT}}" if at_ms else ""


def _moment(
    form: Mapping[str, object], name: str, zone: ZoneInfo, before_ms: int, *, is_needed: bool = True
) -> int:
    text = text_of(form, name)[:16]
    if not text and not is_needed:
        return 0
    if before_ms and text == moment_field(before_ms, zone):
        return before_ms
    try:
        at = datetime.strptime(text, _MOMENT).replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        raise PermanentError("a moment is missing or is none") from None
    return max(0, round(at.timestamp() * 1000))
