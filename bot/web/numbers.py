"""For agents: how the desk does, in figures and charts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta, tzinfo

from aiohttp import web
from aiohttp_jinja2 import render_template
from markupsafe import Markup
from multidict import MultiMapping

from bot.conversation.taxonomy import QUEUES
from bot.crm.numbers import Figures, Numbers, Period, Spans, numbers, visible_queues
from bot.crm.parts import now
from bot.errors import Forbidden
from bot.web import charts
from bot.web.auth import signed_in
from bot.web.charts import Series, Write, count, duration, percent
from bot.web.keys import SERVICE, SESSION

RANGES = (7, 30, 90)
LONGEST = 731
"""Days of a period."""
MOST_DAYS = 92
"""A longer period is shown by weeks."""
REASONS = {
    "request": "要求人工", "threat": "威胁投诉", "fraud": "诈骗盗号", "safety": "人身安全", "anger": "非常不满", "promise": "承诺落空",
    "wording": "措辞紧急", "trend": "持续不满", "failure": "没有听懂", "taken_over": "主管接手", "reopened": "重新打开",
}  # fmt: skip
NOTHING = "—"


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure of the whole period."""

    title: str
    value: str
    note: str


@dataclass(frozen=True, slots=True)
class Card:
    """A chart with what belongs to it: its colours by name, and the same figures as a table."""

    key: str
    title: str
    note: str
    chart: Markup
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    legend: tuple[str, ...] = ()


@signed_in()
async def page(request: web.Request) -> web.StreamResponse:
    """The figures of the last days, or from one day to another, of one queue or of all that the agent may see."""
    service, session, at = request.app[SERVICE], request[SESSION], now()
    zone = service.settings.timezone
    today = at.astimezone(zone).date()
    period, problem = asked_period(request.query, today, zone)
    visible = await service.database.read(visible_queues, session.user.id)
    queue = request.query.get("queue", "")
    if queue and queue not in visible:
        raise Forbidden("the figures of that queue are for its own agents")
    found = await service.database.read(numbers, period, [queue] if queue else visible, at)
    values = {
        "session": session, "here": "numbers", "period": period, "problem": problem, "today": today, "ranges": RANGES,
        "days": (period.last - period.first).days + 1, "queue": queue, "queues": {name: QUEUES[name] for name in visible},
        "tiles": tiles(found.total), "cards": cards(found, period) if found.total.anything else [],
    }  # fmt: skip
    return render_template("numbers/page.html", request, values)


def asked_period(query: MultiMapping[str], today: date, zone: tzinfo) -> tuple[Period, str | None]:
    """The period that an address asks for, and what is wrong with what it asks; the last 30 days when it asks for none."""
    problem = None
    days = query.get("days", "")
    first, last = today - timedelta(days=(int(days) if days in map(str, RANGES) else 30) - 1), today
    if query.get("from") or query.get("to"):
        try:
            last = date.fromisoformat(query.get("to") or str(today))
            first = date.fromisoformat(query.get("from") or str(last))
        except ValueError:
            problem = "日期请写成 2026-11-24 这样。"
        first, last = sorted((min(first, today), min(last, today)))
        if (last - first).days >= LONGEST:
            first, problem = last - timedelta(days=LONGEST - 1), f"一次最多看 {LONGEST} 天，只显示最后的 {LONGEST} 天。"
    return Period(first, last, zone, 1 if (last - first).days < MOST_DAYS else 7), problem


def tiles(total: Figures) -> list[Tile]:
    """The figures of the whole period."""
    return [
        Tile("等待时间（中位）", _span(total.waiting.median), _nine_of_ten(total.waiting)),
        Tile("首次回复（中位）", _span(total.first_reply.median), _nine_of_ten(total.first_reply)),
        Tile("解决用时（中位）", _span(total.resolution.median), _nine_of_ten(total.resolution)),
        Tile(
            "机器人独立解决",
            _share(total.bot_share),
            f"{count(total.by_bot)} / {count(total.conversations)} 个对话" if total.conversations else "没有对话",
        ),
        Tile(
            "转人工",
            count(total.hand_offs),
            f"{count(total.waiting.count)} 次有人接待，{count(total.left)} 次没等到" if total.hand_offs else "没有转人工",
        ),
        Tile("满意度", _stars(total.satisfaction), f"{count(total.ratings)} 条评价，满分 5" if total.ratings else "没有评价"),
    ]


def cards(found: Numbers, period: Period) -> list[Card]:
    """All charts, from the course of the days to the queues."""
    parts = _Parts(found.by_part, period)
    return [
        parts.conversations(),
        parts.waiting(),
        parts.resolution(),
        _reasons(found.reasons),
        _satisfaction(found.total),
        parts.satisfaction(),
        _queues_waiting(found.by_queue),
        _queues_by_bot(found.by_queue),
    ]


class _Parts:
    """The charts of what changes from day to day, or from week to week."""

    def __init__(self, figures: dict[date, Figures], period: Period) -> None:
        long = period.first.year != period.last.year
        self.labels = [f"{part:%Y-%m-%d}" if long else f"{part:%m-%d}" for part in figures]
        self.figures = list(figures.values())
        self.head = "日期" if period.step == 1 else "一周，自"
        self.each = "每天" if period.step == 1 else "每周"

    def conversations(self) -> Card:
        names = ("机器人解决", "转人工", "还在进行")
        kinds = [(one.by_bot, one.with_person, one.conversations - one.by_bot - one.with_person) for one in self.figures]
        series = [Series(name, values) for name, values in zip(names, zip(*kinds, strict=True), strict=True)]
        title = f"{self.each}的对话"
        note = "按对话开始的日期。机器人解决：没有转人工，已经结束或 24 小时没有新消息。"
        chart = charts.columns("conversations", title, self.labels, series, count)
        days = zip(self.labels, kinds, strict=True)
        rows = tuple((label, *(count(number) for number in numbers)) for label, numbers in days if any(numbers))
        return Card("conversations", title, note, chart, (self.head, *names), rows, names)

    def waiting(self) -> Card:
        series = [
            Series("等待中位", tuple(one.waiting.median for one in self.figures)),
            Series("等待 90%", tuple(one.waiting.p90 for one in self.figures)),
            Series("首次回复中位", tuple(one.first_reply.median for one in self.figures)),
        ]
        note = "从转人工到有人接待、到第一句人工回复。90%：十次里有九次不超过。"
        return self._times("waiting", f"{self.each}的等待与首次回复", note, series)

    def resolution(self) -> Card:
        series = [
            Series("解决中位", tuple(one.resolution.median for one in self.figures)),
            Series("解决 90%", tuple(one.resolution.p90 for one in self.figures)),
        ]
        return self._times("resolution", f"{self.each}的解决用时", "从转人工到坐席结束对话并写下结果。", series)

    def satisfaction(self) -> Card:
        series = [Series("平均满意度", tuple(one.satisfaction for one in self.figures))]
        title = f"{self.each}的满意度"
        chart = charts.lines("satisfaction", title, self.labels, series, _plain, axis=charts.STARS)
        rows = tuple(
            (label, _stars(one.satisfaction), count(one.ratings))
            for label, one in zip(self.labels, self.figures, strict=True)
            if one.ratings
        )
        return Card("satisfaction", title, "按评价的日期，1 到 5 分的平均。", chart, (self.head, "平均", "评价"), rows)

    def _times(self, key: str, title: str, note: str, series: Sequence[Series]) -> Card:
        names = tuple(one.name for one in series)
        chart = charts.lines(key, title, self.labels, series, duration, mark=charts.in_one_unit)
        days = zip(self.labels, *(one.values for one in series), strict=True)
        rows = tuple((label, *(_span(value) for value in values)) for label, *values in days if any(value is not None for value in values))
        return Card(key, title, note, chart, (self.head, *names), rows, names)


def _reasons(reasons: dict[str, int]) -> Card:
    rows = [(REASONS.get(code, code), number) for code, number in reasons.items()]
    title = "转人工的原因"
    chart = charts.bars("reasons", title, rows, count)
    told = tuple((name, count(number)) for name, number in rows)
    return Card("reasons", title, "一次转人工可以有几个原因。", chart, ("原因", "次数"), told)


def _satisfaction(total: Figures) -> Card:
    rows = [(f"{star} 分", total.stars[star - 1]) for star in range(5, 0, -1)] if total.ratings else []
    title = "满意度分布"
    chart = charts.bars("stars", title, rows, count)
    told = tuple((name, count(number), percent(number / total.ratings)) for name, number in rows)
    return Card("stars", title, "顾客在对话中给出的评价。", chart, ("评价", "条数", "占比"), told)


def _queues_waiting(by_queue: dict[str, Figures]) -> Card:
    title = "各队列的等待时间"
    busy = [(QUEUES[queue], one) for queue, one in by_queue.items() if one.hand_offs]
    waited = [(name, one.waiting.median) for name, one in busy]
    chart = charts.bars("queues-waiting", title, waited, duration, _times_axis([value for _, value in waited]))
    told = tuple(
        (
            name,
            count(one.hand_offs),
            *(_span(seconds) for seconds in (one.waiting.median, one.waiting.p90, one.first_reply.median, one.resolution.median)),
        )
        for name, one in busy
    )
    head = ("队列", "转人工", "等待中位", "等待 90%", "首次回复", "解决用时")
    return Card("queues-waiting", title, "图中是从转人工到有人接待的中位时间。", chart, head, told)


def _queues_by_bot(by_queue: dict[str, Figures]) -> Card:
    title = "各队列由机器人解决的比例"
    busy = [(QUEUES[queue], one) for queue, one in by_queue.items() if one.conversations or one.ratings]
    shares = [(name, one.bot_share) for name, one in busy]
    chart = charts.bars("queues-by-bot", title, shares, percent, charts.PERCENT)
    told = tuple(
        (name, count(one.conversations), count(one.by_bot), _share(one.bot_share), _stars(one.satisfaction), count(one.ratings))
        for name, one in busy
    )
    note = "没有转过人工的对话，按顾客最后谈到的事归入队列。"
    return Card("queues-by-bot", title, note, chart, ("队列", "对话", "机器人解决", "比例", "满意度", "评价"), told)


def _times_axis(values: Sequence[float | None]) -> charts.Scale:
    return charts.scale(max((value for value in values if value is not None), default=0.0), charts.SECONDS)


def _or_nothing(value: float | None, write: Write) -> str:
    return NOTHING if value is None else write(value)


def _plain(number: float) -> str:
    return f"{number:g}" if number == int(number) else f"{number:.1f}"


def _span(seconds: float | None) -> str:
    return _or_nothing(seconds, duration)


def _share(share: float | None) -> str:
    return _or_nothing(share, percent)


def _stars(mean: float | None) -> str:
    return _or_nothing(mean, "{:.1f}".format)


def _nine_of_ten(spans: Spans) -> str:
    return f"九成在 {_span(spans.p90)}内" if spans.count else "没有记录"


ROUTES = [web.get("/agent/numbers", page)]
