"""The JSON frames of the chat protocol: read with care, made in one place."""

import json
import re
from typing import Any

from bot.conversation.messages import ATTACHED, LONGEST, clean, too_long
from bot.crm.records import ConversationView, MessageView
from bot.errors import BadInput, TooLong, ZhikeError

LONGEST_FRAME = 64 * 1024
"""Characters of a frame that is looked into; 4,000 escaped characters fit well."""
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_FILE = re.compile(r"[0-9a-f]{32}")


class Frame:
    """A frame of a client. Its getters say what is wrong when a field is not what it should be."""

    def __init__(self, raw: str) -> None:
        if len(raw) > LONGEST_FRAME:
            raise TooLong(f"a frame has at most {LONGEST_FRAME} characters")
        try:
            fields = json.loads(raw)
        except (ValueError, RecursionError):
            raise BadInput("the frame is not JSON") from None
        if not isinstance(fields, dict) or not isinstance(fields.get("type"), str):
            raise BadInput('a frame is a JSON object with a "type"')
        self._fields: dict[str, Any] = fields
        self.type: str = fields["type"]

    @property
    def own_id(self) -> str | None:
        """The frame's id, when it has a fit one."""
        value = self._fields.get("id")
        return value if isinstance(value, str) and _ID.fullmatch(value) else None

    def id(self) -> str:
        """The id that the client gave this frame."""
        if self.own_id is None:
            raise BadInput('"id" is 1 to 64 letters, digits, - or _')
        return self.own_id

    def text(self, name: str, *, longest: int = LONGEST) -> str:
        """Text that is not empty, without what cannot be stored."""
        value = clean(self._string(name, longest))
        if not value:
            raise BadInput(f'"{name}" is empty')
        return value

    def optional(self, name: str, *, longest: int) -> str | None:
        """Text, or None where there is none."""
        if self._fields.get(name) is None:
            return None
        return clean(self._string(name, longest)) or None

    def whole(self, name: str, lowest: int, highest: int, *, default: int | None = None) -> int:
        """A whole number within bounds."""
        value = self._fields.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
            raise BadInput(f'"{name}" is a whole number from {lowest} to {highest}')
        return value

    def files(self, name: str, *, most: int) -> list[str]:
        """Ids of files; none when the field is missing."""
        value = self._fields.get(name, [])
        if not isinstance(value, list) or len(value) > most or not all(isinstance(one, str) and _FILE.fullmatch(one) for one in value):
            raise BadInput(f'"{name}" is a list of at most {most} ids of files')
        return value

    def flag(self, name: str) -> bool:
        """True or false."""
        value = self._fields.get(name)
        if not isinstance(value, bool):
            raise BadInput(f'"{name}" is true or false')
        return value

    def one_of(self, name: str, *values: str) -> str:
        """One of some words."""
        value = self._fields.get(name)
        if value not in values:
            raise BadInput(f'"{name}" is one of: {", ".join(values)}')
        return str(value)

    def _string(self, name: str, longest: int) -> str:
        value = self._fields.get(name)
        if not isinstance(value, str):
            raise BadInput(f'"{name}" is text')
        if len(value) > longest or too_long(value):
            raise TooLong(f'"{name}" has at most {longest:,} characters')
        return value


def message_frame(message: MessageView) -> dict[str, Any]:
    """A message of the log."""
    frame: dict[str, Any] = {
        "type": "message",
        "seq": message.seq,
        "from": message.sender,
        "name": message.name,
        "text": "" if message.attachments and message.text in ATTACHED.values() else message.text,
        "buttons": list(message.buttons),
        "at": message.at.isoformat(timespec="milliseconds"),
    }
    if message.client_id and message.sender == "customer":
        frame["id"] = message.client_id
    if message.attachments:
        frame["attachments"] = list(message.attachments)
    return frame


def state_frame(conversation: ConversationView) -> dict[str, Any]:
    """Who owns the conversation, and the place in the queue."""
    frame: dict[str, Any] = {"type": "state", "state": conversation.state, "position": conversation.position}
    if conversation.reasons:
        frame["reason"] = "；".join(str(reason["zh"]) for reason in conversation.reasons)
    return frame


def read_frame(seq: int) -> dict[str, Any]:
    """A person has seen the customer's messages up to `seq`."""
    return {"type": "read", "from": "agent", "seq": seq}


def error_frame(error: ZhikeError, frame_id: str | None) -> dict[str, Any]:
    """What was wrong, in the protocol's words."""
    return {"type": "error", "code": error.code, "message": str(error), "id": frame_id}
