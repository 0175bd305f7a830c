"""How a customer feels is a running state in place of the last scores"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

HALF_LIVES = {"level": 3.0, "fast": 1.0}
AT_ONCE = 1000


def upgrade() -> None:
    op.add_column("conversations", sa.Column("mood", sa.JSON(), nullable=True))
    _carry_over("recent_scores", "mood", mood)
    op.drop_column("conversations", "recent_scores")


def downgrade() -> None:
    op.add_column("conversations", sa.Column("recent_scores", sa.JSON(), nullable=True))
    _carry_over("mood", "recent_scores", lambda stored: stored["recent"])
    op.drop_column("conversations", "mood")


def _carry_over(before: str, after: str, made: Any) -> None:
    table = sa.table("conversations", sa.column("id", sa.String()), sa.column(before, sa.JSON()), sa.column(after, sa.JSON()))
    connection = op.get_bind()
    rows = connection.execute(sa.select(table.c.id, table.c[before]).where(table.c[before].is_not(sa.null()))).all()
    changes = [{"key": row.id, "value": made(row[1])} for row in rows if row[1]]
    change = sa.update(table).where(table.c.id == sa.bindparam("key")).values({after: sa.bindparam("value", type_=sa.JSON())})
    for first in range(0, len(changes), AT_ONCE):
        connection.execute(change, changes[first : first + AT_ONCE])


def mood(scores: list[float]) -> dict[str, Any]:
    """The state that these scores lead to: averages that forget by half in so many messages."""
    averages = {}
    for name, half_life in HALF_LIVES.items():
        weights = [2 ** (-age / half_life) for age in range(len(scores) - 1, -1, -1)]
        averages[name] = round(sum(weight * score for weight, score in zip(weights, scores, strict=True)) / sum(weights), 6)
    return {"messages": len(scores), **averages, "recent": scores}
