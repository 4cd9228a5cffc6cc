"""Appointments, and who waits for one.

The key of `occupied` keeps two appointments of a referent from overlapping. Its cells are taken in ascending
order, and before any is given back: so no two transactions ever wait for each other.
"""

import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, delete, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.adapters.database.conversations import bound_to_her
from gateway.adapters.database.engine import InlineConnection
from gateway.adapters.database.tables import (
    appointment,
    beneficiary,
    conversation,
    occupied,
    referent,
    waiting,
)
from gateway.adapters.encryption import Cipher
from gateway.domain.appointment import OFF, Appointment, Kind, Status, TimeSlot, cells
from gateway.domain.people import Referent


class _Taken(Exception):
    """Somebody else has this time, or changed this appointment: what was done since the savepoint is undone."""


class Appointments:
    db: AsyncConnection | InlineConnection
    cipher: Cipher

    @property
    def insert(self) -> Any:
        raise NotImplementedError

    async def upcoming(self, conversation_id: int, now: datetime) -> Sequence[Appointment]:
        """Booked and not over, the next one first, and only what may be told in this conversation."""
        hers = (
            select(beneficiary.c.id)
            .join(conversation, bound_to_her())
            .where(conversation.c.id == conversation_id)
        )
        booked_here = and_(
            appointment.c.conversation_id == conversation_id, appointment.c.beneficiary_id.is_(None)
        )
        return await self._appointments(
            _with_referent().where(
                appointment.c.status == Status.BOOKED.value,
                appointment.c.ends_at > now,
                or_(booked_here, appointment.c.beneficiary_id.in_(hers)),
            )
        )

    async def appointment(self, appointment_id: int) -> Appointment | None:
        found = await self._appointments(_with_referent().where(appointment.c.id == appointment_id))
        return found[0] if found else None

    async def appointments(self, ids: Sequence[int]) -> Sequence[Appointment]:
        return await self._appointments(_with_referent().where(appointment.c.id.in_(ids)))

    async def appointments_of_conversation(self, conversation_id: int) -> Sequence[Appointment]:
        """All that were booked there, whatever became of them, the last made first."""
        here = _with_referent().where(appointment.c.conversation_id == conversation_id)
        return sorted(await self._appointments(here), key=lambda one: -one.id)

    async def appointments_of_referent(
        self, referent_id: int, since: datetime, until: datetime
    ) -> Sequence[Appointment]:
        """All that have a moment between both, whatever became of them, earliest first."""
        return await self._appointments(
            _with_referent().where(
                appointment.c.referent_id == referent_id,
                appointment.c.starts_at < until,
                appointment.c.ends_at > since,
            )
        )

    async def book(
        self, conversation_id: int, beneficiary_id: int | None, slot: TimeSlot, now: datetime
    ) -> Appointment | None:
        """None when the time is taken: nothing is then changed, and the transaction may go on."""
        try:
            async with self._or_nothing():
                added = self.insert(appointment).values(
                    conversation_id=conversation_id,
                    beneficiary_id=beneficiary_id,
                    status=Status.BOOKED.value,
                    uid=f"{secrets.token_hex(16)}@coup-de-pouce",
                    created_at=now,
                    changed_at=now,
                    **_when_and_where(slot),
                )
                new = (await self.db.execute(added.returning(appointment.c.id))).scalar_one()
                await self._take(new, slot.referent_id, cells(slot.starts_at, slot.ends_at))
        except _Taken:
            return None
        return await self.appointment(new)

    async def move(
        self, appointment_id: int, sequence: int, slot: TimeSlot, now: datetime
    ) -> Appointment | None:
        """To another time, and maybe another referent. None: taken, changed meanwhile, or not ours to move."""
        old = await self.appointment(appointment_id)
        if old is None or not old.ours or old.status is not Status.BOOKED:
            return None
        had = {(old.referent_id, cell) for cell in cells(old.starts_at, old.ends_at)}
        wants = {(slot.referent_id, cell) for cell in cells(slot.starts_at, slot.ends_at)}
        try:
            async with self._or_nothing():
                await self._change(old, sequence, now, **_when_and_where(slot))
                await self._take(old.id, slot.referent_id, sorted(cell for _, cell in wants - had))
                await self._give_back(old.id, old.referent_id, [cell for _, cell in had - wants])
        except _Taken:
            return None
        return await self.appointment(appointment_id)

    async def set_status(
        self, appointment_id: int, sequence: int, status: Status, now: datetime
    ) -> Appointment | None:
        """None: changed meanwhile, or cancelled for good.

        A cancelled one is never booked again. It may still become "seen" or "noshow", the click having been
        wrong, when nobody else took its time.
        """
        old = await self.appointment(appointment_id)
        if old is None or (old.status in OFF and status is Status.BOOKED):
            return None
        its = cells(old.starts_at, old.ends_at)
        try:
            async with self._or_nothing():
                await self._change(old, sequence, now, status=status.value)
                if old.ours and old.status in OFF and status not in OFF:
                    await self._take(old.id, old.referent_id, its)
                elif status in OFF:
                    await self._give_back(old.id, old.referent_id, its)
        except _Taken:
            return None
        return await self.appointment(appointment_id)

    async def wait(self, conversation_id: int, referents: Sequence[int], now: datetime) -> None:
        """She keeps her place when she waits already."""
        added = self.insert(waiting).values(
            conversation_id=conversation_id, referents=list(referents), since=now
        )
        await self.db.execute(
            added.on_conflict_do_update(
                index_elements=["conversation_id"], set_={"referents": list(referents)}
            )
        )

    async def wait_no_more(self, conversation_id: int) -> None:
        await self.db.execute(delete(waiting).where(waiting.c.conversation_id == conversation_id))

    async def waits(self, conversation_id: int) -> bool:
        found = select(waiting.c.id).where(waiting.c.conversation_id == conversation_id)
        return (await self.db.execute(found)).first() is not None

    async def awaited(self) -> Sequence[int]:
        """Ids of the referents for whom somebody waits, ascending."""
        rows = await self.db.execute(select(waiting.c.referents))
        return sorted({one for row in rows.scalars() for one in row})

    async def waiting_for(self, referent_id: int) -> Sequence[int]:
        """Ids of the conversations that wait for a place with this referent, the first come first."""
        rows = await self.db.execute(select(waiting).order_by(waiting.c.since, waiting.c.id))
        return [row["conversation_id"] for row in rows.mappings() if referent_id in row["referents"]]

    async def _appointments(self, query: Select[Any]) -> Sequence[Appointment]:
        rows = await self.db.execute(query.order_by(appointment.c.starts_at, appointment.c.id))
        return [self._appointment(row) for row in rows.mappings()]

    def _appointment(self, row: Mapping[Any, Any]) -> Appointment:
        opened = self.cipher.open
        return Appointment(
            id=row["id"],
            referent_id=row["referent_id"],
            conversation_id=row["conversation_id"],
            starts_at=row["starts_at"],
            ends_at=row["ends_at"],
            kind=Kind(row["kind"]),
            place=row["place"],
            status=Status(row["status"]),
            uid=row["uid"],
            sequence=row["sequence"],
            beneficiary_id=row["beneficiary_id"],
            source=row["source"],
            external_id=row["external_id"],
            url=opened(row["url_sealed"]),
            referent_first_name=Referent("", opened(row["name_sealed"])).first_name,
            created_at=row["created_at"],
            changed_at=row["changed_at"],
        )

    @asynccontextmanager
    async def _or_nothing(self) -> AsyncIterator[None]:
        """All of the block is done, or nothing of it when it raises _Taken; the transaction goes on."""
        await self.db.execute(text("SAVEPOINT booking"))
        try:
            yield
        except _Taken:
            await self.db.execute(text("ROLLBACK TO SAVEPOINT booking"))
            raise
        await self.db.execute(text("RELEASE SAVEPOINT booking"))

    async def _change(self, old: Appointment, sequence: int, now: datetime, **values: Any) -> None:
        """Compare-and-set: raises _Taken when `sequence` or what was read is no longer so."""
        same = and_(
            appointment.c.id == old.id,
            appointment.c.sequence == sequence,
            appointment.c.sequence == old.sequence,
        )
        changed = update(appointment).where(same).values(sequence=sequence + 1, changed_at=now, **values)
        if (await self.db.execute(changed)).rowcount != 1:
            raise _Taken

    async def _take(self, appointment_id: int, referent_id: int, its: Sequence[int]) -> None:
        """Raises _Taken unless all of these cells were free. `its`: ascending."""
        if not its:
            return
        rows = [{"referent_id": referent_id, "cell": c, "appointment_id": appointment_id} for c in its]
        free = self.insert(occupied).values(rows).on_conflict_do_nothing().returning(occupied.c.cell)
        if len((await self.db.execute(free)).all()) != len(rows):
            raise _Taken

    async def _give_back(self, appointment_id: int, referent_id: int, its: Sequence[int]) -> None:
        await self.db.execute(
            delete(occupied).where(
                occupied.c.appointment_id == appointment_id,
                occupied.c.referent_id == referent_id,
                occupied.c.cell.in_(its),
            )
        )


def _with_referent() -> Select[Any]:
    return select(appointment, referent.c.name_sealed).join(
        referent, referent.c.id == appointment.c.referent_id
    )


def _when_and_where(slot: TimeSlot) -> dict[str, Any]:
    return {
        "referent_id": slot.referent_id,
        "starts_at": slot.starts_at,
        "ends_at": slot.ends_at,
        "kind": slot.kind.value,
        "place": slot.place[:200],
    }
