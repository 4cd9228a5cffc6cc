"""The service looks at itself: for who operates it, and for the machines that watch it.

What is asked often is kept some seconds, so that asking costs those who write nothing.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from gateway.domain.quiet import QuietHours
from gateway.domain.running import Lately, Look, Spent, Standing, silence
from gateway.ports import Clock, Store

log = structlog.get_logger()

WINDOWS: Mapping[str, timedelta] = {"5m": timedelta(minutes=5), "24h": timedelta(hours=24)}
KEPT = {"look": 2.0, "5m": 10.0, "24h": 60.0, "spent": 300.0}  # seconds
PATIENCE = 5.0  # seconds for the database to answer


@dataclass
class Watch:
    """One of these a process. `answers`: the assistant does; `room`: bytes left for the database, None when it is elsewhere;
    `real`: seconds of a clock that nobody moves.
    """

    store: Store
    answers: Callable[[], Awaitable[bool]]
    room: Callable[[], int | None]
    clock: Clock
    quiet: QuietHours
    real: Callable[[], float] = time.monotonic
    _kept: dict[str, tuple[float, Any]] = field(default_factory=dict)
    _readers: defaultdict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))
    _assistant: tuple[bool, datetime] | None = None

    async def look(self) -> Look:
        """Never raises: what does not answer is a fault."""
        found: Look = await self._recent("look", self._look)
        return found

    async def lately(self, window: str) -> Lately:
        """`window`: a name of WINDOWS. Raises what the database raises."""
        found: Lately = await self._recent(window, lambda: self._lately(WINDOWS[window]))
        return found

    async def spent(self) -> Sequence[Spent]:
        """Since the first of the month. Raises what the database raises."""
        found: Sequence[Spent] = await self._recent("spent", self._spent)
        return found

    async def measured(self) -> tuple[Mapping[str, Lately], Sequence[Spent] | None]:
        """By window, and since the first of the month; nothing while the database does not say it in time. Never raises."""
        try:
            return {window: await self.lately(window) for window in WINDOWS}, await self.spent()
        except Exception as failure:  # noqa: BLE001 what else is known is told all the same
            log.warning("database_away", error=type(failure).__name__)
            return {}, None

    async def _recent(self, name: str, read: Callable[[], Awaitable[Any]]) -> Any:
        async with self._readers[name]:
            at, found = self._kept.get(name, (float("-inf"), None))
            if self.real() - at >= KEPT[name]:
                found = await read()
                self._kept[name] = (self.real(), found)
            return found

    async def _look(self) -> Look:
        standing, answers = await asyncio.gather(self._standing(), self.answers())
        now = self.clock.now()
        if self._assistant is None or self._assistant[0] != answers:
            self._assistant = (answers, now)
        last = standing.received_at if standing else None
        return Look(
            now, standing, *self._assistant, room=self._room(), silence=silence(last, now, self.quiet)
        )

    def _room(self) -> int | None:
        try:
            return self.room()
        except OSError:
            return 0  # a disk that is not there holds nothing

    async def _standing(self) -> Standing | None:
        try:
            async with asyncio.timeout(PATIENCE), self.store.transaction() as tx:
                now = self.clock.now()
                return await tx.standing(now, now.astimezone(self.quiet.zone).date())
        except Exception as failure:  # noqa: BLE001 whatever the driver raises, the database is not there
            log.warning("database_away", error=type(failure).__name__)
            return None

    async def _lately(self, window: timedelta) -> Lately:
        async with asyncio.timeout(PATIENCE), self.store.transaction() as tx:
            now = self.clock.now()
            return await tx.lately(now - window, now)

    async def _spent(self) -> Sequence[Spent]:
        async with asyncio.timeout(PATIENCE), self.store.transaction() as tx:
            return await tx.spent(first_of_month(self.clock.now(), self.quiet))


def first_of_month(now: datetime, quiet: QuietHours) -> datetime:
    """Its first moment, where people are."""
    first = now.astimezone(quiet.zone).date().replace(day=1)
    return datetime.combine(first, datetime.min.time(), quiet.zone).astimezone(UTC)
