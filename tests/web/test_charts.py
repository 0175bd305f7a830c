"""Charts: what is drawn is what was given, well-formed, and readable without seeing it."""

import re
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import pytest
from markupsafe import Markup

from bot.web import charts
from bot.web.charts import COUNTS, SECONDS, Scale, Series, bars, columns, count, duration, in_one_unit, lines, percent, scale

DAYS = [f"11-{day:02}" for day in range(1, 31)]


def tree(chart: Markup) -> ElementTree.Element:
    return ElementTree.fromstring(chart)


def boxes(chart: Markup, kind: str = "") -> list[dict[str, str]]:
    return [box.attrib for box in tree(chart).iter("rect") if kind in box.attrib["class"]]


def texts(chart: Markup, kind: str) -> list[str | None]:
    return [text.text for text in tree(chart).iter("text") if text.attrib.get("class") == kind]


@pytest.mark.parametrize(
    "chart",
    [
        columns("c", "标题", ["11-01"], [Series("<b>&", (3,))], count),
        lines("c", "标题", ["11-01"], [Series("<b>&", (3,))], duration),
        bars("c", "标题", [("<b>&", 3)], count),
    ],
    ids=["columns", "lines", "bars"],
)
def test_a_chart_says_what_it_shows_and_names_are_text(chart: Markup) -> None:
    root = tree(chart)
    ids = {node.attrib["id"]: node for node in root.iter() if "id" in node.attrib}
    title, said = root.attrib["aria-labelledby"].split()
    assert root.attrib["role"] == "img"
    assert ids[title].text == "标题"
    assert "<b>&" in str(ids[said].text)
    assert not re.search(r"\sstyle=|\son\w+=", chart)


def test_columns_are_as_high_as_their_values_and_stand_on_each_other() -> None:
    chart = columns("c", "标题", ["a", "b"], [Series("x", (10, 0)), Series("y", (5, 20))], count)
    low, high = boxes(chart, "s2")
    (below,) = boxes(chart, "s1")
    assert float(high["height"]) == pytest.approx(4 * float(low["height"]), abs=0.3)
    assert float(below["height"]) == pytest.approx(2 * float(low["height"]), abs=0.2)
    assert float(low["y"]) + float(low["height"]) == pytest.approx(float(below["y"]), abs=0.11)
    assert float(below["y"]) + float(below["height"]) == pytest.approx(charts.HEIGHT - charts.BOTTOM, abs=0.11)
    assert "a：x 10，y 5" in chart


def test_a_missing_value_breaks_the_line() -> None:
    chart = lines("c", "标题", DAYS[:5], [Series("x", (60, 120, None, 240, None))], duration)
    (path,) = [path.attrib["d"] for path in tree(chart).iter("path") if "line" in path.attrib["class"]]
    assert re.sub(r"[\d. ]", "", path) == "MLM"
    dots = list(tree(chart).iter("circle"))
    assert [dot.find("title").text for dot in dots] == ["11-01 x 1 分", "11-02 x 2 分", "11-04 x 4 分"]  # type: ignore[union-attr]
    heights = [float(dot.attrib["cy"]) for dot in dots]
    assert heights == sorted(heights, reverse=True)


def test_bars_are_as_long_as_their_values() -> None:
    chart = bars("c", "标题", [("甲", 40), ("乙", 10), ("丙", None), ("丁", 0)], count)
    lengths = [float(box["width"]) for box in boxes(chart)]
    assert lengths == pytest.approx([4 * lengths[1], lengths[1], 0, 0], abs=0.3)
    assert [text.text for text in tree(chart).iter("text") if "class" not in text.attrib] == ["40", "10", "—", "0"]


def test_a_long_name_is_cut_and_told_in_full() -> None:
    chart = bars("c", "标题", [("一个非常长的队列名称", 1)], count)
    assert texts(chart, "name") == ["一个非常…"]
    assert "<title>一个非常长的队列名称：1</title>" in chart


@pytest.mark.parametrize(("values", "high"), [((0.0, 0.5), 1.0), ((1.0,), 1.0)])
def test_shares_are_drawn_of_the_whole(values: tuple[float, ...], high: float) -> None:
    chart = bars("c", "标题", [(str(value), value) for value in values], percent, charts.PERCENT)
    room = charts.WIDTH - charts.LABEL - charts.VALUE
    assert [float(box["width"]) for box in boxes(chart)] == pytest.approx([room * value / high for value in values], abs=0.1)


@pytest.mark.parametrize("labels", [DAYS, [f"2026-{label}" for label in DAYS], DAYS[:1], DAYS[:7], DAYS * 3])
def test_labels_below_do_not_touch(labels: list[str]) -> None:
    chart = columns("c", "标题", labels, [Series("x", (1,) * len(labels))], count)
    places = [float(text.attrib["x"]) for text in tree(chart).iter("text") if text.attrib.get("class") == "below"]
    assert places
    assert all(right - left > charts.LETTER * len(labels[0]) for left, right in pairwise(places))


@pytest.mark.parametrize(
    "chart",
    [
        columns("c", "标题", DAYS, [Series("x", (0,) * 30)], count),
        lines("c", "标题", DAYS, [Series("x", (None,) * 30)], duration),
        bars("c", "标题", [], count),
        bars("c", "标题", [("甲", None)], count),
    ],
)
def test_without_values_there_is_no_chart(chart: Markup) -> None:
    assert chart == ""


@pytest.mark.parametrize("steps", [COUNTS, SECONDS], ids=["counts", "seconds"])
@pytest.mark.parametrize("highest", [0, 0.4, 1, 3, 4, 5, 59, 61, 999, 3_601, 86_401, 10**7, 10**10])
def test_an_axis_reaches_its_highest_value_in_few_steps(highest: float, steps: Any) -> None:
    axis = scale(highest, steps)
    assert axis.high >= highest
    assert 1 <= axis.steps <= charts.MOST_STEPS
    assert axis.high - axis.step < highest or axis.steps == 1
    assert list(axis.marks())[-1] == axis.high


def test_values_outside_an_axis_stay_within_the_chart() -> None:
    assert [Scale(1, 1, 4).share(value) for value in (0, 1, 3, 5, 9)] == [0, 0, 0.5, 1, 1]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 秒"), (0.4, "0 秒"), (59.6, "1 分"), (60, "1 分"), (61, "1 分 1 秒"), (200, "3 分 20 秒"), (3600, "1 小时"),
        (3605, "1 小时"), (7500, "2 小时 5 分"), (86_400, "1 天"), (90_000, "1 天 1 小时"), (86_460, "1 天"),
        (10**7, "115 天 17 小时"),
    ],
)  # fmt: skip
def test_spans_are_told_with_their_two_largest_units(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(("seconds", "words"), [(0, "0 秒"), (45, "45 秒"), (120, "2 分"), (5400, "1.5 小时"), (172_800, "2 天")])
def test_an_axis_tells_spans_in_one_unit(seconds: float, words: str) -> None:
    assert in_one_unit(seconds) == words
