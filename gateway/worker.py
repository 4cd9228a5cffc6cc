"""Doing the work: claim a job, do it, let it go. The edge where transactions meet the world.

Every kind of job is written so that doing it twice changes nothing: a turn is stored under the
message it answers, a message is sent once by its row, a mail by its key.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from gateway.domain.conversation import IDLE, Conversation, Outcome
from gateway.domain.obstacle import Obstacles
from gateway.domain.safety import danger_in
from gateway.domain.territory import NOWHERE, Territory
from gateway.errors import AssistantSilent, MailLater
from gateway.ports import (
    Assistant,
    Clock,
    EarlyReport,
    Job,
    LanguageGuesser,
    Mail,
    Mailer,
    Outbound,
    Queue,
    Services,
    SmsCarrier,
    Store,
    Transaction,
    Words,
)
from gateway.usecases import conversation, delivery
from gateway.usecases.answering import Answering
from gateway.usecases.finding import NO_SERVICES

log = structlog.get_logger()

PATIENCE = 4  # tries of a turn while Rasa is silent, then the fixed sentence and a person
SWEEP_EVERY = 1.0  # seconds


@dataclass
class Worker:
    """One of these a process. `team` is the mail address used when no referent is known."""

    store: Store
    words: Words
    assistant: Assistant
    guesser: LanguageGuesser
    carrier: SmsCarrier
    mailer: Mailer
    clock: Clock
    team: str
    timezone: str
    questions_kept_days: int = 90
    territory: Territory = NOWHERE
    obstacles: Obstacles = field(default_factory=Obstacles)
    services: Services = NO_SERVICES
    queue: Queue | None = None
    on_answer: Callable[[int], None] = field(default=lambda _conversation_id: None)
    owner: str = field(default_factory=lambda: secrets.token_hex(8))
    _tidied: date = date.min

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
            except Exception as failure:  # noqa: BLE001 the job stays; its owner is the next sweep
                log.error("job_failed", error=type(failure).__name__, attempts=job.attempts)
                await self._postpone(job, timedelta(seconds=min(2 ** min(job.attempts, 6), 60)))

    async def _set_aside(self, job_id: int, failure: Exception) -> None:
        """What it needs cannot be read (a lost key, the database away): later, and less and less often."""
        log.error("job_unreadable", job=job_id, error=type(failure).__name__)
        async with self.store.transaction() as tx:
            job = await tx.claim(job_id, self.clock.now(), self.owner)
            if job:
                wait = timedelta(seconds=min(2 ** min(job.attempts, 12), 3600))
                await tx.postpone(job, self.owner, self.clock.now() + wait)

    async def _prepared(self, tx: Transaction, job: Job) -> Any:
        """What the job needs, read in the transaction that claims it; None when nothing is left to do."""
        match job.kind:
            case "converse":
                return await conversation.next_turn(tx, job.subject, self.clock.now())
            case "deliver":
                return await delivery.next_message(tx, job.subject)
            case "mail":
                return await tx.mail(job.subject)
            case "forget":
                return await tx.conversation(job.subject, self.clock.now())
            case "report":
                return await tx.early_report(job.subject)
        return None

    async def _perform(self, job: Job, work: Any) -> None:
        match job.kind:
            case "converse":
                await self._converse(job, work)
            case "deliver":
                await self._deliver(job, work)
            case "mail":
                await self._mail(job, work)
            case "forget":
                await self._forget(job, work)
            case "report":
                await self._report(job, work)

    async def _finish(self, job: Job) -> None:
        async with self.store.transaction() as tx:
            done = await tx.finish(job, self.owner)
        if not done:
            await self.ring([job.id])

    async def _postpone(self, job: Job, wait: timedelta) -> None:
        async with self.store.transaction() as tx:
            await tx.postpone(job, self.owner, self.clock.now() + wait)

    async def _converse(self, job: Job, first: conversation.TurnToTake) -> None:
        """All the messages of one person, in order, one turn at a time."""
        turn: conversation.TurnToTake | None = first
        while turn:
            now = self.clock.now()
            try:
                outcome = await self._outcome(job, turn, now, again=turn is first)
            except AssistantSilent as silent:
                log.warning("assistant_silent", reason=str(silent), attempts=job.attempts)
                await self._answer_dangers(job, now)
                return await self._postpone(job, timedelta(seconds=job.attempts))
            async with self.store.transaction() as tx:
                rings = list(await conversation.record_turn(tx, turn, outcome, self.team, now))
                turn = await conversation.next_turn(tx, job.subject, now)
                mine = await tx.renew(job, self.owner) if turn else await tx.finish(job, self.owner)
            # A personal turn leaves no trace of what it was about.
            said = [] if outcome.personal else [r.response for r in outcome.replies]
            log.info("turn_answered", conversation=job.subject, responses=said)
            self.on_answer(job.subject)
            await self.ring(rings)
            if not mine:  # a message came meanwhile, or the lease was lost: whoever claims next goes on
                return await self.ring([job.id])

    async def _answer_dangers(self, job: Job, now: datetime) -> None:
        """A danger told behind a question that Rasa does not answer is answered now: it needs no Rasa."""
        async with self.store.transaction() as tx:
            waiting = await tx.unanswered(job.subject)
        for inbound in waiting:
            if danger_in(inbound.text, self.words.lexicons):
                async with self.store.transaction() as tx:
                    who = await tx.conversation(job.subject, now)
                turn = conversation.TurnToTake(who, inbound, "")
                outcome = await self._outcome(job, turn, now, again=False)
                async with self.store.transaction() as tx:
                    rings = await conversation.record_turn(tx, turn, outcome, self.team, now)
                await self.ring(rings)

    async def _outcome(self, job: Job, turn: conversation.TurnToTake, now: datetime, again: bool) -> Outcome:
        answering = Answering(
            words=self.words,
            territory=self.territory,
            obstacles=self.obstacles,
            services=self.services,
            assistant=self.assistant,
            guesser=self.guesser,
            who=turn.conversation,
            inbound=turn.inbound,
            previous_text=turn.previous_text,
            today=now.astimezone(ZoneInfo(self.timezone)).date().isoformat(),
            again=again and job.attempts > 1,
            last_try=again and job.attempts >= PATIENCE,
        )
        try:
            return await answering.outcome()
        except AssistantSilent:
            raise
        except Exception:
            if not answering.last_try:
                raise
            log.exception("turn_failed", message=turn.inbound.id)
            return answering.apology()

    async def _deliver(self, job: Job, first: Outbound) -> None:
        message: Outbound | None = first
        while message:
            result = await delivery.hand_over(self.store, self.carrier, message)
            now = self.clock.now()
            async with self.store.transaction() as tx:
                settled = await delivery.settle(tx, job.subject, message, result, self.team, now)
                if settled.retry_in is not None:
                    log.warning("send_later", attempts=message.attempts)
                    return await tx.postpone(job, self.owner, now + settled.retry_in)
                message = await delivery.next_message(tx, job.subject)
                mine = await tx.renew(job, self.owner) if message else await tx.finish(job, self.owner)
            await self.ring(settled.ring)
            if not mine:
                return await self.ring([job.id])

    async def _mail(self, job: Job, mail: Mail) -> None:
        try:
            await self.mailer.send(mail)
        except MailLater as later:
            log.warning("mail_later", reason=str(later), attempts=job.attempts)
            return await self._postpone(job, timedelta(seconds=min(2 ** min(job.attempts, 10) * 5, 3600)))
        async with self.store.transaction() as tx:
            await tx.mark_mail_sent(job.subject, self.clock.now())
            await tx.finish(job, self.owner)

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

    async def _report(self, job: Job, report: EarlyReport) -> None:
        now = self.clock.now()
        async with self.store.transaction() as tx:
            settled = await delivery.apply_early(tx, report, self.team, now)
            if settled.retry_in is not None:
                return await tx.postpone(job, self.owner, now + settled.retry_in)
            await tx.finish(job, self.owner)
        await self.ring(settled.ring)

    async def ring(self, job_ids: Sequence[int]) -> None:
        if self.queue is None:
            return
        for job_id in job_ids:
            try:
                await self.queue.ring(job_id)
            except Exception as failure:  # noqa: BLE001 a doorbell may be down: the sweep comes by
                log.warning("ring_lost", error=type(failure).__name__)

    async def due(self) -> Sequence[int]:
        async with self.store.transaction() as tx:
            return await tx.due(self.clock.now(), limit=200)

    async def tidy(self) -> None:
        """Once a day: the questions kept for the content team are forgotten in their turn."""
        today = self.clock.now().date()
        if today == self._tidied:
            return
        async with self.store.transaction() as tx:
            forgotten = await tx.forget_questions(today - timedelta(days=self.questions_kept_days))
        self._tidied = today
        if forgotten:
            log.info("questions_forgotten", count=forgotten)

    async def sweep_forever(self) -> None:
        """Rings for whatever is due: reminders, retries, work left by a worker that died."""
        while True:
            try:
                await self.ring(await self.due())
                await self.tidy()
            except Exception as failure:  # noqa: BLE001 the database may be away for a moment
                log.error("sweep_failed", error=type(failure).__name__)
            await asyncio.sleep(SWEEP_EVERY)

    async def drain(self) -> None:
        """Does all that is due, here and now: for the simulator's clock and for tests."""
        await self.tidy()
        for _ in range(1000):
            jobs = await self.due()
            if not jobs:
                return
            for job_id in jobs:
                await self.do(job_id)
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0)
