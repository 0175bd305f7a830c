"""A shop's own data: how well a model learns it, and a model trained from it, which is published only when that is asked for."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, NamedTuple, get_args

from bot.conversation.outcome import Sentiment
from bot.conversation.taxonomy import QUEUES
from bot.errors import DataError
from bot.learning.cards import Card, save, sha256_of
from bot.learning.classifier import TextClassifier
from bot.learning.evaluation import Details, Report, details, judged, try_out
from bot.learning.text import read_dictionary
from bot.training.report import write_report
from bot.training.tables import Table, complaints, counted, for_testing, for_training, read_table, shown
from bot.training.train import DICTIONARY, SENTIMENT, TICKETS

OWN_KINDS = (TICKETS, SENTIMENT)
SENTIMENTS = get_args(Sentiment)


class Columns(NamedTuple):
    """The names of a file's columns."""

    text: str
    label: str


@dataclass(frozen=True, slots=True)
class Ears:
    """Who hears what is done: `stage` what is being done now, `warn` what is wrong with the data."""

    stage: Callable[[str], None]
    warn: Callable[[str], None]


class Candidate(NamedTuple):
    """A model trained from a shop's own data, and the page that says how good it is."""

    card: Card
    page: Path


def evaluate_files(kind: str, train: Path, test: Path, columns: Columns, project: Path, ears: Ears, report: Path | None = None) -> Report:
    """Train on one file, measure on another; nothing is kept but the report, where a folder for it is named.

    Raises:
        DataError: a file cannot be used.
    """
    ears.stage("reading")
    learned = for_training(read_table(train, *columns))
    asked = for_testing(read_table(test, *columns), learned)
    if report:
        _make(report)
    for table in (learned, asked):
        _complain(table, ears)
    ears.stage(f"training on {len(learned.rows):,} texts")
    trial = try_out(_classifier(project), *learned.examples, *asked.examples)
    if report:
        ears.stage("writing the report")
        facts = {
            "made_at": _now(),
            "model": None,
            "columns": columns._asdict(),
            "sources": [_source(learned), _source(asked)],
            "measured_on": {"zh": "在另一份文件上测量", "en": "measured on another file"},
            "scores": trial.report.as_dict(),
        }
        write_report(report, kind, facts, trial.details)
    return trial.report


def train_file(
    kind: str, data: Path, columns: Columns, project: Path, out: Path, models: Path, ears: Ears, *, publish: bool = False
) -> Candidate:
    """Train from one file into the folder `out`, with a report; with `publish`, into the folder of published models as well.

    The figures are those of cross-validation. What is published has the labels that the desk knows.

    Raises:
        DataError: the file or the folder cannot be used, or the labels are not the desk's and the model is to be published.
    """
    if out.resolve() == models.resolve():
        raise DataError(f"{out} is the folder of the published models; name another one, and publish with --publish")
    ears.stage("reading")
    table = for_training(read_table(data, *columns))
    if publish:
        _check_labels(kind, table)
    _make(out)
    _complain(table, ears)
    ears.stage(f"training on {len(table.rows):,} texts")
    classifier = _classifier(project).fit(*table.examples)
    dictionary = project / DICTIONARY
    hashed = sha256_of(data, *([dictionary] if dictionary.exists() else []))
    card = save(classifier, out, kind, data_sha256=hashed, examples=len(table.rows), metrics=classifier.cross_validation_)
    ears.stage("writing the report")
    scores, found = _cross_validated(classifier, table)
    folds = classifier.cross_validation_.get("folds", 0)
    facts = {
        "made_at": _now(),
        "model": card.version,
        "columns": columns._asdict(),
        "sources": [_source(table)],
        "measured_on": {"zh": f"{folds} 折交叉验证", "en": f"cross-validation, {folds} folds"}
        if found
        else {"zh": "未测量", "en": "not measured"},
        "scores": scores,
    }
    page = write_report(out, kind, facts, found)
    if publish:
        save(classifier, models, kind, data_sha256=hashed, examples=len(table.rows), metrics=classifier.cross_validation_)
    return Candidate(card, page)


def candidate_folder(var: Path, kind: str) -> Path:
    """Where a candidate goes when no folder is named."""
    return var / "candidates" / f"{kind}-{datetime.now(UTC):%Y%m%d-%H%M%S}"


def _classifier(project: Path) -> TextClassifier:
    return TextClassifier(dictionary=read_dictionary(project / DICTIONARY))


def _check_labels(kind: str, table: Table) -> None:
    labels = {row.label for row in table.rows}
    known = tuple(QUEUES) if kind == TICKETS else SENTIMENTS
    if unknown := sorted(labels.difference(known)):
        names = ", ".join(map(shown, unknown[:5])) + (", …" if len(unknown) > 5 else "")
        raise DataError(
            f"{table.path} has labels that the desk does not know ({names}); to be published, they must be of: {', '.join(known)}"
        )
    if kind == SENTIMENT and (missing := [label for label in SENTIMENTS if label not in labels]):
        raise DataError(f"{table.path} has no row labelled {', '.join(missing)}; a sentiment model to be published needs all three")


def _cross_validated(classifier: TextClassifier, table: Table) -> tuple[dict[str, Any] | None, Details | None]:
    probabilities = classifier.out_of_fold_
    if probabilities is None:
        return None, None
    texts, labels = table.examples
    return judged(classifier, probabilities, labels), details(classifier, probabilities, texts, labels)


def _source(table: Table) -> dict[str, Any]:
    return {"file": table.path.name, "sha256": sha256_of(table.path), "rows": len(table.rows), "problems": counted(table.problems)}


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise DataError(f"nothing can be written to {folder}: {error.strerror}") from None


def _complain(table: Table, ears: Ears) -> None:
    for complaint in complaints(table):
        ears.warn(complaint)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
