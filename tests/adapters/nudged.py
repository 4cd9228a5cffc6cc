"""A process that nudges, on a real database: its waves, its worker, and people to write to."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from gateway.adapters.database import tables as t
from gateway.domain.appointment import Appointment, TimeSlot
from gateway.domain.conversation import Channel
from gateway.domain.keywords import Vocabularies, Vocabulary
from gateway.ports import Diary
from gateway.usecases.matters import NudgeRules
from gateway.usecases.offering import NO_DIARY
from gateway.usecases.planning import appointment_changed, open_follow_up
from gateway.waves import Waves
from tests.adapters.work import Service
from tests.usecases.fakes import AMINA, AMINA_PHONE, CLAIRE, FRENCH, PARIS, TEAM, FakeWords
from tests.usecases.nudge_store import RULES

KEYWORDS = Vocabulary.of(
    "fr", {"keywords": {"STOP RAPPEL": [], "STOP RELANCE": [], "POURQUOI": [], "HEURE": []}}
)
NAMES = {
    "utter_welcome", "utter_meet_somewhere", "utter_meet_in_person", "utter_choose_time", "utter_news",
    *(kind.says for kind in RULES.kinds.values()),
}  # fmt: skip


def paris(written: str) -> datetime:
    """ "2026-11-26 14:30" on the clock of Paris."""
    return datetime.fromisoformat(written).replace(tzinfo=PARIS).astimezone(UTC)


def words() -> FakeWords:
    return FakeWords(Vocabularies((FRENCH, KEYWORDS)), simple=set(NAMES))


@dataclass
class NudgingService(Service):
    """`rate`: messages a second."""

    words: FakeWords = field(default_factory=words)
    rules: NudgeRules = RULES
    rate: float = 1000.0
    diary: Diary = NO_DIARY

    def __post_init__(self) -> None:
        super().__post_init__()
        worker = self.worker
        worker.rules, worker.obstacles, worker.diary = self.rules, self.rules.obstacles, self.diary
        self.waves = worker.waves = Waves(
            self.store, self.words, self.carrier, self.clock, self.rules, TEAM, "us", self.rate, self.diary,
            ring=worker.ring,
        )  # fmt: skip

    async def amina(self) -> int:
        """Followed by Claire. Her conversation."""
        async with self.store.transaction() as tx:
            await tx.save_referent(CLAIRE)
            await tx.save_beneficiary(AMINA, CLAIRE.email)
        return await self.somebody(AMINA_PHONE)

    async def somebody(self, phone: str, welcomed: bool = True) -> int:
        async with self.store.transaction() as tx:
            who = await tx.conversation_at(Channel.SMS, phone, self.clock.now())
            state = (await tx.conversation(who, self.clock.now())).state
            if welcomed and not state.welcomed:
                await tx.save_state(who, type(state)(welcomed=True))
        return who

    async def people(self, count: int) -> list[int]:
        return [await self.somebody(f"+3363998{n:04}") for n in range(1000, 1000 + count)]

    async def opens(self, who: int, about: str, due_on: date | None = None, **values: Any) -> None:
        """Something stays open from now on, and its nudges are planned."""
        now = self.clock.now()
        async with self.store.transaction() as tx:
            her = await tx.conversation(who, now)
            jobs = await open_follow_up(tx, f"{about}:{who}", about, her, values, now, due_on)
        for job in jobs:
            await self.worker.do(job)

    async def books(self, who: int, starts_at: str, minutes: int = 30) -> Appointment:
        now, start = self.clock.now(), paris(starts_at)
        async with self.store.transaction() as tx:
            her = await tx.conversation(who, now)
            known = her.beneficiary.id if her.beneficiary else None
            slot = TimeSlot(start, start + timedelta(minutes=minutes), 1)
            theirs = await tx.book(who, known, slot, now)
            assert theirs
            jobs = await appointment_changed(tx, theirs, now)
        for job in jobs:
            await self.worker.do(job)
        return theirs

    async def until(self, when: str) -> None:
        """The clock goes on, stopping at each moment at which something is due, as time does."""
        end = paris(when)
        await self.worker.drain()
        while True:
            async with self.store.transaction() as tx:
                following = await tx.next_due(self.clock.at, end)
            if following is None:
                break
            self.clock.at = following
            await self.worker.drain()
        self.clock.at = end
        await self.worker.drain()

    @property
    def said(self) -> list[str]:
        """What the carrier sent, without the language."""
        return [text.replace("fr:", "") for _, text in self.carrier.sent]

    async def fates(self) -> dict[str, str]:
        """Kind, and step when it is not the first → its state, and why."""
        rows = await self.store.rows(t.nudge)
        return {
            row["kind"]
            + (f" {row['step']}" if row["step"] > 1 else ""): f"{row['state']} {row['why']}".strip()
            for row in rows
        }

    async def mails(self) -> list[tuple[str, str]]:
        return [(mail.to, mail.template) for mail in self.mailer.sent]


async def wave_by_wave(*services: NudgingService) -> Sequence[int]:
    """Each in its turn until nothing is due. How many each dealt with."""
    counts = [0] * len(services)
    going = True
    while going:
        dealt = [await service.waves.wave() for service in services]
        counts = [count + (done or 0) for count, done in zip(counts, dealt, strict=True)]
        going = any(done is not None for done in dealt)
    return counts
