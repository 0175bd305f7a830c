"""Files that customers and agents send: what is taken, under which name, and what is left of the rest."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from bot.errors import BadInput, NotFound, ZhikeError
from bot.settings import Settings
from bot.web import files
from bot.web.files import LARGEST_FILE, Kept, download, kind_of

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(var=tmp_path)


@pytest.fixture
async def desk(settings: Settings) -> AsyncIterator[str]:
    """The address of a server that keeps whatever anybody sends."""

    async def keep(request: web.Request) -> web.Response:
        try:
            kept = await files.keep(request, settings)
        except ZhikeError as error:
            return web.Response(status=error.status)
        return web.json_response({name: getattr(kept, name) for name in Kept.__slots__})

    app = web.Application()
    app.add_routes([web.post("/", keep)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    await runner.cleanup()


async def send(desk: str, content: bytes, name: str = "照片.png", field: str = "file") -> Any:
    """What the server kept; or the status that it refused with."""
    form = aiohttp.FormData(quote_fields=False)  # as browsers do
    form.add_field(field, content, filename=name)
    async with aiohttp.ClientSession() as session, session.post(desk, data=form) as answer:
        return await answer.json() if answer.status == 200 else answer.status


def kept(settings: Settings) -> list[str]:
    folder = settings.var / "attachments"
    return os.listdir(folder) if folder.exists() else []


async def test_a_file_is_kept_as_it_came_under_a_name_of_ours(settings: Settings, desk: str) -> None:
    content = PNG + os.urandom(700_000)
    found = await send(desk, content, "../../厨房/照片.png")
    assert (found["name"], found["media_type"], found["size"]) == ("照片.png", "image/png", len(content))
    assert kept(settings) == [found["id"]]
    path = settings.var / "attachments" / found["id"]
    assert path.read_bytes() == content
    assert not path.stat().st_mode & 0o111


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "image/jpeg"),
        (b"GIF87a\x01", "image/gif"),
        (b"GIF89a\x01", "image/gif"),
        (b"RIFF\x0a\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"%PDF-1.7\n\xe2\xe3", "application/pdf"),
        ("第一行\r\n第二行\t\n".encode(), "text/plain"),
        ("水壶漏水".encode("gb18030"), "text/plain"),
        (b"<script>alert(1)</script>", "text/plain"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='x()'/>", "text/plain"),
        (b"#!/bin/sh\nrm -rf /\n", "text/plain"),
    ],
)
def test_a_file_is_what_its_content_says(content: bytes, media_type: str) -> None:
    assert kind_of(content)[0] == media_type


@pytest.mark.parametrize(
    "content",
    [b"MZ\x90\x00\x03", b"\x7fELF\x02", b"PK\x03\x04\x14\x00", b"RIFF\x0a\x00\x00\x00WAVEfmt ", bytes(40), b"\xff\xfeh\x00", b"", b" \n"],
)
async def test_what_is_no_picture_text_or_pdf_is_not_kept(settings: Settings, desk: str, content: bytes) -> None:
    with pytest.raises(BadInput):
        kind_of(content)
    assert await send(desk, content, "photo.png") == 400
    assert kept(settings) == []


@pytest.mark.parametrize(
    ("raw", "content", "name"),
    [
        ("IMG_1.JPG", b"\xff\xd8\xff", "IMG_1.JPG"),
        ("page.html", b"<b>x</b>", "page.html.txt"),
        ("cells.csv", b"=cmd()", "cells.csv.txt"),
        ("photo.exe", PNG, "photo.exe.png"),
        ("photo\u202egnp.exe", PNG, "photognp.exe.png"),
        ("..\\..\\boot.txt", b"x", "boot.txt"),
        ("/etc/passwd", b"x", "passwd.txt"),
        ("长" * 300 + ".pdf", b"%PDF-1.4", "长" * files.LONGEST_NAME + ".pdf"),
    ],
    ids=range(8),
)
async def test_a_name_leads_nowhere_and_opens_nothing_else(desk: str, raw: str, content: bytes, name: str) -> None:
    assert (await send(desk, content, raw))["name"] == name


async def test_the_largest_file_is_kept_and_one_byte_more_is_not(settings: Settings, desk: str) -> None:
    assert (await send(desk, PNG.ljust(LARGEST_FILE, b"\0")))["size"] == LARGEST_FILE
    before = kept(settings)
    assert await send(desk, PNG.ljust(LARGEST_FILE + 1, b"\0")) == 413
    assert kept(settings) == before


async def test_a_body_without_a_file_is_refused(settings: Settings, desk: str) -> None:
    assert await send(desk, PNG, field="another") == 400
    async with aiohttp.ClientSession() as session:
        for kind in ("multipart/form-data", "multipart/form-data; boundary=x", "application/json"):
            async with session.post(desk, data=b"--y\r\n", headers={"Content-Type": kind}) as answer:
                assert answer.status == 400, kind
    assert kept(settings) == []


async def test_who_sends_too_slowly_is_not_waited_for(settings: Settings, desk: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "UPLOAD_SECONDS", 0.1)

    async def slowly() -> AsyncIterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n' + PNG
        await asyncio.sleep(1)
        yield b"\r\n--x--\r\n"

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    async with aiohttp.ClientSession() as session, session.post(desk, data=slowly(), headers=headers) as answer:
        assert answer.status == 400
    assert kept(settings) == []


def test_a_file_is_given_out_for_download_only(settings: Settings) -> None:
    (settings.var / "attachments").mkdir()
    (settings.var / "attachments" / ("0" * 32)).write_bytes(b"<b>x</b>")
    headers = download(settings, "0" * 32, 'a"b\r\nX-Evil: 1.html', "text/plain").headers
    assert headers["Content-Type"] == "text/plain"
    assert headers["Content-Disposition"].startswith("attachment; filename*=UTF-8''a%22b")
    assert "sandbox" in headers["Content-Security-Policy"]
    assert not any("\n" in value for value in headers.values())
    with pytest.raises(NotFound):
        download(settings, "1" * 32, "a.png", "image/png")
