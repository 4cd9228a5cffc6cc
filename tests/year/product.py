"""The product, whole but for Rasa, the words and the carrier, on a database in memory, with a clock moved by hand."""

import asyncio
import contextlib
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gateway.adapters.database import tables as t
from gateway.adapters.database.engine import InlineConnection, open_engine
from gateway.adapters.database.store import DatabaseStore
from gateway.adapters.nudge_files import read_nudges
from gateway.adapters.obstacle_files import read_obstacles
from gateway.domain.conversation import Reply
from gateway.domain.quiet import QuietHours
from gateway.settings import ROOT
from gateway.usecases.matters import NudgeRules
from gateway.waves import Waves
from gateway.worker import Worker
from tests.usecases.fakes import TEAM, FakeAssistant, FakeClock, FakeGuesser, FakeMailer
from tests.year.almanac import HOLIDAYS, PARIS
from tests.year.stand_ins import Carrier, PlainCipher, TenDays, named_words

JOBS = ("converse", "notice", "deliver", "remind", "follow", "report", "give_back")
DUE_JOBS = f"""SELECT id FROM job WHERE kind IN {JOBS}
    AND (state = 'ready' AND due_at <= ? OR state = 'running' AND lease_until < ?)
    ORDER BY kind != 'converse', due_at, id"""  # noqa: S608
DUE_NUDGE = "SELECT id FROM nudge WHERE state = 'planned' AND due_at <= ? LIMIT 1"
NEXT_JOB = f"SELECT min(due_at) FROM job WHERE state = 'ready' AND kind IN {JOBS}"  # noqa: S608
NEXT_NUDGE = "SELECT min(due_at) FROM nudge WHERE state = 'planned'"


class Died(Exception):
    """The process was killed."""


class LeaseClock:
    """The machine's clock, as leases see it."""

    seconds = 1e9

    def time(self) -> float:
        return self.seconds


@dataclass
class Product:
    clock: FakeClock
    carrier: Carrier
    leases: LeaseClock

    async def open(self) -> None:
        engine = open_engine("sqlite:///:memory:")
        async with engine.begin() as connection:
            await connection.run_sync(t.metadata.create_all)
        self.store = DatabaseStore(engine, PlainCipher())
        self.words = named_words()
        self.diary = TenDays(self.store)
        quiet = QuietHours.read("20:00-08:00", PARIS, HOLIDAYS.__contains__)
        self.rules = NudgeRules(
            read_nudges(ROOT, "79"), quiet, read_obstacles(ROOT / "bot" / "obstacles.yml")
        )
        self.starts_anew()

    def starts_anew(self) -> None:
        """Another process; the leases of the one that died have ended."""
        self.leases.seconds += 60
        self.carrier.dies_after = None
        self.carrier.died.clear()
        store, words, clock = self.store, self.words, self.clock
        self.worker = Worker(
            store=store, words=words, assistant=FakeAssistant(otherwise=[Reply("utter_faq/rsa_amount")]),
            guesser=FakeGuesser(), carrier=self.carrier, mailer=FakeMailer(), clock=clock, team=TEAM,
            timezone="Europe/Paris", rules=self.rules, obstacles=self.rules.obstacles, diary=self.diary,
        )  # fmt: skip
        self.worker.waves = Waves(store, words, self.carrier, clock, self.rules, TEAM, "us", 1e6, self.diary)

    async def work(self) -> None:
        """All that is due. Raises Died."""
        assert self.worker.waves
        for _ in range(3000):
            now = self.clock.at.strftime("%Y-%m-%d %H:%M:%S.%f")
            if jobs := await self._asked(DUE_JOBS, now, self.leases.seconds):
                for job in jobs:
                    await self._alive(self.worker.do(job))
            elif await self._asked(DUE_NUDGE, now):
                await self._alive(self.worker.waves.wave())
            else:
                return
        raise AssertionError(f"it goes round in circles at {self.clock.at}")

    async def _alive(self, work: Coroutine[Any, Any, object]) -> None:
        """Until it is done, or the process dies in the middle: then nothing more of it happens."""
        if self.carrier.dies_after is None:
            await work
            return
        task, dying = asyncio.ensure_future(work), asyncio.ensure_future(self.carrier.died.wait())
        await asyncio.wait({task, dying}, return_when=asyncio.FIRST_COMPLETED)
        dying.cancel()
        if task.done():
            await task
            return
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        raise Died

    async def next_due(self) -> datetime | None:
        found = [*await self._asked(NEXT_JOB), *await self._asked(NEXT_NUDGE)]
        return min((datetime.fromisoformat(at).replace(tzinfo=UTC) for at in found if at), default=None)

    async def _asked(self, query: str, *values: object) -> Sequence[Any]:
        """Asked so often that it is written for this one database."""
        async with self.store.engine.begin() as connection:
            assert isinstance(connection, InlineConnection)
            return connection.sync.exec_driver_sql(query, values).scalars().all()
