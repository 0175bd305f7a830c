"""How good a classifier is, against figures worked out by hand."""

import pytest

from bot.errors import DataError
from bot.learning.evaluation import cross_validate, evaluate, hold_out, scores

TRAIN = ["我要退款", "退钱给我", "怎么退钱", "到哪了", "快递呢", "快递到哪"]
TRAIN_LABELS = ["refund"] * 3 + ["track"] * 3


def test_scores_by_hand() -> None:
    #        a: 3 true, 2 found, 1 false  → precision 2/3, recall 2/3, F1 2/3
    #        b: 2 true, 1 found, 1 false  → precision 1/2, recall 1/2, F1 1/2
    #        c: 1 true, 1 found, 0 false  → precision 1, recall 1, F1 1
    found = scores(["a", "a", "a", "b", "b", "c"], ["a", "a", "b", "a", "b", "c"])
    assert found["accuracy"] == round(4 / 6, 4)
    assert found["macro_f1"] == round((2 / 3 + 1 / 2 + 1) / 3, 4)
    assert found["per_class"] == {
        "a": {"precision": 0.6667, "recall": 0.6667, "support": 3},
        "b": {"precision": 0.5, "recall": 0.5, "support": 2},
        "c": {"precision": 1.0, "recall": 1.0, "support": 1},
    }


def test_labels_that_only_the_classifier_names_count_as_errors_and_nothing_else() -> None:
    found = scores(["a", "a", "b", "b"], ["a", "z", "b", "b"])
    assert found["accuracy"] == 0.75
    assert set(found["per_class"]) == {"a", "b"}
    assert found["macro_f1"] == round((2 / 3 + 1) / 2, 4)


def test_a_label_that_is_never_found_scores_nothing() -> None:
    found = scores(["a", "b"], ["a", "a"])
    assert found["per_class"]["b"] == {"precision": 0.0, "recall": 0.0, "support": 1}
    assert found["macro_f1"] == round((2 / 3 + 0) / 2, 4)


def test_training_on_one_set_and_testing_on_another() -> None:
    report = evaluate(TRAIN, TRAIN_LABELS, ["退钱", "快递", "快递在哪", "退款"], ["refund", "track", "track", "track"])
    assert report.accuracy == 0.75
    assert report.per_class["refund"] == {"precision": 0.5, "recall": 1.0, "support": 1}
    assert report.per_class["track"] == {"precision": 1.0, "recall": round(2 / 3, 4), "support": 3}
    assert report.macro_f1 == round((2 / 3 + 0.8) / 2, 4)
    assert (report.train_size, report.test_size) == (6, 4)
    assert report.fit_seconds > 0
    assert report.texts_per_second > 0
    assert set(report.as_dict()) == {"accuracy", "macro_f1", "per_class", "train_size", "test_size", "fit_seconds", "texts_per_second"}


@pytest.mark.parametrize(
    ("train", "labels", "test", "test_labels", "said"),
    [
        (TRAIN, TRAIN_LABELS, [], [], "no text to test on"),
        (TRAIN[:3], TRAIN_LABELS[:3], ["退"], ["refund"], "at least two labels"),
        ([], [], ["退"], ["refund"], "two labels"),
    ],
)
def test_what_cannot_be_evaluated_is_said(train: list[str], labels: list[str], test: list[str], test_labels: list[str], said: str) -> None:
    with pytest.raises(DataError, match=said):
        evaluate(train, labels, test, test_labels)


def test_a_share_is_kept_out_label_by_label() -> None:
    found = hold_out(TRAIN * 5, TRAIN_LABELS * 5)
    assert found == {"accuracy": 1.0, "macro_f1": 1.0, "held_out": 6}
    assert hold_out(TRAIN * 5, TRAIN_LABELS * 5) == found


def test_what_cannot_be_kept_out_is_said() -> None:
    with pytest.raises(DataError, match="kept out"):
        hold_out(["一", "二", "三"], ["a", "a", "b"])


def test_cross_validation_never_asks_about_what_was_learned() -> None:
    """Labels that say nothing about the text cannot be guessed, except by a classifier that has seen them."""
    texts = [f"消息{chr(0x4E00 + number)}" for number in range(60)]
    labels = ["a", "b", "c"] * 20
    assert cross_validate(texts, labels)["accuracy"] < 0.7
    assert cross_validate(TRAIN * 5, TRAIN_LABELS * 5)["accuracy"] == 1.0
