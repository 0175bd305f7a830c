"""The ticket and sentiment classifier."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from bot.errors import DataError
from bot.learning.classifier import TextClassifier
from bot.learning.text import normalise
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
def test_probabilities_are_scikit_learns(name: str, request: pytest.FixtureRequest) -> None:
    classifier: TextClassifier = request.getfixturevalue(name)
    theirs = classifier.model_.predict_proba(classifier.vectorizer_.transform(UNSEEN))
    assert np.abs(classifier.predict_proba(UNSEEN) - theirs).max() < 1e-3


def test_half_precision_costs_nothing_that_matters(feelings: Examples, fitted: TextClassifier) -> None:
    weights = fitted.vectorizer_.transform(feelings.texts)
    whole = LogisticRegression(C=fitted.regularisation, class_weight="balanced", solver="lbfgs", max_iter=300, tol=1e-3)
    whole.fit(weights, feelings.labels)
    by_hand = softmax(fitted.vectorizer_.transform(UNSEEN) @ whole.coef_.T + whole.intercept_, axis=1)
    assert np.abs(fitted.predict_proba(UNSEEN) - by_hand).max() < 1e-3


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
            assert weight.term.replace(" ", "") in normalise(text).replace(" ", "")


def test_a_clear_message_is_explained_by_its_clear_word(two_labels: TextClassifier) -> None:
    prediction, weights = two_labels.classify_and_explain("帮我查下快递")
    assert prediction.label == "track"
    assert "快递" in weights[0].term
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
