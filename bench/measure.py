"""One round of measurements of a running system."""

import asyncio
from dataclasses import asdict, dataclass
from statistics import median

from bench import machine, workload
from bench.statistics import percentile
from bench.systems import System

TALKS = 8
"""Conversations of the workload's length, one after another, for the latency."""
AT_ONCE = 8
CROWDS = 2
"""How many times `AT_ONCE` new conversations run side by side."""
LONG_TALKS = 2
EARLY = (6, 15)
LATE = {"ours": (991, 1010)}
"""Turns, counted from 1, first and last."""
LATE_OTHERS = (91, 100)
RAPID = 5


@dataclass(frozen=True, slots=True)
class Round:
    """What one start of a system gave: milliseconds, seconds, megabytes; `turns_per_cpu_second` over all server processes."""

    p50_ms: float
    p99_ms: float
    turns_per_cpu_second: float
    turn_10_ms: float
    late_turn_ms: float
    late_over_turn_10: float
    rapid_s: float
    memory_mb: float
    cold_start_s: float

    def as_dict(self) -> dict[str, float]:
        """For JSON."""
        return asdict(self)


async def one_round(system: System) -> Round:
    """Start a system, measure it, and end it.

    Raises:
        NotMeasured: it does not start or does not answer.
    """
    try:
        cold_start = await system.start()
        times = [seconds for _ in range(TALKS) for seconds in await talk(system, len(workload.MESSAGES))]
        rate = await turns_per_cpu_second(system)
        rapid = [await two_at_once(system) for _ in range(RAPID)]
        early, late = await long_talks(system)
        return Round(
            p50_ms=1000 * percentile(times, 0.5),
            p99_ms=1000 * percentile(times, 0.99),
            turns_per_cpu_second=rate,
            turn_10_ms=1000 * early,
            late_turn_ms=1000 * late,
            late_over_turn_10=late / early,
            rapid_s=median(rapid),
            memory_mb=machine.memory(system.pids),
            cold_start_s=cold_start,
        )
    finally:
        await asyncio.to_thread(system.stop)


async def talk(system: System, turns: int) -> list[float]:
    """A new conversation; seconds of each turn."""
    async with system.chat() as chat:
        return [await chat.turn(workload.message(turn)) for turn in range(turns)]


async def turns_per_cpu_second(system: System) -> float:
    """Conversations side by side: turns for each CPU second that the server processes used."""
    before = machine.cpu_seconds(system.pids)
    for _ in range(CROWDS):
        await asyncio.gather(*(talk(system, len(workload.MESSAGES)) for _ in range(AT_ONCE)))
    return CROWDS * AT_ONCE * len(workload.MESSAGES) / (machine.cpu_seconds(system.pids) - before)


async def two_at_once(system: System) -> float:
    """In a conversation that has begun: seconds until two messages sent at once were both answered."""
    async with system.chat() as chat:
        await chat.turn(workload.message(0))
        return await chat.rapid(workload.message(1), workload.message(2))


async def long_talks(system: System) -> tuple[float, float]:
    """Seconds of a turn early and late in the same conversations, medians."""
    first, last = LATE.get(system.name, LATE_OTHERS)
    talks = [await talk(system, last) for _ in range(LONG_TALKS)]
    return (
        median(seconds for times in talks for seconds in times[EARLY[0] - 1 : EARLY[1]]),
        median(seconds for times in talks for seconds in times[first - 1 : last]),
    )
