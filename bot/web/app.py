"""The web application: routes, what surrounds every request, and how errors are told."""

import asyncio
from pathlib import Path

import aiohttp_jinja2
import jinja2
import structlog
from aiohttp import web

from bot.errors import ZhikeError
from bot.service import Service
from bot.settings import Rate
from bot.web import auth, chat, chat_files, numbers, pages, rest, tickets
from bot.web.console import pages as console_pages
from bot.web.console import socket as console_socket
from bot.web.console import staff_pages
from bot.web.console.board import Board
from bot.web.console.rendering import Fragments
from bot.web.hub import Hub
from bot.web.keys import ADDRESSES, BOARD, CONSOLES, FRAGMENTS, HUB, SERVICE, SIGN_INS, UPLOADERS, UPLOADS, VISITORS, VISITS
from bot.web.limits import Limiter
from bot.web.security import Handler, headers

log = structlog.get_logger(__name__)

TEMPLATES = Path(__file__).parent / "templates"
LARGEST_BODY = 128 * 1024
SIGN_IN_RATE = Rate(10, 0.1)
CONSOLE_RATE = Rate(300, 30.0)
"""Frames of one agent."""


def make_app(service: Service) -> web.Application:
    """The application around a service; the service is started and stopped with it."""
    app = web.Application(middlewares=[headers, errors], client_max_size=LARGEST_BODY)
    settings = service.settings
    app[SERVICE] = service
    app[HUB] = Hub(service)
    app[VISITORS] = Limiter(settings.visitor_rate)
    app[ADDRESSES] = Limiter(settings.address_rate)
    app[VISITS] = Limiter(settings.visit_rate)
    app[UPLOADS] = Limiter(chat_files.UPLOAD_RATE)
    app[UPLOADERS] = Limiter(chat_files.UPLOADER_RATE)
    app[SIGN_INS] = Limiter(SIGN_IN_RATE)
    app[CONSOLES] = Limiter(CONSOLE_RATE)
    environment = aiohttp_jinja2.setup(
        app,
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    app[FRAGMENTS] = Fragments(environment, settings.timezone)
    app[BOARD] = Board(service, app[HUB], app[FRAGMENTS])
    app.add_routes(
        [
            web.get("/", pages.shop),
            web.get("/privacy", pages.privacy),
            web.get("/health", pages.health),
            web.get("/widget/frame", pages.frame),
            web.get("/chat/ws", chat.chat),
            web.post("/chat/files", chat_files.upload),
            web.get("/chat/files/{file:[0-9a-f]{32}}", chat_files.download),
            web.post("/webhooks/rest/webhook", rest.webhook),
            web.get("/login", auth.sign_in_page),
            web.post("/login", auth.sign_in),
            web.post("/logout", auth.signed_in()(auth.sign_out)),
            web.get("/agent", console_pages.console),
            web.get("/agent/c/{conversation:[0-9a-f]{32}}", console_pages.console),
            web.get("/agent/conversations/{conversation:[0-9a-f]{32}}", console_pages.conversation),
            web.get("/agent/ws", console_socket.console),
            web.post("/agent/attachments", console_pages.upload),
            web.get("/agent/attachments/{file:[0-9a-f]{32}}", console_pages.download),
            web.get("/agent/team", staff_pages.team),
            web.post("/agent/team/{user:[0-9]{1,9}}", staff_pages.save_member),
            web.get("/agent/settings", staff_pages.settings),
            web.post("/agent/settings/queues", staff_pages.save_queues),
            web.post("/agent/settings/hours", staff_pages.save_hours),
            web.post("/agent/settings/holidays", staff_pages.save_holiday),
            web.post("/agent/settings/canned", staff_pages.save_canned),
            *tickets.ROUTES,
            *numbers.ROUTES,
            *pages.widget(),
            *pages.static(),
        ]
    )
    app.on_startup.append(_start)
    app.on_shutdown.append(_hang_up)
    app.on_cleanup.append(_stop)
    return app


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Errors of the house with their status: a page for browsers, JSON for programs. Others are logged and told as 500."""
    try:
        return await handler(request)
    except ZhikeError as error:
        return _error(request, error.status, error.code, str(error))
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return _error(request, error.status, "bad_frame", error.reason)
    except ConnectionResetError:
        return _error(request, 400, "bad_frame", "the connection has ended")  # nobody reads it: the browser left while it was answered
    except Exception:
        log.exception("request failed", path=request.path)
        return _error(request, 500, "unavailable", "something went wrong")


def _error(request: web.Request, status: int, code: str, message: str) -> web.StreamResponse:
    if "text/html" in request.headers.get("Accept", ""):
        return aiohttp_jinja2.render_template("error.html", request, {"status": status, "message": message}, status=status)
    return web.json_response({"error": {"code": code, "message": message}}, status=status)


async def _start(app: web.Application) -> None:
    await app[SERVICE].start(keeps=True)
    app[HUB].start()
    app[BOARD].start()


async def _hang_up(app: web.Application) -> None:
    await asyncio.gather(app[HUB].hang_up(), app[BOARD].hang_up())


async def _stop(app: web.Application) -> None:
    await app[BOARD].stop()
    await app[HUB].stop()
    await app[SERVICE].stop()
