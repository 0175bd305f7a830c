"""A desk with a restricted queue that is full of secrets, and everybody who may see them or may not."""

import hashlib
import re
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from bot.conversation.outcome import Button, HandOff, NewTicket, Reason, Reply
from bot.crm import annotations, ownership, staff, store, tables
from bot.crm.database import Database
from bot.crm.parts import now
from bot.web.auth import LIFETIME
from tests.conftest import _folder
from tests.crm.making import change, finish, order, queued, rows, run_queue, say, turn_of, user
from tests.web.desks import Desk, serving

WHOSE = "a customer whom the shop knows"
QUEUE, OTHER_QUEUE = "complaint", "billing"
MARK = "zq7"
"""Every secret begins so: what is searched for finds them all and is none itself."""
TO_CUSTOMERS = ("message", "reply", "button", "payload", "answer", "file-name", "file-content")
"""What the customer of the conversation reads, too."""
TO_STAFF = (
    "customer", "reason", "evidence", "summary", "subject", "ticket-summary", "field", "note", "memo", "recipient", "address", "rating",
    "resolution", "unsent-name", "unsent-content",
)  # fmt: skip


ENVIRONMENT = {"ZHIKE_REST_KEY": "a-key-that-nobody-here-has", "ZHIKE_IDENTITY_SECRET": "a-secret-of-the-desk-and-the-shop-alone"}
"""Settings of the desk: what is off is refused to everybody anyway."""


def secret(name: str) -> str:
    return f"{MARK}-{name}-5e1d"


SECRETS = frozenset(map(secret, (*TO_CUSTOMERS, *TO_STAFF)))
SHOWN = SECRETS - {secret("payload")}
"""Those that staff who may see the conversations does see."""


def secrets_in(text: str) -> set[str]:
    return {one for one in SECRETS if one in text}


def table(text: str) -> dict[str, dict[str, str]]:
    """The columns of each row, by the row's and the column's name."""
    head, *rest = (re.split(r"\s{2,}", line.strip()) for line in text.strip().splitlines())
    return {name: dict(zip(head[1:], cells, strict=True)) for name, *cells in rest}


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who asks; `token` opens a session or a visitor's conversation, whichever it is."""

    token: str = ""
    csrf_token: str = ""
    user_id: int = 0


@dataclass
class Restricted:
    """What was planted. Conversations: `waiting`, `taken` and `closed` in the restricted queue, `other` in another one.

    `last_seq` is that of the message in `taken` that waits for an answer.
    """

    folder: Path
    waiting: str = ""
    taken: str = ""
    closed: str = ""
    other: str = ""
    ticket: int = 0
    last_seq: int = 0
    file: str = ""
    unsent: str = ""
    actors: dict[str, Actor] = field(default_factory=dict)

    @asynccontextmanager
    async def desk(self) -> AsyncIterator[Desk]:
        """A desk that serves a copy of all this."""
        with _folder() as folder:
            shutil.copytree(self.folder, folder, dirs_exist_ok=True)
            async with serving(folder / "zhike.db", folder, **ENVIRONMENT) as running:
                yield running

    def restore(self, desk: Desk) -> None:
        """Make the record of a desk what it was at first."""
        with closing(sqlite3.connect(self.folder / "zhike.db")) as before, closing(sqlite3.connect(file_of(desk))) as record:
            before.backup(record)


def file_of(desk: Desk) -> str:
    assert desk.database.url.database
    return desk.database.url.database


def record(desk: Desk) -> set[tuple[Any, ...]]:
    """All rows of all tables with the table's name before them, but for the time at which somebody of the staff was seen last."""
    found: set[tuple[Any, ...]] = set()
    with closing(sqlite3.connect(file_of(desk))) as read:
        for table in tables.metadata.sorted_tables:
            names = ", ".join(f'"{column.name}"' for column in table.columns if column.name != "seen_at")
            found |= {(table.name, *row) for row in read.execute(f"SELECT {names} FROM {table.name}")}
    return found


def plant(empty: Path, folder: Path) -> Restricted:
    """A copy of an empty record in a folder, with everything in it."""
    shutil.copy(empty, folder / "zhike.db")
    database = Database(f"sqlite:///{folder / 'zhike.db'}")
    world = Restricted(folder)
    run_queue(database, QUEUE, restricted=True)
    people = {
        "owner": user(database, "许主人", queues=[QUEUE]),
        "insider": user(database, "自己人", queues=[QUEUE]),
        "outsider": user(database, "外人", queues=[OTHER_QUEUE]),
        "supervisor": user(database, "主管", "supervisor", queues=[OTHER_QUEUE]),
        "admin": user(database, "管理员", "admin", queues=[OTHER_QUEUE]),
        "signed out": user(database, "走了的人", queues=[QUEUE]),
        "expired": user(database, "久坐的人", queues=[QUEUE]),
        "inactive": user(database, "停用的人", queues=[QUEUE]),
        "demoted": user(database, "前主管", "supervisor", queues=[OTHER_QUEUE]),
        "moved": user(database, "调走的人", queues=[QUEUE]),
    }
    for name, user_id in people.items():
        world.actors[name] = Actor(*database.transaction(store.create_session, user_id, lifetime=LIFETIME), user_id)
    customer_id = _conversations(database, world, people["owner"])
    change(database, tables.customers, tables.customers.c.id == customer_id, name=secret("customer"))
    order(database, customer_id=customer_id, recipient=secret("recipient"), address=secret("address"))
    _files(database, world, people["owner"])
    _somebody_elses(database, world)
    _lose_rights(database, world)
    database.close()
    return world


def _conversations(database: Database, world: Restricted, owner: int) -> int:
    visits = [
        database.transaction(store.start_visit, channel="web", locale="zh-CN", notice_version="1", shop_identity=WHOSE) for _ in range(3)
    ]
    world.waiting, world.taken, world.closed = (visit.conversation_id for visit in visits)
    world.actors["customer"] = Actor(visits[1].token or "")
    for visit in visits:
        _ask_for_a_person(database, visit.conversation_id)
    for conversation_id in (world.taken, world.closed):
        database.transaction(ownership.claim, conversation_id, owner)
    database.transaction(ownership.reply, world.taken, owner, secret("answer"), client_id="1")
    database.transaction(annotations.add_note, owner, world.taken, visits[0].customer_id, secret("note"))
    database.transaction(annotations.add_note, owner, None, visits[0].customer_id, secret("memo"))
    database.transaction(ownership.resolve, world.closed, owner, summary=secret("resolution"), result="solved")
    database.transaction(store.record_rating, world.closed, 1, secret("rating"))
    (row,) = rows(database, tables.tickets, tables.tickets.c.subject == secret("subject"), tables.tickets.c.conversation_id == world.taken)
    world.ticket = row.id
    return visits[0].customer_id


def _ask_for_a_person(database: Database, conversation_id: str) -> None:
    reason = Reason("request", secret("reason"), "asked for a person", (secret("evidence"),))
    finish(
        database,
        turn_of(say(database, conversation_id, secret("message"))),
        replies=(Reply(secret("reply"), (Button(secret("button"), f"/inform{secret('payload')}"),)),),
        tickets=(NewTicket(QUEUE, "refund", secret("subject"), secret("ticket-summary"), fields={"说明": secret("field")}),),
        hand_off=HandOff(QUEUE, "normal", (reason,), secret("summary")),
    )


def _files(database: Database, world: Restricted, owner: int) -> None:
    (world.folder / "attachments").mkdir()
    world.file, world.unsent = (hashlib.md5(name.encode()).hexdigest() for name in ("sent", "unsent"))
    for file_id, name in ((world.file, "file"), (world.unsent, "unsent")):
        content = secret(f"{name}-content").encode()
        (world.folder / "attachments" / file_id).write_bytes(content)
        about = {"media_type": "text/plain", "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        database.transaction(annotations.add_attachment, world.taken, owner, id=file_id, name=f"{secret(f'{name}-name')}.txt", **about)
    database.transaction(ownership.reply, world.taken, owner, "", client_id="2", attachments=[world.file])
    world.last_seq = say(database, world.taken, secret("message")).seq


def _somebody_elses(database: Database, world: Restricted) -> None:
    """A customer who waits in another queue and was in the restricted one before, and one who only talks with the assistant."""
    visits = [
        database.transaction(store.start_visit, channel="web", locale="zh-CN", notice_version="1", shop_identity="袁若溪") for _ in range(2)
    ]
    world.other, before = (visit.conversation_id for visit in visits)
    _ask_for_a_person(database, before)
    database.transaction(annotations.add_note, world.actors["owner"].user_id, before, visits[0].customer_id, secret("note"))
    database.transaction(store.record_rating, before, 1, secret("rating"))
    reason = Reason("request", "顾客要求人工服务", "asked for a person", ())
    finish(database, turn_of(say(database, world.other, "转人工")), hand_off=HandOff(OTHER_QUEUE, "normal", (reason,), ""))
    queued(database, OTHER_QUEUE)
    neighbour = database.transaction(store.start_visit, channel="web", locale="zh-CN", notice_version="1")
    finish(database, turn_of(say(database, neighbour.conversation_id, "你好")), replies=(Reply("您好"),))
    world.actors["neighbour"] = Actor(neighbour.token or "")
    world.actors["anonymous"] = Actor()


def _lose_rights(database: Database, world: Restricted) -> None:
    actors, users, admin = world.actors, tables.users, world.actors["admin"].user_id
    database.transaction(staff.update_user, admin, actors["demoted"].user_id, role="agent")
    database.transaction(staff.update_user, admin, actors["moved"].user_id, queues=[OTHER_QUEUE])
    change(database, users, users.c.id == actors["inactive"].user_id, active=False)
    database.transaction(store.delete_session, actors["signed out"].token)
    expire(database, actors["expired"])


def expire(database: Database, actor: Actor) -> None:
    """As if the actor's session had come to its end."""
    hashed = store.hash_of(actor.token)
    change(database, tables.sessions, tables.sessions.c.token_hash == hashed, expires_at=now() - timedelta(seconds=1))
