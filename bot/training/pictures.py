"""Pictures of how a classifier does, as SVG. Letters are drawn as outlines, so that they are read where no font has them."""

import io
import warnings
from collections.abc import Sequence
from typing import Any

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.ft2font import FT2Font

from bot.learning.evaluation import Bin

CHINESE = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "Source Han Sans CN", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei",
    "Microsoft YaHei", "PingFang SC", "Heiti SC", "SimHei", "Droid Sans Fallback", "Noto Serif CJK SC", "Noto Serif CJK JP", "SimSun",
    "AR PL UMing CN",
)  # fmt: skip
"""Fonts with Chinese letters, as systems call them."""
LATIN = "DejaVu Sans"
"""The font that comes with matplotlib."""
LONGEST_NAME = 14
MOST_FIGURES = 25
"""With more labels than this, cells are too small for figures."""
_STYLE: Any = {"svg.fonttype": "path", "svg.hashsalt": "zhike", "axes.edgecolor": "#888", "font.size": 10}


def confusion_picture(labels: Sequence[str], confusion: Sequence[Sequence[int]]) -> str:
    """Rows are true labels, columns predicted ones, shades the share of the row; labels that no font has are numbered instead."""
    font, names = _names(labels)
    with matplotlib.rc_context({**_STYLE, "font.family": font}):
        side = min(max(4.0, 0.55 * len(labels) + 2), 24.0)
        figure, axes = _axes(side + 0.6, side)
        shares = [[value / max(sum(row), 1) for value in row] for row in confusion]
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for place, ticks in ((axes.set_xticks, axes.get_xticklabels), (axes.set_yticks, axes.get_yticklabels)):
            place(range(len(names)), names)
            for tick in ticks():
                tick.set_parse_math(False)
        for tick in axes.get_xticklabels():
            tick.set(rotation=45, ha="right", rotation_mode="anchor")
        if len(labels) <= MOST_FIGURES:
            for y, row in enumerate(confusion):
                for x, value in enumerate(row):
                    axes.text(x, y, f"{value:,}", ha="center", va="center", color="white" if shares[y][x] > 0.6 else "#333", fontsize=9)
        axes.set_xlabel("predicted")
        axes.set_ylabel("true")
        return _svg(figure)


def calibration_picture(bins: Sequence[Bin], error: float) -> str:
    """How often predictions of a confidence are right, beside the diagonal on which they would be as often as they say."""
    with matplotlib.rc_context({**_STYLE, "font.family": LATIN}):
        figure, axes = _axes(5.4, 4.4)
        axes.plot([0, 1], [0, 1], color="#999", linestyle="--", linewidth=1)
        axes.plot([one.confidence for one in bins], [one.accuracy for one in bins], color="#2166ac", linewidth=1.5)
        largest = max(one.predictions for one in bins)
        sizes = [15 + 150 * one.predictions / largest for one in bins]
        axes.scatter([one.confidence for one in bins], [one.accuracy for one in bins], s=sizes, color="#2166ac", alpha=0.7)
        axes.set(xlim=(0, 1.02), ylim=(0, 1.02), xlabel="confidence", ylabel="share that is right")
        axes.set_title(f"expected calibration error {error:.3f}", fontsize=10)
        return _svg(figure)


def _names(labels: Sequence[str]) -> tuple[str, list[str]]:
    """A font that has all letters of the labels, and the labels in short; their numbers where there is no such font."""
    names = [label if len(label) <= LONGEST_NAME else label[: LONGEST_NAME - 1] + "…" for label in labels]
    letters = {ord(letter) for name in names for letter in name}
    files = {entry.name: entry.fname for entry in reversed(fontManager.ttflist)}
    for font in (LATIN, *CHINESE):
        if font in files and letters <= FT2Font(files[font]).get_charmap().keys():
            return font, names
    return LATIN, [str(number) for number in range(1, len(labels) + 1)]


def _axes(width: float, height: float) -> tuple[Figure, Any]:
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of layouts that are tight and letters that are missing
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()
