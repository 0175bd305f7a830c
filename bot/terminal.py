"""Talking to the assistant from the terminal and from scripts: `predict`, `explain` and `chat`."""

import asyncio
import json
import sys
import uuid
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import IO, Any

from bot.conversation.messages import clean, too_long
from bot.conversation.outcome import Interaction
from bot.crm import queries, store
from bot.crm.records import ConversationView, InteractionView, MessageView, Visit
from bot.dialogue.assistant import Assistant
from bot.errors import BadInput
from bot.learning import explanation
from bot.service import Service
from bot.settings import Settings

BATCH = 256


def predict(settings: Settings, lines: Iterable[bytes], out: IO[str]) -> None:
    """For every JSON line `{"text"}`, a JSON line with intent, queue, sentiment and escalation, in batches.

    Raises:
        BadInput: a line is not such an object; lines before it are answered.
    """
    service = Service.build(settings)
    assistant = service.assistant
    assert assistant is not None
    texts = (_field(line, number, "text") for number, line in _numbered(lines))
    found: list[BadInput] = []
    try:
        while batch := list(_until_bad(islice(texts, BATCH), found)):
            for answer in _predicted(assistant, batch):
                print(json.dumps(answer, ensure_ascii=False), file=out)
            out.flush()
            if found:
                break
        if found:
            raise found[0]
    finally:
        service.database.close()


def _predicted(assistant: Assistant, texts: list[str]) -> Iterator[dict[str, Any]]:
    for text, seen in zip(texts, assistant.assess_all(texts), strict=True):
        yield {
            "text": text,
            "intent": seen.intent,
            "intent_confidence": round(seen.intent_confidence, 4),
            "queue": seen.queue,
            "queue_confidence": round(seen.queue_confidence, 4),
            "sentiment": seen.sentiment,
            "sentiment_score": round(seen.sentiment_score, 4),
            "escalate": seen.escalate,
            "reasons": [reason.zh for reason in seen.reasons],
        }


def explain(settings: Settings, lines: Iterable[bytes], out: IO[str]) -> None:
    """For every JSON line `{"text"}`, a JSON line with why it goes to its queue, why it sounds as it does and why a person is called.

    Raises:
        BadInput: a line is not such an object; lines before it are answered.
    """
    service = Service.build(settings)
    assistant = service.assistant
    assert assistant is not None
    try:
        for number, line in _numbered(lines):
            text = _field(line, number, "text")
            print(json.dumps(_explained(text, assistant.assess(text)), ensure_ascii=False), file=out, flush=True)
    finally:
        service.database.close()


def _explained(text: str, seen: Interaction) -> dict[str, Any]:
    why = explanation.explain(text, seen)
    return {
        "text": text,
        "queue": seen.queue,
        "sentiment": seen.sentiment,
        "escalate": seen.escalate,
        "explanation": {
            "zh": "".join(sentence.zh for sentence in why.sentences),
            "en": " ".join(sentence.en for sentence in why.sentences),
        },
        "marks": [{"start": start, "end": end, "text": text[start:end]} for start, end in why.marks],
    }


async def chat_jsonl(settings: Settings, lines: Iterable[bytes], out: IO[str]) -> None:
    """For every JSON line `{"sender","text"}`, the whole turn: accepted, answered, committed, then a JSON line with the replies.

    Raises:
        BadInput: a line is not such an object; lines before it are answered.
    """
    service = Service.build(settings)
    await service.start()
    try:
        for number, line in _numbered(lines):
            sender, text = _field(line, number, "sender"), _field(line, number, "text")
            visit = await service.database.run(store.visit_of_sender, "jsonl", sender)
            replies, conversation, seen = await _exchange(service, visit, text)
            answer: dict[str, Any] = {
                "sender": sender,
                "replies": [{"text": reply.text} | ({"buttons": list(reply.buttons)} if reply.buttons else {}) for reply in replies],
                "state": conversation.state,
            }
            if conversation.position is not None:
                answer["position"] = conversation.position
            answer |= {"intent": seen.intent, "queue": seen.queue, "sentiment": seen.sentiment}
            print(json.dumps(answer, ensure_ascii=False), file=out, flush=True)
    finally:
        await service.stop()


async def chat(settings: Settings) -> None:
    """A conversation in the terminal, until the end of input. A number chooses a button."""
    service = Service.build(settings)
    await service.start()
    try:
        visit = await service.database.run(store.visit_of_sender, "terminal", uuid.uuid4().hex)
        offered: tuple[dict[str, str], ...] = ()
        while (typed := await asyncio.to_thread(_ask)) is not None:
            if typed.isdigit() and 1 <= int(typed) <= len(offered):
                typed = offered[int(typed) - 1]["title"]
            try:
                replies, conversation, seen = await _exchange(service, visit, clean(typed))
            except BadInput as error:
                print(error, file=sys.stderr)
                continue
            offered = tuple(button for reply in replies for button in reply.buttons)
            for reply in replies:
                print(reply.text)
            for number, button in enumerate(offered, 1):
                print(f"  [{number}] {button['title']}")
            print(f"    ({conversation.state} · {seen.intent} · {seen.queue} · {seen.sentiment})")
    finally:
        await service.stop()


async def _exchange(service: Service, visit: Visit, text: str) -> tuple[list[MessageView], ConversationView, InteractionView]:
    database, conversation_id = service.database, visit.conversation_id
    chosen = await database.read(queries.choice, conversation_id, text)
    accepted = await service.accept(conversation_id, uuid.uuid4().hex, text, payload=chosen and chosen[0])
    replies = await service.replies(accepted.turn_id)
    conversation = await database.read(queries.conversation, conversation_id)
    seen = await database.read(queries.interaction, accepted.turn_id)
    assert conversation is not None
    assert seen is not None
    return replies, conversation, seen


def _ask() -> str | None:
    try:
        return input("> ") or _ask()
    except EOFError:
        return None


def _numbered(lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    return ((number, line) for number, line in enumerate(lines, 1) if line.strip())


def _field(line: bytes, number: int, name: str) -> str:
    try:
        value = json.loads(line)[name]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise BadInput(f'line {number} is not a JSON object with "{name}"') from None
    if not isinstance(value, str) or not clean(value):
        raise BadInput(f'line {number}: "{name}" is not text')
    if too_long(value):
        raise BadInput(f'line {number}: "{name}" is longer than 4,000 characters')
    return clean(value)


def _until_bad(texts: Iterator[str], found: list[BadInput]) -> Iterator[str]:
    try:
        yield from texts
    except BadInput as error:
        found.append(error)
