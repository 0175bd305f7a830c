"""Rasa's model archives, made the same for the same training."""

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

METADATA = "metadata.json"
SETS = ("rule_policy.json", "rule_only_data.json")
"""Files in which Rasa writes sets as lists, in any order."""
LONG_AGO = "1980-01-01T00:00:00"
"""For the time of training, which stands in the model's card."""


def settle(archive: Path) -> None:
    """Write a model archive anew, without what differs from one training to the next: times, random names, and the order of sets.

    Rasa asks of these names only that they are the same within the archive, and of the identity of a model only that no other has it.
    """
    with tarfile.open(archive) as tar:
        members = sorted((member for member in tar if member.isfile()), key=lambda member: member.name)
        contents = {member.name: file.read() for member in members if (file := tar.extractfile(member))}
    for name, content in contents.items():
        if Path(name).name in SETS:
            contents[name] = _as_bytes(_with_sorted_words(json.loads(content)))
    (metadata,) = [name for name in contents if Path(name).name == METADATA]
    facts = _with_numbered_fingerprints(json.loads(contents[metadata])) | {"trained_at": LONG_AGO, "model_id": ""}
    contents[metadata] = _as_bytes(facts)
    digest = hashlib.sha256(b"".join(name.encode() + b"\0" + content for name, content in contents.items()))
    contents[metadata] = _as_bytes(facts | {"model_id": digest.hexdigest()[:32]})
    archive.write_bytes(_packed(contents))


def _packed(contents: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", filename="", mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as tar:
        for name, content in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _with_sorted_words(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _with_sorted_words(part) for name, part in value.items()}
    return sorted(value) if isinstance(value, list) and all(isinstance(part, str) for part in value) else value


def _with_numbered_fingerprints(metadata: dict[str, Any]) -> dict[str, Any]:
    """The names of what the parts of the model keep, which are drawn by lot, as numbers in the order in which they stand; and what a part
    needs, which Rasa finds by its name, in the order of names."""
    numbers: dict[str, str] = {}

    def numbered(value: Any) -> Any:
        if isinstance(value, list):
            return [numbered(part) for part in value]
        if not isinstance(value, dict):
            return value
        if isinstance(value.get("needs"), dict):
            value = {**value, "needs": dict(sorted(value["needs"].items()))}
        return {
            name: numbers.setdefault(part, f"{len(numbers):032x}")
            if name == "output_fingerprint" and isinstance(part, str)
            else numbered(part)
            for name, part in value.items()
        }

    settled: dict[str, Any] = numbered(metadata)
    return settled


def _as_bytes(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=2).encode()
