"""The ticket and sentiment classifier."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from bot.errors import DataError
from bot.learning.classifier import Part, TextClassifier, calibration_error
from bot.learning.text import normalise, words
from bot.training.examples import Examples, read_folder, read_rows

ROOT = Path(__file__).parents[2]
UNSEEN = ["我的快递到哪里了", "这个怎么退货啊", "发票什么时候开", "where is my parcel", "😀", "", "\ud800", "啊" * 4000, "202611080023"]


@pytest.fixture(scope="module")
def feelings() -> Examples:
    return read_rows(ROOT / "data" / "sentiment" / "support.csv", "text", "sentiment")


@pytest.fixture(scope="module")
def fitted(feelings: Examples) -> TextClassifier:
    return TextClassifier().fit(*feelings)


@pytest.fixture(scope="module")
def two_labels() -> TextClassifier:
    return TextClassifier().fit(["我要退款", "退钱给我", "怎么退钱", "到哪了", "快递呢", "快递到哪"], ["refund"] * 3 + ["track"] * 3)


@pytest.mark.parametrize("name", ["fitted", "two_labels"])
def test_probabilities_are_probabilities(name: str, request: pytest.FixtureRequest) -> None:
    classifier: TextClassifier = request.getfixturevalue(name)
    found = classifier.predict_proba(UNSEEN)
    assert found.shape == (len(UNSEEN), len(classifier.classes_))
    assert (found >= 0).all()
    assert np.allclose(found.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("name", ["fitted", "two_labels"])
def test_one_text_alone_is_judged_as_among_others(name: str, request: pytest.FixtureRequest) -> None:
    classifier: TextClassifier = request.getfixturevalue(name)
    for text, together in zip(UNSEEN, classifier.classify(UNSEEN), strict=True):
        (alone,) = classifier.classify([text])
        assert alone.scores == pytest.approx(together.scores, abs=1e-5)


def test_confidence_is_what_it_says(feelings: Examples, fitted: TextClassifier) -> None:
    assert fitted.cross_validation_["calibration_error"] <= 0.05
    kept_out = [number % 5 == 0 for number in range(len(feelings.texts))]
    split = {
        out: [pair for pair, is_out in zip(zip(*feelings, strict=True), kept_out, strict=True) if is_out == out] for out in (True, False)
    }
    classifier = TextClassifier().fit([text for text, _ in split[False]], [label for _, label in split[False]])
    found = classifier.classify([text for text, _ in split[True]])
    right = np.array([one.label == label for one, (_, label) in zip(found, split[True], strict=True)])
    assert calibration_error(np.array([one.confidence for one in found]), right) <= 0.1
    assert abs(fitted.cross_validation_["accuracy"] - right.mean()) < 0.06, "what is told of a model holds for messages it has not seen"


@pytest.mark.parametrize(
    ("confidences", "right", "error"), [([1.0], [True], 0.0), ([1.0], [False], 1.0), ([0.55, 0.55, 0.95], [True, False, True], 0.05)]
)
def test_calibration_error_by_hand(confidences: list[float], right: list[bool], error: float) -> None:
    assert calibration_error(np.array(confidences), np.array(right)) == pytest.approx(error)


@pytest.mark.parametrize("parts", [("squares",), ("bayes",), ("margin",), ("squares", "margin")])
def test_every_part_learns(parts: tuple[Part, ...], feelings: Examples) -> None:
    examples = Examples(feelings.texts[:400], feelings.labels[:400])
    classifier = TextClassifier(parts=parts).fit(*examples)
    assert classifier.cross_validation_["accuracy"] > 0.5
    assert classifier.classify(["谢谢，太好了"])[0].label == "positive"


def test_a_favoured_label_wins_where_it_was_close(two_labels: TextClassifier) -> None:
    favoring: TextClassifier = pickle.loads(pickle.dumps(two_labels))
    (before,) = favoring.classify(["你好"])
    favoring.favour("track", 3.0)
    (after,) = favoring.classify(["你好"])
    odds = [one.scores["track"] / one.scores["refund"] for one in (before, after)]
    assert odds[1] == pytest.approx(3 * odds[0], rel=1e-5)


def test_words_of_a_dictionary_are_words(tmp_path: Path) -> None:
    texts, labels = ["我要价保", "申请价保", "快递到哪", "快递呢"], ["billing", "billing", "logistics", "logistics"]
    classifier = TextClassifier(min_count=1, dictionary=["价保"]).fit(texts, labels)
    assert classifier.classify_and_explain("价保怎么弄")[1][0].term == "价保"
    copy: TextClassifier = pickle.loads(pickle.dumps(classifier))
    assert copy.classify_and_explain("价保怎么弄") == classifier.classify_and_explain("价保怎么弄")


def test_two_labels_are_told_apart(two_labels: TextClassifier) -> None:
    assert [found.label for found in two_labels.classify(["退钱吧", "快递呢快递"])] == ["refund", "track"]
    assert two_labels.predict(["退钱吧", "快递呢快递"]).tolist() == ["refund", "track"]


@pytest.mark.parametrize("name", ["fitted", "two_labels"])
def test_the_label_is_the_most_probable_one(name: str, request: pytest.FixtureRequest) -> None:
    classifier: TextClassifier = request.getfixturevalue(name)
    for found in classifier.classify(UNSEEN):
        assert set(found.scores) == set(classifier.classes_)
        assert found.confidence == max(found.scores.values()) == found.scores[found.label]


def test_nothing_asked_nothing_answered(fitted: TextClassifier) -> None:
    assert fitted.classify([]) == []


@pytest.mark.parametrize("name", ["fitted", "two_labels"])
def test_the_words_that_decided_stand_in_the_message(name: str, request: pytest.FixtureRequest) -> None:
    classifier: TextClassifier = request.getfixturevalue(name)
    for text in ["太慢了，退钱给我！！！", "客服很有耐心，谢谢", "快递到哪了呢", "Terrible SERVICE", *UNSEEN]:
        prediction, weights = classifier.classify_and_explain(text)
        (alone,) = classifier.classify([text])
        assert prediction.label == alone.label
        assert prediction.confidence == pytest.approx(alone.confidence, abs=1e-6)
        assert len(weights) <= 5
        assert [weight.weight for weight in weights] == sorted((weight.weight for weight in weights), reverse=True)
        for weight in weights:
            assert weight.weight > 0
            assert weight.term in words(normalise(text))


def test_a_clear_message_is_explained_by_its_clear_word(two_labels: TextClassifier) -> None:
    prediction, weights = two_labels.classify_and_explain("帮我查下快递")
    assert prediction.label == "track"
    assert weights[0].term == "快递"
    assert two_labels.classify_and_explain("快递不要了，退钱", label="refund")[1][0].term == "退钱"
    assert two_labels.classify_and_explain("帮我查下快递", limit=1)[1] == weights[:1]


def test_training_is_deterministic(feelings: Examples, fitted: TextClassifier) -> None:
    again = TextClassifier().fit(*feelings)
    assert np.array_equal(again.predict_proba(UNSEEN), fitted.predict_proba(UNSEEN))


def test_what_was_kept_predicts_the_same(fitted: TextClassifier) -> None:
    copy: TextClassifier = pickle.loads(pickle.dumps(fitted))
    assert np.array_equal(copy.predict_proba(UNSEEN), fitted.predict_proba(UNSEEN))
    assert copy.classify_and_explain("太慢了，退钱") == fitted.classify_and_explain("太慢了，退钱")
    assert copy.get_params() == fitted.get_params()


@pytest.mark.parametrize("labels", [[], ["only"], ["only", "only"]])
def test_one_label_is_not_enough(labels: list[str]) -> None:
    with pytest.raises(DataError, match="at least two labels"):
        TextClassifier().fit(["文字"] * len(labels), labels)


def test_rare_labels_are_learned_too() -> None:
    tickets = read_folder(ROOT / "data" / "tickets", "text", "queue")
    rare = [position for position, label in enumerate(tickets.labels) if label == "billing"][:12]
    kept = [position for position, label in enumerate(tickets.labels) if label == "logistics"][:200] + rare
    classifier = TextClassifier().fit([tickets.texts[at] for at in kept], [tickets.labels[at] for at in kept])
    assert classifier.classify(["麻烦开一下发票"])[0].label == "billing"
