"""Medians, percentiles and the spread of what was measured."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` (0…1) of the values do not exceed.

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("there are no values")
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


@dataclass(frozen=True, slots=True)
class Figure:
    """What repeating a measurement gave: the median, the extremes, and how often it was taken."""

    median: float
    lowest: float
    highest: float
    times: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Figure":
        """Of one value per repetition.

        Raises:
            ValueError: there are no values.
        """
        if not values:
            raise ValueError("there are no values")
        return cls(statistics.median(values), min(values), max(values), len(values))


def ratio(other: Figure | None, ours: Figure | None) -> float | None:
    """How many times our median the other's median is; None where one is missing or ours is zero."""
    return other.median / ours.median if other and ours and ours.median else None
