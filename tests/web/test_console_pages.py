"""The page of the console, its files, the team and the settings: who may, and what is shown."""

import re
import shutil
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.crm import annotations, ownership, staff, tables
from bot.passwords import fits
from bot.web.files import LARGEST_FILE
from tests.crm.making import change, order, queued, rows, say
from tests.web.consoles import console, restrict
from tests.web.desks import Browser, Desk, serving

ODD = "<script>alert(1)</script>"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 100
STATIC = Path(__file__).parents[2] / "bot/web/static"


@pytest.fixture
async def desk(_sqlite_template: Path, tmp_path: Path) -> AsyncIterator[Desk]:
    shutil.copy(_sqlite_template, tmp_path / "zhike.db")
    async with serving(tmp_path / "zhike.db", tmp_path) as running:
        yield running


def owned_by(desk: Desk, user_id: int, queue: str = "logistics") -> str:
    conversation_id = queued(desk.database, queue)
    desk.database.transaction(ownership.claim, conversation_id, user_id)
    return conversation_id


# The page


async def test_the_page_shows_the_queue_and_a_conversation_before_the_socket_does(desk: Desk) -> None:
    conversation_id = queued(desk.database)
    say(desk.database, conversation_id, ODD)
    customer_id = rows(desk.database, tables.conversations)[0].customer_id
    change(desk.database, tables.customers, tables.customers.c.id == customer_id, name=ODD)
    order(desk.database, customer_id=customer_id, recipient=ODD, tracking_note=ODD)
    async with desk.browser(desk.user("小李")) as agent:
        status, page = await agent.get("/agent")
        assert status == 200
        assert f"row-{conversation_id}" in page
        assert "顾客要求人工服务" in page
        status, page = await agent.get(f"/agent/c/{conversation_id}")
        assert status == 200
        assert "为什么转人工" in page
        assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 4
        assert ODD not in page
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:", page)


async def test_own_conversations_are_listed_beside_one_of_them(desk: Desk) -> None:
    agent_id = desk.user("小李")
    mine, waiting = owned_by(desk, agent_id), queued(desk.database)
    async with desk.browser(agent_id) as agent:
        _, page = await agent.get(f"/agent/c/{mine}")
    assert f"row-{mine}" in page
    assert f"row-{waiting}" not in page


async def test_empty_lists_say_so(desk: Desk) -> None:
    async with desk.browser(desk.user("小李")) as agent:
        _, page = await agent.get("/agent")
    assert '<ul id="rows"></ul>' in page
    assert "没有顾客在等待" in page


async def test_the_page_stays_small_with_500_open_conversations(desk: Desk) -> None:
    agent_id = desk.user("小李")
    name = "阿卜杜拉·买买提江·艾尔肯·克里木江（企业采购部大客户）"
    for _ in range(120):  # more than are shown at once: others cost nothing
        queued(desk.database)
    change(desk.database, tables.customers, tables.customers.c.id > 0, name=name)
    async with desk.browser(agent_id) as agent, console(desk, agent_id) as socket:
        _, page = await agent.get("/agent")
        assert page.count('class="talk ') == 50
        loaded = len(page.encode()) + sum(len(str(frame).encode()) for frame in socket.frames)
    loaded += sum(path.stat().st_size for path in (STATIC / "desk.css", STATIC / "console.css", STATIC / "console.js"))
    loaded += sum(path.stat().st_size for path in (STATIC / "console").iterdir())
    assert loaded < 300_000, "uncompressed"


NOBODYS = "0" * 32


@pytest.mark.parametrize(
    "path",
    ["", f"/c/{NOBODYS}", f"/conversations/{NOBODYS}", "/team", "/settings", f"/attachments/{NOBODYS}"],
)
async def test_strangers_are_sent_to_the_sign_in(desk: Desk, path: str) -> None:
    async with desk.browser() as stranger, stranger.session.get(f"/agent{path}", allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (303, "/login")


async def test_a_restricted_conversation_has_no_page_for_others(desk: Desk) -> None:
    restrict(desk, "complaint")
    conversation_id = queued(desk.database, "complaint")
    async with desk.browser(desk.user("小王", queues=["billing"])) as other:
        assert (await other.get(f"/agent/c/{conversation_id}"))[0] == 404
        assert conversation_id not in (await other.get("/agent"))[1]
    async with desk.browser(desk.user("小李", queues=["complaint"])) as agent:
        assert (await agent.get(f"/agent/c/{conversation_id}"))[0] == 200


async def test_old_addresses_of_conversations_lead_to_the_console(desk: Desk) -> None:
    conversation_id = queued(desk.database)
    async with desk.browser(desk.user("小李")) as agent, agent.session.get(f"/agent/conversations/{conversation_id}") as response:
        assert response.status == 200
        assert response.url.path == f"/agent/c/{conversation_id}"


# Files


async def upload(agent: Browser, conversation_id: str, data: bytes, name: str = "照片.png", *, csrf: str | None = None) -> tuple[int, Any]:
    form = aiohttp.FormData(quote_fields=False)  # as browsers send names
    form.add_field("file", data, filename=name, content_type="image/png")
    headers = {"X-CSRF-Token": agent.csrf_token if csrf is None else csrf, "Accept": "application/json"}
    path = f"/agent/attachments?conversation={conversation_id}"
    async with agent.session.post(path, data=form, headers=headers, allow_redirects=False) as response:
        return response.status, await response.json() if "json" in response.content_type else None


async def test_a_file_is_sent_and_downloaded_and_never_executed(desk: Desk) -> None:
    agent_id = desk.user("小李")
    conversation_id = owned_by(desk, agent_id)
    async with console(desk, agent_id, conversation_id) as agent:
        status, file = await upload(agent.browser, conversation_id, PNG, "../../发票<b>.html")
        assert status == 200
        assert (file["name"], file["media_type"], file["size"]) == ("发票<b>.html.png", "image/png", len(PNG))
        assert await agent.ask("reply", conversation=conversation_id, text="", attachments=[file["id"]]) is None
        placed = await agent.until(file["id"], type="place", target="log")
        assert "发票&lt;b&gt;.html.png" in placed["html"]
        async with agent.browser.session.get(f"/agent/attachments/{file['id']}") as response:
            assert await response.read() == PNG
            assert response.headers["Content-Disposition"].startswith("attachment;")
            assert "sandbox" in response.headers["Content-Security-Policy"]
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert response.content_type == "image/png"
        assert await agent.ask("reply", conversation=conversation_id, text="", attachments=[file["id"]]), "a file is sent once"


@pytest.mark.parametrize(
    ("data", "name", "status"),
    [
        (b"MZ\x90\x00" + b"\0" * 50, "photo.png", 400),
        (b"PK\x03\x04" + b"\0" * 50, "invoice.pdf", 400),
        (b"", "empty.png", 400),
        (b"\x89PNG" + b"\0" * LARGEST_FILE, "large.png", 413),
    ],
    ids=["program", "archive", "empty", "too large"],
)
async def test_files_are_judged_by_their_content(desk: Desk, data: bytes, name: str, status: int) -> None:
    agent_id = desk.user("小李")
    conversation_id = owned_by(desk, agent_id)
    async with desk.browser(agent_id) as agent:
        assert (await upload(agent, conversation_id, data, name))[0] == status
    assert rows(desk.database, tables.attachments) == []


async def test_only_the_owner_puts_files_into_a_conversation(desk: Desk) -> None:
    owner = desk.user("小李")
    conversation_id, waiting = owned_by(desk, owner), queued(desk.database)
    async with desk.browser(owner) as agent, desk.browser(desk.user("小王")) as other, desk.browser() as stranger:
        assert (await upload(other, conversation_id, PNG))[0] == 409
        assert (await upload(agent, waiting, PNG))[0] == 409
        assert (await upload(agent, "0" * 32, PNG))[0] == 404
        assert (await upload(agent, "../../etc", PNG))[0] == 404
        assert (await upload(agent, conversation_id, PNG, csrf="guessed"))[0] == 403
        assert (await upload(agent, conversation_id, PNG, csrf="钥匙".encode().decode("latin-1")))[0] == 403
        assert (await upload(stranger, conversation_id, PNG))[0] == 303
    assert rows(desk.database, tables.attachments) == []
    assert not list(desk.service.settings.var.glob("attachments/*"))


async def test_files_of_restricted_conversations_are_not_there_for_others(desk: Desk) -> None:
    restrict(desk, "complaint")
    owner = desk.user("小李", queues=["complaint"])
    conversation_id = owned_by(desk, owner, "complaint")
    async with desk.browser(owner) as agent, desk.browser(desk.user("小王", queues=["billing"])) as other:
        _, file = await upload(agent, conversation_id, PNG)
        assert (await other.get(f"/agent/attachments/{file['id']}"))[0] == 404
        assert (await upload(other, conversation_id, PNG))[0] == 404


# The team


def user(desk: Desk, user_id: int) -> Any:
    (row,) = rows(desk.database, tables.users, tables.users.c.id == user_id)
    return row


async def test_a_supervisor_changes_agents(desk: Desk) -> None:
    agent_id = desk.user(ODD)
    async with desk.browser(desk.user("主管", "supervisor")) as chief:
        form = {"capacity": "7", "queues": "billing", "role": "agent", "active": "on", "password": "a new long password"}
        status, place = await chief.send(f"/agent/team/{agent_id}", form)
        assert (status, place) == (303, f"/agent/team?saved={agent_id}")
        _, page = await chief.get(place)
        assert "已保存" in page
        assert ODD not in page
    assert user(desk, agent_id).capacity == 7
    assert fits("a new long password", user(desk, agent_id).password_hash)
    served = rows(desk.database, tables.user_queues, tables.user_queues.c.user_id == agent_id)
    assert [row.queue for row in served] == ["billing"]


@pytest.mark.parametrize(
    ("by", "whom", "form", "allowed"),
    [
        ("agent", "agent", {"capacity": "9"}, False),
        ("agent", "agent", {"password": "a new long password"}, False),
        ("agent", "self", {"password": "a new long password"}, True),
        ("agent", "self", {"role": "admin", "active": "on"}, False),
        ("agent", "self", {"capacity": "9"}, False),
        ("supervisor", "agent", {"role": "agent"}, True),
        ("supervisor", "agent", {"role": "supervisor", "active": "on"}, False),
        ("supervisor", "supervisor", {"capacity": "9"}, False),
        ("supervisor", "self", {"capacity": "9"}, True),
        ("supervisor", "self", {"role": "admin", "active": "on"}, False),
        ("supervisor", "admin", {"password": "a new long password"}, False),
        ("admin", "agent", {"role": "admin", "active": "on"}, True),
        ("admin", "supervisor", {"role": "agent"}, True),
        ("admin", "self", {"role": "agent", "active": "on"}, False),
    ],
)
async def test_who_may_change_whom(desk: Desk, by: str, whom: str, form: dict[str, str], allowed: bool) -> None:
    ids = {role: desk.user(f"a {role}", role) for role in ("agent", "supervisor", *(("admin",) if by != "admin" else ()))}  # type: ignore[arg-type]
    own_id = desk.user("somebody", by)  # type: ignore[arg-type]
    before = user(desk, ids.get(whom, own_id))
    async with desk.browser(own_id) as browser:
        status, _ = await browser.send(f"/agent/team/{ids.get(whom, own_id)}", form)
    assert (status == 303) is allowed
    assert (user(desk, ids.get(whom, own_id)) != before) is allowed


async def test_what_cannot_be_is_told(desk: Desk) -> None:
    agent_id = desk.user("小李")
    async with desk.browser(desk.user("主管", "supervisor")) as chief:
        for form in ({"capacity": "many"}, {"capacity": "0"}, {"password": "short"}, {"capacity": "3", "queues": "kitchen"}):
            status, page = await chief.send(f"/agent/team/{agent_id}", form)
            assert status == 400
            assert 'role="alert"' in page
        assert (await chief.send("/agent/team/999", {"capacity": "3"}))[0] == 404


# Settings


async def test_a_supervisor_runs_the_desk(desk: Desk) -> None:
    async with desk.browser(desk.user("主管", "supervisor")) as chief:
        queues = {
            f"{queue}-promise": "8"
            for queue in ("logistics", "after_sales", "technical", "billing", "account", "pre_sales", "complaint", "general")
        }
        assert (await chief.send("/agent/settings/queues", queues | {"billing-auto": "on", "complaint-restricted": "on"}))[0] == 303
        hours = {f"{day}-{part}-{end}": "" for day in range(7) for part in range(2) for end in ("opens", "closes")}
        night = {"0-0-opens": "09:00", "0-0-closes": "12:00", "0-1-opens": "20:00", "0-1-closes": "02:00"}
        assert (await chief.send("/agent/settings/hours", hours | night))[0] == 303
        assert (
            await chief.send("/agent/settings/holidays", {"day": "2027-02-06", "name": ODD, "holiday-opens": "", "holiday-closes": ""})
        )[0] == 303
        _, page = await chief.get("/agent/settings")
        assert all(value in page for value in ('value="09:00"', 'value="20:00"', 'value="02:00"', "2027-02-06", "全天休息"))
        assert ODD not in page
        assert (await chief.send("/agent/settings/holidays", {"day": "2027-02-06", "delete": "1"}))[0] == 303
    settings = {row.queue: row for row in rows(desk.database, tables.queue_settings)}
    assert settings["billing"].promise_minutes == 8
    assert settings["billing"].auto_assign
    assert settings["complaint"].restricted
    assert {(row.weekday, row.opens, row.closes) for row in rows(desk.database, tables.opening_hours)} == {(0, 540, 720), (0, 1200, 1560)}
    assert rows(desk.database, tables.holidays) == []


@pytest.mark.parametrize(
    ("part", "form"),
    [
        ("queues", {"logistics-promise": "soon"}),
        ("hours", {"0-0-opens": "9 o'clock", "0-0-closes": "18:00"}),
        ("hours", {"0-0-opens": "09:00", "0-0-closes": ""}),
        ("holidays", {"day": "tomorrow", "name": "春节"}),
        ("holidays", {"day": "2027-02-06", "name": ""}),
        ("canned", {"shortcut": "两 个", "text": "好"}),
        ("canned", {"shortcut": "运费", "text": " "}),
        ("canned", {"shortcut": "运费", "text": "好", "queue": "kitchen"}),
        ("canned", {"id": "x", "shortcut": "运费", "text": "好"}),
    ],
)
async def test_settings_that_cannot_be_are_told(desk: Desk, part: str, form: dict[str, str]) -> None:
    async with desk.browser(desk.user("主管", "supervisor")) as chief:
        status, page = await chief.send(f"/agent/settings/{part}", form)
    assert status == 400
    assert 'role="alert"' in page


async def test_agents_read_the_settings_and_keep_the_prepared_answers(desk: Desk) -> None:
    agent_id = desk.user("小李")
    async with desk.browser(agent_id) as agent:
        for part, form in (("queues", {"billing-promise": "1"}), ("hours", {}), ("holidays", {"day": "2027-02-06", "name": "春节"})):
            assert (await agent.send(f"/agent/settings/{part}", form))[0] in {400, 403}
        assert (await agent.send("/agent/settings/canned", {"shortcut": "运费", "text": ODD}))[0] == 303
        status, page = await agent.get("/agent/settings")
        assert status == 200
        assert ODD not in page
        assert "保存队列" not in page
        (canned,) = rows(desk.database, tables.canned_replies)
        assert (await agent.send("/agent/settings/canned", {"shortcut": "运费", "text": "重复"}))[0] == 409
        changed = {"id": str(canned.id), "shortcut": "邮费", "text": "满 99 元包邮", "queue": "logistics"}
        assert (await agent.send("/agent/settings/canned", changed))[0] == 303
        (canned,) = rows(desk.database, tables.canned_replies)
        assert (canned.shortcut, canned.queue, canned.updated_by) == ("邮费", "logistics", agent_id)
        assert (await agent.send("/agent/settings/canned", {"id": str(canned.id), "delete": "1"}))[0] == 303
    assert rows(desk.database, tables.canned_replies) == []
    assert rows(desk.database, tables.queue_settings) == rows(desk.database, tables.holidays) == []


async def test_only_supervisors_change_how_the_desk_is_run(desk: Desk) -> None:
    agent_id = desk.user("小李")
    desk.database.transaction(staff.save_holiday, desk.user("主管", "supervisor"), date(2027, 2, 6), "春节")
    promises = {
        f"{queue}-promise": "1"
        for queue in ("logistics", "after_sales", "technical", "billing", "account", "pre_sales", "complaint", "general")
    }
    async with desk.browser(agent_id) as agent:
        assert (await agent.send("/agent/settings/queues", promises))[0] == 403
        assert (await agent.send("/agent/settings/hours", {"0-0-opens": "09:00", "0-0-closes": "18:00"}))[0] == 403
        assert (await agent.send("/agent/settings/holidays", {"day": "2027-02-06", "delete": "1"}))[0] == 403
    assert rows(desk.database, tables.queue_settings) == rows(desk.database, tables.opening_hours) == []
    assert len(rows(desk.database, tables.holidays)) == 1


@pytest.mark.parametrize("path", ["/agent/team/1", *(f"/agent/settings/{part}" for part in ("queues", "hours", "holidays", "canned"))])
async def test_forms_want_their_token_and_their_own_origin(desk: Desk, path: str) -> None:
    admin_id = desk.user("管理员", "admin")
    desk.database.transaction(annotations.save_canned, admin_id, shortcut="运费", text="满 99 元包邮")
    async with desk.browser(admin_id) as admin, desk.browser() as stranger:
        assert (await admin.send(path, {"csrf_token": "guessed"}))[0] == 403
        form = {"csrf_token": admin.csrf_token}
        async with admin.session.post(path, data=form, headers={"Origin": "https://evil.example"}, allow_redirects=False) as response:
            assert response.status == 403
        assert await stranger.send(path, {}) == (303, "/login")
