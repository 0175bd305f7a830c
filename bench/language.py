"""How well and how fast texts are understood: ours beside SnowNLP as installed, plain TF-IDF with linear models, and Rasa's DIET.

The public data are real texts that no model of ours is trained on; figures that need them are left out, and it is said, where they are
missing.
"""

import csv
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.svm import LinearSVC

from bench import outside, quality
from bench.report import Figures, Metric, Target, cell, table, target_rows, times
from bench.statistics import Figure, ratio
from bench.systems import NotMeasured, environment
from bot.conversation.mood import Mood
from bot.dialogue.triage import Understanding
from bot.learning import cards
from bot.learning.classifier import TextClassifier, calibration_error
from bot.learning.evaluation import scores
from bot.learning.files import in_archive
from bot.learning.text import read_dictionary, words
from bot.service import load_triage
from bot.settings import Settings
from bot.training.examples import Examples, read_intents, read_rows
from bot.training.train import DICTIONARY, sentiment_examples, ticket_examples
from tests.servers import ROOT

SYSTEMS = ("ours", "SnowNLP", "LR", "SVM", "DIET")
REVIEWS, TICKETS = "sentiment_online10_minus_heldout.csv", "tickets_gov_segmented.csv"
KINDS = ("书籍", "平板", "手机", "水果", "洗发水", "热水器", "蒙牛", "衣服", "计算机", "酒店")
LEFT_OUT = ("酒店", "水果", "书籍")
SAMPLE = 500
"""Reviews of each kind that are tested on, and never trained on."""
BATCH = 400
WARM_UP = 300
ROUNDS = 3
FOLDS = 5
SEED = 7
POSITIVE, NEGATIVE = "1", "0"

METRICS = {
    "batch_reviews": Metric("reviews in a batch, sentiment (texts/s)", 0, "higher"),
    "batch_messages": Metric("messages in a batch, sentiment (texts/s)", 0, "higher"),
    "single_ms": Metric("a single message (ms): ours queue, sentiment, escalation and evidence, SnowNLP sentiment", 3, "lower"),
    "reviews_mixed": Metric("reviews, random split: accuracy", 3, "higher"),
    **{f"reviews_without_{kind}": Metric(f"reviews of {kind}, trained on the other kinds: accuracy", 3, "higher") for kind in LEFT_OUT},
    "own": Metric("reviews, trained on our text alone: accuracy, mean of all kinds", 3, "higher"),
    **{f"own_{kind}": Metric(f"the same, {kind}", 3, "higher") for kind in KINDS},
    "gov_f1": Metric("government tickets: macro F1", 4, "higher"),
    "gov_accuracy": Metric("government tickets: accuracy", 4, "higher"),
    "gov_calibration": Metric("government tickets: expected calibration error", 4, "lower"),
    "queue_calibration": Metric("queue, cross-validated: expected calibration error", 4, "lower"),
    "sentiment_calibration": Metric("sentiment, cross-validated: expected calibration error", 4, "lower"),
    **{
        f"{kind}_{short}": Metric(f"strangers, {kind}: {long}", 3, "higher")
        for kind in ("intent", "queue", "sentiment")
        for short, long in (("accuracy", "accuracy"), ("f1", "macro F1"))
    },
    "escalation_recall": Metric("strangers, escalation: recall", 3, "higher"),
    "escalation_precision": Metric("strangers, escalation: precision", 3, "higher"),
    "outside_recall": Metric("strangers, out of scope: recall", 3, "higher"),
    "inside_lost": Metric("strangers, in scope: accuracy lost to it (points)", 2, "lower"),
}

SPEED = ("batch_reviews", "batch_messages", "single_ms")


class Review(NamedTuple):
    """A review of some kind of goods, `POSITIVE` or `NEGATIVE`."""

    kind: str
    text: str
    label: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured: the folder of the public data, how many reviews are trained on, epochs of DIET (None: without it)."""

    datasets: Path
    reviews: int
    diet_epochs: int | None
    scratch: Path


@dataclass(slots=True)
class Found:
    """Figures by metric and system, and what was left out, with the reason."""

    figures: dict[str, dict[str, Figure]] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)

    def add(self, metric: str, system: str, *values: float) -> None:
        """One value per repetition."""
        self.figures.setdefault(metric, {})[system] = Figure.of([float(value) for value in values])


# Measuring


def measure(plan: Plan, say: Callable[[str], None]) -> Found:
    """Everything. What is timed comes first, while nothing else has filled the memory.

    Raises:
        NotMeasured: the published models do not answer, or DIET does not train.
        ModelError: a published model is missing or cannot be read.
        DataError: the public data, or our own, are not what they should be.
    """
    found = Found()
    say("language: speed")
    reviews = _public(plan, REVIEWS, found, read_reviews)
    _speed(found, reviews)
    fitted = _strangers(plan, found, say)
    if reviews:
        _reviews(plan, found, reviews, fitted, say)
    if tickets := _public(plan, TICKETS, found, lambda path: read_rows(path, "segmented_text", "label")):
        say("language: government tickets")
        _tickets(found, tickets)
    return found


def _public(plan: Plan, name: str, found: Found, read: Callable[[Path], Any]) -> Any:
    path = plan.datasets / name
    if path.is_file():
        return read(path)
    found.skipped.append(f"{name} is not in {plan.datasets} (--datasets or PUBLIC_DATA): what is measured on it was left out")
    return None


def read_reviews(path: Path) -> list[Review]:
    """The columns `cat`, `text` and `label` of a CSV file; rows without text are passed over."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [Review(row["cat"], row["text"], row["label"]) for row in csv.DictReader(file) if row["text"].strip()]


def kept_apart(reviews: Sequence[Review], sample: int) -> tuple[dict[str, list[Review]], list[Review]]:
    """Reviews to test on, so many of each kind, and those to train on: all whose text is none of the former's, in random order."""
    order = random.Random(SEED)
    tested = {
        kind: order.sample(list(of_kind), min(sample, len(of_kind)))
        for kind, of_kind in ((kind, list(group)) for kind, group in groupby(sorted(reviews), key=lambda review: review.kind))
    }
    texts = {review.text for chosen in tested.values() for review in chosen}
    rest = [review for review in reviews if review.text not in texts]
    order.shuffle(rest)
    return tested, rest


def plain(system: str) -> Pipeline:
    """TF-IDF over jieba's words with logistic regression (`LR`) or a linear SVM (`SVM`), as scikit-learn has them.

    Logistic regression may take as many steps as it needs; with the default of 100 it stops short of its optimum on many intents.
    """
    return make_pipeline(TfidfVectorizer(analyzer=words), LogisticRegression(max_iter=1000) if system == "LR" else LinearSVC())


def contenders() -> dict[str, Any]:
    """Untrained: ours with its defaults, and the plain ones."""
    return {"ours": TextClassifier(), "LR": plain("LR"), "SVM": plain("SVM")}


def leaning(model: Any, texts: Sequence[str]) -> list[str]:
    """`POSITIVE` or `NEGATIVE` by a model of three feelings: whether `positive` scores higher than `negative`."""
    scored = model.predict_proba(texts) if hasattr(model, "predict_proba") else model.decision_function(texts)
    places = {label: place for place, label in enumerate(model.classes_)}
    return np.where(scored[:, places["positive"]] > scored[:, places["negative"]], POSITIVE, NEGATIVE).tolist()


def snow_leaning(texts: Sequence[str]) -> list[str]:
    """The same by SnowNLP as installed."""
    from snownlp import SnowNLP

    return [POSITIVE if SnowNLP(text).sentiments >= 0.5 else NEGATIVE for text in texts]


def accuracy(found: Sequence[str], true: Sequence[str]) -> float:
    """The share that is right."""
    return float(np.mean([one == other for one, other in zip(found, true, strict=True)]))


def _speed(found: Found, reviews: Sequence[Review] | None) -> None:
    """After the same texts for both to warm up with. No text is timed twice: the terms of the last texts are kept."""
    triage = load_triage(Settings.from_environment())
    messages = [row["text"] for row in outside.strangers()]
    first = read_rows(ROOT / "data" / "sentiment" / "support.csv", "text", "sentiment").texts[:WARM_UP]
    triage.sentiment.classify(first)
    snow_leaning(first)
    samples = {"batch_messages": messages}
    if reviews:
        samples["batch_reviews"] = [review.text for review in random.Random(SEED).sample(list(reviews), ROUNDS * BATCH)]
    for metric, texts in samples.items():
        rates: dict[str, list[float]] = {"ours": [], "SnowNLP": []}
        for number in range(ROUNDS):
            part = texts[number::ROUNDS]
            rates["ours"].append(len(part) / _seconds(triage.sentiment.classify, part))
            rates["SnowNLP"].append(len(part) / _seconds(snow_leaning, part))
        for system, values in rates.items():
            found.add(metric, system, *values)
    understood = Understanding("track_order", 0.9, False)
    assess = partial(triage.assess, understood=understood, mood=Mood())
    times_taken = [(_seconds(assess, text), _seconds(snow_leaning, [text])) for text in messages]
    for system, seconds in zip(("ours", "SnowNLP"), zip(*times_taken, strict=True), strict=True):
        found.add("single_ms", system, *(1000 * value for value in seconds))


def _seconds(function: Callable[..., Any], *arguments: Any) -> float:
    started = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - started


def _reviews(plan: Plan, found: Found, reviews: Sequence[Review], fitted: Mapping[str, Any], say: Callable[[str], None]) -> None:
    """`fitted`: models of three feelings, trained on our own text."""
    tested, rest = kept_apart(reviews, SAMPLE)
    everything = [review for chosen in tested.values() for review in chosen]
    say(f"language: {len(everything)} reviews, trained on our own text")
    judges = {name: (lambda texts, model=model: leaning(model, texts)) for name, model in fitted.items()} | {"SnowNLP": snow_leaning}
    right: dict[str, dict[str, float]] = {}
    for name, judge in judges.items():
        right[name] = {
            kind: accuracy(judge([one.text for one in chosen]), [one.label for one in chosen]) for kind, chosen in tested.items()
        }
        found.add("own", name, float(np.mean(list(right[name].values()))))
        for kind, value in right[name].items():
            found.add(f"own_{kind}", name, value)
    splits = {"reviews_mixed": (rest, everything)} | {
        f"reviews_without_{kind}": ([review for review in rest if review.kind != kind], tested[kind]) for kind in LEFT_OUT
    }
    for metric, (training, test) in splits.items():
        trained = training[: plan.reviews]
        say(f"language: {METRICS[metric].title}, {len(trained)} reviews trained")
        for name, model in contenders().items():
            model.fit([review.text for review in trained], [review.label for review in trained])
            found.add(metric, name, accuracy(model.predict([review.text for review in test]).tolist(), [review.label for review in test]))
        kinds = {review.kind for review in test}
        found.add(metric, "SnowNLP", float(np.mean([right["SnowNLP"][kind] for kind in kinds])))


def _tickets(found: Found, tickets: Examples) -> None:
    """Every ticket is judged by a model that has not seen it; calibration is that of models fitted without it, too."""
    splits = list(StratifiedKFold(FOLDS, shuffle=True, random_state=SEED).split(*tickets))
    labels = np.unique(tickets.labels)
    for name, model in contenders().items():
        method = "decision_function" if name == "SVM" else "predict_proba"
        scored = cross_val_predict(model, *(np.array(column, dtype=object) for column in tickets), cv=splits, method=method, n_jobs=-1)
        predicted = labels[scored.argmax(axis=1)]
        reached = scores(tickets.labels, predicted.tolist())
        found.add("gov_f1", name, reached["macro_f1"])
        found.add("gov_accuracy", name, reached["accuracy"])
        if name != "SVM":
            found.add("gov_calibration", name, calibration_error(scored.max(axis=1), predicted == np.array(tickets.labels)))


def _strangers(plan: Plan, found: Found, say: Callable[[str], None]) -> dict[str, Any]:
    """The published models, the plain ones trained on the same text, and DIET; returns models of feelings trained on our text."""
    rows = outside.strangers()
    texts = [row["text"] for row in rows]
    say("language: strangers")
    _published(found, rows, published(texts, plan.scratch))
    intents, queues, feelings = read_intents(ROOT / "data" / "nlu"), ticket_examples(ROOT), sentiment_examples(ROOT)
    fitted: dict[str, Any] = {"ours": TextClassifier(dictionary=read_dictionary(ROOT / DICTIONARY)).fit(*feelings)}
    for name in ("LR", "SVM"):
        for kind, examples in (("intent", intents), ("queue", queues), ("sentiment", feelings)):
            model = plain(name).fit(*examples)
            _compare(found, name, kind, model.predict(texts).tolist(), rows)
        fitted[name] = model  # of the feelings, which come last
    if plan.diet_epochs:
        say(f"language: DIET, {plan.diet_epochs} epochs")
        _compare(found, "DIET", "intent", quality.likeliest("S", intents, texts, plan.scratch / "diet", epochs=plan.diet_epochs), rows)
    return fitted


def published(texts: Sequence[str], scratch: Path) -> list[dict[str, Any]]:
    """What `python -m bot predict` says of texts, with the published models.

    Raises:
        NotMeasured: it failed.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    said = subprocess.run(
        [sys.executable, "-m", "bot", "predict"],
        input="".join(json.dumps({"text": text}) + "\n" for text in texts),
        env=environment()
        | {
            "ZHIKE_MODELS": str(Settings.from_environment().models),
            "ZHIKE_DATABASE_URL": f"sqlite:///{scratch / 'predict.db'}",
            "ZHIKE_VAR": str(scratch),
        },
        cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False,
    )  # fmt: skip
    if said.returncode:
        raise NotMeasured(f"the published models do not answer: {said.stderr[-1000:]}")
    return [json.loads(line) for line in said.stdout.splitlines()]


def _published(found: Found, rows: Sequence[Mapping[str, str]], answers: Sequence[Mapping[str, Any]]) -> None:
    for kind in ("intent", "queue", "sentiment"):
        _compare(found, "ours", kind, [answer[kind] for answer in answers], rows)
    recall, precision = recall_and_precision([answer["escalate"] for answer in answers], [row["escalate"] == "true" for row in rows])
    found.add("escalation_recall", "ours", recall)
    found.add("escalation_precision", "ours", precision)
    models = Settings.from_environment().models
    classifier = in_archive(cards.verified(models, cards.read_card(models, "assistant")))
    probabilities = classifier.predict_proba([row["text"] for row in rows])
    reached = outside.bounds(probabilities, classifier.classes_.tolist(), [row["intent"] for row in rows])
    found.add("outside_recall", "ours", reached.recall)
    found.add("inside_lost", "ours", 100 * reached.lost_inside)
    for kind, name in (("queue", "tickets"), ("sentiment", "sentiment")):
        found.add(f"{kind}_calibration", "ours", cards.read_card(models, name).metrics["calibration_error"])


def recall_and_precision(found: Sequence[bool], true: Sequence[bool]) -> tuple[float, float]:
    """Of what is true, the share that is found; of what is found, the share that is true."""
    hits = sum(one and other for one, other in zip(found, true, strict=True))
    return hits / max(1, sum(true)), hits / max(1, sum(found))


def _compare(found: Found, system: str, kind: str, predicted: Sequence[str], rows: Sequence[Mapping[str, str]]) -> None:
    reached = scores([row[kind] for row in rows], list(predicted))
    found.add(f"{kind}_accuracy", system, reached["accuracy"])
    found.add(f"{kind}_f1", system, reached["macro_f1"])


# Telling


def targets(figures: Figures) -> list[Target]:
    """What we want to reach, with what was found."""

    def ours(metric: str, other: str | None = None) -> float | None:
        """Our figure; with another system, how much more it is than that one's."""
        systems = figures.get(metric, {})
        if "ours" not in systems or (other and other not in systems):
            return None
        return systems["ours"].median - (systems[other].median if other else 0)

    def faster(metric: str) -> float | None:
        systems = figures.get(metric, {})
        return ratio(systems.get("ours"), systems.get("SnowNLP"))

    points = ours("gov_f1", "SVM")
    return [
        Target("reviews in batches, ours / SnowNLP", 20, True, faster("batch_reviews")),
        Target("messages in batches, ours / SnowNLP", 20, True, faster("batch_messages")),
        Target("a single message triaged (ms)", 3, False, ours("single_ms")),
        Target("own text on reviews: accuracy", 0.84, True, ours("own")),
        Target("government tickets: points of macro F1 above SVM", 1.5, True, None if points is None else 100 * points),
        Target("calibration error, government tickets", 0.05, False, ours("gov_calibration")),
        Target("calibration error, queue", 0.05, False, ours("queue_calibration")),
        Target("calibration error, sentiment", 0.05, False, ours("sentiment_calibration")),
        Target("strangers, intent: macro F1", 0.87, True, ours("intent_f1")),
        Target("strangers, queue: accuracy", 0.91, True, ours("queue_accuracy")),
        Target("strangers, sentiment: macro F1", 0.82, True, ours("sentiment_f1")),
        Target("strangers, escalation: recall", 0.9, True, ours("escalation_recall")),
        Target("strangers, escalation: precision", 0.8, True, ours("escalation_precision")),
        Target("strangers, out of scope: recall", 0.7, True, ours("outside_recall")),
        Target("strangers, in scope: points lost", 3, False, ours("inside_lost")),
    ]


def rows(figures: Figures) -> list[list[str]]:
    """The table with its heading."""
    return [["", *SYSTEMS, "ours/SnowNLP", "better"]] + [
        [
            metric.title,
            *(cell(figures[name].get(system), metric.digits) for system in SYSTEMS),
            times(ratio(figures[name].get("ours"), figures[name].get("SnowNLP"))) if name in SPEED else "",
            metric.better,
        ]
        for name, metric in METRICS.items()
        if name in figures
    ]


def as_json(found: Found, plan: Plan) -> dict[str, Any]:
    """Figures, targets, what was left out, and with what it was measured."""
    return {
        "reviews_trained": plan.reviews,
        "diet_epochs": plan.diet_epochs,
        "packages": {name: version(name) for name in ("snownlp", "scikit-learn", "rjieba")},
        "metrics": {
            name: {
                "title": METRICS[name].title,
                "better": METRICS[name].better,
                "systems": {system: asdict(figure) for system, figure in systems.items()},
            }
            for name, systems in found.figures.items()
        },
        "targets": [asdict(target) | {"holds": target.holds} for target in targets(found.figures)],
        "skipped": found.skipped,
    }


def as_markdown(found: Found, plan: Plan) -> list[str]:
    """The tables as lines of Markdown."""
    diet = f"; epochs of DIET: {plan.diet_epochs}" if plan.diet_epochs else ""
    return [
        f"Language: SnowNLP {version('snownlp')}, scikit-learn {version('scikit-learn')}; reviews trained: {plan.reviews}{diet}.",
        "",
        *table(rows(found.figures)),
        "",
        *table(target_rows(targets(found.figures))),
        "",
        *(line for reason in found.skipped for line in (f"Left out: {reason}.", "")),
    ]
