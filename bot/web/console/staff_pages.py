"""The team and the settings of the desk: plain forms, which work without scripts."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any, get_args

from aiohttp import web
from aiohttp_jinja2 import render_template
from multidict import MultiDictProxy

from bot.conversation.access import Role, may_manage
from bot.conversation.hours import Span
from bot.conversation.taxonomy import QUEUES
from bot.crm import annotations, desk_queries, staff
from bot.crm.parts import now
from bot.errors import BadInput, ZhikeError
from bot.passwords import LONGEST, SHORTEST, hashed
from bot.web.auth import signed_in
from bot.web.console import words
from bot.web.console.pages import viewer_of
from bot.web.keys import SERVICE, SESSION
from bot.web.security import Handler

Form = MultiDictProxy[Any]

SPANS_A_DAY = 2
_TIME = re.compile(r"([01]?\d|2[0-4]):([0-5]\d)")


# The team


@signed_in()
async def team(request: web.Request) -> web.StreamResponse:
    """Who is there, with how much to do."""
    return await _team(request)


async def _team(request: web.Request, problem: str | None = None, status: int = 200) -> web.StreamResponse:
    viewer = await viewer_of(request)
    members = await request.app[SERVICE].database.read(desk_queries.team, now())
    context = {
        "session": request[SESSION],
        "viewer": viewer,
        "members": members,
        "editable": {one.id for one in members if may_manage(viewer.role, one.role) or (one.id == viewer.user_id and viewer.supervises)},
        "grantable": [role for role in get_args(Role) if may_manage(viewer.role, role)],
        "roles": words.ROLES,
        "presences": words.PRESENCES,
        "problem": problem,
        "saved": request.query.get("saved"),
    }
    return render_template("agent/team.html", request, context, status=status)


@signed_in()
async def save_member(request: web.Request) -> web.StreamResponse:
    """Change one of the staff."""
    form, viewer = await request.post(), await viewer_of(request)
    user_id = int(request.match_info["user"])
    try:
        changes: dict[str, Any] = {}
        if "capacity" in form:
            changes |= {"capacity": _number(form, "capacity", "同时接待数"), "queues": [str(each) for each in form.getall("queues", [])]}
        if "role" in form:
            changes |= {"role": str(form["role"]), "active": "active" in form}
        if password := str(form.get("password", "")):
            if not SHORTEST <= len(password) <= LONGEST:
                raise BadInput(f"密码要 {SHORTEST} 到 {LONGEST} 个字符")
            changes["password_hash"] = await asyncio.to_thread(hashed, password)
        await request.app[SERVICE].database.run(staff.update_user, viewer.user_id, user_id, **changes)
    except ZhikeError as error:
        return await _team(request, str(error), error.status)
    raise web.HTTPSeeOther(f"/agent/team?saved={user_id}")


# Settings


@signed_in()
async def settings(request: web.Request) -> web.StreamResponse:
    """Queues, opening hours, holidays, prepared answers."""
    return await _settings(request)


async def _settings(request: web.Request, problem: str | None = None, part: str | None = None, status: int = 200) -> web.StreamResponse:
    database, zone = request.app[SERVICE].database, request.app[SERVICE].settings.timezone
    viewer, opening = await viewer_of(request), await database.read(desk_queries.hours, zone)
    context = {
        "session": request[SESSION],
        "settings": await database.read(desk_queries.queue_settings),
        "queues": QUEUES,
        "weekdays": words.WEEKDAYS,
        "weekly": [_padded(opening.weekly.get(day, ())) for day in range(7)],
        "open_now": opening.is_open(now()),
        "zone": zone,
        "holidays": await database.read(desk_queries.holidays),
        "canned": await database.read(desk_queries.canned_replies),
        "problem": problem,
        "part": part or request.query.get("saved"),
        "time": _time,
        "may_edit": viewer.supervises,
    }
    return render_template("agent/settings.html", request, context, status=status)


def _saves(part: str) -> Callable[[Callable[[web.Request, Form, int], Awaitable[None]]], Handler]:
    """A handler that saves a part of the settings, and shows the page again with what came of it."""

    def wrap(save: Callable[[web.Request, Form, int], Awaitable[None]]) -> Handler:
        @signed_in()
        async def handler(request: web.Request) -> web.StreamResponse:
            viewer = await viewer_of(request)
            try:
                await save(request, await request.post(), viewer.user_id)
            except ZhikeError as error:
                return await _settings(request, str(error), part, error.status)
            raise web.HTTPSeeOther(f"/agent/settings?saved={part}#{part}")

        return handler

    return wrap


@_saves("queues")
async def save_queues(request: web.Request, form: Form, user_id: int) -> None:
    """How each queue is run."""
    promises = {queue: _number(form, f"{queue}-promise", f"{word}的承诺时间") for queue, word in QUEUES.items()}
    for queue, promise in promises.items():
        await request.app[SERVICE].database.run(
            staff.save_queue_settings,
            user_id,
            queue,
            promise_minutes=promise,
            auto_assign=f"{queue}-auto" in form,
            restricted=f"{queue}-restricted" in form,
        )


@_saves("hours")
async def save_hours(request: web.Request, form: Form, user_id: int) -> None:
    """The hours of each weekday."""
    weekly: dict[int, list[Span]] = {}
    for day in range(7):
        spans = [_span(form, f"{day}-{number}") for number in range(SPANS_A_DAY)]
        weekly[day] = [span for span in spans if span is not None]
    await request.app[SERVICE].database.run(staff.save_hours, user_id, weekly)


@_saves("holidays")
async def save_holiday(request: web.Request, form: Form, user_id: int) -> None:
    """A day with other hours, or no such day any more."""
    database = request.app[SERVICE].database
    try:
        day = date.fromisoformat(str(form.get("day", "")))
    except ValueError:
        raise BadInput("请选择日期") from None
    if "delete" in form:
        await database.run(staff.delete_holiday, user_id, day)
        return
    span = _span(form, "holiday")
    opens, closes = span or (None, None)
    await database.run(staff.save_holiday, user_id, day, str(form.get("name", "")), opens, closes)


@_saves("canned")
async def save_canned(request: web.Request, form: Form, user_id: int) -> None:
    """A prepared answer: a new one, another text, or gone."""
    database = request.app[SERVICE].database
    canned_id = _number(form, "id", "编号") if form.get("id") else None
    if "delete" in form and canned_id is not None:
        await database.run(annotations.delete_canned, user_id, canned_id)
        return
    await database.run(
        annotations.save_canned,
        user_id,
        shortcut=str(form.get("shortcut", "")),
        text=str(form.get("text", "")),
        queue=str(form.get("queue", "")) or None,
        canned_id=canned_id,
    )


# Parts


def _number(form: Form, name: str, what: str) -> int:
    raw = str(form.get(name, "")).strip()
    if not re.fullmatch(r"\d{1,9}", raw, re.ASCII):
        raise BadInput(f"{what}要填整数")
    return int(raw)


def _span(form: Form, name: str) -> Span | None:
    raw = [str(form.get(f"{name}-{end}", "")).strip() for end in ("opens", "closes")]
    if not any(raw):
        return None
    if not all(raw):
        raise BadInput("请同时填写开始和结束时间，或者都留空")
    return _minutes(raw[0]), _minutes(raw[1])


def _minutes(raw: str) -> int:
    found = _TIME.fullmatch(raw)
    if found is None:
        raise BadInput("时间要写成 09:00 这样")
    return int(found[1]) * 60 + int(found[2])


def _time(minute: int | None) -> str:
    """A time of the day; one that ends on the next day is the same there."""
    if minute is None:
        return ""
    return f"{minute // 60 % 24:02d}:{minute % 60:02d}"


def _padded(spans: Any) -> list[Span | None]:
    return [*sorted(spans)[:SPANS_A_DAY], *[None] * (SPANS_A_DAY - len(spans))]
