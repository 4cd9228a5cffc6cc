"""One number that writes without end: told kindly, once. Danger and STOP are dealt with before anybody asks here."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta, tzinfo

from gateway.domain.conversation import Channel, Conversation, Inbound
from gateway.domain.pace import CALM, MINUTE, Pace, PaceLimits, is_loop, pace_of
from gateway.ports import Transaction

TOLD = {Pace.MANY, Pace.LOOP}  # what the team is told of
A_DAY = timedelta(days=1)


async def pace_of_turn(
    tx: Transaction, who: Conversation, inbound: Inbound, limits: PaceLimits, zone: tzinfo
) -> Pace:
    """The same for a message whenever it is asked: what was written before it does not change."""
    if not limits.least or not await tx.wrote_before(who.id, inbound.id, limits.least, inbound.at - A_DAY):
        return Pace.CALM
    midnight = datetime.combine(inbound.at.astimezone(zone), time(), zone).astimezone(UTC)
    since = min(midnight, inbound.at - CALM - MINUTE)
    times = await tx.times_of_hers(who.id, inbound.id, since, limits.enough)
    pace = pace_of(times, midnight, limits)
    if pace is Pace.CALM and limits.loop and who.channel is Channel.SMS:
        past = await tx.said_before(who.id, inbound.id, inbound.at - A_DAY, 4 * limits.loop)
        return Pace.LOOP if is_loop(past, limits.loop) else Pace.CALM
    return pace


async def tell_of_pace(
    tx: Transaction, who: Conversation, pace: Pace, team: str, now: datetime
) -> Sequence[int]:
    """The team looks at it, once a day and number. The jobs to ring."""
    if pace not in TOLD or who.channel is not Channel.SMS:
        return ()
    name = who.beneficiary.first_name if who.beneficiary else ""
    values = {"first_name": name, "phone": who.address, "why": pace.value}
    mail_id = await tx.add_mail(f"pace:{who.id}:{now:%Y%m%d}", team, "pace", values, now)
    return [await tx.arm("mail", mail_id, now)] if mail_id else []
