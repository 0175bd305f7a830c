"""A shop's own tables: any CSV file is read and checked, and what is wrong with it is told line by line."""

import codecs
import csv
import io
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from bot.errors import DataError
from bot.training.examples import Examples

DELIMITERS = (",", ";", "\t")
ENCODINGS = ("utf-8-sig", "gb18030")
LONGEST_TEXT = 20_000
LONGEST_LABEL = 100
MOST_LINES = 200
"""A row that goes on for longer than this has a quotation mark that is never closed."""
MOST_BROKEN = 1_000
MOST_LABELS = 200
FEW = 10
"""Labels with fewer examples than this will hardly be found."""
SHOWN = 20
QUOTED = 30

_MARK = "\udcff"
"""Stands in decoded text for bytes that are none; a lone surrogate comes from no file."""
codecs.register_error("zhike.mark", lambda error: (_MARK, error.end))  # type: ignore[attr-defined]

NO_TEXT, NO_LABEL, NUL, ENCODING, QUOTING, CELLS, LONG = (
    "no text", "no label", "NUL character", "wrong encoding", "broken quoting", "more cells than columns", "too long",
)  # fmt: skip
DUPLICATE, CONFLICT, RARE, KNOWN = "duplicate", "conflicting labels", "few examples", "known from training"


class Row(NamedTuple):
    """A text with its label, and the line of the file where its row begins."""

    line: int
    text: str
    label: str


class Problem(NamedTuple):
    """Something that is wrong with a line, of which kind, and a few words of it. Line 0 is the file as a whole."""

    line: int
    kind: str
    what: str
    quote: str = ""


class Table(NamedTuple):
    """The rows of a file that can be used, and what is wrong with the others."""

    path: Path
    rows: tuple[Row, ...]
    problems: tuple[Problem, ...]

    @property
    def examples(self) -> Examples:
        """Texts and labels."""
        return Examples([row.text for row in self.rows], [row.label for row in self.rows])


def read_table(path: Path, text: str, label: str) -> Table:
    """The columns `text` and `label` of a CSV file: UTF-8 or GB18030, with commas, or semicolons or tabs where the header has them.

    Rows that cannot be used are left out and are problems of the table.

    Raises:
        DataError: the file cannot be read, is no CSV file, lacks a column, or has no row that can be used.
    """
    if text == label:
        raise DataError(f"the text and the label cannot both be in the column {shown(text)}")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from None
    lines = list(io.StringIO(_decoded(path, content).removeprefix("\ufeff"), newline=""))
    delimiter, text_at, label_at, width = _header(path, lines[0] if lines else "", text, label)
    rows: list[Row] = []
    problems: list[Problem] = []
    for line, cells in _records(lines, delimiter):
        if cells is None:
            problems.append(Problem(line, QUOTING, "quotation marks do not match; left out", shown(lines[line - 1])))
            if len(problems) > max(MOST_BROKEN, len(rows)):
                raise DataError(f"{path} is not a CSV file: quotation marks do not match in line {problems[0].line} and many others")
        elif cells and line > 1:
            found = _row(line, cells, text_at, label_at, width)
            problems.append(found) if isinstance(found, Problem) else rows.append(found)
    if not rows:
        raise DataError(f"{path} has no rows{_left_out(problems)}")
    return Table(path, tuple(rows), tuple(problems))


def for_training(table: Table) -> Table:
    """The table as it can be learned from: every text once.

    A text with several labels keeps the one that it has most often, and is left out when there is no such label.

    Raises:
        DataError: there are fewer than two labels, or far too many.
    """
    first: dict[str, Row] = {}
    labels: dict[str, Counter[str]] = {}
    for row in table.rows:
        first.setdefault(row.text, row)
        labels.setdefault(row.text, Counter())[row.label] += 1
    chosen = {text: _most_frequent(counts) for text, counts in labels.items()}
    rows = tuple(row._replace(label=label) for text, row in first.items() if (label := chosen[text]) is not None)
    problems = [*table.problems, *_repeated(table.rows, first, chosen)]
    counts = Counter(row.label for row in rows)
    if len(counts) < 2:
        only = f"there is only {shown(next(iter(counts)))}" if counts else "there is none"
        raise DataError(f"{table.path} needs at least two labels to learn from; {only}{_left_out(problems)}")
    if len(counts) > MOST_LABELS:
        raise DataError(
            f"{table.path} has {len(counts):,} different labels, such as {shown(rows[0].label)} and {shown(rows[-1].label)}; at most "
            f"{MOST_LABELS} can be told apart: is that the column of labels?"
        )
    problems += [Problem(0, RARE, f"the label {shown(label)} has only {n}") for label, n in counts.items() if n < FEW]
    return Table(table.path, rows, tuple(problems))


def for_testing(table: Table, training: Table) -> Table:
    """The table as it is measured on: all its rows, with a word on those that tell nothing about strangers.

    Raises:
        DataError: it shares no label with the training data.
    """
    learned, seen = {row.label for row in training.rows}, {row.text for row in training.rows}
    counts = Counter(row.label for row in table.rows)
    if not learned & set(counts):
        ours, theirs = (", ".join(map(shown, sorted(names)[:5])) for names in (counts, learned))
        raise DataError(f"{table.path} has none of the labels of {training.path}: {ours} here, {theirs} there")
    problems = list(table.problems)
    first: dict[tuple[str, str], int] = {}
    for line, text, label in table.rows:
        if text in seen:
            problems.append(Problem(line, KNOWN, f"stands in {training.path} too; counted, but it was learned", shown(text)))
        elif first.setdefault((text, label), line) != line:
            problems.append(Problem(line, DUPLICATE, f"the same as line {first[text, label]}; counted again", shown(text)))
    problems += [
        Problem(0, RARE, f"the label {shown(label)} has {n} here and none in {training.path}")
        for label, n in counts.items()
        if label not in learned
    ]
    return Table(table.path, table.rows, tuple(problems))


def complaints(table: Table) -> Iterator[str]:
    """What is wrong with a table, a line of text for each line of the file; of many of a kind, the first."""
    for kind, found in _by_kind(table.problems).items():
        for problem in found[:SHOWN]:
            where = f"line {problem.line}: " if problem.line else ""
            quote = f": “{problem.quote}”" if problem.quote else ""
            yield f"{table.path}, {where}{kind}: {problem.what}{quote}"
        if len(found) > SHOWN:
            yield f"{table.path}, {kind}: and {len(found) - SHOWN:,} more"


def counted(problems: Iterable[Problem]) -> dict[str, int]:
    """How many there are of each kind."""
    return {kind: len(found) for kind, found in _by_kind(problems).items()}


def shown(text: str, longest: int = QUOTED) -> str:
    """The beginning of a text as it can be printed anywhere: one line, nothing that moves a terminal's cursor or turns its letters."""
    line = " ".join(text.replace(_MARK, "\ufffd").split())
    clean = "".join(character if character.isprintable() else "\ufffd" for character in line)
    return clean if len(clean) <= longest else clean[: longest - 1] + "…"


def _by_kind(problems: Iterable[Problem]) -> dict[str, list[Problem]]:
    kinds: dict[str, list[Problem]] = {}
    for problem in problems:
        kinds.setdefault(problem.kind, []).append(problem)
    return kinds


def _left_out(problems: Sequence[Problem]) -> str:
    found = ", ".join(f"{kind} {n:,}" for kind, n in counted(problems).items() if kind != RARE)
    return f" (left out: {found}, first in line {min(problem.line for problem in problems)})" if found else ""


def _repeated(rows: Iterable[Row], first: dict[str, Row], chosen: dict[str, str | None]) -> Iterator[Problem]:
    """Rows whose text stood before, with the same label or with another one."""
    seen: set[tuple[str, str]] = set()
    for line, text, label in rows:
        earlier, kept = first[text], chosen[text]
        if (text, label) in seen:
            yield Problem(line, DUPLICATE, f"the same as line {earlier.line}; left out", shown(text))
        elif line != earlier.line:
            outcome = "both left out" if kept is None else f"taken as {shown(kept)}, which it is most often"
            what = f"{shown(label)} here, {shown(earlier.label)} in line {earlier.line}; {outcome}"
            yield Problem(line, CONFLICT, what, shown(text))
        seen.add((text, label))


def _most_frequent(labels: Counter[str]) -> str | None:
    ranked = labels.most_common(2)
    return None if len(ranked) > 1 and ranked[0][1] == ranked[1][1] else ranked[0][0]


def _decoded(path: Path, content: bytes) -> str:
    """The file as text, with marks where bytes are none of the encoding that fits better."""
    if content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise DataError(f"{path} is not a CSV file but an Excel workbook or an archive; save the sheet as CSV")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(f"{path} is UTF-16; save it as CSV in UTF-8")
    if not content.strip():
        raise DataError(f"{path} is empty")
    found = []
    for encoding in ENCODINGS:
        text = content.decode(encoding, errors="zhike.mark")
        bad = [number for number, line in enumerate(text.split("\n"), 1) if _MARK in line]
        if not bad:
            return text
        found.append((len(bad), bad[0], text))
    bad_lines, first, text = min(found, key=lambda each: each[0])
    if bad_lines > 1 and bad_lines * 2 > text.count("\n"):
        raise DataError(f"{path} is not text in UTF-8 or GB18030 (line {first})")
    return text


def _header(path: Path, line: str, text: str, label: str) -> tuple[str, int, int, int]:
    """The delimiter, the places of the two columns, and how many columns there are."""
    headers = []
    for delimiter in DELIMITERS:
        try:
            cells = [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter, strict=True))]
        except (csv.Error, StopIteration):
            continue
        for name in (text, label):
            if cells.count(name) > 1:
                raise DataError(f"{path} has {cells.count(name)} columns that are called {shown(name)}")
        if text in cells and label in cells:
            return delimiter, cells.index(text), cells.index(label), len(cells)
        headers.append(cells)
    if not headers:
        raise DataError(f"{path} is not a CSV file: the quotation marks of its header do not match")
    cells = max(headers, key=len)
    missing = ", ".join(shown(name) for name in (text, label) if name not in cells)
    has = ", ".join(shown(cell) for cell in cells[:20] if cell)
    raise DataError(f"{path} has no column {missing}; it has: {has or 'nothing'}{', …' if len(cells) > 20 else ''}")


class _Lines:
    """Lines for a CSV reader, which may take only so many for a row, and can be sent back to an earlier one."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = lines
        self.at = 0
        self.begun = 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        if self.at >= min(len(self._lines), self.begun + MOST_LINES):
            raise StopIteration
        self.at += 1
        return self._lines[self.at - 1]


def _records(lines: Sequence[str], delimiter: str) -> Iterator[tuple[int, list[str] | None]]:
    """Every row's line and cells; None for cells where quotation marks do not match. Such a line is passed over alone, so that one mark
    too many does not swallow the rows after it."""
    csv.field_size_limit(sys.maxsize)  # how long a text may be is asked later, row by row
    feed = _Lines(lines)
    reader = csv.reader(feed, delimiter=delimiter, strict=True)
    while feed.at < len(lines):
        feed.begun = feed.at
        try:
            cells: list[str] | None = next(reader)
        except csv.Error:
            cells, feed.at = None, feed.begun + 1
        yield feed.begun + 1, cells


def _row(line: int, cells: list[str], text_at: int, label_at: int, width: int) -> Row | Problem:
    text, label = (cells[at].strip() if at < len(cells) else "" for at in (text_at, label_at))
    whole = shown(" | ".join(cells))
    if any(_MARK in cell for cell in (text, label)):
        return Problem(line, ENCODING, "bytes that are no characters; left out", whole)
    if "\0" in text + label:
        return Problem(line, NUL, "left out", whole)
    if any(cell.strip() for cell in cells[width:]):
        return Problem(line, CELLS, f"{len(cells)} cells for {width} columns; left out (a delimiter outside quotation marks?)", whole)
    if not text:
        return Problem(line, NO_TEXT, "left out", whole)
    if not label:
        return Problem(line, NO_LABEL, "left out", shown(text))
    if len(text) > LONGEST_TEXT or len(label) > LONGEST_LABEL:
        return Problem(line, LONG, f"a text of {len(text):,}, a label of {len(label):,} characters; left out", shown(text))
    return Row(line, text, label)
