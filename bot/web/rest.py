"""Rasa's REST channel for programs: `POST /webhooks/rest/webhook`, behind an API key."""

import hmac
import json
import uuid

from aiohttp import web

from bot.conversation.messages import LONGEST, clean, too_long
from bot.crm import queries, store
from bot.errors import BadInput, Forbidden, TooLong
from bot.web.keys import ADDRESSES, SERVICE, VISITORS
from bot.web.security import address_of

LONGEST_NAME = 200


async def webhook(request: web.Request) -> web.StreamResponse:
    """`{"sender","message"}` → `[{"recipient_id","text","buttons"?}]`, once the turn is in the record.

    An optional `message_id` makes a repetition safe: the same id is answered again, without a second turn.
    """
    service = request.app[SERVICE]
    _check_key(request, service.settings.rest_key)
    request.app[ADDRESSES].spend(address_of(request, service.settings))
    fields = await _fields(request)
    sender, text = _text(fields, "sender", LONGEST_NAME), _text(fields, "message", LONGEST)
    message_id = _text(fields, "message_id", 64) if "message_id" in fields else uuid.uuid4().hex
    visit = await service.database.run(store.visit_of_sender, "rest", sender)
    request.app[VISITORS].spend(visit.conversation_id)
    chosen = await service.database.read(queries.choice, visit.conversation_id, text, again=message_id)
    payload, text = chosen or (None, text)
    accepted = await service.accept(visit.conversation_id, message_id, text, payload=payload)
    replies = await service.replies(accepted.turn_id)
    return web.json_response(
        [{"recipient_id": sender, "text": reply.text} | ({"buttons": list(reply.buttons)} if reply.buttons else {}) for reply in replies],
        dumps=lambda answer: json.dumps(answer, ensure_ascii=False),
    )


def _check_key(request: web.Request, key: str | None) -> None:
    if key is None:
        raise Forbidden("the REST channel is off; set ZHIKE_REST_KEY")
    sent = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not hmac.compare_digest(sent.encode(), key.encode()):
        raise Forbidden("the API key is missing or wrong")


async def _fields(request: web.Request) -> dict[str, object]:
    try:
        fields = json.loads(await request.text())
    except (ValueError, RecursionError):
        raise BadInput("the body is not JSON") from None
    if not isinstance(fields, dict):
        raise BadInput("the body is a JSON object")
    return fields


def _text(fields: dict[str, object], name: str, longest: int) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not clean(value):
        raise BadInput(f'"{name}" is text that is not empty')
    if len(value) > longest or too_long(value):
        raise TooLong(f'"{name}" has at most {longest:,} characters')
    return clean(value)
