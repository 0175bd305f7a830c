"""People who own conversations, the life of tickets, opening hours"""

from datetime import timedelta

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
QUEUES = ("logistics", "after_sales", "technical", "billing", "account", "pre_sales", "complaint", "general")
PROMISE = timedelta(minutes=10)
WEIGHTS = (0.1, 0.4, 1.0, 1.5)
"""How much of the promised time passes before it is the turn of an urgent, high, normal or low conversation."""


def upgrade() -> None:
    for table, columns in {
        "users": (
            sa.Column("active", sa.Boolean(), nullable=False, server_default=sa.true()),
            sa.Column("capacity", sa.Integer(), nullable=False, server_default="5"),
            sa.Column("presence", sa.String(length=10), nullable=False, server_default="offline"),
            sa.Column("seen_at", MOMENT, nullable=True),
        ),
        "conversations": (
            sa.Column("due_at", MOMENT, nullable=True),
            sa.Column("unanswered_since", MOMENT, nullable=True),
            sa.Column("promised_at", MOMENT, nullable=True),
            sa.Column("agent_read_seq", sa.Integer(), nullable=False, server_default="0"),
            sa.Column("closed_at", MOMENT, nullable=True),
        ),
        "messages": (sa.Column("attachments", sa.JSON(), nullable=False, server_default="[]"),),
        "tickets": (
            sa.Column("promised_at", MOMENT, nullable=True),
            sa.Column("updated_at", MOMENT, nullable=True),
            sa.Column("closed_at", MOMENT, nullable=True),
        ),
        "hand_offs": (
            sa.Column("claimed_at", MOMENT, nullable=True),
            sa.Column("first_reply_at", MOMENT, nullable=True),
            sa.Column("result", sa.String(length=10), nullable=True),
            sa.Column("resolution", sa.Text(), nullable=True),
        ),
    }.items():
        for column in columns:
            op.add_column(table, column)
    for table, name in (("conversations", "agent_id"), ("messages", "user_id"), ("tickets", "owner_id"), ("hand_offs", "agent_id")):
        _refer_to_users(table, name)

    _check("users", role=("admin", "supervisor", "agent"), presence=("online", "away", "offline"))
    _check("hand_offs", outcome=("left", "closed", "returned", "resolved"), result=("solved", "unsolved", "follow_up"))
    op.execute("UPDATE tickets SET updated_at = created_at")
    op.execute("UPDATE tickets SET closed_at = created_at WHERE status = 'closed'")
    _check(
        "tickets",
        queue=QUEUES,
        priority=("urgent", "high", "normal", "low"),
        status=("open", "waiting", "solved", "closed"),
        always_there=("updated_at",),
    )

    op.create_index(op.f("ix_conversations_agent_id"), "conversations", ["agent_id"])
    op.create_index(op.f("ix_tickets_owner_id"), "tickets", ["owner_id"])
    op.create_index(op.f("ix_hand_offs_agent_id"), "hand_offs", ["agent_id"])
    op.drop_index(op.f("ix_conversations_state_queue_urgency_queued_at"), "conversations")
    op.create_index(op.f("ix_conversations_state_queue_due_at"), "conversations", ["state", "queue", "due_at"])
    op.create_index(op.f("ix_conversations_updated_at"), "conversations", ["updated_at"])
    _new_tables()
    _promise_those_who_wait()
    # Until now everybody served all queues.
    queues = " UNION ALL ".join(f"SELECT '{queue}' AS queue" for queue in QUEUES)
    op.execute(f"INSERT INTO user_queues (user_id, queue) SELECT users.id, queues.queue FROM users CROSS JOIN ({queues}) AS queues")  # noqa: S608 - constants
    if op.get_bind().dialect.name == "sqlite":
        broken = op.get_bind().exec_driver_sql("PRAGMA foreign_key_check").first()
        assert broken is None, f"a row of {broken[0]} refers to nothing"


def _refer_to_users(table: str, column: str) -> None:
    # By hand: Alembic would add the reference apart, which SQLite can do only by making the table anew.
    key = KEY.compile(dialect=op.get_bind().dialect)
    op.execute(f"ALTER TABLE {table} ADD COLUMN {column} {key} CONSTRAINT fk_{table}_{column} REFERENCES users (id)")


def _check(table: str, *, always_there: tuple[str, ...] = (), **allowed: tuple[str, ...]) -> None:
    """Allow only the values named in each column; these are all the checks of the table. SQLite has to make it anew."""
    checks = {column: f"{column} IN ({', '.join(repr(value) for value in values)})" for column, values in allowed.items()}
    if op.get_bind().dialect.name == "sqlite":
        constraints = tuple(sa.CheckConstraint(text, name=op.f(f"ck_{table}_{column}")) for column, text in checks.items())
        old = sa.Table(table, sa.MetaData(), autoload_with=op.get_bind()).constraints
        with op.batch_alter_table(table, table_args=constraints, recreate="always") as batch:
            for check in old:
                if isinstance(check, sa.CheckConstraint):
                    batch.drop_constraint(op.f(str(check.name)), type_="check")
            for column in always_there:
                batch.alter_column(column, nullable=False)
        return
    for column, text in checks.items():
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS ck_{table}_{column}")
        op.create_check_constraint(op.f(f"ck_{table}_{column}"), table, text)
    for column in always_there:
        op.alter_column(table, column, nullable=False)


def _promise_those_who_wait() -> None:
    conversation = sa.table(
        "conversations",
        *(sa.column(name, MOMENT) for name in ("queued_at", "due_at", "promised_at", "unanswered_since")),
        sa.column("id"),
        sa.column("state"),
        sa.column("urgency", sa.Integer),
    )
    bind = op.get_bind()
    waiting = sa.select(conversation.c.id, conversation.c.urgency, conversation.c.queued_at).where(conversation.c.state == "queued")
    for key, urgency, since in bind.execute(waiting).all():
        times = {"due_at": since + PROMISE * WEIGHTS[urgency], "promised_at": since + PROMISE, "unanswered_since": since}
        bind.execute(sa.update(conversation).where(conversation.c.id == key).values(times))


def _new_tables() -> None:
    op.create_table(
        "user_queues",
        sa.Column("user_id", KEY, nullable=False),
        sa.Column("queue", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_user_queues_user_id")),
        sa.PrimaryKeyConstraint("user_id", "queue", name=op.f("pk_user_queues")),
    )
    op.create_table(
        "queue_settings",
        sa.Column("queue", sa.String(length=20), nullable=False),
        sa.Column("promise_minutes", sa.Integer(), nullable=False),
        sa.Column("auto_assign", sa.Boolean(), nullable=False),
        sa.Column("restricted", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("queue", name=op.f("pk_queue_settings")),
    )
    op.create_table(
        "opening_hours",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("weekday", sa.Integer(), nullable=False),
        sa.Column("opens", sa.Integer(), nullable=False),
        sa.Column("closes", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_opening_hours")),
    )
    op.create_table(
        "holidays",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("opens", sa.Integer(), nullable=True),
        sa.Column("closes", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_holidays")),
    )
    op.create_table(
        "ticket_events",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("ticket_id", KEY, nullable=False),
        sa.Column("user_id", KEY, nullable=True),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["ticket_id"], ["tickets.id"], name=op.f("fk_ticket_events_ticket_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_ticket_events_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ticket_events")),
    )
    op.create_index(op.f("ix_ticket_events_ticket_id"), "ticket_events", ["ticket_id"])
    op.create_table(
        "conversation_events",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("conversation_id", sa.String(length=32), nullable=False),
        sa.Column("user_id", KEY, nullable=True),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversations.id"], name=op.f("fk_conversation_events_conversation_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_conversation_events_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conversation_events")),
    )
    op.create_index(op.f("ix_conversation_events_conversation_id"), "conversation_events", ["conversation_id"])
    op.create_table(
        "notes",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("customer_id", KEY, nullable=False),
        sa.Column("conversation_id", sa.String(length=32), nullable=True),
        sa.Column("user_id", KEY, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_notes_customer_id")),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversations.id"], name=op.f("fk_notes_conversation_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_notes_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notes")),
    )
    op.create_index(op.f("ix_notes_customer_id"), "notes", ["customer_id"])
    op.create_index(op.f("ix_notes_conversation_id"), "notes", ["conversation_id"])
    op.create_table(
        "attachments",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("conversation_id", sa.String(length=32), nullable=False),
        sa.Column("user_id", KEY, nullable=True),
        sa.Column("message_id", KEY, nullable=True),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("media_type", sa.String(length=100), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversations.id"], name=op.f("fk_attachments_conversation_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_attachments_user_id")),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], name=op.f("fk_attachments_message_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attachments")),
    )
    op.create_index(op.f("ix_attachments_conversation_id"), "attachments", ["conversation_id"])
    op.create_index(op.f("ix_attachments_message_id"), "attachments", ["message_id"])
    op.create_table(
        "canned_replies",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("shortcut", sa.String(length=40), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("queue", sa.String(length=20), nullable=True),
        sa.Column("updated_by", KEY, nullable=True),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["updated_by"], ["users.id"], name=op.f("fk_canned_replies_updated_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_canned_replies")),
        sa.UniqueConstraint("shortcut", name=op.f("uq_canned_replies_shortcut")),
    )
    op.create_table(
        "labels",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("message_id", KEY, nullable=False),
        sa.Column("conversation_id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("value", sa.String(length=60), nullable=False),
        sa.Column("predicted", sa.String(length=60), nullable=False),
        sa.Column("user_id", KEY, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.CheckConstraint("kind IN ('queue', 'intent', 'sentiment')", name=op.f("ck_labels_kind")),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], name=op.f("fk_labels_message_id")),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversations.id"], name=op.f("fk_labels_conversation_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_labels_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_labels")),
        sa.UniqueConstraint("message_id", "kind", name=op.f("uq_labels_message_id_kind")),
    )
    op.create_index(op.f("ix_labels_conversation_id"), "labels", ["conversation_id"])
