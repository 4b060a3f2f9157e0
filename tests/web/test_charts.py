"""The desk's charts show what they are given, and nothing where there is nothing."""

import re
from datetime import timedelta
from zoneinfo import ZoneInfo

from desk.charts import Line, Point, Row, over_time, side_by_side
from tests.scenes import NOW

WORDS = ("Error by week", "A line with intervals.")
UTC = ZoneInfo("UTC")


def line(*values: float, name: str = "refund", width: float = 0.01) -> Line:
    points = [
        Point(NOW + timedelta(weeks=week), value, value - width, value + width) for week, value in enumerate(values)
    ]
    return Line(name, points)


def test_every_point_has_its_place_and_its_words() -> None:
    svg = over_time("errors", WORDS, [line(0.01, 0.04, 0.02)], zone=UTC, levels={"limit 5 %": 0.05})
    heights = [float(y) for y in re.findall(r'<circle[^>]* cy="([\d.]+)"', svg)]
    assert heights[0] > heights[2] > heights[1], "a larger value stands higher"
    assert "refund: 4% (3% to 5%)" in svg
    assert "limit 5 %" in svg
    assert "02 Mar" in svg
    assert "Error by week" in svg


def test_nothing_measured_is_no_picture() -> None:
    assert over_time("errors", WORDS, [Line("refund", [])], zone=UTC) == ""
    assert side_by_side("groups", WORDS, []) == ""


def test_a_single_look_stands_in_the_middle() -> None:
    svg = over_time("errors", WORDS, [line(0.02)], zone=UTC)
    (x,) = re.findall(r'<circle[^>]* cx="([\d.]+)"', svg)
    assert 200 < float(x) < 340


def test_one_wide_interval_does_not_flatten_the_rest() -> None:
    wide = Point(NOW + timedelta(weeks=3), 0.02, 0.0, 0.9)
    svg = over_time("errors", WORDS, [Line("refund", [*line(0.01, 0.02).points, wide])], zone=UTC)
    ticks = [float(label) for label in re.findall(r">([\d.]+)%<", svg)]
    assert max(ticks) < 10


def test_names_are_escaped() -> None:
    svg = side_by_side(
        "groups", WORDS, [Row("<b>coast", 0.5, 0.4, 0.6, "gap", found=True), Row("north", 0.7, 0.6, 0.8)]
    )
    assert "<b>" not in svg
    assert "&lt;b&gt;coast" in svg
    assert svg.count("<circle") == 2
