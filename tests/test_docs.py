"""The documents say what the code does: settings, commands, protocol and links are compared with it."""

import argparse
import re
import shlex
import socket
from dataclasses import fields
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
import yaml

from bot import errors
from bot.__main__ import _parser
from bot.conversation import mood
from bot.conversation.escalation import Policy, most_urgent
from bot.conversation.outcome import Reason
from bot.conversation.taxonomy import INTENT_QUEUES, QUEUES
from bot.settings import ROOT, Settings
from bot.web import app, chat, frames, numbers, tickets
from bot.web.console import socket as socket_of_console
from bot.web.console.words import COURSES

DOCS = sorted(path for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "models").glob("*.md")])
IDS = [str(path.relative_to(ROOT)) for path in DOCS]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
ROW = re.compile(r"^\| (`.*) \|$", re.MULTILINE)


def text(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def rows(path: str, heading: str = "") -> list[list[str]]:
    """The table rows below a heading whose first cell is code."""
    part = text(path).partition(f"\n## {heading}\n")[2].partition("\n## ")[0] if heading else text(path)
    return [[cell.strip() for cell in row.split(" | ")] for row in ROW.findall(part)]


def first_cells(path: str, heading: str) -> set[str]:
    return {name for row in rows(path, heading) for name in SPAN.findall(row[0])}


def code_lines(path: Path) -> list[str]:
    """Every line of shell text and every code span of a document."""
    content = path.read_text(encoding="utf-8")
    shell = [line for language, block in FENCE.findall(content) if language in {"sh", "ini"} for line in block.splitlines()]
    return shell + SPAN.findall(FENCE.sub("", content))


def all_code() -> list[str]:
    return [line for path in DOCS for line in code_lines(path)]


# Settings


def test_settings_are_documented_with_meaning_default_and_example() -> None:
    documented = {row[0].strip("`"): row[1:] for row in rows("docs/settings.md")}
    assert list(documented) == [setting.metadata["env"] for setting in fields(Settings)]
    for setting in fields(Settings):
        about = setting.metadata
        meaning, default, example = documented[about["env"]]
        assert meaning == about["doc"]
        assert example == f"`{about['example']}`"
        about["read"](about["example"])
        if default == "the host's name":
            assert setting.default == socket.gethostname()
        elif default in {"unset", "none"}:
            assert not setting.default
        else:
            assert str(about["read"](default.strip("`").replace("<project>", str(ROOT)))) == str(setting.default), about["env"]


def test_no_document_names_a_setting_that_does_not_exist() -> None:
    known = {setting.metadata["env"] for setting in fields(Settings)} | set(re.findall(r"ZHIKE_\w+", text("tests/conftest.py")))
    named = {name for path in DOCS for name in re.findall(r"ZHIKE_[A-Z_]+[A-Z]", path.read_text(encoding="utf-8"))}
    assert named <= known


# Commands


def test_make_targets_are_those_of_the_readme() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*##", text("Makefile"), re.MULTILINE))
    chinese, _, english = text("README.md").partition("\n## English\n")
    for half in (chinese, english):
        assert set(re.findall(r"`make ([a-z-]+)", half)) >= targets
    named = {match for line in all_code() for match in re.findall(r"\bmake ([a-z][a-z-]*)", line)}
    assert named <= targets


def commands() -> dict[str, argparse.ArgumentParser]:
    (choices,) = [action.choices for action in _parser()._actions if isinstance(action, argparse._SubParsersAction)]
    return dict(choices)


def test_every_command_is_in_the_readme() -> None:
    shown = {line.partition("python -m bot ")[2].split()[0] for line in code_lines(ROOT / "README.md") if "python -m bot " in line}
    assert shown - {"--help"} == set(commands())
    english = text("README.md").partition("\n## English\n")[2]
    assert {name for name in commands() if not re.search(rf"`{name}\b", english)} == set()


def invocations() -> list[str]:
    found = {line.partition("python -m bot ")[2] for line in all_code() if re.search(r"python -m bot [a-z]", line)}
    return sorted(re.split(r"[|<>#&]|\s#", line)[0].strip() for line in found)


@pytest.mark.parametrize("line", invocations())
def test_commands_are_understood(line: str) -> None:
    _parser().parse_args(shlex.split(line))


def test_intents_queues_and_forms_are_counted_right() -> None:
    readme = text("README.md")
    forms = text("domain.yml").partition("\nforms:\n")[2].partition("\nactions:\n")[0]
    assert {9: "nine forms"}[len(re.findall(r"^  \w+_form:", forms, re.MULTILINE))] in readme
    assert f"{len(INTENT_QUEUES)} 种意图" in readme
    assert f"{len(INTENT_QUEUES)} intents" in readme
    assert {8: "八个队列"}[len(QUEUES)] in readme


# What the assistant does


def test_reasons_with_their_priorities_and_thresholds() -> None:
    documented = {row[0].strip("`"): (row[1], row[2]) for row in rows("docs/escalation.md")}
    codes = get_args(get_type_hints(Reason)["code"])
    assert {code: priority for code, (_, priority) in documented.items()} == {code: most_urgent([Reason(code, "", "")]) for code in codes}
    policy = Policy()
    thresholds = {
        "request": [policy.request_confidence],
        "anger": [policy.rage_score, policy.anger_score],
        "wording": [policy.need],
        "trend": [policy.grumble_score, policy.unhappy_score],
    }
    for code, values in thresholds.items():
        named = re.findall(r"−?\d+\.\d+", documented[code][0])
        assert named == [f"{value:g}".replace("-", "−") for value in values], code


def test_the_mood_and_its_words() -> None:
    content = text("docs/escalation.md").partition("## Mood")[2].partition("\n## ")[0]
    assert {3: "three messages"}[int(mood.HALF_LIFE)] in content
    assert {1: "one message"}[int(mood.FAST_HALF_LIFE)] in content
    assert {5: "the last five scores"}[mood.RECENT] in content
    assert f"trend at most −{mood.TURNED:g} and fast below {mood.GRUMBLE:g}".replace("-", "−") in content
    assert f"trend at least {mood.TURNED:g}" in content
    assert all(word in content for word in COURSES.values())


def test_fallback_thresholds() -> None:
    (fallback,) = [part for part in yaml.safe_load(text("config.yml"))["pipeline"] if part["name"] == "FallbackClassifier"]
    content = text("docs/assistant.md")
    assert f"confidence of {fallback['threshold']}," in content
    assert f"within {fallback['ambiguity_threshold']}," in content


# Protocol


def test_client_frames() -> None:
    assert {row[0].strip("`") for row in rows("docs/protocol.md", "What the client sends")} == set(chat.Chat._handlers)


def test_server_frames() -> None:
    sources = [Path(str(module.__file__)).read_text(encoding="utf-8") for module in (chat, frames)]
    sent = {name for source in sources for name in re.findall(r'"type": "(\w+)"', source)}
    assert {row[0].strip("`") for row in rows("docs/protocol.md", "What the server sends")} == sent


def test_console_frames() -> None:
    """Frames are listed several to a row."""
    cells = [cell for cell in first_cells("docs/console.md", "The socket") if cell]
    assert set(socket_of_console.AgentSocket._handlers) <= set(cells), "a frame of the page is not documented"


def test_error_codes() -> None:
    by_code: dict[str, set[int]] = {}
    for error in vars(errors).values():
        if isinstance(error, type) and issubclass(error, errors.ZhikeError):
            by_code.setdefault(error.code, set()).add(error.status)
    documented = {row[0].strip("`"): {int(status) for status in row[2].split(", ")} for row in rows("docs/protocol.md", "Errors")}
    assert documented == by_code


def test_routes() -> None:
    source = "".join(Path(str(module.__file__)).read_text(encoding="utf-8") for module in (app, tickets, numbers))
    served = {f"{verb.upper()} {path}" for verb, path in re.findall(r'web\.(get|post)\("([^"]+)"', source)}
    served = {re.sub(r"\{(\w+):[^}]*\}+", r"{\1}", route) for route in served}
    documented = {route for route in first_cells("docs/protocol.md", "All routes") if "…" not in route}
    assert documented == served


# Links


def links(path: Path) -> list[str]:
    return LINK.findall(SPAN.sub("", FENCE.sub("", path.read_text(encoding="utf-8"))))


def anchors(path: Path) -> set[str]:
    content = FENCE.sub("", path.read_text(encoding="utf-8"))
    titles = re.findall(r"^#+ (.+)$", content, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", DOCS, ids=IDS)
def test_relative_links_lead_somewhere(path: Path) -> None:
    lost = []
    for link in links(path):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        if not target.exists() or (anchor and anchor not in anchors(target)):
            lost.append(link)
    assert lost == []


@pytest.mark.parametrize("path", DOCS, ids=IDS)
def test_paths_that_are_named_exist(path: Path) -> None:
    named = {word for line in code_lines(path) for word in line.split() if re.match(r"(?:bot|actions|data|docs|tests|bench)/", word)}
    assert {word for word in named if not any(ROOT.glob(word.rstrip("/")))} == set()


def test_every_document_is_linked() -> None:
    linked = {(path.parent / link.partition("#")[0]).resolve() for path in DOCS for link in links(path)}
    assert {path for path in DOCS if "docs" in path.relative_to(ROOT).parts} <= linked


def test_decisions_are_dated_and_one_page_long() -> None:
    pages = [path for path in (ROOT / "docs" / "decisions").glob("*.md") if path.name != "README.md"]
    assert pages
    for path in pages:
        date = path.name[:10]
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", date), path.name
        lines = path.read_text(encoding="utf-8").splitlines()
        assert lines[2] == date, f"{path.name} names its date below its title"
        assert len(lines) <= 60, f"{path.name} is longer than a page"
