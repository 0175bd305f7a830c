"""The desk's pages in this process, without an assistant, and browsers that are signed in."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from bot.crm import store
from bot.crm.database import Database
from bot.crm.records import Role
from bot.service import Service
from bot.settings import Settings
from bot.web.app import make_app
from bot.web.auth import COOKIE, LIFETIME


class Desk:
    """A desk that serves pages. `changed` are the conversations that sockets were told of."""

    def __init__(self, service: Service, server: TestServer) -> None:
        self.service = service
        self.server = server
        self.changed: list[str] = []
        service.on_changed(self._note)

    @property
    def database(self) -> Database:
        return self.service.database

    def _note(self, conversation_id: str, *more: Any) -> None:
        self.changed.append(conversation_id)

    def user(self, name: str, role: Role = "agent", queues: Sequence[str] | None = None) -> int:
        return self.database.transaction(store.add_user, name, role, "hash", queues=queues).id

    @asynccontextmanager
    async def browser(self, user_id: int | None = None) -> AsyncIterator["Browser"]:
        """A browser, signed in as a user or not at all."""
        async with browser_at(self.server.make_url("/"), self.database, user_id) as browser:
            yield browser


class Browser:
    """Asks for pages and sends forms, following no redirect."""

    def __init__(self, session: aiohttp.ClientSession, csrf_token: str, token: str = "") -> None:
        self.session = session
        self.csrf_token = csrf_token
        self.token = token

    async def get(self, path: str) -> tuple[int, str]:
        async with self.session.get(path, allow_redirects=False) as response:
            return response.status, await response.text()

    async def send(self, path: str, form: dict[str, str]) -> tuple[int, str]:
        """Status, and the page or where it leads."""
        async with self.session.post(path, data={"csrf_token": self.csrf_token, **form}, allow_redirects=False) as response:
            return response.status, response.headers.get("Location") or await response.text()


@asynccontextmanager
async def browser_at(url: URL, database: Database, user_id: int | None = None) -> AsyncIterator[Browser]:
    """A browser at the desk with that address, signed in as a user or not at all."""
    jar = aiohttp.CookieJar(unsafe=True)
    token = csrf_token = ""
    if user_id is not None:
        token, csrf_token = database.transaction(store.create_session, user_id, lifetime=LIFETIME)
        jar.update_cookies({COOKIE: token}, url)
    async with aiohttp.ClientSession(url, headers={"Accept": "text/html"}, cookie_jar=jar) as session:
        yield Browser(session, csrf_token, token)


@asynccontextmanager
async def serving(database: Path, var: Path, **environment: str) -> AsyncIterator[Desk]:
    """A desk over an SQLite record."""
    settings = Settings.from_environment({"ZHIKE_DATABASE_URL": f"sqlite:///{database}", "ZHIKE_VAR": str(var), **environment})
    service = Service.build(settings, with_assistant=False)
    async with TestClient(TestServer(make_app(service))) as client:
        assert isinstance(client.server, TestServer)
        yield Desk(service, client.server)


def hidden(page: str) -> dict[str, str]:
    """The hidden fields of a page's forms; those of the same name have the same value everywhere but in lists."""
    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page))


def routes_of(routes: Sequence[web.RouteDef], **values: object) -> list[tuple[str, str]]:
    """Method and path of each route, with the values in place of its parts."""

    def path(route: web.RouteDef) -> str:
        return re.sub(r"\{(\w+)(?::(?:[^{}]|\{[^{}]*\})*)?\}", lambda part: str(values[part[1]]), route.path)

    return [(route.method, path(route)) for route in routes]
