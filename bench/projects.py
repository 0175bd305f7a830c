"""Rasa projects for comparison, generated from our intent examples: the default pipeline (S) and a lean one (L)."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

_CHARACTERS = {"name": "CountVectorsFeaturizer", "analyzer": "char_wb", "min_ngram": 1, "max_ngram": 4}
_TOKENIZER = {"name": "JiebaTokenizer"}
_WORDS = {"name": "CountVectorsFeaturizer"}
_FALLBACK = {"name": "FallbackClassifier", "threshold": 0.3, "ambiguity_threshold": 0.1}
SLOT_ACTION = "action_validate_slot_mappings"
ACTIONS = f'''from rasa_sdk import Action


class ValidateSlotMappings(Action):
    def name(self):
        return "{SLOT_ACTION}"

    def run(self, dispatcher, tracker, domain):
        return []
'''


def config(system: str, *, epochs: int, fallback: bool = True) -> dict[str, Any]:
    """Pipeline and policies of `S` or `L`; `epochs` of whatever is trained in epochs. Without `fallback` the likeliest intent stands."""
    last = [_FALLBACK] if fallback else []
    memory: list[dict[str, Any]] = [{"name": "MemoizationPolicy"}, {"name": "RulePolicy"}]
    if system == "L":
        pipeline = [_TOKENIZER, _WORDS, _CHARACTERS, {"name": "LogisticRegressionClassifier"}, *last]
        policies = memory
    else:
        pipeline = [
            _TOKENIZER,
            {"name": "RegexFeaturizer"},
            {"name": "LexicalSyntacticFeaturizer"},
            _WORDS,
            _CHARACTERS,
            {"name": "DIETClassifier", "epochs": epochs, "constrain_similarities": True},
            {"name": "EntitySynonymMapper"},
            {"name": "ResponseSelector", "epochs": epochs, "constrain_similarities": True},
            *last,
        ]
        learned = {"max_history": 5, "epochs": epochs}
        policies = [
            *memory,
            {"name": "UnexpecTEDIntentPolicy", **learned},
            {"name": "TEDPolicy", **learned, "constrain_similarities": True},
        ]
    return {"recipe": "default.v1", "assistant_id": f"bench-{system}", "language": "zh", "pipeline": pipeline, "policies": policies}


def domain(intents: Sequence[str]) -> dict[str, Any]:
    """One response for each intent, one slot, and one action that runs in every turn."""
    names = [*intents, "nlu_fallback"]
    return {
        "version": "3.1",
        "intents": list(intents),
        "entities": ["order_number", "phone", "product"],
        "slots": {
            "order_number": {
                "type": "text",
                "influence_conversation": False,
                "mappings": [{"type": "from_entity", "entity": "order_number"}],
            }
        },
        "responses": {f"utter_{name}": [{"text": f"这是对 {name} 的回答，请问还有什么可以帮您？"}] for name in names},
        "actions": [SLOT_ACTION],
        "session_config": {"session_expiration_time": 60, "carry_over_slots_to_new_session": True},
    }


def dialogues(intents: Sequence[str]) -> dict[str, Any]:
    """A rule for each intent, and three small stories that agree with them."""

    def steps(*names: str) -> list[dict[str, str]]:
        return [step for name in names for step in ({"intent": name}, {"action": f"utter_{name}"})]

    talks = [
        ("greet", "promotion_coupon", "thank", "goodbye"),
        ("greet", "delivery_policy", "payment_problem", "goodbye"),
        ("product_info", "warranty_repair", "thank"),
    ]
    return {
        "version": "3.1",
        "rules": [{"rule": f"answer {name}", "steps": steps(name)} for name in [*intents, "nlu_fallback"]],
        "stories": [{"story": " ".join(names), "steps": steps(*names)} for names in talks],
    }


def write(folder: Path, system: str, nlu: Path, intents: Sequence[str], *, epochs: int, action_port: int) -> None:
    """The whole project of `S` or `L`, with a copy of the examples in `nlu`."""
    (folder / "data").mkdir(parents=True)
    shutil.copytree(nlu, folder / "data" / "nlu")
    dump(folder / "config.yml", config(system, epochs=epochs))
    dump(folder / "domain.yml", domain(intents))
    dump(folder / "data" / "dialogues.yml", dialogues(intents))
    dump(folder / "endpoints.yml", {"action_endpoint": {"url": f"http://127.0.0.1:{action_port}/webhook"}})
    dump(folder / "credentials.yml", {"rest": None})
    (folder / "actions.py").write_text(ACTIONS, encoding="utf-8")


def write_examples(path: Path, texts: Sequence[str], labels: Sequence[str]) -> None:
    """Labelled texts as a Rasa NLU file."""
    by_intent: dict[str, list[str]] = {}
    for text, label in zip(texts, labels, strict=True):
        by_intent.setdefault(label, []).append(text)
    blocks = [{"intent": name, "examples": "".join(f"- {text}\n" for text in found)} for name, found in by_intent.items()]
    dump(path, {"version": "3.1", "nlu": blocks})


def dump(path: Path, content: dict[str, Any]) -> None:
    """YAML in UTF-8."""
    path.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False, width=10_000), encoding="utf-8")
