"""What a referent changes in an appointment: she is told, the referents' calendars follow. The edge commits, then rings."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.domain.appointment import Absence, Appointment, Book, Cancel, Status, TimeSlot
from gateway.domain.conversation import Channel, Conversation
from gateway.ports import Occupied, Schedule, Transaction
from gateway.usecases.booking import tell_it_is_taken, tell_referents
from gateway.usecases.noticing import still_hers, tell_her
from gateway.usecases.planning import appointment_changed

OUTCOMES = (Status.SEEN, Status.EXCUSED, Status.NOSHOW)  # what may be said of one that has begun


@dataclass(frozen=True)
class Changed:
    """`jobs`: to ring once it is committed. `told` False: no message leaves, somebody must call her."""

    appointment: Appointment
    jobs: Sequence[int] = ()
    told: bool = True


async def change_by_referent(
    tx: Transaction, who: tuple[int, int | None], change: Book | Cancel, now: datetime
) -> Changed | None:
    """Books, moves or cancels for her. `who`: her conversation, and her id as a beneficiary when she has one.

    None when it cannot be: the time is taken, the appointment has changed meanwhile, has begun, or is not ours.
    """
    known = change.moving if isinstance(change, Book) else change.appointment_id
    before = await tx.appointment(known) if known is not None else None
    if known is not None and (before is None or not may_change(before, now)):
        return None
    after, kind, told = await _done(tx, who, change, now)
    if after is None:
        return None
    jobs = await tell_referents(tx, after, told, now, before if kind == "moved" else None)
    jobs += await appointment_changed(tx, after, now)
    if isinstance(change, Book):
        await tx.wait_no_more(after.conversation_id)
        jobs += await tell_it_is_taken(tx, after, now)
    tells = may_be_told(after, await tx.conversation(after.conversation_id, now))
    if tells:
        key = f"appointment:{after.id}:{after.sequence}"
        values = {"appointment": after.id, "sequence": after.sequence}
        jobs += await tell_her(tx, key, after.conversation_id, kind, values, now)
    return Changed(after, jobs, tells)


def may_be_told(theirs: Appointment, who: Conversation) -> bool:
    """A message would reach her, and nobody else."""
    return still_hers(theirs, who) and can_be_told(who)


def can_be_told(who: Conversation) -> bool:
    """Her number receives messages and she did not stop them. A web page that is closed cannot be told anything."""
    return who.channel is Channel.SMS and not who.number_failed and not who.opted_out


async def _done(
    tx: Transaction, who: tuple[int, int | None], change: Book | Cancel, now: datetime
) -> tuple[Appointment | None, str, str]:
    """(the appointment as it is now, what she is told, what her referents are told)."""
    if isinstance(change, Cancel):
        revoked = await tx.set_status(change.appointment_id, change.sequence, Status.REVOKED, now)
        return revoked, "revoked", "cancelled_by_service"
    if change.moving is not None:
        return await tx.move(change.moving, change.sequence, change.slot, now), "moved", "moved"
    conversation_id, beneficiary_id = who
    return await tx.book(conversation_id, beneficiary_id, change.slot, now), "booked", "new"


async def note_outcome(
    tx: Transaction, known: Appointment, sequence: int, status: Status, now: datetime
) -> Appointment | None:
    """Seen, excused or not come; she is told nothing now. None: it has not begun, is not ours, or changed meanwhile."""
    if status not in OUTCOMES or not may_note(known, now):
        return None
    noted = await tx.set_status(known.id, sequence, status, now)
    if noted:
        await appointment_changed(tx, noted, now)
    return noted


def may_note(known: Appointment, now: datetime) -> bool:
    """It has begun, and the service did not cancel it."""
    return known.ours and known.starts_at <= now and known.status is not Status.REVOKED


def may_change(known: Appointment, now: datetime) -> bool:
    """It is still to come."""
    return known.ours and known.starts_at > now and known.status is Status.BOOKED


def covers(away: Absence, known: Appointment) -> bool:
    """Her referent is away for some of it."""
    return away.starts_at < known.ends_at and known.starts_at < away.ends_at


def with_substitute(known: Appointment, substitute_id: int) -> TimeSlot:
    """The same time and place, with whoever replaces her referent."""
    return TimeSlot(known.starts_at, known.ends_at, substitute_id, known.kind, known.place)


def is_free(plan: Schedule, slot: TimeSlot) -> bool:
    """Whose time slot it is is neither away nor busy then. `plan`: of that time at least."""
    taken: list[Absence | Occupied] = [*plan.absences, *plan.occupied]
    return not any(
        one.referent_id == slot.referent_id and one.starts_at < slot.ends_at and slot.starts_at < one.ends_at
        for one in taken
    )


def slot_key(slot: TimeSlot) -> str:
    """How a form names a time slot: whose, from when (seconds since 1970), how long (minutes)."""
    minutes = int((slot.ends_at - slot.starts_at).total_seconds()) // 60
    return f"{slot.referent_id}.{int(slot.starts_at.timestamp())}.{minutes}"
