"""The command line, as a script uses it: what goes in, what comes out, and how it ends."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bot.crm import queries
from bot.crm.database import Database
from bot.passwords import fits
from bot.service import claim_name
from tests.servers import ROOT

FIELDS = {"text", "intent", "intent_confidence", "queue", "queue_confidence", "sentiment", "sentiment_score", "escalate", "reasons"}
NUMBER = "20261108" + "0023"


class Ended:
    """A command that has ended: its status, what it said and its one line of error."""

    def __init__(self, done: subprocess.CompletedProcess[bytes]) -> None:
        self.status = done.returncode
        self.out = done.stdout.decode()
        self.err = done.stderr.decode()

    @property
    def answers(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def error(self) -> str:
        """The error, which is one clear line."""
        assert self.status == 1, self.err
        (line,) = self.err.splitlines()
        assert line.startswith("zhike: ")
        return line


def run(folder: Path, *arguments: str, typed: bytes | str = b"", **environment: str) -> Ended:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ZHIKE_")}
    own = {"ZHIKE_DATABASE_URL": f"sqlite:///{folder / 'zhike.db'}", "ZHIKE_VAR": str(folder), **environment}
    return Ended(
        subprocess.run(
            [sys.executable, "-m", "bot", *arguments], input=typed.encode() if isinstance(typed, str) else typed,
            env={**kept, **own}, cwd=ROOT, capture_output=True, timeout=120, check=False,
        )  # fmt: skip
    )


def lines(*objects: Any) -> bytes:
    return b"".join(json.dumps(thing).encode() + b"\n" for thing in objects)


# predict

GOOD = ["订单什么时候发货", "插座冒烟了！快叫你们经理来", "谢谢，服务真好", "my parcel is late", "😀😀", "一\x00二\ud800三", "字" * 4000]


@pytest.fixture(scope="module")
def predicted(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """Good lines, an empty one between them, and then one that is too long."""
    texts = lines(*({"text": text, "more": 1} for text in GOOD[:3])) + b"\n  \n" + lines(*({"text": text} for text in GOOD[3:]))
    return run(tmp_path_factory.mktemp("predict"), "predict", typed=texts + lines({"text": "字" * 5000}, {"text": "后面的"}))


def test_every_line_before_a_bad_one_is_answered(predicted: Ended) -> None:
    assert [answer["text"] for answer in predicted.answers] == [*GOOD[:5], "一二三", GOOD[6]]


def test_the_bad_line_is_named_once_and_clearly(predicted: Ended) -> None:
    assert predicted.error == 'zhike: line 10: "text" is longer than 4,000 characters'


def test_predictions_hold_all_that_was_promised(predicted: Ended) -> None:
    for answer in predicted.answers:
        assert set(answer) == FIELDS
        assert answer["sentiment"] in {"negative", "neutral", "positive"}
        assert -1 <= answer["sentiment_score"] <= 1
        assert 0 <= answer["intent_confidence"] <= 1
        assert 0 <= answer["queue_confidence"] <= 1
        assert answer["escalate"] == bool(answer["reasons"])
    shipping, smoke, thanks, *_ = predicted.answers
    assert shipping["queue"] == "logistics"
    assert not shipping["escalate"]
    assert smoke["escalate"]
    assert len(smoke["reasons"]) == 2
    assert (thanks["intent"], thanks["sentiment"]) == ("thank", "positive")


def test_nothing_asked_nothing_answered(tmp_path: Path) -> None:
    done = run(tmp_path, "predict", typed=b"\n\n")
    assert (done.status, done.out, done.err) == (0, "", "")
