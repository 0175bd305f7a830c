"""Files that customers and agents send each other: told apart by content, kept outside the web root, downloaded and never executed."""

import asyncio
import hashlib
import os
import re
import uuid
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from aiohttp import BodyPartReader, web

from bot.conversation.messages import clean
from bot.errors import BadInput, NotFound, TooLong
from bot.settings import Settings

LARGEST_FILE = 10 * 1024 * 1024
"""Bytes."""
UPLOAD_SECONDS = 120.0
LONGEST_NAME = 120

# What a file begins with, and the endings that its name may have; the first one is given to a name with another ending.
_KINDS = (
    ("image/png", re.compile(rb"\x89PNG\r\n\x1a\n"), ("png",)),
    ("image/jpeg", re.compile(rb"\xff\xd8\xff"), ("jpg", "jpeg")),
    ("image/gif", re.compile(rb"GIF8[79]a"), ("gif",)),
    ("image/webp", re.compile(rb"RIFF....WEBP", re.DOTALL), ("webp",)),
    ("application/pdf", re.compile(rb"%PDF-"), ("pdf",)),
)
_TEXT = ("text/plain", ("txt", "log", "md"))  # no csv: a spreadsheet would run what is in its cells
_NO_TEXT = re.compile(rb"[\x00-\x08\x0b\x0e-\x1f\x7f]")
_MISLEADING = re.compile(r"[\u200e\u200f\u202a-\u202e\u2066-\u2069\r\n\t]")


@dataclass(frozen=True, slots=True)
class Kept:
    """A file that was received and lies in its folder; `size` in bytes."""

    id: str
    name: str
    media_type: str
    size: int
    sha256: str


async def keep(request: web.Request, settings: Settings) -> Kept:
    """Receive the part `file` of a multipart body. Who may send it is to be checked before.

    Raises:
        BadInput: there is no such part, or it is of no kind that is taken.
        TooLong: it is larger than allowed.
    """
    data, name = await _received(request)
    media_type, endings = kind_of(data)
    kept = Kept(uuid.uuid4().hex, _fit(name, endings), media_type, len(data), hashlib.sha256(data).hexdigest())
    await asyncio.to_thread(_write, path_of(settings, kept.id), data)
    return kept


def kind_of(data: bytes) -> tuple[str, tuple[str, ...]]:
    """The media type that the content shows, with the endings of names that go with it.

    Raises:
        BadInput: it is none that is taken.

    >>> kind_of(b"%PDF-1.7")[0]
    'application/pdf'
    """
    for media_type, beginning, endings in _KINDS:
        if beginning.match(data):
            return media_type, endings
    if not data.strip() or _NO_TEXT.search(data) or not any(_decodes(data, encoding) for encoding in ("utf-8", "gb18030")):
        raise BadInput("只能发送图片（PNG、JPEG、GIF、WebP）、PDF 和纯文本文件")
    return _TEXT


def path_of(settings: Settings, file_id: str) -> Path:
    """Where a file lies; ids are made by `keep` and never by those who send."""
    return settings.var / "attachments" / file_id


async def discard(settings: Settings, file_id: str) -> None:
    """Remove a file that nothing refers to."""
    await asyncio.to_thread(path_of(settings, file_id).unlink, missing_ok=True)


def download(settings: Settings, file_id: str, name: str, media_type: str) -> web.StreamResponse:
    """The answer that hands a file out. Who may have it is to be checked before.

    Raises:
        NotFound: the file is gone.
    """
    path = path_of(settings, file_id)
    if not path.is_file():
        raise NotFound("文件已不存在")
    return web.FileResponse(
        path,
        headers={
            "Content-Type": media_type,
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cache-Control": "private, no-cache",
        },
    )


async def _received(request: web.Request) -> tuple[bytes, str]:
    if not request.content_type.startswith("multipart/"):
        raise BadInput("文件要用 multipart/form-data 发送")
    if (request.content_length or 0) > LARGEST_FILE + 10_000:
        raise TooLong("文件最大 10 MB")
    try:
        async with asyncio.timeout(UPLOAD_SECONDS):
            async for part in await request.multipart():
                if isinstance(part, BodyPartReader) and part.name == "file":
                    return await _content(part), part.filename or ""
    except (ValueError, RuntimeError, AssertionError, TimeoutError, ConnectionError):
        raise BadInput("文件没有传完整") from None
    raise BadInput("没有收到文件")


async def _content(part: BodyPartReader) -> bytes:
    data = bytearray()
    while chunk := await part.read_chunk():
        data += chunk
        if len(data) > LARGEST_FILE:
            raise TooLong("文件最大 10 MB")
    return bytes(data)


def _fit(name: str, endings: tuple[str, ...]) -> str:
    """A name without folders and tricks, that ends as its content does."""
    name = _MISLEADING.sub("", clean(re.split(r"[/\\]", name)[-1])).lstrip(".") or "文件"
    stem, _, ending = name.rpartition(".")
    if not stem or ending.lower() not in endings:
        stem, ending = name, endings[0]
    return f"{stem[:LONGEST_NAME]}.{ending}"


def _decodes(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    with part.open("xb") as file:
        file.write(data)
        os.fsync(file.fileno())
    part.replace(path)
