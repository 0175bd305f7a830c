"""The command line: `python -m bench`."""

import argparse
import asyncio
import json
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

from bench import machine, measure, quality, report
from bench.statistics import Figure
from bench.systems import NotMeasured, System, build
from bot.errors import ZhikeError
from bot.training.examples import Examples, read_intents
from tests.servers import ROOT

DATA = ("data/nlu/**/*.yml", "data/rules/*.yml", "data/stories/*.yml", "data/tickets/*.csv", "data/sentiment/*.csv", "*.yml")
RESULTS = ROOT / "results"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write the report; returns the exit status."""
    options = _parser().parse_args(arguments)
    # As exceptions, so that servers are ended on the way out; asyncio's own handling would wait for a training to end.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    try:
        with tempfile.TemporaryDirectory(prefix="zhike-bench-") as folder:
            figures, raw, facts = asyncio.run(_measure(options, Path(folder)))
    except (NotMeasured, ZhikeError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    _show(report.rows(figures))
    _show(report.target_rows(figures))
    RESULTS.mkdir(exist_ok=True)
    content = json.dumps(report.as_json(figures, facts, raw), ensure_ascii=False, indent=2)
    (RESULTS / "bench.json").write_text(content + "\n", encoding="utf-8")
    (RESULTS / "bench.md").write_text(report.as_markdown(figures, facts), encoding="utf-8")
    _say("written to results/bench.json and results/bench.md")
    return 0


def _stop(number: int, frame: object) -> None:
    print("bench: stopped", file=sys.stderr)
    raise SystemExit(128 + number)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="This assistant beside Rasa's default pipeline (S) and a lean one (L)."
    )
    parser.add_argument("--rounds", type=_positive, default=5, help="starts of each system (5)")
    parser.add_argument("--epochs", type=_positive, default=100, help="of what S trains in epochs (100)")
    parser.add_argument("--folds", type=_folds, default=3, help="of the cross-validation (3)")
    parser.add_argument("--no-f1", action="store_true", help="leave out the cross-validation")
    parser.add_argument("--only", type=_systems, default=report.SYSTEMS, metavar="ours,L,S", help="measure these alone")
    return parser


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


async def _measure(options: argparse.Namespace, folder: Path) -> tuple[report.Figures, dict[str, Any], dict[str, Any]]:
    examples = read_intents(ROOT / "data" / "nlu")
    intents = sorted(set(examples.labels))
    facts = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine.describe(),
        "data_sha256": machine.data_hash(ROOT, {path for pattern in DATA for path in ROOT.glob(pattern)}),
        "examples": len(examples.texts),
        "intents": len(intents),
        **{name: getattr(options, name) for name in ("rounds", "epochs")},
        "folds": None if options.no_f1 else options.folds,
    }
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
        raw["intent_f1"] = _f1(options, examples, folder)
    return _figures(raw), raw, facts


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
