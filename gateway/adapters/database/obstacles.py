"""What she told her referent. The kind itself is sealed: "health" alone would say too much."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.adapters.database.conversations import bound_to_her
from gateway.adapters.database.engine import InlineConnection
from gateway.adapters.database.tables import beneficiary, consent, conversation, obstacle, referent
from gateway.adapters.encryption import Cipher
from gateway.domain.obstacle import SharedObstacle
from gateway.ports import SharedBy

PURPOSE = "share_obstacle"


class SharedObstacles:
    db: AsyncConnection | InlineConnection
    cipher: Cipher

    @property
    def insert(self) -> Any:
        raise NotImplementedError

    async def share_obstacle(self, conversation_id: int, shared: SharedObstacle, now: datetime) -> None:
        """Stored, or brought up to date. A consent is noted when none is open for this kind."""
        index, sealed = self._index(conversation_id, shared.kind), self.cipher.seal_json(shared.to_json())
        added = self.insert(obstacle).values(conversation_id=conversation_id, kind_index=index, sealed=sealed)
        await self.db.execute(
            added.on_conflict_do_update(
                index_elements=["conversation_id", "kind_index"], set_={"sealed": sealed}
            )
        )
        if await self._open_consent(conversation_id, index) is None:
            await self.db.execute(
                self.insert(consent).values(
                    conversation_id=conversation_id,
                    purpose=PURPOSE,
                    subject_index=index,
                    given_at=now,
                    channel=shared.channel,
                    version=shared.version,
                )
            )

    async def withdraw_obstacle(self, conversation_id: int, kind: str, now: datetime) -> None:
        index = self._index(conversation_id, kind)
        await self.db.execute(
            delete(obstacle).where(
                obstacle.c.conversation_id == conversation_id, obstacle.c.kind_index == index
            )
        )
        await self.db.execute(
            update(consent)
            .where(consent.c.conversation_id == conversation_id, consent.c.subject_index == index)
            .where(consent.c.withdrawn_at.is_(None))
            .values(withdrawn_at=now)
        )

    async def shared_obstacles(self, conversation_id: int) -> Sequence[SharedObstacle]:
        """Of one person, oldest first."""
        rows = await self.db.execute(
            select(obstacle.c.sealed)
            .where(obstacle.c.conversation_id == conversation_id)
            .order_by(obstacle.c.id)
        )
        return [self._opened(sealed) for sealed in rows.scalars()]

    async def obstacles_of_referent(self, email: str) -> Sequence[SharedBy]:
        """Of all the people whom this referent follows."""
        hers = _of_people().where(referent.c.email_index == self.cipher.index(email))
        return await self._rows(hers)

    async def obstacles_of_everybody(self) -> Sequence[SharedBy]:
        return await self._rows(_of_people())

    async def _rows(self, query: Select[Any]) -> Sequence[SharedBy]:
        rows = (await self.db.execute(query)).mappings()
        return [
            SharedBy(
                row["pseudonym"], self.cipher.open(row["first_name_sealed"]), self._opened(row["sealed"])
            )
            for row in rows
        ]

    async def _open_consent(self, conversation_id: int, index: str) -> int | None:
        found = await self.db.execute(
            select(consent.c.id).where(
                consent.c.conversation_id == conversation_id,
                consent.c.subject_index == index,
                consent.c.withdrawn_at.is_(None),
            )
        )
        return found.scalar()

    def _index(self, conversation_id: int, kind: str) -> str:
        # With the conversation in it: two people with the same kind of obstacle look nothing alike.
        return self.cipher.index(f"{conversation_id}:{kind}")

    def _opened(self, sealed: bytes) -> SharedObstacle:
        return SharedObstacle.from_json(self.cipher.open_json(sealed))


def _of_people() -> Select[Any]:
    return (
        select(conversation.c.pseudonym, beneficiary.c.first_name_sealed, obstacle.c.sealed)
        .select_from(obstacle.join(conversation))
        .join(beneficiary, bound_to_her())
        .join(referent, referent.c.id == beneficiary.c.referent_id)
        .order_by(obstacle.c.id)
    )
