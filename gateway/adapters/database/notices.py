"""What she is told without having asked, and the referent who answers herself meanwhile."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.adapters.database.engine import InlineConnection
from gateway.adapters.database.tables import conversation, notice
from gateway.adapters.encryption import Cipher
from gateway.ports import Notice


class Notices:
    db: AsyncConnection | InlineConnection
    cipher: Cipher

    @property
    def insert(self) -> Any:
        raise NotImplementedError

    async def add_notice(
        self, key: str, conversation_id: int, kind: str, values: Mapping[str, Any], now: datetime
    ) -> int | None:
        """Its id. None when a notice with this key exists: it is said once."""
        added = self.insert(notice).values(
            key=key,
            conversation_id=conversation_id,
            kind=kind,
            values_sealed=self.cipher.seal_json(dict(values)),
            created_at=now,
        )
        return (await self.db.execute(added.on_conflict_do_nothing().returning(notice.c.id))).scalar()

    async def noticed(self, key: str, since: datetime) -> bool:
        """One whose key begins so was stored since then."""
        found = select(notice.c.id).where(
            notice.c.key.startswith(f"{key}:", autoescape=True), notice.c.created_at > since
        )
        return (await self.db.execute(found)).first() is not None

    async def pending_notices(self, conversation_id: int) -> Sequence[int]:
        """Ids of those that wait for their hour."""
        waiting = select(notice.c.id).where(
            notice.c.conversation_id == conversation_id,
            notice.c.ready_at.is_(None),
            notice.c.done_at.is_(None),
        )
        return list((await self.db.execute(waiting)).scalars())

    async def notice(self, notice_id: int) -> Notice | None:
        """One that is not said yet, whether its hour has come or not."""
        return await self._first(_not_said().where(notice.c.id == notice_id))

    async def notice_is_ready(self, notice_id: int, now: datetime) -> None:
        await self.db.execute(
            update(notice).where(notice.c.id == notice_id, notice.c.ready_at.is_(None)).values(ready_at=now)
        )

    async def next_notice(self, conversation_id: int) -> Notice | None:
        """The oldest whose hour has come."""
        hers = _not_said().where(notice.c.conversation_id == conversation_id, notice.c.ready_at.is_not(None))
        return await self._first(hers)

    async def close_notice(self, notice_id: int, now: datetime) -> bool:
        """False when it was said already."""
        open_ = update(notice).where(notice.c.id == notice_id, notice.c.done_at.is_(None))
        return (await self.db.execute(open_.values(done_at=now))).rowcount == 1

    async def take_over(self, conversation_id: int, referent_id: int | None, now: datetime) -> None:
        """None gives the conversation back to the assistant."""
        await self.db.execute(
            update(conversation)
            .where(conversation.c.id == conversation_id)
            .values(taken_by=referent_id, taken_at=now if referent_id else None)
        )

    async def _first(self, query: Select[Any]) -> Notice | None:
        row = (await self.db.execute(query.order_by(notice.c.id).limit(1))).mappings().first()
        if row is None:
            return None
        values = self.cipher.open_json(row["values_sealed"])
        return Notice(row["id"], row["conversation_id"], row["kind"], values)


def _not_said() -> Select[Any]:
    return select(notice).where(notice.c.done_at.is_(None))
