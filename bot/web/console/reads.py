"""What consoles read, each in one transaction: who is asking first, then only what these may see."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from bot.conversation.access import Viewer
from bot.conversation.messages import PERSON_WORDS
from bot.crm import desk_queries, queries, store
from bot.crm.records import CannedReply, ConversationRow, Counts, CustomerSide, Line, Member, Session
from bot.errors import BadInput, NotFound
from bot.web.console.views import LINES, ROWS, Choice

NOBODY = Viewer(0, "agent", frozenset())
"""A console that has not greeted."""
QUESTION_LINES, QUESTION_MESSAGES = 20, 3


class SignedOut(Exception):
    """The session is over, or the user may not sign in any more."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Who is asking, as the record has it now."""

    session: Session
    viewer: Viewer


@dataclass(frozen=True, slots=True)
class Rows:
    """A part of a list; `more` says where the next one begins, None at the end."""

    rows: Sequence[ConversationRow]
    keys: Sequence[str]
    more: str | None


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation with its last lines; `before` is the first message that is shown, if there are earlier ones."""

    row: ConversationRow
    lines: Sequence[Line]
    before: int | None
    side: CustomerSide


@dataclass(frozen=True, slots=True)
class Beside:
    """What stands beside a conversation; `question` is what waits for the viewer's answer, if anything does."""

    row: ConversationRow
    side: CustomerSide
    question: str


def standing(c: Connection, token: str, at: datetime) -> Standing:
    """Who is signed in with a token.

    Raises:
        SignedOut: nobody.
    """
    found = standings(c, (token,), at).get(token)
    if found is None:
        raise SignedOut
    return found


def standings(c: Connection, tokens: Collection[str], at: datetime) -> dict[str, Standing]:
    """Who is signed in with each of the tokens; a token of nobody is left out."""
    hashes = {store.hash_of(token): token for token in tokens}
    return {hashes[key]: Standing(*found) for key, found in desk_queries.signed_in(c, hashes, at).items()}


def row(c: Connection, viewer: Viewer, conversation_id: str, at: datetime) -> ConversationRow:
    """A conversation that the viewer may see.

    Raises:
        NotFound: there is none.
    """
    found = desk_queries.row(c, viewer, conversation_id, at)
    if found is None:
        raise NotFound("没有这个对话")
    return found


def beside(c: Connection, token: str, conversation_id: str, at: datetime) -> Beside:
    """What stands beside a conversation, for who is signed in with a token.

    Raises:
        SignedOut: nobody is.
        NotFound: there is none for them.
    """
    viewer = standing(c, token, at).viewer
    found, side = _row_and_side(c, viewer, conversation_id, at)
    mine = found.state == "agent" and found.agent_id == viewer.user_id
    return Beside(found, side, _question(c, conversation_id) if mine else "")


def _row_and_side(c: Connection, viewer: Viewer, conversation_id: str, at: datetime) -> tuple[ConversationRow, CustomerSide]:
    found = row(c, viewer, conversation_id, at)
    side = desk_queries.customer_side(c, viewer, conversation_id)
    assert side is not None, "it was seen in the same transaction"
    return found, side


def _question(c: Connection, conversation_id: str) -> str:
    """What the customer asked that nobody has answered yet."""
    asked: list[str] = []
    for said in reversed(queries.latest_messages(c, conversation_id, QUESTION_LINES)):
        if said.sender == "agent" or len(asked) == QUESTION_MESSAGES:
            break
        if said.sender == "customer" and said.text not in PERSON_WORDS.values():
            asked.append(said.text)
    return "\n".join(reversed(asked))


def rows(c: Connection, viewer: Viewer, choice: Choice, at: datetime, more: str | None = None) -> Rows:
    """A part of a list, from the beginning or from where `more` says.

    Raises:
        BadInput: `more` says nothing.
    """
    limit = ROWS + 1
    if choice.which == "all":
        before = _moment_and_id(more) if more else None
        found = desk_queries.all_rows(c, viewer, at, limit, state=choice.state, queue=choice.queue, search=choice.search, before=before)
        rest = f"{found[ROWS - 1].updated_at.isoformat()}|{found[ROWS - 1].id}" if len(found) > ROWS else None
    else:
        offset = int(more) if more and more.isdecimal() else 0
        if choice.which == "queue":
            found = desk_queries.queue_rows(c, viewer, at, limit, choice.queue, offset=offset)
        else:
            found = desk_queries.my_rows(c, viewer, at, limit, offset=offset)
        rest = str(offset + ROWS) if len(found) > ROWS else None
    return Rows(found[:ROWS], [choice.key(each) for each in found[:ROWS]], rest)


def talk(c: Connection, viewer: Viewer, conversation_id: str, at: datetime) -> Talk:
    """A conversation from its last lines on.

    Raises:
        NotFound: there is none for this viewer.
    """
    found, side = _row_and_side(c, viewer, conversation_id, at)
    after = max(0, found.last_seq - LINES)
    return Talk(found, desk_queries.lines(c, viewer, conversation_id, after, LINES), after + 1 if after else None, side)


def earlier(c: Connection, viewer: Viewer, conversation_id: str, before: int) -> tuple[Sequence[Line], int | None]:
    """The lines before a message, and the first message among them if there are earlier ones."""
    after = max(0, before - 1 - LINES)
    return desk_queries.lines(c, viewer, conversation_id, after, LINES, before), after + 1 if after else None


@dataclass(frozen=True, slots=True)
class Looks:
    """Conversations with whether their queue is restricted and, for those that are open somewhere, their last lines; and who is there
    to see them, by their tokens."""

    found: Sequence[tuple[ConversationRow, bool, Sequence[Line]]]
    standings: Mapping[str, Standing]


def looks(c: Connection, conversation_ids: Collection[str], open_ones: Collection[str], tokens: Collection[str], at: datetime) -> Looks:
    """Conversations that changed, for those who are signed in with some tokens."""
    settings = desk_queries.queue_settings(c)
    found: list[tuple[ConversationRow, bool, Sequence[Line]]] = []
    for one in desk_queries.rows_of(c, conversation_ids, at).values():
        tail = max(0, one.last_seq - LINES)
        lines = desk_queries.lines_of(c, one.id, tail, LINES) if one.id in open_ones else ()
        found.append((one, one.queue is not None and settings[one.queue].restricted, lines))
    # After the rest: what somebody may not see any more by then is not shown, however new it is.
    return Looks(found, standings(c, tokens, at))


def eyes(c: Connection, conversation_id: str, tokens: Collection[str], at: datetime) -> tuple[Mapping[str, Standing], set[str]]:
    """Who is signed in with some tokens, and with which of them the conversation may be seen; a single statement."""
    hashes = {store.hash_of(token): token for token in tokens}
    found, seeing = desk_queries.watching(c, hashes, conversation_id, at)
    return {hashes[key]: Standing(*one) for key, one in found.items()}, {hashes[key] for key in seeing}


def counts(c: Connection, viewers: Collection[Viewer], at: datetime) -> dict[Viewer, Counts]:
    """How much there is to do for each viewer."""
    return {viewer: desk_queries.counts(c, viewer, at) for viewer in viewers}


def people(c: Connection, one: ConversationRow, at: datetime) -> list[Member]:
    """Who can be given a conversation now: those who are online; while it waits, only those who serve its queue."""
    return [
        member
        for member in desk_queries.team(c, at)
        if member.active
        and member.presence == "online"
        and member.id != one.agent_id
        and (one.state != "queued" or one.queue in member.queues)
    ]


def canned(c: Connection, search: str, queue: str | None, limit: int = 8) -> list[CannedReply]:
    """The prepared answers that fit what was typed: those whose shortcut begins so first, then those that hold it."""
    wanted = search.casefold()
    found = desk_queries.canned_replies(c, queue)
    begin = [each for each in found if each.shortcut.casefold().startswith(wanted)]
    hold = [each for each in found if each not in begin and (wanted in each.shortcut.casefold() or wanted in each.text.casefold())]
    return (begin + hold)[:limit]


def _moment_and_id(more: str) -> tuple[datetime, str]:
    moment, _, key = more.partition("|")
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        raise BadInput("这里没有更多了") from None
    if at.tzinfo is None:
        raise BadInput("这里没有更多了")
    return at, key
