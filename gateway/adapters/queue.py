"""The doorbell: job numbers through taskiq, in memory or by Redis Streams. It may lose a ring.

The job table is the record. A sweep rings again for whatever is due and was not done, so a lost
ring, a flushed Redis or a killed worker only delays.
"""

from collections.abc import Awaitable, Callable

from taskiq import AsyncBroker, InMemoryBroker
from taskiq_redis import RedisStreamBroker

Work = Callable[[int], Awaitable[None]]


def open_broker(redis_url: str) -> AsyncBroker:
    """In memory without an address. By Redis: from the beginning of the stream, which is kept short."""
    if not redis_url:
        return InMemoryBroker(max_async_tasks=64)
    broker: AsyncBroker = RedisStreamBroker(
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
