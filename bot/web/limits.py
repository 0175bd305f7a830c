"""Rate limits: token buckets in this process, one per visitor, network address or name."""

import time
from collections import OrderedDict
from collections.abc import Callable

from bot.errors import RateLimited
from bot.settings import Rate

MOST_BUCKETS = 50_000


class Limiter:
    """Lets each key do `rate.burst` things at once and `rate.per_second` more every second.

    Buckets that were not used for longest are forgotten when there are very many; a forgotten bucket is a full one.
    """

    def __init__(self, rate: Rate, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def spend(self, key: str) -> None:
        """One more thing of that key.

        Raises:
            RateLimited: it is one too many for now.
        """
        now = self._clock()
        tokens, before = self._buckets.pop(key, (float(self._rate.burst), now))
        tokens = min(self._rate.burst, tokens + (now - before) * self._rate.per_second)
        allowed = tokens >= 1
        self._buckets[key] = (tokens - 1 if allowed else tokens), now
        if len(self._buckets) > MOST_BUCKETS:
            self._buckets.popitem(last=False)
        if not allowed:
            raise RateLimited("too many messages at once; please wait a moment")
