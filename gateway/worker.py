"""Doing the work: claim a job, do it, let it go. The edge where transactions meet the world.

Every kind of job is written so that doing it twice changes nothing: a turn is stored under the
message it answers, a message is sent once by its row, a mail by its key.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import structlog

from gateway.adapters.database.jobs import lease_end, may_send
from gateway.domain.calendars import READ_EVERY
from gateway.domain.campaign import Campaign
from gateway.domain.conversation import IDLE, Conversation
from gateway.domain.workspace import LINK_LASTS
from gateway.erasing import Erasing
from gateway.errors import AssistantSilent, MailLater, MailRefused, SendFailed, SendLater, SendUnsure
from gateway.ports import EarlyReport, Job, Mail, Notice, Outbound, Transaction
from gateway.usecases import conversation, delivery
from gateway.usecases.booking import LOOKED_FOR
from gateway.usecases.calendars import Plan, planned, recorded, talked
from gateway.usecases.campaigning import Progress, plan_some
from gateway.usecases.noticing import not_before
from gateway.usecases.openings import tell_who_waits
from gateway.usecases.planning import plan_appointment, plan_follow_up
from gateway.usecases.taking_over import give_back
from gateway.waves import Waves

log = structlog.get_logger()

SWEEP_EVERY = 1.0  # seconds
MAIL_TRIED_FOR = timedelta(days=3)
CALENDARS_AT_ONCE = (
    4  # in one process: servers that do not answer must not hold up those who wait for a message
)


@dataclass
class Worker(Erasing):
    """One of these a process."""

    waves: Waves | None = None
    _calendars_open: int = 0

    async def do(self, job_id: int) -> None:
        """Claims and does one job; nothing when another worker has it."""
        try:
            async with self.store.transaction() as tx:
                job = await tx.claim(job_id, self.clock.now(), self.owner)
                work = await self._prepared(tx, job) if job else None
        except Exception as failure:  # noqa: BLE001 one row that cannot be read stops nobody else
            return await self._set_aside(job_id, failure)
        if job is None:
            return
        with structlog.contextvars.bound_contextvars(job=job.id, kind=job.kind):
            try:
                if work is None:
                    return await self._finish(job)
                await self._perform(job, work)
            except Exception as failure:  # the job stays; its owner is the next sweep
                log.error("job_failed", error=type(failure).__name__, attempts=job.attempts, exc_info=True)
                await self._postpone(job, timedelta(seconds=min(2 ** min(job.attempts, 6), 60)))

    async def _set_aside(self, job_id: int, failure: Exception) -> None:
        """What it needs cannot be read (a lost key, the database away): later, and less and less often."""
        log.error("job_unreadable", job=job_id, error=type(failure).__name__, exc_info=True)
        async with self.store.transaction() as tx:
            job = await tx.claim(job_id, self.clock.now(), self.owner)
            if job:
                wait = timedelta(seconds=min(2 ** min(job.attempts, 12), 3600))
                await tx.postpone(job, self.owner, self.clock.now() + wait)

    async def _prepared(self, tx: Transaction, job: Job) -> Any:
        """What the job needs, read in the transaction that claims it; None when nothing is left to do."""
        match job.kind:
            case "converse":
                return await self._next(tx, job.subject)
            case "notice":
                return await tx.notice(job.subject)
            case "deliver":
                return await delivery.next_message(tx, job.subject)
            case "mail":
                return await tx.mail(job.subject)
            case "calendar":
                return await planned(tx, job.subject, self.clock.now())
            case "forget" | "give_back":
                return await tx.conversation(job.subject, self.clock.now())
            case "opened" | "remind" | "follow":
                return job.subject
            case "campaign":
                return await tx.campaign_going(job.subject)
            case "report":
                return await tx.early_report(job.subject)
        return await self._left_to_erase(tx, job)

    async def _perform(self, job: Job, work: Any) -> None:
        known: Mapping[str, Callable[[Job, Any], Awaitable[None]]] = {
            "converse": self._converse,
            "notice": self._notice,
            "deliver": self._deliver,
            "mail": self._mail,
            "calendar": self._calendar,
            "forget": self._forget,
            "give_back": self._give_back,
            "opened": self._opened,
            "remind": self._plan,
            "follow": self._plan,
            "campaign": self._campaign,
            "report": self._report,
            "vanish": self._vanish,
            "elsewhere": self._elsewhere,
        }
        await known[job.kind](job, work)

    async def _plan(self, job: Job, _subject: int) -> None:
        """An appointment, or something that stays open, has changed: its reminders follow."""
        rings: Sequence[int] = ()
        async with self.store.transaction() as tx:
            if job.kind == "remind":
                rings = await plan_appointment(tx, self.rules, job.subject, self.clock.now())
            else:
                await plan_follow_up(tx, self.rules, job.subject, self.clock.now())
            await tx.finish(job, self.owner)
        await self.ring(rings)

    async def _campaign(self, job: Job, one: Campaign) -> None:
        """Its nudges, a thousand in each transaction: whoever waits for an answer comes in between."""
        rate = self.waves.rate if self.waves else 1.0
        progress: Progress | None = Progress(one.starts_at)
        mine = True
        while progress and mine:
            async with self.store.transaction() as tx:
                now = self.clock.now()
                progress = await plan_some(tx, self.rules, one.id, progress, rate, now)
                mine = await tx.renew(job, self.owner) if progress else await tx.finish(job, self.owner)
            await asyncio.sleep(0)

    async def _notice(self, job: Job, notice: Notice) -> None:
        """Its hour has come, or it waits for the morning. The conversation says it, in a turn of its own."""
        if wait := await self._until_morning(notice.conversation_id):
            return await self._postpone(job, wait)
        now = self.clock.now()
        async with self.store.transaction() as tx:
            await tx.notice_is_ready(notice.id, now)
            turn = await tx.arm("converse", notice.conversation_id, now)
            await tx.finish(job, self.owner)
        await self.ring([turn])

    async def _until_morning(self, conversation_id: int) -> timedelta | None:
        """How long she is not to be told what she did not ask for; None: she may be now."""
        now = self.clock.now()
        async with self.store.transaction() as tx:
            who = await tx.conversation(conversation_id, now)
        postal_code = who.beneficiary.postal_code if who.beneficiary else ""
        morning = not_before(who, self.rules.quiet_for(postal_code), now)
        return morning - now if morning else None

    async def _deliver(self, job: Job, first: Outbound) -> None:
        message: Outbound | None = first
        until = job.until
        while message:
            if not (message.asked or message.nudge) and (wait := await self._until_morning(job.subject)):
                return await self._postpone(job, wait)
            result = await delivery.hand_over(self.store, self.carrier, message, partial(may_send, until))
            now = self.clock.now()
            if isinstance(result, SendFailed):
                event = "send_later" if isinstance(result, SendLater | SendUnsure) else "send_failed"
                why = {"error": type(result).__name__, "code": result.code, "attempts": message.attempts}
                log.warning(event, conversation=job.subject, message=message.id, **why)
            until = lease_end()
            async with self.store.transaction() as tx:
                settled = await delivery.settle(tx, job.subject, message, result, self.team, now)
                if settled.retry_in is not None:
                    return await tx.postpone(job, self.owner, now + settled.retry_in)
                message = await delivery.next_message(tx, job.subject)
                mine = await tx.renew(job, self.owner) if message else await tx.finish(job, self.owner)
            await self.ring(settled.ring)
            if not mine:
                return await self.ring([job.id])

    async def _mail(self, job: Job, mail: Mail) -> None:
        age = self.clock.now() - (mail.created_at or self.clock.now())
        try:
            if mail.template == "sign_in" and age > LINK_LASTS:
                raise MailRefused("its link is too old")
            await self.mailer.send(mail)
        except (MailLater, MailRefused) as later:
            if isinstance(later, MailRefused) or age > MAIL_TRIED_FOR:
                log.warning("mail_refused", mail=mail.id, template=mail.template, reason=str(later))
                return await self._finish(job)
            log.warning("mail_later", reason=str(later), attempts=job.attempts)
            return await self._postpone(job, timedelta(seconds=min(2 ** min(job.attempts, 10) * 5, 3600)))
        async with self.store.transaction() as tx:
            await tx.mark_mail_sent(job.subject, self.clock.now())
            await tx.finish(job, self.owner)

    async def _calendar(self, job: Job, plan: Plan) -> None:
        """A referent's own calendar is read and written, and again in a quarter of an hour."""
        if self.calendars is None:
            return await self._finish(job)
        if self._calendars_open >= CALENDARS_AT_ONCE:
            return await self._postpone(job, timedelta(seconds=5))
        self._calendars_open += 1
        try:
            talk = await talked(self.calendars, plan, self.clock.now())
        finally:
            self._calendars_open -= 1
        if talk.error:
            log.warning("calendar_failed", referent=job.subject, error=talk.error, reason=talk.reason)
        async with self.store.transaction() as tx:
            await recorded(tx, plan, talk, self.clock.now())
            if done := await tx.finish(job, self.owner):
                await tx.arm("calendar", job.subject, self.clock.now() + READ_EVERY)
        if not done:  # an appointment changed meanwhile
            await self.ring([job.id])

    async def _forget(self, job: Job, who: Conversation) -> None:
        """Rasa forgets a conversation that has been idle."""
        try:
            await self.assistant.forget(who.pseudonym)
        except AssistantSilent:
            return await self._postpone(job, timedelta(minutes=5))
        async with self.store.transaction() as tx:
            more = await conversation.end(tx, who.id, self.obstacles, self.clock.now())
        if more:
            return await self._postpone(job, IDLE)
        await self._finish(job)

    async def _give_back(self, job: Job, who: Conversation) -> None:
        """The referent who took over has forgotten it: the robot answers again."""
        async with self.store.transaction() as tx:
            rings = await give_back(tx, who, self.clock.now())
            await tx.finish(job, self.owner)
        await self.ring(rings)

    async def _opened(self, job: Job, _referent: int) -> None:
        """A referent opened time: those who wait for it are told."""
        now = self.clock.now()
        free = await self.diary.free((job.subject,), 0, now)
        async with self.store.transaction() as tx:
            slots = [slot for slot in free.slots if slot not in free.held]
            rings = await tell_who_waits(tx, job.subject, slots, now)
            if await tx.waiting_for(job.subject):
                await tx.postpone(job, self.owner, now + LOOKED_FOR)
            else:
                await tx.finish(job, self.owner)
        await self.ring(rings)

    async def _report(self, job: Job, report: EarlyReport) -> None:
        now = self.clock.now()
        async with self.store.transaction() as tx:
            settled = await delivery.apply_early(tx, report, self.team, now)
            if settled.retry_in is not None:
                return await tx.postpone(job, self.owner, now + settled.retry_in)
            await tx.finish(job, self.owner)
        await self.ring(settled.ring)

    async def due(self) -> Sequence[int]:
        async with self.store.transaction() as tx:
            return await tx.due(self.clock.now(), limit=200)

    async def sweep_forever(self) -> None:
        """Rings for whatever is due: reminders, retries, work left by a worker that died."""
        while True:
            try:
                await self.ring(await self.due())
                await self.tidy()
            except Exception as failure:  # the database may be away for a moment
                log.error("sweep_failed", error=type(failure).__name__, exc_info=True)
            await asyncio.sleep(SWEEP_EVERY)

    async def nudge_forever(self) -> None:
        """Wave after wave while some are due; else looks each second."""
        while self.waves:
            dealt: int | None = None
            try:
                dealt = await self.waves.wave()
            except Exception as failure:  # nothing of that wave was stored: the next one tries again
                log.error("wave_failed", error=type(failure).__name__, exc_info=True)
            await asyncio.sleep(0 if dealt else SWEEP_EVERY)

    async def drain(self) -> None:
        """Does all that is due, here and now: for the simulator's clock and for tests."""
        await self.tidy()
        for _ in range(10_000):
            jobs = await self.due()
            for job_id in jobs:
                await self.do(job_id)
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0)
            if jobs:
                continue
            dealt = await self.waves.wave() if self.waves else None
            if dealt is None:
                return
            if not dealt:  # so many a second, and no more
                await asyncio.sleep(0.05)
