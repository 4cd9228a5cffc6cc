"""The doorbell: job numbers through taskiq, in memory or by Redis Streams. It may lose a ring.

The job table is the record. A sweep rings again for whatever is due and was not done, so a lost
ring, a flushed Redis or a killed worker only delays. While Redis is away a worker does itself what it
would have rung for.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from typing import Any

import structlog
from redis.exceptions import RedisError
from taskiq import AckableMessage, AsyncBroker, InMemoryBroker
from taskiq_redis import RedisStreamBroker

from gateway.errors import QueueAway

Work = Callable[[int], Awaitable[None]]

log = structlog.get_logger()

RING = 1.0  # seconds for Redis to take a ring: a frozen one must not keep those who ring
LEFT_ALONE = 2.0  # seconds without a try, once it took none: two hundred rings would wait one after the other
AT_ONCE = 64  # jobs that a process does without a queue
_GONE = (RedisError, OSError)


class PatientStreamBroker(RedisStreamBroker):  # type: ignore[misc]  # taskiq-redis says no types
    """Listens again after a Redis that went away, or that came back having forgotten everything.

    taskiq-redis makes its consumer group once, at the start: after a flush it would fail for ever.
    """

    async def startup(self) -> None:
        """A Redis that is away keeps nobody from starting: listening begins once it is back."""
        try:
            async with asyncio.timeout(RING):
                await super().startup()
        except (*_GONE, TimeoutError) as failure:
            log.warning("queue_away", error=type(failure).__name__)

    async def listen(self) -> AsyncGenerator[AckableMessage, None]:
        while True:
            try:
                async for message in super().listen():
                    yield message
            except _GONE as failure:  # silent too long, or back with nothing: the sweep rings again
                log.warning("queue_away", error=type(failure).__name__)
                await asyncio.sleep(1)
                with contextlib.suppress(*_GONE):
                    await self._declare_consumer_group()


def open_broker(redis_url: str) -> AsyncBroker:
    """In memory without an address. By Redis: from the beginning of the stream, which is kept short."""
    if not redis_url:
        return InMemoryBroker(max_async_tasks=AT_ONCE)
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
        self._work = work
        self._doing: set[asyncio.Task[None]] = set()
        self._away_until = 0.0  # monotonic seconds
        self._alone = asyncio.Semaphore(AT_ONCE)

        async def do_job(job_id: int) -> None:
            if work is not None:
                await self._noted(work(job_id))

        self._task = broker.register_task(do_job, task_name="do_job")

    async def ring(self, job_id: int) -> None:
        """Raises QueueAway where nobody here can do the job instead."""
        try:
            await self._rung(job_id)
        except QueueAway:
            if self._work is None or not self.broker.is_worker_process:
                raise
            self._later(self._work_alone(job_id, self._work))

    async def _rung(self, job_id: int) -> None:
        if time.monotonic() < self._away_until:
            raise QueueAway
        try:
            async with asyncio.timeout(RING):
                await self._task.kiq(job_id)
        except Exception as failure:
            self._away_until = time.monotonic() + LEFT_ALONE
            raise QueueAway from failure

    async def settled(self, patience: float) -> None:
        """What was begun is ended, or this many seconds are over: then its lease ends, and another goes on."""
        if self._doing:
            await asyncio.wait(self._doing, timeout=patience)

    async def _work_alone(self, job_id: int, work: Work) -> None:
        async with self._alone:
            await work(job_id)

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._doing.add(task)
        task.add_done_callback(self._doing.discard)

    async def _noted(self, work: Awaitable[None]) -> None:
        """Waited for when this process stops."""
        if task := asyncio.current_task():
            self._doing.add(task)
            task.add_done_callback(self._doing.discard)
        await work
