"""What an agent reads first when a conversation arrives: facts from the record in one paragraph, nothing invented."""

from collections.abc import Sequence

from bot.conversation.outcome import Interaction
from bot.conversation.taxonomy import QUEUES
from bot.crm.records import InteractionView

MOODS = {"negative": "不满", "neutral": "平静", "positive": "满意"}
QUOTED = 60


def team(interaction: Interaction, earlier: Sequence[InteractionView]) -> str:
    """The queue for a conversation: this message's, or, when it names no topic (转人工), that of the last message which did."""
    if interaction.queue != "general":
        return interaction.queue
    return next((before.queue for before in reversed(earlier) if before.queue != "general"), "general")


def summarise(text: str, interaction: Interaction, earlier: Sequence[InteractionView], known: dict[str, str], *, more: bool = False) -> str:
    """One paragraph: how many messages, on what, in what mood, what forms were told, why a person is needed, the last words.

    With `more`, there may be messages before the `earlier` ones; the summary then says so.
    """
    topics = list(dict.fromkeys(QUEUES[seen.queue] for seen in earlier if seen.queue != "general"))
    if interaction.queue != "general" and QUEUES[interaction.queue] not in topics:
        topics.append(QUEUES[interaction.queue])
    parts = [f"顾客{'至少' if more else '共'}发来 {len(earlier) + 1} 条消息"]
    parts.append(f"涉及{'、'.join(topics)}" if topics else "没有说明具体问题")
    parts.append(f"最后一条情绪{MOODS[interaction.sentiment]}（{interaction.sentiment_score:+.2f}）")
    facts = "".join(f"{label}：{value}。" for label, value in known.items() if value)
    reasons = "；".join(_in_words(reason.zh, reason.evidence) for reason in interaction.reasons)
    last = text if len(text) <= QUOTED else f"{text[:QUOTED]}…"
    return "，".join(parts) + "。" + facts + (f"转人工原因：{reasons}。" if reasons else "") + f"最后说：“{last}”"


def _in_words(reason: str, evidence: Sequence[str]) -> str:
    return f"{reason}（{'、'.join(evidence)}）" if evidence else reason
