"""What gets into the logs, and what must not."""

import json
import subprocess
import sys

import pytest

from tests.servers import ROOT

SCRIPT = """
import logging, structlog
from bot.logs import configure_logs
configure_logs({form!r})
def work():
    words = "密语芝麻开门"
    raise ValueError("broken")
try:
    work()
except ValueError:
    structlog.get_logger("x").exception("turn failed", turn=7)
logging.getLogger("rasa.core").info("words of a customer")
logging.getLogger("rasa.core").warning("something to know")
"""


@pytest.mark.parametrize("form", ["json", "console"])
def test_errors_are_told_without_the_values_at_hand(form: str) -> None:
    told = subprocess.run([sys.executable, "-c", SCRIPT.format(form=form)], cwd=ROOT, capture_output=True, text=True, check=True).stderr
    assert "turn failed" in told
    assert "ValueError" in told
    assert "something to know" in told
    assert "words of a customer" not in told
    assert "芝麻开门" not in told
    if form == "json":
        lines = [json.loads(line) for line in told.splitlines()]
        assert lines[0]["turn"] == 7
