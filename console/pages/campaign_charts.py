"""The charts of a campaign's report, made of its figures."""

from collections.abc import Sequence
from datetime import UTC

from console.pages.charting import framed
from console.pages.texts import Texts
from console.reports.charts import Chart, Point, bars, line
from console.reports.figures import Figures
from console.reports.shapes import funnel, heat_map
from console.tracking.reader import EngagementFigures, EngagementHour
from mta.model.traffic import DeliveryState

FIRST_HOURS = 72
TOP_HOURS = 3
_HOUR_MS = 3_600_000
_SUPPRESSED_STEP = 1


def funnel_of(texts: Texts, figures: Figures, engagement: EngagementFigures) -> Chart:
    """From everybody to who clicked, with who was left out."""
    steps = [
        Point(texts("report.audience"), figures.audience),
        Point(texts("report.who.suppressed"), figures.of(DeliveryState.SUPPRESSED)),
        Point(texts("report.attempted"), figures.attempted),
        Point(texts("report.delivered"), figures.delivered),
        Point(texts("report.opened"), engagement.unique_opens),
        Point(texts("report.clicked"), engagement.unique_clicks),
    ]
    headings = (texts("report.step"), texts("report.recipients"), texts("report.share"))
    frame = framed(texts, "funnel", texts("report.funnel"), headings)
    return funnel(frame, steps, texts.percent, aside={_SUPPRESSED_STEP})


def hour_charts(
    texts: Texts, hours: Sequence[EngagementHour], started_ms: int
) -> tuple[Chart, Chart, Chart]:
    """Opens by hour of the day, by day and hour, and how they came together."""
    by_hour, grid = by_hour_of_day(hours), [[0.0] * 24 for _ in range(7)]
    for hour in hours:
        grid[hour.begin.weekday()][hour.begin.hour] += hour.total_opens
    opens = texts("report.opens")
    return (
        bars(
            framed(texts, "hours", texts("report.by_hour"), (texts("report.hour"), opens)),
            [Point(clock(n), value) for n, value in enumerate(by_hour)],
        ),
        heat_map(
            framed(
                texts, "week", texts("report.by_week"),
                (texts("report.day"), texts("report.hour"), opens),
            ),
            [texts.weekday(n) for n in range(7)], grid, clock,
        ),
        _first_hours(texts, hours, started_ms),
    )  # fmt: skip


def by_hour_of_day(hours: Sequence[EngagementHour]) -> list[int]:
    """Opens of each of the 24 hours."""
    sums = [0] * 24
    for hour in hours:
        sums[hour.begin.hour] += hour.total_opens
    return sums


def peak_hours(hours: Sequence[EngagementHour], count: int = TOP_HOURS) -> list[tuple[int, int]]:
    """The hours of the day with most opens and how many they have, the most first."""
    sums = enumerate(by_hour_of_day(hours))
    return sorted(((h, n) for h, n in sums if n), key=lambda pair: (-pair[1], pair[0]))[:count]


def clock(hour: int) -> str:
    """`09:00`."""
    return f"{hour:02}:00"


def _first_hours(texts: Texts, hours: Sequence[EngagementHour], started_ms: int) -> Chart:
    """Who had opened after how many hours, over the first three days."""
    start = started_ms // _HOUR_MS
    fresh = [0] * (FIRST_HOURS + 1)
    for hour in hours:
        place = int(hour.begin.astimezone(UTC).timestamp() * 1000) // _HOUR_MS - start
        if 0 <= place < FIRST_HOURS:
            fresh[place + 1] += hour.unique_opens
    points, total = [], 0
    for n, value in enumerate(fresh):
        total += value
        points.append(Point(texts("report.after", n=n), total))
    frame = framed(
        texts, "first", texts("report.first_hours"), (texts("report.hour"), texts("report.opened"))
    )
    return line(frame, points)
