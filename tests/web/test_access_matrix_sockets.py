"""Who may not: every frame of both sockets, tried by everybody, also by those whose rights change while they are connected."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import pytest

from bot.crm import annotations, ownership, staff, store, tables
from bot.crm.records import Change
from bot.web.auth import COOKIE
from bot.web.chat import Chat
from bot.web.console.socket import SIGNED_OUT, AgentSocket
from tests.crm.making import change, say
from tests.servers import Client
from tests.web.consoles import Console
from tests.web.desks import Browser, Desk
from tests.web.restricted import (
    OTHER_QUEUE,
    QUEUE,
    TO_CUSTOMERS,
    WHOSE,
    Actor,
    Restricted,
    expire,
    plant,
    record,
    secret,
    secrets_in,
    table,
)

FRESH = "zq7-fresh"
"""What becomes known only after somebody has lost the right to know it begins so."""


@pytest.fixture(scope="module")
def world(_sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Restricted:
    return plant(_sqlite_template, tmp_path_factory.mktemp("restricted"))


@pytest.fixture
async def desk(world: Restricted) -> AsyncIterator[Desk]:
    async with world.desk() as running:
        yield running


# The console

# done: as asked; nothing: as if done, but nothing is shown and nothing changes; refused: a problem is told; ended: code 4401.
MAY = table("""
    who                stranger  outsider  insider  owner    supervisor  admin
    staff              ended     done      done     done     done        done
    who sees it        ended     nothing   done     done     done        done
    who works with it  ended     refused   done     done     done        done
    whoever is first   ended     refused   done     done     done        done
    its owner          ended     refused   refused  done     refused     refused
    its reader         ended     nothing   nothing  done     nothing     nothing
    owner, supervisor  ended     refused   refused  done     done        done
    supervisors        ended     refused   refused  refused  done        done
""")  # fmt: skip
COLUMNS = {
    "anonymous": "stranger", "signed out": "stranger", "expired": "stranger", "inactive": "stranger", "customer": "stranger",
    "neighbour": "stranger", "outsider": "outsider", "demoted": "outsider", "moved": "outsider", "insider": "insider", "owner": "owner",
    "supervisor": "supervisor", "admin": "admin",
}  # fmt: skip


@dataclass(frozen=True)
class Try:
    """A frame: who may send it, about which conversation, and with what."""

    who: str
    about: str = "taken"
    fields: dict[str, Any] = field(default_factory=dict)


FRAMES: dict[str, Try] = {
    "list": Try("staff", fields={"which": "all"}),
    "presence": Try("staff", fields={"choice": "away"}),
    "open": Try("who sees it"),
    "earlier": Try("who sees it", fields={"before": 4}),
    "claim": Try("whoever is first", "waiting"),
    "reopen": Try("whoever is first", "closed"),
    "take_over": Try("supervisors"),
    "assign": Try("supervisors", "waiting", {"to_user": "insider"}),
    "transfer": Try("owner, supervisor", fields={"to_queue": OTHER_QUEUE}),
    "hand_back": Try("its owner"),
    "resolve": Try("its owner", fields={"summary": "好", "result": "unsolved"}),
    "reply": Try("its owner", fields={"text": "好", "attachments": []}),
    "typing": Try("its owner", fields={"on": True}),
    "read": Try("its reader", fields={"seq": "last_seq"}),
    "note": Try("who works with it", fields={"text": "好", "about": "customer"}),
    "label": Try("who works with it", fields={"seq": 1, "kind": "queue", "value": OTHER_QUEUE}),
    "people": Try("who works with it"),
    "canned": Try("who works with it", fields={"search": ""}),
}
ONLY_SHOW = {"list", "open", "earlier", "people", "canned", "typing"}


@asynccontextmanager
async def console(desk: Desk, actor: Actor, conversation: str | None = None) -> AsyncIterator[Console]:
    """A console that has greeted, whatever came of it."""
    session = aiohttp.ClientSession(desk.server.make_url("/"), headers={"Cookie": f"{COOKIE}={actor.token}"})
    async with session, session.ws_connect("/agent/ws") as socket:
        one = Console(socket, Browser(session, actor.csrf_token, actor.token), actor.user_id)
        await one.send(type="hello", id="hello", csrf=actor.csrf_token, which="all", conversation=conversation)
        while not any(frame.get("id") == "hello" for frame in one.frames):
            try:
                await one.receive()
            except ConnectionError:
                break
        yield one


async def outcome_of(one: Console, world: Restricted, type: str) -> str:
    """Send a frame of the matrix; what came of it."""
    tried = FRAMES[type]
    planted = {"insider": world.actors["insider"].user_id, "last_seq": world.last_seq}
    fields = {name: planted.get(value, value) if isinstance(value, str) else value for name, value in tried.fields.items()}
    try:
        return "done" if await one.ask(type, conversation=getattr(world, tried.about), **fields) is None else "refused"
    except ConnectionError:
        assert one.socket.close_code == SIGNED_OUT
        return "ended"


def test_every_frame_of_the_console_has_its_expectations() -> None:
    assert set(AgentSocket._handlers) == {"hello", *FRAMES}


@pytest.mark.parametrize("name", COLUMNS)
async def test_no_frame_of_a_console_gets_further_than_it_may(desk: Desk, world: Restricted, name: str) -> None:
    column, wrong = COLUMNS[name], []
    may_see = MAY["who sees it"][column] == "done"
    for type, tried in FRAMES.items():
        world.restore(desk)
        async with console(desk, world.actors[name]) as one:
            before, expected = record(desk), MAY[tried.who][column]
            outcome = await outcome_of(one, world, type)
            if outcome != expected.replace("nothing", "done"):
                wrong.append(f"{type}: {outcome}, not {expected}")
            if (record(desk) != before) != (expected == "done" and type not in ONLY_SHOW):
                wrong.append(f"{type}: the record changed, or did not")
            if bool(secrets_in(one.said)) != may_see:
                wrong.append(f"{type}: {secrets_in(one.said) or 'nothing'} was shown")
    assert wrong == []


@pytest.mark.parametrize("name", ["outsider", "insider", "supervisor", "admin"])
async def test_what_stands_beside_another_conversation_holds_no_secrets(desk: Desk, world: Restricted, name: str) -> None:
    async with console(desk, world.actors[name], world.other) as one:
        facts = await one.until(type="swap", target="facts")
        assert "袁若溪" not in facts["html"]
        assert (secrets_in(facts["html"]) != set()) == (MAY["who sees it"][COLUMNS[name]] == "done")


# Rights that change while somebody is connected


def _update(name: str, **changes: Any) -> Callable[[Desk, Restricted], None]:
    def update(desk: Desk, world: Restricted) -> None:
        desk.database.transaction(staff.update_user, world.actors["admin"].user_id, world.actors[name].user_id, **changes)

    return update


def _restrict(restricted: bool) -> Callable[[Desk, Restricted], None]:
    settings = tables.queue_settings
    return lambda desk, world: change(desk.database, settings, settings.c.queue == QUEUE, restricted=restricted)


def _move(queue: str) -> Callable[[Desk, Restricted], None]:
    talks = tables.conversations
    return lambda desk, world: change(desk.database, talks, talks.c.queue != queue, queue=queue)


@dataclass(frozen=True)
class Turn:
    """A change of rights: who is connected, what makes them see the secrets first, what changes, and what they are then."""

    name: str
    before: Callable[[Desk, Restricted], None]
    change: Callable[[Desk, Restricted], None]
    then: str


def _nothing(desk: Desk, world: Restricted) -> None:
    """They see them anyway."""


TURNS = {
    "no supervisor any more": Turn("supervisor", _nothing, _update("supervisor", role="agent"), "outsider"),
    "other queues": Turn("insider", _nothing, _update("insider", queues=[OTHER_QUEUE]), "outsider"),
    "no account": Turn("insider", _nothing, _update("insider", active=False), "stranger"),
    "the owner has no account": Turn("owner", _nothing, _update("owner", active=False), "stranger"),
    "signed out": Turn(
        "owner", _nothing, lambda desk, world: desk.database.transaction(store.delete_session, world.actors["owner"].token), "stranger"
    ),
    "session over": Turn("admin", _nothing, lambda desk, world: expire(desk.database, world.actors["admin"]), "stranger"),
    "the queue is restricted": Turn("outsider", _restrict(False), _restrict(True), "outsider"),
    "the conversation is passed on": Turn("outsider", _move(OTHER_QUEUE), _move(QUEUE), "outsider"),
    "supervisor now": Turn("insider", _nothing, _update("insider", role="supervisor"), "supervisor"),
}  # fmt: skip
LOST = {name: turn for name, turn in TURNS.items() if turn.then != "supervisor"}


def _becomes_known(desk: Desk, world: Restricted) -> Change:
    """The customer has another name, says something, and somebody writes a note."""
    change(desk.database, tables.customers, tables.customers.c.name == secret("customer"), name=f"{FRESH}-name")
    admin = desk.user("a new admin", "admin")
    customer_id = desk.database.transaction(lambda c: c.execute(tables.customers.select().filter_by(name=f"{FRESH}-name")).one().id)
    desk.database.transaction(annotations.add_note, admin, world.taken, customer_id, f"{FRESH}-note")
    say(desk.database, world.waiting, f"{FRESH}-elsewhere")
    accepted = say(desk.database, world.taken, f"{FRESH}-message")
    return Change(world.taken, accepted.state, (accepted.message,))


@pytest.mark.parametrize("turn", TURNS.values(), ids=TURNS)
async def test_other_rights_count_from_the_next_frame_on(desk: Desk, world: Restricted, turn: Turn) -> None:
    wrong = []
    for type, tried in FRAMES.items():
        world.restore(desk)
        turn.before(desk, world)
        async with console(desk, world.actors[turn.name], world.taken) as one:
            assert secrets_in(one.said), "first they see them"
            turn.change(desk, world)
            _becomes_known(desk, world)
            before, expected = record(desk), MAY[tried.who][turn.then]
            outcome = await outcome_of(one, world, type)
            if outcome != expected.replace("nothing", "done"):
                wrong.append(f"{type}: {outcome}, not {expected}")
            if (record(desk) != before) != (expected == "done" and type not in ONLY_SHOW):
                wrong.append(f"{type}: the record changed, or did not")
            if FRESH in one.said and turn.then in {"outsider", "stranger"}:
                wrong.append(f"{type}: shows what became known later")
    assert wrong == []


@pytest.mark.parametrize("turn", LOST.values(), ids=LOST)
async def test_nobody_is_told_what_becomes_known_after_they_lost_the_right(desk: Desk, world: Restricted, turn: Turn) -> None:
    turn.before(desk, world)
    witness = world.actors["admin" if turn.name != "admin" else "supervisor"]
    async with console(desk, world.actors[turn.name], world.taken) as one, console(desk, witness, world.taken) as other:
        for each in (one, other):
            await each.until(type="swap", target="facts")
        ending = asyncio.create_task(one.closed()) if turn.then == "stranger" else None
        turn.change(desk, world)
        desk.service.changed(world.taken, _becomes_known(desk, world))
        await other.until_all((f"{FRESH}-message", {}), (f"{FRESH}-note", {}), (f"{FRESH}-name", {"target": "facts"}))
        if ending:
            assert await ending == SIGNED_OUT
        else:
            await one.until(type="closed")
            assert await one.ask("presence", choice="online") is None
        assert FRESH not in one.said


# The chat

# own: done, and nothing but the visitor's own conversation has changed; refused: `forbidden`; senseless: `bad_frame`.
MAY_CHAT = table("""
    who          not greeted  no consent  guessing   neighbour
    anybody      refused      refused     own        own
    who was      refused      refused     senseless  own
    its owner    refused      refused     senseless  senseless
    who may      refused      refused     refused    refused
    once         own          own         senseless  senseless
""")
CHAT_FRAMES: dict[str, tuple[str, dict[str, Any]]] = {
    "hello": ("once", {"consent": False}),
    "message": ("its owner", {"text": "好", "attachments": ["unsent"]}),
    "choice": ("who may", {"title": secret("button"), "payload": f"/inform{secret('payload')}"}),
    "human": ("anybody", {}),
    "leave_queue": ("anybody", {}),
    "typing": ("anybody", {"on": True}),
    "read": ("anybody", {"seq": 1}),
    "feedback": ("who was", {"seq": 2, "value": "up"}),
    "rating": ("anybody", {"score": 1, "comment": ""}),
    "close": ("anybody", {}),
}
"""Who may send each frame, and what it says; parts of other people's conversations where it can name any."""


def test_every_frame_of_the_chat_has_its_expectations() -> None:
    assert set(Chat._handlers) == set(CHAT_FRAMES)


@asynccontextmanager
async def visitor(desk: Desk, world: Restricted, column: str) -> AsyncIterator[Client]:
    """Somebody at the socket of the chat, as far as they get. Who guesses holds everything but the customer's token."""
    admin = world.actors["admin"]
    headers = {"Cookie": f"{COOKIE}={admin.token}"} if column == "guessing" else {}
    async with aiohttp.ClientSession() as session, session.ws_connect(desk.server.make_url("/chat/ws"), headers=headers) as socket:
        one = Client(socket)
        if column == "no consent":
            await one.hello(world.actors["customer"].token, consent=False)
        elif column == "guessing":
            forged = jwt.encode({"sub": WHOSE, "exp": 2**40}, "not the secret of the desk and the shop", "HS256")
            await one.hello(admin.token, identity=forged)
            assert (await one.until(type="error"))["code"] == "forbidden"
        elif column != "not greeted":
            await one.hello(world.actors[column].token)
        yield one


async def chat_outcome(one: Client, world: Restricted, type: str) -> str:
    """Send a frame of the matrix; what came of it once the next frame is answered."""
    fields = dict(CHAT_FRAMES[type][1])
    if "attachments" in fields:
        fields["attachments"] = [world.unsent]
    await one.send(type=type, id="tried", **fields)
    await one.send(type="no such frame", id="after")
    await one.until(type="error", id="after")
    errors = [frame["code"] for frame in one.frames if frame["type"] == "error" and frame["id"] == "tried"]
    return {"forbidden": "refused", "bad_frame": "senseless"}[errors[0]] if errors else "own"


@pytest.mark.parametrize("column", ["not greeted", "no consent", "guessing", "neighbour"])
async def test_no_frame_of_the_chat_gets_further_than_it_may(desk: Desk, world: Restricted, column: str) -> None:
    wrong, secret_ones = [], {world.waiting, world.taken, world.closed}
    for type, (who, _) in CHAT_FRAMES.items():
        world.restore(desk)
        async with visitor(desk, world, column) as one:
            before = record(desk)
            outcome = await chat_outcome(one, world, type)
            after = record(desk)
            if outcome != MAY_CHAT[who][column]:
                wrong.append(f"{type}: {outcome}, not {MAY_CHAT[who][column]}")
            own = one.conversation or "nothing"
            if [row for row in before - after if own not in row] or [row for row in after - before if secret_ones & set(row)]:
                wrong.append(f"{type}: changed what is not the visitor's")
            if own == "nothing" and after != before:
                wrong.append(f"{type}: stored something")
            if secrets_in(json.dumps(one.frames)):
                wrong.append(f"{type}: shows {secrets_in(json.dumps(one.frames))}")
    assert wrong == []


async def test_customers_are_told_of_their_own_conversation_what_is_meant_for_them(desk: Desk, world: Restricted) -> None:
    owner = world.actors["owner"].user_id
    async with visitor(desk, world, "customer") as customer, visitor(desk, world, "neighbour") as neighbour:
        _becomes_known(desk, world)
        desk.database.transaction(ownership.reply, world.taken, owner, f"{FRESH}-answer", client_id="3")
        for conversation_id in (world.taken, str(neighbour.conversation)):
            desk.service.changed(conversation_id)
        await customer.until(type="message", text=f"{FRESH}-answer")
        await chat_outcome(neighbour, world, "read")
        told, elsewhere = json.dumps(customer.frames), json.dumps(neighbour.frames)
        assert secrets_in(told) == {secret(name) for name in TO_CUSTOMERS} - {secret("file-content")}
        assert not [name for name in ("note", "name", "elsewhere") if f"{FRESH}-{name}" in told]
        assert secrets_in(elsewhere) == set()
        assert FRESH not in elsewhere
