"""Whether an agent is there."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.conversation.presence import Presence, effective

NOW = datetime(2026, 11, 25, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("choice", "seconds", "presence"),
    [
        ("online", 0, "online"),
        ("online", 30, "online"),
        ("online", 31, "offline"),
        ("away", 5, "away"),
        ("away", 31, "offline"),
        ("offline", 0, "offline"),
        ("online", None, "offline"),
    ],
)
def test_what_was_chosen_counts_while_a_console_is_connected(choice: Presence, seconds: int | None, presence: Presence) -> None:
    seen_at = None if seconds is None else NOW - timedelta(seconds=seconds)
    assert effective(choice, seen_at, NOW) == presence
