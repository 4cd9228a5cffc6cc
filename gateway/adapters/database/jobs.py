"""Work to be done: one row a kind and subject, claimed with a lease by compare-and-set.

A row is armed in the transaction of the change that causes it, so neither can exist without the
other. A killed worker loses nothing: its lease ends and another claims the row. Leases are on the
machine's clock and due times on the product's, which the simulator may move by days.
"""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Float, and_, bindparam, case, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.adapters.database.engine import InlineConnection
from gateway.adapters.database.tables import UtcDateTime, job, nudge
from gateway.ports import Job

UNSEEN = (
    "calendar",
    "opened",
    "forget",
)  # come back every quarter of an hour, or change nothing that she sees
LEASE = 30.0  # seconds; longer than the slowest turn, renewed at each
SENDING = LEASE / 2  # seconds of it for one question to the carrier and its answer


def lease_end() -> float:
    """Of a lease that is taken, or renewed, from now on."""
    return time.time() + LEASE


def may_send(until: float) -> bool:
    """Whether enough is left of a lease. Who was frozen meanwhile must not send: somebody else may have."""
    return time.time() < until - SENDING


@cache  # building a statement costs more than running it: built once, its values come with each call
def _claiming() -> Any:
    real = bindparam("real", type_=Float())
    return (
        update(job)
        .where(
            job.c.id == bindparam("the_id"),
            or_(
                and_(job.c.state == "ready", job.c.due_at <= bindparam("at", type_=UtcDateTime())),
                and_(job.c.state == "running", job.c.lease_until < real),
            ),
        )
        .values(
            state="running",
            owner=bindparam("me"),
            lease_until=bindparam("until", type_=Float()),
            attempts=job.c.attempts + 1,
        )
        .returning(
            job.c.id,
            job.c.kind,
            job.c.subject,
            job.c.attempts,
            job.c.rearmed,
            job.c.payload,
            job.c.lease_until,
        )
    )


@cache
def _arming(insert: Any) -> Any:
    due = bindparam("new_due", type_=UtcDateTime())
    new = insert(job).values(
        kind=bindparam("new_kind"), subject=bindparam("new_subject"), due_at=due, rearmed=1
    )
    return new.on_conflict_do_update(
        index_elements=["kind", "subject"],
        set_={
            "state": case((job.c.state == "running", "running"), else_="ready"),
            "due_at": due,
            "attempts": case((job.c.state == "done", 0), else_=job.c.attempts),
            "rearmed": job.c.rearmed + 1,
        },
    ).returning(job.c.id)


class Jobs:
    db: AsyncConnection | InlineConnection

    @property
    def insert(self) -> Any:
        raise NotImplementedError

    async def arm(self, kind: str, subject: int, due_at: datetime) -> int:
        """The job's id. A row that runs keeps running, and will run once more."""
        values = {"new_kind": kind, "new_subject": subject, "new_due": due_at}
        return int((await self.db.execute(_arming(self.insert), values)).scalar_one())

    async def claim(self, job_id: int, now: datetime, owner: str) -> Job | None:
        real = time.time()
        values = {"the_id": job_id, "at": now, "real": real, "me": owner, "until": real + LEASE}
        row = (await self.db.execute(_claiming(), values)).first()
        return Job(*row) if row else None

    async def take_deliveries(
        self, conversation_ids: Sequence[int], now: datetime, owner: str
    ) -> Mapping[int, Job]:
        """By conversation, the right to send what waits there. Left out: where somebody else is sending, and will find it."""
        ours = {
            "kind": "deliver", "due_at": now, "state": "running", "owner": owner,
            "lease_until": lease_end(), "attempts": 1, "rearmed": 1, "payload": {},
        }  # fmt: skip
        new = self.insert(job)
        free = job.c.state != "running"
        taken = new.on_conflict_do_update(
            index_elements=["kind", "subject"],
            set_={
                "owner": case((free, new.excluded.owner), else_=job.c.owner),
                "lease_until": case((free, new.excluded.lease_until), else_=job.c.lease_until),
                "attempts": case((free, 1), else_=job.c.attempts),
                "state": "running",
                "rearmed": job.c.rearmed + 1,
            },
        ).returning(
            job.c.id, job.c.kind, job.c.subject, job.c.attempts, job.c.rearmed, job.c.payload, job.c.lease_until,
            job.c.owner,
        )  # fmt: skip
        rows = await self.db.execute(taken, [{**ours, "subject": one} for one in sorted(conversation_ids)])
        return {row.subject: Job(*row[:7]) for row in rows if row.owner == owner}

    async def finish_deliveries(self, claimed: Sequence[Job], owner: str) -> None:
        """Those to which something was added meanwhile are ready again."""
        if not claimed:
            return
        mine = and_(job.c.owner == owner, job.c.state == "running")
        one = update(job).where(mine, job.c.id == bindparam("the_id"), job.c.rearmed == bindparam("seen"))
        seen = [{"the_id": one.id, "seen": one.rearmed} for one in claimed]
        await self.db.execute(one.values(state="done", attempts=0), seen)
        left = update(job).where(mine, job.c.id.in_([one.id for one in claimed]))
        await self.db.execute(left.values(state="ready", attempts=0))

    async def renew(self, claimed: Job, owner: str) -> bool:
        """False when the lease was lost: stop, another worker has the row."""
        mine = update(job).where(job.c.id == claimed.id, job.c.owner == owner, job.c.state == "running")
        result = await self.db.execute(mine.values(lease_until=lease_end()))
        return result.rowcount == 1

    async def finish(self, claimed: Job, owner: str) -> bool:
        mine = and_(job.c.id == claimed.id, job.c.owner == owner, job.c.state == "running")
        done = await self.db.execute(
            update(job).where(mine, job.c.rearmed == claimed.rearmed).values(state="done", attempts=0)
        )
        if done.rowcount == 1:
            return True
        await self.db.execute(update(job).where(mine).values(state="ready", attempts=0))
        return False

    async def postpone(self, claimed: Job, owner: str, due_at: datetime) -> None:
        await self.db.execute(
            update(job)
            .where(job.c.id == claimed.id, job.c.owner == owner)
            .values(state="ready", due_at=due_at)
        )

    async def due(self, now: datetime, limit: int) -> Sequence[int]:
        """Ids of the rows to be done now: ready and due, or left by a worker that died."""
        waiting = (
            select(job.c.id)
            .where(
                or_(
                    and_(job.c.state == "ready", job.c.due_at <= now),
                    and_(job.c.state == "running", job.c.lease_until < time.time()),
                )
            )
            # A STOP is heard before anything leaves.
            .order_by(case((job.c.kind == "converse", 0), else_=1), job.c.due_at)
            .limit(limit)
        )
        return list((await self.db.execute(waiting)).scalars())

    async def next_due(self, after: datetime, until: datetime) -> datetime | None:
        """The first moment between both at which something that she would notice is to be done: for a clock that jumps."""
        work = select(func.min(job.c.due_at)).where(
            job.c.state == "ready", job.c.due_at > after, job.c.due_at <= until, job.c.kind.not_in(UNSEEN)
        )
        told = select(func.min(nudge.c.due_at)).where(
            nudge.c.state == "planned", nudge.c.due_at > after, nudge.c.due_at <= until
        )
        found = [(await self.db.execute(one)).scalar() for one in (work, told)]
        return min((moment for moment in found if moment), default=None)

    async def release_all(self) -> None:
        """At the start of the one embedded process: whatever was running died with the last one."""
        await self.db.execute(update(job).where(job.c.state == "running").values(state="ready"))
