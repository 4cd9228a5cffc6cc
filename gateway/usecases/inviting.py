"""What a referent asks to remind her of: to choose an appointment, to sign her contract. The edge commits, then rings."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.domain.conversation import Channel, Conversation
from gateway.domain.nudge import About, FollowUp, Topic
from gateway.domain.territory import Territory
from gateway.ports import Diary, Transaction
from gateway.usecases import locating
from gateway.usecases.appointments import can_be_told
from gateway.usecases.planning import close_follow_ups, open_follow_up

BY_REFERENT = "referent"  # why she is invited


@dataclass(frozen=True)
class Asked:
    """`jobs`: to ring once it is committed. `wrong`: why nothing was asked, see `why_not`."""

    jobs: Sequence[int] = ()
    wrong: str = ""


async def somebody_is_free(diary: Diary, territory: Territory, who: Conversation, now: datetime) -> bool:
    """Whether she would be offered any time: her referent's or her substitute's, else of who serves her commune.

    Not to be asked from inside a transaction: the diary has its own.
    """
    referents: Sequence[int] = (who.referent.id,) if who.referent else ()
    if not referents and (home := locating.home(who, territory)):
        referents = await diary.referents_of(home.name)
    return bool(referents) and bool((await diary.free(referents, who.id, now)).slots)


async def invite(tx: Transaction, who: Conversation, referent_id: int, free: bool, now: datetime) -> Asked:
    """To choose an appointment. `free`: see `somebody_is_free`; nobody is invited to choose among nothing."""
    values: dict[str, object] = {"why": BY_REFERENT, "referent": referent_id}
    return await _asked(tx, who, About.INVITATION, values, "" if free else "nothing_free", now)


async def ask_to_sign(tx: Transaction, who: Conversation, now: datetime) -> Asked:
    """Her contrat d'engagement."""
    return await _asked(tx, who, About.CONTRACT, {}, "", now)


async def no_more(tx: Transaction, who: Conversation, about: About, outcome: str, now: datetime) -> bool:
    """Closes it: "done" or "stopped". False when nothing was open."""
    was_open = await tx.open_follow_ups(who.id, about)
    await close_follow_ups(tx, who.id, about, outcome, now)
    return bool(was_open)


async def open_ones(tx: Transaction, who: Conversation, about: About) -> Sequence[FollowUp]:
    """Those that are hers, and not of somebody who had her number before."""
    known = who.beneficiary.id if who.beneficiary else None
    return [one for one in await tx.open_follow_ups(who.id, about) if one.beneficiary_id in (None, known)]


async def why_not(tx: Transaction, who: Conversation, about: About, now: datetime) -> str:
    """What keeps her from being reminded, or "": "open" (she already is), "booked", or why no message would reach her."""
    if await open_ones(tx, who, about):
        return "open"
    if about is About.INVITATION and await tx.upcoming(who.id, now):
        return "booked"
    return await unreachable(tx, who)


async def unreachable(tx: Transaction, who: Conversation) -> str:
    """ "web", "dead", "stopped"; "unbound": nobody knows whose number it is; "topic_off": she wants none of these."""
    if not can_be_told(who):
        return "web" if who.channel is not Channel.SMS else "dead" if who.number_failed else "stopped"
    if who.beneficiary is None:
        return "unbound"
    return "topic_off" if Topic.FOLLOW_UP in await tx.stopped_topics(who.id) else ""


async def _asked(
    tx: Transaction, who: Conversation, about: About, values: dict[str, object], wrong: str, now: datetime
) -> Asked:
    await tx.alone_with(who.id)
    if wrong := await why_not(tx, who, about, now) or wrong:
        return Asked(wrong=wrong)
    return Asked(await open_follow_up(tx, f"{about}:{who.id}", about, who, values, now))
