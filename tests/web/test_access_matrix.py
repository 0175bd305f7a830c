"""Who may not: every route, tried by everybody, at a desk that is full of secrets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.conversation.taxonomy import QUEUES
from bot.crm import tables
from bot.web import pages
from bot.web.auth import COOKIE
from tests.crm.making import rows
from tests.web.desks import Desk
from tests.web.restricted import MARK, QUEUE, SHOWN, Actor, Restricted, plant, record, secret, secrets_in, table

ANY_METHOD = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

COLUMNS = {
    "anonymous": "stranger", "signed out": "stranger", "expired": "stranger", "inactive": "stranger", "customer": "customer",
    "neighbour": "neighbour", "outsider": "outsider", "demoted": "outsider", "moved": "outsider", "insider": "insider", "owner": "owner",
    "supervisor": "supervisor", "admin": "admin",
}  # fmt: skip
"""Everybody, by what they may. `demoted` and `moved` might more when they signed in."""


@pytest.fixture(scope="module")
def world(_sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Restricted:
    return plant(_sqlite_template, tmp_path_factory.mktemp("restricted"))


@pytest.fixture
async def desk(world: Restricted) -> AsyncIterator[Desk]:
    async with world.desk() as running:
        yield running


@asynccontextmanager
async def browser(desk: Desk, actor: Actor) -> AsyncIterator[aiohttp.ClientSession]:
    """A browser that shows all it has: the same token as a session and as a customer's, with the form's token of the session."""
    headers = {
        "Accept": "text/html", "Authorization": f"Bearer {actor.token}", "Cookie": f"{COOKIE}={actor.token}",
        "X-CSRF-Token": actor.csrf_token or "guessed",
    }  # fmt: skip
    async with aiohttp.ClientSession(desk.server.make_url("/"), cookie_jar=aiohttp.DummyCookieJar(), headers=headers) as session:
        yield session


# Routes

# served: 2xx, or on to the next page; asked: to sign in; refused: 403; hidden: 404, as if it were not there; late: 409, somebody else's.
MAY = table("""
    who               stranger  customer  neighbour  outsider  insider  owner    supervisor  admin
    everybody         served    served    served     served    served   served   served      served
    nobody here       refused   refused   refused    refused   refused  refused  refused     refused
    sockets           useless   useless   useless    useless   useless  useless  useless     useless
    a customer        refused   served    served     refused   refused  refused  refused     refused
    this customer     refused   served    hidden     refused   refused  refused  refused     refused
    no customer       refused   hidden    hidden     refused   refused  refused  refused     refused
    staff             asked     asked     asked      served    served   served   served      served
    staff leaving     asked     asked     asked      asked     asked    asked    asked       asked
    who sees it       asked     asked     asked      hidden    served   served   served      served
    sees its figures  asked     asked     asked      refused   served   served   served      served
    its owner         asked     asked     asked      hidden    late     served   late        late
    supervisors       asked     asked     asked      refused   refused  refused  served      served
    admins            asked     asked     asked      refused   refused  refused  refused     served
""")  # fmt: skip


@dataclass(frozen=True)
class Try:
    """A request: who may make it, and what it carries. Parts of the path are names of what was planted."""

    who: str
    query: str = ""
    form: dict[str, str] = field(default_factory=dict)
    file: bool = False
    parts: dict[str, str] = field(default_factory=dict)


TICKET = {"status": "closed", "priority": "high", "queue": QUEUE, "owner": "", "text": "好"}
ROUTES: dict[str, tuple[Try, ...]] = {
    "GET /": (Try("everybody"),),
    "GET /privacy": (Try("everybody"),),
    "GET /health": (Try("everybody"),),
    "GET /widget/frame": (Try("everybody"),),
    **{f"GET {route.path}": (Try("everybody"),) for route in (*pages.static(), *pages.widget())},
    "GET /chat/ws": (Try("sockets"),),
    "POST /chat/files": (Try("a customer", file=True),),
    "GET /chat/files/{file}": (Try("this customer"), Try("no customer", parts={"file": "unsent"})),
    "POST /webhooks/rest/webhook": (Try("nobody here"),),
    "GET /login": (Try("everybody"),),
    "POST /login": (Try("nobody here", form={"name": "许主人", "password": "hash"}),),
    "POST /logout": (Try("staff leaving"),),
    "GET /agent": (Try("staff"),),
    "GET /agent/c/{conversation}": (
        Try("staff", parts={"conversation": "other"}),
        *(Try("who sees it", parts={"conversation": one}) for one in ("waiting", "taken", "closed")),
    ),
    "GET /agent/conversations/{conversation}": (Try("staff"),),
    "GET /agent/ws": (Try("sockets"),),
    "POST /agent/attachments": (Try("its owner", query="conversation={taken}", file=True),),
    "GET /agent/attachments/{file}": (Try("who sees it"), Try("who sees it", parts={"file": "unsent"})),
    "GET /agent/team": (Try("staff"),),
    "POST /agent/team/{user}": (
        Try("supervisors", form={"capacity": "7", "queues": QUEUE}),
        Try("admins", parts={"user": "supervisor"}, form={"role": "agent", "active": "on"}),
    ),
    "GET /agent/settings": (Try("staff"),),
    "POST /agent/settings/queues": (Try("supervisors", form={f"{queue}-promise": "7" for queue in QUEUES}),),
    "POST /agent/settings/hours": (Try("supervisors", form={"0-0-opens": "09:00", "0-0-closes": "18:00"}),),
    "POST /agent/settings/holidays": (Try("supervisors", form={"day": "2027-02-06", "name": "春节"}),),
    "POST /agent/settings/canned": (Try("staff", form={"shortcut": "运费", "text": "满 99 元包邮"}),),
    "GET /agent/tickets": tuple(Try("staff", query=query) for query in ("", f"queue={QUEUE}&state=all", f"q={MARK}&state=all")),
    "GET /agent/tickets.csv": tuple(Try("staff", query=query) for query in ("", f"queue={QUEUE}&state=all", f"q={MARK}&state=all")),
    "GET /agent/tickets/{ticket}": (Try("who sees it"),),
    "POST /agent/tickets/{ticket}/take": (Try("who sees it", form=TICKET),),
    "POST /agent/tickets/{ticket}/change": (Try("who sees it", form=TICKET),),
    "POST /agent/tickets/{ticket}/comment": (Try("who sees it", form=TICKET),),
    "POST /agent/tickets/{ticket}/reply": (Try("who sees it", form=TICKET),),
    "GET /agent/numbers": (Try("staff"), Try("sees its figures", query=f"queue={QUEUE}")),
}
SEES = {"customer": {secret("file-name"), secret("file-content")}} | dict.fromkeys(("insider", "owner", "supervisor", "admin"), SHOWN)
"""What answers to a request may hold, by column; for others nothing."""


@dataclass(frozen=True)
class Answer:
    """What came back, with the headers as text before the body."""

    status: int
    location: str
    text: str
    body: bytes

    @property
    def outcome(self) -> str:
        if self.status == 303 and self.location == "/login":
            return "asked"
        words = {400: "useless", 403: "refused", 404: "hidden", 409: "late"}
        return "served" if self.status < 400 else words.get(self.status, str(self.status))


def routes_of(desk: Desk) -> list[tuple[str, str]]:
    """Method and path of every route, as they are written."""
    return [(route.method, route.resource.canonical) for route in desk.server.app.router.routes() if route.resource]


async def ask(session: aiohttp.ClientSession, desk: Desk, world: Restricted, method: str, path: str, one: Try, **headers: str) -> Answer:
    planted = {name: getattr(world, one.parts.get(name, name)) for name in ("file", "ticket")}
    planted["conversation"] = getattr(world, one.parts.get("conversation", "taken"))
    planted["user"] = world.actors[one.parts.get("user", "insider")].user_id
    address = f"{path.format(**planted)}?{one.query.format(taken=world.taken)}".rstrip("?")
    data: Any = None
    if one.file:
        data = aiohttp.FormData()
        data.add_field("file", b"%PDF-1.7", filename="a.pdf")
    elif method != "GET":
        (ticket,) = rows(desk.database, tables.tickets, tables.tickets.c.id == world.ticket)
        data = {**one.form, "version": ticket.updated_at.isoformat()}
    async with session.request(method, address, data=data, headers=headers, allow_redirects=False) as response:
        body = await response.read()
        return Answer(response.status, response.headers.get("Location", ""), f"{response.headers}\n{body.decode(errors='replace')}", body)


def test_every_route_has_its_expectations(desk: Desk) -> None:
    assert {f"{method} {path}" for method, path in routes_of(desk) if method != "HEAD"} == set(ROUTES)


@pytest.mark.parametrize("name", COLUMNS)
async def test_no_request_gets_further_than_it_may(desk: Desk, world: Restricted, name: str) -> None:
    column, shown, wrong = COLUMNS[name], set(), []
    async with browser(desk, world.actors[name]) as session:
        for method, path in routes_of(desk):
            for one in ROUTES[f"{method.replace('HEAD', 'GET')} {path}"]:
                before, expected = record(desk), MAY[one.who][column]
                answer = await ask(session, desk, world, method, path, one)
                changed, writes = record(desk) != before, method == "POST" and expected == "served"
                if answer.outcome != expected or (method == "HEAD" and answer.body):
                    wrong.append(f"{method} {path} {one.query}: {answer.outcome}, not {expected}")
                if changed != writes and one.who != "staff leaving":
                    wrong.append(f"{method} {path}: {'changed' if changed else 'did not change'} the record")
                if changed:
                    world.restore(desk)
                shown |= secrets_in(answer.text)
    assert wrong == []
    assert shown == SEES.get(column, set())


async def test_only_what_is_routed_is_answered(desk: Desk, world: Restricted) -> None:
    routed, before, wrong = set(routes_of(desk)), record(desk), []
    async with browser(desk, world.actors["admin"]) as session:
        for path in {path for _, path in routed}:
            for method in ANY_METHOD:
                if (method, path) not in routed:
                    answer = await ask(session, desk, world, method, path, Try(""))
                    if answer.status != 405 or secrets_in(answer.text):
                        wrong.append(f"{method} {path}: {answer.status}")
    assert wrong == []
    assert record(desk) == before


def who_may(one: Try) -> str:
    return next(name for name in ("owner", "admin", "customer") if MAY[one.who][name] in {"served", "asked"})


WRITING = [
    (route.split()[1], one) for route, tries in ROUTES.items() if route.startswith("POST") for one in tries if one.who != "nobody here"
]
FORMS = [(path, one) for path, one in WRITING if path.startswith(("/agent", "/logout"))]


@pytest.mark.parametrize("token", ["", "guessed", "the insider's", "the session's", "钥匙"])
async def test_forms_want_the_token_of_their_own_page(desk: Desk, world: Restricted, token: str) -> None:
    before, wrong = record(desk), []
    for path, one in FORMS:
        actor = world.actors[who_may(one)]
        sent = {"the insider's": world.actors["insider"].csrf_token, "the session's": actor.token}.get(token, token)
        async with browser(desk, actor) as session:
            answer = await ask(session, desk, world, "POST", path, one, **{"X-CSRF-Token": sent.encode().decode("latin-1")})
        if (answer.outcome, record(desk)) != ("refused", before):
            wrong.append(f"{path}: {answer.outcome}")
    assert wrong == []


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://{host}.evil.example", "http://127.0.0.1:1", "file://{host}"])
async def test_pages_of_other_sites_send_nothing(desk: Desk, world: Restricted, origin: str) -> None:
    origin = origin.format(host=f"{desk.server.host}:{desk.server.port}")
    before, wrong = record(desk), []
    for path, one in WRITING:
        async with browser(desk, world.actors[who_may(one)]) as session:
            answer = await ask(session, desk, world, "POST", path, one, Origin=origin)
        if (answer.outcome, record(desk)) != ("refused", before):
            wrong.append(f"{path}: {answer.outcome}")
    assert wrong == []
