"""A linear text classifier: TF-IDF over words and character n-grams, linear scores, and softmax on top of them."""

import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any, Literal, NamedTuple, Self, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.sparse import csr_matrix
from scipy.special import log_softmax, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import RidgeClassifier
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import LabelEncoder, normalize
from sklearn.svm import LinearSVC

from bot.errors import DataError
from bot.learning.lookup import Lookup, hashes
from bot.learning.text import Cutter, cutter, places, terms

Part = Literal["squares", "bayes", "margin"]
"""A way to find linear scores: least squares, least squares on naive Bayes' ratios, a support vector machine."""

PARTS: tuple[Part, ...] = get_args(Part)
FOLDS = 5
PLAIN_SHARPNESS = 2.0
"""How sharp probabilities are where there are too few examples to measure it."""
_SMOOTHING = 1.0
_TELLING = 0.15
"""Words that count for less than this share of the strongest explain nothing."""
_SEED = 7


class Weight(NamedTuple):
    """A word of a text and how much it spoke for a label (its share of the label's decision value)."""

    term: str
    weight: float


class Prediction(NamedTuple):
    """A label, its probability, and the probabilities of all labels."""

    label: str
    confidence: float
    scores: dict[str, float]


def calibration_error(confidences: NDArray[np.float64], right: NDArray[np.bool_], bins: int = 10) -> float:
    """Expected calibration error, 0…1: how far confidence and accuracy lie apart on average, over bins of equal width (Guo et al., 2017).

    >>> calibration_error(np.array([0.95, 0.95]), np.array([True, False]))
    0.45
    """
    places = np.minimum((confidences * bins).astype(int), bins - 1)
    counts = np.bincount(places, minlength=bins)
    gaps = np.bincount(places, weights=confidences, minlength=bins) - np.bincount(places, weights=right, minlength=bins)
    return round(float(np.abs(gaps).sum() / counts.sum()), 12)


class TextClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Softmax regression on the TF-IDF weights of `bot.learning.text.terms`.

    The probability of label k for the weights x of a text is exp(w_k·x + b_k) / Σ_j exp(w_j·x + b_j) (Bishop, Pattern Recognition
    and Machine Learning, 4.3.4). The weights come in two steps, because maximum likelihood alone follows its examples too closely: first
    directions, from one or more `parts` whose scores count alike; then their common length, the one that makes the probabilities of
    examples kept out of training most likely (temperature scaling: Guo et al., On Calibration of Modern Neural Networks, 2017).

    Parameters:
        parts: `squares`, one-versus-rest ridge regression; `bayes`, the same on x∘r_k, r_k being the log-ratio of how often terms occur
            with and without label k (Wang and Manning, Baselines and Bigrams, 2012); `margin`, one-versus-rest linear SVM.
        penalty: strength of the L2 penalty of `squares` and `bayes`.
        min_count: terms in fewer texts than this are left out.
        balanced: weigh labels inversely to their frequency.
        dictionary: words that jieba does not know.

    Attributes after `fit`: `classes_` (labels, sorted), `vectorizer_`, `weights_` (terms × labels), `intercepts_` (labels),
    `cross_validation_` (accuracy, macro F1 and expected calibration error on examples kept out, fold by fold; empty when some label has
    only one example), `out_of_fold_` (what was predicted for them, as `predict_proba` does; None in that case, and not kept in files).

    >>> model = TextClassifier(min_count=1).fit(["我要退款", "退钱", "到哪了", "快递呢"], ["refund", "refund", "track", "track"])
    >>> model.classify(["什么时候退款"])[0].label
    'refund'
    """

    def __init__(
        self,
        *,
        parts: Sequence[Part] = ("squares", "bayes"),
        penalty: float = 0.8,
        min_count: int = 2,
        balanced: bool = True,
        dictionary: Sequence[str] = (),
    ) -> None:
        self.parts = parts
        self.penalty = penalty
        self.min_count = min_count
        self.balanced = balanced
        self.dictionary = dictionary

    def fit(self, X: Sequence[str], y: Sequence[str]) -> Self:  # noqa: N803 (scikit-learn's names)
        """Learn from texts and their labels.

        Raises:
            DataError: fewer than two labels, or no words at all.
        """
        encoder = LabelEncoder().fit(list(y))
        self.classes_ = encoder.classes_
        if len(self.classes_) < 2:
            raise DataError(f"a classifier needs examples of at least two labels; there is {len(self.classes_)}")
        self.vectorizer_ = self._vectorizer(min_df=self.min_count if len(X) >= 100 else 1)
        self._lookup: Lookup | None = None
        try:
            weighed = self.vectorizer_.fit_transform(X)
        except ValueError as error:
            raise DataError(f"there is nothing to learn from in the texts: {error}") from None
        labels = encoder.transform(list(y))
        weights, intercepts = self._scores(weighed, labels)
        sharpness = self._cross_validate(weighed, labels)
        # Half the precision is plenty, and half the memory.
        self.weights_: NDArray[np.float32] = np.ascontiguousarray(weights * sharpness, dtype=np.float32)
        self.intercepts_: NDArray[np.float64] = intercepts * sharpness
        return self

    def _scores(self, weighed: csr_matrix, labels: NDArray[np.intp]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Weights (terms × labels) and intercepts of the sum of all parts, each brought to the same spread over the examples."""
        count = len(self.classes_)
        weights, intercepts = np.zeros((weighed.shape[1], count)), np.zeros(count)
        for part in self.parts:
            w, b = getattr(self, f"_{part}")(weighed, labels)
            if count == 2:  # two labels share one score
                w, b = np.hstack([-w, w]), np.array([-b[0], b[0]])
            spread = float(np.std(weighed @ w + b)) or 1.0
            weights += w / spread
            intercepts += b / spread
        return weights / len(self.parts), intercepts / len(self.parts)

    def _squares(self, weighed: csr_matrix, labels: NDArray[np.intp]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        fitted = RidgeClassifier(alpha=self.penalty, class_weight=self._class_weight, solver="sparse_cg").fit(weighed, labels)
        return np.atleast_2d(fitted.coef_).T, np.atleast_1d(fitted.intercept_)

    def _margin(self, weighed: csr_matrix, labels: NDArray[np.intp]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        fitted = LinearSVC(C=0.4, class_weight=self._class_weight, random_state=_SEED).fit(weighed, labels)
        return np.atleast_2d(fitted.coef_).T, np.atleast_1d(fitted.intercept_)

    def _bayes(self, weighed: csr_matrix, labels: NDArray[np.intp]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        present = csr_matrix(weighed > 0, dtype=np.float64)
        everywhere = np.asarray(present.sum(axis=0)).ravel() + 2 * _SMOOTHING
        columns, intercepts = [], []
        for label in range(len(self.classes_)) if len(self.classes_) > 2 else (1,):
            here = np.asarray(present[labels == label].sum(axis=0)).ravel() + _SMOOTHING
            elsewhere = everywhere - here
            ratio = np.log(here / here.sum()) - np.log(elsewhere / elsewhere.sum())
            scaled = weighed.multiply(ratio.astype(np.float32)).tocsr()
            w, b = self._squares(scaled, (labels == label).astype(int))
            columns.append(w[:, 0] * ratio)
            intercepts.append(b[0])
        return np.stack(columns, axis=1), np.array(intercepts)

    @property
    def _class_weight(self) -> str | None:
        return "balanced" if self.balanced else None

    def _cross_validate(self, weighed: csr_matrix, labels: NDArray[np.intp]) -> float:
        """How good the scores of examples are that were kept out, and the factor under which their labels are most likely."""
        self.cross_validation_: dict[str, Any] = {}
        self.out_of_fold_: NDArray[np.float64] | None = None
        folds = min(FOLDS, int(np.bincount(labels).min()))
        if folds < 2:
            return PLAIN_SHARPNESS
        scores = np.empty((len(labels), len(self.classes_)))
        for train, test in StratifiedKFold(folds, shuffle=True, random_state=_SEED).split(labels, labels):
            weights, intercepts = self._scores(weighed[train], labels[train])
            scores[test] = weighed[test] @ weights + intercepts

        def surprise(sharpness: float) -> float:
            return float(-log_softmax(sharpness * scores, axis=1)[np.arange(len(labels)), labels].mean())

        sharpness = float(minimize_scalar(surprise, bounds=(0.1, 50.0), method="bounded").x)
        probabilities, found = softmax(sharpness * scores, axis=1), scores.argmax(axis=1)
        self.out_of_fold_ = probabilities
        self.cross_validation_ = {
            "accuracy": round(float((found == labels).mean()), 4),
            "macro_f1": round(float(f1_score(labels, found, average="macro")), 4),
            "calibration_error": round(calibration_error(probabilities.max(axis=1), found == labels), 4),
            "folds": folds,
        }
        return sharpness

    def favour(self, label: str, odds: float) -> None:
        """Count the odds of a label so many times: for one that costs more to miss than to suppose."""
        self.intercepts_[self.classes_.tolist().index(label)] += np.log(odds)

    def predict_proba(self, X: Sequence[str]) -> NDArray[np.float64]:  # noqa: N803
        """Probabilities, one row per text, one column per label of `classes_`."""
        probabilities: NDArray[np.float64] = softmax(self._weigh_all(X) @ self.weights_ + self.intercepts_, axis=1)
        return probabilities

    def predict(self, X: Sequence[str]) -> NDArray[Any]:  # noqa: N803
        """The most probable label of each text."""
        best: NDArray[Any] = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return best

    def classify(self, texts: Sequence[str]) -> list[Prediction]:
        """Label, confidence and all scores of each text."""
        if not texts:
            return []
        labels = self.classes_.tolist()
        if len(texts) == 1:
            return [self._classify_one(texts[0])[0]]
        probabilities = self.predict_proba(texts)
        best = probabilities.argmax(axis=1).tolist()
        return [
            Prediction(labels[place], row[place], dict(zip(labels, row, strict=True)))
            for place, row in zip(best, probabilities.tolist(), strict=True)
        ]

    def classify_and_explain(self, text: str, limit: int = 5, label: str | None = None) -> tuple[Prediction, list[Weight]]:
        """One text: its label, and the words that spoke most for it, strongest first. With `label`, those that spoke for that one.

        A word's weight is what the terms that touch it add to the label's decision value (TF-IDF weight times the label's weight), each
        term's share being spread evenly over its characters. Words come as they are read (`bot.learning.text.normalise`), each once;
        only those that count for something, and only positive weights, which for two labels are those against the other.
        """
        prediction, best, indices, weights = self._classify_one(text)
        wanted = best if label is None else self.classes_.tolist().index(label)
        return prediction, self._words(text, weights * self.weights_[indices, wanted], indices)[:limit]

    def _words(self, text: str, contributions: NDArray[np.float32], indices: NDArray[np.intp]) -> list[Weight]:
        where = places(text, self._cut)
        if not len(indices):
            return []
        occurring = np.fromiter((self.vectorizer_.vocabulary_.get(term, -1) for term in terms(text, self._cut)), dtype=np.intp)
        order = np.argsort(indices)
        at = order[np.searchsorted(indices, occurring, sorter=order).clip(0, len(indices) - 1)]
        known = occurring >= 0
        times = np.bincount(at[known], minlength=len(indices))
        shares = np.where(known, contributions[at] / np.maximum(times[at], 1), 0.0) / np.maximum(where.ends - where.starts, 1)
        length = int(where.ends.max()) + 1
        rises = np.bincount(where.starts, weights=shares, minlength=length) - np.bincount(where.ends, weights=shares, minlength=length)
        characters = np.cumsum(rises)
        by_word: dict[str, float] = {}
        for piece, weight in zip(where.pieces, np.add.reduceat(characters, where.piece_starts).tolist(), strict=True):
            if any(character.isalnum() or unicodedata.category(character) == "So" for character in piece):
                by_word[piece] = by_word.get(piece, 0.0) + weight
        strongest = sorted(by_word.items(), key=lambda item: -item[1])
        least = _TELLING * strongest[0][1] if strongest else 0.0
        return [Weight(word, round(weight, 4)) for word, weight in strongest if weight > 0 and weight >= least]

    def _classify_one(self, text: str) -> tuple[Prediction, int, NDArray[np.intp], NDArray[np.float32]]:
        """The prediction, the number of its label, and the terms of the text with their weights."""
        indices, weights = self._weigh(text)
        decision = weights @ self.weights_[indices] + self.intercepts_
        probabilities = np.exp(decision - decision.max())  # scipy's softmax takes ten times as long for a single text
        probabilities /= probabilities.sum()
        best = int(probabilities.argmax())
        labels, scores = self.classes_.tolist(), probabilities.tolist()
        return Prediction(labels[best], scores[best], dict(zip(labels, scores, strict=True))), best, indices, weights

    def _weigh(self, text: str) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """Terms of one text and their TF-IDF weights: what the vectorizer gives, without what it needs for many texts at once."""
        vocabulary = self.vectorizer_.vocabulary_
        counts = Counter(map(vocabulary.get, terms(text, self._cut)))
        counts.pop(None, None)
        indices = np.fromiter(counts, dtype=np.intp, count=len(counts))
        weights = np.log(np.fromiter(counts.values(), dtype=np.float32, count=len(counts))) + 1
        weights *= self.vectorizer_.idf_[indices]
        length = float(np.sqrt(weights @ weights)) or 1.0
        normalised: NDArray[np.float32] = weights / np.float32(length)
        return indices, normalised

    def _weigh_all(self, texts: Sequence[str]) -> csr_matrix:
        """The same for many texts, one row each."""
        if self._lookup is None:
            self._lookup = Lookup(self.vectorizer_.get_feature_names_out().tolist())
        cut = self._cut
        found = [hashes(terms(text, cut)) for text in texts]
        rows = np.repeat(np.arange(len(found), dtype=np.int32), [len(one) for one in found])
        columns = self._lookup(np.concatenate([hashes(()), *found]))
        known = columns >= 0
        ones = np.ones(int(known.sum()), dtype=np.float32)
        weighed = csr_matrix((ones, (rows[known], columns[known])), shape=(len(found), len(self.weights_)))
        weighed.data = (np.log(weighed.data) + 1) * self.vectorizer_.idf_[weighed.indices].astype(np.float32)
        return normalize(weighed, copy=False)

    @property
    def _cut(self) -> Cutter:
        return cutter(tuple(self.dictionary))

    def _vectorizer(self, **options: Any) -> TfidfVectorizer:
        return TfidfVectorizer(analyzer=partial(terms, cut=self._cut), sublinear_tf=True, dtype=np.float32, **options)

    def __getstate__(self) -> dict[str, Any]:
        """What is kept of a classifier: the terms as one text, since a file with an entry for each is slow to read and large in memory."""
        state: dict[str, Any] = dict(super().__getstate__())
        for name in ("_lookup", "out_of_fold_"):
            state.pop(name, None)
        if vectorizer := state.pop("vectorizer_", None):
            state |= {"terms": "\n".join(vectorizer.get_feature_names_out()), "idf": vectorizer.idf_}
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """The classifier as it was."""
        kept = {name: value for name, value in state.items() if name not in {"terms", "idf"}}
        super().__setstate__(kept)
        if "terms" in state:
            self.vectorizer_ = self._vectorizer(vocabulary=state["terms"].split("\n"))
            self.vectorizer_.idf_ = state["idf"]
            self._lookup = None
