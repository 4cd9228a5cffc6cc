"""A message came in: store it once; later, take one turn at a time, and store all that it changes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo

from gateway.domain.appointment import Book, Cancel, Hold, Wait
from gateway.domain.conversation import IDLE, Channel, Conversation, Inbound, Outcome
from gateway.domain.obstacle import Obstacles, Share, Withdraw
from gateway.domain.pace import UNLIMITED, Pace, PaceLimits
from gateway.domain.text import cleaned
from gateway.ports import Store, Transaction
from gateway.usecases.booking import record_booking
from gateway.usecases.handover import ask_for_a_person
from gateway.usecases.learning import question_to_keep
from gateway.usecases.noticing import NoticeToSay, reaches_her
from gateway.usecases.nudge_recording import (
    follow_obstacle,
    follow_talk,
    note_that_she_wrote,
    nothing_more,
    record_nudge_change,
)
from gateway.usecases.pacing import pace_of_turn, tell_of_pace
from gateway.usecases.privacy import forget_at_her_word
from gateway.usecases.sharing import forget_person, tell_obstacle
from gateway.usecases.taking_over import tell_who_answers

# Of these her referent must know that she could not be told.
UNTOLD_MATTERS = {"moved", "revoked", "booked", "written"}


@dataclass(frozen=True)
class Received:
    """`jobs` to ring once committed; `new` False for a repeat, which is acknowledged and ignored."""

    conversation_id: int
    jobs: Sequence[int]
    new: bool


@dataclass(frozen=True)
class TurnToTake:
    conversation: Conversation
    inbound: Inbound
    previous_text: str
    pace: Pace = Pace.CALM


async def receive(
    store: Store,
    *,
    channel: Channel,
    address: str,
    sid: str,
    text: str,
    now: datetime,
    media: int = 0,
    carrier_stop: str = "",
    language: str = "",
) -> Received:
    """Stores a message and the work it causes, in one transaction. `language`: chosen on the page."""
    async with store.transaction() as tx:
        conversation_id = await tx.conversation_at(channel, address, now, language)
        added = await tx.add_inbound(conversation_id, sid, cleaned(text), media, carrier_stop, now)
        if added is None:
            return Received(conversation_id, (), new=False)
        return Received(conversation_id, (await tx.arm("converse", conversation_id, now),), new=True)


async def next_turn(
    tx: Transaction,
    conversation_id: int,
    now: datetime,
    limits: PaceLimits = UNLIMITED,
    zone: tzinfo = UTC,
) -> TurnToTake | None:
    """The oldest message without an answer, with all that its answer needs."""
    inbound = await tx.next_unanswered(conversation_id)
    if inbound is None:
        return None
    who = await tx.conversation(conversation_id, now)
    who = replace(who, shared=tuple(await tx.shared_obstacles(who.id)))
    previous = await tx.previous_text(who.id, inbound.id) if who.state.waiting else ""
    return TurnToTake(who, inbound, previous, await pace_of_turn(tx, who, inbound, limits, zone))


async def record_turn(
    tx: Transaction, turn: TurnToTake, outcome: Outcome, team: str, now: datetime
) -> Sequence[int]:
    """Everything that the turn changes. Returns the jobs to ring once it is committed.

    Raises ChangedMeanwhile when a time slot or an appointment is no longer what the turn was decided on.
    """
    who, jobs = turn.conversation, list[int]()
    if not await tx.close_inbound(turn.inbound.id, now, erase=outcome.erase):
        return ()  # another worker was faster: its answer stands
    if outcome.forget:
        return await forget_at_her_word(tx, who, turn.inbound.id, outcome.text, now)
    outcome = await note_that_she_wrote(tx, outcome, now)
    await tx.save_turn(who, outcome, now)
    if outcome.stop:
        source = "carrier" if turn.inbound.carrier_stop else "message"
        await tx.opt_out(who.id, source, now)
        await tx.cancel_queued(who.id)
        await tx.nudges_stopped(who.id, now)
    if outcome.start:
        await tx.opt_in(who.id, "message", now)
    jobs += await _told_others(tx, turn, outcome, team, now)
    jobs += await tell_of_pace(tx, who, turn.pace, team, now)
    if outcome.text:
        names = [reply.response for reply in outcome.replies]
        await tx.add_outbound(who, turn.inbound.id, outcome.text, names, now, outcome.personal)
        if who.channel is Channel.SMS:
            jobs.append(await tx.arm("deliver", who.id, now))
    before = await tx.previous_exchange(who.id, turn.inbound.id) if outcome.denied else None
    if question := question_to_keep(who, turn.inbound, outcome, before, now.date()):
        await tx.keep_question(question)
    if outcome.asked_rasa or outcome.personal or outcome.state.assessment:
        await tx.arm("forget", who.id, now + IDLE + timedelta(seconds=1))
    return jobs


async def record_notice(
    tx: Transaction, to_say: NoticeToSay, outcome: Outcome, team: str, now: datetime
) -> Sequence[int]:
    """What she was told without having asked. Her referent learns when it could not be said."""
    who, notice, jobs = to_say.conversation, to_say.notice, list[int]()
    if not await tx.close_notice(notice.id, now):
        return ()
    if notice.kind in UNTOLD_MATTERS and (who.opted_out or not reaches_her(to_say)):
        to = who.referent.email if who.referent else team
        values = {"first_name": who.beneficiary.first_name if who.beneficiary else "", "phone": who.address}
        if mail_id := await tx.add_mail(f"untold:{notice.id}", to, "untold", values, now):
            jobs.append(await tx.arm("mail", mail_id, now))
    if not outcome.text:
        return jobs
    await tx.save_state(who.id, outcome.state)
    for change in outcome.changes:
        if isinstance(change, Hold):
            jobs += await record_booking(tx, who, change, now)
    names = [reply.response for reply in outcome.replies]
    written_by = notice.values.get("referent_id") if notice.kind == "written" else None
    await tx.add_outbound(who, None, outcome.text, names, now, written_by=written_by)
    if who.channel is Channel.SMS:
        jobs.append(await tx.arm("deliver", who.id, now))
    return jobs


async def _told_others(
    tx: Transaction, turn: TurnToTake, outcome: Outcome, team: str, now: datetime
) -> list[int]:
    """What leaves her conversation: an obstacle shared or taken back, a call asked for."""
    who, jobs = turn.conversation, list[int]()
    for change in outcome.changes:
        if isinstance(change, Book | Cancel | Hold | Wait):
            jobs += await record_booking(tx, who, change, now)
        elif isinstance(change, Share | Withdraw):
            jobs += await tell_obstacle(tx, who, turn.inbound.id, change, now)
            jobs += await follow_obstacle(tx, who, change, now)
        else:
            jobs += await record_nudge_change(tx, who, change, now)
    if outcome.unfinished is not None:
        jobs += await follow_talk(tx, who, outcome.unfinished, now)
    if outcome.unbind:
        jobs += await forget_person(tx, who, team, now)
        await nothing_more(tx, who, now)
    if outcome.callback:
        jobs += await ask_for_a_person(
            tx, who, turn.inbound.id, outcome.callback, team, now, outcome.receiver
        )
    if who.taken_by:
        jobs += await tell_who_answers(tx, who, now)
        # She is awake: what waited for the morning, who answers her above all, is said now.
        jobs += [await tx.arm("notice", one, now) for one in await tx.pending_notices(who.id)]
    return jobs


async def end(tx: Transaction, conversation_id: int, obstacles: Obstacles, now: datetime) -> bool:
    """Thirty idle minutes: what served that conversation alone is forgotten. True: not all yet, come back."""
    state = (await tx.conversation(conversation_id, now)).state
    sensitive = {kind.id for kind in obstacles.kinds.values() if kind.sensitive}
    if state.assessment and state.assessment.kind not in obstacles.kinds:
        sensitive.add(state.assessment.kind)  # gone since: nobody can tell any more
    says = {f"utter_{kind.says}" for kind in obstacles.kinds.values() if kind.sensitive}
    if (after := state.ended(sensitive, says)) != state:
        await tx.save_state(conversation_id, after)
    return await tx.erase_personal(conversation_id)
