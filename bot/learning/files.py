"""Classifiers as bytes, in skops' format: reading one makes only the types that are named here, and runs nothing."""

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from zipfile import ZipFile, ZipInfo

import sklearn.utils

from bot.errors import ModelError
from bot.learning.classifier import TextClassifier

SCHEMA = "schema.json"
"""What skops calls the description of an object within its file."""
ARCHIVED = "intents.skops"
"""The name of a classifier's file within a model of Rasa's."""
TRUSTED = [
    "bot.learning.classifier.TextClassifier",
]


def dumps(classifier: TextClassifier) -> bytes:
    """The classifier as bytes: the same ones for the same classifier, whenever and wherever it was trained."""
    return _settled(_skops().dumps(classifier))


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


def _settled(content: bytes) -> bytes:
    """A file of skops' without what differs from run to run: addresses in memory, names made of them, and the time of writing."""
    buffer = io.BytesIO()
    with ZipFile(io.BytesIO(content)) as written, ZipFile(buffer, "w") as settled:
        schema = json.loads(written.read(SCHEMA))
        for number, node in enumerate(_nodes_with_files(schema)):
            name, node["file"] = node["file"], f"{number}{Path(node['file']).suffix}"
            settled.writestr(ZipInfo(node["file"]), written.read(name))  # ZipInfo's date is a fixed one unless another is given
        settled.writestr(ZipInfo(SCHEMA), json.dumps(schema))
    return buffer.getvalue()


def _nodes_with_files(node: Any) -> Iterator[dict[str, Any]]:
    """All nodes of a schema whose content is a file of its own, in order; takes the addresses out of every node on the way."""
    if isinstance(node, dict):
        node.pop("__id__", None)
        if isinstance(node.get("file"), str):
            yield node
    for part in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _nodes_with_files(part)


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
