"""Signing in and out. Sessions are in the record; the browser holds a random token in a cookie that scripts cannot read."""

import asyncio
import functools
import hmac
import secrets
from collections.abc import Callable
from datetime import timedelta

import structlog
from aiohttp import web
from aiohttp_jinja2 import render_template

from bot.crm import queries, store
from bot.crm.parts import now
from bot.errors import Forbidden, RateLimited
from bot.passwords import fits
from bot.web.keys import SERVICE, SESSION, SIGN_INS
from bot.web.security import Handler, address_of, check_origin, scheme_of

log = structlog.get_logger(__name__)

COOKIE = "zhike_session"
FORM_COOKIE = "zhike_form"
LIFETIME = timedelta(hours=12)


def signed_in(*roles: str) -> Callable[[Handler], Handler]:
    """Only for users who are signed in, with one of the roles if any are named; others are sent to the sign-in page.

    What is sent must carry the session's CSRF token, as a field of the form or in the header `X-CSRF-Token`.
    """

    def guard(handler: Handler) -> Handler:
        @functools.wraps(handler)
        async def guarded(request: web.Request) -> web.StreamResponse:
            token = request.cookies.get(COOKIE)
            session = await request.app[SERVICE].database.read(queries.session, store.hash_of(token), now()) if token else None
            if session is None:
                raise web.HTTPSeeOther("/login")
            if roles and session.user.role not in roles:
                raise Forbidden("this page is for others")
            if request.method == "POST":
                check_origin(request)
                sent = request.headers.get("X-CSRF-Token") or str((await request.post()).get("csrf_token", ""))
                if not hmac.compare_digest(sent.encode(errors="surrogateescape"), session.csrf_token.encode()):
                    raise Forbidden("the form is out of date; load the page again")
            request[SESSION] = session
            return await handler(request)

        return guarded

    return guard


async def sign_in_page(request: web.Request) -> web.StreamResponse:
    """The form."""
    return _form(request)


async def sign_in(request: web.Request) -> web.StreamResponse:
    """Check name and password; the same answer for an unknown name and a wrong password."""
    check_origin(request)
    service = request.app[SERVICE]
    fields = await request.post()
    name, password = str(fields.get("name", ""))[:100], str(fields.get("password", ""))[:1000]
    expected, sent = request.cookies.get(FORM_COOKIE, ""), str(fields.get("csrf_token", ""))
    if not expected or not hmac.compare_digest(expected.encode(), sent.encode()):
        return _form(request, name=name, problem="页面已过期，请再登录一次。", status=403)
    try:
        request.app[SIGN_INS].spend(f"address {address_of(request, service.settings)}")
        request.app[SIGN_INS].spend(f"name {name}")
    except RateLimited:
        return _form(request, name=name, problem="尝试次数过多，请稍后再试。", status=429)
    user = await service.database.read(queries.user_by_name, name.replace("\0", ""))
    if not await asyncio.to_thread(fits, password, user.password_hash if user else None) or user is None or not user.active:
        log.warning("sign-in refused")
        return _form(request, name=name, problem="用户名或密码不对。", status=401)
    token, _ = await service.database.run(store.create_session, user.id, lifetime=LIFETIME)
    log.info("signed in", user=user.id, role=user.role)
    response = web.HTTPSeeOther("/agent")
    secure = scheme_of(request, service.settings) == "https"
    response.set_cookie(COOKIE, token, max_age=int(LIFETIME.total_seconds()), httponly=True, samesite="Lax", secure=secure)
    response.del_cookie(FORM_COOKIE)
    raise response


async def sign_out(request: web.Request) -> web.StreamResponse:
    """Forget the session, here and in the browser."""
    await request.app[SERVICE].database.run(store.delete_session, request.cookies[COOKIE])
    response = web.HTTPSeeOther("/login")
    response.del_cookie(COOKIE)
    raise response


def _form(request: web.Request, *, name: str = "", problem: str | None = None, status: int = 200) -> web.StreamResponse:
    token = secrets.token_urlsafe(24)
    response = render_template("login.html", request, {"csrf_token": token, "name": name, "problem": problem}, status=status)
    secure = scheme_of(request, request.app[SERVICE].settings) == "https"
    response.set_cookie(FORM_COOKIE, token, httponly=True, samesite="Strict", secure=secure)
    return response
