"""Bars that lie, a group of them for each name: for names too long to stand below an upright bar."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from console.reports.charts import Chart, Frame
from console.reports.drawing import element, picture, rounded_up, words

_WIDTH = 640
_LABELS = 236  # of it, for the names
_NUMBERS = 60  # for the number behind a bar
_BAR, _BETWEEN, _TOP = 11, 7, 22
_ENDING = 10  # characters of a long name's end
_MAX_NAME = 38  # characters that fit


@dataclass(frozen=True, slots=True)
class Series:
    """A number for each name."""

    name: str
    values: Sequence[float]


def ranked(frame: Frame, names: Sequence[str], series: Sequence[Series]) -> Chart:
    """As many bars below a name as there are series; a legend above where they are several."""
    top = rounded_up(max((v for one in series for v in one.values), default=0))
    full = _WIDTH - _LABELS - _NUMBERS
    group = _BAR * len(series) + _BETWEEN
    start = _TOP if len(series) > 1 else 4
    shapes: list[Markup] = list(_legend(series)) if len(series) > 1 else []
    rows = []
    for n, name in enumerate(names):
        y = start + n * group
        middle = y + (_BAR * len(series)) / 2 + 4
        shapes.append(words(_cut(name), _LABELS - 8, middle, anchor="end"))
        for place, one in enumerate(series):
            width = full * one.values[n] / top
            at = y + place * _BAR
            told = element("title", f"{name}, {one.name}: {frame.shown(one.values[n])}")
            shapes.append(
                element("rect", told, x=_LABELS, y=at, width=max(width, 0.5), height=_BAR - 1,
                        class_=f"series-{place}")
            )  # fmt: skip
            shapes.append(
                words(
                    frame.shown(one.values[n]), _LABELS + width + 5, at + _BAR - 1.5, kind="value"
                )
            )
        rows.append((name, *(frame.shown(one.values[n]) for one in series)))
    height = start + max(1, len(names)) * group
    told_all = "; ".join(", ".join(row) for row in rows)
    svg = picture(
        frame.id, frame.title, told_all, shapes, width=_WIDTH, height=height, kind="ranked"
    )
    return Chart(frame.title, svg, frame.headings, rows)


def _legend(series: Sequence[Series]) -> Sequence[Markup]:
    shapes = []
    for place, one in enumerate(series):
        x = _LABELS + place * 130
        shapes.append(element("rect", x=x, y=3, width=10, height=10, class_=f"series-{place}"))
        shapes.append(words(one.name, x + 15, 12))
    return shapes


def _cut(name: str) -> str:
    """Names of a series differ in their beginning or in their end, so both stay."""
    if len(name) <= _MAX_NAME:
        return name
    return f"{name[: _MAX_NAME - _ENDING - 1].rstrip()}…{name[-_ENDING:].lstrip()}"
