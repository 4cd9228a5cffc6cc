"""What a turn changes about nudges, stored in its transaction."""

from dataclasses import replace
from datetime import datetime

from gateway.domain.conversation import Conversation, Outcome
from gateway.domain.nudge import About
from gateway.domain.nudge_changes import Answered, HourChosen, NudgeChange, RemindMe, TopicStopped
from gateway.domain.obstacle import Change, Share
from gateway.domain.verdict import Why
from gateway.ports import Transaction
from gateway.usecases.nudging import renew
from gateway.usecases.planning import close_follow_up, close_follow_ups, open_follow_up

CLOSES = {"done": "done", "no": "declined", "help": "helped"}  # what an answer does to the matter
TALK = "talk:{}"  # one at a time for each conversation


async def record_nudge_change(
    tx: Transaction, who: Conversation, change: NudgeChange, now: datetime
) -> list[int]:
    """Returns the jobs to ring."""
    match change:
        case Answered():
            return await _answered(tx, who, change, now)
        case TopicStopped(topic, stopped):
            if stopped:
                await tx.opt_out(who.id, "message", now, topic)
                await tx.nudges_stopped(who.id, now)
            else:
                await tx.opt_in(who.id, "message", now, topic)
            return []
        case HourChosen(hour):
            return await _hour_chosen(tx, who, hour, now)
        case RemindMe(due_on):
            key = f"{About.DECLARATION}:{who.id}"
            return await open_follow_up(tx, key, About.DECLARATION, who, {}, now, due_on)


async def _answered(tx: Transaction, who: Conversation, change: Answered, now: datetime) -> list[int]:
    """An old answer changes nothing: the quarter that it was about is over, or the matter was opened anew.

    Except about what stands in her way: she alone opens it again, and her last word is the one that counts.
    """
    outcome = CLOSES.get(change.does)
    if outcome is None or change.about in (About.APPOINTMENT, About.CAMPAIGN):
        return []
    said = await tx.nudge_of(change.nudge_id, who.id)
    for one in await tx.follow_ups([change.matter_id]):
        if one.conversation_id != who.id or one.closed_at or said is None:
            continue
        if said.planned.version != one.version and one.about != About.OBSTACLE:
            continue
        await close_follow_up(tx, one, outcome, now)
        if change.renews and outcome != "declined":
            return await renew(tx, one.id, change.renews, now)
    return []


async def _hour_chosen(tx: Transaction, who: Conversation, hour: int, now: datetime) -> list[int]:
    """What is planned moves to that hour."""
    await tx.save_nudge_hour(who.id, hour)
    jobs = [await tx.arm("remind", one.id, now) for one in await tx.upcoming(who.id, now)]
    return jobs + [await tx.arm("follow", one.id, now) for one in await tx.open_follow_ups(who.id)]


async def follow_obstacle(tx: Transaction, who: Conversation, change: Change, now: datetime) -> list[int]:
    """What she shares is followed up; what she takes back is not."""
    if isinstance(change, Share):
        kind = change.obstacle.kind
        return await open_follow_up(
            tx, f"{About.OBSTACLE}:{who.id}:{kind}", About.OBSTACLE, who, {"kind": kind}, now
        )
    for one in await tx.open_follow_ups(who.id, About.OBSTACLE):
        if one.values.get("kind") == change.kind:
            await close_follow_up(tx, one, "withdrawn", now)
    return []


async def note_that_she_wrote(tx: Transaction, outcome: Outcome, now: datetime) -> Outcome:
    """The first message after a nudge is its answer. The outcome, with the state that knows it."""
    nudged = outcome.state.nudged
    if nudged is None or nudged[2]:
        return outcome
    await tx.nudge_answered(nudged[0], now)
    return replace(outcome, state=replace(outcome.state, nudged=(nudged[0], nudged[1], True)))


async def follow_talk(tx: Transaction, who: Conversation, unfinished: bool, now: datetime) -> list[int]:
    """She stopped in the middle of something: she is asked once, later; or she no longer is."""
    if unfinished and await tx.open_follow_ups(who.id, About.INVITATION):
        return []  # her invitation asks again by itself
    if unfinished:
        return await open_follow_up(tx, TALK.format(who.id), About.TALK, who, {}, now)
    await close_follow_ups(tx, who.id, About.TALK, "done", now)
    return []


async def nothing_more(tx: Transaction, who: Conversation, now: datetime) -> None:
    """ "This is not me": nothing that was hers is followed up at this number, nor is she reminded there of anything."""
    for one in await tx.open_follow_ups(who.id):
        await close_follow_up(tx, one, "unbound", now)
    await tx.end_all_planned(who.id, Why.NOT_HERS, now)
