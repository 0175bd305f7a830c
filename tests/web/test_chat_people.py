"""The chat of a customer with a person: files, marks of what was read, who is typing, and leaving a message instead."""

import asyncio
import shutil
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.conversation.messages import ATTACHES, LEAVE_A_MESSAGE
from bot.conversation.outcome import Button, Reply
from bot.crm import annotations, ownership, staff, store, tables
from bot.web.chat_files import UPLOAD_RATE
from bot.web.keys import HUB
from tests.crm import making
from tests.servers import Client
from tests.web.desks import Desk, serving

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)


@pytest.fixture
async def desk(_sqlite_template: Path, tmp_path: Path) -> AsyncIterator[Desk]:
    database = tmp_path / "zhike.db"
    shutil.copy(_sqlite_template, database)
    async with serving(database, tmp_path) as running:
        yield running


@asynccontextmanager
async def visiting(desk: Desk, token: str | None = None, **hello: Any) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession() as session, session.ws_connect(desk.server.make_url("/chat/ws")) as socket:
        client = Client(socket)
        await client.hello(token, **hello)
        yield client


def talks_to(desk: Desk, customer: Client, name: str = "小李") -> int:
    """Somebody to whom the customer's conversation is given."""
    agent = desk.user(name, "supervisor")
    desk.database.transaction(staff.set_presence, agent, "online")
    desk.database.transaction(staff.seen, agent, store.now())
    desk.database.transaction(ownership.take_over, customer.conversation or "", agent)
    desk.service.changed(customer.conversation or "")
    return agent


async def send_file(
    desk: Desk, token: str | None, content: bytes = PNG, name: str = "破损.png", **headers: str
) -> tuple[int, dict[str, Any]]:
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("file", content, filename=name)
    headers |= {"Authorization": f"Bearer {token}"} if token else {}
    async with aiohttp.ClientSession() as session, session.post(desk.server.make_url("/chat/files"), data=form, headers=headers) as answer:
        return answer.status, await answer.json()


async def get_file(desk: Desk, token: str | None, file_id: str, **headers: str) -> tuple[int, bytes, Any]:
    headers |= {"Authorization": f"Bearer {token}"} if token else {}
    url = desk.server.make_url(f"/chat/files/{file_id}")
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        return answer.status, await answer.read(), answer.headers


async def message(customer: Client, **fields: Any) -> dict[str, Any]:
    """The customer's own message as it comes back."""
    frame_id = uuid.uuid4().hex
    await customer.send(type="message", id=frame_id, **fields)
    return await customer.until(type="message", id=frame_id)


# Files


async def test_a_picture_is_sent_shown_and_fetched(desk: Desk) -> None:
    async with visiting(desk) as customer:
        status, file = await send_file(desk, customer.token)
        assert status == 200
        assert file == {"id": file["id"], "name": "破损.png", "media_type": "image/png", "size": len(PNG)}
        said = await message(customer, text="收到就这样了", attachments=[file["id"]])
        assert (said["text"], said["attachments"]) == ("收到就这样了", [file])
    async with visiting(desk, customer.token) as again:
        assert again.frames[0]["messages"][0]["attachments"] == [file]
    status, content, headers = await get_file(desk, customer.token, file["id"])
    assert (status, content) == (200, PNG)
    assert headers["Content-Type"] == "image/png"
    assert headers["Content-Disposition"].startswith("attachment")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in headers["Content-Security-Policy"]


@pytest.mark.parametrize(("locale", "text"), [("zh-CN", "［附件］"), ("en-US", "[Attachment]")])
async def test_a_picture_needs_no_words(desk: Desk, locale: str, text: str) -> None:
    async with visiting(desk, locale=locale) as customer:
        _, file = await send_file(desk, customer.token)
        assert (await message(customer, text="", attachments=[file["id"]]))["text"] == ""
        (stored,), (turn,) = making.rows(desk.database, tables.messages), making.rows(desk.database, tables.turns)
        assert stored.text == text, "agents find something to read in their lists"
        assert turn.payload == ATTACHES, "there are no words that could be understood wrongly"
        _, file = await send_file(desk, customer.token)
        assert (await message(customer, attachments=[file["id"]]))["attachments"] == [file]


async def test_words_without_files_are_needed_still(desk: Desk) -> None:
    async with visiting(desk) as customer:
        for number, fields in enumerate([{}, {"text": ""}, {"text": " ", "attachments": []}]):
            await customer.send(type="message", id=f"m{number}", **fields)
            assert (await customer.until(type="error", id=f"m{number}"))["code"] == "bad_frame"


@pytest.mark.parametrize("bad", ["x", ["x"], [7], [None], ["0" * 32] * 6, {"id": "0" * 32}, ["../" + "0" * 29], ["0" * 32]])
async def test_what_names_no_file_of_the_conversation_is_refused(desk: Desk, bad: Any) -> None:
    async with visiting(desk) as customer:
        await customer.send(type="message", id="m", text="看图", attachments=bad)
        assert (await customer.until(type="error", id="m"))["code"] == "bad_frame"
    assert making.count(desk.database, tables.messages) == 0


async def test_a_file_is_sent_once_and_by_its_owner_only(desk: Desk) -> None:
    async with visiting(desk) as customer, visiting(desk) as stranger:
        _, file = await send_file(desk, customer.token)
        await stranger.send(type="message", id="m", text="看图", attachments=[file["id"]])
        assert (await stranger.until(type="error", id="m"))["code"] == "bad_frame"
        await message(customer, attachments=[file["id"]])
        await customer.send(type="message", id="again", attachments=[file["id"]])
        assert (await customer.until(type="error", id="again"))["code"] == "bad_frame"


async def test_nobody_else_gets_a_file(desk: Desk) -> None:
    async with visiting(desk) as customer, visiting(desk) as stranger:
        _, file = await send_file(desk, customer.token)
        await message(customer, attachments=[file["id"]])
        assert (await get_file(desk, stranger.token, file["id"]))[0] == 404
        assert (await get_file(desk, customer.token, "0" * 32))[0] == 404
        for token in (None, "guessed", customer.conversation, f"{customer.token}x", "口令".encode().decode("latin-1")):
            assert (await get_file(desk, token, file["id"]))[0] == 403
            assert (await send_file(desk, token))[0] == 403
        assert (await get_file(desk, None, f"{file['id']}?token={customer.token}"))[0] == 403, "a token in an address opens nothing"
        assert (await get_file(desk, customer.token, file["id"], Origin="https://evil.example"))[0] == 403
        assert (await send_file(desk, customer.token, Origin="https://evil.example"))[0] == 403


async def test_a_token_of_another_channel_opens_nothing(desk: Desk) -> None:
    desk.database.transaction(store.visit_of_sender, "rest", "erp")
    assert (await send_file(desk, "rest:erp"))[0] == 403


async def test_what_is_no_picture_or_too_large_is_refused(desk: Desk, tmp_path: Path) -> None:
    async with visiting(desk) as customer:
        status, answer = await send_file(desk, customer.token, b"MZ\x90\x00\x03", "photo.png")
        assert (status, answer["error"]["code"]) == (400, "bad_frame")
        status, answer = await send_file(desk, customer.token, PNG + bytes(10 * 1024 * 1024))
        assert (status, answer["error"]["code"]) == (413, "too_long")
    assert making.count(desk.database, tables.attachments) == 0
    assert not (tmp_path / "attachments").exists() or not list((tmp_path / "attachments").iterdir())


async def test_a_customer_does_not_fill_the_disk(desk: Desk) -> None:
    async with visiting(desk) as customer, visiting(desk) as neighbour:
        statuses = [(await send_file(desk, customer.token))[0] for _ in range(UPLOAD_RATE.burst + 1)]
        assert statuses == [200] * UPLOAD_RATE.burst + [429]
        assert (await send_file(desk, neighbour.token))[0] == 200


async def test_an_agents_file_is_the_customers_once_it_is_sent(desk: Desk) -> None:
    async with visiting(desk) as customer:
        agent = talks_to(desk, customer)
        file = {"id": "a" * 32, "name": "说明.pdf", "media_type": "application/pdf", "size": 8}
        (desk.service.settings.var / "attachments").mkdir()
        (desk.service.settings.var / "attachments" / file["id"]).write_bytes(b"%PDF-1.7")
        desk.database.transaction(annotations.add_attachment, customer.conversation, agent, **file, sha256="0")
        assert (await get_file(desk, customer.token, file["id"]))[0] == 404
        desk.database.transaction(ownership.reply, customer.conversation, agent, "", client_id="r1", attachments=[file["id"]])
        desk.service.changed(customer.conversation or "")
        said = await customer.until(type="message", sender="agent")
        assert (said["name"], said["text"], said["attachments"]) == ("小李", "", [file])
        assert "id" not in said, "what the agent's console called the message is nobody else's business"
        assert (await get_file(desk, customer.token, file["id"]))[:2] == (200, b"%PDF-1.7")


# Read and typing


async def test_the_customer_sees_what_the_agent_has_read(desk: Desk) -> None:
    async with visiting(desk) as customer:
        agent = talks_to(desk, customer)
        said = await message(customer, text="在吗")
        desk.database.transaction(ownership.mark_read_by_agent, customer.conversation, agent, said["seq"])
        desk.service.changed(customer.conversation or "")
        assert (await customer.until(type="read"))["seq"] == said["seq"]
    async with visiting(desk, customer.token) as again:
        assert await again.until(type="read") == {"type": "read", "from": "agent", "seq": said["seq"]}


async def test_what_was_read_in_another_process_is_noticed_too(desk: Desk) -> None:
    async with visiting(desk) as customer:
        agent = talks_to(desk, customer)
        said = await message(customer, text="在吗")
        desk.database.transaction(ownership.mark_read_by_agent, customer.conversation, agent, said["seq"])
        assert (await customer.until(type="read"))["seq"] == said["seq"]


async def test_the_agent_is_told_what_the_customer_has_read(desk: Desk) -> None:
    async with visiting(desk) as customer:
        agent = talks_to(desk, customer)
        reply = desk.database.transaction(ownership.reply, customer.conversation, agent, "您好", client_id="r1")
        desk.service.changed(customer.conversation or "")
        await customer.until(type="message", sender="agent")
        desk.changed.clear()
        await customer.send(type="read", seq=reply.seq)
        async with asyncio.timeout(10):
            while customer.conversation not in desk.changed:
                await asyncio.sleep(0.01)
        (row,) = making.rows(desk.database, tables.conversations)
        assert row.read_seq == reply.seq


async def test_who_types_is_told_both_ways(desk: Desk) -> None:
    hub = desk.server.app[HUB]
    heard: list[tuple[str, bool]] = []
    hub.on_customer_types(lambda conversation, on: heard.append((conversation, on)))
    async with visiting(desk) as customer, visiting(desk) as stranger:
        for on in (True, True, True, False, False):
            await customer.send(type="typing", on=on)
        assert (await message(customer, text="写好了"))["seq"]
        assert heard == [(customer.conversation, True), (customer.conversation, False)], "no more than there is to tell"
        hub.agent_types(customer.conversation or "", True)
        assert await customer.until(type="typing") == {"type": "typing", "from": "agent", "on": True}
        await message(stranger, text="我也在")
        assert not [frame for frame in stranger.frames if frame["type"] == "typing"]


async def test_a_flood_of_typing_reaches_nobody(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.web.chat.TYPING_EVERY_SECONDS", 3600)
    heard: list[bool] = []
    desk.server.app[HUB].on_customer_types(lambda conversation, on: heard.append(on))
    async with visiting(desk) as customer:
        for _ in range(200):
            await customer.send(type="typing", on=True)
            await customer.send(type="typing", on=False)
        await message(customer, text="好")
    assert heard == [True, False]


async def test_who_goes_in_the_middle_of_a_word_does_not_type_for_ever(desk: Desk) -> None:
    heard: list[bool] = []
    desk.server.app[HUB].on_customer_types(lambda conversation, on: heard.append(on))
    async with visiting(desk) as customer:
        await customer.send(type="typing", on=True)
        await message(customer, text="等")
    async with asyncio.timeout(10):
        while heard != [True, False]:
            await asyncio.sleep(0.01)


# A message instead


async def test_leaving_a_message_is_offered_while_waiting_and_ends_the_wait(desk: Desk) -> None:
    async with visiting(desk) as customer:
        await customer.send(type="choice", id="c0", title="留言", payload=LEAVE_A_MESSAGE)
        assert (await customer.until(type="error", id="c0"))["code"] == "forbidden", "not before it is offered"
        turn = making.turn_of(making.say(desk.database, customer.conversation or "", "转人工"))
        offer = Reply("现在没有人", (Button("留言", LEAVE_A_MESSAGE),))
        making.finish(desk.database, turn, replies=(offer,), hand_off=making.hand_off())
        desk.service.changed(customer.conversation or "")
        assert (await customer.until(type="state"))["state"] == "queued"
        await message(customer, text="有人吗")
        await customer.send(type="choice", id="c1", title="留言", payload=LEAVE_A_MESSAGE)
        assert (await customer.until(type="state"))["state"] == "bot"
        assert [frame["id"] for frame in customer.frames if frame["type"] == "ack"][-1] == "c1"
