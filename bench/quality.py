"""How well intents are told apart: macro-averaged F1 on examples kept out of training, with the same folds for all systems."""

import argparse
import asyncio
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from sklearn.model_selection import StratifiedKFold

from bench import projects
from bench.systems import run_to_end
from bot.learning.evaluation import evaluate, scores
from bot.training.examples import Examples
from tests.servers import ROOT

SEED = 7


def folds(examples: Examples, count: int) -> Iterator[tuple[Examples, Examples]]:
    """Training and test sets, drawn intent by intent; always the same for the same examples."""
    for train, test in StratifiedKFold(count, shuffle=True, random_state=SEED).split(examples.texts, examples.labels):
        yield _chosen(examples, train.tolist()), _chosen(examples, test.tolist())


def _chosen(examples: Examples, places: list[int]) -> Examples:
    return Examples([examples.texts[place] for place in places], [examples.labels[place] for place in places])


def fold_f1(system: str, train: Examples, test: Examples, folder: Path, *, epochs: int) -> float:
    """Macro F1 of the likeliest intent on `test`.

    Raises:
        NotMeasured: Rasa's process failed.
    """
    if system == "ours":
        return evaluate(train.texts, train.labels, test.texts, test.labels).macro_f1
    return float(scores(test.labels, likeliest(system, train, test.texts, folder, epochs=epochs))["macro_f1"])


def likeliest(system: str, train: Examples, texts: Sequence[str], folder: Path, *, epochs: int) -> list[str]:
    """The likeliest intent of each text by `S` or `L`; Rasa trains and parses in a process of its own, in a new folder.

    Raises:
        NotMeasured: that process failed.
    """
    folder.mkdir(parents=True)
    projects.dump(folder / "config.yml", projects.config(system, epochs=epochs, fallback=False))
    projects.write_examples(folder / "nlu.yml", *train)
    (folder / "test.json").write_text(json.dumps(texts), encoding="utf-8")
    run_to_end([sys.executable, "-m", "bench.quality", str(folder)], cwd=ROOT, log=folder / "log")
    predicted: list[str] = json.loads((folder / "predicted.json").read_text(encoding="utf-8"))
    return predicted


def main() -> None:
    """In the process of one fold: train on `nlu.yml`, write what is predicted for the texts of `test.json`."""
    parser = argparse.ArgumentParser(prog="python -m bench.quality")
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    from rasa.core.agent import Agent
    from rasa.model_training import train_nlu

    model = train_nlu(config=str(folder / "config.yml"), nlu_data=str(folder / "nlu.yml"), output=str(folder))
    agent = Agent.load(model)

    async def parsed() -> list[str]:
        texts = json.loads((folder / "test.json").read_text(encoding="utf-8"))
        return [(await agent.parse_message(text))["intent"]["name"] or "" for text in texts]

    (folder / "predicted.json").write_text(json.dumps(asyncio.run(parsed())), encoding="utf-8")


if __name__ == "__main__":
    main()
