"""One person's turns, one at a time: what she wrote is answered, what she must be told is said. Decided, then stored."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import structlog

from gateway.domain.conversation import Outcome
from gateway.domain.obstacle import Obstacles
from gateway.domain.pace import UNLIMITED, PaceLimits
from gateway.domain.safety import danger_in
from gateway.domain.territory import NOWHERE, Territory
from gateway.errors import AssistantSilent, ChangedMeanwhile
from gateway.ports import (
    Assistant,
    CalendarServer,
    Clock,
    Diary,
    Invitations,
    Job,
    LanguageGuesser,
    Mailer,
    Queue,
    Records,
    Services,
    SmsCarrier,
    Store,
    Transaction,
    Words,
)
from gateway.usecases import conversation
from gateway.usecases.answering import Answering
from gateway.usecases.appointment_turns import NO_INVITATIONS
from gateway.usecases.finding import NO_SERVICES
from gateway.usecases.matters import NudgeRules
from gateway.usecases.noticing import NoticeToSay, Noticing, next_notice
from gateway.usecases.offering import NO_DIARY
from gateway.usecases.privacy import NO_RECORDS

log = structlog.get_logger()

Turn = conversation.TurnToTake | NoticeToSay
BEATEN = 5  # times that somebody else may take what she chose, while we decide; then a person calls her
PATIENCE = 4  # tries of a turn while Rasa is silent, then the fixed sentence and a person


@dataclass
class Turns:
    """`team` is the mail address used when no referent is known."""

    store: Store
    words: Words
    assistant: Assistant
    guesser: LanguageGuesser
    carrier: SmsCarrier
    mailer: Mailer
    clock: Clock
    team: str
    timezone: str
    kept_days: Mapping[str, int] = field(default_factory=dict)  # by line of usecases/retention.py
    territory: Territory = NOWHERE
    obstacles: Obstacles = field(default_factory=Obstacles)
    services: Services = NO_SERVICES
    diary: Diary = NO_DIARY
    records: Records = NO_RECORDS
    invitations: Invitations = NO_INVITATIONS
    rules: NudgeRules = field(default_factory=NudgeRules.none)
    limits: PaceLimits = UNLIMITED
    calendars: CalendarServer | None = None
    queue: Queue | None = None
    on_answer: Callable[[int], None] = field(default=lambda _conversation_id: None)
    owner: str = field(default_factory=lambda: secrets.token_hex(8))

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    async def _next(self, tx: Transaction, conversation_id: int) -> Turn | None:
        """What she wrote first; then what she must be told."""
        now = self.clock.now()
        hers = await conversation.next_turn(tx, conversation_id, now, self.limits, self.zone)
        return hers or await next_notice(tx, conversation_id, now)

    async def _converse(self, job: Job, first: Turn) -> None:
        """All the messages of one person, in order, one turn at a time."""
        turn: Turn | None = first
        while turn:
            now = self.clock.now()
            try:
                outcome, rings, following, mine = await self._taken(job, turn, now, again=turn is first)
            except AssistantSilent as silent:
                log.warning(
                    "assistant_silent", conversation=job.subject, reason=str(silent), attempts=job.attempts
                )
                await self._answer_dangers(job, now)
                return await self._postpone(job, timedelta(seconds=job.attempts))
            turn = following
            # A personal turn leaves no trace of what it was about.
            said = [] if outcome.personal else [r.response for r in outcome.replies]
            log.info("turn_answered", conversation=job.subject, responses=said)
            self.on_answer(job.subject)
            await self.ring(rings)
            if not mine:  # a message came meanwhile, or the lease was lost: whoever claims next goes on
                return await self.ring([job.id])

    async def _taken(
        self, job: Job, turn: Turn, now: datetime, again: bool
    ) -> tuple[Outcome, Sequence[int], Turn | None, bool]:
        """One turn, decided and recorded. Somebody else may take the time slot in between: then it is decided anew."""
        for tries in range(BEATEN + 1):
            outcome = await self._outcome(job, turn, now, again, beaten=tries == BEATEN)
            try:
                now = self.clock.now()  # deciding took its time: what is stored says when she was answered
                async with self.store.transaction() as tx:
                    if isinstance(turn, NoticeToSay):
                        rings = await conversation.record_notice(tx, turn, outcome, self.team, now)
                    else:
                        rings = await conversation.record_turn(tx, turn, outcome, self.team, now)
                    following = await self._next(tx, job.subject)
                    mine = await tx.renew(job, self.owner) if following else await tx.finish(job, self.owner)
                return outcome, rings, following, mine
            except ChangedMeanwhile:
                log.info("changed_meanwhile", conversation=job.subject)
        raise ChangedMeanwhile

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

    async def _outcome(
        self, job: Job, turn: Turn, now: datetime, again: bool, beaten: bool = False
    ) -> Outcome:
        if isinstance(turn, NoticeToSay):
            return await self._noticed(job, turn, now)
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
            pace=turn.pace,
            diary=self.diary,
            records=self.records,
            invitations=self.invitations,
            nudges=self.rules.kinds,
            now=now,
            zone=self.zone,
            again=again and job.attempts > 1,
            last_try=again and job.attempts >= PATIENCE,
        )
        if beaten:
            return answering.apology()
        try:
            return await answering.outcome()
        except AssistantSilent:
            raise
        except Exception:
            if not answering.last_try:
                raise
            log.exception("turn_failed", message=turn.inbound.id)
            return answering.apology()

    async def _noticed(self, job: Job, turn: NoticeToSay, now: datetime) -> Outcome:
        """What cannot be said after a few tries is let go: it must not stand before what she writes next."""
        try:
            return await Noticing(self.words, self.diary, turn, now, self.zone).outcome()
        except Exception:
            if job.attempts < PATIENCE:
                raise
            log.exception("notice_failed", notice=turn.notice.id, kind=turn.notice.kind)
            who = turn.conversation
            return Outcome((), who.language, who.language_sure, who.state)

    async def _finish(self, job: Job) -> None:
        async with self.store.transaction() as tx:
            done = await tx.finish(job, self.owner)
        if not done:
            await self.ring([job.id])

    async def _postpone(self, job: Job, wait: timedelta) -> None:
        async with self.store.transaction() as tx:
            await tx.postpone(job, self.owner, self.clock.now() + wait)

    async def ring(self, job_ids: Sequence[int]) -> None:
        if self.queue is None:
            return
        for job_id in job_ids:
            try:
                await self.queue.ring(job_id)
            except Exception as failure:  # noqa: BLE001 a doorbell may be down: the sweep comes by
                log.warning("ring_lost", error=type(failure).__name__)
