"""How good a classifier is, as a page to look at and as JSON to compute with."""

import base64
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import jinja2

from bot.learning.evaluation import Details
from bot.learning.marking import deciding, segments
from bot.training.pictures import calibration_picture, confusion_picture

TEMPLATE = Path(__file__).with_name("report.html")
MOST_COLUMNS = 30
"""With more labels than this, the page lists the most frequent confusions instead of all."""
MOST_CONFUSIONS = 50


def write_report(folder: Path, kind: str, facts: dict[str, Any], details: Details | None) -> Path:
    """Write `kind`-report.html and `kind`-report.json into a folder; returns the page.

    `facts` are `sources`, `scores` and whatever else is to be known of the measurement; without `details`, nothing could be measured.
    """
    folder.mkdir(parents=True, exist_ok=True)
    content = {"kind": kind, **facts, "details": _as_dict(details) if details else None}
    (folder / f"{kind}-report.json").write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    page = folder / f"{kind}-report.html"
    page.write_text(_page(kind, facts, details), encoding="utf-8")
    return page


def _as_dict(details: Details) -> dict[str, Any]:
    calibration, hardest = ([each._asdict() for each in part] for part in (details.calibration, details.hardest))
    return {**asdict(details), "calibration": calibration, "hardest": hardest}


def _page(kind: str, facts: dict[str, Any], details: Details | None) -> str:
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    return template.render(kind=kind, details=details, **facts, **(_shown(facts, details) if details else {}))


def _shown(facts: dict[str, Any], details: Details) -> dict[str, Any]:
    confusions = sorted(
        (
            (count, true, predicted)
            for true, row in zip(details.labels, details.confusion, strict=True)
            for predicted, count in zip(details.labels, row, strict=True)
            if count and true != predicted
        ),
        key=lambda one: (-one[0], one[1:]),
    )
    return {
        "confusion_image": _image(confusion_picture(details.labels, details.confusion)),
        "calibration_image": _image(calibration_picture(details.calibration, facts["scores"]["calibration_error"])),
        "whole_table": len(details.labels) <= MOST_COLUMNS,
        "confusions": confusions[:MOST_CONFUSIONS],
        "hardest": [(miss, _marked(miss.text, miss.evidence)) for miss in details.hardest],
    }


def _image(svg: str) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


def _marked(text: str, evidence: Sequence[str]) -> list[tuple[str, bool]]:
    """The text in parts, each with whether it is a word that decided."""
    words = deciding(text, [(word, 1.0) for word in evidence])
    return segments(text, [span for word in words for span in word.spans])
