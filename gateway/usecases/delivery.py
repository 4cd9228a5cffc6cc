"""A message leaves: never twice, never lost, and a failure always has an owner."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.errors import NotTaken, NumberUnreachable, OptedOut, SendFailed, SendLater, SendUnsure
from gateway.ports import EarlyReport, Outbound, SmsCarrier, Store, Transaction
from gateway.usecases.handover import tell_number_failed, tell_undelivered

BAD_NUMBER = {21211, 21614, 30005, 30006}
LOOK_AGAIN = timedelta(seconds=2)  # a report about a message that we are still noting
GIVE_UP = timedelta(days=1)  # an answer older than that would only puzzle her


@dataclass(frozen=True)
class Settled:
    """`retry_in` None: done, go on with the next message. `ring`: jobs this has caused."""

    retry_in: timedelta | None = None
    ring: Sequence[int] = ()


async def next_message(tx: Transaction, conversation_id: int) -> Outbound | None:
    """The oldest message waiting. It is marked before the carrier is asked: a crash leaves "maybe sent"."""
    message = await tx.next_outbound(conversation_id)
    if message:
        await tx.mark_attempt(message.id)
    return message


async def hand_over(
    store: Store, carrier: SmsCarrier, message: Outbound, still_ours: Callable[[], bool] = lambda: True
) -> str | SendFailed:
    """Asks the carrier, unless it already has this message. Its number for it, or what went wrong.

    `still_ours`: looked at last, because this process may have stood still since it took the message.
    """
    try:
        if message.unsure and message.created_at:
            since = message.created_at - timedelta(minutes=1)
            found = await carrier.find_recent(message.address, message.text, since)
            async with store.transaction() as tx:
                if sid := await tx.unknown_sid(found):
                    return sid
        if message.nudge:
            return NotTaken()
        if not still_ours():
            return SendUnsure()
        return await carrier.send(message.address, message.text)
    except SendFailed as failure:
        return failure


async def settle(
    tx: Transaction,
    conversation_id: int,
    message: Outbound,
    result: str | SendFailed,
    team: str,
    now: datetime,
) -> Settled:
    """What the carrier said, noted. Every error of the tree has its consequence here."""
    match result:
        case str():
            code = await tx.mark_sent(message.id, result, now)
            return Settled(ring=await bad_news(tx, conversation_id, code, team, now))
        case OptedOut():
            await tx.mark_failed(message.id, result.code)
            await tx.opt_out(conversation_id, "carrier", now)
        case NotTaken():
            await tx.nudge_unsaid(message.id, now)
        case NumberUnreachable():
            await tx.mark_failed(message.id, result.code)
            return Settled(ring=await _number_failed(tx, conversation_id, result.code, team, now))
        case SendLater() | SendUnsure():
            if message.created_at and now - message.created_at > GIVE_UP:
                await tx.mark_failed(message.id, result.code)
                her = await tx.conversation(conversation_id, now)
                return Settled(ring=await tell_undelivered(tx, her, team, now))
            if isinstance(result, SendLater) and not message.unsure:
                await tx.mark_refused(message.id)  # an earlier doubt stays one
            return Settled(retry_in=timedelta(seconds=min(2 ** min(message.attempts, 8), 300)))
        case SendFailed():
            await tx.mark_failed(message.id, result.code)
    return Settled()


async def note_status(
    store: Store, sid: str, status: str, code: int | None, team: str, now: datetime
) -> Sequence[int]:
    """A delivery report: late, twice, out of order or too early. Returns the jobs to ring."""
    async with store.transaction() as tx:
        conversation_id = await tx.carrier_status(sid, status, code)
        if conversation_id is not None:
            return await bad_news(tx, conversation_id, code, team, now)
        early = await tx.keep_early_status(sid, status, code, now)
        await tx.arm("report", early, now + LOOK_AGAIN)
        return ()


async def apply_early(tx: Transaction, report: EarlyReport, team: str, now: datetime) -> Settled:
    """A report that had come too early: applied once its message is known, dropped after a day."""
    conversation_id = await tx.carrier_status(report.sid, report.status, report.code)
    if conversation_id is None and now - report.at < GIVE_UP:
        return Settled(retry_in=timedelta(minutes=1))
    await tx.forget_early_report(report.id)
    if conversation_id is None:
        return Settled()
    return Settled(ring=await bad_news(tx, conversation_id, report.code, team, now))


async def bad_news(
    tx: Transaction, conversation_id: int, code: int | None, team: str, now: datetime
) -> Sequence[int]:
    """What an error code of the carrier means for the person."""
    if code == 21610:
        await tx.opt_out(conversation_id, "carrier", now)
    if code in BAD_NUMBER:
        return await _number_failed(tx, conversation_id, code, team, now)
    return ()


async def _number_failed(
    tx: Transaction, conversation_id: int, code: int | None, team: str, now: datetime
) -> Sequence[int]:
    if not await tx.number_failed(conversation_id, code):
        return ()
    return await tell_number_failed(tx, await tx.conversation(conversation_id, now), team, now)
