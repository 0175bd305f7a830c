"""Training and publishing, and how good the published models are."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bot.errors import DataError, ModelError
from bot.learning.cards import TrainedModel, load, read_card
from bot.training.train import KINDS, published, train

ROOT = Path(__file__).parents[2]
NLU = """
version: "3.1"
nlu:
- intent: track_order
  examples: |
    - 我的[空气炸锅](product)到哪了
    - 快递到哪了
    - 物流信息呢
- intent: request_invoice
  examples: |
    - 开发票
    - 要一张发票
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small project: its training text only."""
    for part in ("tickets", "sentiment", "nlu"):
        (tmp_path / "data" / part).mkdir(parents=True)
    rows = [("快递没动静", "logistics"), ("发票抬头错了", "billing"), ("物流停了", "logistics"), ("专票怎么开", "billing")] * 3
    with (tmp_path / "data" / "tickets" / "a.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "queue"), *rows])
    rows = [("太慢了", "negative", "true"), ("你好", "neutral", "false"), ("谢谢，真好", "positive", "false")] * 4
    with (tmp_path / "data" / "sentiment" / "a.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "sentiment", "escalate"), *rows])
    (tmp_path / "data" / "nlu" / "nlu.yml").write_text(NLU, encoding="utf-8")
    return tmp_path


def test_tickets_are_learned_from_both_tables_and_intents(project: Path) -> None:
    card = train("tickets", project, project / "models")
    assert card.examples == 12 + 5
    assert card.labels == ("billing", "logistics")
    assert set(card.metrics) == {"accuracy", "macro_f1", "calibration_error", "folds"}
    model = load(project / "models", "tickets")
    assert model.card == card
    assert [found.label for found in model.classify(["发票呢", "快递呢"])] == ["billing", "logistics"]


def test_sentiment_is_learned_from_its_tables(project: Path) -> None:
    card = train("sentiment", project, project / "models")
    assert (card.examples, card.labels) == (12, ("negative", "neutral", "positive"))
    assert load(project / "models", "sentiment").classify(["太慢了"])[0].label == "negative"


def test_phrases_weigh_on_the_words_that_make_them(project: Path) -> None:
    assert load_after_training(project).classify(["隔音差"])[0].label != "negative"
    (project / "data" / "phrases").mkdir()
    (project / "data" / "phrases" / "rooms.csv").write_text("text,sentiment\n隔音很差,negative\n床很舒服,positive\n", encoding="utf-8")
    assert load_after_training(project).classify(["隔音差"])[0].label == "negative"


def load_after_training(project: Path) -> TrainedModel:
    train("sentiment", project, project / "models")
    return load(project / "models", "sentiment")


def test_the_need_for_a_person_is_learned_from_the_same_tables(project: Path) -> None:
    card = train("escalation", project, project / "models")
    assert (card.examples, card.labels) == (12, ("false", "true"))
    assert load(project / "models", "escalation").classify(["太慢了"])[0].label == "true"


def test_words_of_the_dictionary_are_part_of_the_data(project: Path) -> None:
    before = train("tickets", project, project / "models").data_sha256
    (project / "data" / "dictionary.txt").write_text("价保\n", encoding="utf-8")
    assert train("tickets", project, project / "models").data_sha256 != before
    assert load(project / "models", "tickets").classifier.dictionary == ("价保",)


def test_the_same_data_gives_the_same_model(project: Path) -> None:
    one, two = (train("tickets", project, project / folder) for folder in ("one", "two"))
    assert one.data_sha256 == two.data_sha256
    texts = ["发票呢", "快递呢", "转人工"]
    assert load(project / "one", "tickets").classify(texts) == load(project / "two", "tickets").classify(texts)
    with (project / "data" / "tickets" / "a.csv").open("a", encoding="utf-8") as file:
        file.write("包裹丢了,logistics\n")
    assert train("tickets", project, project / "models").data_sha256 != one.data_sha256


def test_training_that_fails_leaves_what_is_published(project: Path) -> None:
    models = project / "models"
    train("tickets", project, models)
    before = {path.name: path.read_bytes() for path in models.iterdir()}
    (project / "data" / "tickets" / "b.csv").write_text("text,queue\n没有标签,\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"b\.csv, line 2"):
        train("tickets", project, models)
    assert {path.name: path.read_bytes() for path in models.iterdir()} == before


def test_no_data_is_said(project: Path) -> None:
    (project / "data" / "sentiment" / "a.csv").unlink()
    with pytest.raises(DataError, match="no CSV files"):
        train("sentiment", project, project / "models")
    with pytest.raises(ModelError):
        read_card(project / "models", "sentiment")


def test_published_means_all_of_them_and_unchanged(project: Path) -> None:
    models = project / "models"
    assert not published(models)
    for kind in KINDS:
        models.mkdir(exist_ok=True)
        card = json.loads((ROOT / "models" / f"{kind}.json").read_bytes())
        for name in (f"{kind}.json", card["file"]):
            (models / name).symlink_to(ROOT / "models" / name)
        assert published(models) == (kind == KINDS[-1])
    (models / "tickets.skops").unlink()
    assert not published(models)
    (models / "tickets.skops").write_bytes(b"something else")
    assert not published(models)


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[dict[str, str], dict[str, Any]]]:
    """Held-out messages with what the published models make of them, in one process."""
    folder = tmp_path_factory.mktemp("predict")
    with (ROOT / "tests" / "data" / "strangers.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    done = subprocess.run(
        [sys.executable, "-m", "bot", "predict"],
        input="".join(json.dumps({"text": row["text"]}) + "\n" for row in rows),
        env={**os.environ, "ZHIKE_DATABASE_URL": f"sqlite:///{folder / 'zhike.db'}", "ZHIKE_VAR": str(folder)},
        cwd=ROOT, capture_output=True, text=True, encoding="utf-8", timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return list(zip(rows, map(json.loads, done.stdout.splitlines()), strict=True))


@pytest.mark.parametrize(("field", "least"), [("intent", 0.90), ("queue", 0.92), ("sentiment", 0.88)])
def test_the_published_models_understand_strangers(judged: list[tuple[dict[str, str], dict[str, Any]]], field: str, least: float) -> None:
    right = sum(row[field] == answer[field] for row, answer in judged)
    assert len(judged) > 600
    assert right / len(judged) >= least


def test_strangers_in_need_reach_a_person_and_few_others_do(judged: list[tuple[dict[str, str], dict[str, Any]]]) -> None:
    needed = {row["text"] for row, _ in judged if row["escalate"] == "true"}
    called = {row["text"] for row, answer in judged if answer["escalate"]}
    assert len(needed & called) / len(needed) >= 0.85
    assert len(needed & called) / len(called) >= 0.85
