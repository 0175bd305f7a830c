"""How good a classifier is: trained on one set of texts, measured on another."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support
from sklearn.model_selection import StratifiedKFold, cross_val_predict, train_test_split

from bot.errors import DataError
from bot.learning.classifier import TextClassifier


@dataclass(frozen=True, slots=True)
class Report:
    """Accuracy and macro-averaged F1 (0…1), precision, recall and support of each label, and how fast it was.

    `fit_seconds` is for the whole training set; `texts_per_second` for classifying the test set in one batch.
    """

    accuracy: float
    macro_f1: float
    per_class: dict[str, dict[str, float]]
    train_size: int
    test_size: int
    fit_seconds: float
    texts_per_second: float

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def evaluate(train_texts: Sequence[str], train_labels: Sequence[str], test_texts: Sequence[str], test_labels: Sequence[str]) -> Report:
    """Train on the first set, measure on the second.

    Raises:
        DataError: a set is empty, or the first has fewer than two labels.
    """
    if not test_texts:
        raise DataError("there is no text to test on")
    started = time.perf_counter()
    classifier = TextClassifier().fit(train_texts, train_labels)
    fitted = time.perf_counter()
    predicted = classifier.predict(test_texts).tolist()
    done = time.perf_counter()
    return Report(
        **scores(test_labels, predicted),
        train_size=len(train_texts),
        test_size=len(test_texts),
        fit_seconds=round(fitted - started, 4),
        texts_per_second=round(len(test_texts) / (done - fitted), 1),
    )


def scores(true: Sequence[str], predicted: Sequence[str]) -> dict[str, Any]:
    """`accuracy`, `macro_f1` and `per_class` of predictions, over the labels that occur in `true`."""
    labels = sorted(set(true))
    precision, recall, _, support = precision_recall_fscore_support(true, predicted, labels=labels, zero_division=0.0)
    return {
        "accuracy": round(float(accuracy_score(true, predicted)), 4),
        "macro_f1": round(float(f1_score(true, predicted, labels=labels, average="macro", zero_division=0.0)), 4),
        "per_class": {
            label: {"precision": round(float(p), 4), "recall": round(float(r), 4), "support": int(s)}
            for label, p, r, s in zip(labels, precision, recall, support, strict=True)
        },
    }


def hold_out(texts: Sequence[str], labels: Sequence[str], *, share: float = 0.2, seed: int = 7) -> dict[str, Any]:
    """Scores on a share of the examples that was kept out of training, drawn label by label.

    Raises:
        DataError: some label has fewer than two examples, so that none can be kept out.
    """
    try:
        train, test, train_labels, test_labels = train_test_split(
            list(texts), list(labels), test_size=share, random_state=seed, stratify=list(labels)
        )
    except ValueError as error:
        raise DataError(f"no examples can be kept out for measuring: {error}") from None
    report = evaluate(train, train_labels, test, test_labels)
    return {"accuracy": report.accuracy, "macro_f1": report.macro_f1, "held_out": len(test)}


def cross_validate(texts: Sequence[str], labels: Sequence[str], *, folds: int = 5, seed: int = 7) -> dict[str, Any]:
    """Scores where every example is predicted by a classifier that has not seen it."""
    splits = StratifiedKFold(folds, shuffle=True, random_state=seed)
    return scores(labels, cross_val_predict(TextClassifier(), list(texts), list(labels), cv=splits).tolist())
