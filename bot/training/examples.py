"""Reads training text: labelled rows from CSV files, and the assistant's intent examples."""

import csv
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from bot.conversation.taxonomy import INTENT_QUEUES
from bot.errors import DataError

ASKS_FOR_A_PERSON = "request_human"
_ANNOTATED = re.compile(r"\[([^\]]*)\](?:\([^)]*\)|\{[^}]*\})")
_LONGEST_FIELD = 1_000_000
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the same language, read ten times as fast where libyaml is there


class Examples(NamedTuple):
    """Texts and, at the same places, their labels."""

    texts: list[str]
    labels: list[str]

    def __add__(self, other: "Examples") -> "Examples":  # type: ignore[override]
        """Both, one after the other."""
        return Examples(self.texts + other.texts, self.labels + other.labels)


class Line(NamedTuple):
    """A text with its label, and where it stands."""

    path: Path
    number: int
    text: str
    label: str


def read_rows(path: Path, text: str, label: str) -> Examples:
    """The columns `text` and `label` of a CSV file in UTF-8 with a header; rows without text are passed over.

    Raises:
        DataError: the file cannot be read, a column is missing, or a row has no label or holds NUL.
    """
    csv.field_size_limit(_LONGEST_FIELD)
    found = Examples([], [])
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            missing = {text, label} - set(rows.fieldnames or ())
            if missing:
                raise DataError(
                    f"{path} has no column {', '.join(sorted(missing))}; it has: {', '.join(rows.fieldnames or ()) or 'nothing'}"
                )
            for row in rows:
                words, name = (row[text] or "").strip(), (row[label] or "").strip()
                if "\0" in words + name:
                    raise DataError(f"{path}, line {rows.line_num}: there is a NUL character")
                if words and not name:
                    raise DataError(f"{path}, line {rows.line_num}: the column {label} is empty")
                if words:
                    found.texts.append(words)
                    found.labels.append(name)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text (byte {error.start})") from None
    except csv.Error as error:
        raise DataError(f"{path}, line {rows.line_num}: {error}") from None
    if not found.texts:
        raise DataError(f"{path} has no rows")
    return found


def read_folder(folder: Path, text: str, label: str) -> Examples:
    """All CSV files of a folder.

    Raises:
        DataError: there is none, or one cannot be used.
    """
    return _joined(read_rows(path, text, label) for path in csv_files(folder))


def csv_files(folder: Path) -> list[Path]:
    """The CSV files of a folder, by name.

    Raises:
        DataError: there is none.
    """
    files = sorted(folder.glob("*.csv"))
    if not files:
        raise DataError(f"there are no CSV files in {folder}")
    return files


def read_intents(folder: Path) -> Examples:
    """The examples of all intents in Rasa's YAML files of a folder, without the marks of entities.

    Raises:
        DataError: a file is not YAML, or is shaped otherwise than Rasa's training data.
    """
    lines = intent_lines(folder)
    return Examples([line.text for line in lines], [line.label for line in lines])


def intent_lines(folder: Path) -> list[Line]:
    """The same examples with the lines where they stand.

    Raises:
        DataError: as with `read_intents`.
    """
    return [line for path in sorted(folder.rglob("*.yml")) for line in _intent_lines(path)]


def _intent_lines(path: Path) -> Iterator[Line]:
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=_LOADER)
        blocks = _fields(root).get("nlu") if root else None
        for block in _items(blocks) if blocks else ():
            fields = _fields(block)
            if "intent" in fields and isinstance(examples := fields.get("examples"), yaml.ScalarNode):
                for number, line in enumerate(examples.value.splitlines(), examples.start_mark.line + 2):
                    words = _ANNOTATED.sub(r"\1", line.removeprefix("-").strip()) if line.startswith("-") else ""
                    if words:
                        yield Line(path, number, words, fields["intent"].value)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not YAML: {str(error).partition(chr(10))[0]}") from None
    except TypeError:
        raise DataError(f"{path} is not a file of training data for the assistant") from None


def _fields(node: yaml.Node) -> dict[str, yaml.Node]:
    if not isinstance(node, yaml.MappingNode):
        raise TypeError("not a mapping")
    return {key.value: value for key, value in node.value if isinstance(key, yaml.ScalarNode)}


def _items(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.ScalarNode) and not node.value:
        return []
    if not isinstance(node, yaml.SequenceNode):
        raise TypeError("not a list")
    items: list[yaml.Node] = node.value
    return items


def with_queues(intents: Examples) -> Examples:
    """Intent examples as examples of the queues that serve the intents; intents that belong to no queue are left out.

    A request for a person is left out too: its queue depends on what it is about.
    """
    pairs = [
        (text, INTENT_QUEUES[intent])
        for text, intent in zip(*intents, strict=True)
        if intent in INTENT_QUEUES and intent != ASKS_FOR_A_PERSON
    ]
    return Examples([text for text, _ in pairs], [queue for _, queue in pairs])


def _joined(parts: Iterable[Examples]) -> Examples:
    return sum(parts, Examples([], []))
