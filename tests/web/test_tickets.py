"""The pages of tickets, as browsers with and without scripts see them, and the file for spreadsheets."""

import csv
import io
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.conversation.outcome import NewTicket
from bot.crm import staff, tables, tickets
from bot.web import tickets as pages
from tests.crm.making import change, count, finish, rows, say, texts, turn_of, visit
from tests.web.desks import Desk, hidden, routes_of, serving

ODD = "<script>alert(1)</script> & “引号”"


@pytest.fixture
async def desk(_sqlite_template: Path, tmp_path: Path) -> AsyncIterator[Desk]:
    shutil.copy(_sqlite_template, tmp_path / "zhike.db")
    async with serving(tmp_path / "zhike.db", tmp_path) as running:
        yield running


def ticket(desk: Desk, queue: str = "billing", **options: Any) -> Any:
    """The row of a ticket as one of the assistant's forms opens it."""
    conversation_id = visit(desk.database).conversation_id
    values = {"kind": "invoice", "subject": "开个人发票", "summary": "顾客要开发票", "fields": {"抬头": "满月烘焙"}} | options
    finish(desk.database, turn_of(say(desk.database, conversation_id, "开发票")), tickets=(NewTicket(queue, **values),))
    (row,) = rows(desk.database, tables.tickets, tables.tickets.c.conversation_id == conversation_id)
    return row


def stored(desk: Desk, ticket_id: int) -> Any:
    (row,) = rows(desk.database, tables.tickets, tables.tickets.c.id == ticket_id)
    return row


def restrict(desk: Desk, queue: str) -> None:
    chief = desk.user("restricting", "supervisor")
    desk.database.transaction(staff.save_queue_settings, chief, queue, promise_minutes=5, auto_assign=False, restricted=True)


def facts(row: Any, **wanted: Any) -> dict[str, str]:
    """What the form of changes sends."""
    values = {"status": row.status, "priority": row.priority, "queue": row.queue, "owner": row.owner_id or ""} | wanted
    return {name: str(value) for name, value in values.items()} | {"version": row.updated_at.isoformat()}


def forms(row: Any) -> dict[str, dict[str, str]]:
    """A valid form for each way to write."""
    version = {"version": row.updated_at.isoformat()}
    return {
        "take": version,
        "change": facts(row, status="closed"),
        "comment": version | {"text": "备注"},
        "reply": version | {"text": "您好"},
    }


# Who may


async def test_without_a_sign_in_every_route_leads_to_it(desk: Desk) -> None:
    row = ticket(desk)
    async with desk.browser() as browser:
        for method, path in routes_of(pages.ROUTES, ticket=row.id):
            async with browser.session.request(method, path, data={} if method == "POST" else None, allow_redirects=False) as response:
                assert (response.status, response.headers.get("Location")) == (303, "/login"), path
    assert stored(desk, row.id) == row


async def test_a_form_without_the_sessions_token_changes_nothing(desk: Desk) -> None:
    row = ticket(desk)
    async with desk.browser(desk.user("小李")) as browser:
        browser.csrf_token = "guessed"
        for action, form in forms(row).items():
            assert (await browser.send(f"/agent/tickets/{row.id}/{action}", form))[0] == 403, action
    assert stored(desk, row.id) == row


async def test_tickets_of_a_restricted_queue_are_not_there_for_others(desk: Desk) -> None:
    row = ticket(desk, "complaint", subject="机密")
    restrict(desk, "complaint")
    async with desk.browser(desk.user("小李", queues=["billing"])) as browser:
        assert (await browser.get(f"/agent/tickets/{row.id}"))[0] == 404
        for action, form in forms(row).items():
            assert (await browser.send(f"/agent/tickets/{row.id}/{action}", form))[0] == 404, action
        for path in ("/agent/tickets", "/agent/tickets?queue=complaint&state=all", "/agent/tickets.csv", "/agent/tickets.csv?q=机密"):
            status, page = await browser.get(path)
            assert (status, "机密" in page) == (200, False), path
    async with desk.browser(desk.user("自己人", queues=["complaint"])) as browser:
        assert "机密" in (await browser.get("/agent/tickets"))[1]
    assert stored(desk, row.id) == row


async def test_a_role_that_was_taken_away_is_gone_with_the_next_request(desk: Desk) -> None:
    row = ticket(desk, "complaint")
    restrict(desk, "complaint")
    user_id = desk.user("王主管", "supervisor", queues=["billing"])
    async with desk.browser(user_id) as browser:
        assert (await browser.get(f"/agent/tickets/{row.id}"))[0] == 200
        change(desk.database, tables.users, tables.users.c.id == user_id, role="agent")
        assert (await browser.get(f"/agent/tickets/{row.id}"))[0] == 404
        change(desk.database, tables.users, tables.users.c.id == user_id, active=False)
        assert (await browser.get(f"/agent/tickets/{row.id}"))[0] == 303


# The list


async def test_what_customers_typed_is_text(desk: Desk) -> None:
    row = ticket(desk, subject=ODD, summary=ODD, fields={ODD: ODD})
    change(desk.database, tables.customers, tables.customers.c.id == row.customer_id, name=ODD)
    async with desk.browser(desk.user("小李")) as browser:
        for path in ("/agent/tickets", f"/agent/tickets/{row.id}", "/agent/tickets?q=%3Cscript%3E%22"):
            status, page = await browser.get(path)
            assert status == 200
            assert "&lt;script&gt;" in page, path
            assert not re.search(r"<script|<style|\sstyle=|\son\w+=|javascript:", page), path


async def test_the_list_shows_what_is_not_finished_unless_asked_for_more(desk: Desk) -> None:
    for status in pages.STATUSES:
        row = ticket(desk, subject=f"第{status}张")
        change(desk.database, tables.tickets, tables.tickets.c.id == row.id, status=status)
    shown = {"": {"open", "waiting"}, "?state=solved": {"solved"}, "?state=all": set(pages.STATUSES), "?state=lost": {"open", "waiting"}}
    async with desk.browser(desk.user("小李")) as browser:
        for query, statuses in shown.items():
            page = (await browser.get(f"/agent/tickets{query}"))[1]
            assert set(re.findall(r"第(\w+)张", page)) == statuses, query


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("owner=me", "a"), ("owner=none", "b c"), ("owner={user}", "a"), ("owner=abc", "a b c"), ("queue=logistics", "b"),
        ("queue=kitchen", "a b c"), ("priority=urgent", "c"), ("overdue=1", "c"), ("q=bbb", "b"), ("queue=logistics&priority=urgent", ""),
        ("page=0", "a b c"), ("page=x", "a b c"), ("page=2", ""), ("page=99999999999999", "a b c"),
    ],
)  # fmt: skip
async def test_addresses_filter_the_list(desk: Desk, query: str, shown: str) -> None:
    user_id = desk.user("小李")
    made = {
        "a": ticket(desk, subject="aaa"),
        "b": ticket(desk, "logistics", subject="bbb"),
        "c": ticket(desk, subject="ccc", priority="urgent"),
    }
    change(desk.database, tables.tickets, tables.tickets.c.id == made["a"].id, owner_id=user_id)
    late = made["c"].created_at.replace(year=2025)
    change(desk.database, tables.tickets, tables.tickets.c.id == made["c"].id, promised_at=late)
    async with desk.browser(user_id) as browser:
        status, page = await browser.get(f"/agent/tickets?{query.format(user=user_id)}")
    assert status == 200
    assert {name for name in made if f">{name * 3}</a>" in page} == set(shown.split())


async def test_the_list_goes_on_on_the_next_page_with_the_same_filters(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "EACH_PAGE", 2)
    for _ in range(5):
        ticket(desk)
    async with desk.browser(desk.user("小李")) as browser:
        seen, path = [], "/agent/tickets?queue=billing"
        while path:
            page = (await browser.get(path))[1]
            seen += re.findall(r'href="/agent/tickets/(\d+)"', page)
            onward = re.search(r'rel="next" href="([^"]+)"', page)
            path = f"/agent/tickets{onward[1].replace('&amp;', '&')}" if onward else ""
            assert not path or "queue=billing" in path
    assert len(seen) == len(set(seen)) == 5


async def test_an_empty_list_says_why(desk: Desk) -> None:
    async with desk.browser(desk.user("小李")) as browser:
        assert "没有未完结的工单" in (await browser.get("/agent/tickets"))[1]
        assert "没有符合条件的工单" in (await browser.get("/agent/tickets?q=x"))[1]


# A ticket


async def test_a_ticket_is_worked_on_with_plain_forms(desk: Desk) -> None:
    row = ticket(desk)
    where = f"/agent/tickets/{row.id}"
    async with desk.browser(desk.user("小李")) as browser:

        async def send(action: str, **fields: str) -> str:
            page = (await browser.get(where))[1]
            form = hidden(page) | fields
            assert await browser.send(f"{where}/{action}", form) == (303, where), action
            return (await browser.get(where))[1]

        assert "由我负责" not in await send("take")
        page = await send("change", status="open", priority="urgent", queue="logistics", owner="")
        for told in ("负责人：无 → 小李", "优先级：普通 → 紧急", "队列：支付发票 → 物流配送", "负责人：小李 → 无"):
            assert told in page
        assert "已联系仓库" in await send("comment", text="已联系仓库")
        assert "发票已寄出" in await send("reply", text="发票已寄出")
    changed = stored(desk, row.id)
    assert (changed.status, changed.priority, changed.queue, changed.owner_id) == ("waiting", "urgent", "logistics", None)
    assert texts(desk.database, row.conversation_id) == ["开发票", "发票已寄出"]
    assert desk.changed == [row.conversation_id] * 4


async def test_a_page_shows_all_there_is_to_know(desk: Desk) -> None:
    row = ticket(desk, order_number="202611230456")
    change(desk.database, tables.customers, tables.customers.c.id == row.customer_id, name="袁若溪", phone="15400001234")
    async with desk.browser(desk.user("小李")) as browser:
        status, page = await browser.get(f"/agent/tickets/{row.id}")
    assert status == 200
    for fact in ("开个人发票", "满月烘焙", "202611230456", "袁若溪", "15400001234", "工单创建", f"/agent/c/{row.conversation_id}"):
        assert fact in page


async def test_who_was_slower_is_told_and_keeps_what_was_typed(desk: Desk) -> None:
    row = ticket(desk)
    fast, slow = desk.user("小快"), desk.user("小慢")
    desk.database.transaction(tickets.comment, row.id, fast, row.updated_at, "我来")
    async with desk.browser(slow) as browser:
        for action, form in forms(row).items():
            status, page = await browser.send(f"/agent/tickets/{row.id}/{action}", form | {"text": "打了很久的字"})
            assert (status, "小快" in page) == (409, True), action
            assert ("打了很久的字" in page) == (action in {"comment", "reply"})
            assert hidden(page)["version"] == stored(desk, row.id).updated_at.isoformat()
    assert stored(desk, row.id).status == "open"
    assert texts(desk.database, row.conversation_id) == ["开发票"]
    assert desk.changed == []


async def test_an_answer_sent_twice_is_one_message(desk: Desk) -> None:
    row = ticket(desk)
    where = f"/agent/tickets/{row.id}"
    async with desk.browser(desk.user("小李")) as browser:
        form = hidden((await browser.get(where))[1]) | {"text": "发票已寄出"}
        for _ in range(2):
            assert await browser.send(f"{where}/reply", form) == (303, where)
    assert texts(desk.database, row.conversation_id) == ["开发票", "发票已寄出"]


async def test_who_gives_a_ticket_out_of_sight_is_back_at_the_list(desk: Desk) -> None:
    row = ticket(desk)
    restrict(desk, "complaint")
    async with desk.browser(desk.user("小李", queues=["billing"])) as browser:
        assert await browser.send(f"/agent/tickets/{row.id}/change", facts(row, queue="complaint")) == (303, "/agent/tickets")


@pytest.mark.parametrize("version", ["", "yesterday", "2026-11-24T10:00:00", "0"])
async def test_a_form_of_nowhere_changes_nothing(desk: Desk, version: str) -> None:
    row = ticket(desk)
    async with desk.browser(desk.user("小李")) as browser:
        for action, form in forms(row).items():
            status, _ = await browser.send(f"/agent/tickets/{row.id}/{action}", form | {"version": version})
            assert status in {400, 409}, action
    assert stored(desk, row.id) == row


@pytest.mark.parametrize(("text", "status"), [("", 400), (" \r\n ", 400), ("长" * 4001, 413)], ids=["none", "blank", "endless"])
async def test_what_cannot_be_sent_is_told_on_the_page(desk: Desk, text: str, status: int) -> None:
    row = ticket(desk)
    async with desk.browser(desk.user("小李")) as browser:
        for action in ("comment", "reply"):
            form = {"version": row.updated_at.isoformat(), "text": text}
            got, page = await browser.send(f"/agent/tickets/{row.id}/{action}", form)
            assert (got, 'role="alert"' in page) == (status, True), action


@pytest.mark.parametrize("path", ["/agent/tickets/0", "/agent/tickets/999999999999999999", "/agent/tickets/abc"])
async def test_tickets_that_are_not_there_are_not_found(desk: Desk, path: str) -> None:
    async with desk.browser(desk.user("小李")) as browser:
        assert (await browser.get(path))[0] == 404


# The file


async def export(desk: Desk, user_id: int, query: str = "") -> tuple[dict[str, str], str]:
    async with desk.browser(user_id) as browser, browser.session.get(f"/agent/tickets.csv{query}") as response:
        assert response.status == 200
        return dict(response.headers), (await response.read()).decode()


async def test_the_file_is_what_spreadsheets_read(desk: Desk) -> None:
    row = ticket(desk, subject='逗号, 引号" 和\n换行', order_number="202611230456")
    headers, text = await export(desk, desk.user("小李"))
    assert headers["Content-Type"] == "text/csv; charset=utf-8"
    assert re.fullmatch(r'attachment; filename="tickets-\d{4}-\d\d-\d\d\.csv"', headers["Content-Disposition"])
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert text.startswith("\ufeff工单号,")
    assert text.endswith("\r\n")
    head, line = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    told = dict(zip(head, line, strict=True))
    assert head == list(pages.COLUMNS)
    assert (told["工单号"], told["主题"], told["订单号"]) == (str(row.id), '逗号, 引号" 和\n换行', "202611230456")
    assert (told["状态"], told["队列"], told["填写内容"], told["负责人"]) == ("待处理", "支付发票", "抬头：满月烘焙", "")


async def test_the_file_has_all_tickets_that_the_list_would_show(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "EACH_READ", 2)
    made = [ticket(desk).id for _ in range(5)]
    ticket(desk, "logistics")
    user_id = desk.user("小李")
    _, text = await export(desk, user_id, "?queue=billing")
    assert [line[0] for line in csv.reader(io.StringIO(text))][1:] == [str(key) for key in made]
    assert count(desk.database, tables.tickets) == 6
    _, empty = await export(desk, user_id, "?q=nothing")
    assert empty.count("\r\n") == 1


async def test_no_cell_of_the_file_is_a_formula(desk: Desk) -> None:
    row = ticket(desk, subject="=1+1", summary=" +cmd|' /C calc'!A0", fields={"=A": "x"}, kind="@x")
    change(desk.database, tables.customers, tables.customers.c.id == row.customer_id, name="＝HYPERLINK(1)")
    change(desk.database, tables.users, tables.users.c.id == desk.user("-2+3"), active=True)
    change(desk.database, tables.tickets, tables.tickets.c.id == row.id, owner_id=rows(desk.database, tables.users)[0].id)
    _, text = await export(desk, desk.user("小李"))
    _, line = csv.reader(io.StringIO(text, newline=""))
    told = dict(zip(pages.COLUMNS, line, strict=True))
    assert told["主题"] == "'=1+1"
    assert told["摘要"] == "' +cmd|' /C calc'!A0"
    assert (told["顾客"], told["负责人"], told["填写内容"], told["类型"]) == ("'＝HYPERLINK(1)", "'-2+3", "'=A：x", "'@x")


@pytest.mark.parametrize(
    "cell",
    [
        "=1",
        "+1",
        "-1",
        "@A",
        "\t1",
        "\r1",
        "\n1",
        "  =1",
        "\u3000=1",
        "\u00a0-1",
        "＝1",
        "＋1",
        "－1",
        "＠A",
        "﹦1",
        "\ufeff=1",
        "\u200b=1",
        "\x00=1",
        " \t＠A",
    ],
)
def test_cells_that_may_be_formulas_get_an_apostrophe(cell: str) -> None:
    assert pages.harmless(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["", " ", "1", "a=1", "发票", "'=1", "2026-11-24", "（+86）", "—"])
def test_other_cells_stay_as_they_are(cell: str) -> None:
    assert pages.harmless(cell) == cell
