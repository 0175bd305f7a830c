"""Trained models on disk: a skops file and a JSON card beside it. A file is read only when its hash is the card's."""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bot.errors import ModelError
from bot.learning.classifier import Prediction, TextClassifier, Weight
from bot.learning.files import dumps, loads

PACKAGES = ("scikit-learn", "skops", "numpy", "rjieba", "opencc")


@dataclass(frozen=True, slots=True)
class Card:
    """What a trained artefact is. Hashes are SHA-256 in hexadecimal; `metrics` are named as in scikit-learn's reports."""

    kind: str
    file: str
    sha256: str
    data_sha256: str
    examples: int
    labels: tuple[str, ...]
    metrics: dict[str, Any]
    packages: dict[str, str]
    trained_at: str

    @property
    def version(self) -> str:
        """Short name of this very model: the first digits of its hash."""
        return self.sha256[:12]

    def write(self, path: Path) -> None:
        """Write the card as JSON, complete or not at all."""
        _replace(path, json.dumps(asdict(self), ensure_ascii=False, indent=2).encode() + b"\n")


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A classifier with its card."""

    classifier: TextClassifier
    card: Card

    @property
    def version(self) -> str:
        """Short name of this very model."""
        return self.card.version

    def classify(self, texts: Sequence[str]) -> list[Prediction]:
        """Label, confidence and scores of each text."""
        return self.classifier.classify(texts)

    def classify_and_explain(self, text: str, label: str | None = None) -> tuple[Prediction, list[Weight]]:
        """One text, with the terms that spoke most for its label, or for the one that is named."""
        return self.classifier.classify_and_explain(text, label=label)


def packages() -> dict[str, str]:
    """Versions of the packages that a model's bytes depend on."""
    return {name: version(name) for name in PACKAGES}


def sha256_of(*paths: Path) -> str:
    """SHA-256 over the names and contents of files, in the order of their names."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def save(classifier: TextClassifier, folder: Path, kind: str, *, data_sha256: str, examples: int, metrics: dict[str, Any]) -> Card:
    """Write `kind`.skops and `kind`.json into a folder; readers see the old pair or the new one."""
    folder.mkdir(parents=True, exist_ok=True)
    content = dumps(classifier)
    card = Card(
        kind=kind,
        file=f"{kind}.skops",
        sha256=hashlib.sha256(content).hexdigest(),
        data_sha256=data_sha256,
        examples=examples,
        labels=tuple(classifier.classes_.tolist()),
        metrics=metrics,
        packages=packages(),
        trained_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    _replace(folder / card.file, content)
    card.write(folder / f"{kind}.json")
    return card


def read_card(folder: Path, kind: str) -> Card:
    """The card of the model of that kind in a folder.

    Raises:
        ModelError: there is none, or it cannot be read.
    """
    path = folder / f"{kind}.json"
    try:
        fields = json.loads(path.read_bytes())
        return Card(**{**fields, "labels": tuple(fields["labels"])})
    except FileNotFoundError:
        raise ModelError(f"there is no {kind} model in {folder}; run: make train") from None
    except (ValueError, TypeError, KeyError) as error:
        raise ModelError(f"{path} is not a model card ({error}); run: make train") from None


def verified(folder: Path, card: Card) -> Path:
    """The file that a card describes.

    Raises:
        ModelError: it is missing, or its content is not what the card says.
    """
    path = folder / card.file
    if path.parent != folder or not path.is_file():
        raise ModelError(f"{path} is missing; run: make train")
    if hashlib.sha256(path.read_bytes()).hexdigest() != card.sha256:
        raise ModelError(f"{path} was changed after training: its hash is not the card's. It is not read; run: make train")
    return path


def load(folder: Path, kind: str) -> TrainedModel:
    """The model of that kind in a folder.

    Raises:
        ModelError: it is missing, was changed, or was made with other versions and cannot be read.
    """
    card = read_card(folder, kind)
    path = verified(folder, card)
    try:
        classifier = loads(path.read_bytes())
    except Exception as error:
        raise ModelError(f"{path} cannot be read with the installed packages ({type(error).__name__}); run: make train") from error
    return TrainedModel(classifier, card)


def _replace(path: Path, content: bytes) -> None:
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    scratch.write_bytes(content)
    os.replace(scratch, path)
