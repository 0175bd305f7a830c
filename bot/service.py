"""The composition root: builds store, models, assistant and worker once per process, and holds them together."""

import asyncio
import fcntl
import gc
import uuid
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import IO

import structlog

from bot.conversation.escalation import Policy
from bot.conversation.messages import LEAVE_A_MESSAGE
from bot.crm import queries, store
from bot.crm.database import Commit, Database
from bot.crm.hints import Hints
from bot.crm.records import Accepted, Change, Finished, MessageView
from bot.dialogue.assistant import Assistant
from bot.dialogue.desk import Desk
from bot.dialogue.triage import Triage
from bot.dialogue.worker import LEASE_SECONDS, Worker
from bot.errors import SettingError, Unavailable
from bot.keeper import keep
from bot.learning import cards
from bot.outbox import tell_outside
from bot.settings import Settings
from bot.suggestions import Suggestions

log = structlog.get_logger(__name__)

ChangedListener = Callable[[str, Change | None], "asyncio.Task[None] | None"]

LOOK_SECONDS = 0.25
ANSWER_SECONDS = 60.0

_desk: Desk | None = None


class Service:
    """What one process serves with. `assistant` and `worker` are missing in the role `web`."""

    def __init__(self, settings: Settings, database: Database, assistant: Assistant | None, owner: str) -> None:
        self.settings = settings
        self.database = database
        self.assistant = assistant
        self.hints = Hints(settings.redis_url)
        self.suggestions = Suggestions(database)
        self.owner = owner
        self.worker = Worker(database, assistant, owner, on_started=self._started, on_finished=self._finished) if assistant else None
        self._started_listeners: list[Callable[[str], None]] = []
        self._changed_listeners: list[ChangedListener] = []
        self._taking: set[asyncio.Task[None]] = set()
        self._waiting: dict[int, asyncio.Event] = {}
        self._telling: asyncio.Task[None] | None = None
        self._keeping: asyncio.Task[None] | None = None

    @classmethod
    def build(cls, settings: Settings, *, with_assistant: bool = True, owner: str | None = None) -> "Service":
        """Open the record and load the published models.

        Raises:
            Unavailable: the database cannot be used.
            ModelError: a model is missing, was changed or cannot be read.
        """
        global _desk
        database = Database(settings.database_url).open()
        assistant = None
        if with_assistant:
            triage = load_triage(settings)
            _desk = Desk(database, triage, settings.timezone)
            archive = cards.verified(settings.models, cards.read_card(settings.models, "assistant"))
            assistant = Assistant.load(archive, _desk, triage, database, timeout=settings.turn_timeout)
        return cls(settings, database, assistant, owner or f"{settings.worker_name}/{uuid.uuid4().hex[:8]}")

    async def start(self, *, keeps: bool = False) -> None:
        """Warm up, take up turns that were left, and listen for hints; with `keeps`, keep the queues, too."""
        if self.assistant:
            await self.assistant.warm_up()
            gc.collect()
            gc.freeze()  # models and Rasa's objects stay; looking through them again and again would stop turns
        if self.worker:
            await self.worker.start()
        self.hints.listen(self._hinted)
        if self.worker and self.settings.webhook_url:
            self._telling = asyncio.create_task(tell_outside(self.database, self.settings.webhook_url, self.settings.webhook_secret))
        if keeps:
            self._keeping = asyncio.create_task(keep(self.database, self.changed))

    async def stop(self) -> None:
        """Finish what is under way and let go of everything."""
        for task in filter(None, (self._telling, self._keeping)):
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await asyncio.gather(*self._taking, return_exceptions=True)
        if self.worker:
            await self.worker.stop()
        await self.hints.close()
        self.database.close()

    def on_started(self, listener: Callable[[str], None]) -> None:
        """Call `listener(conversation_id)` when the assistant begins to work on a message."""
        self._started_listeners.append(listener)

    def on_changed(self, listener: ChangedListener) -> None:
        """Call `listener(conversation_id, change)` when there is something new in a conversation; the change where it is known here.

        What it returns, if anything, is done once the change has been shown to those who look at the conversation.
        """
        self._changed_listeners.append(listener)

    def changed(self, conversation_id: str, change: Change | None = None) -> None:
        """Tell everybody, here and in other processes, to look at a conversation."""
        self._tell(conversation_id, change)

    def _tell(self, conversation_id: str, change: Change | None) -> "list[asyncio.Task[None]]":
        showing = [listener(conversation_id, change) for listener in self._changed_listeners]
        self.hints.tell(conversation_id)
        return [each for each in showing if each is not None]

    async def accept(
        self, conversation_id: str, client_id: str, text: str, *, payload: str | None = None, attachments: Sequence[str] = ()
    ) -> Accepted:
        """Commit a customer message and see to its turn; once this returns, the message is in the record for good.

        `attachments` are ids of files that the customer put into the conversation. Who rather leaves a message does not wait any more.

        Raises:
            NotFound: there is no such conversation.
            BadInput: an attachment is not there, or was sent already.
            Unavailable: the database does not answer.
        """
        accepted, committed = await self.database.run_ahead(
            store.accept_message, conversation_id, client_id, text, payload=payload, attachments=attachments,
            leaves_queue=payload == LEAVE_A_MESSAGE, owner=self.owner if self.worker else None, lease_seconds=LEASE_SECONDS,
        )  # fmt: skip
        # The assistant thinks while the disk writes; where a person is asked, that person comes first.
        ahead = accepted.state == "bot"
        if ahead:
            self._take(accepted, committed)
        showing = []
        try:
            await committed
            if not accepted.duplicate:
                showing = self._tell(conversation_id, Change(conversation_id, accepted.state, (accepted.message,)))
        finally:
            committed.heard.set()
        if not ahead:
            task = asyncio.get_running_loop().create_task(self._take_once_shown(showing, accepted, committed))
            self._taking.add(task)
            task.add_done_callback(self._taking.discard)
        return accepted

    async def _take_once_shown(self, showing: "Sequence[asyncio.Task[None]]", accepted: Accepted, committed: Commit) -> None:
        if showing:
            await asyncio.wait(showing)
        self._take(accepted, committed)

    def _take(self, accepted: Accepted, committed: Commit) -> None:
        if accepted.turn is not None and self.worker is not None:
            self.worker.take(accepted.turn, committed)

    async def replies(self, turn_id: int) -> list[MessageView]:
        """What the assistant says in a turn, once it is done.

        Raises:
            Unavailable: the turn is not done after a minute.
        """
        done = self._waiting.setdefault(turn_id, asyncio.Event())
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                while True:
                    found = await self.database.read(queries.replies, turn_id)
                    if found is not None:
                        return found
                    try:
                        async with asyncio.timeout(LOOK_SECONDS):
                            await done.wait()
                    except TimeoutError:
                        continue
        except TimeoutError:
            raise Unavailable("there is no answer yet; it will be in the conversation") from None
        finally:
            self._waiting.pop(turn_id, None)

    def _started(self, conversation_id: str) -> None:
        for listener in self._started_listeners:
            listener(conversation_id)

    def _finished(self, finished: Finished) -> None:
        if done := self._waiting.get(finished.turn_id):
            done.set()
        self.changed(finished.conversation_id, Change(finished.conversation_id, finished.state, finished.messages))

    def _hinted(self, conversation_id: str) -> None:
        if self.worker:
            self.worker.hint()
        for listener in self._changed_listeners:
            listener(conversation_id, None)


def load_triage(settings: Settings) -> Triage:
    """The published classifiers with the escalation policy.

    Raises:
        ModelError: a model is missing, was changed or cannot be read.
    """
    return Triage(
        tickets=cards.load(settings.models, "tickets"),
        sentiment=cards.load(settings.models, "sentiment"),
        escalation=cards.load(settings.models, "escalation"),
        policy=Policy(),
        assistant_version=cards.read_card(settings.models, "assistant").version,
    )


def desk() -> Desk:
    """The desk that actions work at: the running service's, or, in Rasa's own action server, one from the environment.

    Raises:
        SettingError, Unavailable, ModelError: as `Service.build`.
    """
    return _desk or _desk_from_environment()


@cache
def _desk_from_environment() -> Desk:
    settings = Settings.from_environment()
    return Desk(Database(settings.database_url).open(), load_triage(settings), settings.timezone)


def claim_name(var: Path, name: str) -> IO[str]:
    """Make sure that no other process on this machine works under a name, until the returned file is closed.

    Raises:
        SettingError: another process does.
    """
    var.mkdir(parents=True, exist_ok=True)
    file = (var / f"worker-{''.join(c if c.isalnum() else '-' for c in name)}.lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise SettingError(f"another process works as {name!r} in {var}; stop it, or set ZHIKE_WORKER_NAME for this one") from None
    return file
