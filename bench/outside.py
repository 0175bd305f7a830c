"""What belongs to no intent of the shop, told apart from what does: recall outside against accuracy inside, by the odds of `out_of_scope`.

`python -m bench.outside` prints it for the published assistant and the messages of tests/data/strangers.csv.
"""

import csv
import json
import sys
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bot.errors import ZhikeError
from bot.learning import cards
from bot.learning.evaluation import OUT_OF_SCOPE
from bot.learning.files import in_archive
from bot.settings import Settings
from tests.servers import ROOT

STRANGERS = ROOT / "tests" / "data" / "strangers.csv"
ODDS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)


@dataclass(frozen=True, slots=True)
class Bounds:
    """`recall` and `precision` of messages outside, accuracy inside, and how much of the latter is lost, all 0…1.

    Nothing is lost where `out_of_scope` can never be chosen.
    """

    recall: float
    precision: float
    accuracy_inside: float
    lost_inside: float


def strangers() -> list[dict[str, str]]:
    """Messages that nothing is trained on, with `intent`, `queue`, `sentiment` and `escalate` as people see them."""
    with STRANGERS.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def bounds(probabilities: NDArray[np.float64], labels: Sequence[str], true: Sequence[str], odds: float = 1.0) -> Bounds:
    """With the probability of `out_of_scope` counted so many times; `labels` name the columns of `probabilities`."""
    names, right, outside = np.array(labels), np.array(true), np.array(true) == OUT_OF_SCOPE
    place = list(labels).index(OUT_OF_SCOPE)
    weighed, inside_only = probabilities.copy(), probabilities.copy()
    weighed[:, place] *= odds
    inside_only[:, place] = -1.0
    found, never = names[weighed.argmax(axis=1)], names[inside_only.argmax(axis=1)]
    hits = float(((found == OUT_OF_SCOPE) & outside).sum())
    accuracy = float((found == right)[~outside].mean())
    return Bounds(
        recall=hits / outside.sum(),
        precision=hits / max(1, (found == OUT_OF_SCOPE).sum()),
        accuracy_inside=accuracy,
        lost_inside=float((never == right)[~outside].mean()) - accuracy,
    )


def published_odds(archive: Path) -> float:
    """How many times the odds of `out_of_scope` count in a model of Rasa's, as it was trained."""
    with tarfile.open(archive) as tar:
        content = next(file for member in tar if member.name.endswith("metadata.json") and (file := tar.extractfile(member)))
        nodes = json.load(content)["predict_schema"]["nodes"].values()
    return float(next((node["config"]["favoured"].get(OUT_OF_SCOPE, 1.0) for node in nodes if "favoured" in node["config"]), 1.0))


def main() -> int:
    """Print the table; returns the exit status."""
    models = Settings.from_environment().models
    try:
        archive = cards.verified(models, cards.read_card(models, "assistant"))
        classifier = in_archive(archive)
    except ZhikeError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    published, rows = published_odds(archive), strangers()
    probabilities = classifier.predict_proba([row["text"] for row in rows])
    true, labels = [row["intent"] for row in rows], classifier.classes_.tolist()
    print("| odds | recall outside | precision outside | accuracy inside | lost inside (points) |")
    print("| --- | --- | --- | --- | --- |")
    for odds in ODDS:
        at = bounds(probabilities, labels, true, odds / published)
        cells = f"{at.recall:.3f} | {at.precision:.3f} | {at.accuracy_inside:.4f} | {100 * at.lost_inside:.2f}"
        print(f"| {odds:g}{' (published)' if odds == published else ''} | {cells} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
