"""Pages, sign-in and the REST channel, asked for as browsers and programs do."""

import asyncio
import re
import subprocess
import sys
from collections.abc import AsyncIterator

import aiohttp
import pytest

from bot.web.pages import slim
from tests.servers import ROOT, Server, connected
from tests.web.conftest import REST_KEY

PASSWORD = "a long enough password"


@pytest.fixture
async def browser(server: Server) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(server.url, headers={"Accept": "text/html"}, cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield session


@pytest.fixture(scope="session")
def agent(server: Server) -> str:
    subprocess.run(
        [sys.executable, "-m", "bot", "users", "add", "小周", "--role", "agent"],
        input=f"{PASSWORD}\n", text=True, check=True, cwd=ROOT, env=server.environment,
    )  # fmt: skip
    return "小周"


async def sign_in(browser: aiohttp.ClientSession, name: str, password: str) -> aiohttp.ClientResponse:
    form = await (await browser.get("/login")).text()
    token = re.search(r'name="csrf_token" value="([^"]+)"', form)
    assert token
    return await browser.post("/login", data={"csrf_token": token[1], "name": name, "password": password}, allow_redirects=False)


@pytest.mark.parametrize("path", ["/", "/privacy", "/login", "/widget/frame", "/widget/loader.js", "/static/desk.css", "/no-such-page"])
async def test_every_answer_tells_browsers_to_be_strict(browser: aiohttp.ClientSession, path: str) -> None:
    response = await browser.get(path)
    policy = response.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert ("frame-ancestors 'self'" if path == "/widget/frame" else "frame-ancestors 'none'") in policy


async def test_no_page_has_inline_scripts_or_styles(browser: aiohttp.ClientSession) -> None:
    for path in ("/", "/privacy", "/login", "/widget/frame"):
        page = await (await browser.get(path)).text()
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:", page), path


async def test_the_widget_loads_no_more_than_it_may(browser: aiohttp.ClientSession) -> None:
    import gzip

    loaded = 0
    parts = [path for path in (ROOT / "bot/web/widget").iterdir() if path.name != "en.js"]  # a browser loads one language
    paths = [
        "/widget/frame",
        *(f"/widget/{path.name}" for path in parts),
    ]
    for path in paths:
        response = await browser.get(path)
        assert response.status == 200
        loaded += len(gzip.compress(await response.read()))
    assert loaded <= 12 * 1024


@pytest.mark.parametrize("path", ["/static/desk.css", "/static/console/link.js", "/widget/widget.js", "/widget/loader.js"])
async def test_what_has_not_changed_leaves_nothing_behind_on_the_connection(server: Server, path: str) -> None:
    """One byte behind a 304, and the browser takes it for the next answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    ask = (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: gzip, deflate\r\n"
        + "If-None-Match: {etag}\r\nConnection: {after}\r\n\r\n"
    )
    async with aiohttp.ClientSession(server.url) as browser:
        etag = (await browser.get(path)).headers["ETag"]
    for after in ("keep-alive", "close"):
        writer.write(ask.format(etag=etag, after=after).encode())
    answers = (await reader.read()).split(b"HTTP/1.1 304 Not Modified\r\n")
    writer.close()
    assert len(answers) == 3
    assert answers[0] == b""
    assert all(answer.endswith(b"\r\n\r\n") and answer.count(b"\r\n\r\n") == 1 for answer in answers[1:])


async def test_the_widget_is_sent_again_only_when_it_has_changed(browser: aiohttp.ClientSession) -> None:
    first = await browser.get("/widget/widget.js")
    assert first.content_type == "text/javascript"
    again = await browser.get("/widget/widget.js", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status, await again.read()) == (304, b"")
    assert (await browser.get("/widget/widget.js", headers={"If-None-Match": '"another"'})).status == 200


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a {\n  color: red;\n\n}\n", "a {\ncolor: red;\n}\n"),
        ("/** Says what. */\nexport f;\n", "export f;\n"),
        ("f();\n    // why\n    // still why\n  g(); // here\n", "f();\ng(); // here\n"),
        ('const a = "http://x//y";\n', 'const a = "http://x//y";\n'),
    ],
)
def test_what_browsers_do_not_need_is_left_out(text: str, left: str) -> None:
    assert slim(text) == left


@pytest.mark.parametrize("path", ["/widget/../app.py", "/static/%2e%2e/app.py", "/static/..%2f..%2fsettings.py"])
async def test_no_path_leads_out_of_the_folders(browser: aiohttp.ClientSession, path: str) -> None:
    from yarl import URL

    response = await browser.get(URL(str(browser._base_url).rstrip("/") + path, encoded=True))
    assert response.status == 404


async def test_agents_pages_want_a_sign_in(browser: aiohttp.ClientSession) -> None:
    for path in ("/agent", f"/agent/conversations/{'0' * 32}"):
        response = await browser.get(path, allow_redirects=False)
        assert (response.status, response.headers["Location"]) == (303, "/login")


async def test_an_agent_signs_in_reads_the_queue_and_signs_out(browser: aiohttp.ClientSession, server: Server, agent: str) -> None:
    async with connected(server) as customer:
        await customer.hello()
        await customer.ask("发票抬头开错了<b>怎么办</b>")
        await customer.say("转人工")
        await customer.until(type="state", state="queued")
        conversation = customer.conversation
    response = await sign_in(browser, agent, PASSWORD)
    assert response.status == 303
    assert "HttpOnly" in response.headers["Set-Cookie"]
    queue = await (await browser.get("/agent")).text()
    assert str(conversation) in queue
    assert "顾客要求人工服务" in queue
    transcript = await (await browser.get(f"/agent/conversations/{conversation}")).text()
    assert "&lt;b&gt;怎么办&lt;/b&gt;" in transcript
    assert "<b>怎么办" not in transcript
    assert (await browser.get(f"/agent/conversations/{'0' * 32}")).status == 404
    assert (await browser.post("/logout", data={"csrf_token": "guessed"}, allow_redirects=False)).status == 403
    token = re.search(r'name="csrf_token" value="([^"]+)"', queue)
    assert token
    await browser.post("/logout", data={"csrf_token": token[1]}, allow_redirects=False)
    assert (await browser.get("/agent", allow_redirects=False)).status == 303


async def test_wrong_names_and_passwords_look_the_same(browser: aiohttp.ClientSession, agent: str) -> None:
    pages = []
    for name, password in ((agent, "wrong password here"), ("nobody", PASSWORD)):
        response = await sign_in(browser, name, password)
        assert response.status == 401
        pages.append(re.sub(r'value="[^"]*"', "", await response.text()))
    assert pages[0] == pages[1]


async def test_a_form_without_its_token_signs_nobody_in(browser: aiohttp.ClientSession, agent: str) -> None:
    response = await browser.post("/login", data={"name": agent, "password": PASSWORD}, allow_redirects=False)
    assert response.status == 403


async def test_guessing_passwords_is_slowed_down(browser: aiohttp.ClientSession) -> None:
    statuses = [(await sign_in(browser, "guessed", f"password {number}")).status for number in range(12)]
    assert statuses[0] == 401
    assert statuses[-1] == 429


async def rest(server: Server, body: object, key: str | None = REST_KEY) -> tuple[int, object]:
    async with aiohttp.ClientSession() as session:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        data = body if isinstance(body, bytes) else __import__("json").dumps(body).encode()
        async with session.post(f"{server.url}/webhooks/rest/webhook", data=data, headers=headers) as response:
            return response.status, await response.json()


async def test_programs_speak_rasas_rest_channel(server: Server) -> None:
    status, replies = await rest(server, {"sender": "ann", "message": "你好"})
    assert status == 200
    assert isinstance(replies, list)
    assert replies[0]["recipient_id"] == "ann"
    assert "机器人" in replies[0]["text"]


async def test_a_repeated_rest_message_is_one_message(server: Server) -> None:
    body = {"sender": "bob", "message": "你好", "message_id": "m-1"}
    assert await rest(server, body) == await rest(server, body)


@pytest.mark.parametrize("key", [None, "", "wrong", REST_KEY + "x", "钥匙"])
async def test_without_the_key_nothing_is_answered(server: Server, key: str | None) -> None:
    if key == "钥匙":
        key = key.encode().decode("latin-1")
    status, _ = await rest(server, {"sender": "eve", "message": "你好"}, key)
    assert status == 403


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        ([], 400),
        ({"sender": "a"}, 400),
        ({"sender": 1, "message": "x"}, 400),
        ({"sender": "a", "message": ""}, 400),
        ({"sender": "a", "message": "长" * 5000}, 413),
        ({"sender": "a" * 300, "message": "x"}, 413),
        (b"x" * 300_000, 413),
        (b"\xff\xfe", 400),
    ],
    ids=str,
)
async def test_bad_rest_bodies_are_told(server: Server, body: object, status: int) -> None:
    got, answer = await rest(server, body)
    assert got == status
    assert isinstance(answer, dict)
    assert answer["error"]["message"]
