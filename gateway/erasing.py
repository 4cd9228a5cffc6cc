"""Forgetting, beside the turns: what others still have of somebody is asked back, and what was kept long enough goes."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import structlog

from gateway.domain.privacy import Leftover
from gateway.errors import AssistantSilent, SendFailed, SendLater
from gateway.ports import Job, Transaction
from gateway.turns import Turns
from gateway.usecases import retention
from gateway.usecases.retention import TABLE, Line

log = structlog.get_logger()

AT_ONCE = 20  # leftovers read in one transaction
GIVEN_UP = timedelta(days=30)  # Twilio may need fourteen days before it lets go of a message
AGAIN = timedelta(minutes=5)  # what leaves first is waited for
SETTLES = timedelta(minutes=2)  # Twilio deletes no message that it is still busy with


@dataclass
class Erasing(Turns):
    _tidied: date = date.min

    async def _left_to_erase(self, tx: Transaction, job: Job) -> Any:
        """What the job needs; None when nothing is left to do."""
        if job.kind == "elsewhere":
            return await tx.leftovers(AT_ONCE) or None
        return job.subject if job.kind == "vanish" else None

    async def _vanish(self, job: Job, conversation_id: int) -> None:
        """The last words to who is forgotten, and her number with them."""
        now = self.clock.now()
        async with self.store.transaction() as tx:
            if not await tx.vanish(conversation_id, now):
                return await tx.postpone(job, self.owner, now + AGAIN)
            await tx.arm("elsewhere", 0, now)  # nobody waits for it: the sweep comes by
            await tx.finish(job, self.owner)

    async def _elsewhere(self, job: Job, some: Sequence[Leftover]) -> None:
        """One after the other: the carrier allows few requests at once, and nobody waits for these."""
        stayed = False
        while ripe := [one for one in some if self._may_be_asked(one)]:
            away = set[str]()
            for one in ripe:
                gone = one.place not in away and await self._asked_back(one, away)
                stayed |= not gone
                async with self.store.transaction() as tx:
                    await (tx.leftover_is_gone(one.id) if gone else tx.leftover_stays(one.id))
                    if not await tx.renew(job, self.owner):
                        return
            if stayed:
                wait = timedelta(seconds=min(30 * 2 ** min(job.attempts, 10), 3600))
                return await self._postpone(job, wait)
            async with self.store.transaction() as tx:
                some = await tx.leftovers(AT_ONCE)
        if some:
            return await self._postpone(job, SETTLES)
        await self._finish(job)

    def _may_be_asked(self, one: Leftover) -> bool:
        return one.place == "assistant" or self.clock.now() - one.since >= SETTLES

    async def _asked_back(self, one: Leftover, away: set[str]) -> bool:
        """Whether it is gone there. `away`: where nobody answers."""
        try:
            if one.place == "assistant":
                await self.assistant.forget(one.name)
            else:
                await self.carrier.redact(one.name)
        except (SendFailed, AssistantSilent) as failure:
            if self.clock.now() - one.since > GIVEN_UP:
                log.error("not_forgotten_elsewhere", place=one.place, leftover=one.name)
                return True
            log.warning("forgotten_later", place=one.place, error=type(failure).__name__)
            if isinstance(failure, SendLater | AssistantSilent):
                away.add(one.place)
            return False
        return True

    async def tidy(self) -> None:
        """Once a day: what was kept long enough is erased, line after line."""
        now = self.clock.now()
        if now.date() == self._tidied:
            return
        self._tidied = now.date()
        for line in TABLE:
            try:
                await self._tidy_line(line)
            except Exception as failure:  # noqa: BLE001 the other lines are not its business; tomorrow again
                log.error("tidy_failed", line=line.id, error=type(failure).__name__)

    async def _tidy_line(self, line: Line) -> None:
        now, days = self.clock.now(), retention.days_of(line, self.kept_days)
        total, more = 0, True
        while more:
            async with self.store.transaction() as tx:
                done, more = await retention.erase_old(tx, line, days, now)
            total += done
            await asyncio.sleep(0)
        if line.id == "people":
            async with self.store.transaction() as tx:
                rings = await retention.tell_of_quiet(tx, days, self.team, now)
            await self.ring(rings)
        if total:
            log.info("tidied", line=line.id, count=total)
