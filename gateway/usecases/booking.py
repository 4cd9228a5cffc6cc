"""A change of an appointment, stored: the time taken, the referent's calendar told, the freed place offered to who waits."""

from datetime import datetime, timedelta

from gateway.domain.appointment import (
    HELD_FOR,
    Appointment,
    Book,
    BookingChange,
    Cancel,
    Hold,
    Status,
)
from gateway.domain.conversation import Conversation
from gateway.errors import ChangedMeanwhile
from gateway.ports import Transaction
from gateway.usecases.noticing import tell_her
from gateway.usecases.planning import appointment_changed

LOOKED_FOR = timedelta(
    hours=1
)  # time also comes free by itself: a horizon that advances, a calendar that changes


async def record_booking(
    tx: Transaction, who: Conversation, change: BookingChange, now: datetime
) -> list[int]:
    """In the transaction of her turn. Raises ChangedMeanwhile when somebody was faster: decide the turn anew."""
    match change:
        case Hold():
            await tx.hold(who.id, change.slots, now + HELD_FOR)
            return []
        case Book():
            return await _booked(tx, who, change, now)
        case Cancel():
            return await _cancelled(tx, change, now)
    if change.waits:
        await tx.wait(who.id, change.referents, now)
        return [await tx.arm("opened", referent_id, now + LOOKED_FOR) for referent_id in change.referents]
    await tx.wait_no_more(who.id)
    return []


async def _booked(tx: Transaction, who: Conversation, change: Book, now: datetime) -> list[int]:
    before = await tx.appointment(change.moving) if change.moving else None
    if change.moving:
        after = await tx.move(change.moving, change.sequence, change.slot, now)
    else:
        after = await tx.book(who.id, who.beneficiary.id if who.beneficiary else None, change.slot, now)
    if after is None:
        raise ChangedMeanwhile
    jobs = await tell_referents(tx, after, "moved" if before else "new", now, before)
    jobs += await tell_it_is_taken(tx, after, now)
    jobs += await appointment_changed(tx, after, now)
    return jobs


async def _cancelled(tx: Transaction, change: Cancel, now: datetime) -> list[int]:
    after = await tx.set_status(change.appointment_id, change.sequence, Status.EXCUSED, now)
    if after is None:
        raise ChangedMeanwhile
    jobs = await tell_referents(tx, after, "cancelled", now)
    return jobs + await appointment_changed(tx, after, now)


async def tell_referents(
    tx: Transaction, appointment: Appointment, change: str, now: datetime, before: Appointment | None = None
) -> list[int]:
    """An invitation, its update or its end to each referent concerned, and her own calendar brought up to date.

    `change`: new, moved, cancelled, cancelled_by_service. `before`: the appointment as it was, when it moved: its
    place is offered to those who wait. Returns the jobs to ring.
    """
    jobs: list[int] = []
    if before and before.referent_id != appointment.referent_id:
        jobs += await _mail(tx, before, appointment, "CANCEL", "cancelled", now)
        change = "new"
    method = "CANCEL" if change.startswith("cancelled") else "REQUEST"
    jobs += await _mail(tx, appointment, appointment, method, change, now)
    # In one order everywhere: two appointments that change hands both ways would else wait for each other.
    for referent_id in sorted({a.referent_id for a in (before, appointment) if a}):
        if await tx.has_calendar(referent_id):
            jobs.append(await tx.arm("calendar", referent_id, now))
    if before or method == "CANCEL":
        jobs += await look_for_who_waits(tx, now)
    return jobs


async def _mail(
    tx: Transaction, theirs: Appointment, after: Appointment, method: str, change: str, now: datetime
) -> list[int]:
    referent = await tx.referent(theirs.referent_id)
    if referent is None:
        return []
    who = await tx.conversation(theirs.conversation_id, now)
    person = who.beneficiary
    values = {
        "method": method,
        "change": change,
        "appointment": str(theirs.id),
        "uid": theirs.uid,
        "sequence": str(after.sequence),
        "starts_at": theirs.starts_at.isoformat(),
        "ends_at": theirs.ends_at.isoformat(),
        "kind": theirs.kind.value,
        "place": theirs.place,
        "first_name": person.first_name if person and person.id == theirs.beneficiary_id else "",
        "phone": who.address if who.channel == "sms" else "",
    }
    key = f"appointment:{theirs.id}:{after.sequence}:{theirs.referent_id}"
    mail_id = await tx.add_mail(key, referent.email, "appointment", values, now)
    return [await tx.arm("mail", mail_id, now)] if mail_id else []


async def look_for_who_waits(tx: Transaction, now: datetime) -> list[int]:
    """Time has come free: for each referent who is waited for, the job that tells (her substitute's time is hers too)."""
    return [await tx.arm("opened", referent_id, now) for referent_id in await tx.awaited()]


async def tell_it_is_taken(tx: Transaction, taken: Appointment, now: datetime) -> list[int]:
    """Those who wait and had been offered this very place: they stay on the list, and know it."""
    jobs: list[int] = []
    offered_to = set(await tx.offered_to(taken.referent_id, taken.starts_at))
    for conversation_id in await tx.waiting_for(taken.referent_id):
        if conversation_id == taken.conversation_id or conversation_id not in offered_to:
            continue
        key = f"gone:{taken.id}:{taken.sequence}:{conversation_id}"
        jobs += await tell_her(
            tx, key, conversation_id, "gone", {"starts_at": taken.starts_at.isoformat()}, now
        )
    return jobs
