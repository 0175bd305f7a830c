"""Files that customers send and get, over HTTP, with the token that opens their conversation in the header `Authorization`."""

from aiohttp import web

from bot.crm import annotations, desk_queries, queries
from bot.crm.store import hash_of
from bot.errors import Forbidden, NotFound
from bot.settings import Rate
from bot.web import files
from bot.web.keys import ADDRESSES, SERVICE, UPLOADERS, UPLOADS
from bot.web.security import address_of, check_origin

UPLOAD_RATE = Rate(10, 1 / 30)
"""Of one conversation."""
UPLOADER_RATE = Rate(100, 0.5)
"""Of one network address."""


async def upload(request: web.Request) -> web.StreamResponse:
    """Keep a file, to be sent with a message; answers with what the message then has of it."""
    conversation_id = await _conversation(request)
    service = request.app[SERVICE]
    request.app[UPLOADERS].spend(address_of(request, service.settings))
    request.app[UPLOADS].spend(conversation_id)
    kept = await files.keep(request, service.settings)
    try:
        await service.database.run(
            annotations.add_attachment, conversation_id, None,
            id=kept.id, name=kept.name, media_type=kept.media_type, size=kept.size, sha256=kept.sha256,
        )  # fmt: skip
    except Exception:
        await files.discard(service.settings, kept.id)
        raise
    return web.json_response({"id": kept.id, "name": kept.name, "media_type": kept.media_type, "size": kept.size})


async def download(request: web.Request) -> web.StreamResponse:
    """A file of the conversation: the customer's own, or one that was sent to them."""
    conversation_id = await _conversation(request)
    service = request.app[SERVICE]
    row = await service.database.read(desk_queries.attachment_for_customer, conversation_id, request.match_info["file"])
    if row is None:
        raise NotFound("there is no such file")
    return files.download(service.settings, row.id, row.name, row.media_type)


async def _conversation(request: web.Request) -> str:
    check_origin(request)
    service = request.app[SERVICE]
    request.app[ADDRESSES].spend(address_of(request, service.settings))
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    found = None
    if kind == "Bearer" and token.isascii():
        found = await service.database.read(queries.conversation_of, hash_of(token), "web")
    if found is None:
        raise Forbidden("the token is missing or opens nothing")
    return found
