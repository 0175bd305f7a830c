"""The project's training text: what is wrong with it, and how rich it is."""

import random
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple, get_args

import numpy as np

from bot.conversation.outcome import Sentiment
from bot.conversation.taxonomy import INTENT_QUEUES, QUEUES
from bot.learning.text import normalise, read_dictionary, words
from bot.training.examples import ASKS_FOR_A_PERSON, Line, csv_files, intent_lines
from bot.training.similar import THRESHOLD, similar_pairs
from bot.training.tables import complaints, read_table, shown
from bot.training.train import DICTIONARY

STEP = 1_000
EXAMPLES = 5
PERCENTILES = {"shortest": 0, "tenth": 10, "median": 50, "ninetieth": 90, "ninety_ninth": 99, "longest": 100}
_SEED = 7


@dataclass(frozen=True, slots=True)
class Likeness:
    """Near-duplicates of a data set: how many pairs, of how many lines, how many under two labels; and the likest pairs of those."""

    pairs: int
    lines: int
    across_labels: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Description:
    """A data set: lines by label, percentiles of their lengths in characters, and its words.

    `new_words` are those of each further thousand lines that none before had, with the lines in random order; a smaller rest counts only
    where there is nothing else.
    """

    name: str
    lines: int
    labels: dict[str, int]
    lengths: dict[str, int]
    words: int
    new_words: tuple[int, ...]
    repeated: int
    similar: Likeness


@dataclass(frozen=True, slots=True)
class Findings:
    """What there is in the training text, and what must be mended, each with its file and line."""

    descriptions: tuple[Description, ...]
    faults: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


class _Set(NamedTuple):
    name: str
    lines: list[Line]
    labels: Collection[str]


def check(project: Path) -> Findings:
    """Read all training text of a project.

    Faults are lines that cannot be used, labels that there are not, and texts under two labels within what one model learns from; texts are
    the same when models read them so.

    Raises:
        DataError: a file is missing or cannot be read.
    """
    faults: list[str] = []
    data = project / "data"
    intents = intent_lines(data / "nlu")
    tickets, feelings, needs = (
        _table_lines(data / folder, column, faults)
        for folder, column in (("tickets", "queue"), ("sentiment", "sentiment"), ("sentiment", "escalate"))
    )
    phrases = _table_lines(data / "phrases", "sentiment", faults) if (data / "phrases").is_dir() else []
    queued = [
        line._replace(label=INTENT_QUEUES[line.label])
        for line in intents
        if line.label in INTENT_QUEUES and line.label != ASKS_FOR_A_PERSON
    ]
    described = (
        _Set("intents", intents, INTENT_QUEUES),
        _Set("tickets", tickets, QUEUES),
        _Set("sentiment", feelings, get_args(Sentiment)),
        *([_Set("phrases", phrases, get_args(Sentiment))] if phrases else []),
    )
    for each in (*described, _Set("escalation", needs, ("true", "false"))):
        faults += _strange_labels(each, project)
        faults += _conflicts(each, project)
    faults += _conflicts(_Set("tickets and intents", tickets + queued, QUEUES), project)
    faults += _conflicts(_Set("sentiment and phrases", feelings + phrases, get_args(Sentiment)), project)
    dictionary = read_dictionary(project / DICTIONARY)
    return Findings(tuple(_described(each, dictionary, project) for each in described), tuple(dict.fromkeys(faults)))


def in_words(found: Findings) -> str:
    """The findings for people, without the faults."""
    return "\n\n".join(_paragraph(each) for each in found.descriptions)


def _paragraph(found: Description) -> str:
    alike = found.similar
    labels = ", ".join(f"{label} {count:,}" for label, count in sorted(found.labels.items(), key=lambda item: -item[1]))
    growth = found.new_words
    return "\n".join(
        (
            f"{found.name}: {found.lines:,} lines, {len(found.labels)} labels",
            f"  lines by label    {labels}",
            f"  characters        {', '.join(f'{name} {value}' for name, value in found.lengths.items())}".replace("_", "-"),
            f"  words             {found.words:,}; new in the first {STEP:,} lines {growth[0]:,}, in the last {STEP:,} {growth[-1]:,}",
            f"  repeated          {found.repeated:,} lines read the same as an earlier one with their label",
            f"  nearly the same   {alike.pairs:,} pairs of {alike.lines:,} lines ({THRESHOLD} or more); 2 labels: {alike.across_labels:,}",
            *(f"    {example}" for example in alike.examples),
        )
    )


def _table_lines(folder: Path, column: str, faults: list[str]) -> list[Line]:
    found = []
    for path in csv_files(folder):
        table = read_table(path, "text", column)
        faults += complaints(table)
        found += [Line(path, row.line, row.text, row.label) for row in table.rows]
    return found


def _strange_labels(found: _Set, project: Path) -> Iterator[str]:
    for line in found.lines:
        if line.label not in found.labels:
            yield f"{_place(line, project)}: there is no label {shown(line.label)} of {found.name}: “{shown(line.text)}”"


def _conflicts(found: _Set, project: Path) -> Iterator[str]:
    """Of a text under several labels, the lines that differ from most of its lines."""
    same: dict[str, list[Line]] = {}
    for line in found.lines:
        same.setdefault(normalise(line.text), []).append(line)
    for lines in same.values():
        counts = Counter(line.label for line in lines)
        if len(counts) > 1:
            usual = counts.most_common(1)[0][0]
            first = next(line for line in lines if line.label == usual)
            for line in lines:
                if line.label != usual:
                    here, there = f"{shown(line.label)} in {found.name}", f"{shown(usual)} in {_place(first, project)}"
                    yield f"{_place(line, project)}: {here}, but {there}: “{shown(line.text)}” reads as “{shown(first.text)}”"


def _place(line: Line, project: Path) -> str:
    return f"{line.path.relative_to(project)}, line {line.number}"


def _described(found: _Set, dictionary: tuple[str, ...], project: Path) -> Description:
    texts = [normalise(line.text) for line in found.lines]
    lengths = np.percentile([len(line.text) for line in found.lines] or [0], list(PERCENTILES.values()), method="nearest")
    cut = [words(text, dictionary) for text in texts]
    return Description(
        name=found.name,
        lines=len(texts),
        labels=dict(sorted(Counter(line.label for line in found.lines).items())),
        lengths=dict(zip(PERCENTILES, lengths.astype(int).tolist(), strict=True)),
        words=len({word for line in cut for word in line}),
        new_words=_growth(cut),
        repeated=len(texts) - len(set(zip(texts, (line.label for line in found.lines), strict=True))),
        similar=_likeness(found, texts, project),
    )


def _growth(cut: Sequence[Sequence[str]]) -> tuple[int, ...]:
    """Lines stand by their labels in the files, so that the next thousand would always be of something else."""
    shuffled = random.Random(_SEED).sample(cut, len(cut))  # noqa: S311 (an order, not a secret)
    known: set[str] = set()
    found = []
    for start in range(0, max(len(shuffled) - STEP + 1, 1), STEP):
        before = len(known)
        known.update(word for line in shuffled[start : start + STEP] for word in line)
        found.append(len(known) - before)
    return tuple(found)


def _likeness(found: _Set, texts: list[str], project: Path) -> Likeness:
    """Of texts that read the same only the first counts: they are `repeated`."""
    places = list({text: place for place, text in reversed(list(enumerate(texts)))}.values())
    pairs = similar_pairs([texts[place] for place in places])
    couples = [(found.lines[places[pair.one]], found.lines[places[pair.other]], pair.cosine) for pair in pairs]
    across = sorted((couple for couple in couples if couple[0].label != couple[1].label), key=lambda couple: -couple[2])
    return Likeness(
        pairs=len(pairs),
        lines=len({place for pair in pairs for place in pair[:2]}),
        across_labels=len(across),
        examples=tuple(f"{cosine:.2f}  {_quoted(one, project)} / {_quoted(other, project)}" for one, other, cosine in across[:EXAMPLES]),
    )


def _quoted(line: Line, project: Path) -> str:
    return f"{_place(line, project)} {shown(line.label)} “{shown(line.text)}”"
