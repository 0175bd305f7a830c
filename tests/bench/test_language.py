"""The benchmark's part about language: what is trained on is never tested on, and figures are what they are called."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import __main__ as command
from bench import language, outside, report
from bench.language import NEGATIVE, POSITIVE, Found, Plan, Review
from bot.training.examples import Examples
from tests.bench.test_bench import FACTS

LIMITS = {
    "batch_reviews": (200.0, 10.0),
    "batch_messages": (2000.0, 100.0),
    "single_ms": (3.0, 2.0),
    "own": (0.84, 0.8),
    "gov_calibration": (0.05, None),
    "queue_calibration": (0.05, None),
    "sentiment_calibration": (0.05, None),
    "intent_f1": (0.87, None),
    "queue_accuracy": (0.91, None),
    "sentiment_f1": (0.82, None),
    "escalation_recall": (0.9, None),
    "escalation_precision": (0.8, None),
    "outside_recall": (0.7, None),
    "inside_lost": (3.0, None),
}
"""Ours and SnowNLP's, where targets just hold."""


def found(**changed: float) -> Found:
    made = Found()
    for name, (ours, snow) in LIMITS.items():
        made.add(name, "ours", changed.get(name, ours))
        if snow is not None:
            made.add(name, "SnowNLP", snow)
    made.add("gov_f1", "ours", changed.get("gov_f1", 0.9301))
    made.add("gov_f1", "SVM", 0.915)
    return made


def plan(folder: Path) -> Plan:
    return Plan(folder, 100, None, folder / "scratch")


# Reading and splitting


def test_reviews_are_read_with_their_kinds_and_empty_ones_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "reviews.csv"
    path.write_text('\ufeffcat,label,text\n酒店,1,很干净\n酒店,0, \n水果,0,"烂了,\n不买了"\n', encoding="utf-8")
    assert language.read_reviews(path) == [Review("酒店", "很干净", "1"), Review("水果", "烂了,\n不买了", "0")]


def test_no_tested_review_is_trained_on_even_if_it_was_written_twice() -> None:
    reviews = [Review(kind, f"{kind}{number % 40}", str(number % 2)) for kind in ("酒店", "水果") for number in range(80)]
    tested, rest = language.kept_apart(reviews, 10)
    assert {kind: len(chosen) for kind, chosen in tested.items()} == {"酒店": 10, "水果": 10}
    assert all(review.kind == kind for kind, chosen in tested.items() for review in chosen)
    texts = {review.text for chosen in tested.values() for review in chosen}
    assert not texts & {review.text for review in rest}
    assert len(rest) == sum(review.text not in texts for review in reviews)
    assert language.kept_apart(reviews, 10) == (tested, rest), "the same each time"


def test_missing_public_data_are_named_with_where_they_were_looked_for(tmp_path: Path) -> None:
    made = Found()
    assert language._public(plan(tmp_path), language.REVIEWS, made, language.read_reviews) is None
    (reason,) = made.skipped
    assert language.REVIEWS in reason
    assert str(tmp_path) in reason
    assert "PUBLIC_DATA" in reason
    assert f"Left out: {reason}." in language.as_markdown(made, plan(tmp_path))


# Judging


@pytest.mark.parametrize("name", ["ours", "LR", "SVM"])
def test_every_contender_learns_and_leans(name: str) -> None:
    good, bad, neither = (
        ["很好 喜欢", "喜欢 满意", "满意 很好"],
        ["很差 失望", "失望 退货", "退货 很差"],
        ["几点 发货", "发货 地址", "地址 几点"],
    )
    labels = ["positive"] * 3 + ["negative"] * 3 + ["neutral"] * 3
    model = language.contenders()[name].fit(good + bad + neither, labels)
    assert language.leaning(model, ["喜欢", "失望"]) == [POSITIVE, NEGATIVE]


def test_tickets_are_judged_by_models_that_have_not_seen_them() -> None:
    """Whoever had seen them would get them all right; of those with words of their own nothing can be known without."""
    telling = Examples(["路灯 坏 了", "学校 收费", "公交 晚点"] * 6, ["建设", "教育", "交通"] * 6)
    own_words = Examples(list("甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳午未"), ["建设", "教育", "交通"] * 6)
    known, unknown = Found(), Found()
    language._tickets(known, telling)
    language._tickets(unknown, own_words)
    assert {system: figure.median for system, figure in known.figures["gov_accuracy"].items()} == {"ours": 1, "LR": 1, "SVM": 1}
    assert set(known.figures["gov_calibration"]) == {"ours", "LR"}
    assert all(figure.median < 1 for figure in unknown.figures["gov_accuracy"].values())


def test_snownlp_leans() -> None:
    assert language.snow_leaning(["质量很好，非常满意", "太差了，很失望"]) == [POSITIVE, NEGATIVE]


def test_speed_is_measured_of_the_published_models_and_of_snownlp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        outside, "strangers", lambda: [{"text": text} for text in ("我要退款", "几天能到", "太差了", "谢谢", "在吗", "好的")]
    )
    made = Found()
    language._speed(made, None)
    assert {name: {system: figure.times for system, figure in found.items()} for name, found in made.figures.items()} == {
        "batch_messages": {"ours": language.ROUNDS, "SnowNLP": language.ROUNDS},
        "single_ms": {"ours": 6, "SnowNLP": 6},
    }


def test_accuracy_recall_and_precision_by_hand() -> None:
    assert language.accuracy(["1", "0", "1", "1"], ["1", "1", "1", "0"]) == 0.5
    assert language.recall_and_precision([True, True, False, True], [True, False, True, False]) == (1 / 2, 1 / 3)
    assert language.recall_and_precision([False], [False]) == (0, 0)


# Outside and inside


def test_odds_trade_accuracy_inside_for_recall_outside() -> None:
    labels = ["a", "out_of_scope"]
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.6, 0.4], [0.2, 0.8]])
    true = ["a", "a", "out_of_scope", "out_of_scope"]
    assert outside.bounds(probabilities, labels, true) == outside.Bounds(0.5, 1.0, 1.0, 0.0)
    assert outside.bounds(probabilities, labels, true, odds=2) == outside.Bounds(1.0, 2 / 3, 0.5, 0.5)
    assert probabilities[1, 1] == 0.4, "the caller's figures stay as they are"


def test_what_is_wrong_anyway_is_not_lost_to_what_lies_outside() -> None:
    probabilities = np.array([[0.3, 0.1, 0.6], [0.1, 0.3, 0.6], [0.0, 0.0, 1.0]])
    reached = outside.bounds(probabilities, ["a", "b", "out_of_scope"], ["a", "a", "out_of_scope"])
    assert (reached.accuracy_inside, reached.lost_inside) == (0.0, 0.5)


@pytest.mark.parametrize(("favoured", "odds"), [({"out_of_scope": 16}, 16.0), ({}, 1.0), (None, 1.0)])
def test_odds_are_those_that_the_model_was_trained_with(tmp_path: Path, favoured: dict[str, float] | None, odds: float) -> None:
    nodes: dict[str, Any] = {"tokens": {"config": {}}, "intents": {"config": {} if favoured is None else {"favoured": favoured}}}
    content = json.dumps({"predict_schema": {"nodes": nodes}}).encode()
    archive = tmp_path / "assistant.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        member = tarfile.TarInfo("metadata.json")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    assert outside.published_odds(archive) == odds


# Telling


def test_targets_hold_up_to_their_limits() -> None:
    assert {target.title for target in language.targets(found().figures) if target.holds is not True} == set()
    worse = {"single_ms": 3.01, "gov_calibration": 0.051, "queue_calibration": 0.051, "sentiment_calibration": 0.051, "inside_lost": 3.1}
    missed = language.targets(found(**{name: ours * 0.99 for name, (ours, _) in LIMITS.items()} | worse | {"gov_f1": 0.9299}).figures)
    assert {target.title for target in missed if target.holds is not False} == set()


def test_what_was_not_measured_neither_holds_nor_is_missed() -> None:
    assert {target.holds for target in language.targets({})} == {None}
    alone = Found()
    alone.add("gov_f1", "ours", 0.9)
    assert {target.holds for target in language.targets(alone.figures)} == {None}, "points above the SVM need the SVM"


def test_the_report_tells_language_with_and_without_the_rest(tmp_path: Path) -> None:
    lines = language.as_markdown(found(), plan(tmp_path))
    alone = report.as_markdown({}, FACTS, lines)
    assert "| reviews in a batch, sentiment (texts/s) | 200 | 10 | – | – | – | 20.00× | higher |" in alone
    assert "| own text on reviews: accuracy | ≥ 0.84 | 0.84 | holds |" in alone
    assert "Abacus, 2 cores" in alone
    assert "turn latency" not in alone
    assert {line.count("|") for line in alone.splitlines() if line.startswith("|")} == {9, 5}, "every row has the cells of its heading"
    assert "turn latency" in report.as_markdown({"p50_ms": {"ours": found().figures["own"]["ours"]}}, FACTS, lines)


def test_the_json_tells_all_figures_and_targets(tmp_path: Path) -> None:
    content = json.loads(json.dumps(language.as_json(found(), plan(tmp_path))))
    assert content["metrics"]["own"]["systems"]["SnowNLP"]["median"] == 0.8
    assert len(content["targets"]) == len(language.targets({}))
    assert content["packages"]["snownlp"]


def test_options_of_language(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PUBLIC_DATA", str(tmp_path))
    assert command._parser().parse_args([]).datasets == tmp_path
    assert command._parser().parse_args(["--datasets", "elsewhere"]).datasets == Path("elsewhere")
    with pytest.raises(SystemExit) as stopped:
        command._parser().parse_args(["--only-language", "--no-language"])
    assert stopped.value.code == 2
    assert "not allowed with" in capsys.readouterr().err
