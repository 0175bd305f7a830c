"""What agents add to conversations, and their prepared answers: each function is one whole transaction, as in `store`."""

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.exc import IntegrityError

from bot.conversation.access import Viewer
from bot.conversation.taxonomy import INTENT_QUEUES, QUEUES
from bot.crm import tables
from bot.crm.desk_queries import visible
from bot.crm.ownership import LONGEST_NOTE, short_text
from bot.crm.parts import CHANGED, actor, conversation_for, inserted, now
from bot.crm.records import Attachment, LabelKind
from bot.errors import BadInput, Conflict, NotFound

LONGEST_SHORTCUT = 40
LONGEST_FILE_NAME = 200

_LABELS: dict[LabelKind, tuple[str, ...]] = {
    "queue": tuple(QUEUES),
    "intent": tuple(INTENT_QUEUES),
    "sentiment": ("negative", "neutral", "positive"),
}


def add_note(c: Connection, user_id: int, conversation_id: str | None, customer_id: int, text: str) -> int:
    """An internal note in a conversation or, without one, about the customer as such; returns its key.

    Raises:
        NotFound: there is no such conversation or customer for this agent.
        BadInput: the note is empty.
        TooLong: it is too long.
    """
    viewer, conversation = actor(c, user_id).viewer, tables.conversations
    text = short_text(text, LONGEST_NOTE)
    if not text:
        raise BadInput("备注是空的")
    at = now()
    if conversation_id is not None:
        if conversation_for(c, viewer, conversation_id).customer_id != customer_id:
            raise NotFound("没有这位顾客")
        c.execute(CHANGED, {"conversation": conversation_id, "updated_at": at})
    elif not _meets(c, viewer, customer_id):
        raise NotFound("没有这位顾客")
    else:
        c.execute(update(conversation).where(conversation.c.customer_id == customer_id).values(updated_at=at))
    return inserted(c, tables.notes, customer_id=customer_id, conversation_id=conversation_id, user_id=user_id, text=text, at=at)


def _meets(c: Connection, viewer: Viewer, customer_id: int) -> bool:
    """Whether a viewer may see any conversation of a customer."""
    conversation = tables.conversations
    ids = c.execute(select(conversation.c.id).where(conversation.c.customer_id == customer_id, visible(viewer)).limit(1))
    return ids.first() is not None


def save_label(c: Connection, user_id: int, conversation_id: str, seq: int, kind: LabelKind, value: str) -> None:
    """Correct what was understood of a customer message; the last correction of a kind counts.

    Raises:
        NotFound: there is no such conversation for this agent.
        BadInput: the message was not triaged, or there is no such label.
    """
    if value not in _LABELS.get(kind, ()):
        raise BadInput("没有这个标签")
    row = conversation_for(c, actor(c, user_id).viewer, conversation_id)
    message, seen, label = tables.messages, tables.interactions, tables.labels
    predicted = c.execute(
        select(message.c.id, seen.c[kind])
        .join(seen, seen.c.message_id == message.c.id)
        .where(message.c.conversation_id == row.id, message.c.seq == seq)
    ).one_or_none()
    if predicted is None:
        raise BadInput("这条消息没有可以纠正的识别结果")
    at = now()
    c.execute(delete(label).where(label.c.message_id == predicted[0], label.c.kind == kind))
    inserted(
        c, label,
        message_id=predicted[0], conversation_id=row.id, kind=kind, value=value, predicted=predicted[1], user_id=user_id, at=at,
    )  # fmt: skip
    c.execute(CHANGED, {"conversation": row.id, "updated_at": at})


def add_attachment(
    c: Connection, conversation_id: str, user_id: int | None, *, id: str, name: str, media_type: str, size: int, sha256: str
) -> Attachment:
    """A file that an agent or, without `user_id`, the customer wants to send; `id` names it in storage, 32 hexadecimal digits.

    Its type and size were checked before. The customer sees an agent's file once it is sent.

    Raises:
        NotFound: there is no such conversation for this agent.
    """
    if user_id is not None:
        conversation_for(c, actor(c, user_id).viewer, conversation_id)
    at, name = now(), short_text(name, 10 * LONGEST_FILE_NAME)[-LONGEST_FILE_NAME:] or "file"
    inserted(
        c, tables.attachments,
        id=id, conversation_id=conversation_id, user_id=user_id, name=name, media_type=media_type, size=size, sha256=sha256, at=at,
    )  # fmt: skip
    c.execute(CHANGED, {"conversation": conversation_id, "updated_at": at})
    return Attachment(id, conversation_id, user_id, name, media_type, size, sha256, at, sent=False)


# Prepared answers


def save_canned(c: Connection, user_id: int, *, shortcut: str, text: str, queue: str | None = None, canned_id: int | None = None) -> int:
    """A prepared answer, new or, with `canned_id`, instead of that one; returns its key.

    Raises:
        BadInput: shortcut or text are missing, or there is no such queue.
        Conflict: another one has the shortcut.
        NotFound: there is no such answer to change.
    """
    actor(c, user_id)
    shortcut, text = short_text(shortcut, LONGEST_SHORTCUT).lstrip("/").strip(), short_text(text, LONGEST_NOTE)
    if not shortcut or any(character.isspace() for character in shortcut):
        raise BadInput("快捷词要填写，中间不能有空格")
    if not text:
        raise BadInput("请填写回复内容")
    if queue is not None and queue not in QUEUES:
        raise BadInput("没有这个队列")
    canned = tables.canned_replies
    values = {"shortcut": shortcut, "text": text, "queue": queue, "updated_by": user_id, "updated_at": now()}
    try:
        with c.begin_nested():
            if canned_id is None:
                return inserted(c, canned, **values)
            changed = c.execute(update(canned).where(canned.c.id == canned_id).values(**values)).rowcount
    except IntegrityError:
        raise Conflict(f"快捷词“{shortcut}”已经有了") from None
    if not changed:
        raise NotFound("没有这条快捷回复")
    return canned_id


def delete_canned(c: Connection, user_id: int, canned_id: int) -> None:
    """Do away with a prepared answer; one that is gone already stays gone."""
    actor(c, user_id)
    c.execute(delete(tables.canned_replies).where(tables.canned_replies.c.id == canned_id))
