"""Who may see and change what: whole tables."""

from itertools import product

import pytest

from bot.conversation.access import Role, Viewer, may_manage, may_see

ME, OTHER = 1, 2


@pytest.mark.parametrize(
    ("role", "queue", "agent_id", "restricted", "sees"),
    [
        # Everybody sees what is not restricted.
        *((role, "complaint", owner, False, True) for role, owner in product(("agent", "supervisor", "admin"), (None, ME, OTHER))),
        # Restricted: own queue, own conversation, or a supervisor.
        ("agent", "complaint", None, True, False),
        ("agent", "complaint", OTHER, True, False),
        ("agent", "complaint", ME, True, True),
        ("agent", "billing", None, True, True),
        ("agent", "billing", OTHER, True, True),
        ("supervisor", "complaint", OTHER, True, True),
        ("admin", "complaint", OTHER, True, True),
        # A conversation that never was in a queue belongs to all.
        ("agent", None, None, True, True),
    ],
)
def test_who_sees_a_conversation(role: Role, queue: str | None, agent_id: int | None, restricted: bool, sees: bool) -> None:
    assert may_see(Viewer(ME, role, frozenset({"billing"})), queue, agent_id, restricted) is sees


@pytest.mark.parametrize(
    ("by", "manages"),
    [("admin", {"admin", "supervisor", "agent"}), ("supervisor", {"agent"}), ("agent", set())],
)
def test_who_manages_whom(by: Role, manages: set[Role]) -> None:
    roles: tuple[Role, ...] = ("admin", "supervisor", "agent")
    assert {role for role in roles if may_manage(by, role)} == manages
