"""Replies that an agent may want to send: canned ones and answers of earlier conversations, found by what was asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, vstack
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer

from bot.learning.masking import mask
from bot.learning.text import normalise, terms

Source = Literal["canned", "agent"]

LONGEST = 1000
"""Characters of a text that are read."""
FLOOR = 0.04
"""Less similar answers are not suggested."""
SAME = 0.5
"""Texts that are as similar as this say the same."""
CANDIDATES = 10
"""How many answers are looked at for each that is suggested, since some say the same."""
CONTRAST = 2.0
PRIOR = 20
"""As if there were that many more texts with terms of their own: two answers to one question must not put each other out."""
OTHER_QUEUE = 0.5


@dataclass(frozen=True, slots=True)
class Answer:
    """What an agent answered a customer, or, as a canned reply, may answer; `question` is what was asked, or the reply's shortcut.

    `queue` is the team that answers so (None: all), with `restricted` the only one that may read the answer. `private` is what the record
    knows of the customer: names, addresses.
    """

    question: str
    text: str
    source: Source
    queue: str | None = None
    restricted: bool = False
    private: tuple[str, ...] = ()


class Suggestion(NamedTuple):
    """A reply, fit to be read and corrected by an agent.

    `similarity` is 0…1: of the questions, times n/(n+1) for what agents answered n times, half for answers of other queues.
    """

    text: str
    similarity: float
    source: Source


class ReplySuggester:
    """Finds answers whose questions resemble a text.

    Answers with the same wording count as one, which is placed by Rocchio's rule (Manning, Raghavan and Schütze, Introduction to
    Information Retrieval, 9.1.1): the mean of the TF-IDF vectors of all its questions and of its own text, minus `CONTRAST` times the mean
    of those of all other answers. So a canned reply learns the questions that it was sent to, and what agents answer to everything
    (please wait …) suits nothing.

    `before` is an earlier suggester; texts that it knows are not cut into terms again.

    >>> canned = [Answer("退款", "退款三天内到账", "canned"), Answer("发票", "请告诉我抬头", "canned")]
    >>> ReplySuggester(canned).suggest("什么时候退款")[0].text
    '退款三天内到账'
    """

    def __init__(self, answers: Sequence[Answer], *, before: "ReplySuggester | None" = None) -> None:
        self._groups = _grouped(answers)
        texts = [text for group in self._groups for text in group.texts]
        self._counted: _Counted = _count(texts, before._counted if before else None)
        if not texts:
            return
        rows = [self._counted.rows[text] for text in texts]
        self._tfidf = TfidfTransformer(sublinear_tf=True).fit(self._counted.matrix[rows])
        weights = self._tfidf.transform(self._counted.matrix)
        sizes = np.array([len(group.texts) for group in self._groups])
        starts = np.concatenate([[0], sizes.cumsum()])
        members = csr_matrix((np.ones(len(rows), dtype=np.float32), rows, starts), shape=(len(sizes), weights.shape[0]))
        self._by_term = _places(members @ weights, sizes).T.tocsr()
        self._said = weights[[self._counted.rows[group.texts[0]] for group in self._groups]]
        queues = {queue for group in self._groups for queue in group.queues if queue}
        self._factors = {queue: np.array([_factor(group, queue) for group in self._groups]) for queue in (None, *queues)}
        self._any_queue = np.array([_factor(group, "") for group in self._groups])

    def suggest(self, text: str, queue: str | None = None, *, limit: int = 3) -> list[Suggestion]:
        """The answers that suit a customer's text best, at most `limit`; none that says the same as a better one.

        `queue` is the team of the conversation; without it no answers are halved, and restricted ones left out.
        """
        if not self._groups:
            return []
        asked = self._tfidf.transform(_COUNTER.transform([text[:LONGEST]]))
        scores = (asked @ self._by_term).toarray()[0] * self._factors.get(queue, self._any_queue)
        best = [place for place in np.argsort(-scores)[: limit * CANDIDATES].tolist() if scores[place] >= FLOOR]
        said = self._said[best]
        alike = (said @ said.T).toarray() >= SAME
        found: dict[int, Suggestion] = {}
        for number, place in enumerate(best):
            group = self._groups[place]
            better = next((other for other in found if alike[number, other]), None)
            if better is None and len(found) < limit:
                found[number] = Suggestion(group.suggested, round(float(scores[place]), 4), group.first.source)
            elif better is not None and (found[better].source, group.first.source) == ("agent", "canned"):
                found[better] = found[better]._replace(text=group.suggested, source="canned")
        return list(found.values())


@dataclass(slots=True)
class _Group:
    """Answers with the same wording; `texts` are the wording and what was asked."""

    first: Answer
    queues: set[str | None]
    texts: list[str]

    @property
    def suggested(self) -> str:
        """The wording as another customer may read it; agents chose that of canned replies for everybody."""
        return self.first.text if self.first.source == "canned" else mask(self.first.text, self.first.private)


def _grouped(answers: Sequence[Answer]) -> list[_Group]:
    groups: dict[tuple[str, str | None], _Group] = {}
    for answer in sorted(answers, key=lambda answer: answer.source != "canned"):  # a canned reply is the one to show
        text, asked = answer.text[:LONGEST], answer.question[:LONGEST]
        key = (normalise(text), answer.queue if answer.restricted else None)
        group = groups.get(key)
        if group is None:
            group = groups[key] = _Group(answer, set(), [text])
        group.queues.add(answer.queue)
        group.texts.append(asked)
    return list(groups.values())


def _factor(group: _Group, queue: str | None) -> float:
    given = len(group.texts) - 1
    trust = 1.0 if group.first.source == "canned" else given / (given + 1)
    if queue in group.queues or (None in group.queues and not group.first.restricted):
        return trust
    if group.first.restricted:
        return 0.0
    return trust if queue is None else trust * OTHER_QUEUE


def _places(sums: csr_matrix, sizes: NDArray[np.int_]) -> csr_matrix:
    """Where each answer is, from the sums of its vectors: by Rocchio's rule, in units of its mean's length."""
    everything = np.asarray(sums.sum(axis=0)).ravel()
    of_row = np.repeat(np.arange(len(sizes)), np.diff(sums.indptr))
    others = sizes.sum() - sizes + PRIOR
    lengths = np.sqrt(np.asarray(sums.multiply(sums).sum(axis=1)).ravel())
    against = CONTRAST * (everything[sums.indices] - sums.data) * (sizes / others)[of_row]
    placed = np.maximum(sums.data - against, 0) / np.where(lengths, lengths, 1)[of_row]
    return csr_matrix((placed, sums.indices, sums.indptr), shape=sums.shape)


@dataclass(frozen=True, slots=True)
class _Counted:
    rows: dict[str, int]
    matrix: csr_matrix


def _count(texts: Sequence[str], before: _Counted | None) -> _Counted:
    known = before.rows if before else {}
    wanted = list(dict.fromkeys(texts))
    new = [text for text in wanted if text not in known]
    parts = [*([before.matrix] if before else []), *([_COUNTER.transform(new)] if new else [])]
    if not parts:
        return _Counted({}, csr_matrix((0, _COUNTER.n_features), dtype=np.float32))
    numbers = known | {text: number for number, text in enumerate(new, len(known))}
    return _Counted({text: row for row, text in enumerate(wanted)}, vstack(parts, format="csr")[[numbers[text] for text in wanted]])


def _short_terms(text: str) -> list[str]:
    """Words, characters and pairs of characters: longer terms find no more here, and there are many of them."""
    return [term for term in terms(text) if term[:2] == "w:" or (term[:2] == "c:" and len(term) <= 4 and term not in {"c:^", "c:$"})]


# Hashed, so that a term that no answer holds still counts: a text of nothing but such terms resembles nothing.
_COUNTER = HashingVectorizer(analyzer=_short_terms, n_features=2**18, alternate_sign=False, norm=None, dtype=np.float32)
