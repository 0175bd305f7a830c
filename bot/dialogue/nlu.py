"""Intents within Rasa: the same linear text classifier that routes tickets, as a component of the NLU pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.nlu.constants import INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.errors import DataError, ModelError
from bot.learning.classifier import TextClassifier
from bot.learning.files import ARCHIVED, dumps, loads
from bot.learning.text import read_dictionary


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class SoftmaxIntentClassifier(GraphComponent, IntentClassifier):
    """Softmax regression on words and character n-grams (`bot.learning.classifier`).

    It reads the text itself and needs no tokenizer or featurizer before it. Options: `parts`, `penalty`, `min_count` as in the
    classifier, `dictionary` (a file of words, by its path from where training runs), `favoured` (intents whose odds count so many times),
    `ranking_length` (intents listed with a message).
    """

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """Chosen on messages that were not trained on (docs/language.md)."""
        return {"parts": ["squares", "margin"], "penalty": 0.8, "min_count": 2, "dictionary": None, "favoured": {}, "ranking_length": 5}

    def __init__(
        self, config: dict[str, Any], model_storage: ModelStorage, resource: Resource, classifier: TextClassifier | None = None
    ) -> None:
        self._config = config
        self._storage = model_storage
        self._resource = resource
        self._classifier = classifier

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> str | None:
        """The words of the dictionary: Rasa trains again when they change."""
        path = config.get("dictionary")
        return "\n".join(read_dictionary(Path(path))) if path else None

    @classmethod
    def create(
        cls, config: dict[str, Any], model_storage: ModelStorage, resource: Resource, execution_context: ExecutionContext
    ) -> SoftmaxIntentClassifier:
        """An untrained component."""
        return cls(config, model_storage, resource)

    def train(self, training_data: TrainingData) -> Resource:
        """Learn from the intent examples and store the result.

        Raises:
            DataError: the examples have fewer than two intents.
        """
        examples = [example for example in training_data.intent_examples if example.get(TEXT)]
        intents = [example.get(INTENT) for example in examples]
        if len(set(intents)) < 2:
            raise DataError("the intent classifier needs examples of at least two intents")
        dictionary = read_dictionary(Path(self._config["dictionary"])) if self._config["dictionary"] else ()
        options = {name: self._config[name] for name in ("parts", "penalty", "min_count")}
        self._classifier = TextClassifier(**options, dictionary=dictionary).fit([example.get(TEXT) for example in examples], intents)
        for intent, odds in self._config["favoured"].items():
            self._classifier.favour(intent, odds)
        with self._storage.write_to(self._resource) as folder:
            (folder / ARCHIVED).write_bytes(dumps(self._classifier))
        return self._resource

    @classmethod
    def load(
        cls, config: dict[str, Any], model_storage: ModelStorage, resource: Resource, execution_context: ExecutionContext, **kwargs: Any
    ) -> SoftmaxIntentClassifier:
        """The trained component.

        Raises:
            ModelError: the stored file cannot be read.
        """
        try:
            with model_storage.read_from(resource) as folder:
                classifier = loads((folder / ARCHIVED).read_bytes())
        except Exception as error:
            raise ModelError(f"the intent classifier of this model cannot be read ({type(error).__name__}); train again") from error
        return cls(config, model_storage, resource, classifier)

    def process(self, messages: list[Message]) -> list[Message]:
        """Set `intent` and `intent_ranking` of messages that have no intent yet, all in one batch."""
        if self._classifier is None:
            raise ModelError("the intent classifier is not trained")
        open_messages = [message for message in messages if message.get(TEXT) and not (message.get(INTENT) or {}).get("name")]
        for message, found in zip(open_messages, self._classifier.classify([m.get(TEXT) for m in open_messages]), strict=True):
            ranked = sorted(found.scores.items(), key=lambda item: -item[1])[: self._config["ranking_length"]]
            ranking = [{"name": name, "confidence": confidence} for name, confidence in ranked]
            message.set(INTENT, ranking[0], add_to_output=True)
            message.set("intent_ranking", ranking, add_to_output=True)
        for message in messages:
            if message.get(INTENT) is None:  # nothing but spaces; later components expect an intent in every message
                message.set(INTENT, {"name": None, "confidence": 0.0}, add_to_output=True)
                message.set("intent_ranking", [], add_to_output=True)
        return messages
