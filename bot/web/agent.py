"""For agents: the conversations that wait for a person, with their transcripts."""

from aiohttp import web
from aiohttp_jinja2 import render_template

from bot.conversation.taxonomy import QUEUES
from bot.crm import queries
from bot.errors import NotFound
from bot.web.auth import signed_in
from bot.web.keys import SERVICE, SESSION

PRIORITIES = {"urgent": "紧急", "high": "优先", "normal": "普通", "low": "较低"}


@signed_in()
async def queue(request: web.Request) -> web.StreamResponse:
    """Who waits, the most urgent first."""
    waiting = await request.app[SERVICE].database.read(queries.queue)
    return render_template(
        "queue.html", request, {"session": request[SESSION], "waiting": waiting, "queues": QUEUES, "priorities": PRIORITIES}
    )


@signed_in()
async def transcript(request: web.Request) -> web.StreamResponse:
    """One conversation with what was understood of each message."""
    found = await request.app[SERVICE].database.read(queries.transcript, request.match_info["conversation"])
    if found is None:
        raise NotFound("there is no such conversation")
    return render_template(
        "transcript.html", request, {"session": request[SESSION], "found": found, "queues": QUEUES, "priorities": PRIORITIES}
    )
