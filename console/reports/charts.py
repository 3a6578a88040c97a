"""Charts as SVG, drawn on the server, each with a table of the same numbers.

They need no script, follow the colours of the page they stand in (classes `mark-…`, `tone-…`), and
go into a PDF as they are. Titles, labels and numbers come in ready, in the language of the page.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from console.reports.drawing import element, picture, rounded_up, words

Shown = Callable[[float], str]  # a number as the page's language writes it

_WIDTH, _HEIGHT = 640, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 8, 24, 28
_PLOT_W, _PLOT_H = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
_MAX_LABELS = 13  # more would run into each other
_HEAT_STEPS = 5


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture and its twin; cells of the table are ready to be shown."""

    title: str
    svg: Markup
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Point:
    """One bar, one step of a funnel or one place of a line."""

    label: str
    value: float


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a whole; `tone` is one of the page's: good, bad, warn, info, off."""

    label: str
    value: float
    tone: str


@dataclass(frozen=True, slots=True)
class Frame:
    """What every chart needs: an identifier that is unique on the page, and words."""

    id: str
    title: str
    headings: tuple[str, ...]  # of the table
    shown: Shown = str
    peak: str = ""  # marks the highest bar: "peak"


def bars(frame: Frame, points: Sequence[Point]) -> Chart:
    """Upright bars; the first of the highest is marked, in the picture and in the table."""
    top = rounded_up(max((p.value for p in points), default=0))
    peak = peak_of(points) if frame.peak else None
    step = _PLOT_W / max(1, len(points))
    every = -(-len(points) // _MAX_LABELS)
    shapes = [_scale(top, frame.shown)]
    for n, point in enumerate(points):
        height = _PLOT_H * point.value / top
        left = _LEFT + n * step
        kind = "mark-peak" if n == peak else "mark"
        told = element("title", f"{point.label}: {frame.shown(point.value)}")
        shapes.append(
            element(
                "rect", told, x=left + step * 0.12, y=_TOP + _PLOT_H - height, width=step * 0.76,
                height=height, rx=2, class_=kind,
            )
        )  # fmt: skip
        if n % every == 0:
            shapes.append(_below(point.label, left + step / 2))
        if n == peak:
            # The words stay inside the picture, whichever bar is the highest.
            middle = min(max(left + step / 2, _LEFT + 40), _WIDTH - 48)
            shapes.append(
                words(
                    f"{frame.peak}: {frame.shown(point.value)}", middle,
                    _TOP + _PLOT_H - height - 6, anchor="middle", kind="peak-text",
                )
            )  # fmt: skip
    rows = [
        (p.label, frame.shown(p.value) + (f" ({frame.peak})" if n == peak else ""))
        for n, p in enumerate(points)
    ]
    best = "" if peak is None else f"{frame.peak}: {': '.join(rows[peak][:2])}"
    return _chart(frame, "bars", best, shapes, rows)


def peak_of(points: Sequence[Point]) -> int | None:
    """The place of the highest, the first of equals; None when all is nothing."""
    best = max(range(len(points)), key=lambda n: points[n].value, default=None)
    return best if best is not None and points[best].value > 0 else None


def line(frame: Frame, points: Sequence[Point]) -> Chart:
    """A line with the ground below it filled: what has come together over time."""
    top = rounded_up(max((p.value for p in points), default=0))
    step = _PLOT_W / max(1, len(points) - 1)
    every = -(-len(points) // _MAX_LABELS)
    places = [
        (_LEFT + n * step, _TOP + _PLOT_H * (1 - p.value / top)) for n, p in enumerate(points)
    ]
    drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    floor = _TOP + _PLOT_H
    shapes = [_scale(top, frame.shown)]
    if places:
        ground = f"{_LEFT},{floor} {drawn} {places[-1][0]:.1f},{floor}"
        shapes.append(element("polygon", points=ground, class_="mark-ground"))
        shapes.append(element("polyline", points=drawn, class_="mark-line"))
    shapes += [_below(p.label, places[n][0]) for n, p in enumerate(points) if n % every == 0]
    rows = [(p.label, frame.shown(p.value)) for p in points]
    last = ": ".join(rows[-1]) if rows else ""
    return _chart(frame, "line", last, shapes, rows)


def stacked(frame: Frame, parts: Sequence[Part], whole: float = 0) -> Chart:
    """One bar that is filled by parts side by side; `whole` is its length where parts are less."""
    length = max(whole, sum(p.value for p in parts)) or 1
    shapes = [element("rect", width=_WIDTH, height=20, rx=4, class_="ground")]
    left = 0.0
    for part in parts:
        width = _WIDTH * part.value / length
        if part.value:
            told = element("title", f"{part.label}: {frame.shown(part.value)}")
            shapes.append(
                element(
                    "rect", told, x=left, width=max(width - 1, 0.5), height=20,
                    class_=f"part-{part.tone}",
                )
            )  # fmt: skip
        left += width
    rows = [(p.label, frame.shown(p.value)) for p in parts]
    told_all = "; ".join(": ".join(row) for row in rows)
    svg = picture(frame.id, frame.title, told_all, shapes, width=_WIDTH, height=20, kind="stacked")
    return Chart(frame.title, svg, frame.headings, rows)


def funnel(frame: Frame, steps: Sequence[Point], share: Callable[[float, float], str]) -> Chart:
    """Bars that get shorter from step to step; `share(part, whole)` tells a share in words.

    Each step is shown as a share of the first.
    """
    first = max(steps[0].value, 1) if steps else 1
    room, label_w = 30, 150
    full = _WIDTH - label_w - 130
    shapes, rows = [], []
    for n, step in enumerate(steps):
        width = full * min(step.value / first, 1)
        y = n * room
        said = share(step.value, steps[0].value)
        shapes.append(words(step.label, label_w - 8, y + 19, anchor="end"))
        shapes.append(
            element("rect", x=label_w, y=y + 4, width=max(width, 1), height=22, rx=2, class_="mark")
        )
        shapes.append(
            words(f"{frame.shown(step.value)} · {said}", label_w + width + 6, y + 19, kind="value")
        )
        rows.append((step.label, frame.shown(step.value), said))
    told = "; ".join(f"{row[0]}: {row[1]} ({row[2]})" for row in rows)
    svg = picture(
        frame.id, frame.title, told, shapes,
        width=_WIDTH, height=max(room, room * len(steps)), kind="funnel",
    )  # fmt: skip
    return Chart(frame.title, svg, frame.headings, rows)


def heat_map(
    frame: Frame, days: Sequence[str], values: Sequence[Sequence[float]], hour: Callable[[int], str]
) -> Chart:
    """Days × 24 hours, darker where there is more; `values[day][hour]`, the most is marked.

    The table has a row for each hour that has something, so that it can be read aloud.
    """
    most = max((v for row in values for v in row), default=0)
    cell_w, cell_h, left, top = 24, 22, 48, 18
    shapes, rows = [], []
    shapes += [
        words(str(h), left + h * cell_w + cell_w / 2, 12, anchor="middle") for h in range(0, 24, 3)
    ]
    best = ""
    for d, day in enumerate(days):
        y = top + d * cell_h
        shapes.append(words(day, left - 6, y + 15, anchor="end"))
        for h, value in enumerate(values[d]):
            is_best = not best and most > 0 and value == most
            told = f"{day} {hour(h)}: {frame.shown(value)}"
            kind = f"heat-{_heat(value, most)}" + (" heat-best" if is_best else "")
            shapes.append(
                element(
                    "rect", element("title", told), x=left + h * cell_w + 1, y=y + 1,
                    width=cell_w - 2, height=cell_h - 2, rx=2, class_=kind,
                )
            )  # fmt: skip
            if is_best:
                best = f"{frame.peak}: {told}"
            if value:
                rows.append((day, hour(h), frame.shown(value)))
    svg = picture(
        frame.id, frame.title, best, shapes,
        width=left + 24 * cell_w + 4, height=top + len(days) * cell_h + 2, kind="heat",
    )  # fmt: skip
    return Chart(frame.title, svg, frame.headings, rows)


def _heat(value: float, most: float) -> int:
    """From 0 (nothing) to `_HEAT_STEPS` (the most)."""
    if not value:
        return 0
    return max(1, min(_HEAT_STEPS, round(_HEAT_STEPS * value / most)))


def _scale(top: float, shown: Shown) -> Markup:
    """Lines at nothing, half and all of it, with their numbers."""
    drawn = []
    for share in (0, 0.5, 1):
        y = _TOP + _PLOT_H * (1 - share)
        drawn.append(element("line", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=y, y2=y, class_="grid"))
        if share * top == int(share * top):  # half a mail is none
            drawn.append(words(shown(share * top), _LEFT - 6, y + 4, anchor="end"))
    return element("g", *drawn)


def _below(label: str, x: float) -> Markup:
    return words(label, x, _HEIGHT - 10, anchor="middle")


def _chart(
    frame: Frame, kind: str, told: str, shapes: Sequence[Markup], rows: Sequence[Sequence[str]]
) -> Chart:
    svg = picture(frame.id, frame.title, told, shapes, width=_WIDTH, height=_HEIGHT, kind=kind)
    return Chart(frame.title, svg, frame.headings, rows)
