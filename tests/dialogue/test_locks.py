"""One turn at a time in each conversation."""

import asyncio

import pytest

from bot.dialogue.locks import FifoLockStore


async def test_waiters_get_a_conversation_in_the_order_in_which_they_came() -> None:
    locks = FifoLockStore()
    order: list[str] = []

    async def hold(number: int) -> None:
        async with locks.lock("a"):
            order.append(f"in {number}")
            await asyncio.sleep(0)
            order.append(f"out {number}")

    await asyncio.gather(*(hold(number) for number in range(20)))
    assert order == [step for number in range(20) for step in (f"in {number}", f"out {number}")]


async def test_other_conversations_do_not_wait() -> None:
    locks = FifoLockStore()
    async with locks.lock("a"), asyncio.timeout(5), locks.lock("b"):
        pass


async def test_a_holder_that_fails_lets_go() -> None:
    locks = FifoLockStore()
    with pytest.raises(ValueError, match="broken"):
        async with locks.lock("a"):
            raise ValueError("broken")
    async with asyncio.timeout(5), locks.lock("a"):
        pass


async def test_a_waiter_that_gives_up_does_not_keep_others_waiting() -> None:
    locks = FifoLockStore()

    async def hold() -> str:
        async with locks.lock("a"):
            return "held"

    async with locks.lock("a"):
        gives_up, stays = asyncio.create_task(hold()), asyncio.create_task(hold())
        await asyncio.sleep(0)
        gives_up.cancel()
    assert await asyncio.wait_for(stays, 5) == "held"
    assert gives_up.cancelled()


async def test_nothing_is_kept_of_conversations_that_nobody_holds() -> None:
    locks = FifoLockStore()

    async def hold(name: str) -> None:
        async with locks.lock(name):
            await asyncio.sleep(0)

    tasks = [asyncio.create_task(hold(f"conversation {number % 7}")) for number in range(50)]
    await asyncio.sleep(0)
    for task in tasks[::3]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert locks._locks == {}
