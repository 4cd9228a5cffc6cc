"""The doorbell, in memory and on a real Valkey: it may lose a ring, never the work."""

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator

import pytest
import redis
import redis.asyncio
from taskiq import InMemoryBroker
from taskiq.api import run_receiver_task
from taskiq_redis import RedisStreamBroker

from gateway import worker as worker_module
from gateway.adapters.announcing import Announcer
from gateway.adapters.database.jobs import LEASE
from gateway.adapters.database.store import DatabaseStore
from gateway.adapters.queue import TaskiqQueue, Work, open_broker
from gateway.errors import QueueAway
from gateway.settings import ROOT
from gateway.worker import Worker
from tests.adapters.conftest import LeaseClock
from tests.adapters.servers import free_port
from tests.adapters.work import Service, soon
from tests.usecases.fakes import FakeCarrier


@pytest.fixture(params=["memory", "valkey"])
def redis_url(request: pytest.FixtureRequest) -> str:
    """ "" for the queue in memory."""
    if request.param == "memory":
        return ""
    url = str(request.getfixturevalue("valkey"))
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    return url


@contextlib.asynccontextmanager
async def listening(redis_url: str, work: Work) -> AsyncIterator[TaskiqQueue]:
    """A queue whose rings reach `work`, as in a worker's process. At the end, what was begun is ended."""
    queue = TaskiqQueue(open_broker(redis_url), work)
    broker = queue.broker
    broker.is_worker_process = bool(redis_url)
    await broker.startup()
    receiver = asyncio.create_task(run_receiver_task(broker)) if redis_url else None
    try:
        yield queue
        if isinstance(broker, InMemoryBroker):
            await broker.wait_all()
        elif isinstance(broker, RedisStreamBroker):
            for _ in range(2):
                await soon(lambda: nothing_pending(redis_url, broker))
    finally:
        if receiver:
            receiver.cancel()
            await asyncio.gather(receiver, return_exceptions=True)
        await broker.shutdown()


async def nothing_pending(redis_url: str, broker: RedisStreamBroker) -> bool:
    """Every ring was delivered, and this worker has done with its own."""
    stream, group = broker.queue_name, broker.consumer_group_name
    async with redis.asyncio.Redis.from_url(redis_url) as client:
        (about,) = await client.xinfo_groups(stream)
        mine = await client.xpending_range(stream, group, "-", "+", 10, broker.consumer_name)
    return about["lag"] == 0 and not mine


@pytest.fixture
def quick_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "SWEEP_EVERY", 0.01)


@contextlib.asynccontextmanager
async def sweeping(worker: Worker) -> AsyncIterator[None]:
    task = asyncio.create_task(worker.sweep_forever())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_it_delivers_every_ring(redis_url: str) -> None:
    rung: list[int] = []

    async def work(job_id: int) -> None:
        rung.append(job_id)

    async with listening(redis_url, work) as queue:
        for job_id in range(20):
            await queue.ring(job_id)
        await soon(lambda: len(rung) == 20)
    assert sorted(rung) == list(range(20))


async def test_it_goes_on_after_work_that_failed(redis_url: str) -> None:
    rung: list[int] = []

    async def work(job_id: int) -> None:
        rung.append(job_id)
        if job_id == 1:
            raise RuntimeError("broken")

    async with listening(redis_url, work) as queue:
        await queue.ring(1)
        await soon(lambda: rung == [1])
        await queue.ring(2)
        await soon(lambda: 2 in rung)


async def test_it_works_on_several_rings_at_once(redis_url: str) -> None:
    """One person's slow turn keeps nobody waiting."""
    inside, free = asyncio.Event(), asyncio.Event()

    async def work(job_id: int) -> None:
        if job_id == 1:
            inside.set()
            await free.wait()
        else:
            free.set()

    async with listening(redis_url, work) as queue:
        await queue.ring(1)
        await asyncio.wait_for(inside.wait(), 60)
        await queue.ring(2)
        await asyncio.wait_for(free.wait(), 60)


async def test_it_delivers_what_was_rung_before_anybody_listened(valkey: str) -> None:
    """The gateway starts before its workers."""
    with redis.Redis.from_url(valkey) as client:
        client.flushdb()
    gateway = TaskiqQueue(open_broker(valkey))
    await gateway.broker.startup()
    await gateway.ring(7)
    rung: list[int] = []

    async def work(job_id: int) -> None:
        rung.append(job_id)

    async with listening(valkey, work):
        await soon(lambda: rung == [7])
    await gateway.broker.shutdown()


async def test_it_hears_again_after_the_server_forgot_everything(valkey: str) -> None:
    """A Redis that keeps nothing on disk was started again: the sweep rings, the workers must hear."""
    rung: list[int] = []

    async def work(job_id: int) -> None:
        rung.append(job_id)

    with redis.Redis.from_url(valkey) as client:
        client.flushdb()
        async with listening(valkey, work) as queue:
            await queue.ring(1)
            await soon(lambda: 1 in rung)
            client.flushdb()

            async def heard() -> bool:
                await queue.ring(2)
                return 2 in rung

            await soon(heard)


async def test_it_shares_the_rings_between_workers(valkey: str) -> None:
    with redis.Redis.from_url(valkey) as client:
        client.flushdb()
    rung: list[tuple[str, int]] = []

    def named(name: str) -> Work:
        async def work(job_id: int) -> None:
            rung.append((name, job_id))

        return work

    async with listening(valkey, named("one")) as queue, listening(valkey, named("two")):
        for job_id in range(30):
            await queue.ring(job_id)
        await soon(lambda: len(rung) >= 30)
    assert sorted(job_id for _, job_id in rung) == list(range(30))


async def test_it_answers_a_message_from_end_to_end(redis_url: str, store: DatabaseStore) -> None:
    service = Service(store)
    async with listening(redis_url, service.worker.do) as queue:
        service.worker.queue = queue
        await service.worker.ring(await service.says("un"))
        await soon(lambda: len(service.carrier.sent) == 1)
    assert service.texts == ["fr:utter_un"]


async def test_it_finds_a_lost_ring_by_its_sweep(
    redis_url: str, store: DatabaseStore, quick_sweep: None
) -> None:
    service = Service(store)
    async with listening(redis_url, service.worker.do) as queue:
        await service.says("un")  # and nobody rings
        service.worker.queue = queue
        async with sweeping(service.worker):
            await soon(lambda: len(service.carrier.sent) == 1)
    assert service.texts == ["fr:utter_un"]


async def test_it_goes_on_sweeping_after_the_database_was_away(
    store: DatabaseStore, quick_sweep: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = Service(store)
    failures = iter([OSError("away"), OSError("away")])
    due = service.worker.due

    async def sometimes() -> list[int]:
        for failure in failures:
            raise failure
        return list(await due())

    monkeypatch.setattr(service.worker, "due", sometimes)
    async with listening("", service.worker.do) as queue:
        service.worker.queue = queue
        await service.says("un")
        async with sweeping(service.worker):
            await soon(lambda: len(service.carrier.sent) == 1)


async def test_it_answers_once_with_many_workers_and_many_rings(
    redis_url: str, store: DatabaseStore, quick_sweep: None
) -> None:
    carrier = FakeCarrier()
    services = [Service(store, carrier=carrier) for _ in range(3)]
    async with contextlib.AsyncExitStack() as stack:
        for service in services:
            service.worker.queue = await stack.enter_async_context(listening(redis_url, service.worker.do))
            await stack.enter_async_context(sweeping(service.worker))
        for number in range(10):
            jobs = await services[0].says(f"message {number}", address=f"+336399800{number:02}")
            for service in services:
                await service.worker.ring(jobs)
        await soon(lambda: len(carrier.sent) >= 10)
        await soon(services[0].calm)
    assert sorted(to for to, _ in carrier.sent) == [f"+336399800{number:02}" for number in range(10)]
    assert sum(len(service.assistant.asked) for service in services) == 10


@contextlib.contextmanager
def doomed(database_url: str, key: str, redis_url: str, job: int) -> Iterator[None]:
    """Another process has taken the job; it is killed when the block begins."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.adapters.doomed_worker", database_url, key, redis_url, str(job)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout
        assert process.stdout.readline() == "taken\n"
        process.kill()
        process.wait()
        yield
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()


async def test_it_does_the_work_of_a_killed_worker_after_its_lease(
    redis_url: str,
    store: DatabaseStore,
    database_url: str,
    key: str,
    lease_clock: LeaseClock,
    quick_sweep: None,
) -> None:
    service = Service(store)
    (job,) = await service.says("un")
    if redis_url:
        ringing = TaskiqQueue(open_broker(redis_url))
        await ringing.broker.startup()
        await ringing.ring(job)
        await ringing.broker.shutdown()
    with doomed(database_url, key, redis_url, job):
        async with listening(redis_url, service.worker.do) as queue:
            service.worker.queue = queue
            await service.worker.do(job)
            assert service.assistant.asked == []  # its lease still runs
            lease_clock.seconds = time.time() + LEASE + 1
            async with sweeping(service.worker):
                await soon(lambda: len(service.carrier.sent) == 1)
                await soon(service.calm)
    assert service.texts == ["fr:utter_un"]
    assert [q.again for q in service.assistant.asked] == [True]


# Redis away


@contextlib.asynccontextmanager
async def unhearing(worker: bool, work: Work, url: str) -> AsyncIterator[TaskiqQueue]:
    queue = TaskiqQueue(open_broker(url), work)
    queue.broker.is_worker_process = worker
    await queue.broker.startup()
    try:
        yield queue
    finally:
        await queue.broker.shutdown()


@pytest.fixture(params=["nobody listens", "frozen"])
async def away(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    if request.param == "nobody listens":
        yield f"redis://127.0.0.1:{free_port()}"
        return
    frozen = await asyncio.start_server(lambda _reader, _writer: asyncio.Event().wait(), "127.0.0.1", 0)
    yield f"redis://127.0.0.1:{frozen.sockets[0].getsockname()[1]}"
    frozen.close()


async def test_a_worker_does_itself_what_it_cannot_ring_for(away: str) -> None:
    done: list[int] = []

    async def work(job_id: int) -> None:
        done.append(job_id)

    async with unhearing(True, work, away) as queue:
        started = time.monotonic()
        for job_id in range(50):
            await queue.ring(job_id)
        await queue.settled(10)
    assert done == list(range(50))
    assert time.monotonic() - started < 10  # one try, not fifty time-outs


async def test_a_gateway_says_that_nobody_heard(away: str) -> None:
    async def work(_job_id: int) -> None:
        raise AssertionError("a gateway does no job while there are workers")

    async with unhearing(False, work, away) as queue:
        for _ in range(3):
            with pytest.raises(QueueAway):
                await queue.ring(1)


async def test_it_answers_while_redis_is_away(store: DatabaseStore, away: str, quick_sweep: None) -> None:
    service = Service(store)
    async with unhearing(True, service.worker.do, away) as queue:
        service.worker.queue = queue
        await service.says("un")
        async with sweeping(service.worker):
            await soon(lambda: len(service.carrier.sent) == 1)
        await queue.settled(10)
    assert service.texts == ["fr:utter_un"]


async def test_it_listens_to_a_redis_that_starts_after_it(valkey: str) -> None:
    port, rung = free_port(), []

    async def work(job_id: int) -> None:
        rung.append(job_id)

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_unix_connection(valkey.removeprefix("unix://"))

        async def pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            while data := await source.read(65536):
                target.write(data)

        both = (pass_on(reader, there[1]), pass_on(there[0], writer))
        with contextlib.suppress(OSError):
            await asyncio.gather(*both)

    broker = open_broker(f"redis://127.0.0.1:{port}")
    broker.is_worker_process = True
    queue = TaskiqQueue(broker, work)
    await broker.startup()
    receiver = asyncio.create_task(run_receiver_task(broker))
    server = await asyncio.start_server(relay, "127.0.0.1", port)
    other = TaskiqQueue(open_broker(valkey))  # the gateway, which found Redis

    async def heard() -> bool:
        await other.ring(5)
        return 5 in rung

    await soon(heard)
    receiver.cancel()
    await asyncio.gather(receiver, return_exceptions=True)
    for one in (queue, other):
        await one.broker.shutdown()
    server.close()


async def test_it_waits_for_what_was_begun_when_it_stops() -> None:
    ended: list[int] = []

    async def work(job_id: int) -> None:
        await asyncio.sleep(0.2 if job_id == 1 else 60)
        ended.append(job_id)

    queue = TaskiqQueue(open_broker(""), work)
    await queue.ring(1)
    await asyncio.sleep(0.05)
    await queue.settled(30)
    assert ended == [1]
    await queue.ring(2)
    await asyncio.sleep(0.05)
    await queue.settled(0.1)  # too long: its lease will end, and another goes on
    assert ended == [1]


# an answer is told to the pages of other processes


async def test_it_tells_the_other_processes_of_an_answer(valkey: str) -> None:
    told: list[int] = []
    worker, gateway = Announcer(valkey), Announcer(valkey)
    listening_ = asyncio.create_task(gateway.listen_forever(told.append))

    async def heard(conversation: int) -> bool:
        worker.tell(conversation)
        return conversation in told

    await soon(lambda: heard(7))
    with redis.Redis.from_url(valkey) as client:
        client.client_kill_filter(_type="pubsub")  # the line breaks
    await soon(lambda: heard(8))
    listening_.cancel()
    await asyncio.gather(listening_, return_exceptions=True)
    for one in (worker, gateway):
        await one.close()


async def test_it_tells_nobody_while_redis_is_away(away: str) -> None:
    worker = Announcer(away)
    worker.tell(7)
    await asyncio.gather(*worker._telling)
    await worker.close()
