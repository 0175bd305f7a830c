"""What one console shows, and which frames bring it up to date. Knows no sockets and reads no records."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Literal

from bot.conversation.access import Viewer, may_see
from bot.conversation.outcome import State
from bot.crm.records import ConversationRow, Counts, Line
from bot.web.console.rendering import Fragments, frame

Which = Literal["mine", "queue", "all"]
ROWS = 50
"""Conversations that a list brings at once."""
LINES = 60
"""Messages that a transcript brings at once."""

_END = 10**14  # milliseconds; later than any time in the record


@dataclass(frozen=True, slots=True)
class Choice:
    """Which list, and which part of it."""

    which: Which = "queue"
    queue: str | None = None
    state: State | None = None
    search: str | None = None

    def key(self, row: ConversationRow) -> str:
        """Lists are in the order of these."""
        if self.which == "queue":
            return f"{_milliseconds(row.due_at or row.last_at):014d}{row.id}"
        if self.which == "mine" and row.unanswered_since is not None:
            return f"0{_milliseconds(row.promised_at or row.unanswered_since):014d}{row.id}"
        return f"1{_END - _milliseconds(row.updated_at):014d}{row.id}"

    def includes(self, row: ConversationRow, viewer: Viewer) -> bool:
        """Whether a conversation that the viewer may see is in the list, as far as can be told without searching."""
        if self.which == "mine":
            return row.state == "agent" and row.agent_id == viewer.user_id
        if self.queue and row.queue != self.queue:
            return False
        return row.state == "queued" if self.which == "queue" else not self.state or row.state == self.state


@dataclass
class Look:
    """What the record says of a conversation that changed, drawn once for all consoles that show it."""

    fragments: Fragments
    row: ConversationRow
    restricted: bool
    lines: Sequence[Line] = ()
    _rows: dict[tuple[Which, bool], str] = field(default_factory=dict)
    _lines: dict[tuple[str, str | None], str] = field(default_factory=dict)

    @cached_property
    def gone(self) -> str:
        """The frame that takes the conversation out of a list."""
        return frame("remove", target=f"row-{self.row.id}")

    def row_frame(self, choice: Choice) -> str:
        """The frame that puts the conversation where it belongs in a list; one that is searched gets no new rows."""
        kind = choice.which, not choice.search
        if kind not in self._rows:
            self._rows[kind] = frame("place", target="rows", html=self.fragments.row(self.row, choice.key(self.row)), add=kind[1])
        return self._rows[kind]

    def line_frame(self, line: Line, after: str | None) -> str:
        """The frame that puts a line behind another."""
        kind = line.key, after
        if kind not in self._lines:
            self._lines[kind] = line_frame(self.fragments, self.row.id, line, after)
        return self._lines[kind]


class View:
    """The list, the open conversation and its lines, as they were sent to one console."""

    def __init__(self, viewer: Viewer) -> None:
        self.viewer = viewer
        self.choice = Choice()
        self.conversation_id = ""
        self._rows: set[str] = set()
        self._lines: dict[str, Line] = {}
        self._parts: dict[str, str] = {}
        self._counts: Counts | None = None

    def listed(self, rows: Collection[ConversationRow], *, anew: bool) -> None:
        """These conversations were sent as a list, `anew` or as more of it."""
        if anew:
            self._rows.clear()
        self._rows |= {row.id for row in rows}

    def opened(self, conversation_id: str, lines: Sequence[Line] = ()) -> None:
        """This conversation was sent with these lines; an empty text stands for none."""
        self.conversation_id = conversation_id
        self._lines = {line.key: line for line in lines}
        self._parts = {}

    def may_see(self, look: Look) -> bool:
        """Whether the conversation is for this console's eyes."""
        return may_see(self.viewer, look.row.queue, look.row.agent_id, look.restricted)

    def list_frames(self, look: Look) -> list[str]:
        """What brings the list up to date."""
        row = look.row
        if self.may_see(look) and self.choice.includes(row, self.viewer) and (not self.choice.search or row.id in self._rows):
            self._rows.add(row.id)
            return [look.row_frame(self.choice)]
        if row.id in self._rows:
            self._rows.discard(row.id)
            return [look.gone]
        return []

    def talk_frames(self, look: Look) -> list[str]:
        """What brings the open conversation up to date: lines that are new or changed, and its head."""
        frames = []
        after = None
        for line in look.lines:
            if self._lines.get(line.key) != line:
                self._lines[line.key] = line
                frames.append(look.line_frame(line, after))
            after = line.key
        return frames + self.part_frames(head=look.fragments.head(look.row, self.viewer))

    def counts_frames(self, counts: Counts | None) -> list[str]:
        """What brings the counts up to date; nothing when they are not this viewer's or still the same."""
        if counts is None or counts == self._counts:
            return []
        self._counts = counts
        return [frame("counts", queued=counts.queued, mine=counts.mine, unread=counts.unread, risk=counts.at_risk)]

    def following(self, lines: Sequence[Line]) -> list[Line]:
        """Those new messages that come right behind the last one that was sent; from now on they count as sent."""
        found = []
        for line in lines:
            if line.message is not None and line.message.seq == self._last_seq() + 1:
                self._lines[line.key] = line
                found.append(line)
        return found

    def _last_seq(self) -> int:
        return max((line.message.seq for line in self._lines.values() if line.message), default=0)

    def part_frames(self, **parts: str) -> list[str]:
        """What brings other parts of the open conversation up to date, by the elements that hold them."""
        changed = {target: html for target, html in parts.items() if self._parts.get(target) != html}
        self._parts |= changed
        return [frame("swap", target=target, html=html, conversation=self.conversation_id) for target, html in changed.items()]


def line_frame(fragments: Fragments, conversation_id: str, line: Line, after: str | None) -> str:
    """The frame that puts a line behind another."""
    return frame("place", target="log", html=fragments.line(line), after=after, conversation=conversation_id)


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)
