"""A referent opens time: why an opening gives no time slot, who waits for it, what an absence stands on."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from gateway.domain.appointment import Absence, Appointment, Opening, Status, TimeSlot
from gateway.domain.timeslot import time_slots
from gateway.ports import Schedule, Transaction
from gateway.usecases.noticing import tell_her

TOLD_AGAIN = timedelta(hours=1)  # of the same place
AHEAD = timedelta(days=366)  # as far as any opening may go


class Why(StrEnum):
    """Why an opening gives nothing now."""

    NONE = ""
    OVER = "over"
    LATER = "later"  # its horizon does not reach its first day yet
    EXCEPTED = "excepted"
    TOO_SOON = "too_soon"  # within its notice
    HOLIDAY = "holiday"
    AWAY = "away"
    TAKEN = "taken"
    OVERLAP = "overlap"  # another opening gives this time already


@dataclass(frozen=True)
class Preview:
    """The next time slots of one opening, or why there is none."""

    slots: Sequence[TimeSlot] = ()
    why: Why = Why.NONE


def preview(
    opening: Opening, plan: Schedule, holidays: Collection[date], now: datetime, zone: ZoneInfo
) -> Preview:
    """`plan`: all that the referent opens and all that takes her time."""
    bare = time_slots([opening], (), (), (), now, zone)
    if not bare:
        return Preview(why=_gives_nothing(opening, now, zone))
    for why, absences, occupied in (
        (Why.HOLIDAY, (), ()),
        (Why.AWAY, plan.absences, ()),
        (Why.TAKEN, plan.absences, plan.occupied),
    ):
        alone = time_slots([opening], absences, occupied, holidays, now, zone)
        if not alone:
            return Preview(why=why)
    everything = set(time_slots(plan.openings, plan.absences, plan.occupied, holidays, now, zone))
    slots = [slot for slot in alone if slot in everything]
    return Preview(slots) if slots else Preview(why=Why.OVERLAP)


def _gives_nothing(opening: Opening, now: datetime, zone: ZoneInfo) -> Why:
    """Of an opening that gives nothing even to somebody who is always free."""
    today = now.astimezone(zone).date()
    last = opening.until if opening.weekly else opening.day
    if last is not None and last < today:
        return Why.OVER
    if opening.day > today + timedelta(days=opening.horizon_days):
        return Why.LATER
    if opening.exceptions and time_slots([replace(opening, exceptions=frozenset())], (), (), (), now, zone):
        return Why.EXCEPTED
    return Why.TOO_SOON


async def tell_who_waits(
    tx: Transaction, referent_id: int, slots: Sequence[TimeSlot], now: datetime
) -> list[int]:
    """Each of those who wait for her is told of a place, in turn, once an hour at most. Returns the jobs to ring."""
    jobs: list[int] = []
    for number, conversation_id in enumerate(await tx.waiting_for(referent_id) if slots else ()):
        slot = slots[number % len(slots)]
        at = int(slot.starts_at.timestamp())
        if await tx.noticed(f"freed:{conversation_id}:{slot.referent_id}:{at}", now - TOLD_AGAIN):
            continue
        values = {"referent": slot.referent_id, "starts_at": slot.starts_at.isoformat()}
        key = f"freed:{conversation_id}:{slot.referent_id}:{at}:{int(now.timestamp())}"
        jobs += await tell_her(tx, key, conversation_id, "freed", values, now)
    return jobs


def stands_on(away: Absence, booked: Iterable[Appointment]) -> Sequence[Appointment]:
    """The appointments that this absence covers: nobody moves them but the referent."""
    return [
        one
        for one in booked
        if one.status is Status.BOOKED and one.starts_at < away.ends_at and away.starts_at < one.ends_at
    ]
