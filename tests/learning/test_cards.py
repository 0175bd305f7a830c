"""A model is read only when it is what its card says."""

import hashlib
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io

from bot.errors import ModelError
from bot.learning.cards import load, read_card, save, sha256_of, verified
from bot.learning.classifier import TextClassifier

ROOT = Path(__file__).parents[2]
TEXTS = ["我要退款", "退钱给我", "怎么退钱", "到哪了", "快递呢", "快递到哪", "会员积分", "积分呢"]
LABELS = ["refund"] * 3 + ["track"] * 3 + ["points"] * 2


@pytest.fixture(scope="module")
def classifier() -> TextClassifier:
    return TextClassifier().fit(TEXTS, LABELS)


@pytest.fixture
def folder(tmp_path: Path, classifier: TextClassifier) -> Path:
    save(classifier, tmp_path / "models", "tickets", data_sha256="0" * 64, examples=8, metrics={"accuracy": 0.5})
    return tmp_path / "models"


def edit_card(folder: Path, **changes: Any) -> None:
    path = folder / "tickets.json"
    path.write_text(json.dumps({**json.loads(path.read_bytes()), **changes}), encoding="utf-8")


def test_what_was_saved_predicts_the_same(folder: Path, classifier: TextClassifier) -> None:
    model = load(folder, "tickets")
    asked = [*TEXTS, "退款到哪了", "", "😀"]
    assert np.array_equal(model.classifier.predict_proba(asked), classifier.predict_proba(asked))
    assert model.classify(asked) == classifier.classify(asked)
    assert model.classify_and_explain("退款到哪了") == classifier.classify_and_explain("退款到哪了")


def test_the_same_training_gives_the_same_file(folder: Path, tmp_path: Path) -> None:
    again = TextClassifier().fit(TEXTS, LABELS)
    card = save(again, tmp_path, "tickets", data_sha256="", examples=8, metrics={})
    assert (tmp_path / "tickets.skops").read_bytes() == (folder / "tickets.skops").read_bytes()
    assert card.version == read_card(folder, "tickets").version


def test_a_file_is_the_same_in_another_process_and_after_reading(folder: Path) -> None:
    code = f"""
from pathlib import Path
from bot.learning.classifier import TextClassifier
from bot.learning.files import dumps, loads
content = Path({str(folder / "tickets.skops")!r}).read_bytes()
print(dumps(TextClassifier().fit({TEXTS!r}, {LABELS!r})) == content == dumps(loads(content)))
"""
    environment = {**os.environ, "PYTHONHASHSEED": "12"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


def test_two_labels_are_kept_too(tmp_path: Path) -> None:
    two = TextClassifier(penalty=3.0).fit(TEXTS[:6], LABELS[:6])
    save(two, tmp_path, "tickets", data_sha256="", examples=6, metrics={})
    kept = load(tmp_path, "tickets").classifier
    assert kept.classify(TEXTS) == two.classify(TEXTS)
    assert kept.get_params() == two.get_params()


def test_the_card_says_what_the_model_is(folder: Path) -> None:
    card = read_card(folder, "tickets")
    assert (card.kind, card.file, card.examples, card.labels) == ("tickets", "tickets.skops", 8, ("points", "refund", "track"))
    assert card.sha256 == hashlib.sha256((folder / "tickets.skops").read_bytes()).hexdigest()
    assert card.version == card.sha256[:12] == load(folder, "tickets").version
    assert set(card.packages) >= {"scikit-learn", "skops", "numpy"}
    assert sorted(path.name for path in folder.iterdir()) == ["tickets.json", "tickets.skops"], "no scratch files stay"


def test_a_changed_file_is_not_read(folder: Path) -> None:
    path = folder / "tickets.skops"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelError, match="changed after training"):
        load(folder, "tickets")


def test_a_changed_card_is_not_believed(folder: Path) -> None:
    edit_card(folder, sha256="f" * 64)
    with pytest.raises(ModelError, match="changed after training"):
        load(folder, "tickets")


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[]", b"null", b"not json", b"\xff\xfe", b'{"kind": "tickets"}', b'{"labels": 3}', b'{"labels": [], "colour": 1}'],
)
def test_a_broken_card_is_refused(folder: Path, content: bytes) -> None:
    (folder / "tickets.json").write_bytes(content)
    with pytest.raises(ModelError, match="not a model card"):
        load(folder, "tickets")


def test_a_missing_card_or_file_is_named_with_the_way_out(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no sentiment model .* run: make train"):
        load(folder, "sentiment")
    with pytest.raises(ModelError, match="no tickets model"):
        load(tmp_path / "nowhere", "tickets")
    (folder / "tickets.skops").unlink()
    with pytest.raises(ModelError, match=r"tickets\.skops is missing"):
        load(folder, "tickets")


def test_another_kind_of_file_is_refused_even_with_the_right_hash(folder: Path, tmp_path: Path) -> None:
    trace = tmp_path / "was-run"

    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (trace,)

    for content in (pickle.dumps(Trap()), b"PK\x03\x04 nothing", b"", b"plain text"):
        (folder / "tickets.skops").write_bytes(content)
        edit_card(folder, sha256=hashlib.sha256(content).hexdigest())
        with pytest.raises(ModelError, match="cannot be read"):
            load(folder, "tickets")
    assert not trace.exists()


def test_what_is_not_trusted_is_not_built(folder: Path) -> None:
    content = skops.io.dumps({"model": Path.touch})
    (folder / "tickets.skops").write_bytes(content)
    edit_card(folder, sha256=hashlib.sha256(content).hexdigest())
    with pytest.raises(ModelError, match="cannot be read"):
        load(folder, "tickets")


def test_a_trusted_file_that_holds_no_classifier_is_refused(folder: Path) -> None:
    content = skops.io.dumps({"just": "a dictionary"})
    (folder / "tickets.skops").write_bytes(content)
    edit_card(folder, sha256=hashlib.sha256(content).hexdigest())
    with pytest.raises(ModelError):
        load(folder, "tickets")


def test_a_card_cannot_point_out_of_its_folder(folder: Path, tmp_path: Path) -> None:
    (folder / "tickets.skops").rename(tmp_path / "elsewhere.skops")
    edit_card(folder, file="../elsewhere.skops")
    with pytest.raises(ModelError):
        verified(folder, read_card(folder, "tickets"))


def test_the_hash_of_data_follows_names_and_contents(tmp_path: Path) -> None:
    one, two = tmp_path / "a.csv", tmp_path / "b.csv"
    one.write_text("text\n1", encoding="utf-8")
    two.write_text("text\n2", encoding="utf-8")
    first = sha256_of(one, two)
    assert first == sha256_of(two, one)
    two.write_text("text\n3", encoding="utf-8")
    assert sha256_of(one, two) != first
    two.write_text("text\n2", encoding="utf-8")
    assert sha256_of(one, two.rename(tmp_path / "c.csv")) != first
