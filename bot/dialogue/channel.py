"""Where Rasa sends its replies to: the turn under way."""

from typing import Any

from rasa.core.channels.channel import OutputChannel

from bot.conversation.outcome import Button, Reply
from bot.dialogue.turn import Turn


class TurnChannel(OutputChannel):
    """Collects the replies of one turn; they are delivered once they are in the record."""

    def __init__(self, turn: Turn) -> None:
        self._turn = turn

    @classmethod
    def name(cls) -> str:
        """What conditional responses of the domain call this channel."""
        return "zhike"

    async def send_response(self, recipient_id: str, message: dict[str, Any]) -> None:
        """Keep a reply's text and buttons; one without text shows nothing to the customer."""
        if text := (message.get("text") or "").strip():
            buttons = (Button(button["title"], button["payload"]) for button in message.get("buttons") or ())
            self._turn.replies.append(Reply(text, tuple(buttons)))
