"""The figures of the benchmark: how they are computed and told, and that the compared projects are what they claim to be."""

import json
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench import __main__ as command
from bench import machine, projects, quality, report, workload
from bench.statistics import Figure, percentile, ratio
from bench.systems import NotMeasured, run_to_end
from bot.training.examples import Examples, read_intents
from tests.servers import ROOT

FACTS: dict[str, Any] = {
    "date": "2026-01-02T03:04:05+00:00",
    "machine": {"cpu": "Abacus", "cores": 2, "ram_gb": 8.0, "system": "Linux", "python": "3.11", "rasa": "3.6", "tensorflow": "2.12"},
    "data_sha256": "0123456789abcdef",
    "examples": 10,
    "intents": 2,
    "rounds": 3,
    "epochs": 100,
}


def figures(**medians: dict[str, float]) -> dict[str, dict[str, Figure]]:
    return {name: {system: Figure(value, value, value, 1) for system, value in found.items()} for name, found in medians.items()}


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = [float(value) for value in range(100, 0, -1)]
    assert percentile(values, 0.5) == 50
    assert percentile(values, 0.99) == 99
    assert percentile(values, 1) == 100
    assert percentile([7.0], 0.01) == 7


def test_nothing_measured_is_no_figure() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)
    with pytest.raises(ValueError, match="no values"):
        Figure.of([])


def test_a_figure_keeps_median_and_extremes() -> None:
    assert Figure.of([3.0, 10.0, 1.0]) == Figure(median=3.0, lowest=1.0, highest=10.0, times=3)


def test_a_ratio_needs_both() -> None:
    one, four = Figure.of([1.0]), Figure.of([4.0])
    assert ratio(four, one) == 4
    assert ratio(None, one) is None
    assert ratio(four, None) is None


@pytest.mark.parametrize(
    ("ours", "expected"),
    [
        ({"p50_ms": 4.0, "memory_mb": 400.0, "cold_start_s": 10.0, "late_over_turn_10": 1.2}, [True, True, True, True, True]),
        ({"p50_ms": 8.1, "memory_mb": 401.0, "cold_start_s": 10.1, "late_over_turn_10": 1.21}, [False] * 5),
    ],
)
def test_targets_hold_up_to_their_limits(ours: dict[str, float], expected: list[bool]) -> None:
    found = figures(
        p50_ms={"ours": ours["p50_ms"], "L": 64.0, "S": 120.0},
        memory_mb={"ours": ours["memory_mb"], "S": 1000.0},
        cold_start_s={"ours": ours["cold_start_s"], "S": 30.0},
        late_over_turn_10={"ours": ours["late_over_turn_10"]},
    )
    assert [target.holds for target in report.targets(found)] == expected


def test_what_was_not_measured_neither_holds_nor_is_missed() -> None:
    found = figures(p50_ms={"ours": 4.0})
    assert {target.holds for target in report.targets(found)} == {None}
    assert all(row[-1] == "not measured" for row in report.target_rows(report.targets(found))[1:])


def test_the_report_tells_medians_spread_ratios_and_where_it_was_measured() -> None:
    found = {"p50_ms": {"ours": Figure.of([4.0, 5.0, 6.5]), "S": Figure.of([100.0])}}
    told = report.as_markdown(found, FACTS)
    assert "| turn latency, p50 (ms) | 5.0 (4.0…6.5) | – | 100.0 | – | 20.00× | lower |" in told
    assert "Abacus, 2 cores" in told
    assert "0123456789ab" in told
    lines = [line for line in told.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in lines} == {8, 5}, "every row has the cells of its heading"


def test_the_json_holds_every_repetition() -> None:
    raw = {"p50_ms": {"ours": [4.0, 6.0], "S": [100.0]}}
    content = json.loads(json.dumps(report.as_json(command._figures(raw), FACTS, raw)))
    assert content["metrics"]["p50_ms"]["S/ours"] == 20
    assert content["metrics"]["p50_ms"]["L/ours"] is None
    assert content["repetitions"] == raw
    assert content["machine"] == FACTS["machine"]


def test_metrics_of_a_round_are_those_of_the_report() -> None:
    from bench.measure import Round

    assert set(Round.__dataclass_fields__) | {"training_s", "intent_f1"} == set(report.METRICS)


def test_options_are_checked(capsys: pytest.CaptureFixture[str]) -> None:
    assert command._parser().parse_args(["--only", "s,OURS"]).only == ("ours", "S")
    for wrong in (["--only", "ours,X"], ["--rounds", "0"], ["--folds", "1"]):
        with pytest.raises(SystemExit) as stopped:
            command._parser().parse_args(wrong)
        assert stopped.value.code == 2
    assert "ours,L,S" in capsys.readouterr().err


def test_a_compared_project_is_ours_under_another_pipeline(tmp_path: Path) -> None:
    projects.write(tmp_path / "S", "S", ROOT, epochs=7, action_port=5055)
    read = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in (tmp_path / "S").glob("*.yml")}
    assert read["domain"] == yaml.safe_load((ROOT / "domain.yml").read_text(encoding="utf-8"))
    assert {part["epochs"] for part in [*read["config"]["pipeline"], *read["config"]["policies"]] if "epochs" in part} == {7}
    assert read_intents(tmp_path / "S" / "data" / "nlu") == read_intents(ROOT / "data" / "nlu")
    served = runpy.run_path(str(tmp_path / "S" / "actions.py"))
    assert {served[name]().name() for name in served["NAMES"]} == set(read["domain"]["actions"])


def test_folds_are_the_same_each_time_and_hold_every_example_out_once(tmp_path: Path) -> None:
    examples = Examples([f"text {number}" for number in range(30)], ["a", "b", "c"] * 10)
    first, second = list(quality.folds(examples, 3)), list(quality.folds(examples, 3))
    assert first == second
    assert sorted(text for _, test in first for text in test.texts) == sorted(examples.texts)
    for train, test in first:
        assert not set(train.texts) & set(test.texts)


def test_written_examples_read_the_same(tmp_path: Path) -> None:
    examples = Examples(["请问：几天到？", "# 号", "a: b - c", "退钱！！"], ["ask", "ask", "ask", "refund"])
    projects.write_examples(tmp_path / "nlu.yml", *examples)
    assert read_intents(tmp_path) == examples


def test_the_hash_of_the_data_follows_names_and_contents(tmp_path: Path) -> None:
    one, two = tmp_path / "1", tmp_path / "2"
    one.write_text("x")
    two.write_text("y")
    before = machine.data_hash(tmp_path, [two, one])
    assert before == machine.data_hash(tmp_path, [one, two])
    two.write_text("z")
    assert machine.data_hash(tmp_path, [one, two]) != before


def test_processor_time_and_memory_count_child_processes() -> None:
    busy = "import os\nif os.fork():\n    os.wait()\nelse:\n    x = b'x' * 60_000_000\n    print(flush=True)\n    while True: pass\n"
    with subprocess.Popen([sys.executable, "-c", busy], stdout=subprocess.PIPE, start_new_session=True) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            before = machine.cpu_seconds([process.pid])
            while machine.cpu_seconds([process.pid]) <= before:
                pass
            assert machine.memory([process.pid]) > 57
        finally:
            for one in reversed(machine.family([process.pid])):
                one.kill()


def test_a_command_that_fails_is_not_a_measurement(tmp_path: Path) -> None:
    with pytest.raises(NotMeasured, match=r"status 3(?s:.*)broken"):
        run_to_end([sys.executable, "-c", "print('broken', flush=True); raise SystemExit(3)"], cwd=tmp_path, log=tmp_path / "log")


def test_the_workload_begins_again() -> None:
    assert workload.message(0) == workload.message(len(workload.MESSAGES))
    assert len(set(workload.MESSAGES)) == len(workload.MESSAGES)
