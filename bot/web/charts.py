"""Charts as SVG that is made on the server: rows in, markup out. Colours and sizes of type are in `static/numbers.css`.

Each chart names itself and says its extremes to who cannot see it. Without anything to draw there is no chart, but empty markup.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

WIDTH, HEIGHT = 560, 250
LEFT, RIGHT, TOP, BOTTOM = 84, 12, 14, 36
LABEL, VALUE, ROW = 112, 96, 38
"""Of bars: the room for names on the left and for values on the right, and the height of a row."""
LETTER, BETWEEN = 13, 12
"""The width of a letter of the labels below a chart on small screens, and the room between two labels."""
MOST_STEPS = 4
LONGEST_NAME = 5
"""Characters of a name beside a bar; the whole name is in the row's tooltip."""

SECONDS = (
    1,
    2,
    5,
    10,
    15,
    30,
    *(60 * n for n in (1, 2, 5, 10, 15, 30)),
    *(3600 * n for n in (1, 2, 4, 8, 12)),
    *(86400 * n for n in (1, 2, 5, 10)),
)
"""Steps of an axis of durations."""
COUNTS = tuple(factor * 10**power for power in range(9) for factor in (1, 2, 5))

UNITS = (("天", 86400), ("小时", 3600), ("分", 60), ("秒", 1))

Write = Callable[[float], str]


@dataclass(frozen=True, slots=True)
class Series:
    """One colour of a chart; None is a gap."""

    name: str
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Scale:
    """An axis: what is at its foot, the distance of its lines, and how many there are."""

    low: float
    step: float
    steps: int

    @property
    def high(self) -> float:
        """What is at its top."""
        return self.low + self.step * self.steps

    def share(self, value: float) -> float:
        """How far up a value is, 0…1."""
        return min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)

    def marks(self) -> Iterator[float]:
        """The values at the lines."""
        return (self.low + self.step * number for number in range(self.steps + 1))


PERCENT = Scale(0.0, 0.25, 4)
STARS = Scale(1.0, 1.0, 4)


def scale(highest: float, steps: Sequence[float] = COUNTS) -> Scale:
    """An axis from zero to at least `highest` with round numbers at its lines."""
    step = next((step for step in steps if highest <= step * MOST_STEPS), None)
    if step is None:
        step = steps[-1] * math.ceil(highest / steps[-1] / MOST_STEPS)
    return Scale(0.0, step, max(1, math.ceil(highest / step)))


def columns(key: str, title: str, labels: Sequence[str], series: Sequence[Series], write: Write) -> Markup:
    """Columns, the series piled up."""
    piles = [sum(one.values[number] or 0 for one in series) for number in range(len(labels))]
    if not any(piles):
        return Markup("")
    axis = scale(max(piles))
    slot = (WIDTH - LEFT - RIGHT) / len(labels)
    width = min(slot * 0.7, 44)
    parts = []
    for number, label in enumerate(labels):
        x, low = LEFT + slot * (number + 0.5) - width / 2, 0.0
        boxes = []
        for place, one in enumerate(series, 1):
            value = one.values[number] or 0
            top, foot = _y(axis, low + value), _y(axis, low)
            low += value
            if value:
                boxes.append(_box(f"fill s{place}", x, top, width, foot - top))
        told = f"{label}：" + "，".join(f"{one.name} {write(one.values[number] or 0)}" for one in series)
        parts.append(Markup("<g><title>{}</title>{}</g>").format(told, Markup("").join(boxes)))
    return _chart(key, title, _said(labels, series, write), HEIGHT, [_grid(axis, write), *parts, _below(labels)])


def lines(
    key: str,
    title: str,
    labels: Sequence[str],
    series: Sequence[Series],
    write: Write,
    *,
    mark: Write | None = None,
    axis: Scale | None = None,
) -> Markup:
    """Lines with a dot at each value; where a value is missing the line is broken. `mark` writes the values at the axis."""
    values = [value for one in series for value in one.values if value is not None]
    if not values:
        return Markup("")
    axis = axis or scale(max(values), SECONDS)
    slot = (WIDTH - LEFT - RIGHT) / len(labels)
    dot = 3 if len(labels) <= 40 else 2
    parts = []
    for place, one in enumerate(series, 1):
        points = [
            None if value is None else (LEFT + slot * (number + 0.5), _y(axis, value), f"{label} {one.name} {write(value)}")
            for number, (label, value) in enumerate(zip(labels, one.values, strict=True))
        ]
        parts.append(Markup('<path class="line s{}" d="{}"/>').format(place, _path(points)))
        parts += [
            Markup('<circle class="fill s{}" cx="{:.1f}" cy="{:.1f}" r="{}"><title>{}</title></circle>').format(place, x, y, dot, told)
            for x, y, told in filter(None, points)
        ]
    return _chart(key, title, _said(labels, series, write), HEIGHT, [_grid(axis, mark or write), *parts, _below(labels)])


def bars(key: str, title: str, rows: Sequence[tuple[str, float | None]], write: Write, axis: Scale | None = None) -> Markup:
    """Bars that lie, one below the other, with their values at their ends."""
    values = [value for _, value in rows if value is not None]
    if not values:
        return Markup("")
    axis = axis or scale(max(values))
    room = WIDTH - LABEL - VALUE
    parts = []
    for number, (name, value) in enumerate(rows):
        y, length = 4 + ROW * number, room * axis.share(value or 0)
        told = "—" if value is None else write(value)
        short = name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
        parts.append(
            Markup('<g><title>{}：{}</title><text class="name" x="{}" y="{}">{}</text>{}<text x="{:.1f}" y="{}">{}</text></g>').format(
                name,
                told,
                LABEL - 10,
                y + ROW / 2,
                short,
                _box("fill s1", LABEL, y + 8, length, ROW - 16),
                LABEL + length + 8,
                y + ROW / 2,
                told,
            )
        )
    return _chart(
        key, title, "；".join(f"{name} {'—' if value is None else write(value)}" for name, value in rows), 8 + ROW * len(rows), parts
    )


def duration(seconds: float) -> str:
    """A span of time in words, with its two largest units.

    >>> duration(200), duration(7500), duration(0.4)
    ('3 分 20 秒', '2 小时 5 分', '0 秒')
    """
    left = round(seconds)
    first = next((place for place, (_, size) in enumerate(UNITS) if left >= size), len(UNITS) - 1)
    words: list[str] = []
    for name, size in UNITS[first : first + 2]:
        number, left = divmod(left, size)
        if number or not words:
            words.append(f"{number} {name}")
    return " ".join(words)


def in_one_unit(seconds: float) -> str:
    """A span of time in its largest unit, for an axis.

    >>> in_one_unit(5400), in_one_unit(120)
    ('1.5 小时', '2 分')
    """
    name, size = next(((name, size) for name, size in UNITS if seconds >= size), UNITS[-1])
    return f"{seconds / size:g} {name}"


def percent(share: float) -> str:
    """A share 0…1 in whole percents."""
    return f"{share:.0%}"


def count(number: float) -> str:
    """A whole number."""
    return f"{number:,.0f}"


def _y(axis: Scale, value: float) -> float:
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - axis.share(value))


def _box(kind: str, x: float, y: float, width: float, height: float) -> Markup:
    return Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(kind, x, y, width, height)


def _path(points: Sequence[tuple[float, float, str] | None]) -> str:
    steps = []
    for number, point in enumerate(points):
        if point is not None:
            joined = number > 0 and points[number - 1] is not None
            steps.append(f"{'L' if joined else 'M'}{point[0]:.1f} {point[1]:.1f}")
    return "".join(steps)


def _grid(axis: Scale, write: Write) -> Markup:
    return Markup("").join(
        Markup('<path class="grid" d="M{} {y:.1f}H{}"/><text class="name" x="{}" y="{y:.1f}">{}</text>').format(
            LEFT, WIDTH - RIGHT, LEFT - 8, write(value), y=_y(axis, value)
        )
        for value in axis.marks()
    )


def _below(labels: Sequence[str]) -> Markup:
    slot, widest = (WIDTH - LEFT - RIGHT) / len(labels), LETTER * max(map(len, labels)) + BETWEEN
    every = math.ceil(widest / slot)
    return Markup("").join(
        Markup('<text class="below" x="{:.1f}" y="{}">{}</text>').format(LEFT + slot * (number + 0.5), HEIGHT - BOTTOM / 2 + 2, label)
        for number, label in enumerate(labels)
        if number % every == 0
    )


def _said(labels: Sequence[str], series: Sequence[Series], write: Write) -> str:
    """From when to when, and each series' least and most."""
    told = [f"{labels[0]} 至 {labels[-1]}"]
    for one in series:
        known = [(value, label) for value, label in zip(one.values, labels, strict=True) if value is not None]
        if known:
            (least, _), (most, when) = min(known), max(known)
            told.append(f"{one.name}最低 {write(least)}，最高 {write(most)}（{when}）")
    return "；".join(told)


def _chart(key: str, title: str, said: str, height: float, parts: Sequence[Markup]) -> Markup:
    return Markup(
        '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-labelledby="{key}-title {key}-said">'
        '<title id="{key}-title">{}</title><desc id="{key}-said">{}</desc>{}</svg>'
    ).format(WIDTH, height, title, said, Markup("").join(parts), key=key)
