"""A message leaves: never twice, never lost, and a failure always has an owner."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.errors import NumberUnreachable, OptedOut, SendLater, SendUnsure
from gateway.ports import Outbound, SmsCarrier, Store, Transaction
from gateway.usecases.handover import tell_number_failed

BAD_NUMBER = {21211, 21614, 30005, 30006}
GIVE_UP = timedelta(days=1)  # an answer older than that would only puzzle her


@dataclass(frozen=True)
class Delivered:
    """`retry_in` None: done, go on with the next message."""

    retry_in: timedelta | None = None
    ring: Sequence[int] = ()


async def next_message(store: Store, conversation_id: int) -> Outbound | None:
    """The oldest message waiting. It is marked before the carrier is asked: a crash leaves "maybe sent"."""
    async with store.transaction() as tx:
        message = await tx.next_outbound(conversation_id)
        if message:
            await tx.mark_attempt(message.id)
        return message


async def send(
    store: Store, carrier: SmsCarrier, conversation_id: int, message: Outbound, team: str, now: datetime
) -> Delivered:
    try:
        sid = await _send_once(store, carrier, message)
    except SendLater:
        return await _later(store, message, now, refused=True)
    except SendUnsure:
        return await _later(store, message, now, refused=False)
    except OptedOut as stopped:
        async with store.transaction() as tx:
            await tx.mark_failed(message.id, stopped.code)
            await tx.opt_out(conversation_id, "carrier", now)
        return Delivered()
    except NumberUnreachable as failed:
        async with store.transaction() as tx:
            await tx.mark_failed(message.id, failed.code)
            ring = await _number_failed(tx, conversation_id, failed.code, team, now)
        return Delivered(ring=ring)
    async with store.transaction() as tx:
        await tx.mark_sent(message.id, sid, now)
    return Delivered()


async def _send_once(store: Store, carrier: SmsCarrier, message: Outbound) -> str:
    if message.unsure and message.created_at:
        found = await carrier.find_recent(
            message.address, message.text, message.created_at - timedelta(minutes=1)
        )
        async with store.transaction() as tx:
            sid = await tx.unknown_sid(found)
        if sid:
            return sid
    return await carrier.send(message.address, message.text)


async def _later(store: Store, message: Outbound, now: datetime, refused: bool) -> Delivered:
    async with store.transaction() as tx:
        if message.created_at and now - message.created_at > GIVE_UP:
            await tx.mark_failed(message.id, None)
            return Delivered()
        if refused:
            await tx.mark_refused(message.id)
    return Delivered(retry_in=timedelta(seconds=min(2 ** min(message.attempts, 8), 300)))


async def note_status(
    store: Store, sid: str, status: str, code: int | None, team: str, now: datetime
) -> Sequence[int]:
    """A delivery report: late, twice or out of order. Returns the jobs to ring."""
    async with store.transaction() as tx:
        conversation_id = await tx.carrier_status(sid, status, code)
        if conversation_id is None or code is None:
            return ()
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
