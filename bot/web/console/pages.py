"""The page of the console, and the files of conversations."""

import re
from dataclasses import asdict

from aiohttp import web
from aiohttp_jinja2 import render_template

from bot.conversation.access import Viewer
from bot.crm import annotations, desk_queries
from bot.crm.parts import now
from bot.errors import Conflict, NotFound, ZhikeError
from bot.web import files
from bot.web.auth import signed_in
from bot.web.console import reads
from bot.web.console.rendering import spark
from bot.web.console.views import Choice
from bot.web.keys import SERVICE, SESSION
from bot.web.security import check_own_origin


@signed_in()
async def console(request: web.Request) -> web.StreamResponse:
    """The lists and, where the path names one, a conversation; the socket keeps both up to date."""
    database = request.app[SERVICE].database
    session, at = request[SESSION], now()
    viewer = await viewer_of(request)
    conversation_id = request.match_info.get("conversation")
    talk = await database.read(reads.talk, viewer, conversation_id, at) if conversation_id else None
    mine = talk is not None and talk.row.agent_id == viewer.user_id
    choice = Choice("mine" if mine else "queue")
    rows = await database.read(reads.rows, viewer, choice, at)
    context = {
        "session": session,
        "viewer": viewer,
        "which": choice.which,
        "list": rows,
        "talk": talk,
        "spark": spark(talk.side.sentiment) if talk else None,
    }
    response = render_template("agent/console.html", request, context)
    response.enable_compression()
    return response


@signed_in()
async def conversation(request: web.Request) -> web.StreamResponse:
    """Where a conversation was to be read before there was a console."""
    raise web.HTTPMovedPermanently(f"/agent/c/{request.match_info['conversation']}")


@signed_in()
async def upload(request: web.Request) -> web.StreamResponse:
    """A file that the owner of a conversation wants to send: kept, and known by its id until it goes with a reply."""
    check_own_origin(request)
    service, viewer = request.app[SERVICE], await viewer_of(request)
    conversation_id = request.query.get("conversation", "")
    if not re.fullmatch(r"[0-9a-f]{32}", conversation_id):
        raise NotFound("没有这个对话")
    row = await service.database.read(reads.row, viewer, conversation_id, now())
    if row.agent_id != viewer.user_id:
        raise Conflict("接手对话后才能发送文件")
    kept = await files.keep(request, service.settings)
    try:
        await service.database.run(annotations.add_attachment, conversation_id, viewer.user_id, **asdict(kept))
    except ZhikeError:
        await files.discard(service.settings, kept.id)
        raise
    return web.json_response({"id": kept.id, "name": kept.name, "media_type": kept.media_type, "size": kept.size})


@signed_in()
async def download(request: web.Request) -> web.StreamResponse:
    """A file of a conversation that the agent may see."""
    service, viewer = request.app[SERVICE], await viewer_of(request)
    found = await service.database.read(desk_queries.attachment, viewer, request.match_info["file"])
    if found is None:
        raise NotFound("没有这个文件")
    return files.download(service.settings, found.id, found.name, found.media_type)


async def viewer_of(request: web.Request) -> Viewer:
    """What the user who is signed in may see.

    Raises:
        HTTPSeeOther: they may not sign in any more.
    """
    viewer = await request.app[SERVICE].database.read(desk_queries.viewer, request[SESSION].user.id)
    if viewer is None:
        raise web.HTTPSeeOther("/login")
    return viewer
