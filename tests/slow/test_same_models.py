"""The same data gives the same models, whoever trains and when."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bot.learning.cards import read_card
from tests.servers import ROOT

pytestmark = pytest.mark.slow

NLU = """
version: "3.1"
nlu:
- intent: track_order
  examples: |
    - 我的[空气炸锅](product)到哪了
    - 快递到哪了
    - 物流信息呢
- intent: request_invoice
  examples: |
    - 开发票
    - 要一张发票
- intent: thank
  examples: |
    - 谢谢
    - 多谢
- intent: out_of_scope
  examples: |
    - 讲个笑话
    - 天气怎么样
"""
DOMAIN = """
version: "3.1"
intents: [track_order, request_invoice, thank, out_of_scope]
entities: [product]
slots:
  product: {type: text, influence_conversation: false, mappings: [{type: from_entity, entity: product}]}
forms:
  one_form: {required_slots: [product]}
  other_form: {required_slots: [product]}
actions: [action_fallback]
responses:
  utter_thank: [{text: 不客气}]
  utter_ask_product: [{text: 哪一件？}]
"""
RULES = """
version: "3.1"
rules:
- rule: thanks
  steps: [{intent: thank}, {action: utter_thank}]
- rule: track
  steps: [{intent: track_order}, {action: one_form}, {active_loop: one_form}]
- rule: invoice
  steps: [{intent: request_invoice}, {action: other_form}, {active_loop: other_form}]
"""

TRAIN = """
import sys
from pathlib import Path
from bot.training.train import train
train(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, content in (("data/nlu/nlu.yml", NLU), ("data/rules/rules.yml", RULES), ("domain.yml", DOMAIN)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    config = (ROOT / "config.yml").read_text(encoding="utf-8").replace("dictionary: data/dictionary.txt", "dictionary: null")
    (tmp_path / "config.yml").write_text(config, encoding="utf-8")
    return tmp_path


def test_an_assistant_trained_twice_is_the_same(project: Path) -> None:
    """In processes that hash differently, since Rasa writes sets in the order in which they come."""
    cards = []
    for seed in ("1", "2"):
        models = project / f"models-{seed}"
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", TRAIN, "assistant", str(project), str(models)]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr
        cards.append(read_card(models, "assistant"))
    assert cards[0].sha256 == cards[1].sha256
    assert cards[0].data_sha256 == cards[1].data_sha256
