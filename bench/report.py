"""The figures as a table, as JSON and as Markdown."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench.statistics import Figure, ratio

SYSTEMS = ("ours", "L", "S")
Figures = Mapping[str, Mapping[str, Figure]]
"""By metric, then by system."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A row of the table; `digits` after the point."""

    title: str
    digits: int
    better: str


METRICS = {
    "p50_ms": Metric("turn latency, p50 (ms)", 1, "lower"),
    "p99_ms": Metric("turn latency, p99 (ms)", 1, "lower"),
    "turns_per_cpu_second": Metric("turns per CPU second, 8 conversations at once", 1, "higher"),
    "turn_10_ms": Metric("latency at turn 10 (ms)", 1, "lower"),
    "late_turn_ms": Metric("latency at turn 1000; L and S: turn 100 (ms)", 1, "lower"),
    "late_over_turn_10": Metric("the same as a multiple of turn 10", 2, "lower"),
    "rapid_s": Metric("two messages at once, both answered (s)", 3, "lower"),
    "memory_mb": Metric("memory of the servers after the run (MB)", 0, "lower"),
    "cold_start_s": Metric("process start to first reply (s)", 1, "lower"),
    "training_s": Metric("training from nothing (s)", 0, "lower"),
    "intent_f1": Metric("intent macro F1, held-out folds", 3, "higher"),
}


@dataclass(frozen=True, slots=True)
class Target:
    """What we want to reach: `value` at least or at most `limit`. None: not measured in this run."""

    title: str
    limit: float
    at_least: bool
    value: float | None

    @property
    def holds(self) -> bool | None:
        """Whether it is reached."""
        if self.value is None:
            return None
        return self.value >= self.limit if self.at_least else self.value <= self.limit


def targets(figures: Figures) -> list[Target]:
    """All targets, with what was found."""

    def as_many(metric: str, system: str) -> float | None:
        found = figures.get(metric, {})
        return ratio(found.get(system), found.get("ours"))

    growth = figures.get("late_over_turn_10", {}).get("ours")
    memory = as_many("memory_mb", "S")
    return [
        Target("p50 latency, S / ours", 15, True, as_many("p50_ms", "S")),
        Target("p50 latency, L / ours", 8, True, as_many("p50_ms", "L")),
        Target("ours, turn 1000 / turn 10", 1.2, False, growth.median if growth else None),
        Target("cold start, S / ours", 3, True, as_many("cold_start_s", "S")),
        Target("memory, ours / S", 0.4, False, 1 / memory if memory else None),
    ]


def as_json(figures: Figures, facts: Mapping[str, Any], raw: Mapping[str, Any]) -> dict[str, Any]:
    """Everything: medians, spread, ratios, targets, the machine and data, and every single repetition."""
    return {
        **facts,
        "metrics": {
            name: {
                "title": METRICS[name].title,
                "better": METRICS[name].better,
                "systems": {system: asdict(figure) for system, figure in found.items()},
                **{f"{system}/ours": ratio(found.get(system), found.get("ours")) for system in ("S", "L")},
            }
            for name, found in figures.items()
        },
        "targets": [asdict(target) | {"holds": target.holds} for target in targets(figures)],
        "repetitions": raw,
    }


def rows(figures: Figures) -> list[list[str]]:
    """The table with its heading: each cell a median and, where it was repeated, the extremes."""
    heading = ["", *SYSTEMS, "L/ours", "S/ours", "better"]
    return [heading] + [
        [
            METRICS[name].title,
            *(cell(found.get(system), METRICS[name].digits) for system in SYSTEMS),
            *(times(ratio(found.get(system), found.get("ours"))) for system in ("L", "S")),
            METRICS[name].better,
        ]
        for name, found in figures.items()
    ]


def target_rows(wanted: Sequence[Target]) -> list[list[str]]:
    """The targets with their heading."""
    words = {True: "holds", False: "missed", None: "not measured"}
    return [["target", "wanted", "found", ""]] + [
        [
            target.title,
            f"{'≥' if target.at_least else '≤'} {target.limit:g}",
            "–" if target.value is None else f"{target.value:.2f}",
            words[target.holds],
        ]
        for target in wanted
    ]


def as_markdown(figures: Figures, facts: Mapping[str, Any], language: Sequence[str] = ()) -> str:
    """The report, ready for docs/benchmarks.md; `language` holds the lines of the part about language."""
    machine = facts["machine"]
    rounds = f"; rounds: {facts['rounds']}, epochs of S: {facts['epochs']}" if figures else ""
    turns = ["Median (lowest…highest).", "", *table(rows(figures)), "", *table(target_rows(targets(figures))), ""] if figures else []
    return "\n".join(
        [
            f"Measured on {facts['date']}: {machine['cpu']}, {machine['cores']} cores, {machine['ram_gb']} GB RAM, "
            f"{machine['system']}, Python {machine['python']}, Rasa {machine['rasa']}, TensorFlow {machine['tensorflow']}. "
            f"{facts['examples']} examples of {facts['intents']} intents, data `{facts['data_sha256'][:12]}`{rounds}.",
            "",
            *turns,
            *language,
        ]
    )


def cell(figure: Figure | None, digits: int) -> str:
    """A median and, where it was repeated, the extremes."""
    if figure is None:
        return "–"
    middle = f"{figure.median:.{digits}f}"
    return middle if figure.times == 1 else f"{middle} ({figure.lowest:.{digits}f}…{figure.highest:.{digits}f})"


def times(value: float | None) -> str:
    """A ratio."""
    return "–" if value is None else f"{value:.2f}×"


def table(cells: Sequence[Sequence[str]]) -> list[str]:
    """Rows, the first of them the heading, as lines of Markdown."""
    lines = [f"| {' | '.join(row)} |" for row in cells]
    return [lines[0], f"|{' --- |' * len(cells[0])}", *lines[1:]]
