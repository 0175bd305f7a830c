"""Archives of the same training are the same."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from bot.training.archive import settle


def packed(path: Path, *, drawn: str, at: float, order: int, threshold: float = 0.4) -> Path:
    """An archive as Rasa writes it: random names, the time, sets in any order."""
    nodes = {
        "one": {"resource": {"name": "train_one", "output_fingerprint": f"{drawn}1"}, "config": {"threshold": threshold}},
        "again": {
            "resource": {"name": "train_one", "output_fingerprint": f"{drawn}1"},
            "needs": dict([("domain", "provider"), ("tracker", "__tracker__")][::order]),
        },
        "two": {"resource": {"name": "train_two", "output_fingerprint": f"{drawn}2"}},
    }
    contents: dict[str, Any] = {
        "components/train_rules/rule_policy.json": {
            "lookup": {"rules": {"b": 1, "a": 2}, "rule_only_loops": ["refund_form", "return_form", "address_form"][::order]}
        },
        "components/train_two/kept.json": ["b", "a"],
        "metadata.json": {"trained_at": f"2026-01-01T00:00:{at:02.0f}", "model_id": drawn * 8, "predict_schema": {"nodes": nodes}},
    }
    with tarfile.open(path, "w:gz") as tar:
        for name, content in list(contents.items())[::order]:
            member = tarfile.TarInfo(name)
            data = json.dumps(content).encode()
            member.size, member.mtime = len(data), int(at)
            tar.addfile(member, io.BytesIO(data))
    return path


def read(path: Path) -> dict[str, Any]:
    with tarfile.open(path) as tar:
        return {member.name: json.loads(file.read()) for member in tar if (file := tar.extractfile(member))}


@pytest.fixture
def settled(tmp_path: Path) -> Path:
    path = packed(tmp_path / "one.tar.gz", drawn="abcd", at=1, order=1)
    settle(path)
    return path


def test_what_differs_by_chance_is_the_same_afterwards(settled: Path, tmp_path: Path) -> None:
    other = packed(tmp_path / "other.tar.gz", drawn="ef01", at=59, order=-1)
    assert other.read_bytes() != settled.read_bytes()
    settle(other)
    assert other.read_bytes() == settled.read_bytes()
    settle(other)
    assert other.read_bytes() == settled.read_bytes()


def test_what_differs_by_training_still_does(settled: Path, tmp_path: Path) -> None:
    other = packed(tmp_path / "other.tar.gz", drawn="abcd", at=1, order=1, threshold=0.5)
    settle(other)
    assert read(other)["metadata.json"]["model_id"] != read(settled)["metadata.json"]["model_id"]


def test_all_that_was_learned_is_kept(settled: Path) -> None:
    contents = read(settled)
    assert contents["components/train_two/kept.json"] == ["b", "a"]
    lookup = contents["components/train_rules/rule_policy.json"]["lookup"]
    assert list(lookup["rules"].items()) == [("b", 1), ("a", 2)]
    assert set(lookup["rule_only_loops"]) == {"refund_form", "return_form", "address_form"}
    nodes = contents["metadata.json"]["predict_schema"]["nodes"]
    names = [nodes[name]["resource"]["output_fingerprint"] for name in ("one", "again", "two")]
    assert names[0] == names[1] != names[2]
