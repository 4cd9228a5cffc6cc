"""Telling the other processes that somebody has an answer: her page may be open in any of them.

By Redis publish and subscribe: nothing is kept, and a word that is lost only delays (the page looks by itself
each quarter of a minute).
"""

import asyncio
from collections.abc import Callable

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

log = structlog.get_logger()

CHANNEL = "coup-de-pouce-answers"
PATIENCE = 1.0  # seconds for Redis to take a word
_GONE = (RedisError, OSError, TimeoutError)


class Announcer:
    def __init__(self, redis_url: str) -> None:
        self._redis = Redis.from_url(redis_url)
        self._telling: set[asyncio.Task[None]] = set()

    def tell(self, conversation_id: int) -> None:
        """Returns at once."""
        task = asyncio.get_running_loop().create_task(self._tell(conversation_id))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _tell(self, conversation_id: int) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                await self._redis.publish(CHANNEL, conversation_id)
        except _GONE as failure:
            log.info("answer_untold", error=type(failure).__name__)

    async def listen_forever(self, told: Callable[[int], None]) -> None:
        while True:
            try:
                async with self._redis.pubsub() as channel:
                    await channel.subscribe(CHANNEL)
                    async for word in channel.listen():
                        if word["type"] == "message":
                            told(int(word["data"]))
            except _GONE as failure:
                log.warning("announcer_away", error=type(failure).__name__)
                await asyncio.sleep(1)

    async def close(self) -> None:
        await self._redis.aclose()
