"""Trains and publishes the models: the ticket classifier, the sentiment and escalation models, and the assistant."""

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
from bot.learning.files import in_archive
from bot.learning.text import read_dictionary
from bot.training.archive import settle
from bot.training.examples import Examples, csv_files, read_folder, read_intents, with_queues

TICKETS, SENTIMENT, ESCALATION, ASSISTANT = "tickets", "sentiment", "escalation", "assistant"
KINDS = (TICKETS, SENTIMENT, ESCALATION, ASSISTANT)
DICTIONARY = "data/dictionary.txt"
"""Words of the shop's trade that jieba does not know; without the file, there are none."""
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
    trainers = {TICKETS: _train_tickets, SENTIMENT: _train_sentiment, ESCALATION: _train_escalation, ASSISTANT: _train_assistant}
    return trainers[kind](project, models)


def ticket_examples(project: Path) -> Examples:
    """`data/tickets/`, and the assistant's intent examples by the queue of their intent.

    Raises:
        DataError: a file cannot be used.
    """
    return read_folder(project / "data" / "tickets", "text", "queue") + with_queues(read_intents(project / "data" / "nlu"))


def sentiment_examples(project: Path) -> Examples:
    """Whole messages and reviews, and a lexicon of phrases: as short examples, phrases weigh on the words that make them.

    Raises:
        DataError: a file cannot be used.
    """
    examples, phrases = read_folder(project / "data" / "sentiment", "text", "sentiment"), project / "data" / "phrases"
    return examples + read_folder(phrases, "text", "sentiment") if phrases.is_dir() else examples


def _train_tickets(project: Path, models: Path) -> Card:
    files = [*csv_files(project / "data" / "tickets"), *sorted((project / "data" / "nlu").rglob("*.yml"))]
    return _fit(TICKETS, project, ticket_examples(project), files, models)


def _train_sentiment(project: Path, models: Path) -> Card:
    phrases = project / "data" / "phrases"
    files = csv_files(project / "data" / "sentiment") + (csv_files(phrases) if phrases.is_dir() else [])
    return _fit(SENTIMENT, project, sentiment_examples(project), files, models)


def _train_escalation(project: Path, models: Path) -> Card:
    """From the column `escalate` of the same tables as sentiment."""
    folder = project / "data" / "sentiment"
    return _fit(ESCALATION, project, read_folder(folder, "text", "escalate"), csv_files(folder), models)


def _fit(kind: str, project: Path, examples: Examples, files: list[Path], models: Path) -> Card:
    dictionary = project / DICTIONARY
    classifier = TextClassifier(dictionary=read_dictionary(dictionary)).fit(*examples)
    hashed = sha256_of(*files, *([dictionary] if dictionary.exists() else []))
    return save(classifier, models, kind, data_sha256=hashed, examples=len(examples.texts), metrics=classifier.cross_validation_)


def _train_assistant(project: Path, models: Path) -> Card:
    os.environ["RASA_TELEMETRY_ENABLED"] = "false"
    os.environ["LOG_LEVEL"] = "ERROR"  # no progress bars of its own
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

    files = [
        project / "config.yml",
        project / "domain.yml",
        *(path for path in (project / DICTIONARY,) if path.exists()),
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
    settle(archive)
    card = Card(
        kind=ASSISTANT,
        file=archive.name,
        sha256=hashlib.sha256(archive.read_bytes()).hexdigest(),
        data_sha256=sha256_of(*files),
        examples=len(intents.texts),
        labels=tuple(sorted(set(intents.labels))),
        metrics=in_archive(archive).cross_validation_,
        packages=packages(),
        trained_at=at.isoformat(timespec="seconds"),
    )
    card.write(models / f"{ASSISTANT}.json")
    return card
