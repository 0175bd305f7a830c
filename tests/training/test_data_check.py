"""What is found in training text, and near-duplicates against comparing all with all."""

import json
import random
from pathlib import Path

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.preprocessing import normalize

from bot.training.data_check import STEP, check, in_words
from bot.training.similar import similar_pairs

NLU = """
version: "3.1"
nlu:
- intent: track_order
  examples: |
    - 我的[空气炸锅](product)到哪了
    - 快递到哪了
- intent: request_invoice
  examples: |
    - 开发票
    - 要一张发票，抬头写公司，谢谢啦
    - 要一张发票，抬头写公司，谢谢了
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for part, header, rows in (
        ("tickets", "text,queue", "快递没动静,logistics\n发票抬头错了,billing\n"),
        ("sentiment", "text,sentiment,escalate", "太慢了,negative,false\n你好,neutral,false\n谢谢,positive,false\n"),
    ):
        (tmp_path / "data" / part).mkdir(parents=True)
        (tmp_path / "data" / part / "a.csv").write_text(f"{header}\n{rows}", encoding="utf-8")
    (tmp_path / "data" / "nlu").mkdir()
    (tmp_path / "data" / "nlu" / "nlu.yml").write_text(NLU, encoding="utf-8")
    return tmp_path


def append(path: Path, rows: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(rows)


def test_sound_data_is_described(project: Path) -> None:
    found = check(project)
    assert found.faults == ()
    intents, tickets, sentiment = found.descriptions
    assert intents.labels == {"request_invoice": 3, "track_order": 2}
    assert (tickets.lines, sentiment.lines) == (2, 3)
    assert (sentiment.lengths["shortest"], sentiment.lengths["median"], sentiment.lengths["longest"]) == (2, 2, 3)
    assert sentiment.words == sentiment.new_words[0] >= 3
    assert (intents.similar.pairs, intents.similar.lines, intents.similar.across_labels) == (1, 2, 0)
    assert json.loads(json.dumps(found.as_dict()))["descriptions"][0]["similar"]["pairs"] == 1
    assert "intents: 5 lines, 2 labels" in in_words(found)


@pytest.mark.parametrize(
    ("file", "rows", "said"),
    [
        ("sentiment/a.csv", "太慢了,neutral,false\n", "a.csv, line 5: neutral in sentiment, but negative in data/sentiment/a.csv, line 2"),
        ("sentiment/a.csv", "謝謝,positive,true\n", "a.csv, line 5: true in escalation, but false in data/sentiment/a.csv, line 4"),
        ("sentiment/a.csv", "还行,okay,false\n", "a.csv, line 5: there is no label okay of sentiment"),
        ("sentiment/a.csv", "还行,neutral,maybe\n", "a.csv, line 5: there is no label maybe of escalation"),
        ("sentiment/a.csv", "还行,neutral,\n", "a.csv, line 5: no label"),
        ("sentiment/a.csv", '"还行,neutral,false\n', "a.csv, line 5: broken quoting"),
        ("tickets/a.csv", "退货,returns\n", "a.csv, line 4: there is no label returns of tickets"),
        (
            "tickets/a.csv",
            "開票！,billing\n开票!,complaint\n",
            "a.csv, line 5: complaint in tickets, but billing in data/tickets/a.csv, line 4",
        ),
        ("tickets/a.csv", "快递到哪了,complaint\n", "nlu.yml, line 7: logistics in tickets and intents, but complaint in"),
        (
            "nlu/nlu.yml",
            "- intent: track_order\n  examples: |\n    - 开发票\n",
            "nlu.yml, line 15: track_order in intents, but request_invoice",
        ),
        ("nlu/nlu.yml", "- intent: dance\n  examples: |\n    - 跳舞\n", "nlu.yml, line 15: there is no label dance of intents"),
    ],
)
def test_what_must_be_mended_is_named_by_file_and_line(project: Path, file: str, rows: str, said: str) -> None:
    append(project / "data" / file, rows)
    faults = check(project).faults
    assert any(said in fault for fault in faults), faults


def test_the_line_that_differs_from_most_is_the_one_that_is_named(project: Path) -> None:
    append(project / "data" / "tickets" / "a.csv", "到货了吗,billing\n到货了吗,logistics\n到货了吗,logistics\n")
    (fault, *_) = check(project).faults
    assert fault.startswith("data/tickets/a.csv, line 4: billing")


def test_new_words_are_counted_by_thousands_of_lines(project: Path) -> None:
    rows = "".join(f"{chr(0x4E00 + number)}\n".strip() + ",billing\n" for number in range(2 * STEP + 500))
    append(project / "data" / "tickets" / "a.csv", rows)
    tickets = check(project).descriptions[1]
    assert len(tickets.new_words) == 2
    assert all(count > 0.8 * STEP for count in tickets.new_words)


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.9])
def test_near_duplicates_are_those_of_comparing_all_with_all(threshold: float) -> None:
    draw = random.Random(5)
    letters = "退款快递发票到哪了怎么还没"
    texts = ["".join(draw.choices(letters, k=draw.randint(1, 12))) for _ in range(150)]
    texts += [text[: draw.randint(0, len(text))] + draw.choice(letters) for text in texts] + ["", "  "]
    vectors = normalize(CountVectorizer(analyzer="char", ngram_range=(2, 3)).fit_transform([f"^{text}$" for text in texts]))
    cosines = (vectors @ vectors.T).toarray()
    expected = {
        (one, other): cosines[one, other]
        for one, other in zip(*np.nonzero(np.triu(cosines >= threshold, 1)), strict=True)
        if texts[one].strip() and texts[other].strip()
    }
    found = {(pair.one, pair.other): pair.cosine for pair in similar_pairs(texts, threshold)}
    assert len(found) > 5
    assert found.keys() == expected.keys()
    assert all(found[pair] == pytest.approx(expected[pair], abs=1e-3) for pair in found)


def test_nothing_is_like_nothing() -> None:
    assert similar_pairs([]) == similar_pairs(["退款"]) == similar_pairs(["", " "]) == []
