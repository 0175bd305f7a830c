"""What handlers find in the application and in a request."""

from aiohttp import web

from bot.crm.records import Session
from bot.service import Service
from bot.web.console.board import Board
from bot.web.console.rendering import Fragments
from bot.web.hub import Hub
from bot.web.limits import Limiter

SERVICE = web.AppKey("service", Service)
HUB = web.AppKey("hub", Hub)
VISITORS = web.AppKey("visitors", Limiter)
ADDRESSES = web.AppKey("addresses", Limiter)
VISITS = web.AppKey("visits", Limiter)
UPLOADS = web.AppKey("uploads", Limiter)
UPLOADERS = web.AppKey("uploaders", Limiter)
SIGN_INS = web.AppKey("sign_ins", Limiter)
CONSOLES = web.AppKey("consoles", Limiter)
FRAGMENTS = web.AppKey("fragments", Fragments)
BOARD = web.AppKey("board", Board)
SESSION = web.RequestKey("session", Session)
