"""Pages for everybody: the demo shop, the privacy notice, the widget's frame, and whether the server is well."""

import hashlib
import mimetypes
import re
from pathlib import Path

from aiohttp import web
from aiohttp_jinja2 import render_template

from bot.crm import queries
from bot.web.keys import SERVICE

WIDGET = Path(__file__).parent / "widget"
STATIC = Path(__file__).parent / "static"
_IDLE = re.compile(r"^\s*(?:(?://.*|/\*\*.*\*/)\n\s*)*", re.MULTILINE)


async def shop(request: web.Request) -> web.StreamResponse:
    """A shop page with the widget, to try it."""
    service = request.app[SERVICE]
    products = await service.database.read(queries.products, 12)
    return render_template("shop.html", request, {"shop_name": service.settings.shop_name, "products": products})


async def privacy(request: web.Request) -> web.StreamResponse:
    """What is stored, why, and for how long."""
    return render_template("privacy.html", request, {"shop_name": request.app[SERVICE].settings.shop_name})


async def frame(request: web.Request) -> web.StreamResponse:
    """The document of the widget's iframe."""
    page = render_template("widget.html", request, {"shop_name": request.app[SERVICE].settings.shop_name})
    page.text = slim(page.text or "")
    return _compressed(page)


async def health(request: web.Request) -> web.StreamResponse:
    """200 while the record answers."""
    await request.app[SERVICE].database.read(queries.has_admin)
    return web.json_response({"status": "ok"})


def static() -> list[web.RouteDef]:
    """A route for each file of the pages: there is no path to get out of the folder."""
    return [_file(f"/static/{path.relative_to(STATIC).as_posix()}", path.read_text(encoding="utf-8")) for path in _files(STATIC)]


def widget() -> list[web.RouteDef]:
    """A route for each file of the widget, in as few bytes as can be had without a build step."""
    return [_file(f"/widget/{path.name}", slim(path.read_text(encoding="utf-8"))) for path in _files(WIDGET)]


def _file(address: str, text: str) -> web.RouteDef:
    """Serve a text; browsers ask each time whether it has changed."""
    kind = mimetypes.guess_type(address)[0] or "text/plain"
    etag = hashlib.sha256(text.encode()).hexdigest()[:16]

    async def serve(request: web.Request) -> web.StreamResponse:
        known = any(tag.value == etag for tag in request.if_none_match or ())
        response = web.Response(status=304) if known else web.Response(text=text, content_type=kind)
        response.etag = etag
        response.headers["Cache-Control"] = "no-cache"
        # A 304 that is compressed ends with bytes that the browser takes for the next answer.
        return response if known else _compressed(response)

    return web.get(address, serve)


def slim(text: str) -> str:
    """Our own HTML, CSS or JavaScript without indentation, empty lines and lines of comment. No string in it may begin a line.

    >>> slim("{\\n  // why\\n\\n  a();\\n}")
    '{\\na();\\n}'
    """
    return _IDLE.sub("", text)


def _files(root: Path) -> list[Path]:
    return [path for path in sorted(root.rglob("*")) if path.is_file() and not path.name.startswith(".")]


def _compressed(response: web.StreamResponse) -> web.StreamResponse:
    response.enable_compression()
    return response
