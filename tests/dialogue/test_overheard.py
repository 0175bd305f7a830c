"""What was said between customer and agent is known to the assistant when the conversation is its own again."""

import uuid
from typing import Any

import pytest

from bot.crm import ownership, queries, staff, store, tables, tickets
from bot.dialogue.assistant import Assistant
from bot.service import Service
from tests.crm import making
from tests.dialogue.talking import Talk, said

TOLD = "202611231201"
NAMED = "202611231202"


class Person:
    """An agent who is there, with one conversation."""

    def __init__(self, service: Service, talk: Talk, *, role: Any = "agent") -> None:
        self.run = service.database.transaction
        self.talk = talk
        self.name = f"小李{uuid.uuid4().hex[:6]}"
        self.id = self.run(store.add_user, self.name, role, "-").id
        self.run(staff.set_presence, self.id, "online")
        self.run(staff.seen, self.id, store.now())

    def claims(self) -> None:
        self.run(ownership.claim, self.talk.id, self.id)

    def takes_over(self) -> None:
        self.run(ownership.take_over, self.talk.id, self.id)

    def says(self, text: str) -> None:
        self.run(ownership.reply, self.talk.id, self.id, text, client_id=uuid.uuid4().hex)

    def hands_back(self) -> None:
        self.run(ownership.hand_back, self.talk.id, self.id)

    def resolves(self) -> None:
        self.run(ownership.resolve, self.talk.id, self.id, summary="已处理", result="solved")


@pytest.fixture
def person(service: Service, talk: Talk) -> Person:
    return Person(service, talk)


@pytest.fixture
def supervisor(service: Service, talk: Talk) -> Person:
    return Person(service, talk, role="supervisor")


@pytest.fixture(scope="module", autouse=True)
def _orders(built: Service) -> None:
    for number in (TOLD, NAMED):
        making.order(built.database, number, status="shipped", courier="顺丰", tracking_number=f"SF{number[-4:]}", tracking_note="已到杭州")


def spoken(talk: Talk, turn_id: int) -> list[tuple[str, str]]:
    return [(event["event"], event["text"]) for event in talk.events(turn_id) if event["event"] in {"user", "bot"}]


async def test_an_order_that_the_agent_was_told_of_is_known_after_the_hand_back(talk: Talk, person: Person) -> None:
    await talk.says("你好", "转人工")
    person.claims()
    person.says("您好，请问是哪个订单？")
    assert await talk.say("订单 2026-1123-1201，我的空气炸锅一直没到，手机 13800000011") == []
    assert spoken(talk, talk.turn_ids[-1]) == [("bot", "您好，请问是哪个订单？"), ("user", talk.messages()[-1].text)]
    person.says("查到了，正在派送")
    person.hands_back()
    replies = await talk.say("我的快递到哪了")
    assert "后四位" in said(replies), "it asks for the proof, not for the order once more"
    assert "机器人" not in said(replies), "the assistant does not introduce itself again"
    slots = talk.row.slots
    assert (slots["order_number"], slots["product"], slots["phone"]) == (TOLD, "空气炸锅", "13800000011")
    assert spoken(talk, talk.turn_ids[-1])[0] == ("bot", "查到了，正在派送"), "what was said last is known, too"
    assert "SF1201" in said(await talk.say("1234"))


async def test_an_order_that_only_the_agent_named_is_known(talk: Talk, person: Person) -> None:
    await talk.says("你好", "转人工")
    person.claims()
    person.says(f"您说的是订单 {NAMED} 吧，已经催了")
    person.hands_back()
    assert "后四位" in said(await talk.say("我的快递到哪了"))
    assert talk.row.slots["order_number"] == NAMED


async def test_another_process_knows_it_too(talk: Talk, person: Person, elsewhere: Assistant) -> None:
    await talk.says("你好", "转人工")
    person.claims()
    await talk.say(f"订单号 {TOLD}")
    person.says("好的，请稍等")
    person.hands_back()
    outcome = await elsewhere.answer(talk.accept("我的快递到哪了", owner="elsewhere"))
    assert "后四位" in outcome.replies[-1].text
    assert not talk.finish(outcome, owner="elsewhere").discarded
    elsewhere.written(talk.id, outcome.turn_id)
    assert "SF1201" in said(await talk.say("1234"))


async def test_a_form_that_was_open_when_a_supervisor_took_over_is_closed(talk: Talk, supervisor: Person) -> None:
    await talk.says("我要退款", TOLD, "1234")
    assert talk.row.slots["requested_slot"] == "reason"
    supervisor.takes_over()
    supervisor.says("我来处理")
    supervisor.hands_back()
    replies = await talk.say("谢谢")
    assert talk.row.active_loop is None
    assert "reason" not in talk.row.slots
    assert "原因" not in said(replies)
    assert talk.row.slots["order_number"] == TOLD


async def test_a_form_is_closed_even_if_nobody_said_a_word(talk: Talk, supervisor: Person) -> None:
    await talk.says("我要退款", TOLD, "1234")
    supervisor.takes_over()
    supervisor.hands_back()
    await talk.say("嗯嗯")
    assert talk.row.active_loop is None
    assert talk.rows(tables.order_changes) == []


async def test_a_form_that_is_opened_after_the_hand_back_stays_open(talk: Talk, person: Person) -> None:
    await talk.says("你好", "转人工")
    person.claims()
    person.says("好的")
    person.hands_back()
    await talk.says("我要退款", TOLD, "1234")
    assert (talk.row.active_loop, talk.row.slots["requested_slot"]) == ("refund_form", "reason")


async def test_what_was_offered_before_is_not_taken_up_after_a_person_was_there(talk: Talk, person: Person) -> None:
    await talk.say("我有个建议，你们可以出一款静音的吹风机")
    await talk.say("转人工")
    person.claims()
    await talk.say("就是这个建议")
    person.says("收到，谢谢")
    person.hands_back()
    await talk.say("好的")
    assert talk.row.active_loop is None


async def test_messages_while_waiting_are_known_after_leaving_the_queue(talk: Talk) -> None:
    await talk.says("你好", "转人工", f"订单 {TOLD}，很急")
    await talk.service.database.run(store.leave_queue, talk.id)
    assert "后四位" in said(await talk.say("那我自己查快递到哪了"))
    assert talk.row.slots["order_number"] == TOLD


async def test_who_writes_again_after_the_end_meets_the_assistant_with_the_past_known(talk: Talk, person: Person) -> None:
    await talk.says("你好", "转人工")
    person.claims()
    await talk.say(f"订单 {TOLD}")
    person.resolves()
    replies = await talk.say("我的快递到哪了")
    assert talk.state == "bot"
    assert "后四位" in said(replies)


async def test_an_answer_to_a_ticket_is_known_too(talk: Talk, person: Person) -> None:
    await talk.says("你好", "转人工")
    await talk.service.database.run(store.leave_queue, talk.id)
    (ticket,) = talk.rows(tables.tickets)
    text = f"订单 {NAMED} 已经催过了"
    person.run(tickets.reply_to_customer, ticket.id, person.id, ticket.updated_at, text, client_id="t1")
    assert talk.state == "bot"
    assert "后四位" in said(await talk.say("我的快递到哪了"))
    assert spoken(talk, talk.turn_ids[-1])[0] == ("bot", text)
    assert talk.row.slots["order_number"] == NAMED


async def test_a_person_who_comes_before_the_assistant_said_a_word(talk: Talk, supervisor: Person) -> None:
    supervisor.takes_over()
    assert await talk.say(f"你好，订单 {TOLD} 有问题") == []
    supervisor.says("我看看")
    supervisor.hands_back()
    assert "后四位" in said(await talk.say("我的快递到哪了"))


async def test_a_message_that_cannot_be_remembered_is_understood_all_the_same(
    talk: Talk, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    await talk.says("你好", "转人工")
    person.claims()
    before = talk.row.tracker_turn_id

    async def fails(*_: Any) -> None:
        raise RuntimeError("no memory")

    with monkeypatch.context() as patch:
        patch.setattr("bot.dialogue.overheard.observe", fails)
        assert await talk.say(f"订单 {TOLD}") == []
    assert (talk.turn.status, talk.seen.mode) == ("done", "observe")
    assert talk.row.tracker_turn_id == before
    assert await talk.say(f"订单 {NAMED}") == []
    assert talk.row.slots["order_number"] == NAMED


async def test_anger_at_a_person_calls_nobody_again(talk: Talk, person: Person) -> None:
    await talk.says("你好", "转人工")
    person.claims()
    await talk.say("你们就是一群骗子，气死我了！！！再不退款我就打12315")
    assert talk.seen.escalate
    person.says("非常抱歉")
    person.hands_back()
    assert await talk.say("运费多少钱")
    assert talk.state == "bot"
    assert len(talk.rows(tables.hand_offs)) == 1


async def test_a_conversation_that_nobody_attends_costs_no_further_look(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[Any] = []
    monkeypatch.setattr(queries, "meanwhile", lambda *arguments: looks.append(arguments) or (False, ()))
    await talk.says("你好", "我要退款", TOLD)
    assert looks == []
