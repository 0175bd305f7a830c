"""The sentiment of the last messages stands with the conversation; every turn reads it"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("conversations", sa.Column("recent_scores", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("conversations", "recent_scores")
