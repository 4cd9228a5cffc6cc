"""A referent's own calendar: when she is busy is read, our appointments are written there.

Three steps, because no transaction waits for another server: `planned` reads what there is to do, `talked` does
it, `recorded` keeps what became of it.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gateway.domain.appointment import Appointment
from gateway.domain.calendars import A_DAY, BUSY_AHEAD, FEED_AFTER, CalendarAccount, Written
from gateway.errors import CalendarError
from gateway.ports import CalendarServer, Transaction

DEADLINE = 25.0  # seconds: less than the lease of a job; what is not done by then waits for the next time


@dataclass(frozen=True)
class Plan:
    """`until`: how far she is asked when she is busy. `write`: appointments, each with the ETag to replace, or ""."""

    referent_id: int
    account: CalendarAccount
    until: datetime
    write: Sequence[tuple[Appointment, str]] = ()
    remove: Sequence[Written] = ()


@dataclass
class Talk:
    """What was done before it ended, or failed. `busy` None: not read."""

    busy: Sequence[tuple[datetime, datetime]] | None = None
    written: list[tuple[Appointment, str]] = field(default_factory=list)
    removed: list[Written] = field(default_factory=list)
    error: str = ""  # a CalendarError's name
    reason: str = ""  # for the log


async def planned(tx: Transaction, referent_id: int, now: datetime) -> Plan | None:
    """None when she has no calendar of her own."""
    account = await tx.calendar_account(referent_id)
    if account is None:
        return None
    stale = await tx.to_write(referent_id, now, now + FEED_AFTER)
    found = [(await tx.appointment(appointment_id), etag) for appointment_id, etag in stale]
    write = [(appointment, etag) for appointment, etag in found if appointment]
    horizons = [timedelta(days=opening.horizon_days) for opening in await tx.openings_of(referent_id)]
    until = now + max([BUSY_AHEAD, *horizons]) + A_DAY
    return Plan(referent_id, account, until, write, await tx.to_remove(referent_id))


async def talked(calendars: CalendarServer, plan: Plan, now: datetime, deadline: float = DEADLINE) -> Talk:
    """What fails is in `error`, beside what was done before: she is told, whatever it was."""
    talk = Talk()
    try:
        async with asyncio.timeout(deadline), calendars.opened(plan.account) as calendar:
            talk.busy = await calendar.busy(now, plan.until)
            for gone in plan.remove:
                await calendar.remove(gone.uid, gone.etag)
                talk.removed.append(gone)
            for appointment, etag in plan.write:
                talk.written.append((appointment, await calendar.write(appointment, etag)))
    except CalendarError as failure:
        talk.error, talk.reason = type(failure).__name__, str(failure)
    except TimeoutError:
        talk.error, talk.reason = "CalendarAway", "too slow"
    except Exception as unforeseen:  # noqa: BLE001 a calendar that only looks alive would be worse
        talk.error, talk.reason = "CalendarAway", type(unforeseen).__name__
    return talk


async def recorded(tx: Transaction, plan: Plan, talk: Talk, now: datetime) -> None:
    """What failed is shown to her in the workspace; the busy times known before then stay."""
    if await tx.calendar_account(plan.referent_id) != plan.account:
        return  # she changed it meanwhile: the next time is for the new one
    for appointment, etag in talk.written:
        await tx.note_event(plan.referent_id, appointment.id, appointment.sequence, etag)
    for gone in talk.removed:
        await tx.forget_event(plan.referent_id, gone.appointment_id)
    if talk.busy is not None:
        await tx.replace_busy(plan.referent_id, talk.busy)
    if talk.error:
        await tx.calendar_failed(plan.referent_id, talk.error, now)
    else:
        await tx.calendar_answered(plan.referent_id, now)


async def keep_calendar(
    tx: Transaction, referent_id: int, account: CalendarAccount, now: datetime
) -> list[int]:
    """She gave the address of her calendar: it is read at once. Returns the jobs to ring."""
    await tx.save_calendar(referent_id, account)
    return [await tx.arm("calendar", referent_id, now)]
