"""The socket of the console: `GET /agent/ws`. The protocol is in docs/console.md.

Every frame is answered as the record has it at that moment: who is signed in, in which role, and who owns the conversation.
"""

import asyncio
import contextlib
import hmac
import re
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, Concatenate, ParamSpec, get_args

import structlog
from aiohttp import WSCloseCode, WSMsgType, web
from sqlalchemy import Connection

from bot.conversation.messages import LONGEST
from bot.conversation.outcome import State
from bot.conversation.presence import Presence
from bot.conversation.taxonomy import QUEUES
from bot.crm import annotations, desk_queries, ownership, staff
from bot.crm.parts import now
from bot.crm.records import ConversationRow, LabelKind, Result
from bot.errors import BadInput, Forbidden, RateLimited, ZhikeError
from bot.web.auth import COOKIE
from bot.web.console import reads
from bot.web.console.reads import SignedOut, Standing
from bot.web.console.rendering import frame as made
from bot.web.console.views import Choice, View, Which, line_frame
from bot.web.frames import Frame
from bot.web.keys import BOARD, CONSOLES, FRAGMENTS, HUB, SERVICE
from bot.web.security import check_own_origin

log = structlog.get_logger(__name__)

P = ParamSpec("P")

LARGEST_FRAME = 256 * 1024
HEARTBEAT_SECONDS = 20.0
GREETING_SECONDS = 10.0
BESIDE_SECONDS = 0.5
MOST_WAITING = 2000
"""Frames that wait for a console which does not take them; with more, it is cut off and comes back."""
SIGNED_OUT, OUT_OF_DATE = 4401, 4403
MOST_FILES = 5

_CONVERSATION = re.compile(r"[0-9a-f]{32}")
_PROBLEMS = {"forbidden": "没有权限这样做", "rate_limited": "操作太快了，请稍等一下", "unavailable": "系统暂时没有响应，请再试一次"}


async def console(request: web.Request) -> web.WebSocketResponse:
    """One agent's socket, from the greeting to the end."""
    check_own_origin(request)
    socket = web.WebSocketResponse(max_msg_size=LARGEST_FRAME, heartbeat=HEARTBEAT_SECONDS, compress=False)
    await socket.prepare(request)
    await AgentSocket(request, socket).run()
    return socket


class AgentFrame(Frame):
    """A frame of a console."""

    def conversation(self) -> str:
        """The conversation that it is about."""
        value = self._fields.get("conversation")
        if not isinstance(value, str) or not _CONVERSATION.fullmatch(value):
            raise BadInput("没有这个对话")
        return value

    def has(self, name: str) -> bool:
        """Whether a field is there."""
        return self._fields.get(name) is not None

    def ids(self, name: str, most: int) -> list[str]:
        """Some ids."""
        values = self._fields.get(name, [])
        if not isinstance(values, list) or len(values) > most or not all(isinstance(each, str) and len(each) <= 64 for each in values):
            raise BadInput(f"最多 {most} 个附件")
        return values

    def choice(self) -> Choice:
        """Which list is to be shown, and which part of it."""
        which: Which = self.one_of("which", *get_args(Which))  # type: ignore[assignment]
        queue: str | None = self._one_of_or_all("queue", *QUEUES)
        state: State | None = self._one_of_or_all("state", *get_args(State))  # type: ignore[assignment]
        if which == "all":
            return Choice(which, queue, state, self.optional("search", longest=100))
        return Choice(which, queue if which == "queue" else None)

    def _one_of_or_all(self, name: str, *values: str) -> str | None:
        return self.one_of(name, *values) if self._fields.get(name) else None


class AgentSocket:
    """A console, once it has greeted with the CSRF token of its session."""

    def __init__(self, request: web.Request, socket: web.WebSocketResponse) -> None:
        app = request.app
        self._database = app[SERVICE].database
        self._service, self._hub, self._board = app[SERVICE], app[HUB], app[BOARD]
        self._fragments, self._limiter = app[FRAGMENTS], app[CONSOLES]
        self._socket = socket
        self._waiting: asyncio.Queue[str] = asyncio.Queue(MOST_WAITING)
        self._beside: asyncio.TimerHandle | None = None
        self._background: set[asyncio.Task[None]] = set()
        self._greeted = False
        self._standing: Standing | None = None
        self._busy = asyncio.Lock()
        self.token = request.cookies.get(COOKIE, "")
        self.view = View(reads.NOBODY)

    async def run(self) -> None:
        """Answer frames until the agent goes."""
        sending = asyncio.create_task(self._send_all())
        greeting = asyncio.get_running_loop().call_later(GREETING_SECONDS, self._too_late)
        try:
            async for message in self._socket:
                if message.type is WSMsgType.TEXT:
                    async with self._busy:
                        await self._handle(message.data)
                else:
                    self.send(_problem(BadInput("frames are text"), None))
        finally:
            greeting.cancel()
            self._board.remove(self)
            if self._beside:
                self._beside.cancel()
            for task in (sending, *self._background):
                task.cancel()
            await asyncio.gather(sending, *self._background, return_exceptions=True)

    # What the board tells

    def send(self, *frames: str) -> None:
        """Put frames into the line."""
        for each in frames:
            try:
                self._waiting.put_nowait(each)
            except asyncio.QueueFull:
                self._later(self._close(WSCloseCode.TRY_AGAIN_LATER))
                return

    def lose(self) -> None:
        """The open conversation is not for this agent's eyes any more."""
        self.send(made("closed", conversation=self.view.conversation_id, message="这个对话已经转到你看不到的地方"))
        self.view.opened("")

    def beside_changed(self) -> None:
        """What stands beside the conversation may have changed; it is looked at after a moment, once for all that happens until then."""
        if self._beside is None:
            self._beside = asyncio.get_running_loop().call_later(BESIDE_SECONDS, lambda: self._later(self._show_beside()))

    def stands(self, standing: Standing | None) -> None:
        """Who this is now; None: nobody who is signed in."""
        if standing is None:
            self._board.remove(self)
            self._later(self._close(SIGNED_OUT))
        elif standing.viewer != self.view.viewer:
            self.view.viewer = standing.viewer
            self._later(self._draw_again())

    async def _draw_again(self) -> None:
        """Another role or other queues: what was shown may not be for these eyes any more."""
        async with self._busy:
            await self._show_list()
            if self.view.conversation_id:
                await self._show_talk(self.view.conversation_id)
            self._board.recount(self)

    async def end(self) -> None:
        """The server stops."""
        await self._close(WSCloseCode.SERVICE_RESTART)

    # From the agent

    async def _handle(self, raw: str) -> None:
        frame_id = None
        try:
            frame = AgentFrame(raw)
            frame_id = frame.own_id
            handler = self._handlers.get(frame.type)
            if handler is None:
                raise BadInput("there is no such type of frame")
            standing = self._standing = await self._database.read(reads.standing, self.token, now())
            self._limiter.spend(str(standing.viewer.user_id))
            if frame.type != "hello":
                if not self._greeted:
                    raise Forbidden("the first frame is hello")
                self.stands(standing)
            await handler(self, frame)
            if frame_id:
                self.send(made("done", id=frame_id))
        except SignedOut:
            await self._close(SIGNED_OUT)
        except ZhikeError as error:
            self.send(_problem(error, frame_id))
        except Exception as error:
            log.exception("frame failed", user=self.view.viewer.user_id)
            self.send(_problem(ZhikeError(f"something went wrong ({type(error).__name__})"), frame_id))

    async def _hello(self, frame: AgentFrame) -> None:
        standing = self._standing
        assert standing is not None, "who is asking was looked up with this frame"
        if not hmac.compare_digest(frame.text("csrf", longest=200).encode(), standing.session.csrf_token.encode()):
            await self._close(OUT_OF_DATE)
            return
        if self._greeted:
            raise BadInput("this connection has greeted already")
        choice = frame.choice()
        self._greeted = True
        self.view = View(standing.viewer)
        self.view.choice = choice
        presence = await self._database.run(_arrived, self._user)
        self.send(made("welcome", presence=presence))
        self._board.add(self)
        await self._show_list()
        if frame.has("conversation"):
            await self._open(frame)

    async def _open(self, frame: AgentFrame) -> None:
        if not frame.has("conversation"):
            self.view.opened("")
            return
        await self._show_talk(frame.conversation())

    async def _earlier(self, frame: AgentFrame) -> None:
        conversation_id, before = frame.conversation(), frame.whole("before", 1, 2**31 - 1)
        lines, more = await self._database.read(reads.earlier, self.view.viewer, conversation_id, before)
        self.send(
            made("prepend", target="log", html=self._fragments.lines(lines), conversation=conversation_id),
            made("swap", target="earlier", html=self._fragments.earlier(more), conversation=conversation_id),
        )

    async def _list(self, frame: AgentFrame) -> None:
        self.view.choice = frame.choice()
        await self._show_list(frame.optional("more", longest=100))

    async def _claim(self, frame: AgentFrame) -> None:
        await self._write(frame, ownership.claim, self._user)

    async def _take_over(self, frame: AgentFrame) -> None:
        await self._write(frame, ownership.take_over, self._user)

    async def _assign(self, frame: AgentFrame) -> None:
        await self._write(frame, ownership.assign, frame.whole("to_user", 1, 2**31 - 1), self._user)

    async def _transfer(self, frame: AgentFrame) -> None:
        to_user = frame.whole("to_user", 1, 2**31 - 1) if frame.has("to_user") else None
        to_queue, note = frame.optional("to_queue", longest=20), frame.optional("note", longest=LONGEST) or ""
        await self._write(frame, ownership.transfer, self._user, to_user=to_user, to_queue=to_queue, note=note)

    async def _hand_back(self, frame: AgentFrame) -> None:
        await self._write(frame, ownership.hand_back, self._user, frame.optional("note", longest=LONGEST) or "")

    async def _resolve(self, frame: AgentFrame) -> None:
        result: Result = frame.one_of("result", *get_args(Result))  # type: ignore[assignment]
        summary = frame.optional("summary", longest=LONGEST) or ""
        await self._write(frame, ownership.resolve, self._user, summary=summary, result=result)

    async def _reopen(self, frame: AgentFrame) -> None:
        await self._write(frame, ownership.reopen, self._user)

    async def _reply(self, frame: AgentFrame) -> None:
        text, files = frame.optional("text", longest=LONGEST) or "", frame.ids("attachments", MOST_FILES)
        await self._write(frame, ownership.reply, self._user, text, client_id=frame.id(), attachments=files)
        self._hub.agent_types(frame.conversation(), False)

    async def _note(self, frame: AgentFrame) -> None:
        text, about = frame.text("text"), frame.one_of("about", "conversation", "customer")
        row = await self._row(frame)
        await self._database.run(annotations.add_note, self._user, row.id if about == "conversation" else None, row.customer_id, text)
        self._service.changed(row.id)

    async def _label(self, frame: AgentFrame) -> None:
        kind: LabelKind = frame.one_of("kind", *get_args(LabelKind))  # type: ignore[assignment]
        seq, value = frame.whole("seq", 1, 2**31 - 1), frame.text("value", longest=60)
        conversation_id = frame.conversation()
        await self._database.run(annotations.save_label, self._user, conversation_id, seq, kind, value)
        for line in await self._database.read(desk_queries.lines, self.view.viewer, conversation_id, seq - 1, 1, seq + 1):
            if line.message:  # also one that is too far back to be looked at with every change
                self.send(line_frame(self._fragments, conversation_id, line, None))
        self._service.changed(conversation_id)

    async def _read(self, frame: AgentFrame) -> None:
        await self._write(frame, ownership.mark_read_by_agent, self._user, frame.whole("seq", 1, 2**31 - 1))

    async def _typing(self, frame: AgentFrame) -> None:
        on = frame.flag("on")
        row = await self._row(frame)
        if row.state != "agent" or row.agent_id != self._user:
            raise Forbidden("这个对话不由你负责")
        self._hub.agent_types(row.id, on)

    async def _presence(self, frame: AgentFrame) -> None:
        choice: Presence = frame.one_of("choice", "online", "away")  # type: ignore[assignment]
        await self._database.run(staff.set_presence, self._user, choice)

    async def _people(self, frame: AgentFrame) -> None:
        row = await self._row(frame)
        members = await self._database.read(reads.people, row, now())
        self.send(made("swap", target="people", html=self._fragments.people(members, row, self.view.viewer), conversation=row.id))

    async def _canned(self, frame: AgentFrame) -> None:
        row = await self._row(frame)
        found = await self._database.read(reads.canned, frame.optional("search", longest=40) or "", row.queue)
        self.send(made("swap", target="canned", html=self._fragments.canned(found), conversation=row.id))

    _handlers: ClassVar[dict[str, Callable[["AgentSocket", AgentFrame], Awaitable[None]]]] = {
        "hello": _hello,
        "open": _open,
        "earlier": _earlier,
        "list": _list,
        "claim": _claim,
        "take_over": _take_over,
        "assign": _assign,
        "transfer": _transfer,
        "hand_back": _hand_back,
        "resolve": _resolve,
        "reopen": _reopen,
        "reply": _reply,
        "note": _note,
        "label": _label,
        "read": _read,
        "typing": _typing,
        "presence": _presence,
        "people": _people,
        "canned": _canned,
    }

    @property
    def _user(self) -> int:
        return self.view.viewer.user_id

    async def _row(self, frame: AgentFrame) -> ConversationRow:
        return await self._database.read(reads.row, self.view.viewer, frame.conversation(), now())

    async def _write(
        self, frame: AgentFrame, write: Callable[Concatenate[Connection, str, P], object], *args: P.args, **kwargs: P.kwargs
    ) -> None:
        """Do something with a conversation, and tell everybody."""
        conversation_id = frame.conversation()
        await self._database.run(write, conversation_id, *args, **kwargs)
        self._service.changed(conversation_id)
        if write in _MOVES:
            self._hub.queue_changed()

    # To the agent

    async def _show_list(self, more: str | None = None) -> None:
        view = self.view
        found = await self._database.read(reads.rows, view.viewer, view.choice, now(), more)
        view.listed(found.rows, anew=more is None)
        self.send(
            made("append" if more else "swap", target="rows", html=self._fragments.rows(found.rows, found.keys)),
            made("swap", target="more", html=self._fragments.more(found.more)),
        )

    async def _show_talk(self, conversation_id: str) -> None:
        view = self.view
        try:
            talk = await self._database.read(reads.talk, view.viewer, conversation_id, now())
        except ZhikeError as error:
            view.opened("")
            self.send(made("closed", conversation=conversation_id, message=str(error)))
            return
        view.opened(conversation_id, talk.lines)
        self.send(
            *view.part_frames(
                head=self._fragments.head(talk.row, view.viewer),
                earlier=self._fragments.earlier(talk.before),
                log=self._fragments.lines(talk.lines),
                facts=self._fragments.facts(talk.row, talk.side),
            )
        )
        self._board.changed(conversation_id)  # in case it changed between the look and now

    async def _show_beside(self) -> None:
        """The customer's side and, to the owner, replies that may suit."""
        self._beside = None
        view, conversation_id = self.view, self.view.conversation_id
        if not conversation_id:
            return
        with contextlib.suppress(ZhikeError, SignedOut):  # lost meanwhile, or looked at again with the next change
            found = await self._database.read(reads.beside, self.token, conversation_id, now())
            suited = await self._service.suggestions.suggest(found.question, found.row.queue) if found.question else []
            if view.conversation_id == conversation_id:
                facts = self._fragments.facts(found.row, found.side)
                self.send(*view.part_frames(facts=facts, suggestions=self._fragments.suggestions([each.text for each in suited])))

    async def _send_all(self) -> None:
        while True:
            each = await self._waiting.get()
            with contextlib.suppress(ConnectionError):  # what an agent who has gone does not hear is there at the next visit
                await self._socket.send_str(each)

    def _too_late(self) -> None:
        if not self._greeted:
            self._later(self._close(OUT_OF_DATE))

    def _later(self, work: "asyncio._CoroutineLike[None]") -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _close(self, code: int) -> None:
        await self._socket.close(code=code)


_MOVES: tuple[Callable[..., Any], ...] = (
    ownership.claim,
    ownership.take_over,
    ownership.assign,
    ownership.transfer,
    ownership.hand_back,
    ownership.resolve,
    ownership.reopen,
)


def _arrived(c: Connection, user_id: int) -> Presence:
    """Somebody has opened a console. Who never chose a presence is online from now on; returns the choice."""
    at = now()
    staff.seen(c, user_id, at)
    choice = next(member.choice for member in desk_queries.team(c, at) if member.id == user_id)
    if choice == "offline":
        staff.set_presence(c, user_id, "online")
        return "online"
    return choice


def _problem(error: ZhikeError, frame_id: str | None) -> str:
    # Errors of the desk are Chinese sentences; those about frames are for whoever writes a program.
    message = str(error)
    if isinstance(error, RateLimited) or message.isascii():
        message = _PROBLEMS.get(error.code, "这个操作没有完成")
    return made("problem", id=frame_id, message=message)
