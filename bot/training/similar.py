"""Finds texts that say nearly the same in nearly the same letters."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.preprocessing import normalize

THRESHOLD = 0.8
_GRAMS = (2, 3)
_ROWS = 2_000


class Pair(NamedTuple):
    """Two texts by their places, and the cosine of their counts of character n-grams."""

    one: int
    other: int
    cosine: float


def similar_pairs(texts: Sequence[str], threshold: float = THRESHOLD) -> list[Pair]:
    """All pairs of texts whose cosine is at least the threshold, in order.

    Texts that are alike share one of their rare n-grams: with n-grams in order of rarity and vectors of length one, those after the first
    few have a length below the threshold, and so has the product of any two texts that share nothing but them (prefix filtering: Bayardo,
    Ma and Srikant, Scaling Up All Pairs Similarity Search, 2007). Only pairs that share one of the first few are computed.
    """
    filled = [place for place, text in enumerate(texts) if text.strip()]
    if len(filled) < 2:
        return []
    counts = CountVectorizer(analyzer="char", ngram_range=_GRAMS, dtype=np.float32).fit_transform([f"^{texts[place]}$" for place in filled])
    by_rarity = np.argsort(np.asarray((counts > 0).sum(axis=0)).ravel(), kind="stable")
    vectors: csr_matrix = normalize(counts[:, by_rarity])
    vectors.sort_indices()
    rare = _rarest(vectors, threshold)
    found = [pair for start in range(0, len(filled), _ROWS) for pair in _pairs(vectors, rare, start, threshold)]
    return sorted(Pair(filled[one], filled[other], cosine) for one, other, cosine in found)


def _rarest(vectors: csr_matrix, threshold: float) -> csr_matrix:
    """For each text its first n-grams, so many that the rest is shorter than the threshold; ones instead of weights."""
    squares = np.concatenate([[0.0], np.cumsum(vectors.data.astype(np.float64) ** 2)])
    row_ends = np.repeat(squares[vectors.indptr[1:]], np.diff(vectors.indptr))
    rest = row_ends - squares[:-1]  # of each entry and those after it in its row
    kept = rest >= threshold**2 - 1e-6
    lengths = np.bincount(np.repeat(np.arange(vectors.shape[0]), np.diff(vectors.indptr))[kept], minlength=vectors.shape[0])
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    return csr_matrix((np.ones(int(kept.sum()), dtype=np.int32), vectors.indices[kept], indptr), shape=vectors.shape)


def _pairs(vectors: csr_matrix, rare: csr_matrix, start: int, threshold: float) -> Iterator[Pair]:
    candidates = (rare[start : start + _ROWS] @ rare.T).tocoo()
    one, other = candidates.row + start, candidates.col
    later = other > one
    one, other = one[later], other[later]
    for begin in range(0, len(one), 200_000):
        left, right = one[begin : begin + 200_000], other[begin : begin + 200_000]
        cosines = np.asarray(vectors[left].multiply(vectors[right]).sum(axis=1)).ravel()
        for place in np.flatnonzero(cosines >= threshold - 1e-6):
            yield Pair(int(left[place]), int(right[place]), round(float(cosines[place]), 4))
