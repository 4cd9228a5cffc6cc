"""The service looks at itself, and asks no more than it must."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from gateway.domain.quiet import QuietHours
from gateway.domain.running import FULL, Fault, Lately, Spent, Standing
from gateway.usecases import watching
from gateway.usecases.watching import Watch, first_of_month
from tests.usecases.fakes import NOW, PARIS, FakeClock

NIGHTS = QuietHours(time(20), time(8), PARIS)
HOUR = timedelta(hours=1)


@dataclass
class Database:
    """What it is asked; `fails`: how it answers."""

    asked: list[str] = field(default_factory=list)
    fails: Exception | None = None
    slow: bool = False
    found: Standing = field(default_factory=lambda: Standing(received_at=NOW - HOUR))

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        if self.slow:
            await asyncio.sleep(60)
        if self.fails:
            raise self.fails
        yield self

    async def standing(self, now: datetime, today: date) -> Standing:
        self.asked.append(f"standing {today}")
        return self.found

    async def lately(self, since: datetime, now: datetime) -> Lately:
        self.asked.append(f"lately {now - since}")
        return Lately(received={"sms": 1})

    async def spent(self, since: datetime) -> Sequence[Spent]:
        self.asked.append(f"spent {since:%d/%m %H:%M}")
        return [Spent("fr", "answer", 1, 2)]


@dataclass
class World:
    """`real`: the machine's seconds. `answers`: whether Rasa does."""

    database: Database = field(default_factory=Database)
    clock: FakeClock = field(default_factory=FakeClock)
    answers: bool = True
    room: int | None = None
    real: float = 0.0

    def __post_init__(self) -> None:
        self.watch = Watch(
            self.database, self._answers, lambda: self.room, self.clock, NIGHTS, lambda: self.real
        )  # fmt: skip

    async def _answers(self) -> bool:
        return self.answers

    def later(self, seconds: float) -> None:
        self.real += seconds
        self.clock.at += timedelta(seconds=seconds)


async def test_it_looks_at_all_of_it() -> None:
    world = World(room=FULL)
    look = await world.watch.look()
    assert (look.at, look.assistant, look.room, look.silence) == (NOW, True, FULL, HOUR)
    assert look.ready
    assert world.database.asked == ["standing 2026-11-23"]


async def test_it_is_asked_often_and_asks_seldom() -> None:
    world = World()
    await asyncio.gather(*(world.watch.look() for _ in range(20)))
    for window in ("5m", "24h"):
        assert (await world.watch.lately(window)).received == {"sms": 1}
        await world.watch.lately(window)
    assert await world.watch.spent() == [Spent("fr", "answer", 1, 2)]
    await world.watch.spent()
    first = ["standing 2026-11-23", "lately 0:05:00", "lately 1 day, 0:00:00", "spent 31/10 23:00"]
    assert world.database.asked == first
    world.later(11)
    await world.watch.look()
    await world.watch.lately("5m")
    await world.watch.lately("24h")
    assert world.database.asked[4:] == first[:2]


async def test_it_says_since_when_the_assistant_answers() -> None:
    world = World()
    assert (await world.watch.look()).assistant_since == NOW
    for answers, since in ((True, 0), (False, 20), (False, 20), (True, 40)):
        world.later(10)
        world.answers = answers
        look = await world.watch.look()
        assert (look.assistant, look.assistant_since) == (answers, NOW + timedelta(seconds=since))


async def test_it_outlives_the_database() -> None:
    world = World(Database(fails=OSError("a secret address")))
    look = await world.watch.look()
    assert look.faults == [Fault.DATABASE]
    assert look.standing is None


async def test_it_does_not_wait_for_a_frozen_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "PATIENCE", 0.05)
    assert (await World(Database(slow=True)).watch.look()).faults == [Fault.DATABASE]


async def test_it_takes_a_disk_that_is_gone_for_a_full_one() -> None:
    def gone() -> int:
        raise FileNotFoundError

    world = World()
    world.watch.room = gone
    assert (await world.watch.look()).faults == [Fault.DISK]


@pytest.mark.parametrize(
    ("now", "first"),
    [
        (datetime(2026, 11, 23, 9, 0, tzinfo=UTC), datetime(2026, 10, 31, 23, 0, tzinfo=UTC)),
        (
            datetime(2026, 7, 31, 22, 30, tzinfo=UTC),
            datetime(2026, 7, 31, 22, 0, tzinfo=UTC),
        ),  # August in Paris
    ],
)
def test_it_begins_the_month_where_people_are(now: datetime, first: datetime) -> None:
    assert first_of_month(now, NIGHTS) == first
