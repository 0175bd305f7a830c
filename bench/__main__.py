"""The command line: `python -m bench`."""

import argparse
import asyncio
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import language, machine, measure, quality, report
from bench.statistics import Figure
from bench.systems import NotMeasured, System, build
from bot.errors import ZhikeError
from bot.training.examples import Examples, read_intents
from tests.servers import ROOT

DATA = (
    "data/nlu/**/*.yml",
    "data/rules/*.yml",
    "data/stories/*.yml",
    "data/tickets/*.csv",
    "data/sentiment/*.csv",
    "data/phrases/*.csv",
    "data/dictionary.txt",
    "*.yml",
)
RESULTS = ROOT / "results"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write the report; returns the exit status."""
    options = _parser().parse_args(arguments)
    # As exceptions, so that servers are ended on the way out; asyncio's own handling would wait for a training to end.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    try:
        with tempfile.TemporaryDirectory(prefix="zhike-bench-") as folder:
            facts = _facts(options)
            figures, raw = ({}, {}) if options.only_language else asyncio.run(_measure(options, Path(folder)))
            plan = language.Plan(
                options.datasets, options.reviews, options.diet_epochs if options.diet else None, Path(folder) / "language"
            )
            found = None if options.no_language else language.measure(plan, _say)
    except (NotMeasured, ZhikeError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    content = report.as_json(figures, facts, raw)
    lines: list[str] = []
    if figures:
        _show(report.rows(figures))
        _show(report.target_rows(report.targets(figures)))
    if found:
        content["language"] = language.as_json(found, plan)
        lines = language.as_markdown(found, plan)
        _show(language.rows(found.figures))
        _show(report.target_rows(language.targets(found.figures)))
        for reason in found.skipped:
            _say(f"left out: {reason}")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "bench.json").write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    (RESULTS / "bench.md").write_text(report.as_markdown(figures, facts, lines), encoding="utf-8")
    _say("written to results/bench.json and results/bench.md")
    return 0


def _stop(number: int, frame: object) -> None:
    print("bench: stopped", file=sys.stderr)
    raise SystemExit(128 + number)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="This assistant beside Rasa's default pipeline (S), a lean one (L), and how well texts are understood.",
    )
    parser.add_argument("--rounds", type=_positive, default=5, help="starts of each system (5)")
    parser.add_argument("--epochs", type=_positive, default=100, help="of what S trains in epochs (100)")
    parser.add_argument("--folds", type=_folds, default=3, help="of the cross-validation (3)")
    parser.add_argument("--no-f1", action="store_true", help="leave out the cross-validation")
    parser.add_argument("--only", type=_systems, default=report.SYSTEMS, metavar="ours,L,S", help="measure these alone")
    parts = parser.add_mutually_exclusive_group()
    parts.add_argument("--only-language", action="store_true", help="measure how texts are understood, and nothing else")
    parts.add_argument("--no-language", action="store_true", help="leave that out")
    parser.add_argument("--datasets", type=Path, default=_datasets(), metavar="FOLDER", help="of the public data (PUBLIC_DATA)")
    parser.add_argument("--reviews", type=_positive, default=20_000, help="public reviews to train on (20000)")
    parser.add_argument("--diet", action="store_true", help="train DIET on the same intents, too")
    parser.add_argument("--diet-epochs", type=_positive, default=20, help="of DIET then (20)")
    return parser


def _datasets() -> Path:
    """From the environment, or beside the project."""
    return Path(os.environ.get("PUBLIC_DATA") or ROOT.parent / "shared" / "datasets")


def _positive(raw: str) -> int:
    value = int(raw)
    if value < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return value


def _folds(raw: str) -> int:
    value = int(raw)
    if value < 2:
        raise argparse.ArgumentTypeError("at least 2")
    return value


def _systems(raw: str) -> tuple[str, ...]:
    wanted = {name.strip().lower() for name in raw.split(",")}
    if not wanted or wanted - {name.lower() for name in report.SYSTEMS}:
        raise argparse.ArgumentTypeError("some of ours,L,S")
    return tuple(name for name in report.SYSTEMS if name.lower() in wanted)


def _facts(options: argparse.Namespace) -> dict[str, Any]:
    examples = read_intents(ROOT / "data" / "nlu")
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine.describe(),
        "data_sha256": machine.data_hash(ROOT, {path for pattern in DATA for path in ROOT.glob(pattern)}),
        "examples": len(examples.texts),
        "intents": len(set(examples.labels)),
        **{name: getattr(options, name) for name in ("rounds", "epochs")},
        "folds": None if options.no_f1 else options.folds,
    }


async def _measure(options: argparse.Namespace, folder: Path) -> tuple[report.Figures, dict[str, Any]]:
    systems = [build(name, folder / name, epochs=options.epochs) for name in options.only]
    raw: dict[str, dict[str, list[float]]] = {name: {} for name in report.METRICS}
    for system in systems:
        raw["training_s"][system.name] = _train(system)
    for number in range(1, options.rounds + 1):
        for system in systems:
            _say(f"round {number} of {options.rounds}: {system.name}")
            for name, value in (await measure.one_round(system)).as_dict().items():
                raw[name].setdefault(system.name, []).append(value)
    if not options.no_f1:
        raw["intent_f1"] = _f1(options, read_intents(ROOT / "data" / "nlu"), folder)
    return _figures(raw), raw


def _train(system: System) -> list[float]:
    _say(f"training {system.name}")
    return [system.train()]


def _f1(options: argparse.Namespace, examples: Examples, folder: Path) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {name: [] for name in options.only}
    for number, (train, test) in enumerate(quality.folds(examples, options.folds), 1):
        for name, values in found.items():
            _say(f"fold {number} of {options.folds}: {name}")
            values.append(quality.fold_f1(name, train, test, folder / f"fold-{name}-{number}", epochs=options.epochs))
    return found


def _figures(raw: Mapping[str, Mapping[str, Sequence[float]]]) -> report.Figures:
    return {name: {system: Figure.of(values) for system, values in found.items()} for name, found in raw.items() if found}


def _show(cells: Sequence[Sequence[str]]) -> None:
    table = Table(*cells[0])
    for row in cells[1:]:
        table.add_row(*row)
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def _say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
