"""The command line, as a script uses it: what goes in, what comes out, and how it ends."""

import io
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bot import terminal
from bot.__main__ import main
from bot.conversation.outcome import Interaction
from bot.conversation.taxonomy import QUEUES
from bot.crm import desk_queries, queries, store
from bot.crm.database import Database
from bot.errors import BadInput
from bot.passwords import fits
from bot.service import Service, claim_name
from bot.settings import Settings
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
            [sys.executable, "-m", "bot", *arguments],
            input=typed.encode() if isinstance(typed, str) else typed,
            env={**kept, **own},
            cwd=ROOT,
            capture_output=True,
            timeout=120,
            check=False,
        )
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


class Echo:
    """A service whose assistant takes everything and says nothing."""

    def __init__(self) -> None:
        self.assistant = self.database = self

    def assess_all(self, texts: list[str]) -> list[Any]:
        nothing = Interaction("greet", 1.0, False, "general", 1.0, {}, (), "neutral", 0.0, (), False, (), {}, 0.0)
        return [nothing for _ in texts]

    def close(self) -> None: ...


@pytest.mark.parametrize(
    "bad",
    [
        b"not json",
        b"{",
        b'"text"',
        b"[]",
        b"null",
        b"7",
        b"{}",
        b'{"Text": "a"}',
        b'{"text": 7}',
        b'{"text": null}',
        b'{"text": ["a"]}',
        b'{"text": ""}',
        b'{"text": " \\u0000 "}',
        b'{"text": "\\ud800"}',
        b'{"text": "\xff\xfe"}',
        '{"text": "退款"}'.encode("gbk"),
        b"[" * 100_000,
        b'\xef\xbb\xbf\xef\xbb\xbf{"text": "a"}',
    ],
)
def test_bad_lines_are_refused_by_number(bad: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Service, "build", lambda settings: Echo())
    out = io.StringIO()
    with pytest.raises(BadInput, match=r"^line 3[: ]"):
        terminal.predict(Settings(), [b'{"text": "a"}\n', b'{"text": "b"}\n', bad + b"\n", b'{"text": "c"}\n'], out)
    assert [json.loads(line)["text"] for line in out.getvalue().splitlines()] == ["a", "b"]


def test_long_input_is_answered_whole_and_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Service, "build", lambda settings: Echo())
    out = io.StringIO()
    terminal.predict(Settings(), (b'{"text": "%d"}\n' % number for number in range(1000)), out)
    assert [json.loads(line)["text"] for line in out.getvalue().splitlines()] == [str(number) for number in range(1000)]


def test_nothing_asked_nothing_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Service, "build", lambda settings: Echo())
    for typed in ([], [b"\n", b"  \n"]):
        out = io.StringIO()
        terminal.predict(Settings(), typed, out)
        assert out.getvalue() == ""


# explain

EXPLAINED = ("請問發票抬頭怎麼改", "气死我了，叫你们经理来", "😀")


def test_every_line_is_explained_until_a_bad_one(tmp_path: Path) -> None:
    done = run(tmp_path, "explain", typed=lines(*({"text": text} for text in EXPLAINED), {"text": 7}, {"text": "后"}))
    assert done.error == 'zhike: line 4: "text" is not text'
    assert [answer["text"] for answer in done.answers] == list(EXPLAINED)
    for answer in done.answers:
        assert set(answer) == {"text", "queue", "sentiment", "escalate", "explanation", "marks"}
        assert QUEUES[answer["queue"]] in answer["explanation"]["zh"]
        assert set(answer["explanation"]) == {"zh", "en"}
        for mark in answer["marks"]:
            assert mark["text"] == answer["text"][mark["start"] : mark["end"]] != ""
    invoice, angry, _ = done.answers
    assert (invoice["queue"], invoice["escalate"]) == ("billing", False)
    assert "“發票”" in invoice["explanation"]["zh"]
    assert any("發票" in mark["text"] for mark in invoice["marks"])
    assert angry["escalate"]
    assert "转人工，因为" in angry["explanation"]["zh"]
    assert "A person was called" in angry["explanation"]["en"]
    assert any("气死" in mark["text"] for mark in angry["marks"])


# chat --jsonl

TALK = [
    ("一号", "我要退款"),
    ("二号", "你好😀"),
    ("一号", NUMBER),
    ("二号", "转人工"),
    ("三号", "人工客服"),
    ("二号", "还在吗"),
]


@pytest.fixture(scope="module")
def chatted(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """Three customers in turn, then a line without a sender."""
    typed = lines(*({"sender": sender, "text": text} for sender, text in TALK)) + lines({"text": "谁"}, {"sender": "一号", "text": "后"})
    return run(tmp_path_factory.mktemp("chat"), "chat", "--jsonl", typed=typed)


def test_a_chat_answers_every_line_before_a_bad_one(chatted: Ended) -> None:
    assert chatted.error == 'zhike: line 7 is not a JSON object with "sender"'
    assert [answer["sender"] for answer in chatted.answers] == [sender for sender, _ in TALK]
    for answer in chatted.answers:
        assert set(answer) - {"position"} == {"sender", "replies", "state", "intent", "queue", "sentiment"}
        assert ("position" in answer) == (answer["state"] == "queued")


def test_every_sender_has_a_conversation_with_a_memory(chatted: Ended) -> None:
    asked, greeted, numbered, *_ = chatted.answers
    assert asked["intent"] == "request_refund"
    assert (greeted["intent"], greeted["state"]) == ("greet", "bot")
    assert numbered["intent"] == "inform"
    assert numbered["replies"], "the number was asked for, so that it is answered"
    assert numbered["replies"] != greeted["replies"]
    assert numbered["replies"] != asked["replies"]


def test_who_is_queued_is_told_the_place_and_answered_by_nobody_else(chatted: Ended) -> None:
    _, _, _, first, second, waiting = chatted.answers
    assert (first["state"], first["position"]) == ("queued", 1)
    assert first["replies"]
    assert (second["state"], second["position"]) == ("queued", 2)
    assert (waiting["state"], waiting["position"]) == ("queued", 1)
    assert waiting["replies"] == []


def test_buttons_are_offered_with_what_choosing_them_says(chatted: Ended) -> None:
    offered = [button for answer in chatted.answers for reply in answer["replies"] for button in reply.get("buttons", ())]
    assert offered
    assert all(set(button) == {"title", "payload"} and button["payload"].startswith("/") for button in offered)


# evaluate


def table(path: Path, rows: list[tuple[str, str]], header: str = "message,team") -> Path:
    path.write_text("\n".join([header, *(f"{text},{label}" for text, label in rows)]), encoding="utf-8")
    return path


def test_evaluate_reports_on_the_second_file(tmp_path: Path) -> None:
    train = table(tmp_path / "a.csv", [("退款", "money"), ("退钱", "money"), ("快递", "parcel"), ("物流", "parcel")] * 3)
    test = table(tmp_path / "b.csv", [("要退款", "money"), ("快递呢", "parcel"), ("物流呢", "money")])
    arguments = ("evaluate", "tickets", "--train", str(train), "--test", str(test), "--text", "message", "--label", "team")
    done = run(tmp_path, *arguments, "--json")
    assert done.status == 0
    assert f"{train}, line 6: duplicate: the same as line 2; left out: “退款”" in done.err
    (report,) = done.answers
    assert set(report) >= {"accuracy", "macro_f1", "per_class", "fit_seconds", "texts_per_second", "calibration_error"}
    assert report["accuracy"] == round(2 / 3, 4)
    assert report["macro_f1"] == round((2 / 3 + 2 / 3) / 2, 4)
    assert report["per_class"]["money"] == {"precision": 1.0, "recall": 0.5, "support": 2}
    assert report["fit_seconds"] > 0
    assert report["texts_per_second"] > 0


def test_evaluate_says_what_is_wrong_with_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZHIKE_VAR", str(tmp_path))
    good, bad = table(tmp_path / "a.csv", [("退款", "x"), ("快递", "y")]), table(tmp_path / "b.csv", [("退", "x")], "message,label")
    for train, test, said in (
        (good, bad, "has no column team; it has: message, label"),
        (tmp_path / "c.csv", good, "c.csv cannot be read"),
        (table(tmp_path / "d.csv", [("退款", "x"), ("退款", "x"), ("快递", "x")]), good, "d.csv needs at least two labels"),
    ):
        assert main(["evaluate", "tickets", "--train", str(train), "--test", str(test), "--text", "message", "--label", "team"]) == 1
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("zhike: ")
        assert said in err
        assert err.count("\n") == 1


def test_evaluate_writes_a_report_where_it_is_told_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZHIKE_VAR", str(tmp_path))
    train = table(tmp_path / "a.csv", [("退款", "money"), ("退钱", "money"), ("快递", "parcel"), ("物流", "parcel")])
    test = table(tmp_path / "b.csv", [("要[red]退款", "money"), ("", "money")])
    arguments = ["evaluate", "sentiment", "--train", str(train), "--test", str(test), "--text", "message", "--label", "team"]
    assert main([*arguments, "--report", str(tmp_path / "report")]) == 0
    out, err = capsys.readouterr()
    assert "accuracy 1.0" in out
    assert "no text" in err
    assert {path.name for path in (tmp_path / "report").iterdir()} == {"sentiment-report.html", "sentiment-report.json"}
    assert main([*arguments, "--report", str(train)]) == 1
    assert "nothing can be written to" in capsys.readouterr().err


def test_the_published_assistant_is_measured_on_known_intents(tmp_path: Path) -> None:
    test = table(
        tmp_path / "b.csv",
        [("我的快递到哪了", "track_order"), ("给我讲个笑话", "out_of_scope"), ("开发票", "request_invoice")],
        "text,intent",
    )
    arguments = ("evaluate", "intents", "--test", str(test), "--text", "text", "--label", "intent")
    done = run(tmp_path, *arguments, "--json")
    assert done.status == 0, done.err
    (report,) = done.answers
    assert report["accuracy"] == report["out_of_scope_recall"] == report["in_scope_accuracy"] == 1.0
    assert (report["lost_to_fallback"], report["lost_to_out_of_scope"]) == (0.0, 0.0)
    table(test, [("你好", "hello")], "text,intent")
    assert "names intents that there are not: hello" in run(tmp_path, *arguments).error


# train from a file


def test_a_candidate_goes_to_a_folder_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZHIKE_VAR", str(tmp_path))
    monkeypatch.setenv("ZHIKE_MODELS", str(tmp_path / "models"))
    data = table(tmp_path / "a.csv", [("退款", "after_sales"), ("退钱", "after_sales"), ("快递", "logistics"), ("物流", "logistics")])
    arguments = ["train", "tickets", "--data", str(data), "--text", "message", "--label", "team"]
    assert main(arguments) == 0
    (folder,) = (tmp_path / "candidates").iterdir()
    assert folder.name.startswith("tickets-")
    assert str(folder / "tickets-report.html") in capsys.readouterr().out
    assert not (tmp_path / "models").exists()
    assert main([*arguments, "--out", str(tmp_path / "out"), "--publish"]) == 0
    assert f"published in {tmp_path / 'models'}" in capsys.readouterr().out
    assert (tmp_path / "models" / "tickets.skops").read_bytes() == (folder / "tickets.skops").read_bytes()
    table(data, [("退款", "money"), ("快递", "parcel")])
    assert main([*arguments, "--publish"]) == 1
    assert "labels that the desk does not know (money, parcel)" in capsys.readouterr().err
    assert (tmp_path / "models" / "tickets.skops").read_bytes() == (folder / "tickets.skops").read_bytes()


# data


def test_the_training_data_is_sound(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert {each["name"] for each in json.loads(out)["descriptions"]} == {"intents", "tickets", "sentiment", "phrases"}


def test_unsound_training_data_fails_with_its_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.__main__.ROOT", tmp_path)
    for part, rows in (
        ("tickets", "text,queue\n退款,after_sales\n退款,billing\n"),
        ("sentiment", "text,sentiment,escalate\n好,good,false\n"),
    ):
        (tmp_path / "data" / part).mkdir(parents=True)
        (tmp_path / "data" / part / "a.csv").write_text(rows, encoding="utf-8")
    assert main(["data"]) == 1
    out, err = capsys.readouterr()
    assert "tickets: 2 lines, 2 labels" in out
    assert "data/tickets/a.csv, line 3: billing in tickets" in err
    assert "data/sentiment/a.csv, line 2: there is no label good of sentiment" in err


# users add


def test_users_are_added_once_with_a_password_that_is_long_enough(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZHIKE_DATABASE_URL", url := f"sqlite:///{tmp_path / 'zhike.db'}")

    def add(name: str, password: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "stdin", io.StringIO(password + "\n"))
        status = main(["users", "add", name, "--role", "agent"])
        out, err = capsys.readouterr()
        assert password not in out + err
        return status, out + err

    assert add("小袁", "too short") == (1, "zhike: a password has 10 to 200 characters\n")
    assert add("小袁", "long enough, this one") == (0, "小袁 may sign in as agent.\n")
    status, said = add("小袁", "another one, long enough")
    assert status == 1
    assert "小袁" in said
    assert said.startswith("zhike: ")
    database = Database(url).open()
    user = database.transaction(queries.user_by_name, "小袁")
    assert user is not None
    assert user.role == "agent"
    assert fits("long enough, this one", user.password_hash)
    database.close()


def test_a_user_serves_the_queues_that_are_named_or_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZHIKE_DATABASE_URL", url := f"sqlite:///{tmp_path / 'zhike.db'}")

    def add(*arguments: str) -> int:
        monkeypatch.setattr(sys, "stdin", io.StringIO("long enough, this one\n"))
        return main(["users", "add", *arguments])

    assert add("小袁", "--role", "agent", "--queue", "billing", "--queue", "account", "--capacity", "8") == 0
    assert add("小贺", "--role", "supervisor") == 0
    assert add("小路", "--role", "agent", "--capacity", "0") == 1
    assert "capacity" in capsys.readouterr().err
    database = Database(url).open()
    team = {each.name: each for each in database.transaction(desk_queries.team, store.now())}
    database.close()
    assert {name: (each.role, each.queues, each.capacity) for name, each in team.items()} == {
        "小袁": ("agent", ("billing", "account"), 8),
        "小贺": ("supervisor", tuple(QUEUES), 5),
    }


# what stops the start


def test_a_setting_that_cannot_be_used_is_one_line(tmp_path: Path) -> None:
    done = run(tmp_path, "predict", ZHIKE_DATABASE_URL="nonsense")
    assert "ZHIKE_DATABASE_URL='nonsense' cannot be used" in done.error
    assert done.out == ""


def test_a_port_in_use_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run(tmp_path, "serve", "--role", "web", "--port", str(port))
    assert done.status == 1
    errors = [line for line in done.err.splitlines() if line.startswith("zhike: ")]
    assert len(errors) == 1
    assert errors[0].startswith(f"zhike: cannot listen on 127.0.0.1:{port}: ")
    assert "Traceback" not in done.err


def test_a_name_in_use_is_one_line(tmp_path: Path) -> None:
    with claim_name(tmp_path, "worker-1"):
        done = run(tmp_path, "serve", "--role", "worker", ZHIKE_WORKER_NAME="worker-1")
    assert "another process works as 'worker-1'" in done.error
    assert "ZHIKE_WORKER_NAME" in done.error


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["dance"],
        ["serve", "--role", "king"],
        ["users", "add", "x"],
        ["users", "add", "x", "--role", "agent", "--queue", "rumours"],
        ["evaluate", "tickets"],
        ["evaluate", "tickets", "--test", "b.csv", "--text", "text", "--label", "queue"],
        ["evaluate", "intents", "--train", "a.csv", "--test", "b.csv", "--text", "text", "--label", "intent"],
        ["train", "tickets"],
        ["train", "assistant", "--data", "a.csv", "--text", "text", "--label", "intent"],
        ["train", "--data", "a.csv", "--text", "text", "--label", "queue"],
        ["train", "tickets", "--only", "tickets"],
        ["train", "--publish"],
    ],
)
def test_what_is_not_a_command_is_refused_with_the_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: python -m bot" in capsys.readouterr().err
