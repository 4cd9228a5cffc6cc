"""When she wrote and what was said, for domain/pace.py."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.adapters.database.engine import InlineConnection
from gateway.adapters.database.tables import message
from gateway.adapters.encryption import Cipher
from gateway.domain.pace import Past


class Paces:
    db: AsyncConnection | InlineConnection
    cipher: Cipher

    async def wrote_before(self, conversation_id: int, inbound_id: int, count: int, since: datetime) -> bool:
        """Whether at least `count` of her messages came before this one, since then."""
        found = (
            select(message.c.created_at)
            .where(
                message.c.conversation_id == conversation_id,
                message.c.direction == "in",
                message.c.id < inbound_id,
            )
            .order_by(message.c.id.desc())
            .offset(count - 1)
            .limit(1)
        )
        at = (await self.db.execute(found)).scalar()
        return at is not None and at > since

    async def times_of_hers(
        self, conversation_id: int, inbound_id: int, since: datetime, limit: int
    ) -> Sequence[datetime]:
        """Of her last messages, this one at the end."""
        found = (
            select(message.c.created_at)
            .where(
                message.c.conversation_id == conversation_id,
                message.c.direction == "in",
                message.c.id <= inbound_id,
                message.c.created_at >= since,
            )
            .order_by(message.c.id.desc())
            .limit(limit)
        )
        return list((await self.db.execute(found)).scalars())[::-1]

    async def said_before(
        self, conversation_id: int, inbound_id: int, since: datetime, limit: int
    ) -> Sequence[Past]:
        """The last messages, hers and ours, this one at the end."""
        found = (
            select(message.c.direction, message.c.text_sealed)
            .where(
                message.c.conversation_id == conversation_id,
                message.c.id <= inbound_id,
                message.c.created_at >= since,
            )
            .order_by(message.c.id.desc())
            .limit(limit)
        )
        rows = list((await self.db.execute(found)).mappings())[::-1]
        return [Past(row["direction"] == "in", self.cipher.open(row["text_sealed"])) for row in rows]
