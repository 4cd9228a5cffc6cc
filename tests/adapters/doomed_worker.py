"""Run as a process: takes a job, says so, and works on it until it is killed.

Arguments: the database's address, its key, the queue's address or "", the job's number.
"""

import asyncio
import sys

from taskiq.api import run_receiver_task

from gateway.adapters.database.engine import open_engine
from gateway.adapters.database.store import DatabaseStore
from gateway.adapters.encryption import Cipher
from gateway.adapters.queue import TaskiqQueue, open_broker
from gateway.ports import Question
from tests.adapters.work import Echo, Service


async def main(database: str, key: str, redis_url: str, job: str) -> None:
    async def for_ever(_: Question) -> None:
        print("taken", flush=True)
        await asyncio.Event().wait()

    service = Service(DatabaseStore(open_engine(database), Cipher(key)), assistant=Echo(before=for_ever))
    if not redis_url:
        return await service.worker.do(int(job))
    queue = TaskiqQueue(open_broker(redis_url), service.worker.do)
    await queue.broker.startup()
    await run_receiver_task(queue.broker)


asyncio.run(main(*sys.argv[1:]))
