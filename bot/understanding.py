"""How well the published assistant understands messages whose intents are known."""

from pathlib import Path
from typing import Any

from bot.conversation.messages import clean
from bot.conversation.taxonomy import INTENT_QUEUES
from bot.dialogue.triage import Understanding
from bot.errors import DataError
from bot.learning.evaluation import Read, intent_scores
from bot.service import Service
from bot.settings import Settings
from bot.training.own_data import Columns, Ears
from bot.training.tables import complaints, read_table, shown

BATCH = 256


def measure_intents(settings: Settings, test: Path, columns: Columns, ears: Ears) -> dict[str, Any]:
    """What `bot.learning.evaluation.intent_scores` says of the published assistant on the messages of a CSV file.

    Raises:
        DataError: the file cannot be used, or names intents that there are not.
        ModelError: no assistant is published.
    """
    ears.stage("reading")
    table = read_table(test, *columns)
    if unknown := sorted({row.label for row in table.rows} - set(INTENT_QUEUES)):
        raise DataError(f"{test} names intents that there are not: {', '.join(map(shown, unknown[:5]))}{', …' if len(unknown) > 5 else ''}")
    for complaint in complaints(table):
        ears.warn(complaint)
    ears.stage("loading the assistant")
    service = Service.build(settings)
    assert service.assistant is not None
    try:
        texts, intents = table.examples
        read: list[Understanding] = []
        for start in range(0, len(texts), BATCH):
            ears.stage(f"understanding {len(texts):,} messages: {start:,}")
            read += service.assistant.understand_all([clean(text) for text in texts[start : start + BATCH]])
        return intent_scores(intents, [Read(each.ranking, each.fallback) for each in read])
    finally:
        service.database.close()
