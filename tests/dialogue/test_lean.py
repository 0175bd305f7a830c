"""Serving without TensorFlow. Each test that loads anything has a process of its own: what is imported stays imported."""

import io
import json
import os
import subprocess
import sys
import tarfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from bot.dialogue.lean import CHANNELS, PLACEHOLDERS, TENSORFLOW_COMPONENTS, needs_tensorflow
from bot.settings import ROOT


def run(code: str, *arguments: str) -> list[str]:
    """The lines that a program prints in a fresh process."""
    environment = os.environ | {"RASA_TELEMETRY_ENABLED": "false", "SQLALCHEMY_SILENCE_UBER_WARNING": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=80
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()


SERVING = """
import asyncio, json, sys
from bot.dialogue.lean import serve_without_tensorflow
from bot.logs import configure_logs
from bot.service import Service
from bot.settings import Settings

async def main():
    configure_logs("console")
    service = Service.build(Settings(database_url="sqlite:///" + sys.argv[1], models=Settings.from_environment().models, turn_timeout=60))
    await service.start()
    from bot.crm import store
    visit = await service.database.run(store.start_visit, channel="web", locale="zh-CN", notice_version="1")
    replies = []
    for number, text in enumerate(("你好", "我的快递到哪了", "转人工")):
        accepted = await service.accept(visit.conversation_id, str(number), text)
        replies.append(len(await service.replies(accepted.turn_id)))
    await service.stop()
    from rasa.core.agent import Agent
    from rasa.utils.tensorflow.data_generator import RasaDataGenerator
    refused = ""
    try:
        RasaDataGenerator(None)
    except RuntimeError as error:
        refused = str(error)
    heavy = sorted(name for name in sys.modules if name.split(".")[0] in {"tensorflow", "keras", "slack", "twilio", "socketio"})
    print(json.dumps({"replies": replies, "heavy": heavy, "refused": refused, "again": serve_without_tensorflow()}))

asyncio.run(main())
"""


def test_the_published_model_is_served_without_tensorflow(tmp_path: Path) -> None:
    told = json.loads(run(SERVING, str(tmp_path / "zhike.db"))[-1])
    assert all(replies >= 1 for replies in told["replies"]), "every message is answered"
    assert told["heavy"] == []
    assert "rasa.utils.tensorflow.data_generator.RasaDataGenerator is left out" in told["refused"]
    assert told["again"] is False, "placeholders are put in place once"


@pytest.mark.parametrize("imported", ["tensorflow", next(iter(PLACEHOLDERS))])
def test_too_late_changes_nothing(imported: str) -> None:
    code = f"""
import sys, types
there = sys.modules["{imported}"] = types.ModuleType("{imported}")
before = set(sys.modules)
from bot.dialogue.lean import serve_without_tensorflow
print(serve_without_tensorflow(), sys.modules["{imported}"] is there, [name for name in sys.modules if name.startswith("rasa.")
      and name != "{imported}"])
"""
    assert run(code) == ["False True []"]


def test_every_placeholder_refuses_to_be_used() -> None:
    code = """
import importlib, json
from bot.dialogue.lean import CHANNELS, PLACEHOLDERS, serve_without_tensorflow
assert serve_without_tensorflow()
said = []
for name, attributes in (PLACEHOLDERS | {f"rasa.core.channels.{key}": (value,) for key, value in CHANNELS.items()}).items():
    for attribute in attributes:
        try:
            getattr(importlib.import_module(name), attribute)()
        except RuntimeError as error:
            said.append(str(error))
print(json.dumps(said))
"""
    said = json.loads(run(code)[-1])
    assert len(said) == sum(map(len, PLACEHOLDERS.values())) + len(CHANNELS)
    assert all(line.endswith("is left out of a process that serves") for line in said)


def test_what_placeholders_stand_for_is_there_in_rasa() -> None:
    """An update of Rasa that moves one of them makes its placeholder useless."""
    spec = find_spec("rasa")
    assert spec is not None
    assert spec.origin is not None
    for name, attributes in (PLACEHOLDERS | {f"rasa.core.channels.{key}": (value,) for key, value in CHANNELS.items()}).items():
        source = Path(spec.origin).parent.parent.joinpath(*name.split(".")).with_suffix(".py").read_text(encoding="utf-8")
        assert [attribute for attribute in attributes if f"\nclass {attribute}(" not in source] == [], name


def a_model(folder: Path, *components: str) -> Path:
    """An archive with the part of a trained model's that tells its components."""
    schema = {"predict_schema": {"nodes": {f"run_{name}": {"uses": f"rasa.somewhere.{name}"} for name in components}}}
    content = json.dumps(schema).encode()
    path = folder / "model.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        member = tarfile.TarInfo("metadata.json")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return path


@pytest.mark.parametrize("component", TENSORFLOW_COMPONENTS)
def test_a_model_with_a_component_of_tensorflow_needs_it(tmp_path: Path, component: str) -> None:
    assert needs_tensorflow(a_model(tmp_path, "WhitespaceTokenizer", component))


def test_other_models_do_not_need_tensorflow(tmp_path: Path, archive: Path) -> None:
    assert not needs_tensorflow(a_model(tmp_path, "WhitespaceTokenizer", "LogisticRegressionClassifier", "RulePolicy"))
    assert not needs_tensorflow(archive), "the published assistant"
