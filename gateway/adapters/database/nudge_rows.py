"""What a referent sees of one person's reminders and nudges. Who asks was checked before.

A nudge about an obstacle is there only for whom its follow-up is named in `followed`: its mere presence would tell.
What was for somebody else who had this number before is not hers either.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.adapters.database.conversations import ALL, bound_to_her
from gateway.adapters.database.engine import InlineConnection
from gateway.adapters.database.tables import (
    beneficiary,
    conversation,
    follow_up,
    message,
    nudge,
    opt_out,
)
from gateway.adapters.encryption import Cipher
from gateway.domain.nudge import About
from gateway.domain.nudge_row import NudgeRow


class NudgeRows:
    db: AsyncConnection | InlineConnection
    cipher: Cipher

    async def alone_with(self, conversation_id: int) -> None:
        """Whoever asks the same at the same time waits for the end of this transaction: a double click is two requests."""
        here = select(conversation.c.id).where(conversation.c.id == conversation_id)
        await self.db.execute(here.with_for_update(key_share=True))

    async def stopped_topics(self, conversation_id: int) -> Mapping[str, datetime]:
        """Topic → since when she wants nothing of it. A whole STOP is elsewhere."""
        off = select(opt_out.c.topic, opt_out.c.at).where(
            opt_out.c.conversation_id == conversation_id, opt_out.c.topic != ALL, opt_out.c.ended_at.is_(None)
        )
        return {row.topic: row.at for row in await self.db.execute(off.order_by(opt_out.c.id))}

    async def followed_obstacles(self, conversation_id: int, shared: Collection[str]) -> Sequence[int]:
        """Ids of the follow-ups of obstacles of these kinds, the closed ones too."""
        hers = select(follow_up.c.id, follow_up.c.values_sealed).where(
            follow_up.c.conversation_id == conversation_id, follow_up.c.about == About.OBSTACLE.value
        )
        rows = await self.db.execute(hers.order_by(follow_up.c.id))
        return [row.id for row in rows if self.cipher.open_json(row.values_sealed).get("kind") in shared]

    async def nudges_to_come(
        self, conversation_id: int, followed: Collection[int], limit: int
    ) -> Sequence[NudgeRow]:
        """The next one first."""
        coming = _hers(conversation_id, followed).where(nudge.c.state == "planned")
        return await self._nudge_rows(coming.order_by(nudge.c.due_at, nudge.c.id).limit(limit))

    async def nudges_settled(
        self, conversation_id: int, followed: Collection[int], limit: int
    ) -> Sequence[NudgeRow]:
        """Said, or held back for good: the last one first."""
        settled = _hers(conversation_id, followed).where(nudge.c.state != "planned")
        return await self._nudge_rows(
            settled.order_by(nudge.c.said_at.desc(), nudge.c.id.desc()).limit(limit)
        )

    async def nudges_said_about(
        self, conversation_id: int, about: str, since: datetime
    ) -> Sequence[NudgeRow]:
        """Since a matter was opened, the first one first; an obstacle has none here."""
        said = _hers(conversation_id, ()).where(
            nudge.c.about == about, nudge.c.state.in_(("said", "told")), nudge.c.said_at >= since
        )
        return await self._nudge_rows(said.order_by(nudge.c.said_at, nudge.c.id))

    async def _nudge_rows(self, query: Select[Any]) -> Sequence[NudgeRow]:
        rows = await self.db.execute(query)
        return [NudgeRow(**{**row, "status": row["status"] or ""}) for row in rows.mappings()]


def _hers(conversation_id: int, followed: Collection[int]) -> Select[Any]:
    of_her: ColumnElement[bool] = or_(
        nudge.c.beneficiary_id.is_(None), nudge.c.beneficiary_id == beneficiary.c.id
    )
    shown = or_(nudge.c.about != About.OBSTACLE.value, nudge.c.matter_id.in_(followed))
    return (
        select(
            nudge.c.kind, nudge.c.about, nudge.c.matter_id, nudge.c.step, nudge.c.state, nudge.c.due_at,
            nudge.c.planned_at, nudge.c.said_at, nudge.c.answered_at, nudge.c.why,
            message.c.status, message.c.error_code,
        )
        .select_from(
            nudge.join(conversation)
            .outerjoin(beneficiary, bound_to_her())
            .outerjoin(message, message.c.id == nudge.c.message_id)
        )
        .where(nudge.c.conversation_id == conversation_id, of_her, shown)
    )  # fmt: skip
