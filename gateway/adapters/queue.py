"""The doorbell: job numbers through taskiq, in memory or by Redis Streams. It may lose a ring.

The job table is the record. A sweep rings again for whatever is due and was not done, so a lost
ring, a flushed Redis or a killed worker only delays.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable

import structlog
from redis.exceptions import RedisError
from taskiq import AckableMessage, AsyncBroker, InMemoryBroker
from taskiq_redis import RedisStreamBroker

Work = Callable[[int], Awaitable[None]]

log = structlog.get_logger()


class PatientStreamBroker(RedisStreamBroker):  # type: ignore[misc]  # taskiq-redis says no types
    """Listens again after a Redis that went away, or that came back having forgotten everything.

    taskiq-redis makes its consumer group once, at the start: after a flush it would fail for ever.
    """

    async def listen(self) -> AsyncGenerator[AckableMessage, None]:
        while True:
            try:
                async for message in super().listen():
                    yield message
            except (
                RedisError
            ) as failure:  # gone, silent too long, or back with nothing: the sweep rings again
                log.warning("queue_away", error=type(failure).__name__)
                await asyncio.sleep(1)
                with contextlib.suppress(RedisError):
                    await self._declare_consumer_group()


def open_broker(redis_url: str) -> AsyncBroker:
    """In memory without an address. By Redis: from the beginning of the stream, which is kept short."""
    if not redis_url:
        return InMemoryBroker(max_async_tasks=64)
    broker: AsyncBroker = PatientStreamBroker(
        url=redis_url,
        queue_name="coup-de-pouce-jobs",
        consumer_group_name="workers",
        consumer_id="0",
        maxlen=10_000,
        unacknowledged_lock_timeout=30,
    )
    return broker


class TaskiqQueue:
    """The `Queue` port over a broker. `work` is what a worker does with a number."""

    def __init__(self, broker: AsyncBroker, work: Work | None = None) -> None:
        self.broker = broker

        async def do_job(job_id: int) -> None:
            if work is not None:
                await work(job_id)

        self._task = broker.register_task(do_job, task_name="do_job")

    async def ring(self, job_id: int) -> None:
        await self._task.kiq(job_id)
