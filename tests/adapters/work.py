"""A worker on a real database, everything else a fake."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from gateway.adapters.database import tables as t
from gateway.adapters.database.store import DatabaseStore
from gateway.domain.conversation import Channel, Reply
from gateway.ports import Question
from gateway.usecases.conversation import receive
from gateway.worker import Worker
from tests.usecases.fakes import (
    AMINA_PHONE,
    TEAM,
    FakeAssistant,
    FakeCarrier,
    FakeClock,
    FakeGuesser,
    FakeMailer,
    FakeWords,
)


@dataclass
class Echo(FakeAssistant):
    """Has an answer to everything; `before` is awaited first."""

    before: Callable[[Question], Awaitable[None]] | None = None

    async def answer(self, question: Question) -> Sequence[Reply]:
        self.asked.append(question)
        if self.before:
            await self.before(question)
        return [Reply(f"utter_{question.text.replace(' ', '_')}")]


@dataclass
class Service:
    """The parts of one process, in reach."""

    store: DatabaseStore
    assistant: FakeAssistant = field(default_factory=Echo)
    carrier: FakeCarrier = field(default_factory=FakeCarrier)
    mailer: FakeMailer = field(default_factory=FakeMailer)
    clock: FakeClock = field(default_factory=FakeClock)
    words: FakeWords = field(default_factory=FakeWords)

    def __post_init__(self) -> None:
        self.worker = Worker(
            store=self.store, words=self.words, assistant=self.assistant, guesser=FakeGuesser(),
            carrier=self.carrier, mailer=self.mailer, clock=self.clock, team=TEAM, timezone="Europe/Paris",
        )  # fmt: skip

    async def says(self, text: str, sid: str = "", address: str = AMINA_PHONE) -> Sequence[int]:
        """She writes. Returns the jobs to ring."""
        sid = sid or f"SM-in-{text}"
        received = await receive(
            self.store, channel=Channel.SMS, address=address, sid=sid, text=text, now=self.clock.now()
        )
        return received.jobs

    async def drain(self, after: timedelta = timedelta()) -> None:
        self.clock.at += after
        await self.worker.drain()

    @property
    def texts(self) -> list[str]:
        """What the carrier sent, the welcome left out."""
        return [text.removeprefix("fr:utter_welcome + ") for _, text in self.carrier.sent]

    async def statuses(self) -> list[str]:
        rows = await self.store.rows(t.message)
        return [row["status"] for row in sorted(rows, key=lambda r: r["id"]) if row["direction"] == "out"]

    async def waiting(self) -> list[str]:
        """Kinds of the jobs that are not done, forgetting apart."""
        rows = await self.store.rows(t.job)
        return sorted(row["kind"] for row in rows if row["state"] != "done" and row["kind"] != "forget")

    async def calm(self) -> bool:
        """Nothing is being done and nothing is due."""
        return await self.waiting() == []


async def soon(condition: Callable[[], bool | Awaitable[bool]]) -> None:
    """Waits until it is so, without saying how long: only a failure takes a minute."""
    async with asyncio.timeout(60):
        while True:
            found = condition()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.01)
