"""A thousand sentences of strangers in fifty conversations at once, through real sockets."""

import asyncio
import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from tests.servers import ROOT, Server, connected, until_no_turn_waits

pytestmark = pytest.mark.slow

CONVERSATIONS = 50
SENTENCES = 1000
FILE = os.environ.get("REAL_INPUT")
"""A file of JSON lines with `sentence1` and `sentence2`, such as AFQMC's; unset: the project's own held-out messages."""


def sentences() -> list[str]:
    found: list[str] = []
    if FILE:
        with Path(FILE).open(encoding="utf-8") as lines:
            for line in lines:
                pair = json.loads(line)
                found += [pair["sentence1"], pair["sentence2"]]
    else:
        import csv

        with (ROOT / "tests/data/strangers.csv").open(encoding="utf-8", newline="") as lines:
            own = [row["text"] for row in csv.DictReader(lines)]
        found = own * (SENTENCES // len(own) + 1)
    return found[:SENTENCES]


async def converse(server: Server, texts: list[str]) -> tuple[str, int]:
    """Say all, each after the last was acknowledged; returns the conversation and the last place in it."""
    async with connected(server) as customer:
        await customer.hello()
        acknowledged = []
        for text in texts:
            acknowledged.append((await customer.acked(await customer.say(text)))["seq"])
        assert acknowledged == sorted(set(acknowledged))
        assert customer.conversation
        return customer.conversation, acknowledged[-1]


async def test_a_thousand_real_sentences_are_taken_and_answered(tmp_path: Path) -> None:
    texts = sentences()
    shares = [texts[number::CONVERSATIONS] for number in range(CONVERSATIONS)]
    with Server(tmp_path) as server:
        assert server.process
        process = psutil.Process(server.process.pid)
        await asyncio.gather(*(converse(server, share) for share in shares))
        await until_no_turn_waits(tmp_path / "zhike.db")
        first = process.memory_info().rss
        await asyncio.gather(*(converse(server, share) for share in shares))
        await until_no_turn_waits(tmp_path / "zhike.db")
        second = process.memory_info().rss
    with closing(sqlite3.connect(tmp_path / "zhike.db")) as record:
        count = record.execute
        assert count("SELECT count(*) FROM messages WHERE sender = 'customer'").fetchone() == (2 * SENTENCES,)
        assert count("SELECT count(*), count(DISTINCT message_id) FROM interactions").fetchone() == (2 * SENTENCES, 2 * SENTENCES)
        assert count(
            "SELECT count(*) FROM interactions WHERE mode = 'reply' AND turn_id NOT IN (SELECT turn_id FROM messages WHERE sender = 'bot')"
        ).fetchone() == (0,)
        assert count("SELECT count(*) FROM turns WHERE error IS NOT NULL OR status != 'done'").fetchone() == (0,)
        for (conversation,) in count("SELECT id FROM conversations").fetchall():
            seqs = [seq for (seq,) in count("SELECT seq FROM messages WHERE conversation_id = ? ORDER BY seq", (conversation,))]
            assert seqs == list(range(1, len(seqs) + 1))
            turns = [
                turn
                for (turn,) in count(
                    "SELECT turn_id FROM messages WHERE conversation_id = ? AND sender = 'bot' ORDER BY seq", (conversation,)
                )
            ]
            assert turns == sorted(turns), "answers come in the order of the questions"
        (replied,) = count("SELECT count(*) FROM interactions WHERE mode = 'reply'").fetchone()
        (fallbacks,) = count("SELECT count(*) FROM interactions WHERE mode = 'reply' AND fallback").fetchone()
        (outside,) = count("SELECT count(*) FROM interactions WHERE intent = 'out_of_scope' AND NOT fallback").fetchone()
        (handed,) = count("SELECT count(*) FROM hand_offs").fetchone()
    assert second < first * 1.15, "memory is steady"
    print(
        f"\n{2 * SENTENCES} messages in {2 * CONVERSATIONS} conversations: {replied} answered by the assistant, "
        f"{fallbacks} fallbacks ({fallbacks / replied:.1%}), {outside} out of scope, {handed} handed off; "
        f"{first / 1e6:.0f} MB after the first thousand, {second / 1e6:.0f} MB after the second"
    )
