"""What stays open until it is done: an invitation, an obstacle, a declaration, a contract, an unfinished talk."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.adapters.database.engine import InlineConnection
from gateway.adapters.database.tables import follow_up
from gateway.adapters.encryption import Cipher
from gateway.domain.nudge import FollowUp


class FollowUps:
    db: AsyncConnection | InlineConnection
    cipher: Cipher

    @property
    def insert(self) -> Any:
        raise NotImplementedError

    async def open_follow_up(self, key: str, new: FollowUp) -> int:
        """Its id. One with this key is opened again, as new."""
        opened = {
            "values_sealed": self.cipher.seal_json(dict(new.values)),
            "beneficiary_id": new.beneficiary_id,
            "opened_at": new.opened_at,
            "due_on": new.due_on,
            "closed_at": None,
            "outcome": "",
        }
        added = self.insert(follow_up).values(
            key=self.cipher.index(key), about=new.about, conversation_id=new.conversation_id, **opened
        )
        once = added.on_conflict_do_update(index_elements=["key"], set_=opened)
        return int((await self.db.execute(once.returning(follow_up.c.id))).scalar_one())

    async def follow_ups(self, ids: Sequence[int]) -> Sequence[FollowUp]:
        return await self._follow_ups(follow_up.c.id.in_(ids))

    async def open_follow_ups(self, conversation_id: int, about: str = "") -> Sequence[FollowUp]:
        """Those that are not closed, the oldest first."""
        open_ = [follow_up.c.conversation_id == conversation_id, follow_up.c.closed_at.is_(None)]
        if about:
            open_.append(follow_up.c.about == about)
        return await self._follow_ups(*open_)

    async def close_follow_up(self, follow_up_id: int, outcome: str, now: datetime) -> bool:
        """False when it was closed already."""
        one = update(follow_up).where(follow_up.c.id == follow_up_id, follow_up.c.closed_at.is_(None))
        return (await self.db.execute(one.values(closed_at=now, outcome=outcome))).rowcount == 1

    async def renew_follow_up(self, follow_up_id: int, due_on: date) -> None:
        """It begins anew for another day: the next quarter."""
        one = update(follow_up).where(follow_up.c.id == follow_up_id)
        await self.db.execute(one.values(due_on=due_on, closed_at=None, outcome=""))

    async def _follow_ups(self, *where: Any) -> Sequence[FollowUp]:
        rows = await self.db.execute(select(follow_up).where(*where).order_by(follow_up.c.id))
        return [self._follow_up(row) for row in rows.mappings()]

    def _follow_up(self, row: Mapping[Any, Any]) -> FollowUp:
        return FollowUp(
            id=row["id"],
            about=row["about"],
            conversation_id=row["conversation_id"],
            beneficiary_id=row["beneficiary_id"],
            opened_at=row["opened_at"],
            values=self.cipher.open_json(row["values_sealed"]),
            due_on=row["due_on"],
            closed_at=row["closed_at"],
            outcome=row["outcome"],
        )
