"""Trains and publishes the models: the ticket classifier, the sentiment model and the assistant."""

import hashlib
import io
import os
import warnings
from contextlib import redirect_stdout
from datetime import UTC, datetime
from pathlib import Path

from bot.errors import DataError, ModelError
from bot.learning.cards import Card, packages, read_card, save, sha256_of, verified
from bot.learning.classifier import TextClassifier
from bot.learning.evaluation import hold_out
from bot.training.examples import Examples, csv_files, read_folder, read_intents, with_queues

TICKETS, SENTIMENT, ASSISTANT = "tickets", "sentiment", "assistant"
KINDS = (TICKETS, SENTIMENT, ASSISTANT)
ASSISTANT_PARTS = ("data/nlu", "data/rules", "data/stories")


def published(models: Path) -> bool:
    """Whether all models are there, as their cards say."""
    try:
        for kind in KINDS:
            verified(models, read_card(models, kind))
    except ModelError:
        return False
    return True


def train(kind: str, project: Path, models: Path) -> Card:
    """Train one kind of model from a project's data and publish it into a folder of models.

    Raises:
        DataError: the training data cannot be used.
    """
    return {TICKETS: _train_tickets, SENTIMENT: _train_sentiment, ASSISTANT: _train_assistant}[kind](project, models)


def _train_tickets(project: Path, models: Path) -> Card:
    """From `data/tickets/` and from the assistant's intent examples by the queue of their intent."""
    folder, nlu = project / "data" / "tickets", project / "data" / "nlu"
    examples = read_folder(folder, "text", "queue") + with_queues(read_intents(nlu))
    return _fit(TICKETS, examples, [*csv_files(folder), *sorted(nlu.rglob("*.yml"))], models)


def _train_sentiment(project: Path, models: Path) -> Card:
    folder = project / "data" / "sentiment"
    return _fit(SENTIMENT, read_folder(folder, "text", "sentiment"), csv_files(folder), models)


def _fit(kind: str, examples: Examples, files: list[Path], models: Path) -> Card:
    metrics = hold_out(*examples)
    classifier = TextClassifier().fit(*examples)
    return save(classifier, models, kind, data_sha256=sha256_of(*files), examples=len(examples.texts), metrics=metrics)


def _train_assistant(project: Path, models: Path) -> Card:
    os.environ["RASA_TELEMETRY_ENABLED"] = "false"
    os.environ["LOG_LEVEL"] = "ERROR"  # no progress bars of its own
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

    files = [
        project / "config.yml",
        project / "domain.yml",
        *(path for part in ASSISTANT_PARTS for path in sorted((project / part).rglob("*.yml"))),
    ]
    intents = read_intents(project / "data" / "nlu")
    at = datetime.now(UTC)
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")  # Rasa warns of entity extractors and lookup tables that are used as they are meant to be
        from rasa.api import train as rasa_train

        trained = rasa_train(
            domain=str(project / "domain.yml"),
            config=str(project / "config.yml"),
            training_files=[str(project / part) for part in ASSISTANT_PARTS if (project / part).is_dir()],
            output=str(models),
            fixed_model_name=f"assistant-{at:%Y%m%d-%H%M%S}",
            force_training=True,
        )
    if trained.model is None:
        raise DataError("Rasa could not train the assistant; `make check` says what is wrong with its data")
    archive = Path(trained.model)
    card = Card(
        kind=ASSISTANT,
        file=archive.name,
        sha256=hashlib.sha256(archive.read_bytes()).hexdigest(),
        data_sha256=sha256_of(*files),
        examples=len(intents.texts),
        labels=tuple(sorted(set(intents.labels))),
        metrics=hold_out(*intents),
        packages=packages(),
        trained_at=at.isoformat(timespec="seconds"),
    )
    card.write(models / f"{ASSISTANT}.json")
    return card
