"""Rasa projects for comparison: our own domain, rules, stories and examples under the default pipeline (S) and a lean one (L)."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from bot.settings import Settings

_CHARACTERS = {"name": "CountVectorsFeaturizer", "analyzer": "char_wb", "min_ngram": 1, "max_ngram": 4}
_TOKENIZER = {"name": "JiebaTokenizer"}
_WORDS = {"name": "CountVectorsFeaturizer"}
_FALLBACK = {"name": "FallbackClassifier", "threshold": 0.3, "ambiguity_threshold": 0.1}
PARTS = ("data/nlu", "data/rules", "data/stories")
ACTIONS = '''"""Triage as a plain Rasa project would do it, after each message; the other actions say a word and do nothing."""

import sys
from pathlib import Path

from rasa_sdk import Action
from rasa_sdk.events import ActionExecuted, SessionStarted, SlotSet

sys.path.append({root!r})

from bot.learning import cards

NAMES = {names!r}
TICKETS, SENTIMENT = (cards.load(Path({models!r}), name) for name in ("tickets", "sentiment"))


def run(self, dispatcher, tracker, domain):
    if self.name() == "action_session_start":
        return [SessionStarted(), ActionExecuted("action_listen")]
    if self.name() == "action_validate_slot_mappings":
        text = tracker.latest_message.get("text") or ""
        queue, _ = TICKETS.classify_and_explain(text)
        feeling, _ = SENTIMENT.classify_and_explain(text)
        return [SlotSet("queue", queue.label), SlotSet("sentiment", feeling.label), SlotSet("escalate", False)]
    dispatcher.utter_message(text="好的。")
    return []


for name in NAMES:
    globals()[name] = type(name, (Action,), {{"name": lambda self, name=name: name, "run": run}})
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


def write(folder: Path, system: str, project: Path, *, epochs: int, action_port: int) -> None:
    """The whole project of `S` or `L`: the domain, rules, stories and examples of `project` under another pipeline."""
    for part in PARTS:
        shutil.copytree(project / part, folder / part)
    domain = yaml.safe_load((project / "domain.yml").read_text(encoding="utf-8"))
    dump(folder / "config.yml", config(system, epochs=epochs))
    dump(folder / "domain.yml", domain)
    dump(folder / "endpoints.yml", {"action_endpoint": {"url": f"http://127.0.0.1:{action_port}/webhook"}})
    dump(folder / "credentials.yml", {"rest": None})
    models = Settings.from_environment().models
    (folder / "actions.py").write_text(ACTIONS.format(names=domain["actions"], root=str(project), models=str(models)), encoding="utf-8")


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
