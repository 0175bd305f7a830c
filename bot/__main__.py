"""The command line: `python -m bot …`."""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

os.environ["RASA_TELEMETRY_ENABLED"] = "false"
os.environ.setdefault("SQLALCHEMY_SILENCE_UBER_WARNING", "1")

from bot.conversation.access import Role
from bot.conversation.taxonomy import QUEUES
from bot.errors import BadInput, ZhikeError
from bot.logs import configure_logs
from bot.settings import ROOT, Settings


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

    train = commands.add_parser("train", help="train and publish the models")
    train.add_argument("--only", choices=("assistant", "tickets", "sentiment", "escalation"))
    train.set_defaults(run=_train)

    predict = commands.add_parser("predict", help='JSON lines {"text"} on stdin: intent, queue, sentiment and escalation of each')
    predict.set_defaults(run=_predict)

    explain = commands.add_parser("explain", help='JSON lines {"text"} on stdin: why each is understood as it is, in words')
    explain.set_defaults(run=_explain)

    chat = commands.add_parser("chat", help="talk to the assistant in the terminal")
    chat.add_argument("--jsonl", action="store_true", help='JSON lines {"sender","text"} on stdin')
    chat.set_defaults(run=_chat)

    evaluate = commands.add_parser("evaluate", help="train a classifier on one CSV file and measure it on another")
    evaluate.add_argument("kind", choices=("tickets", "sentiment"))
    evaluate.add_argument("--train", type=Path, required=True, metavar="A.csv")
    evaluate.add_argument("--test", type=Path, required=True, metavar="B.csv")
    evaluate.add_argument("--text", required=True, metavar="COLUMN")
    evaluate.add_argument("--label", required=True, metavar="COLUMN")
    evaluate.add_argument("--json", action="store_true", help="print the report as JSON")
    evaluate.set_defaults(run=_evaluate)

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
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from bot.training.train import KINDS, train

    kinds = (options.only,) if options.only else KINDS
    console = Console(stderr=True)
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
    from bot.learning.evaluation import evaluate
    from bot.training.examples import read_rows

    train, test = (read_rows(path, options.text, options.label) for path in (options.train, options.test))
    report = evaluate(*train, *test)
    if options.json:
        print(json.dumps(report.as_dict(), ensure_ascii=False))
        return
    print(f"accuracy {report.accuracy}  macro F1 {report.macro_f1}  ({report.train_size} trained, {report.test_size} tested)")
    for label, found in report.per_class.items():
        print(f"{label:24} precision {found['precision']:.3f}  recall {found['recall']:.3f}  support {found['support']:.0f}")
    print(f"fit {report.fit_seconds} s, {report.texts_per_second} texts/s")


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
