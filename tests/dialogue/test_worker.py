"""Pending turns are worked off: once, in order, also those that another process left behind."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import TimeoutError as NoConnection

import bot.service
from bot.conversation.messages import ASK_FOR_A_PERSON
from bot.crm import store, tables
from bot.crm.database import Database
from bot.crm.records import PendingTurn
from bot.dialogue.assistant import Assistant
from bot.dialogue.worker import AT_ONCE, Worker
from bot.errors import Unavailable
from bot.service import Service
from bot.settings import Settings
from tests.conftest import _schema
from tests.crm import making
from tests.dialogue.talking import Talk, payloads


async def until(condition: Any) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.02)


def all_done(*talks: Talk) -> bool:
    return all(turn.status == "done" for talk in talks for turn in talk.rows(tables.turns))


@asynccontextmanager
async def working(service: Service, *, poll_seconds: float = 0.05) -> AsyncIterator[Worker]:
    assert service.worker is not None
    service.worker._poll_seconds = poll_seconds
    await service.worker.start()
    yield service.worker


async def test_turns_of_a_killed_process_are_done_at_the_start(service: Service) -> None:
    """It had accepted messages, some under a lease; its lease is over, and this process has not heard of it."""
    talks = [Talk(service) for _ in range(3)]
    for talk in talks:
        talk.accept("运费多少钱", owner="killed")
        making.say(service.database, talk.id, "谢谢", owner="killed")
        making.lease_is_over(service.database, talk.id)
    unclaimed = Talk(service)
    making.say(service.database, unclaimed.id, "你好", owner=None)
    async with working(service):
        await until(lambda: all_done(*talks, unclaimed))
    for talk in talks:
        assert [message.sender for message in talk.messages()].count("customer") == 2
        assert len(talk.rows(tables.interactions)) == 2
        assert talk.row.lease_owner is None
    assert unclaimed.messages()[-1].sender == "bot"


async def test_a_process_that_comes_back_takes_up_its_own_turns_at_once(service: Service) -> None:
    talk = Talk(service)
    talk.accept("运费多少钱", owner=service.owner)
    async with working(service):
        await until(lambda: all_done(talk))


async def test_turns_under_the_lease_of_a_living_process_are_left_to_it(service: Service) -> None:
    talk, other = Talk(service), Talk(service)
    talk.accept("运费多少钱", owner="alive")
    making.say(service.database, other.id, "你好", owner=None)
    async with working(service):
        await until(lambda: all_done(other))
        await asyncio.sleep(0.15)
    assert not all_done(talk)
    assert talk.row.lease_owner == "alive"


async def test_messages_of_a_conversation_are_answered_in_order(service: Service, talk: Talk) -> None:
    texts = ["你好", "我要退款", "不退了", "运费多少钱", "谢谢", "我要开发票", "算了", "再见"]
    accepted = [await service.accept(talk.id, uuid.uuid4().hex, text) for text in texts]
    await until(lambda: all_done(talk))
    order = select(tables.interactions.c.turn_id).where(tables.interactions.c.conversation_id == talk.id).order_by(tables.interactions.c.id)
    done = service.database.transaction(lambda c: c.execute(order).scalars().all())
    assert done == [one.turn_id for one in accepted]
    answered = service.database.transaction(
        lambda c: (
            c.execute(
                select(tables.messages.c.turn_id)
                .where(tables.messages.c.conversation_id == talk.id, tables.messages.c.sender == "bot")
                .order_by(tables.messages.c.seq)
            )
            .scalars()
            .all()
        )
    )
    assert answered == sorted(answered)
    assert [message.seq for message in talk.messages()] == list(range(1, len(talk.messages()) + 1))
    assert talk.row.active_loop is None


async def test_several_conversations_side_by_side(service: Service) -> None:
    talks = [Talk(service) for _ in range(3 * AT_ONCE)]
    await asyncio.gather(*(talk.says("你好", "运费多少钱", "我要退款") for talk in talks))
    assert all(talk.row.active_loop == "refund_form" for talk in talks)
    assert all(turn.error is None for talk in talks for turn in talk.rows(tables.turns))


async def test_a_resent_message_makes_no_second_turn(service: Service, talk: Talk) -> None:
    first, second = await asyncio.gather(*(service.accept(talk.id, "the same", "你好") for _ in range(2)))
    assert first.turn_id == second.turn_id
    assert first.duplicate != second.duplicate
    assert await service.replies(first.turn_id) == await service.replies(second.turn_id)
    assert len(talk.rows(tables.turns)) == 1


async def test_a_turn_that_could_not_be_written_is_done_later(service: Service, talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    await talk.says("你好", "我要退款")

    def down(*args: Any, **kwargs: Any) -> None:
        raise Unavailable("the database does not answer: gone")

    with monkeypatch.context() as patch:
        patch.setattr(store, "finish_turn", down)
        accepted = await service.accept(talk.id, uuid.uuid4().hex, "不退了")
        assert service.worker is not None
        await until(lambda: not service.worker._working)
    assert not all_done(talk)
    assert talk.messages()[-1].text == "不退了", "nothing of the answer is there"
    making.lease_is_over(service.database, talk.id)
    async with working(service):
        assert await service.replies(accepted.turn_id)
    assert talk.row.active_loop is None
    assert [event["text"] for event in talk.events(accepted.turn_id) if event["event"] == "user"] == ["不退了"]


@pytest.mark.parametrize("error", [Unavailable("gone"), NoConnection("pool"), RuntimeError("unheard of")])
async def test_looking_for_turns_goes_on_after_an_error(
    service: Service, talk: Talk, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    run = Database.run
    failed = asyncio.Event()

    async def fails_once(self: Database, function: Any, *args: Any, **kwargs: Any) -> Any:
        if function is store.claim_turns and not failed.is_set():
            failed.set()
            raise error
        return await run(self, function, *args, **kwargs)

    monkeypatch.setattr(Database, "run", fails_once)
    making.say(service.database, talk.id, "你好", owner=None)
    async with working(service):
        await failed.wait()
        await until(lambda: all_done(talk))


async def test_a_message_that_breaks_the_models_does_not_hold_up_the_next(
    service: Service, talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    parse = Assistant._parse

    def breaks(self: Assistant, texts: list[str]) -> list[dict[str, Any]]:
        if "哎" in texts:
            raise KeyError("intent")
        return parse(self, texts)

    monkeypatch.setattr(Assistant, "_parse", breaks)
    replies = await talk.say("哎")
    assert payloads(replies) == [ASK_FOR_A_PERSON]
    assert talk.turn.error == "understanding: KeyError"
    assert talk.seen.fallback
    await talk.say("运费多少钱")
    assert talk.turn.error is None


async def test_stopping_finishes_what_is_under_way(service: Service) -> None:
    talks = [Talk(service) for _ in range(5)]
    for talk in talks:
        await service.accept(talk.id, uuid.uuid4().hex, "你好")
    assert service.worker is not None
    await service.worker.stop()
    assert all_done(*talks)
    assert all(talk.row.lease_owner is None for talk in talks)


async def test_a_web_process_only_accepts(service: Service, built: Service) -> None:
    web = Service(built.settings, built.database, None, "web")
    talk = Talk(service)
    accepted = await web.accept(talk.id, uuid.uuid4().hex, "你好")
    assert accepted.turn is None
    assert talk.row.lease_owner is None
    async with working(service):
        assert await web.replies(accepted.turn_id), "a worker elsewhere answers"


# Two processes, one PostgreSQL


@pytest.fixture
async def two(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[Service]]:
    monkeypatch.setattr(bot.service, "_desk", None)
    with _schema() as url:
        services = [Service.build(replace(settings, database_url=url, var=tmp_path)) for _ in range(2)]
        yield services
        for service in services:
            await service.stop()


async def test_two_processes_never_do_a_turn_twice(two: list[Service], monkeypatch: pytest.MonkeyPatch) -> None:
    began: list[tuple[str, int]] = []
    answer = Assistant.answer

    async def answers(self: Assistant, pending: PendingTurn) -> Any:
        began.append((pending.conversation_id, pending.turn_id))
        return await answer(self, pending)

    monkeypatch.setattr(Assistant, "answer", answers)
    talks = [Talk(two[0]) for _ in range(6)]
    texts = ("你好", "我要退款", "202611230456", "不退了", "运费多少钱")
    for talk in talks[::2]:  # left over from before
        for text in texts:
            making.say(two[0].database, talk.id, text, owner=None)
    for service in two:
        async with working(service, poll_seconds=0.01):
            pass

    async def says_all(talk: Talk) -> None:
        for number, text in enumerate(texts):
            await two[number % 2].accept(talk.id, uuid.uuid4().hex, text)

    await asyncio.gather(*(says_all(talk) for talk in talks[1::2]))
    await until(lambda: all_done(*talks))
    assert len(began) == len(set(began)) == len(talks) * len(texts), "no turn is even begun twice"
    for talk in talks:
        mine = [turn for conversation, turn in began if conversation == talk.id]
        assert mine == sorted(mine), "in order"
        assert len(talk.rows(tables.interactions)) == len(texts)
        assert [turn.error for turn in talk.rows(tables.turns)] == [None] * len(texts)
        assert talk.row.active_loop is None
        assert [event["text"] for turn in mine for event in talk.events(turn) if event["event"] == "user"] == list(texts)
        assert talk.row.lease_owner is None
