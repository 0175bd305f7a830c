"""Classifiers as bytes, in skops' format: reading one makes only the types that are named here, and runs nothing."""

import tarfile
from pathlib import Path
from types import ModuleType

import sklearn.utils

from bot.errors import ModelError
from bot.learning.classifier import TextClassifier

ARCHIVED = "intents.skops"
"""The name of a classifier's file within a model of Rasa's."""
TRUSTED = [
    "bot.learning.classifier.TextClassifier",
]


def dumps(classifier: TextClassifier) -> bytes:
    """The classifier as bytes."""
    content: bytes = _skops().dumps(classifier)
    return content


def loads(content: bytes) -> TextClassifier:
    """The classifier that the bytes hold.

    Raises:
        Exception: of many kinds, when the bytes are not a classifier of this format and version.
    """
    classifier = _skops().loads(content, trusted=TRUSTED)
    if not isinstance(classifier, TextClassifier):
        raise TypeError("the file holds something else than a text classifier")
    return classifier


def in_archive(archive: Path) -> TextClassifier:
    """The classifier within a model of Rasa's, which is a compressed tar file.

    Raises:
        ModelError: there is none.
    """
    with tarfile.open(archive) as tar:
        for member in tar:
            if Path(member.name).name == ARCHIVED and (file := tar.extractfile(member)):
                return loads(file.read())
    raise ModelError(f"{archive.name} has no classifier of intents")


def _skops() -> ModuleType:
    """skops, imported without all of scikit-learn.

    It lists all estimators, to trust them, which takes half the time that a server needs to start. What is read here is named above.
    """
    listing = sklearn.utils.all_estimators
    sklearn.utils.all_estimators = lambda *args, **kwargs: []
    try:
        import skops.io
    finally:
        sklearn.utils.all_estimators = listing
    module: ModuleType = skops.io
    return module
