"""Charts that are no bars and no lines: the steps of a funnel, and a week by hours."""

from collections.abc import Callable, Collection, Sequence

from markupsafe import Markup

from console.reports.charts import Chart, Frame, Point
from console.reports.drawing import element, picture, words

_HEAT_STEPS = 5
_CELL_W, _CELL_H = 24, 22
_ROOM, _NARROW_ROOM = 30, 44  # of a step
_WIDTH, _NARROW_WIDTH = 640, 340
_LABEL_W, _FIGURES_W = 150, 130


def funnel(
    frame: Frame,
    steps: Sequence[Point],
    share: Callable[[float, float], str],
    aside: Collection[int] = (),
) -> Chart:
    """Bars that get shorter from step to step; `share(part, whole)` tells a share in words.

    Each step is shown as a share of the first. `aside`: numbers of steps that are what fell out.
    """
    whole = steps[0].value if steps else 0
    rows = [(step.label, frame.shown(step.value), share(step.value, whole)) for step in steps]
    told = "; ".join(f"{row[0]}: {row[1]} ({row[2]})" for row in rows)
    lengths = [min(step.value / max(whole, 1), 1) for step in steps]
    kinds = ["mark-aside" if n in aside else "mark" for n in range(len(steps))]
    wide, narrow = [], []
    for n, (length, kind, (label, value, said)) in enumerate(
        zip(lengths, kinds, rows, strict=True)
    ):
        y, width = n * _ROOM, (_WIDTH - _LABEL_W - _FIGURES_W) * length
        wide += [
            words(label, _LABEL_W - 8, y + 19, anchor="end"),
            element("rect", x=_LABEL_W, y=y + 4, width=max(width, 1), height=22, rx=2, class_=kind),
            words(f"{value} · {said}", _LABEL_W + width + 6, y + 19, kind="value"),
        ]
        y, width = n * _NARROW_ROOM, _NARROW_WIDTH * length
        narrow += [
            words(label, 0, y + 15),
            words(f"{value} · {said}", _NARROW_WIDTH, y + 15, anchor="end", kind="value"),
            element("rect", x=0, y=y + 21, width=max(width, 1), height=16, rx=2, class_=kind),
        ]

    def drawn(mark: str, shapes: Sequence[Markup], width: int, room: int) -> Markup:
        height = max(room, room * len(steps))
        return picture(
            frame.id + mark, frame.title, told, shapes, width=width, height=height, kind="funnel"
        )

    return Chart(
        frame.title, drawn("", wide, _WIDTH, _ROOM), frame.headings, rows,
        drawn("-narrow", narrow, _NARROW_WIDTH, _NARROW_ROOM),
    )  # fmt: skip


def heat_map(
    frame: Frame, days: Sequence[str], values: Sequence[Sequence[float]], hour: Callable[[int], str]
) -> Chart:
    """Days × 24 hours, darker where there is more; `values[day][hour]`, the most is marked.

    On a phone hours go down and days across. The table has a row for each hour that has something,
    so that it can be read aloud.
    """
    most = max((v for row in values for v in row), default=0)
    places = [(d, h) for d in range(len(days)) for h in range(24)]
    best = next(((d, h) for d, h in places if most and values[d][h] == most), None)
    rows = [(days[d], hour(h), frame.shown(values[d][h])) for d, h in places if values[d][h]]
    told = f"{frame.peak}: {days[best[0]]} {hour(best[1])}: {frame.shown(most)}" if best else ""

    def cell(d: int, h: int, x: float, y: float, width: float) -> Markup:
        kind = f"heat-{_heat(values[d][h], most)}" + (" heat-best" if (d, h) == best else "")
        title = element("title", f"{days[d]} {hour(h)}: {frame.shown(values[d][h])}")
        return element(
            "rect", title, x=x + 1, y=y + 1, width=width - 2, height=_CELL_H - 2, rx=2, class_=kind
        )

    def drawn(mark: str, shapes: Sequence[Markup], width: float, height: float) -> Markup:
        return picture(
            frame.id + mark, frame.title, told, shapes, width=width, height=height, kind="heat"
        )

    left, top = 48, 18
    wide = [words(f"{h}", left + (h + 0.5) * _CELL_W, 12, anchor="middle") for h in range(0, 24, 3)]
    wide += [
        words(day, left - 6, top + d * _CELL_H + 15, anchor="end") for d, day in enumerate(days)
    ]
    wide += [cell(d, h, left + h * _CELL_W, top + d * _CELL_H, _CELL_W) for d, h in places]
    across = (_NARROW_WIDTH - left) / max(1, len(days))
    narrow = [
        words(day, left + (d + 0.5) * across, 12, anchor="middle") for d, day in enumerate(days)
    ]
    narrow += [words(hour(h), left - 6, top + h * _CELL_H + 15, anchor="end") for h in range(24)]
    narrow += [cell(d, h, left + d * across, top + h * _CELL_H, across) for d, h in places]
    return Chart(
        frame.title,
        drawn("", wide, left + 24 * _CELL_W + 4, top + len(days) * _CELL_H + 2),
        frame.headings,
        rows,
        drawn("-narrow", narrow, _NARROW_WIDTH, top + 24 * _CELL_H + 2),
    )


def _heat(value: float, most: float) -> int:
    """From 0 (nothing) to `_HEAT_STEPS` (the most)."""
    if not value:
        return 0
    return max(1, min(_HEAT_STEPS, round(_HEAT_STEPS * value / most)))
