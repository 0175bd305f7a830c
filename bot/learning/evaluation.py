"""How good a classifier is: trained on one set of texts, measured on another."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, precision_recall_fscore_support

from bot.errors import DataError
from bot.learning.classifier import TextClassifier, calibration_error

BINS = 10
HARDEST = 30
OUT_OF_SCOPE = "out_of_scope"


@dataclass(frozen=True, slots=True)
class Report:
    """Accuracy and macro-averaged F1 (0…1), precision, recall and support of each label, and how fast it was.

    `calibration_error` is the expected calibration error of the most probable label; `fit_seconds` is for the whole training set;
    `texts_per_second` for classifying the test set in one batch.
    """

    accuracy: float
    macro_f1: float
    calibration_error: float
    per_class: dict[str, dict[str, float]]
    train_size: int
    test_size: int
    fit_seconds: float
    texts_per_second: float

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


class Bin(NamedTuple):
    """Predictions of about the same confidence: their mean confidence, the share that is right, and how many they are."""

    confidence: float
    accuracy: float
    predictions: int


class Miss(NamedTuple):
    """A text whose most probable label is not the one that it has, and the words that decided."""

    text: str
    label: str
    predicted: str
    confidence: float
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Details:
    """What lies behind the figures. `confusion` has a row for each true label and a column for each predicted one, as in `labels`."""

    labels: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    calibration: tuple[Bin, ...]
    hardest: tuple[Miss, ...]


class Trial(NamedTuple):
    """A classifier as trained, how good it is on the test set, and what lies behind that."""

    classifier: TextClassifier
    report: Report
    details: Details


def evaluate(train_texts: Sequence[str], train_labels: Sequence[str], test_texts: Sequence[str], test_labels: Sequence[str]) -> Report:
    """Train on the first set, measure on the second.

    Raises:
        DataError: a set is empty, or the first has fewer than two labels.
    """
    return try_out(TextClassifier(), train_texts, train_labels, test_texts, test_labels).report


def try_out(
    classifier: TextClassifier,
    train_texts: Sequence[str],
    train_labels: Sequence[str],
    test_texts: Sequence[str],
    test_labels: Sequence[str],
) -> Trial:
    """Train this classifier on the first set, measure it on the second.

    Raises:
        DataError: a set is empty, or the first has fewer than two labels.
    """
    if not test_texts:
        raise DataError("there is no text to test on")
    started = time.perf_counter()
    classifier.fit(train_texts, train_labels)
    fitted = time.perf_counter()
    probabilities = classifier.predict_proba(test_texts)
    done = time.perf_counter()
    report = Report(
        **judged(classifier, probabilities, test_labels),
        train_size=len(train_texts),
        test_size=len(test_texts),
        fit_seconds=round(fitted - started, 4),
        texts_per_second=round(len(test_texts) / (done - fitted), 1),
    )
    return Trial(classifier, report, details(classifier, probabilities, test_texts, test_labels))


def judged(classifier: TextClassifier, probabilities: NDArray[np.float64], true: Sequence[str]) -> dict[str, Any]:
    """`accuracy`, `macro_f1`, `per_class` and `calibration_error` of a classifier's probabilities for texts whose labels are known."""
    predicted = classifier.classes_[probabilities.argmax(axis=1)]
    error = calibration_error(probabilities.max(axis=1), predicted == np.array(true, dtype=object))
    return {**scores(true, predicted.tolist()), "calibration_error": round(error, 4)}


def details(classifier: TextClassifier, probabilities: NDArray[np.float64], texts: Sequence[str], true: Sequence[str]) -> Details:
    """Which labels are taken for which, how far confidence can be believed, and the errors that were made most confidently."""
    predicted, confidences = classifier.classes_[probabilities.argmax(axis=1)].tolist(), probabilities.max(axis=1)
    right = np.array([one == other for one, other in zip(true, predicted, strict=True)])
    labels = sorted({*true, *predicted})
    wrong = [int(at) for at in np.argsort(-confidences, kind="stable") if not right[at]][:HARDEST]
    return Details(
        labels=tuple(labels),
        confusion=tuple(map(tuple, confusion_matrix(true, predicted, labels=labels).tolist())),
        calibration=calibration(confidences, right),
        hardest=tuple(
            Miss(texts[at], true[at], predicted[at], round(float(confidences[at]), 4), _evidence(classifier, texts[at], predicted[at]))
            for at in wrong
        ),
    )


def calibration(confidences: NDArray[np.float64], right: NDArray[np.bool_]) -> tuple[Bin, ...]:
    """The bins of the expected calibration error that hold any prediction, least confident first."""
    places = np.minimum((confidences * BINS).astype(int), BINS - 1)
    return tuple(
        Bin(round(float(confidences[here].mean()), 4), round(float(right[here].mean()), 4), int(here.sum()))
        for here in (places == number for number in range(BINS))
        if here.any()
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


class Read(NamedTuple):
    """What was understood of a text: its possible intents, most probable first, and whether the assistant would ask back."""

    ranking: Sequence[str]
    fallback: bool


def intent_scores(true: Sequence[str], read: Sequence[Read]) -> dict[str, Any]:
    """How well intents are understood, and what it costs to refuse what is not the shop's business.

    `accuracy`, `macro_f1` and `per_class` are those of the most probable intent. `out_of_scope_recall` is the share of messages outside
    that are named so, `out_of_scope_refused` of those that are named so or asked back; both are None without such messages. Of the
    messages within, `in_scope_accuracy` is that of the most probable intent. `lost_to_out_of_scope` are the percentage points that it
    lacks because messages within were taken for outside though their own intent came next; `lost_to_fallback` those that are lost besides
    because the assistant asks back though the most probable intent is right.
    """
    likeliest = [next(iter(each.ranking), OUT_OF_SCOPE) for each in read]
    outside = [at for at, label in enumerate(true) if label == OUT_OF_SCOPE]
    within = [at for at, label in enumerate(true) if label != OUT_OF_SCOPE]

    def share(places: Sequence[int], wanted: Sequence[bool]) -> float | None:
        return round(sum(wanted[at] for at in places) / len(places), 4) if places else None

    def points(wanted: Sequence[bool]) -> float | None:
        return round(100 * sum(wanted[at] for at in within) / len(within), 2) if within else None

    right = [one == other for one, other in zip(true, likeliest, strict=True)]
    named = [label == OUT_OF_SCOPE for label in likeliest]
    next_best = [next((label for label in each.ranking if label != OUT_OF_SCOPE), None) for each in read]
    return {
        **scores(true, likeliest),
        "test_size": len(true),
        "out_of_scope_recall": share(outside, named),
        "out_of_scope_refused": share(outside, [is_named or each.fallback for is_named, each in zip(named, read, strict=True)]),
        "in_scope_accuracy": share(within, right),
        "lost_to_out_of_scope": points(
            [is_named and other == label for is_named, other, label in zip(named, next_best, true, strict=True)]
        ),
        "lost_to_fallback": points([is_right and each.fallback for is_right, each in zip(right, read, strict=True)]),
    }


def _evidence(classifier: TextClassifier, text: str, label: str) -> tuple[str, ...]:
    return tuple(weight.term for weight in classifier.classify_and_explain(text, label=label)[1])
