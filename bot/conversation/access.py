"""Who of the staff may see and change what."""

from dataclasses import dataclass
from typing import Literal

Role = Literal["admin", "supervisor", "agent"]

_RANKS: dict[Role, int] = {"agent": 0, "supervisor": 1, "admin": 2}


@dataclass(frozen=True, slots=True)
class Viewer:
    """One of the staff, as far as it matters for what may be seen."""

    user_id: int
    role: Role
    queues: frozenset[str]

    @property
    def supervises(self) -> bool:
        """Whether this is a supervisor or an admin, who see everything."""
        return self.role != "agent"


def may_see(viewer: Viewer, queue: str | None, agent_id: int | None, restricted: bool) -> bool:
    """Whether a conversation of a queue, owned by `agent_id` or by nobody, is for the viewer's eyes.

    >>> may_see(Viewer(1, "agent", frozenset({"billing"})), "complaint", None, restricted=True)
    False
    """
    return viewer.supervises or not restricted or queue is None or queue in viewer.queues or agent_id == viewer.user_id


def may_manage(by: Role, role: Role) -> bool:
    """Whether somebody in the role `by` may change users in `role` or make others such: admins everybody, supervisors only agents.

    >>> may_manage("supervisor", "supervisor"), may_manage("admin", "admin")
    (False, True)
    """
    return by == "admin" or _RANKS[by] > _RANKS[role]
