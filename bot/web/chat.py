"""The chat socket of the widget: `GET /chat/ws`. The protocol is in docs/protocol.md."""

import asyncio
import contextlib
import json
import math
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ClassVar, Literal

import jwt
import structlog
from aiohttp import WSCloseCode, WSMsgType, web

from bot.conversation.messages import ASK_FOR_A_PERSON, ATTACHED, ATTACHES, LONGEST, PERSON_WORDS
from bot.crm import queries, store
from bot.crm.records import Change, MessageView, Visit
from bot.errors import BadInput, Forbidden, ZhikeError, in_short
from bot.web.frames import Frame, error_frame, message_frame, read_frame, state_frame
from bot.web.keys import ADDRESSES, HUB, SERVICE, VISITORS, VISITS
from bot.web.security import address_of, check_origin

log = structlog.get_logger(__name__)

NOTICE_VERSION = "2026-11"
LARGEST_FRAME = 2 * 1024 * 1024
"""Bytes; larger frames end the connection (code 1009) instead of being answered with `too_long`."""
HEARTBEAT_SECONDS = 25.0
TYPING_AFTER_SECONDS = 0.3
TYPING_EVERY_SECONDS = 0.5
"""How often agents are told that a customer types."""
MOST_FILES = 5
"""Files of one message."""
PAGE = 200
"""Messages read at once from the log."""


async def chat(request: web.Request) -> web.WebSocketResponse:
    """One customer's socket, from the greeting to the end."""
    check_origin(request)
    socket = web.WebSocketResponse(max_msg_size=LARGEST_FRAME, heartbeat=HEARTBEAT_SECONDS, compress=False)
    await socket.prepare(request)
    await Chat(request, socket).run()
    return socket


class Chat:
    """A socket that shows one conversation, once the customer has greeted and agreed."""

    def __init__(self, request: web.Request, socket: web.WebSocketResponse) -> None:
        self._app = request.app
        self._service = request.app[SERVICE]
        self._hub = request.app[HUB]
        self._address = address_of(request, self._service.settings)
        self._socket = socket
        self._greeted = False
        self._news = asyncio.Event()
        self._changes: list[Change | None] = []
        self._shows_typing = False
        self._typing: asyncio.TimerHandle | None = None
        self._told: dict[str, Any] | None = None
        self._types, self._typed_at = False, -math.inf
        self._language = "zh"
        self.conversation_id = ""
        self.cursor = 0
        self.state = "bot"
        self.agent_read = 0

    async def run(self) -> None:
        """Answer frames until the customer goes."""
        delivering: asyncio.Task[None] | None = None
        try:
            async for message in self._socket:
                if message.type is WSMsgType.TEXT:
                    await self._handle(message.data)
                elif message.type is WSMsgType.BINARY:
                    await self._send(error_frame(BadInput("frames are text"), None))
                if self.conversation_id and delivering is None:
                    delivering = asyncio.create_task(self._deliver())
        finally:
            if self.conversation_id:
                self._hub.remove(self)
            if self._types:
                self._hub.customer_types(self.conversation_id, False)
            if delivering:
                delivering.cancel()
                await asyncio.gather(delivering, return_exceptions=True)

    async def end(self) -> None:
        """The server stops; the client will come back."""
        await self._socket.close(code=WSCloseCode.SERVICE_RESTART)

    def wake(self, change: Change | None = None) -> None:
        """There is something new: this change, or whatever the record has."""
        self._changes.append(change)
        self._news.set()

    def working(self) -> None:
        """Show that an answer is under way, if it takes more than a moment. While a person owns the conversation, none is."""
        if self._typing is None and self.state in {"bot", "closed"}:
            self._typing = asyncio.get_running_loop().call_later(TYPING_AFTER_SECONDS, self._show_typing)

    def agent_types(self, on: bool) -> None:
        """The person who owns the conversation writes, or has stopped."""
        self._in_background(self._send({"type": "typing", "from": "agent", "on": on}))

    # From the client

    async def _handle(self, raw: str) -> None:
        frame_id = None
        try:
            frame = Frame(raw)
            frame_id = frame.own_id
            handler = self._handlers.get(frame.type)
            if handler is None:
                raise BadInput("there is no such type of frame")
            if frame.type != "hello" and not self.conversation_id:
                raise Forbidden("nothing is stored without consent" if self._greeted else "the first frame is hello")
            if frame.type != "typing":
                self._app[ADDRESSES].spend(self._address)
            await handler(self, frame)
        except ZhikeError as error:
            await self._send(error_frame(error, frame_id))
        except Exception as error:
            log.exception("frame failed", conversation=self.conversation_id)
            await self._send(error_frame(ZhikeError(f"something went wrong ({type(error).__name__})"), frame_id))

    async def _hello(self, frame: Frame) -> None:
        if self.conversation_id:
            raise BadInput("this connection has greeted already")
        consent = frame.flag("consent")
        token, identity = frame.optional("token", longest=100), frame.optional("identity", longest=4000)
        cursor = frame.whole("cursor", 0, 2**31 - 1, default=0)
        locale, page = frame.optional("locale", longest=20) or "zh-CN", frame.optional("page", longest=500)
        self._greeted = True
        self._language = "en" if locale.lower().startswith("en") else "zh"
        if not consent:
            await self._send({"type": "welcome", "token": None, "conversation": None, "state": "bot", "cursor": 0, "messages": []})
            return
        shop_identity, problem = self._shop_identity(identity)
        visit = await self._visit(token, shop_identity, locale, page)
        cursor = min(cursor, visit.last_seq) if visit.token is None else 0
        messages = await self._service.database.read(queries.messages_after, visit.conversation_id, cursor, PAGE)
        self.cursor = messages[-1].seq if messages else cursor
        self.state = visit.state
        await self._send(
            {
                "type": "welcome",
                "token": visit.token or token,
                "conversation": visit.conversation_id,
                "state": visit.state,
                "cursor": self.cursor,
                "messages": [message_frame(message) for message in messages],
            }
        )
        self._told = {"type": "state", "state": visit.state, "position": None}
        self.conversation_id = visit.conversation_id
        self._hub.add(self)
        self.wake()
        if problem:
            raise problem

    async def _visit(self, token: str | None, shop_identity: str | None, locale: str, page: str | None) -> Visit:
        run = self._service.database.run
        visit = (
            await run(store.resume_visit, token, shop_identity=shop_identity, locale=locale, page=page, channel="web") if token else None
        )
        if visit is None:
            self._app[VISITS].spend(self._address)
            visit = await run(
                store.start_visit, channel="web", locale=locale, notice_version=NOTICE_VERSION, shop_identity=shop_identity, page=page
            )
        return visit

    def _shop_identity(self, identity: str | None) -> tuple[str | None, Forbidden | None]:
        """Whom the shop vouches for; or why not, in which case the customer goes on as a visitor."""
        secret = self._service.settings.identity_secret
        if identity is None:
            return None, None
        if secret is None:
            return None, Forbidden("the identity was not read: this desk shares no secret with the shop; you chat as a visitor")
        try:
            claims = jwt.decode(identity, secret, algorithms=["HS256"], options={"require": ["sub", "exp"]})
            return str(claims["sub"]), None
        except jwt.PyJWTError as error:
            return None, Forbidden(f"the identity was not accepted ({type(error).__name__}); you chat as a visitor")

    async def _message(self, frame: Frame) -> None:
        message_id, files = frame.id(), frame.files("attachments", most=MOST_FILES)
        text = frame.optional("text", longest=LONGEST) if files else frame.text("text")
        await self._accept(message_id, text or ATTACHED[self._language], None if text else ATTACHES, files)

    async def _choice(self, frame: Frame) -> None:
        message_id, payload = frame.id(), frame.text("payload", longest=200)
        frame.text("title", longest=200)
        offered = await self._service.database.read(queries.offered_choices, self.conversation_id, again=message_id)
        if payload not in offered:
            raise Forbidden("that choice was not offered")
        await self._accept(message_id, offered[payload], payload)

    async def _human(self, frame: Frame) -> None:
        await self._accept(frame.id(), PERSON_WORDS[self._language], ASK_FOR_A_PERSON)

    async def _accept(self, message_id: str, text: str, payload: str | None, files: Sequence[str] = ()) -> None:
        self._app[VISITORS].spend(self.conversation_id)
        accepted = await self._service.accept(self.conversation_id, message_id, text, payload=payload, attachments=files)
        await self._send({"type": "ack", "id": message_id, "seq": accepted.seq})

    async def _leave_queue(self, frame: Frame) -> None:
        await self._service.database.run(store.leave_queue, self.conversation_id)
        self._moved()

    async def _close(self, frame: Frame) -> None:
        await self._service.database.run(store.close_conversation, self.conversation_id)
        self._moved()

    def _moved(self) -> None:
        self._service.changed(self.conversation_id)
        self._hub.queue_changed()

    async def _typing_frame(self, frame: Frame) -> None:
        on, at = frame.flag("on"), asyncio.get_running_loop().time()
        if (at < self._typed_at + TYPING_EVERY_SECONDS) if on else not self._types:
            return
        self._types, self._typed_at = on, at if on else self._typed_at
        self._hub.customer_types(self.conversation_id, on)

    async def _read(self, frame: Frame) -> None:
        await self._service.database.run(store.mark_read, self.conversation_id, frame.whole("seq", 1, 2**31 - 1))
        if self.state == "agent":
            self._service.changed(self.conversation_id)

    async def _feedback(self, frame: Frame) -> None:
        value: Literal["up", "down"] = "up" if frame.one_of("value", "up", "down") == "up" else "down"
        seq = frame.whole("seq", 1, 2**31 - 1)
        await self._service.database.run(store.record_feedback, self.conversation_id, seq, value)

    async def _rating(self, frame: Frame) -> None:
        score, comment = frame.whole("score", 1, 5), frame.optional("comment", longest=1000)
        await self._service.database.run(store.record_rating, self.conversation_id, score, comment or "")

    _handlers: ClassVar[dict[str, Callable[["Chat", Frame], Awaitable[None]]]] = {
        "hello": _hello,
        "message": _message,
        "choice": _choice,
        "human": _human,
        "leave_queue": _leave_queue,
        "typing": _typing_frame,
        "read": _read,
        "feedback": _feedback,
        "rating": _rating,
        "close": _close,
    }

    # To the client

    async def _deliver(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                await self._tell_news()
            except Exception as error:
                # What could not be read now is read with the next news, or when the hub looks next.
                log.error(
                    "cannot deliver",
                    conversation=self.conversation_id,
                    error=in_short(error),
                )

    async def _tell_news(self) -> None:
        changes, self._changes = self._changes, []
        for change in changes:
            if change is None or not self._continues(change):
                await self._read_news()
                return
            await self._show(change.messages)
            await self._show_state({"type": "state", "state": change.state, "position": None})

    def _continues(self, change: Change) -> bool:
        """Whether a change holds all that this socket has not shown. Places in a queue are looked up."""
        following = (message.seq for message in change.messages if message.seq > self.cursor)
        return next(following, self.cursor + 1) == self.cursor + 1 and "queued" not in {change.state, self.state}

    async def _read_news(self) -> None:
        while True:
            messages, conversation = await self._service.database.read(queries.since, self.conversation_id, self.cursor, PAGE)
            await self._show(messages)
            if len(messages) < PAGE:
                break
        await self._show_state(state_frame(conversation))
        if conversation.agent_read_seq > self.agent_read:
            self.agent_read = conversation.agent_read_seq
            await self._send(read_frame(self.agent_read))

    async def _show(self, messages: Sequence[MessageView]) -> None:
        if any(message.sender != "customer" for message in messages):
            await self._hide_typing()
        for message in messages:
            if message.seq > self.cursor:
                await self._send(message_frame(message))
                self.cursor = message.seq

    async def _show_state(self, frame: dict[str, Any]) -> None:
        was_queued, self.state = self.state == "queued", frame["state"]
        if frame != self._told:
            self._told = frame
            await self._send(frame)
            if was_queued != (self.state == "queued"):
                self._hub.queue_changed()

    def _show_typing(self) -> None:
        self._shows_typing = True
        self._in_background(self._send({"type": "typing", "from": "bot", "on": True}))

    async def _hide_typing(self) -> None:
        if self._typing:
            self._typing.cancel()
            self._typing = None
        if self._shows_typing:
            self._shows_typing = False
            await self._send({"type": "typing", "from": "bot", "on": False})

    def _in_background(self, work: Awaitable[None]) -> None:
        self._last_background = asyncio.ensure_future(work)

    async def _send(self, frame: dict[str, Any]) -> None:
        # A client that has gone does not hear this any more; what it sent before is still taken.
        with contextlib.suppress(ConnectionError):
            await self._socket.send_str(json.dumps(frame, ensure_ascii=False, separators=(",", ":")))
