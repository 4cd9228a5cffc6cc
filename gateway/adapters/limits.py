"""How often each address of the network does something: in Redis when there is one, else in this process.

It must never refuse people because of itself: while Redis is away each process counts alone.
"""

import time
from collections.abc import Callable

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

log = structlog.get_logger()

WINDOW = 60  # seconds, from the first time
PATIENCE = 0.25  # seconds for Redis: somebody is waiting for a page
LEFT_ALONE = 10.0  # seconds without asking a Redis that did not answer
MOST = 50_000  # addresses remembered here; beyond, the oldest are let go

Index = Callable[[str], str]


class MemoryLimits:
    """The `Limits` port. `index`: a keyed hash, so that no address is kept. `now`: seconds that never go back."""

    def __init__(self, index: Index, now: Callable[[], float] = time.monotonic) -> None:
        self._index, self._now = index, now
        self._counts: dict[str, tuple[int, float]] = {}  # key → how many, until when

    async def count(self, what: str, who: str) -> int:
        return self._counted(self._key(what, who))

    async def close(self) -> None:
        self._counts.clear()

    def _key(self, what: str, who: str) -> str:
        return f"limit:{what}:{self._index(who)[:32]}"

    def _counted(self, key: str) -> int:
        now = self._now()
        known, until = self._counts.get(key, (0, 0.0))
        if until <= now:
            self._counts.pop(key, None)
            self._make_room(now)
            known, until = 0, now + WINDOW
        self._counts[key] = known + 1, until
        return known + 1

    def _make_room(self, now: float) -> None:
        """They lie in the order in which they end."""
        while self._counts:
            oldest = next(iter(self._counts))
            if len(self._counts) < MOST and self._counts[oldest][1] > now:
                return
            del self._counts[oldest]


class RedisLimits(MemoryLimits):
    def __init__(self, url: str, index: Index, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__(index, now)
        self._redis: Redis = Redis.from_url(url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE)
        self._away_until = 0.0

    async def count(self, what: str, who: str) -> int:
        key = self._key(what, who)
        if self._now() >= self._away_until:
            try:
                async with self._redis.pipeline() as asked:
                    asked.set(key, 0, ex=WINDOW, nx=True)
                    asked.incr(key)
                    return int((await asked.execute())[-1])
            except (RedisError, OSError, TimeoutError) as failure:
                log.warning("limits_away", error=type(failure).__name__)
                self._away_until = self._now() + LEFT_ALONE
        return self._counted(key)

    async def close(self) -> None:
        await self._redis.aclose()


def open_limits(redis_url: str, index: Index) -> MemoryLimits:
    return RedisLimits(redis_url, index) if redis_url else MemoryLimits(index)
