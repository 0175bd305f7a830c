"""For agents: the list of tickets, a ticket's page with all that can be done with it, and the list as a file for spreadsheets."""

import csv
import io
import re
import unicodedata
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from datetime import datetime, tzinfo
from typing import Any

from aiohttp import web
from aiohttp_jinja2 import render_template
from multidict import MultiMapping

from bot.conversation.priority import WORDS, minutes
from bot.conversation.taxonomy import QUEUES
from bot.crm import tickets
from bot.crm.parts import now
from bot.crm.records import TicketStatus
from bot.crm.tickets import NOBODY, Ticket, TicketEvent, TicketFilter, TicketPage
from bot.errors import BadInput, Conflict, NotFound
from bot.web.auth import signed_in
from bot.web.keys import SERVICE, SESSION

EACH_PAGE = 50
EACH_READ = 500
"""Tickets that are read at a time for a file."""
STATUSES: dict[TicketStatus, str] = {"open": "待处理", "waiting": "等顾客回复", "solved": "已解决", "closed": "已关闭"}
KINDS = {
    "hand_off": "转人工", "refund": "退款", "return": "退货", "exchange": "换货", "intercept": "拦截包裹", "redirect": "改派",
    "invoice": "开发票", "fault": "产品故障", "message": "留言",
}  # fmt: skip
CHANGES: dict[str, tuple[str, Mapping[Any, str]]] = {
    "status": ("状态", STATUSES), "priority": ("优先级", WORDS), "queue": ("队列", QUEUES), "owner": ("负责人", {}),
}  # fmt: skip
EVENTS = {"created": "工单创建", "comment": "备注", "reply": "回复了顾客"}
COLUMNS: dict[str, Callable[[Ticket, tzinfo], object]] = {
    "工单号": lambda one, zone: one.id,
    "状态": lambda one, zone: STATUSES[one.status],
    "优先级": lambda one, zone: WORDS[one.priority],
    "队列": lambda one, zone: QUEUES[one.queue],
    "类型": lambda one, zone: KINDS.get(one.kind, one.kind),
    "主题": lambda one, zone: one.subject,
    "摘要": lambda one, zone: one.summary,
    "填写内容": lambda one, zone: "；".join(f"{label}：{value}" for label, value in one.fields.items()),
    "订单号": lambda one, zone: one.order_number,
    "顾客": lambda one, zone: one.customer,
    "负责人": lambda one, zone: one.owner,
    "创建时间": lambda one, zone: _written(one.created_at, zone),
    "承诺时间": lambda one, zone: _written(one.promised_at, zone),
    "更新时间": lambda one, zone: _written(one.updated_at, zone),
    "完结时间": lambda one, zone: _written(one.closed_at, zone),
    "对话": lambda one, zone: one.conversation_id,
}
_IGNORED = re.compile(r"[\s\x00-\x1f\u200b-\u200f\u2060\ufeff]+")


# The list


@signed_in()
async def listing(request: web.Request) -> web.StreamResponse:
    """The tickets that are wanted, the first promised first."""
    service, session, at = request.app[SERVICE], request[SESSION], now()
    number = request.query.get("page", "1")
    page = max(1, int(number)) if number.isdecimal() and len(number) < 6 else 1
    wanted = _wanted(request.query, session.user.id)
    begin = EACH_PAGE * (page - 1)
    found, total = await service.database.read(tickets.find, session.user.id, wanted, at, limit=EACH_PAGE, offset=begin)
    owners = await service.database.read(tickets.owners)
    query = {name: value for name, value in request.query.items() if value and name != "page"}
    values = {
        "session": session, "here": "tickets", "found": found, "total": total, "page": page, "pages": -(-total // EACH_PAGE),
        "first": begin + 1, "query": query, "at": at, "owners": owners, "queues": QUEUES, "statuses": STATUSES,
        "priorities": WORDS, "kinds": KINDS, "minutes": minutes, "when": _clock(at, service.settings.timezone),
    }  # fmt: skip
    return render_template("tickets/list.html", request, values)


def _wanted(query: MultiMapping[str], user_id: int) -> TicketFilter:
    """What an address asks for; what it asks for in vain is left out."""
    state, owner = query.get("state", ""), query.get("owner", "")
    priority: Any = query.get("priority")
    statuses = {"": tickets.UNFINISHED, "all": ()} | {name: (name,) for name in STATUSES}
    owners = {"": None, "me": user_id, "none": NOBODY}
    return TicketFilter(
        queue=query.get("queue") if query.get("queue") in QUEUES else None,
        statuses=statuses.get(state, tickets.UNFINISHED),
        priority=priority if priority in WORDS else None,
        owner=owners.get(owner, int(owner) if owner.isdecimal() and len(owner) < 18 else None),
        overdue=bool(query.get("overdue")),
        search=query.get("q", "")[:200],
    )


# The list as a file


@signed_in()
async def export(request: web.Request) -> web.StreamResponse:
    """The tickets that are wanted, as CSV (RFC 4180, UTF-8 with a mark that Excel looks for)."""
    at, zone = now(), request.app[SERVICE].settings.timezone
    response = web.Response(body=_file(request, at, zone), content_type="text/csv", charset="utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="tickets-{at.astimezone(zone):%Y-%m-%d}.csv"'
    return response


async def _file(request: web.Request, at: datetime, zone: tzinfo) -> AsyncIterator[bytes]:
    user_id, last = request[SESSION].user.id, 0
    wanted = _wanted(request.query, user_id)
    yield b"\xef\xbb\xbf" + csv_line(COLUMNS).encode()
    while True:
        read = await request.app[SERVICE].database.read(tickets.after, user_id, wanted, at, last, limit=EACH_READ)
        if not read:
            return
        last = read[-1].id
        yield "".join(csv_line(column(one, zone) for column in COLUMNS.values()) for one in read).encode()


def csv_line(cells: Iterable[object]) -> str:
    """A line of a CSV file, in which no cell is a formula to a spreadsheet."""
    line = io.StringIO()
    csv.writer(line).writerow([harmless("" if cell is None else str(cell)) for cell in cells])
    return line.getvalue()


def harmless(cell: str) -> str:
    """The text with an apostrophe before it where a spreadsheet would take it for a formula.

    >>> harmless("=1+1"), harmless(" ＠SUM(A1)"), harmless("3 - 2")
    ("'=1+1", "' ＠SUM(A1)", '3 - 2')
    """
    begins = unicodedata.normalize("NFKC", _IGNORED.sub("", cell, count=1) if _IGNORED.match(cell) else cell)[:1]
    return f"'{cell}" if begins in {"=", "+", "-", "@"} or cell[:1] in {"\t", "\r", "\n"} else cell


def _written(at: datetime | None, zone: tzinfo) -> str | None:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}" if at else None


# A ticket


@signed_in()
async def ticket(request: web.Request) -> web.StreamResponse:
    """A ticket with its history."""
    return await _page(request, await _read(request))


@signed_in()
async def take(request: web.Request) -> web.StreamResponse:
    """Own a ticket that nobody owns."""
    return await _write(request, tickets.take)


@signed_in()
async def change(request: web.Request) -> web.StreamResponse:
    """Another status, priority, queue or owner."""
    form = await request.post()
    owner = str(form.get("owner", ""))
    wanted = {name: str(form.get(name, "")) for name in ("status", "priority", "queue")}
    return await _write(request, tickets.change, **wanted, owner_id=int(owner) if owner.isdecimal() and len(owner) < 18 else None)


@signed_in()
async def comment(request: web.Request) -> web.StreamResponse:
    """A comment that the customer does not see."""
    return await _write(request, tickets.comment, text=str((await request.post()).get("text", "")))


@signed_in()
async def reply(request: web.Request) -> web.StreamResponse:
    """An answer to the customer."""
    form = await request.post()
    client_id = str(form.get("client_id", ""))[:64] or uuid.uuid4().hex
    return await _write(request, tickets.reply_to_customer, text=str(form.get("text", "")), client_id=client_id)


async def _write(request: web.Request, function: Callable[..., Any], **wanted: Any) -> web.StreamResponse:
    """Do it and show the ticket; where that is not possible, show why, with what was typed."""
    service, user_id, form = request.app[SERVICE], request[SESSION].user.id, await request.post()
    found = await _read(request)
    try:
        version = datetime.fromisoformat(str(form.get("version", "")))
        await service.database.run(function, found.ticket.id, user_id, version, **wanted)
    except ValueError:
        raise BadInput("表单不完整，请重新打开这张工单") from None
    except (Conflict, BadInput) as error:
        typed = {function.__name__: wanted.get("text", "")}
        return await _page(request, await _read(request), problem=str(error), typed=typed, status=error.status)
    service.changed(found.ticket.conversation_id)
    still_visible = await service.database.read(tickets.page, user_id, found.ticket.id)
    raise web.HTTPSeeOther(f"/agent/tickets/{found.ticket.id}" if still_visible else "/agent/tickets")


async def _read(request: web.Request) -> TicketPage:
    found = await request.app[SERVICE].database.read(tickets.page, request[SESSION].user.id, int(request.match_info["ticket"]))
    if found is None:
        raise NotFound("没有这张工单")
    return found


async def _page(
    request: web.Request, found: TicketPage, *, problem: str | None = None, typed: Mapping[str, str] | None = None, status: int = 200
) -> web.StreamResponse:
    service, at = request.app[SERVICE], now()
    owners: dict[Any, str | None] = {"": "无人负责", **await service.database.read(tickets.owners)}
    if found.ticket.owner_id is not None:
        owners.setdefault(found.ticket.owner_id, found.ticket.owner)
    values = {
        "session": request[SESSION], "here": "tickets", "found": found, "ticket": found.ticket, "problem": problem, "typed": typed or {},
        "client_id": uuid.uuid4().hex, "at": at, "owners": owners, "queues": QUEUES, "statuses": STATUSES, "priorities": WORDS,
        "kinds": KINDS, "minutes": minutes, "when": _clock(at, service.settings.timezone), "told": told,
    }  # fmt: skip
    return render_template("tickets/ticket.html", request, values, status=status)


def told(event: TicketEvent) -> str:
    """What happened to a ticket, in words."""
    if event.kind in CHANGES:
        name, words = CHANGES[event.kind]
        before, after = (words.get(value, value or "无") for value in (event.fields["from"], event.fields["to"]))
        return f"{name}：{before} → {after}"
    return EVENTS.get(event.kind, event.kind)


def _clock(now: datetime, zone: tzinfo) -> Callable[[datetime], str]:
    """Writes times as short as they are clear: today without the day, this year without the year."""
    today = now.astimezone(zone)

    def when(at: datetime) -> str:
        at = at.astimezone(zone)
        if at.date() == today.date():
            return f"{at:%H:%M}"
        return f"{at:%m-%d %H:%M}" if at.year == today.year else f"{at:%Y-%m-%d %H:%M}"

    return when


ROUTES = [
    web.get("/agent/tickets", listing),
    web.get("/agent/tickets.csv", export),
    web.get("/agent/tickets/{ticket:[0-9]{1,18}}", ticket),
    web.post("/agent/tickets/{ticket:[0-9]{1,18}}/take", take),
    web.post("/agent/tickets/{ticket:[0-9]{1,18}}/change", change),
    web.post("/agent/tickets/{ticket:[0-9]{1,18}}/comment", comment),
    web.post("/agent/tickets/{ticket:[0-9]{1,18}}/reply", reply),
]
