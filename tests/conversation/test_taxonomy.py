"""The names of intents and queues hold together with what the assistant is taught."""

import csv
from pathlib import Path

import pytest
import yaml

from bot.conversation.taxonomy import INTENT_QUEUES, QUEUES
from bot.training.examples import read_intents

ROOT = Path(__file__).parents[2]


def test_every_intent_has_a_team() -> None:
    assert len(INTENT_QUEUES) == 40
    assert set(INTENT_QUEUES.values()) == set(QUEUES)


@pytest.mark.parametrize(
    ("intent", "queue"),
    [
        ("request_human", "general"),
        ("inform", "general"),
        ("missing_parcel", "logistics"),
        ("cancel_order", "after_sales"),
        ("warranty_repair", "technical"),
        ("price_protection", "billing"),
        ("account_security", "account"),
        ("promotion_coupon", "pre_sales"),
        ("suggestion", "complaint"),
    ],
)
def test_intents_go_to_the_team_that_serves_them(intent: str, queue: str) -> None:
    assert INTENT_QUEUES[intent] == queue


def test_agents_read_a_distinct_chinese_name_for_every_queue() -> None:
    assert len(set(QUEUES.values())) == len(QUEUES)
    assert not any(name.isascii() for name in QUEUES.values())


def test_the_assistant_is_taught_every_intent_and_no_other() -> None:
    assert set(read_intents(ROOT / "data" / "nlu").labels) == set(INTENT_QUEUES)


def test_the_domain_knows_every_intent() -> None:
    domain = yaml.safe_load((ROOT / "domain.yml").read_text(encoding="utf-8"))
    named = {next(iter(intent)) if isinstance(intent, dict) else intent for intent in domain["intents"]}
    assert set(INTENT_QUEUES) <= named


def test_held_out_messages_use_these_names() -> None:
    with (ROOT / "tests" / "data" / "strangers.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["intent"] for row in rows} <= set(INTENT_QUEUES)
    assert {row["queue"] for row in rows} <= set(QUEUES)
    assert {row["sentiment"] for row in rows} == {"negative", "neutral", "positive"}
