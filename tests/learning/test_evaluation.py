"""How good a classifier is, against figures worked out by hand."""

import numpy as np
import pytest

from bot.errors import DataError
from bot.learning.classifier import TextClassifier
from bot.learning.evaluation import Bin, Read, calibration, evaluate, intent_scores, scores, try_out

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
    assert 0 <= report.calibration_error <= 1
    assert set(report.as_dict()) == {
        "accuracy", "macro_f1", "calibration_error", "per_class", "train_size", "test_size", "fit_seconds", "texts_per_second",
    }  # fmt: skip


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


def test_what_lies_behind_the_figures() -> None:
    trial = try_out(TextClassifier(), TRAIN, TRAIN_LABELS, ["退钱", "快递", "退款", "发票"], ["refund", "track", "track", "billing"])
    details = trial.details
    assert details.labels == ("billing", "refund", "track")
    assert details.confusion[1] == (0, 1, 0)
    assert details.confusion[2] == (0, 1, 1)
    assert sum(details.confusion[0]) == 1
    assert sum(part.predictions for part in details.calibration) == 4
    assert {miss.text for miss in details.hardest} == {"退款", "发票"}
    assert [miss.confidence for miss in details.hardest] == sorted((miss.confidence for miss in details.hardest), reverse=True)
    (refund,) = [miss for miss in details.hardest if miss.text == "退款"]
    assert (refund.label, refund.predicted) == ("track", "refund")
    assert refund.evidence


def test_calibration_by_hand() -> None:
    found = calibration(np.array([0.91, 0.99, 0.55, 1.0]), np.array([True, False, True, True]))
    assert found == (Bin(0.55, 1.0, 1), Bin(0.9667, 0.6667, 3))


def test_intents_and_what_refusing_costs_by_hand() -> None:
    true = ["greet", "greet", "track_order", "track_order", "out_of_scope", "out_of_scope", "out_of_scope", "thank"]
    read = [
        Read(("greet", "thank"), False),
        Read(("out_of_scope", "greet"), False),  # lost to out_of_scope
        Read(("track_order", "greet"), True),  # right, but asked back
        Read(("out_of_scope", "greet"), False),  # wrong without out_of_scope, too
        Read(("out_of_scope", "greet"), False),
        Read(("greet", "out_of_scope"), True),  # asked back
        Read((), True),  # nothing to go by counts as outside
        Read(("greet",), True),  # wrong before it was asked back
    ]
    found = intent_scores(true, read)
    assert found["accuracy"] == 0.5
    assert found["out_of_scope_recall"] == round(2 / 3, 4)
    assert found["out_of_scope_refused"] == 1.0
    assert found["in_scope_accuracy"] == 0.4
    assert found["lost_to_out_of_scope"] == 20.0
    assert found["lost_to_fallback"] == 20.0
    assert found["test_size"] == 8
    assert found["per_class"]["thank"]["support"] == 1


def test_without_messages_outside_nothing_is_said_of_them() -> None:
    found = intent_scores(["greet"], [Read(("greet",), False)])
    assert (found["out_of_scope_recall"], found["out_of_scope_refused"], found["in_scope_accuracy"]) == (None, None, 1.0)
    assert intent_scores(["out_of_scope"], [Read(("greet",), False)])["lost_to_fallback"] is None
