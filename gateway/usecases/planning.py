"""Nudges to come: planned when something changes, by a job armed in the transaction of that change."""

from datetime import date, datetime

from gateway.domain.appointment import Appointment, Status
from gateway.domain.conversation import Channel, Conversation
from gateway.domain.nudge import About, FollowUp, Matter, at_her_hour, planned
from gateway.ports import Transaction
from gateway.usecases.matters import NudgeRules, about_appointment, about_follow_up
from gateway.usecases.noticing import still_hers

REBOOK = "noshow"  # why somebody who did not come is invited again


async def appointment_changed(tx: Transaction, theirs: Appointment, now: datetime) -> list[int]:
    """It was booked, moved, cancelled, or somebody came or not. Returns the jobs to ring."""
    if theirs.status is Status.BOOKED:
        await invitation_answered(tx, theirs.conversation_id, now)
    return [await tx.arm("remind", theirs.id, now)]


async def plan_appointment(
    tx: Transaction, rules: NudgeRules, appointment_id: int, now: datetime
) -> list[int]:
    """The job `remind`: its reminders, as it is now. Returns the jobs to ring."""
    theirs = await tx.appointment(appointment_id)
    if theirs is None:
        return []
    # What became of it is no news about its time.
    known_at = theirs.changed_at if theirs.status is Status.BOOKED else theirs.created_at
    await _plan(tx, rules, about_appointment(theirs), known_at or now, now)
    for one in await tx.open_follow_ups(theirs.conversation_id, About.INVITATION):
        if one.values.get("appointment") == theirs.id and theirs.status is not Status.NOSHOW:
            await close_follow_up(tx, one, "corrected", now)  # she had come after all
    if theirs.status is Status.SEEN:
        await tx.nudges_acted(About.APPOINTMENT, theirs.id, now)
    if theirs.status is Status.NOSHOW and theirs.ours:
        return await _invite_again(tx, theirs, now)
    return []


async def _invite_again(tx: Transaction, theirs: Appointment, now: datetime) -> list[int]:
    who = await tx.conversation(theirs.conversation_id, now)
    if await tx.upcoming(who.id, now) or not still_hers(theirs, who):
        return []
    values: dict[str, object] = {"why": REBOOK, "appointment": theirs.id}
    return await open_follow_up(tx, f"{REBOOK}:{theirs.id}", About.INVITATION, who, values, now)


async def open_follow_up(
    tx: Transaction,
    key: str,
    about: str,
    who: Conversation,
    values: dict[str, object],
    now: datetime,
    due_on: date | None = None,
) -> list[int]:
    """Kept until it is done; opened again under the same key. Nothing for a page: nobody can write to it."""
    if who.channel is not Channel.SMS:
        return []
    known = who.beneficiary.id if who.beneficiary else None
    new = FollowUp(0, about, who.id, known, now, values, due_on)
    return [await tx.arm("follow", await tx.open_follow_up(key, new), now)]


async def close_follow_ups(
    tx: Transaction, conversation_id: int, about: str, outcome: str, now: datetime
) -> None:
    """All the open ones of a kind in her conversation. `outcome` "done" counts as an act."""
    for one in await tx.open_follow_ups(conversation_id, about):
        await close_follow_up(tx, one, outcome, now)


async def close_follow_up(tx: Transaction, one: FollowUp, outcome: str, now: datetime) -> None:
    if not await tx.close_follow_up(one.id, outcome, now):
        return
    await tx.forget_planned(one.about, one.id)
    if outcome == "done":
        await tx.nudges_acted(one.about, one.id, now)


async def invitation_answered(tx: Transaction, conversation_id: int, now: datetime) -> None:
    """She has an appointment: what invited her to take one is over, and so is a choice half made."""
    await close_follow_ups(tx, conversation_id, About.INVITATION, "done", now)
    await close_follow_ups(tx, conversation_id, About.TALK, "done", now)


async def plan_follow_up(tx: Transaction, rules: NudgeRules, follow_up_id: int, now: datetime) -> None:
    """The job `follow`: its nudges, as it is now."""
    for one in await tx.follow_ups([follow_up_id]):
        who = await tx.conversation(one.conversation_id, now)
        zone = rules.quiet_for(who.beneficiary.postal_code if who.beneficiary else "").zone
        await _plan(tx, rules, about_follow_up(one, rules, zone), one.opened_at, now)


async def _plan(
    tx: Transaction, rules: NudgeRules, matter: Matter, known_at: datetime, now: datetime
) -> None:
    await tx.forget_planned(matter.about, matter.id, matter.version if matter.open else None)
    kinds = [kind for kind in rules.kinds.values() if kind.about == matter.about]
    if not matter.open or not kinds:
        return
    who = await tx.conversation(matter.conversation_id, now)
    if who.channel is not Channel.SMS:
        return
    quiet = rules.quiet_for(who.beneficiary.postal_code if who.beneficiary else "")
    hour = await tx.nudge_hour(who.id)
    new = [(kind, planned(kind, matter, quiet, known_at, hour)) for kind in kinds]
    await tx.plan_nudges([(one, kind.capped) for kind, one in new if one])
    if hour is None:
        return
    moved = [
        (due.id, at_her_hour(rules.kinds[due.planned.kind], due.planned, quiet, hour))
        for due in await tx.planned_nudges(matter.about, matter.id)
        if due.planned.step > 1 and due.planned.kind in rules.kinds
    ]
    await tx.postpone_nudges(moved)
