"""Measuring and training on a shop's own files: what is written, and what is left alone."""

import hashlib
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from bot.errors import DataError
from bot.learning.cards import load
from bot.training import pictures
from bot.training.own_data import Columns, Ears, evaluate_files, train_file

COLUMNS = Columns("消息", "队列")
BILLING = ["发票抬头错了", "专票怎么开", "电子发票呢", "开一张发票", "发票没收到", "<script>alert(1)</script>发票", "发票 & 收据", "要发票"]
PARCEL = ["快递没动静", "物流停了", "包裹到哪了", "快递丢了", "物流太慢", "快递员不送上门", "包裹破了", "查快递"]


class Page(HTMLParser):
    """What a page has: its tags with their attributes, and its text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.marked: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag == "mark":
            self.marked.append("")

    def handle_data(self, data: str) -> None:
        self.words += data
        if self.lasttag == "mark" and self.marked and not self.marked[-1]:
            self.marked[-1] = data

    @property
    def names(self) -> set[str]:
        return {tag for tag, _ in self.tags}


class Heard(list[str]):
    def ears(self) -> Ears:
        return Ears(stage=lambda _: None, warn=self.append)


def written(path: Path, rows: list[tuple[str, str]], encoding: str = "utf-8") -> Path:
    path.write_text("消息,队列\n" + "".join(f'"{text}",{label}\n' for text, label in rows), encoding=encoding)
    return path


def queues(billing: str = "billing", logistics: str = "logistics") -> list[tuple[str, str]]:
    return [(text, billing) for text in BILLING] + [(text, logistics) for text in PARCEL]


def folder(path: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in path.iterdir()} if path.exists() else {}


def test_training_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    data = written(tmp_path / "a.csv", queues(), "gb18030")
    one, two = (
        train_file("tickets", data, COLUMNS, tmp_path, tmp_path / name, tmp_path / "models", Heard().ears()) for name in ("one", "two")
    )
    assert (tmp_path / "one" / "tickets.skops").read_bytes() == (tmp_path / "two" / "tickets.skops").read_bytes()
    assert (one.card.sha256, one.card.data_sha256) == (two.card.sha256, two.card.data_sha256)


def test_a_candidate_has_a_card_and_a_report_and_replaces_nothing(tmp_path: Path) -> None:
    data, models = written(tmp_path / "a.csv", queues("开票", "物流")), tmp_path / "models"
    models.mkdir()
    (models / "tickets.skops").write_bytes(b"the live model")
    found = train_file("tickets", data, COLUMNS, tmp_path, tmp_path / "out" / "deep", models, Heard().ears())
    assert folder(models) == {"tickets.skops": b"the live model"}
    assert set(folder(tmp_path / "out" / "deep")) == {"tickets.skops", "tickets.json", "tickets-report.html", "tickets-report.json"}
    model = load(tmp_path / "out" / "deep", "tickets")
    assert (model.card, model.card.labels) == (found.card, ("开票", "物流"))
    assert model.classify(["开发票"])[0].label == "开票"
    report = json.loads((tmp_path / "out" / "deep" / "tickets-report.json").read_bytes())
    assert report["model"] == model.version
    assert report["scores"]["accuracy"] == model.card.metrics["accuracy"]
    assert sum(map(sum, report["details"]["confusion"])) == 16


def test_publishing_puts_the_same_model_in_place(tmp_path: Path) -> None:
    data, models = written(tmp_path / "a.csv", queues()), tmp_path / "models"
    found = train_file("tickets", data, COLUMNS, tmp_path, tmp_path / "out", models, Heard().ears(), publish=True)
    assert hashlib.sha256((models / "tickets.skops").read_bytes()).hexdigest() == found.card.sha256
    assert load(models, "tickets").version == found.card.version


@pytest.mark.parametrize(
    ("kind", "rows", "said"),
    [
        ("tickets", queues("开票"), r"labels that the desk does not know \(开票\).*logistics"),
        ("sentiment", queues("1", "0"), r"does not know \(0, 1\).*negative, neutral, positive"),
        ("sentiment", queues("positive", "negative"), "no row labelled neutral"),
    ],
)
def test_labels_that_the_desk_does_not_know_are_not_published(tmp_path: Path, kind: str, rows: list[tuple[str, str]], said: str) -> None:
    data = written(tmp_path / "a.csv", rows)
    with pytest.raises(DataError, match=said):
        train_file(kind, data, COLUMNS, tmp_path, tmp_path / "out", tmp_path / "models", Heard().ears(), publish=True)
    assert not (tmp_path / "models").exists()
    assert not (tmp_path / "out").exists()


def test_the_published_models_are_no_place_for_a_candidate(tmp_path: Path) -> None:
    data, models = written(tmp_path / "a.csv", queues()), tmp_path / "models"
    with pytest.raises(DataError, match="folder of the published models"):
        train_file("tickets", data, COLUMNS, tmp_path, tmp_path / "x" / ".." / "models", models, Heard().ears())
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match="nothing can be written to"):
        train_file("tickets", data, COLUMNS, tmp_path, tmp_path / "file", models, Heard().ears())
    assert not models.exists()


def test_a_label_with_one_example_leaves_nothing_to_measure(tmp_path: Path) -> None:
    data, heard = written(tmp_path / "a.csv", [*queues(), ("登录不了", "account")]), Heard()
    found = train_file("tickets", data, COLUMNS, tmp_path, tmp_path / "out", tmp_path / "models", heard.ears())
    assert found.card.labels == ("account", "billing", "logistics")
    assert any("the label account has only 1" in said for said in heard)
    assert json.loads((tmp_path / "out" / "tickets-report.json").read_bytes())["details"] is None
    assert "无法留出来测量" in Page(found.page).words


@pytest.fixture
def hostile(tmp_path: Path) -> tuple[Page, dict[str, Any]]:
    """The report of labels and texts that try to be markup, and of errors by design."""
    bad, good = '<img src=x onerror="alert(1)">', "$\\frac{物流}$"
    train = written(tmp_path / "a.csv", queues(bad.replace('"', '""').join('""'), good))
    test = tmp_path / "b.csv"
    test.write_text(
        "消息,队列\n" + "".join(f'"{text}","{label}"\n' for text, label in [("<i>發票</i>", good), ("查快递", good), ("&amp;發票", good)]),
        encoding="utf-8",
    )
    evaluate_files("tickets", train, test, COLUMNS, tmp_path, Heard().ears(), tmp_path / "report")
    page = Page(tmp_path / "report" / "tickets-report.html")
    return page, json.loads((tmp_path / "report" / "tickets-report.json").read_bytes())


def test_a_report_stands_alone_and_runs_nothing(hostile: tuple[Page, dict[str, Any]]) -> None:
    page, _ = hostile
    assert not page.names & {"script", "link", "iframe", "object", "embed", "form", "base", "svg"}
    assert {(attributes.get("src") or "")[:26] for tag, attributes in page.tags if tag == "img"} == {"data:image/svg+xml;base64,"}
    assert not any(name.startswith("on") or name in {"href", "style"} for _, attributes in page.tags for name in attributes)
    policies = [attributes["content"] for tag, attributes in page.tags if attributes.get("http-equiv") == "Content-Security-Policy"]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]


def test_a_report_shows_texts_and_labels_as_they_are(hostile: tuple[Page, dict[str, Any]]) -> None:
    page, report = hostile
    assert "i" not in page.names
    assert '<img src=x onerror="alert(1)">' in page.words
    assert "$\\frac{物流}$" in page.words
    assert {miss["text"] for miss in report["details"]["hardest"]} == {"<i>發票</i>", "&amp;發票"}
    assert "<i>發票</i>" in page.words
    assert "&amp;發票" in page.words


def test_the_words_that_decided_are_marked_as_they_were_typed(hostile: tuple[Page, dict[str, Any]]) -> None:
    page, report = hostile
    assert all("发票" in miss["evidence"] for miss in report["details"]["hardest"])
    assert "發票" in page.marked


def test_evaluation_keeps_nothing_but_the_report(tmp_path: Path) -> None:
    train, test = written(tmp_path / "a.csv", queues()), written(tmp_path / "b.csv", [("开发票", "billing"), ("快递呢", "logistics")])
    before = folder(tmp_path)
    report = evaluate_files("tickets", train, test, COLUMNS, tmp_path, Heard().ears())
    assert report.accuracy == 1.0
    assert folder(tmp_path) == before


def test_letters_that_no_font_has_are_numbered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "CHINESE", ())
    assert pictures._names(["billing", "物流"]) == (pictures.LATIN, ["1", "2"])
    assert pictures._names(["billing", "logistics"]) == (pictures.LATIN, ["billing", "logistics"])
    assert pictures.confusion_picture(["物流", "发票"], [[1, 0], [0, 2]]).startswith("<?xml")


def test_pictures_are_the_same_each_time() -> None:
    labels = [f"标签{number}" for number in range(60)]
    confusion = [[int(row == column) * 5 for column in range(60)] for row in range(60)]
    assert pictures.confusion_picture(labels, confusion) == pictures.confusion_picture(labels, confusion)
