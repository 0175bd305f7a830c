"""Whether an agent is there."""

from datetime import datetime, timedelta
from typing import Literal

Presence = Literal["online", "away", "offline"]

OFFLINE_AFTER = timedelta(seconds=30)
"""Without a connected console for so long, an agent counts as offline."""
LOST_AFTER = timedelta(seconds=120)
"""Offline for so long, an agent's conversations go back into their queue."""


def effective(choice: Presence, seen_at: datetime | None, at: datetime) -> Presence:
    """What an agent chose, unless no console of theirs was connected lately."""
    return "offline" if seen_at is None or at - seen_at > OFFLINE_AFTER else choice
