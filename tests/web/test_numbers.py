"""The page of numbers: which days it shows, to whom, and what it says."""

import re
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, date, timedelta
from pathlib import Path
from typing import get_args, get_type_hints
from xml.etree import ElementTree

import pytest
from multidict import MultiDict

from bot.conversation.outcome import Reason
from bot.crm import ownership, parts, staff, store, tables
from bot.web import numbers as pages
from tests.crm.making import change, finish, hand_off, rows, say, turn_of, visit
from tests.web.desks import Desk, routes_of, serving

TODAY = date(2026, 11, 24)


@pytest.fixture
async def desk(_sqlite_template: Path, tmp_path: Path) -> AsyncIterator[Desk]:
    shutil.copy(_sqlite_template, tmp_path / "zhike.db")
    async with serving(tmp_path / "zhike.db", tmp_path) as running:
        yield running


def handed(desk: Desk, queue: str, *, waited: float, rating: int | None = None, code: str = "anger") -> None:
    """A conversation of an hour ago whose customer waited so many seconds for a person."""
    conversation_id = visit(desk.database).conversation_id
    reason = Reason(code, "原因", "reason")  # type: ignore[arg-type]
    finish(desk.database, turn_of(say(desk.database, conversation_id)), hand_off=hand_off(queue, reasons=[reason]))
    at = parts.now() - timedelta(hours=1)
    ends = {"claimed_at": at + timedelta(seconds=waited), "first_reply_at": at + timedelta(seconds=waited + 7)}
    change(desk.database, tables.hand_offs, tables.hand_offs.c.conversation_id == conversation_id, created_at=at, **ends)
    if rating:
        desk.database.transaction(store.record_rating, conversation_id, rating, "")


def restrict(desk: Desk, queue: str) -> None:
    chief = desk.user("restricting", "supervisor")
    desk.database.transaction(staff.save_queue_settings, chief, queue, promise_minutes=5, auto_assign=False, restricted=True)


def cells(page: str) -> list[str]:
    return re.findall(r"<t[dh][^>]*>([^<]*)</t[dh]>", page)


def tiles(page: str) -> dict[str, str]:
    return dict(re.findall(r'<dt>([^<]+)</dt><dd class="value">([^<]*)</dd>', page))


# Which days


@pytest.mark.parametrize(
    ("query", "first", "last", "step"),
    [
        ({}, date(2026, 10, 26), TODAY, 1),
        ({"days": "7"}, date(2026, 11, 18), TODAY, 1),
        ({"days": "90"}, date(2026, 8, 27), TODAY, 1),
        ({"days": "365"}, date(2026, 10, 26), TODAY, 1),
        ({"from": "2026-11-01", "to": "2026-11-03"}, date(2026, 11, 1), date(2026, 11, 3), 1),
        ({"from": "2026-11-03", "to": "2026-11-01"}, date(2026, 11, 1), date(2026, 11, 3), 1),
        ({"from": "2026-11-20"}, date(2026, 11, 20), TODAY, 1),
        ({"to": "2026-11-20"}, date(2026, 11, 20), date(2026, 11, 20), 1),
        ({"from": "2026-11-20", "to": "2027-01-01"}, date(2026, 11, 20), TODAY, 1),
        ({"from": "2027-01-01", "to": "2027-01-02"}, TODAY, TODAY, 1),
        ({"from": "2026-01-01", "to": "2026-04-02"}, date(2026, 1, 1), date(2026, 4, 2), 1),
        ({"from": "2026-01-01", "to": "2026-04-03"}, date(2026, 1, 1), date(2026, 4, 3), 7),
    ],
)
def test_addresses_choose_the_days(query: dict[str, str], first: date, last: date, step: int) -> None:
    period, problem = pages.asked_period(MultiDict(query), TODAY, UTC)
    assert (period.first, period.last, period.step, problem) == (first, last, step, None)


@pytest.mark.parametrize("query", [{"from": "soon"}, {"to": "2026-02-30"}, {"from": "2026-11-01", "to": "x"}])
def test_days_that_are_none_are_told(query: dict[str, str]) -> None:
    period, problem = pages.asked_period(MultiDict(query), TODAY, UTC)
    assert (period.last - period.first).days == 29
    assert problem is not None


def test_endless_periods_are_cut() -> None:
    period, problem = pages.asked_period(MultiDict({"from": "0001-01-01", "to": "2026-11-24"}), TODAY, UTC)
    assert (period.last - period.first).days == pages.LONGEST - 1
    assert problem is not None
    assert len(period.parts) < 120


# Who may


async def test_without_a_sign_in_there_is_nothing(desk: Desk) -> None:
    async with desk.browser() as browser:
        for _, path in routes_of(pages.ROUTES):
            assert (await browser.get(path))[0] == 303


async def test_figures_of_a_restricted_queue_are_for_its_agents_and_supervisors(desk: Desk) -> None:
    handed(desk, "complaint", waited=60)
    handed(desk, "billing", waited=120)
    restrict(desk, "complaint")
    async with desk.browser(desk.user("小李", queues=["billing"])) as browser:
        page = (await browser.get("/agent/numbers"))[1]
        assert (tiles(page)["转人工"], "投诉建议" in page) == ("1", False)
        assert tiles(page)["等待时间（中位）"] == "2 分"
        assert (await browser.get("/agent/numbers?queue=complaint"))[0] == 403
    for user_id in (desk.user("自己人", queues=["complaint"]), desk.user("王主管", "supervisor", queues=["billing"])):
        async with desk.browser(user_id) as browser:
            assert tiles((await browser.get("/agent/numbers"))[1])["转人工"] == "2"
            assert tiles((await browser.get("/agent/numbers?queue=complaint"))[1])["等待时间（中位）"] == "1 分"


async def test_there_is_no_queue_of_another_name(desk: Desk) -> None:
    async with desk.browser(desk.user("小李")) as browser:
        assert (await browser.get("/agent/numbers?queue=kitchen"))[0] == 403


# What it says


async def test_the_figures_stand_in_tiles_and_tables(desk: Desk) -> None:
    handed(desk, "billing", waited=60, rating=5)
    handed(desk, "logistics", waited=180, rating=2, code="threat")
    async with desk.browser(desk.user("小李")) as browser:
        status, page = await browser.get("/agent/numbers?days=7")
    assert status == 200
    shown = tiles(page)
    assert (shown["等待时间（中位）"], shown["首次回复（中位）"], shown["解决用时（中位）"]) == ("2 分", "2 分 7 秒", "—")
    assert (shown["机器人独立解决"], shown["转人工"], shown["满意度"]) == ("0%", "2", "3.5")
    for cell in ("非常不满", "威胁投诉", "5 分", "支付发票", "物流配送", "1 分 7 秒", "3 分 7 秒"):
        assert cell in cells(page)


async def test_every_reason_is_told_in_words(desk: Desk) -> None:
    for code in get_args(get_type_hints(Reason)["code"]):
        handed(desk, "billing", waited=60, code=code)
    chief = desk.user("主管", "supervisor")
    talk = visit(desk.database).conversation_id
    say(desk.database, talk)
    desk.database.transaction(ownership.take_over, talk, chief)
    desk.database.transaction(ownership.resolve, talk, chief, summary="好了", result="solved")
    desk.database.transaction(ownership.reopen, talk, chief)
    codes = {reason["code"] for row in rows(desk.database, tables.hand_offs) for reason in row.reasons}
    assert {"taken_over", "reopened"} < codes
    async with desk.browser(chief) as browser:
        page = (await browser.get("/agent/numbers"))[1]
    assert {pages.REASONS[code] for code in codes} <= set(cells(page))
    assert not codes & set(cells(page))


async def test_each_chart_can_be_read_without_seeing_it(desk: Desk) -> None:
    handed(desk, "billing", waited=60, rating=5)
    async with desk.browser(desk.user("小李")) as browser:
        page = (await browser.get("/agent/numbers"))[1]
    drawn = re.findall(r'<svg class="chart".*?</svg>', page, re.DOTALL)
    assert len(drawn) == page.count("<table>") >= 6
    for chart in drawn:
        root = ElementTree.fromstring(chart)
        assert all(node.text for node in root.iter() if node.attrib.get("id") in root.attrib["aria-labelledby"].split())
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:", page)


async def test_without_conversations_the_page_says_so(desk: Desk) -> None:
    async with desk.browser(desk.user("小李")) as browser:
        status, page = await browser.get("/agent/numbers?from=2026-01-01&to=2026-01-02")
    assert status == 200
    assert "这段时间没有对话" in page
    assert 'class="chart"' not in page


async def test_the_form_keeps_what_was_chosen(desk: Desk) -> None:
    async with desk.browser(desk.user("小李")) as browser:
        page = (await browser.get("/agent/numbers?from=2026-01-01&to=2026-01-02&queue=billing"))[1]
    assert 'value="2026-01-01"' in page
    assert 'value="2026-01-02"' in page
    assert '<option value="billing" selected>' in page
    assert 'href="?days=7&amp;queue=billing"' in page


async def test_a_date_that_is_none_is_told_on_the_page(desk: Desk) -> None:
    async with desk.browser(desk.user("小李")) as browser:
        status, page = await browser.get("/agent/numbers?from=soon")
    assert (status, 'role="alert"' in page) == (200, True)
