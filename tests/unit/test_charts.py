"""Charts: what the picture shows, the table says too; nothing in it needs a script or a style."""

import re
import xml.etree.ElementTree as ET

import pytest

from console.reports.charts import (
    Chart,
    Frame,
    Part,
    Point,
    bars,
    line,
    peak_of,
    stacked,
)
from console.reports.drawing import rounded_up
from console.reports.shapes import funnel, heat_map

EVIL = '<script>alert(1)</script>"&'


def frame(title: str = "Aperturas") -> Frame:
    return Frame("c", title, ("Hora", "Aperturas"), lambda n: f"{n:.0f}", "máximo")


def hours(*values: float) -> list[Point]:
    return [Point(f"{n}:00", value) for n, value in enumerate(values)]


def shapes(chart: Chart, kind: str) -> list[ET.Element]:
    root = ET.fromstring(str(chart.svg))
    return [e for e in root.iter() if kind in e.get("class", "").split()]


ALL = [
    bars(frame(EVIL), [Point(EVIL, 3)]),
    line(frame(EVIL), [Point(EVIL, 3), Point("b", 4)]),
    stacked(frame(EVIL), [Part(EVIL, 3, "good")]),
    funnel(frame(EVIL), [Point(EVIL, 3)], lambda _part, _whole: EVIL),
    heat_map(frame(EVIL), [EVIL], [[0.0] * 23 + [1.0]], lambda h: f"{h}:00"),
]


@pytest.mark.parametrize("chart", ALL, ids=["bars", "line", "stacked", "funnel", "heat"])
def test_a_chart_names_itself_and_escapes_what_is_written_in_it(chart: Chart):
    text = str(chart.svg)
    root = ET.fromstring(text)  # well formed
    named = root.get("aria-labelledby", "").split()
    assert {e.get("id") for e in root.iter() if e.get("id")} == set(named)
    assert root.get("role") == "img"
    assert root.findtext("title") == EVIL
    assert not re.search(r"<script|<style|\sstyle=|\son[a-z]+=", text)


@pytest.mark.parametrize("chart", ALL, ids=["bars", "line", "stacked", "funnel", "heat"])
def test_the_table_has_a_cell_for_each_heading_at_least(chart: Chart):
    assert chart.rows
    assert all(len(row) >= 2 for row in chart.rows)


def test_T_i_the_first_of_the_highest_bars_is_the_peak_in_picture_and_table():
    chart = bars(frame(), hours(1, 9, 4, 9))
    (peak,) = shapes(chart, "mark-peak")
    assert [len(shapes(chart, "mark")), peak.findtext("title")] == [3, "1:00: 9"]
    assert [row[1] for row in chart.rows] == ["1", "9 (máximo)", "4", "9"]
    assert "máximo: 1:00: 9 (máximo)" in str(chart.svg)


def test_bars_are_as_high_as_their_share_of_the_scale():
    chart = bars(frame(), hours(50, 100))
    small, large = (
        float(e.get("height")) for e in shapes(chart, "mark") + shapes(chart, "mark-peak")
    )
    assert small * 2 == pytest.approx(large, abs=0.02)


def test_nothing_has_no_peak():
    assert peak_of(hours(0, 0)) is None
    assert shapes(bars(frame(), hours(0, 0)), "mark-peak") == []
    assert bars(frame(), []).rows == []


@pytest.mark.parametrize(
    ("value", "top"), [(0, 1), (1, 1), (3, 5), (10, 10), (11, 20), (24, 25), (298_114, 500_000)]
)
def test_a_scale_ends_at_a_round_number(value: int, top: int):
    assert rounded_up(value) == top


def test_a_stacked_bar_fills_as_much_of_the_whole_as_its_parts_are():
    chart = stacked(frame(), [Part("a", 25, "good"), Part("b", 25, "bad")], whole=100)
    widths = [float(shapes(chart, f"part-{tone}")[0].get("width")) for tone in ("good", "bad")]
    (ground,) = shapes(chart, "ground")
    assert sum(widths) + 2 == pytest.approx(float(ground.get("width")) / 2)


def test_a_heat_map_tells_its_hours_in_order_and_marks_the_most():
    values = [[0.0] * 24 for _ in range(2)]
    values[0][9], values[1][15] = 2, 10
    chart = heat_map(frame(), ["lun.", "mar."], values, lambda h: f"{h:02}:00")
    assert chart.rows == [("lun.", "09:00", "2"), ("mar.", "15:00", "10")]
    (best,) = shapes(chart, "heat-best")
    assert best.findtext("title") == "mar. 15:00: 10"
    assert len(shapes(chart, "heat-0")) == 46


def test_a_funnel_tells_each_step_as_a_share_of_the_first():
    chart = funnel(
        frame(), [Point("Audiencia", 200), Point("Entregados", 150)],
        lambda part, whole: f"{100 * part / whole:.0f} %",
    )  # fmt: skip
    assert chart.rows == [("Audiencia", "200", "100 %"), ("Entregados", "150", "75 %")]
    first, second = (float(e.get("width")) for e in shapes(chart, "mark"))
    assert second / first == pytest.approx(0.75, abs=0.001)


@pytest.mark.parametrize("chart", [c for c in ALL if c.narrow], ids=lambda c: str(len(c.svg)))
def test_T_i_a_phone_gets_a_picture_of_its_own_with_the_same_figures(chart: Chart):
    wide, narrow = (ET.fromstring(str(svg)) for svg in (chart.svg, chart.narrow))
    assert float(narrow.get("viewBox", "").split()[2]) < float(wide.get("viewBox", "").split()[2])
    assert {e.get("id") for e in wide.iter() if e.get("id")}.isdisjoint(
        e.get("id") for e in narrow.iter() if e.get("id")
    )
    assert {e.text for e in wide.iter() if e.tag == "title"} == {
        e.text for e in narrow.iter() if e.tag == "title"
    }
