"""Work to be done: one row a kind and subject, one worker at a time, nothing lost with a worker."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from gateway.adapters.database import tables as t
from gateway.adapters.database.jobs import LEASE
from gateway.adapters.database.store import DatabaseStore
from gateway.ports import Job
from tests.adapters.conftest import LeaseClock
from tests.usecases.fakes import NOW

LATER = NOW + timedelta(minutes=5)


async def armed(store: DatabaseStore, kind: str = "converse", subject: int = 1, due: Any = NOW) -> int:
    async with store.transaction() as tx:
        return await tx.arm(kind, subject, due)


async def claimed(store: DatabaseStore, job_id: int, owner: str = "one", now: Any = NOW) -> Job | None:
    async with store.transaction() as tx:
        return await tx.claim(job_id, now, owner)


async def taken(store: DatabaseStore, job_id: int, owner: str = "one", now: Any = NOW) -> Job:
    job = await claimed(store, job_id, owner, now)
    assert job is not None
    return job


async def finished(store: DatabaseStore, job: Job, owner: str = "one") -> bool:
    async with store.transaction() as tx:
        return await tx.finish(job, owner)


async def due(store: DatabaseStore, now: Any = NOW, limit: int = 200) -> list[int]:
    async with store.transaction() as tx:
        return list(await tx.due(now, limit))


async def test_it_arms_one_row_a_kind_and_subject(store: DatabaseStore) -> None:
    one, again = await armed(store), await armed(store)
    other_kind, other_subject = await armed(store, "deliver"), await armed(store, subject=2)
    assert one == again
    assert len({one, other_kind, other_subject}) == 3


async def test_it_lends_a_job_to_one_worker(store: DatabaseStore) -> None:
    job_id = await armed(store)
    job = await taken(store, job_id)
    assert (job.id, job.kind, job.subject, job.attempts) == (job_id, "converse", 1, 1)
    assert await claimed(store, job_id, "two") is None
    assert await claimed(store, job_id, "one") is None


async def test_it_lends_a_job_once_to_many_workers_at_once(store: DatabaseStore) -> None:
    job_ids = [await armed(store, subject=subject) for subject in range(5)]
    tries = [(job_id, f"worker {owner}") for job_id in job_ids for owner in range(8)]
    got = await asyncio.gather(*(claimed(store, job_id, owner) for job_id, owner in tries))
    assert sorted(job.id for job in got if job) == job_ids


async def test_it_lends_nothing_before_its_time(store: DatabaseStore) -> None:
    job_id = await armed(store, due=LATER)
    assert await claimed(store, job_id) is None
    assert await due(store) == []
    assert await due(store, LATER) == [job_id]
    assert await claimed(store, job_id, now=LATER)


async def test_it_lends_nothing_that_is_done(store: DatabaseStore) -> None:
    job_id = await armed(store)
    assert await finished(store, await taken(store, job_id))
    assert await claimed(store, job_id, "two", LATER) is None
    assert await due(store, LATER) == []


async def test_it_lends_a_job_again_when_it_is_armed_again(store: DatabaseStore) -> None:
    job_id = await armed(store)
    await finished(store, await taken(store, job_id))
    assert await armed(store) == job_id
    assert (await taken(store, job_id)).attempts == 1


async def test_it_runs_a_job_once_more_when_it_was_armed_meanwhile(store: DatabaseStore) -> None:
    """A message came while the one before was being answered."""
    job_id = await armed(store)
    job = await taken(store, job_id)
    await armed(store)
    assert await claimed(store, job_id, "two") is None  # still one at a time
    assert not await finished(store, job)
    assert await due(store) == [job_id]
    assert await finished(store, await taken(store, job_id, "two"), "two")


async def test_it_waits_for_the_new_time_of_a_job_that_was_armed_meanwhile(store: DatabaseStore) -> None:
    job_id = await armed(store, "forget")
    job = await taken(store, job_id)
    await armed(store, "forget", due=LATER)
    assert not await finished(store, job)
    assert await due(store) == []
    assert await due(store, LATER) == [job_id]


async def test_it_lends_the_job_of_a_dead_worker_after_its_lease(
    store: DatabaseStore, lease_clock: LeaseClock
) -> None:
    job_id = await armed(store)
    await taken(store, job_id, "dead")
    lease_clock.seconds += LEASE - 1
    assert await due(store) == []
    assert await claimed(store, job_id, "two") is None
    lease_clock.seconds += 2
    assert await due(store) == [job_id]
    assert (await taken(store, job_id, "two")).attempts == 2


async def test_it_lends_the_job_of_a_dead_worker_once(store: DatabaseStore, lease_clock: LeaseClock) -> None:
    job_id = await armed(store)
    await taken(store, job_id, "dead")
    lease_clock.seconds += LEASE + 1
    got = await asyncio.gather(*(claimed(store, job_id, f"worker {n}") for n in range(8)))
    assert len([job for job in got if job]) == 1


async def test_it_keeps_a_lease_that_is_renewed(store: DatabaseStore, lease_clock: LeaseClock) -> None:
    job_id = await armed(store)
    job = await taken(store, job_id)
    for _ in range(4):
        lease_clock.seconds += LEASE - 1
        async with store.transaction() as tx:
            assert await tx.renew(job, "one")
    assert await claimed(store, job_id, "two") is None


async def test_it_takes_nothing_more_from_a_worker_that_lost_its_lease(
    store: DatabaseStore, lease_clock: LeaseClock
) -> None:
    job_id = await armed(store)
    slow = await taken(store, job_id, "slow")
    lease_clock.seconds += LEASE + 1
    quick = await taken(store, job_id, "quick")
    async with store.transaction() as tx:
        assert not await tx.renew(slow, "slow")
        assert not await tx.finish(slow, "slow")
        await tx.postpone(slow, "slow", LATER)
        assert await tx.renew(quick, "quick")
        assert await tx.finish(quick, "quick")


async def test_it_is_not_moved_by_the_products_clock(store: DatabaseStore, lease_clock: LeaseClock) -> None:
    """The simulator jumps by days: a lease in use stays in use."""
    job_id = await armed(store)
    await taken(store, job_id)
    assert await due(store, NOW + timedelta(days=30)) == []
    assert await claimed(store, job_id, "two", NOW + timedelta(days=30)) is None


async def test_it_postpones_and_counts_the_tries(store: DatabaseStore) -> None:
    job_id = await armed(store)
    attempts = []
    for minute in range(3):
        now = NOW + timedelta(minutes=minute)
        job = await taken(store, job_id, now=now)
        attempts.append(job.attempts)
        async with store.transaction() as tx:
            await tx.postpone(job, "one", now + timedelta(minutes=1))
        assert await claimed(store, job_id, now=now) is None
    assert attempts == [1, 2, 3]


async def test_it_counts_tries_from_one_after_a_success(store: DatabaseStore) -> None:
    job_id = await armed(store)
    job = await taken(store, job_id)
    async with store.transaction() as tx:
        await tx.postpone(job, "one", NOW)
    await armed(store)  # while it waits for its next try
    again = await taken(store, job_id)
    assert again.attempts == 2
    await finished(store, again)
    await armed(store)
    assert (await taken(store, job_id)).attempts == 1


async def test_it_gives_the_longest_due_first_and_not_too_many(store: DatabaseStore) -> None:
    job_ids = [await armed(store, subject=n, due=NOW - timedelta(minutes=n)) for n in range(5)]
    assert await due(store, limit=3) == list(reversed(job_ids))[:3]


async def test_it_forgets_an_armed_job_with_the_change_that_caused_it(store: DatabaseStore) -> None:
    async def broken() -> None:
        async with store.transaction() as tx:
            await tx.arm("mail", 7, NOW)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await broken()
    assert await due(store) == []


async def test_it_frees_at_the_start_what_ran_when_the_only_process_died(store: DatabaseStore) -> None:
    running, done = await armed(store), await armed(store, "mail")
    await taken(store, running)
    await finished(store, await taken(store, done))
    async with store.transaction() as tx:
        await tx.release_all()
    assert await due(store) == [running]
    assert {row["id"]: row["state"] for row in await store.rows(t.job)} == {running: "ready", done: "done"}
