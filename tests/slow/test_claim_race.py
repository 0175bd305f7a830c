"""A hundred agents claim one conversation at the same time, two hundred times: one has it, ninety-nine are told who."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from bot.crm import ownership
from bot.crm.database import Database
from bot.crm.records import Owned
from bot.errors import Conflict
from tests.crm.making import conversation, events, queued, texts, user

AGENTS = 100
ROUNDS = 200


@pytest.mark.slow
def test_every_race_has_one_winner_whom_all_others_are_told(database: Database) -> None:
    agents = [user(database, f"客服{number}") for number in range(AGENTS)]
    with ThreadPoolExecutor(AGENTS) as pool:
        for _ in range(ROUNDS):
            key, start = queued(database), Barrier(AGENTS)

            def claim(user_id: int, key: str = key, start: Barrier = start) -> Owned | Conflict:
                start.wait(60)
                try:
                    return database.transaction(ownership.claim, key, user_id)
                except Conflict as refusal:
                    return refusal

            results = list(pool.map(claim, agents))
            (winner,) = [result for result in results if isinstance(result, Owned)]
            told = {str(result) for result in results if isinstance(result, Conflict)}
            assert told == {f"{winner.agent_name} 已接手"}
            owner = conversation(database, key)
            assert (owner.state, owner.agent_id) == ("agent", winner.agent_id)
            assert events(database, key) == ["queued", "claimed"]
            assert texts(database, key)[-1] == f"人工客服 {winner.agent_name} 为您服务。"
