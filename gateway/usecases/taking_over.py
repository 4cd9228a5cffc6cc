"""A referent answers herself for a while: the robot is silent, danger and STOP still act."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from gateway.domain.conversation import Conversation
from gateway.domain.people import Referent
from gateway.ports import Transaction
from gateway.usecases.noticing import tell_her

AT_MOST = timedelta(
    hours=24
)  # a conversation that is forgotten goes back to the robot: nobody is left in silence


async def take_over(tx: Transaction, who: Conversation, referent: Referent, now: datetime) -> Sequence[int]:
    """From a colleague too: whoever took it last has it. She is told who answers. The jobs to ring."""
    await tx.take_over(who.id, referent.id, now)
    back = await tx.arm("give_back", who.id, now + AT_MOST)
    if who.taken_by == referent.id:
        return [back]
    key = f"taken:{who.id}:{int(now.timestamp())}"
    return [back, *await tell_her(tx, key, who.id, "taken", {"referent": referent.first_name}, now)]


async def give_back(tx: Transaction, who: Conversation, now: datetime) -> Sequence[int]:
    """The robot answers again, and says so. The jobs to ring; none when nobody had taken it."""
    if who.taken_by is None:
        return ()
    await tx.take_over(who.id, None, now)
    return await tell_her(tx, f"back:{who.id}:{int(now.timestamp())}", who.id, "back", {}, now)


async def tell_who_answers(tx: Transaction, who: Conversation, now: datetime) -> list[int]:
    """She wrote to the referent who took over: a mail says so, once an hour at most, without a word of it."""
    referent = await tx.referent(who.taken_by) if who.taken_by else None
    if referent is None:
        return []
    key = f"reply:{who.id}:{referent.id}:{now:%Y%m%d%H}"
    mail_id = await tx.add_mail(key, referent.email, "reply", {"person": who.pseudonym}, now)
    return [await tx.arm("mail", mail_id, now)] if mail_id else []
