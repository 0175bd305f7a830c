"""Classifiers as bytes, in skops' format: reading one makes only the types that are named here, and runs nothing."""

from types import ModuleType

import sklearn.utils

from bot.learning.classifier import TextClassifier

TRUSTED = [
    "bot.learning.classifier.TextClassifier",
    "sklearn.linear_model._logistic.LogisticRegression",
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
