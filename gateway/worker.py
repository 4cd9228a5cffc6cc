"""Doing the work: claim a job, do it, let it go. The edge where transactions meet the world.

Every kind of job is written so that doing it twice changes nothing: a turn is stored under the
message it answers, a message is sent once by its row, a mail by its key.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from zoneinfo import ZoneInfo

import structlog

from gateway.errors import AssistantSilent, MailLater
from gateway.ports import Assistant, Clock, Job, LanguageGuesser, Mailer, Queue, SmsCarrier, Store, Words
from gateway.usecases import conversation, delivery
from gateway.usecases.answering import Answering

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
    queue: Queue | None = None
    on_answer: Callable[[int], None] = field(default=lambda _conversation_id: None)
    owner: str = field(default_factory=lambda: secrets.token_hex(8))

    async def do(self, job_id: int) -> None:
        """Claims and does one job; nothing when another worker has it."""
        async with self.store.transaction() as tx:
            job = await tx.claim(job_id, self.clock.now(), self.owner)
        if job is None:
            return
        with structlog.contextvars.bound_contextvars(job=job.id, kind=job.kind):
            try:
                await self._do(job)
            except Exception as failure:  # noqa: BLE001 the job stays; its owner is the next sweep
                log.error("job_failed", error=type(failure).__name__, attempts=job.attempts)
                await self._postpone(job, timedelta(seconds=min(2**job.attempts, 60)))

    async def _do(self, job: Job) -> None:
        match job.kind:
            case "converse":
                wait = await self._converse(job)
            case "deliver":
                wait = await self._deliver(job)
            case "mail":
                wait = await self._mail(job)
            case "forget":
                wait = await self._forget(job)
            case _:
                wait = None
        if wait is not None:
            return await self._postpone(job, wait)
        async with self.store.transaction() as tx:
            done = await tx.finish(job, self.owner)
        if not done:
            await self.ring([job.id])

    async def _postpone(self, job: Job, wait: timedelta) -> None:
        async with self.store.transaction() as tx:
            await tx.postpone(job, self.owner, self.clock.now() + wait)

    async def _converse(self, job: Job) -> timedelta | None:
        """All the messages of one person, in order, one turn at a time."""
        first = True
        while turn := await conversation.next_turn(self.store, job.subject, self.clock.now()):
            now = self.clock.now()
            answering = Answering(
                words=self.words,
                assistant=self.assistant,
                guesser=self.guesser,
                who=turn.conversation,
                inbound=turn.inbound,
                previous_text=turn.previous_text,
                today=now.astimezone(ZoneInfo(self.timezone)).date().isoformat(),
                again=first and job.attempts > 1,
                last_try=first and job.attempts >= PATIENCE,
            )
            try:
                outcome = await answering.outcome()
            except AssistantSilent as silent:
                log.warning("assistant_silent", reason=str(silent), attempts=job.attempts)
                return timedelta(seconds=job.attempts)
            except Exception:
                if not answering.last_try:
                    raise
                log.exception("turn_failed", message=turn.inbound.id)
                outcome = answering.apology()
            rings = await conversation.record_turn(self.store, turn, outcome, self.team, now)
            self.on_answer(job.subject)
            log.info(
                "turn_answered", conversation=job.subject, responses=[r.response for r in outcome.replies]
            )
            await self.ring(rings)
            first = False
            async with self.store.transaction() as tx:
                if not await tx.renew(job, self.owner):
                    break
        return None

    async def _deliver(self, job: Job) -> timedelta | None:
        while message := await delivery.next_message(self.store, job.subject):
            done = await delivery.send(
                self.store, self.carrier, job.subject, message, self.team, self.clock.now()
            )
            await self.ring(done.ring)
            if done.retry_in is not None:
                log.warning("send_later", attempts=message.attempts)
                return done.retry_in
        return None

    async def _mail(self, job: Job) -> timedelta | None:
        async with self.store.transaction() as tx:
            mail = await tx.mail(job.subject)
        if mail is None:
            return None
        try:
            await self.mailer.send(mail)
        except MailLater as later:
            log.warning("mail_later", reason=str(later), attempts=job.attempts)
            return timedelta(seconds=min(2**job.attempts * 5, 3600))
        async with self.store.transaction() as tx:
            await tx.mark_mail_sent(job.subject, self.clock.now())
        return None

    async def _forget(self, job: Job) -> timedelta | None:
        """Rasa forgets a conversation that has been idle."""
        async with self.store.transaction() as tx:
            who = await tx.conversation(job.subject, self.clock.now())
        try:
            await self.assistant.forget(who.pseudonym)
        except AssistantSilent:
            return timedelta(minutes=5)
        return None

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

    async def sweep_forever(self) -> None:
        """Rings for whatever is due: reminders, retries, work left by a worker that died."""
        while True:
            try:
                await self.ring(await self.due())
            except Exception as failure:  # noqa: BLE001 the database may be away for a moment
                log.error("sweep_failed", error=type(failure).__name__)
            await asyncio.sleep(SWEEP_EVERY)

    async def drain(self) -> None:
        """Does all that is due, here and now: for the simulator's clock and for tests."""
        for _ in range(1000):
            jobs = await self.due()
            if not jobs:
                return
            await asyncio.gather(*(self.do(job_id) for job_id in jobs))
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0)
