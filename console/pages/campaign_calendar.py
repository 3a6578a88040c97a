"""`/campaigns/calendar`: a month of an account's campaigns, in the time zone of who looks."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

from aiohttp import web

from console.campaigns.service import CampaignService
from console.campaigns.values import Dated
from console.pages.account_switch import current_account
from console.pages.campaign_words import TONES
from console.pages.rendering import Renderer
from console.pages.sessions import session_of
from console.pages.texts import Texts
from mta.model.clock import Clock

MOST = 1000  # campaigns of a month that are shown
OPEN = 4  # of a day that are not folded
_YEARS = range(1971, 2200)  # far from where numbers of seconds or of years end
_MONTH = re.compile(r"([0-9]{4})-([0-9]{2})")


@dataclass(frozen=True, slots=True)
class Month:
    """A month of the calendar."""

    year: int
    number: int  # 1 is January

    @classmethod
    def of(cls, text: str) -> "Month | None":
        """From `2026-11`; None for what is no month, or none of our times."""
        match = _MONTH.fullmatch(text)
        if match is None:
            return None
        year, number = int(match[1]), int(match[2])
        return cls(year, number) if year in _YEARS and 1 <= number <= 12 else None

    def __str__(self) -> str:
        return f"{self.year:04}-{self.number:02}"

    @property
    def first(self) -> date:
        """Its first day."""
        return date(self.year, self.number, 1)

    def moved(self, months: int) -> "Month":
        """So many months later; earlier if negative."""
        year, index = divmod(self.year * 12 + self.number - 1 + months, 12)
        return Month(year, index + 1)

    def start_ms(self, zone: tzinfo) -> int:
        """When it begins there; where the clock skips midnight, the moment after the gap."""
        at = datetime(self.year, self.number, 1, tzinfo=zone)
        return round(at.timestamp() * 1000)


@dataclass(frozen=True, slots=True)
class Entry:
    """A campaign on its day."""

    campaign: Dated
    hour: str  # 23:30


@dataclass(frozen=True, slots=True)
class Day:
    """A cell."""

    date: date
    is_today: bool
    entries: Sequence[Entry]

    @property
    def shown(self) -> Sequence[Entry]:
        """Those that are always seen."""
        return self.entries[:OPEN]

    @property
    def folded(self) -> Sequence[Entry]:
        """Those behind 'and N more'."""
        return self.entries[OPEN:]


def weeks_of(
    month: Month, found: Sequence[Dated], zone: tzinfo, today: date
) -> Sequence[Sequence[Day | None]]:
    """Its weeks from Monday on, seven cells each; None for days of another month."""
    by_day: dict[date, list[Entry]] = {}
    for campaign in found:
        at = datetime.fromtimestamp(campaign.at_ms / 1000, UTC).astimezone(zone)
        by_day.setdefault(at.date(), []).append(Entry(campaign, f"{at:%H:%M}"))
    cells: list[Day | None] = [None] * month.first.weekday()
    day, end = month.first, month.moved(1).first
    while day < end:
        cells.append(Day(day, day == today, by_day.get(day, ())))
        day += timedelta(days=1)
    cells += [None] * (-len(cells) % 7)
    return [cells[start : start + 7] for start in range(0, len(cells), 7)]


class CampaignCalendarPages:
    """For those who may see campaigns."""

    def __init__(self, renderer: Renderer, campaigns: CampaignService, clock: Clock) -> None:
        self._renderer = renderer
        self._campaigns = campaigns
        self._clock = clock

    def add_routes(self, app: web.Application) -> None:
        """Its page; before `/campaigns/{id}`, which would take its path."""
        app.router.add_get("/campaigns/calendar", self.show)

    async def show(self, request: web.Request) -> web.Response:
        """The month of `?month=2026-11`; the present one without it or if it is none."""
        session, texts = session_of(request), self._renderer.texts(request)
        account, zone = current_account(session), self._renderer.zone_of(request)
        if account is None:
            raise web.HTTPForbidden
        today = datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC).astimezone(zone).date()
        present = Month(today.year, today.month)
        month = Month.of(request.query.get("month", "")) or present
        found = await self._campaigns.between(
            session.actor, account.id, month.start_ms(zone), month.moved(1).start_ms(zone), MOST + 1
        )
        values = {
            "name": _name(texts, month),
            "caption": texts("calendar.caption", month=texts.month(month.number), year=month.year),
            "weeks": weeks_of(month, found[:MOST], zone, today),
            "before": _near(texts, month.moved(-1)),
            "after": _near(texts, month.moved(1)),
            "is_present": month == present,
            "is_empty": not found,
            "cut": MOST if len(found) > MOST else 0,
            "tones": TONES,
        }
        return self._renderer.page(request, "campaign_calendar.html", values)


def _near(texts: Texts, month: Month) -> tuple[str, str] | None:
    """Query and name of a month beside; None beyond our times."""
    return (str(month), _name(texts, month)) if month.year in _YEARS else None


def _name(texts: Texts, month: Month) -> str:
    name = texts("calendar.month", month=texts.month(month.number), year=month.year)
    return name[0].upper() + name[1:]
