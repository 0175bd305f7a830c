"""Who is asking, from where, and what browsers may do with the answer."""

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web

from bot.errors import Forbidden
from bot.settings import Settings
from bot.web.keys import SERVICE

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

FRAME_PATH = "/widget/frame"
LOADER_PATH = "/widget/loader.js"


def address_of(request: web.Request, settings: Settings) -> str:
    """The network address of the client; behind a proxy of ours the one that the proxy saw."""
    if settings.behind_proxy and (forwarded := request.headers.get("X-Forwarded-For")):
        return forwarded.rpartition(",")[2].strip()
    return request.remote or "unknown"


def scheme_of(request: web.Request, settings: Settings) -> str:
    """http or https, as the client sees it."""
    return (settings.behind_proxy and request.headers.get("X-Forwarded-Proto")) or request.scheme


def check_own_origin(request: web.Request) -> None:
    """Refuse what a page of any other site sends, the shop's included.

    Raises:
        Forbidden: the origin is not this server.
    """
    origin = request.headers.get("Origin")
    if origin is not None and not _is_own(request, origin):
        raise Forbidden("pages of that origin may not use this desk")


def check_origin(request: web.Request) -> None:
    """Refuse what a page of a foreign site sends. Programs that are no browsers name no origin; they have no visitor's secrets either.

    Raises:
        Forbidden: the origin is neither this server nor one of the shop's.
    """
    origin = request.headers.get("Origin")
    if origin is None:
        return
    if not _is_own(request, origin) and origin not in request.app[SERVICE].settings.shop_origins:
        raise Forbidden("pages of that origin may not use this desk")


def _is_own(request: web.Request, origin: str) -> bool:
    return urlsplit(origin).netloc == request.host and urlsplit(origin).scheme in {"http", "https"}


@web.middleware
async def headers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Security headers on every answer, errors included."""
    response = await handler(request)
    if response.prepared:
        return response
    settings = request.app[SERVICE].settings
    embeddable = request.path == FRAME_PATH
    ancestors = " ".join(("'self'", *settings.shop_origins)) if embeddable else "'none'"
    sockets = f"{'wss' if scheme_of(request, settings) == 'https' else 'ws'}://{request.host}"
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        f"connect-src 'self' {sockets}; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors {ancestors}"
    )
    response.headers.setdefault("Content-Security-Policy", policy)  # downloads have a stricter one
    response.headers.update(
        {
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "strict-origin-when-cross-origin",
            "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=()",
            "Cross-Origin-Resource-Policy": "cross-origin" if embeddable or request.path == LOADER_PATH else "same-origin",
        }
    )
    if not embeddable:
        response.headers["X-Frame-Options"] = "DENY"
        response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    if scheme_of(request, settings) == "https":
        response.headers["Strict-Transport-Security"] = "max-age=31536000"
    response.headers.setdefault("Cache-Control", "no-store")
    return response
