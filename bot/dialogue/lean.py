"""Serving without what serving does not use: TensorFlow, and the clients of other chat services.

Rasa imports TensorFlow wherever a model *might* need it; one that has no DIET or TED does not. With placeholders for the
few modules that pull it in, the first reply comes in half the time and the process takes half the memory. Training is left alone.
"""

import importlib.util
import sys
import tarfile
import types
from pathlib import Path
from typing import Any

PLACEHOLDERS = {
    "rasa.utils.tensorflow.callback": ("RasaTrainingLogger", "RasaModelCheckpoint"),
    "rasa.utils.tensorflow.data_generator": ("RasaDataGenerator", "RasaBatchDataGenerator"),
    "rasa.core.test": (),
    "rasa.graph_components.validators.default_recipe_validator": ("DefaultV1RecipeValidator",),
}
"""Modules that import TensorFlow (or, for tests, Matplotlib) and that serving never calls, with the names that Rasa imports from them."""

CHANNELS = {
    "console": "CmdlineInput", "facebook": "FacebookInput", "hangouts": "HangoutsInput", "mattermost": "MattermostInput",
    "rocketchat": "RocketChatInput", "slack": "SlackInput", "socketio": "SocketIOInput", "telegram": "TelegramInput",
    "twilio": "TwilioInput", "twilio_voice": "TwilioVoiceInput", "webexteams": "WebexTeamsInput",
}  # fmt: skip
"""Channels of Rasa's own servers, which are not running here, and which bring the client libraries of a dozen services."""

TENSORFLOW_COMPONENTS = (
    "DIETClassifier",
    "ResponseSelector",
    "TEDPolicy",
    "UnexpecTEDIntentPolicy",
    "ConveRTFeaturizer",
    "LanguageModelFeaturizer",
)


def needs_tensorflow(model: Path) -> bool:
    """Whether a trained Rasa model has a component that runs on TensorFlow."""
    with tarfile.open(model) as archive:
        metadata = archive.extractfile("metadata.json")
        schema = metadata.read().decode() if metadata else ""
    return any(name in schema for name in TENSORFLOW_COMPONENTS)


def serve_without_tensorflow() -> bool:
    """Put the placeholders in place; to be called before Rasa's agent is imported.

    Returns:
        False when TensorFlow or one of the modules is already imported: then it is too late, and nothing is changed.
    """
    if "tensorflow" in sys.modules or any(name in sys.modules for name in PLACEHOLDERS):
        return False
    channels = {f"rasa.core.channels.{name}": (attribute,) for name, attribute in CHANNELS.items()}
    for name, attributes in (PLACEHOLDERS | channels).items():
        module = types.ModuleType(name, "Placeholder: serving does not use this.")
        for attribute in attributes:
            setattr(module, attribute, _unavailable(f"{name}.{attribute}"))
        module.__spec__ = importlib.util.spec_from_loader(name, loader=None)
        sys.modules[name] = module
    return True


def _unavailable(name: str) -> type:
    def refuse(self: Any, *args: Any, **kwargs: Any) -> None:
        raise RuntimeError(f"{name} is left out of a process that serves")

    return type(name.rpartition(".")[2], (), {"__init__": refuse, "name": classmethod(lambda cls: name)})
