"""Whom a wave would write to, as they are at that moment."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.adapters.database.conversations import ALL
from gateway.adapters.database.engine import InlineConnection
from gateway.adapters.database.tables import UtcDateTime, callback, conversation, job, message, nudge, opt_out
from gateway.domain.conversation import Conversation
from gateway.domain.nudge import A_WEEK
from gateway.domain.verdict import AFTER_DANGER, APART, Person


class NudgePeople:
    db: AsyncConnection | InlineConnection

    @property
    def insert(self) -> Any:
        raise NotImplementedError

    async def conversations(self, ids: Sequence[int], now: datetime) -> Mapping[int, Conversation]:
        raise NotImplementedError

    async def people_nudged(self, ids: Collection[int], now: datetime) -> Mapping[int, Person]:
        """By conversation; each is locked already, so that nothing of it changes meanwhile."""
        known = await self.conversations(list(ids), now)
        talks = await self._talking(ids, now)
        off, said = defaultdict[int, set[str]](set), defaultdict[int, list[datetime]](list)
        last: dict[int, datetime] = {}
        stopped = select(opt_out.c.conversation_id, opt_out.c.topic).where(
            opt_out.c.conversation_id.in_(ids), opt_out.c.ended_at.is_(None), opt_out.c.topic != ALL
        )
        for row in await self.db.execute(stopped):
            off[row.conversation_id].add(row.topic)
        told = defaultdict[int, dict[tuple[str, int, int], datetime]](dict)
        thing = (nudge.c.about, nudge.c.matter_id, nudge.c.version)
        lately = select(nudge.c.conversation_id, nudge.c.said_at, nudge.c.capped, *thing).where(
            nudge.c.conversation_id.in_(ids), nudge.c.state == "said", nudge.c.said_at > now - A_WEEK
        )
        for found in await self.db.execute(lately.order_by(nudge.c.said_at)):
            one = found.conversation_id
            last[one] = max(found.said_at, last.get(one, found.said_at))
            told[one][found.about, found.matter_id, found.version] = found.said_at
            if found.capped:
                said[one].append(found.said_at)
        for one, at in await self._unasked(ids, now):
            last[one] = max(at, last.get(one, at))
        asked = select(conversation.c.id, conversation.c.nudge_hour).where(conversation.c.id.in_(ids))
        hours = {row.id: row.nudge_hour for row in await self.db.execute(asked)}
        feared = await self._feared(ids, now)
        return {
            one: Person(
                who,
                said[one],
                last.get(one),
                one in talks,
                frozenset(off[one]),
                hours[one],
                feared.get(one),
                told[one],
            )
            for one, who in known.items()
        }

    async def _feared(self, ids: Collection[int], now: datetime) -> Mapping[int, datetime]:
        """When she last told of a danger, within a day: each asks for a call."""
        told = select(callback.c.conversation_id, func.max(callback.c.at).label("at")).where(
            callback.c.conversation_id.in_(ids), callback.c.reason == "danger", callback.c.at > now - AFTER_DANGER
        )  # fmt: skip
        rows = await self.db.execute(told.group_by(callback.c.conversation_id))
        return {row.conversation_id: row.at for row in rows}

    async def _unasked(self, ids: Collection[int], now: datetime) -> Sequence[tuple[int, datetime]]:
        """The last notice or nudge that she was told a moment ago: both have numbers to answer by."""
        left = func.coalesce(message.c.sent_at, message.c.created_at, type_=UtcDateTime())
        told = select(message.c.conversation_id, func.max(left).label("at")).where(
            message.c.conversation_id.in_(ids), message.c.direction == "out", message.c.in_reply_to.is_(None),
            message.c.status != "cancelled", left > now - APART,
        )  # fmt: skip
        rows = await self.db.execute(told.group_by(message.c.conversation_id))
        return [(row.conversation_id, row.at) for row in rows]

    async def _talking(self, ids: Collection[int], now: datetime) -> set[int]:
        """A turn of hers waits or is being decided, or a text to her has not left. No turn begins until we are done.

        Who never wrote has no row to lock: it is made, or her first message could be answered on what was before.
        """
        turns = and_(job.c.kind == "converse", job.c.subject.in_(ids))
        known = set((await self.db.execute(select(job.c.subject).where(turns))).scalars())
        first = {"kind": "converse", "due_at": now, "state": "done"}
        if new := [{**first, "subject": one} for one in sorted({*ids} - known)]:
            await self.db.execute(self.insert(job).on_conflict_do_nothing(), new)
        locked = select(job.c.subject, job.c.state).where(turns).order_by(job.c.subject)
        rows = await self.db.execute(locked.with_for_update(skip_locked=True))
        idle = {row.subject for row in rows if row.state == "done"}
        waiting = select(message.c.conversation_id).where(
            message.c.conversation_id.in_(ids), message.c.direction == "out", message.c.status == "queued"
        )
        return {*ids} - idle | set((await self.db.execute(waiting)).scalars())
