"""Nudges: planned, taken in waves, said once.

A wave locks the conversations that it writes to, then what must not happen to them meanwhile, always in that order, and
passes over what another worker has locked. SQLite has one transaction at a time: there is nothing to lock.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.adapters.database.engine import InlineConnection
from gateway.adapters.database.nudge_people import NudgePeople
from gateway.adapters.database.tables import conversation, message, nudge, pace
from gateway.adapters.encryption import Cipher
from gateway.domain.conversation import State
from gateway.domain.nudge import ACTS_WITHIN, ANSWERS_WITHIN, Planned
from gateway.domain.sms import weigh
from gateway.domain.verdict import Person
from gateway.ports import DueNudge, SaidNudge, SentNudge

CLOCK_MOVED = 60.0  # seconds; less is two machines that do not agree


class Nudges(NudgePeople):
    db: AsyncConnection | InlineConnection
    cipher: Cipher

    async def save_state(self, conversation_id: int, state: State) -> None:
        raise NotImplementedError

    # planning

    async def plan_nudges(self, new: Sequence[tuple[Planned, bool]]) -> None:
        """Each with whether it counts towards two a week. One that is already there stays as it is."""
        rows = [
            {
                "key": one.key, "kind": one.kind, "about": one.about, "matter_id": one.matter_id,
                "version": one.version, "conversation_id": one.conversation_id,
                "beneficiary_id": one.beneficiary_id, "step": one.step, "capped": capped,
                "due_at": one.due_at, "planned_at": one.due_at,
            }
            for one, capped in new
        ]  # fmt: skip
        if rows:
            await self.db.execute(self.insert(nudge).on_conflict_do_nothing(), rows)

    async def forget_planned(self, about: str, matter_id: int, but_version: int | None = None) -> None:
        """Those to come about it: it moved, or is over. Of this version only the first ones, to be planned anew."""
        void = [nudge.c.about == about, nudge.c.matter_id == matter_id, nudge.c.state == "planned"]
        if but_version is not None:
            void.append(or_(nudge.c.version != but_version, nudge.c.step == 1))
        await self.db.execute(delete(nudge).where(*void))

    async def planned_nudges(self, about: str, matter_id: int) -> Sequence[DueNudge]:
        to_come = select(nudge).where(
            nudge.c.about == about, nudge.c.matter_id == matter_id, nudge.c.state == "planned"
        )
        return _nudges((await self.db.execute(to_come.order_by(nudge.c.id))).mappings())

    async def nudge_hour(self, conversation_id: int) -> int | None:
        found = select(conversation.c.nudge_hour).where(conversation.c.id == conversation_id)
        return (await self.db.execute(found)).scalar()

    async def save_nudge_hour(self, conversation_id: int, hour: int | None) -> None:
        one = update(conversation).where(conversation.c.id == conversation_id)
        await self.db.execute(one.values(nudge_hour=hour))

    # a wave

    async def due_nudges(self, now: datetime, limit: int) -> Sequence[DueNudge]:
        """The oldest first, not locked: look before you take.

        Reminders of her own appointments before all: behind two campaigns they would come after its start.
        """
        found = select(nudge).where(nudge.c.state == "planned", nudge.c.due_at <= now)
        first = found.order_by(nudge.c.capped, nudge.c.due_at).limit(limit)
        return _nudges((await self.db.execute(first)).mappings())

    async def take_nudges(self, ids: Sequence[int], now: datetime) -> Sequence[tuple[DueNudge, Person]]:
        """Those still planned whose person nobody else is writing to, locked until the end of the transaction."""
        here = select(nudge.c.conversation_id).where(nudge.c.id.in_(ids), nudge.c.state == "planned")
        free = (
            select(conversation.c.id)
            .where(conversation.c.id.in_(here))
            .order_by(conversation.c.id)
            # Not FOR UPDATE: a message of hers that comes in meanwhile only needs the row to stay.
            .with_for_update(skip_locked=True, key_share=True)
        )
        conversations = list((await self.db.execute(free)).scalars())
        taken = select(nudge).where(
            nudge.c.id.in_(ids), nudge.c.state == "planned", nudge.c.conversation_id.in_(conversations)
        )
        rows = await self.db.execute(
            taken.order_by(nudge.c.due_at, nudge.c.id).with_for_update(skip_locked=True)
        )
        due = _nudges(rows.mappings())
        people = await self.people_nudged({one.planned.conversation_id for one in due}, now)
        return [(one, people[one.planned.conversation_id]) for one in due]

    async def say_nudges(self, said: Sequence[SaidNudge], now: datetime, owner: str) -> Sequence[SentNudge]:
        """Stores the messages, as being sent, and takes the right to send each. What was said is closed."""
        if not said:
            return ()
        added = self.insert(message).returning(message.c.id, sort_by_parameter_order=True)
        rows = [self._message(one, now) for one in said]
        ids = list((await self.db.execute(added, rows)).scalars())
        closing = update(nudge).where(nudge.c.id == bindparam("the_id"))
        closed = [{"the_id": one.nudge_id, "the_message": id_} for one, id_ in zip(said, ids, strict=True)]
        await self.db.execute(
            closing.values(state="said", said_at=now, message_id=bindparam("the_message")), closed
        )
        standing = update(conversation).where(conversation.c.id == bindparam("the_id"))
        states = [
            {"the_id": one.to.id, "the_state": self.cipher.seal_json(one.state.to_json())} for one in said
        ]
        await self.db.execute(standing.values(state_sealed=bindparam("the_state")), states)
        leases = await self.take_deliveries([one.to.id for one in said], now, owner)
        return [
            SentNudge(id_, one.to.id, one.to.address, one.text, leases.get(one.to.id))
            for one, id_ in zip(said, ids, strict=True)
        ]

    async def take_deliveries(self, conversation_ids: Sequence[int], now: datetime, owner: str) -> Any:
        raise NotImplementedError

    def _message(self, one: SaidNudge, now: datetime) -> dict[str, Any]:
        weight = weigh(one.text)
        return {
            "conversation_id": one.to.id, "direction": "out", "text_sealed": self.cipher.seal(one.text),
            # "Maybe sent" from the start: whoever finds it after a crash asks the carrier first.
            "status": "queued", "unsure": True, "attempts": 1, "segments": weight.segments,
            "encoding": weight.encoding, "created_at": now,
            "responses": [] if one.personal else list(one.responses), "personal": one.personal,
        }  # fmt: skip

    async def postpone_nudges(self, later: Sequence[tuple[int, datetime]]) -> None:
        if later:
            one = update(nudge).where(nudge.c.id == bindparam("the_id"), nudge.c.state == "planned")
            await self.db.execute(
                one.values(due_at=bindparam("the_due")), [{"the_id": i, "the_due": at} for i, at in later]
            )

    async def end_nudges(self, ended: Sequence[tuple[int, str, str]], now: datetime) -> None:
        """(id, state: ended, control or told, why)."""
        if ended:
            one = update(nudge).where(nudge.c.id == bindparam("the_id"), nudge.c.state == "planned")
            rows = [{"the_id": i, "the_state": state, "the_why": why} for i, state, why in ended]
            new = {"state": bindparam("the_state"), "why": bindparam("the_why"), "said_at": now}
            await self.db.execute(one.values(**new), rows)

    async def end_all_planned(self, conversation_id: int, why: str, now: datetime) -> None:
        """Those that were booked before anybody knew whose number it is name nobody: nothing else would keep them back."""
        hers = update(nudge).where(nudge.c.conversation_id == conversation_id, nudge.c.state == "planned")
        await self.db.execute(hers.values(state="ended", why=why, said_at=now))

    async def nudge_unsaid(self, message_id: int, due_at: datetime) -> bool:
        """The carrier did not take it: as if it had not been said, and all is checked anew at `due_at`. False: it was no nudge."""
        said = nudge.c.message_id == message_id, nudge.c.state == "said"
        found = (await self.db.execute(select(nudge.c.id, nudge.c.conversation_id).where(*said))).first()
        if found is None:
            return False
        here = select(conversation.c.state_sealed).where(conversation.c.id == found.conversation_id)
        sealed = (await self.db.execute(here.with_for_update(key_share=True))).scalar()
        again = {"state": "planned", "due_at": due_at, "said_at": None, "message_id": None}
        one = (await self.db.execute(update(nudge).where(*said).values(**again).returning(*nudge.c))).one()
        follows = [
            nudge.c[name] == getattr(one, name)
            for name in ("kind", "matter_id", "version", "conversation_id")
        ]
        await self.db.execute(
            delete(nudge).where(*follows, nudge.c.step > one.step, nudge.c.state == "planned")
        )
        unsent = update(message).where(message.c.id == message_id).values(status="cancelled", unsure=False)
        responses = (await self.db.execute(unsent.returning(message.c.responses))).scalar_one()
        state = State.from_json(self.cipher.open_json(sealed))
        if state.nudged and state.nudged[0] == found.id and not state.nudged[2]:
            state = replace(state, nudged=None, menu=(), rest="", rest_menu=())  # not on her screen
        welcomed = state.welcomed and "utter_welcome" not in responses
        await self.save_state(found.conversation_id, replace(state, welcomed=welcomed))
        return True

    # what it brought

    async def nudge_answered(self, nudge_id: int, now: datetime) -> None:
        """She wrote something after it, soon enough."""
        one = update(nudge).where(
            nudge.c.id == nudge_id, nudge.c.answered_at.is_(None), nudge.c.said_at > now - ANSWERS_WITHIN
        )
        await self.db.execute(one.values(answered_at=now))

    async def was_answered(self, about: str, matter_id: int, version: int) -> bool:
        """She wrote after one of those about it."""
        found = select(nudge.c.id).where(
            nudge.c.about == about, nudge.c.matter_id == matter_id, nudge.c.version == version,
            nudge.c.answered_at.is_not(None),
        )  # fmt: skip
        return (await self.db.execute(found)).first() is not None

    async def nudge_of(self, nudge_id: int, conversation_id: int) -> DueNudge | None:
        """One that was said in this conversation."""
        found = select(nudge).where(nudge.c.id == nudge_id, nudge.c.conversation_id == conversation_id)
        return next(iter(_nudges((await self.db.execute(found)).mappings())), None)

    async def nudges_acted(self, about: str, matter_id: int, now: datetime) -> None:
        """What it was for is done: counted with each nudge of the last days, said or held back to compare."""
        one = update(nudge).where(
            nudge.c.about == about, nudge.c.matter_id == matter_id, nudge.c.state.in_(("said", "control")),
            nudge.c.acted_at.is_(None), nudge.c.said_at > now - ACTS_WITHIN,
        )  # fmt: skip
        await self.db.execute(one.values(acted_at=now))

    async def nudges_stopped(self, conversation_id: int, now: datetime) -> None:
        """She opted out after what was said last."""
        last = (
            select(nudge.c.id)
            .where(
                nudge.c.conversation_id == conversation_id, nudge.c.state == "said",
                nudge.c.said_at > now - ANSWERS_WITHIN,
            )
            .order_by(nudge.c.said_at.desc())
            .limit(1)
        )  # fmt: skip
        await self.db.execute(
            update(nudge).where(nudge.c.id.in_(last.scalar_subquery())).values(stopped_at=now)
        )

    # pace

    async def reserve(self, sender: str, rate: float, wanted: int, real: float) -> int:
        """How many unasked messages may leave now, `wanted` at most; at most a second's worth at once."""
        await self.db.execute(self.insert(pace).values(sender=sender, free_at=0.0).on_conflict_do_nothing())
        found = select(pace.c.free_at).where(pace.c.sender == sender).with_for_update()
        burst = max(1.0, rate)
        free_at = float((await self.db.execute(found)).scalar_one())
        if free_at > real + CLOCK_MOVED:  # set back since: nobody waits for it to catch up
            free_at = 0.0
        free_at = max(free_at, real - burst / rate)
        granted = min(wanted, int((real - free_at) * rate + 1e-6))
        if granted > 0:
            await self.db.execute(
                update(pace).where(pace.c.sender == sender).values(free_at=free_at + granted / rate)
            )
        return max(granted, 0)

    async def give_back_pace(self, sender: str, rate: float, unused: int) -> None:
        one = update(pace).where(pace.c.sender == sender)
        await self.db.execute(one.values(free_at=pace.c.free_at - unused / rate))

    async def nudges_waiting(self) -> int:
        found = select(func.count()).select_from(nudge).where(nudge.c.state == "planned")
        return int((await self.db.execute(found)).scalar_one())


def _nudges(rows: Any) -> Sequence[DueNudge]:
    return [
        DueNudge(
            row["id"],
            Planned(
                row["kind"], row["about"], row["matter_id"], row["version"], row["conversation_id"],
                row["beneficiary_id"], row["step"], row["planned_at"],
            ),
        )
        for row in rows
    ]  # fmt: skip
