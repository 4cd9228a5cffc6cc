"""Nudges leave in waves: a few dozen are decided and stored in one transaction, then sent at once, then settled in another.

Between the two a killed process leaves messages "maybe sent", each with a lease that ends: see usecases/delivery.py.
"""

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

import structlog

from gateway.adapters.database.jobs import may_send
from gateway.domain.appointment import Appointment, Hold, TimeSlot
from gateway.domain.conversation import Told
from gateway.domain.territory import NOWHERE, Territory
from gateway.domain.verdict import PATIENCE, Why
from gateway.errors import SendFailed, SendLater
from gateway.ports import Clock, Diary, DueNudge, Free, Outbound, SentNudge, SmsCarrier, Store, Words
from gateway.usecases import delivery, locating
from gateway.usecases.matters import NudgeRules
from gateway.usecases.nudging import Nudging, run_wave
from gateway.usecases.offering import NO_DIARY, Offering

log = structlog.get_logger()

AT_ONCE = 48  # in one wave: more would keep the answers to people waiting
REFUSED = timedelta(minutes=1)  # the carrier takes no more for now
UNREADABLE = timedelta(minutes=10)  # before what cannot be dealt with is tried again


async def _no_ring(_jobs: Sequence[int]) -> None:
    pass


@dataclass(frozen=True)
class BesidesThese:
    """The diary, as if these time slots had just been offered to somebody else."""

    diary: Diary
    offered: frozenset[TimeSlot]

    async def upcoming(self, conversation_id: int, now: datetime) -> Sequence[Appointment]:
        return await self.diary.upcoming(conversation_id, now)

    async def free(self, referents: Sequence[int], conversation_id: int, now: datetime) -> Free:
        found = await self.diary.free(referents, conversation_id, now)
        return replace(found, held=found.held | self.offered)

    async def referents_of(self, commune: str) -> Sequence[int]:
        return await self.diary.referents_of(commune)

    async def somebody_opens(self, now: datetime) -> bool:
        return await self.diary.somebody_opens(now)


@dataclass
class Waves:
    """`rate`: unasked messages a second for `sender`, over all processes. `team`: the mail address when no referent is known."""

    store: Store
    words: Words
    carrier: SmsCarrier
    clock: Clock
    rules: NudgeRules
    team: str
    sender: str = ""
    rate: float = 1.0
    diary: Diary = NO_DIARY
    territory: Territory = NOWHERE
    ring: Callable[[Sequence[int]], Awaitable[None]] = _no_ring
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def wave(self) -> int | None:
        """How many were dealt with; 0: some are due and must wait for their turn; None: nothing is due."""
        async with self._one_at_a_time:  # a clock that is moved waits for the wave under way
            return await self._wave()

    async def _wave(self) -> int | None:
        now = self.clock.now()
        async with self.store.transaction() as tx:
            due = await tx.due_nudges(now, AT_ONCE)
            if not due:
                return None
            granted = await tx.reserve(self.sender, self.rate, len(due), time.time())
        due = due[:granted]
        if not due:
            return 0
        return await self._dealt_with(due, now)

    async def _dealt_with(self, due: Sequence[DueNudge], now: datetime) -> int:
        """All of them; those that cannot even be read (a lost key) keep nobody else waiting."""
        owner = secrets.token_hex(8)  # of this wave alone: its leases are nobody else's
        try:
            nudging = Nudging(self.words, self.rules, await self._offers(due), now)
            async with self.store.transaction() as tx:
                ran = await run_wave(tx, nudging, [one.id for one in due], self.team, owner)
                await tx.give_back_pace(self.sender, self.rate, len(due) - len(ran.sent))
        except Exception as failure:  # noqa: BLE001 nothing was stored: each half tries alone
            if len(due) == 1:
                return await self._put_aside(due[0], now, failure)
            half = len(due) // 2
            return await self._dealt_with(due[:half], now) + await self._dealt_with(due[half:], now)
        for nudge_id, kind in ran.broken:
            log.error("nudge_broken", nudge=nudge_id, kind=kind)
        await self.ring(ran.jobs)
        await self._send([one for one in ran.sent if one.lease], owner)
        if ran.sent:
            log.info("nudges_sent", count=len(ran.sent), dealt=ran.dealt)
        return ran.dealt

    async def _put_aside(self, one: DueNudge, now: datetime, failure: Exception) -> int:
        log.error("nudge_unreadable", nudge=one.id, kind=one.planned.kind, error=type(failure).__name__)
        async with self.store.transaction() as tx:
            await tx.give_back_pace(self.sender, self.rate, 1)
            if now < one.planned.due_at + PATIENCE:
                await tx.postpone_nudges([(one.id, now + UNREADABLE)])
            else:
                await tx.end_nudges([(one.id, "ended", Why.TOO_LATE)], now)
        return 1

    async def _offers(self, due: Sequence[DueNudge]) -> dict[int, Told]:
        """Free time for those that show some, read before the wave locks anything: to each what the others are not shown."""
        offers, offered = dict[int, Told](), set[TimeSlot]()
        for one in due:
            kind = self.rules.kinds.get(one.planned.kind)
            if kind and kind.shows == "time_slots" and one.planned.step <= kind.times:
                offers[one.id] = told = await self._offer(one.planned.conversation_id, offered)
                holds = [change for change in told.changes if isinstance(change, Hold)]
                offered.update(slot for hold in holds for slot in hold.slots)
        return offers

    async def _offer(self, conversation_id: int, offered: Set[TimeSlot]) -> Told:
        now = self.clock.now()
        async with self.store.transaction() as tx:
            who = await tx.conversation(conversation_id, now)
        here = locating.home(who, self.territory)
        diary = BesidesThese(self.diary, frozenset(offered))
        return await Offering(diary, who, now, self.rules.zone, here.name if here else "").new()

    async def _send(self, sent: Sequence[SentNudge], owner: str) -> None:
        if not sent:
            return
        messages = [
            Outbound(one.message_id, one.address, one.text, attempts=1, created_at=self.clock.now())
            for one in sent
        ]
        results = await asyncio.gather(
            *(
                delivery.hand_over(self.store, self.carrier, message, partial(may_send, one.lease.until))
                for one, message in zip(sent, messages, strict=True)
                if one.lease
            ),
            return_exceptions=True,
        )
        now, rings = self.clock.now(), list[int]()
        async with self.store.transaction() as tx:
            gone = [(one, sid) for one, sid in zip(sent, results, strict=True) if isinstance(sid, str)]
            codes = await tx.mark_all_sent([(one.message_id, sid) for one, sid in gone], now)
            of_message = {one.message_id: one.conversation_id for one, _ in gone}
            for message_id, code in codes:
                rings += await delivery.bad_news(tx, of_message[message_id], code, self.team, now)
            await tx.finish_deliveries([one.lease for one, _ in gone if one.lease], owner)
            for one, message, failure in zip(sent, messages, results, strict=True):
                if isinstance(failure, SendLater) and one.lease:
                    await tx.nudge_unsaid(one.message_id, now + REFUSED)
                    await tx.finish_deliveries([one.lease], owner)
                elif isinstance(failure, SendFailed) and one.lease:
                    settled = await delivery.settle(tx, one.conversation_id, message, failure, self.team, now)
                    rings += settled.ring
                    if settled.retry_in is None:
                        await tx.finish_deliveries([one.lease], owner)
                    else:
                        await tx.postpone(one.lease, owner, now + settled.retry_in)
        await self.ring(rings)
        failed = Counter(str(failure) for failure in results if isinstance(failure, SendFailed))
        if failed:
            log.warning("nudges_failed", errors=dict(failed))
        for failure in results:
            if isinstance(failure, BaseException) and not isinstance(failure, SendFailed):
                log.error(
                    "nudge_unsure", error=type(failure).__name__
                )  # its lease ends, and it is looked for
