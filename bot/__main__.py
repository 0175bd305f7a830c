"""The command line: `python -m bot …`."""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, get_args

os.environ["RASA_TELEMETRY_ENABLED"] = "false"
os.environ.setdefault("SQLALCHEMY_SILENCE_UBER_WARNING", "1")

from bot.conversation.access import Role
from bot.conversation.taxonomy import QUEUES
from bot.errors import BadInput, ZhikeError
from bot.logs import configure_logs
from bot.settings import ROOT, Settings

if TYPE_CHECKING:
    from rich.console import Console

    from bot.training.own_data import Columns, Ears


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status. Errors are one line on stderr."""
    options = _parser().parse_args(arguments)
    try:
        settings = Settings.from_environment()
        configure_logs(settings.log_format)
        status: int | None = options.run(options, settings)
        return status or 0
    except ZhikeError as error:
        print(f"zhike: {' '.join(str(error).split())}", file=sys.stderr)
    except KeyboardInterrupt:
        print("zhike: stopped", file=sys.stderr)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bot", description="知客 Zhike: a support desk that starts with a bot and knows when to call a person."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    serve = commands.add_parser("serve", help="serve customers and agents; trains first if nothing is published")
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument("--port", type=int, default=8080)
    serve.add_argument("--role", choices=("all", "web", "worker"), default="all")
    serve.set_defaults(run=_serve)

    train = commands.add_parser(
        "train",
        help="train and publish the models; or a candidate from a CSV file of yours",
        usage="%(prog)s [--only KIND]\n"
        "       %(prog)s tickets|sentiment --data A.csv --text COLUMN --label COLUMN [--out FOLDER] [--publish]",
    )
    train.add_argument("kind", nargs="?", choices=("tickets", "sentiment"), help="with --data: the kind of model to train from it")
    train.add_argument("--only", choices=("assistant", "tickets", "sentiment", "escalation"))
    train.add_argument("--data", type=Path, metavar="A.csv")
    _add_columns(train, required=False)
    train.add_argument("--out", type=Path, metavar="FOLDER", help="for the model and its report (var/candidates/KIND-TIME)")
    train.add_argument("--publish", action="store_true", help="put the model in place of the published one as well")
    train.set_defaults(run=_train, refuse=train.error)

    predict = commands.add_parser("predict", help='JSON lines {"text"} on stdin: intent, queue, sentiment and escalation of each')
    predict.set_defaults(run=_predict)

    explain = commands.add_parser("explain", help='JSON lines {"text"} on stdin: why each is understood as it is, in words')
    explain.set_defaults(run=_explain)

    chat = commands.add_parser("chat", help="talk to the assistant in the terminal")
    chat.add_argument("--jsonl", action="store_true", help='JSON lines {"sender","text"} on stdin')
    chat.set_defaults(run=_chat)

    evaluate = commands.add_parser(
        "evaluate",
        help="train a classifier on one CSV file and measure it on another; or measure the published assistant's intents",
        usage="%(prog)s tickets|sentiment --train A.csv --test B.csv --text COLUMN --label COLUMN [--json] [--report FOLDER]\n"
        "       %(prog)s intents --test B.csv --text COLUMN --label COLUMN [--json]",
    )
    evaluate.add_argument("kind", choices=("tickets", "sentiment", "intents"))
    evaluate.add_argument("--train", type=Path, metavar="A.csv")
    evaluate.add_argument("--test", type=Path, required=True, metavar="B.csv")
    _add_columns(evaluate, required=True)
    evaluate.add_argument("--json", action="store_true", help="print the report as JSON")
    evaluate.add_argument("--report", type=Path, metavar="FOLDER", help="write a page with pictures and the hardest errors, and its JSON")
    evaluate.set_defaults(run=_evaluate, refuse=evaluate.error)

    data = commands.add_parser("data", help="check the training data in data/ and describe it")
    data.add_argument("--json", action="store_true", help="print the description as JSON")
    data.set_defaults(run=_data)

    users = commands.add_parser("users", help="who may sign in").add_subparsers(required=True, metavar="ACTION")
    add = users.add_parser("add", help="add a user; asks for a password, or reads it from stdin")
    add.add_argument("name")
    add.add_argument("--role", choices=get_args(Role), required=True)
    add.add_argument("--queue", choices=tuple(QUEUES), action="append", help="a queue that the user serves; again for more; none: all")
    add.add_argument("--capacity", type=int, default=5, metavar="N", help="conversations at a time (5)")
    add.set_defaults(run=_add_user)

    demo = commands.add_parser("demo", help="fill the record with sample customers, products, orders and conversations")
    demo.add_argument("--seed", type=int, default=1)
    demo.set_defaults(run=_demo)
    return parser


def _add_columns(parser: argparse.ArgumentParser, *, required: bool) -> None:
    parser.add_argument("--text", required=required, metavar="COLUMN")
    parser.add_argument("--label", required=required, metavar="COLUMN")


def _serve(options: argparse.Namespace, settings: Settings) -> None:
    from bot.training.train import published

    if options.role != "web" and not published(settings.models):
        _train_apart()
    from bot.web.server import serve

    serve(settings, host=options.host, port=options.port, role=options.role)


def _train_apart() -> None:
    """Train in a process of its own: training imports TensorFlow, serving does not."""
    import subprocess

    print("No models are published yet: training them first (once, about two minutes).", file=sys.stderr)
    if subprocess.run([sys.executable, "-m", "bot", "train"], cwd=ROOT, check=False).returncode:
        raise ZhikeError("training failed; what it said stands above")


def _train(options: argparse.Namespace, settings: Settings) -> None:
    own = {name: getattr(options, name) for name in ("kind", "data", "text", "label")}
    if options.only and any(own.values()):
        options.refuse("--only trains from the project's own data; it does not go with a file")
    if any(own.values()) or options.out or options.publish:
        if missing := [name if name == "kind" else f"--{name}" for name, value in own.items() if not value]:
            options.refuse(f"to train from a file, these are needed too: {', '.join(missing)}")
        _train_from_file(options, settings)
    else:
        _train_all(options, settings)


def _train_all(options: argparse.Namespace, settings: Settings) -> None:
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from bot.training.train import KINDS, train

    kinds = (options.only,) if options.only else KINDS
    console = _console()
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("training", total=len(kinds))
        for kind in kinds:
            progress.update(task, description=f"training {kind}")
            card = train(kind, ROOT, settings.models)
            progress.advance(task)
            figures = ", ".join(f"{name} {value}" for name, value in card.metrics.items())
            console.print(f"{kind} {card.version}: {card.examples} examples, {len(card.labels)} labels; {figures}")


def _train_from_file(options: argparse.Namespace, settings: Settings) -> None:
    from bot.training.own_data import Columns, candidate_folder, train_file

    out = options.out or candidate_folder(settings.var, options.kind)
    columns = Columns(options.text, options.label)
    with _ears() as ears:
        card, page = train_file(options.kind, options.data, columns, ROOT, out, settings.models, ears, publish=options.publish)
    figures = ", ".join(f"{name} {value}" for name, value in card.metrics.items()) or "not measured"
    print(f"{card.kind} {card.version}: {card.examples} examples, {len(card.labels)} labels; {figures}")
    print(f"model and report: {out / card.file}, {page}")
    if options.publish:
        print(f"published in {settings.models}; a server that runs keeps its models until it is restarted")


def _console() -> "Console":
    from rich.console import Console

    return Console(stderr=True)


@contextmanager
def _ears() -> Iterator["Ears"]:
    """Warnings on stderr, and on a terminal what is being done and for how long."""
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from bot.training.own_data import Ears

    console = _console()
    with Progress(
        SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=console, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task("", total=None)
        yield Ears(
            stage=lambda what: progress.update(task, description=what),
            warn=lambda what: console.print(what, markup=False, highlight=False, soft_wrap=True),
        )


def _predict(options: argparse.Namespace, settings: Settings) -> None:
    from bot.terminal import predict

    predict(settings, sys.stdin.buffer, sys.stdout)


def _explain(options: argparse.Namespace, settings: Settings) -> None:
    from bot.terminal import explain

    explain(settings, sys.stdin.buffer, sys.stdout)


def _chat(options: argparse.Namespace, settings: Settings) -> None:
    from bot.terminal import chat, chat_jsonl

    if options.jsonl:
        asyncio.run(chat_jsonl(settings, sys.stdin.buffer, sys.stdout))
    else:
        asyncio.run(chat(settings))


def _evaluate(options: argparse.Namespace, settings: Settings) -> None:
    from bot.training.own_data import Columns, evaluate_files

    columns = Columns(options.text, options.label)
    if options.kind == "intents":
        if options.train or options.report:
            options.refuse("intents are those of the published assistant: --train and --report do not go with them")
        _evaluate_intents(options, settings, columns)
        return
    if not options.train:
        options.refuse("the following arguments are required: --train")
    with _ears() as ears:
        report = evaluate_files(options.kind, options.train, options.test, columns, ROOT, ears, options.report)
    if options.json:
        print(json.dumps(report.as_dict(), ensure_ascii=False))
        return
    print(f"accuracy {report.accuracy}  macro F1 {report.macro_f1}  calibration error {report.calibration_error}")
    _print_labels(report.per_class)
    print(f"{report.train_size} trained in {report.fit_seconds} s; {report.test_size} tested, {report.texts_per_second} texts/s")


def _evaluate_intents(options: argparse.Namespace, settings: Settings, columns: "Columns") -> None:
    from bot.understanding import measure_intents

    with _ears() as ears:
        found = measure_intents(settings, options.test, columns, ears)
    if options.json:
        print(json.dumps(found, ensure_ascii=False))
        return
    for name, value in found.items():
        if name != "per_class":
            print(f"{name.replace('_', ' '):24} {'-' if value is None else value}")
    _print_labels(found["per_class"])


def _print_labels(per_class: dict[str, dict[str, float]]) -> None:
    from bot.training.tables import shown

    for label, found in per_class.items():
        print(f"{shown(label):24} precision {found['precision']:.3f}  recall {found['recall']:.3f}  support {found['support']:.0f}")


def _data(options: argparse.Namespace, settings: Settings) -> int:
    from bot.training.data_check import check, in_words

    found = check(ROOT)
    print(json.dumps(found.as_dict(), ensure_ascii=False) if options.json else in_words(found))
    for fault in found.faults:
        print(f"zhike: {fault}", file=sys.stderr)
    return 1 if found.faults else 0


def _add_user(options: argparse.Namespace, settings: Settings) -> None:
    from getpass import getpass

    from bot.crm import store
    from bot.crm.database import Database
    from bot.passwords import hashed

    password = getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    if sys.stdin.isatty() and getpass("Again: ") != password:
        raise BadInput("the two passwords differ")
    password_hash = hashed(password)
    database = Database(settings.database_url).open()
    database.transaction(store.add_user, options.name, options.role, password_hash, queues=options.queue, capacity=options.capacity)
    database.close()
    print(f"{options.name} may sign in as {options.role}.")


def _demo(options: argparse.Namespace, settings: Settings) -> None:
    from bot.crm.database import Database
    from bot.crm.demo import fill, samples

    database = Database(settings.database_url).open()
    made = database.transaction(fill, seed=options.seed)
    orders = database.transaction(samples)
    database.close()
    print(", ".join(f"{count} {name.replace('_', ' ')}" for name, count in made.items()))
    if orders:
        print("Orders to ask about: number, status, last four digits of the phone number")
    for order in orders:
        print(f"  {order.number}  {order.status:9}  {order.phone[-4:]}")


if __name__ == "__main__":
    sys.exit(main())
