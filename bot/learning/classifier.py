"""A linear text classifier: TF-IDF over words and character n-grams, then multinomial logistic regression (softmax regression)."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from bot.errors import DataError
from bot.learning.text import terms


class Weight(NamedTuple):
    """A term of a text and how much it spoke for a label (its share of the label's decision value)."""

    term: str
    weight: float


class Prediction(NamedTuple):
    """A label, its probability, and the probabilities of all labels."""

    label: str
    confidence: float
    scores: dict[str, float]


class TextClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Softmax regression on the TF-IDF weights of `bot.learning.text.terms`.

    The probability of label k for the weights x of a text is exp(w_k·x + b_k) / Σ_j exp(w_j·x + b_j) (Bishop, Pattern Recognition
    and Machine Learning, 4.3.4); the weights minimise the cross-entropy plus ‖w‖²/(2 regularisation).

    Parameters:
        regularisation: inverse strength of the L2 penalty.
        min_count: terms in fewer texts than this are left out.
        balanced: weigh labels inversely to their frequency.

    Attributes after `fit`: `classes_` (labels, sorted), `vectorizer_`, `model_`.

    >>> model = TextClassifier(min_count=1).fit(["我要退款", "退钱", "到哪了", "快递呢"], ["refund", "refund", "track", "track"])
    >>> model.classify(["什么时候退款"])[0].label
    'refund'
    """

    def __init__(self, *, regularisation: float = 12.0, min_count: int = 2, balanced: bool = True) -> None:
        self.regularisation = regularisation
        self.min_count = min_count
        self.balanced = balanced

    def fit(self, X: Sequence[str], y: Sequence[str]) -> Self:  # noqa: N803 (scikit-learn's names)
        """Learn from texts and their labels.

        Raises:
            DataError: fewer than two labels.
        """
        if len(set(y)) < 2:
            raise DataError(f"a classifier needs examples of at least two labels; there is {len(set(y))}")
        self.vectorizer_ = _vectorizer(min_df=self.min_count if len(X) >= 100 else 1)
        weights = self.vectorizer_.fit_transform(X)
        self.model_ = LogisticRegression(
            C=self.regularisation, class_weight="balanced" if self.balanced else None, solver="lbfgs", max_iter=300, tol=1e-3
        ).fit(weights, y)
        self.classes_ = self.model_.classes_
        # Column by column, since single texts need single columns; half the precision is plenty, and half the memory.
        self.model_.coef_ = np.asfortranarray(self.model_.coef_, dtype=np.float32)
        return self

    def predict_proba(self, X: Sequence[str]) -> NDArray[np.float64]:  # noqa: N803
        """Probabilities, one row per text, one column per label of `classes_`."""
        return self._softmax(self.vectorizer_.transform(X))

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
        return [
            Prediction(labels[int(row.argmax())], float(row.max()), dict(zip(labels, row.tolist(), strict=True)))
            for row in self.predict_proba(texts)
        ]

    def classify_and_explain(self, text: str, limit: int = 5) -> tuple[Prediction, list[Weight]]:
        """One text: its label, and the terms that spoke most for it, strongest first (TF-IDF weight times the label's coefficient).

        Terms come as they are read, those within or around a reported one are left out; only positive weights.
        """
        prediction, best, indices, weights = self._classify_one(text)
        contributions = weights * self._weights[indices, best]
        strongest = np.argsort(-contributions)
        names, terms_in_text, shares = self._names, indices[strongest].tolist(), contributions[strongest].tolist()
        found: list[Weight] = []
        for index, share in zip(terms_in_text, shares, strict=True):
            if share <= 0 or len(found) == limit:
                break
            term = names[index][2:].strip("^$ ")
            if term and not any(term in other.term or other.term in term for other in found):
                found.append(Weight(term, round(share, 4)))
        return prediction, found

    def _classify_one(self, text: str) -> tuple[Prediction, int, NDArray[np.intp], NDArray[np.float32]]:
        """The prediction, the number of its label, and the terms of the text with their weights."""
        indices, weights = self._weigh(text)
        decision = weights @ self._weights[indices] + self._intercepts
        probabilities = np.exp(decision - decision.max())  # scipy's softmax takes ten times as long for a single text
        probabilities /= probabilities.sum()
        best = int(probabilities.argmax())
        labels, scores = self.classes_.tolist(), probabilities.tolist()
        return Prediction(labels[best], scores[best], dict(zip(labels, scores, strict=True))), best, indices, weights

    def _weigh(self, text: str) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """Terms of one text and their TF-IDF weights: what the vectorizer gives, without what it needs for many texts at once."""
        vocabulary = self.vectorizer_.vocabulary_
        counts = Counter(map(vocabulary.get, terms(text)))
        counts.pop(None, None)
        indices = np.fromiter(counts, dtype=np.intp, count=len(counts))
        weights = np.log(np.fromiter(counts.values(), dtype=np.float32, count=len(counts))) + 1
        weights *= self.vectorizer_.idf_[indices]
        length = float(np.sqrt(weights @ weights)) or 1.0
        normalised: NDArray[np.float32] = weights / np.float32(length)
        return indices, normalised

    def _softmax(self, weighed: csr_matrix) -> NDArray[np.float64]:
        """As `LogisticRegression.predict_proba`, which copies all its coefficients at every call."""
        decision: NDArray[np.float64] = weighed @ self._weights + self._intercepts
        probabilities: NDArray[np.float64] = softmax(decision, axis=1)
        return probabilities

    @property
    def _weights(self) -> NDArray[np.float32]:
        """Coefficients, one row per term, one column per label."""
        by_term: NDArray[np.float32] = self.model_.coef_.T
        if len(self.classes_) == 2:  # two labels share one row of coefficients
            return np.hstack([np.zeros_like(by_term), by_term])
        return by_term

    @property
    def _intercepts(self) -> NDArray[np.float64]:
        intercepts: NDArray[np.float64] = self.model_.intercept_
        return np.array([0.0, intercepts[0]]) if len(self.classes_) == 2 else intercepts

    @property
    def _names(self) -> NDArray[Any]:
        if not hasattr(self, "_term_names"):
            self._term_names: NDArray[Any] = self.vectorizer_.get_feature_names_out()
        return self._term_names

    def __getstate__(self) -> dict[str, Any]:
        """What is kept of a classifier: the terms as one text, since a file with an entry for each is slow to read and large in memory."""
        state: dict[str, Any] = dict(super().__getstate__())
        state.pop("_term_names", None)
        if vectorizer := state.pop("vectorizer_", None):
            state |= {"terms": "\n".join(vectorizer.get_feature_names_out()), "idf": vectorizer.idf_}
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """The classifier as it was."""
        kept = {name: value for name, value in state.items() if name not in {"terms", "idf"}}
        super().__setstate__(kept)
        if "terms" in state:
            self.vectorizer_ = _vectorizer(vocabulary=state["terms"].split("\n"))
            self.vectorizer_.idf_ = state["idf"]


def _vectorizer(**options: Any) -> TfidfVectorizer:
    return TfidfVectorizer(analyzer=terms, sublinear_tf=True, dtype=np.float32, **options)
