"""Charts as SVG, drawn on the server, each with a table of the same numbers.

They need no script, follow the colours of the page they stand in (classes `mark-…`, `tone-…`), and
go into a PDF as they are. Titles, labels and numbers come in ready, in the language of the page.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from console.reports.drawing import element, picture, rounded_up, words

Shown = Callable[[float], str]  # a number as the page's language writes it

_HEIGHT = 220
_TOP, _BOTTOM, _RIGHT = 24, 28, 8
_PLOT_H = _HEIGHT - _TOP - _BOTTOM


@dataclass(frozen=True, slots=True)
class _Plane:
    """Where bars and lines stand; what a phone shows is narrower and has fewer labels."""

    width: int
    left: int  # room of the scale's numbers
    labels: int  # more would run into each other
    mark: str  # of identifiers of a page

    @property
    def plot_w(self) -> int:
        """How wide the ground of the marks is."""
        return self.width - self.left - _RIGHT


_WIDEST = 56  # bar
_STACK_W = 640  # of a bar that lies
_WIDE, _NARROW = _Plane(640, 56, 13, ""), _Plane(340, 46, 6, "-narrow")


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture and its twin; cells of the table are ready to be shown.

    `narrow` is the same picture for a phone; "" where one fits both.
    """

    title: str
    svg: Markup
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    narrow: Markup | str = ""


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
    peak = peak_of(points) if frame.peak else None
    rows = [
        (p.label, frame.shown(p.value) + (f" ({frame.peak})" if n == peak else ""))
        for n, p in enumerate(points)
    ]
    best = "" if peak is None else f"{frame.peak}: {': '.join(rows[peak][:2])}"
    return _both(frame, "bars", best, lambda plane: _bars(frame, points, peak, plane), rows)


def _bars(
    frame: Frame, points: Sequence[Point], peak: int | None, plane: _Plane
) -> Sequence[Markup]:
    top = rounded_up(max((p.value for p in points), default=0))
    step = plane.plot_w / max(1, len(points))
    every = -(-len(points) // plane.labels)
    width = min(step * 0.76, _WIDEST)
    shapes = [_scale(top, frame.shown, plane)]
    for n, point in enumerate(points):
        height = _PLOT_H * point.value / top
        left = plane.left + n * step
        kind = "mark-peak" if n == peak else "mark"
        told = element("title", f"{point.label}: {frame.shown(point.value)}")
        shapes.append(
            element(
                "rect", told, x=left + (step - width) / 2, y=_TOP + _PLOT_H - height, width=width,
                height=height, rx=2, class_=kind,
            )
        )  # fmt: skip
        if n % every == 0:
            shapes.append(_below(point.label, left + step / 2))
        if n == peak:
            # The words stay inside the picture, whichever bar is the highest.
            middle = min(max(left + step / 2, plane.left + 40), plane.width - 48)
            shapes.append(
                words(
                    f"{frame.peak}: {frame.shown(point.value)}", middle,
                    _TOP + _PLOT_H - height - 6, anchor="middle", kind="peak-text",
                )
            )  # fmt: skip
    return shapes


def peak_of(points: Sequence[Point]) -> int | None:
    """The place of the highest, the first of equals; None when all is nothing."""
    best = max(range(len(points)), key=lambda n: points[n].value, default=None)
    return best if best is not None and points[best].value > 0 else None


def line(frame: Frame, points: Sequence[Point]) -> Chart:
    """A line with the ground below it filled: what has come together over time."""
    rows = [(p.label, frame.shown(p.value)) for p in points]
    last = ": ".join(rows[-1]) if rows else ""
    return _both(frame, "line", last, lambda plane: _line(frame, points, plane), rows)


def _line(frame: Frame, points: Sequence[Point], plane: _Plane) -> Sequence[Markup]:
    top = rounded_up(max((p.value for p in points), default=0))
    step = plane.plot_w / max(1, len(points) - 1)
    every = -(-len(points) // plane.labels)
    places = [
        (plane.left + n * step, _TOP + _PLOT_H * (1 - p.value / top)) for n, p in enumerate(points)
    ]
    drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    floor = _TOP + _PLOT_H
    shapes = [_scale(top, frame.shown, plane)]
    if places:
        ground = f"{plane.left},{floor} {drawn} {places[-1][0]:.1f},{floor}"
        shapes.append(element("polygon", points=ground, class_="mark-ground"))
        shapes.append(element("polyline", points=drawn, class_="mark-line"))
    edge = plane.width - 14  # the last label stays inside
    shapes += [
        _below(p.label, min(places[n][0], edge)) for n, p in enumerate(points) if n % every == 0
    ]
    return shapes


def stacked(frame: Frame, parts: Sequence[Part], whole: float = 0) -> Chart:
    """One bar that is filled by parts side by side; `whole` is its length where parts are less."""
    length = max(whole, sum(p.value for p in parts)) or 1
    shapes = [element("rect", width=_STACK_W, height=20, rx=4, class_="ground")]
    left = 0.0
    for part in parts:
        width = _STACK_W * part.value / length
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
    svg = picture(
        frame.id, frame.title, told_all, shapes, width=_STACK_W, height=20, kind="stacked"
    )
    return Chart(frame.title, svg, frame.headings, rows)


def _scale(top: float, shown: Shown, plane: _Plane) -> Markup:
    """Lines at nothing, half and all of it, with their numbers."""
    drawn = []
    for share in (0, 0.5, 1):
        y = _TOP + _PLOT_H * (1 - share)
        end = plane.width - _RIGHT
        drawn.append(element("line", x1=plane.left, x2=end, y1=y, y2=y, class_="grid"))
        if share * top == int(share * top):  # half a mail is none
            drawn.append(words(shown(share * top), plane.left - 6, y + 4, anchor="end"))
    return element("g", *drawn)


def _below(label: str, x: float) -> Markup:
    return words(label, x, _HEIGHT - 10, anchor="middle")


def _both(
    frame: Frame,
    kind: str,
    told: str,
    draw: Callable[[_Plane], Sequence[Markup]],
    rows: Sequence[Sequence[str]],
) -> Chart:
    wide, narrow = (
        picture(
            frame.id + plane.mark, frame.title, told, draw(plane),
            width=plane.width, height=_HEIGHT, kind=kind,
        )
        for plane in (_WIDE, _NARROW)
    )  # fmt: skip
    return Chart(frame.title, wide, frame.headings, rows, narrow)
