"""Appointments and free time, each question in a short transaction of its own."""

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from gateway.domain.appointment import Absence, Appointment, TimeSlot
from gateway.domain.timeslot import time_slots
from gateway.ports import Free

if TYPE_CHECKING:
    from gateway.adapters.database.store import DatabaseStore

FARTHEST = timedelta(days=366)  # nothing is offered later, whatever the horizon of an opening

Holidays = Callable[[Sequence[int]], frozenset[date]]


class DatabaseDiary:
    """`holidays`: years → the public holidays in them. `zone`: where the openings' clocks hang.

    Not to be asked from inside another transaction: SQLite has one at a time, and would wait for itself.
    """

    def __init__(self, store: "DatabaseStore", zone: ZoneInfo, holidays: Holidays) -> None:
        self._store = store
        self._zone = zone
        self.holidays = holidays

    async def upcoming(self, conversation_id: int, now: datetime) -> Sequence[Appointment]:
        async with self._store.transaction() as tx:
            return await tx.upcoming(conversation_id, now)

    async def free(self, referents: Sequence[int], conversation_id: int, now: datetime) -> Free:
        until = now + FARTHEST
        async with self._store.transaction() as tx:
            plan = await tx.schedule(referents, now, until, conversation_id)
            names = await tx.first_names({*referents, *(o.referent_id for o in plan.openings)})
        holidays = self.holidays(range(now.year, until.year + 1))
        slots = [
            slot
            for slot in time_slots(plan.openings, plan.absences, plan.occupied, holidays, now, self._zone)
            if slot.ends_at <= until
            and (slot.referent_id in referents or _replaces(slot, referents, plan.absences))
        ]
        held = frozenset(slot for slot in slots if (slot.referent_id, slot.starts_at) in plan.held)
        return Free(slots, held, names, opens=bool(plan.openings))

    async def referents_of(self, commune: str) -> Sequence[int]:
        async with self._store.transaction() as tx:
            return await tx.referents_of_commune(commune)

    async def somebody_opens(self, now: datetime) -> bool:
        async with self._store.transaction() as tx:
            return bool(await tx.who_opens(now))


def _replaces(slot: TimeSlot, referents: Sequence[int], absences: Sequence[Absence]) -> bool:
    """True within the absence of one of these referents, for whoever replaces her then."""
    return any(
        away.referent_id in referents
        and away.substitute_id == slot.referent_id
        and away.starts_at <= slot.starts_at
        and slot.ends_at <= away.ends_at
        for away in absences
    )
