"""What must not be written to a number whose owner was forgotten: kept by its index alone, given back when it is known again."""

from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.adapters.database.engine import InlineConnection
from gateway.adapters.database.tables import conversation, opt_out, refusal
from gateway.domain.conversation import Channel

NOT_HERS = "not_hers"  # this number had said "this is not me"


class Refusals:
    db: AsyncConnection | InlineConnection

    @property
    def insert(self) -> Any:
        raise NotImplementedError

    async def keep_refusals(self, conversation_id: int, address_index: str, unbound: bool) -> None:
        """STOP and its kin that are open there."""
        still = select(opt_out.c.topic).where(
            opt_out.c.conversation_id == conversation_id, opt_out.c.ended_at.is_(None)
        )
        topics = {*(await self.db.execute(still)).scalars(), *((NOT_HERS,) if unbound else ())}
        if rows := [{"address_index": address_index, "topic": topic} for topic in sorted(topics)]:
            await self.db.execute(self.insert(refusal).on_conflict_do_nothing(), rows)

    async def give_back_refusals(self, now: datetime, address_index: str = "") -> None:
        """To conversations on such numbers, made a moment ago: at one number, or at all of them."""
        known = select(conversation.c.id, refusal.c.address_index, refusal.c.topic).where(
            conversation.c.address_index == refusal.c.address_index,
            conversation.c.channel == Channel.SMS.value,
        )
        if address_index:
            known = known.where(refusal.c.address_index == address_index)
        rows = (await self.db.execute(known)).all()
        for row in rows:
            if row.topic == NOT_HERS:
                hers = update(conversation).where(conversation.c.id == row.id)
                await self.db.execute(hers.values(unbound=True))
            else:
                again = {"conversation_id": row.id, "topic": row.topic, "source": "message", "at": now}
                await self.db.execute(self.insert(opt_out).values(**again))
        if rows:
            done = refusal.c.address_index.in_({row.address_index for row in rows})
            await self.db.execute(delete(refusal).where(done))
