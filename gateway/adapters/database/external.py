"""What another tool owns: which of ours it means, and what it said last of each.

A number belongs to one person. When that tool gives one number to two people, or takes hers away, it is nobody's
for the second: nothing personal is told there.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, String, Table, and_, delete, false, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.adapters.database.engine import InlineConnection
from gateway.adapters.database.tables import (
    UtcDateTime,
    appointment,
    beneficiary,
    metadata,
    occupied,
    referent,
)
from gateway.adapters.encryption import Cipher
from gateway.domain.appointment import CELL, OFF, Appointment, Kind, Status, cells
from gateway.domain.external import Agent, Bound, Person
from gateway.domain.people import is_somebody_else

_STEP = int(CELL.total_seconds())
_AS_THEY_ARE = (
    "referent_id", "conversation_id", "beneficiary_id", "starts_at", "ends_at", "place", "source", "external_id",
)  # fmt: skip

external_event = Table(
    "external_event",
    metadata,
    Column("source", String(32), primary_key=True),
    Column("what", String(16), primary_key=True),  # agent, user, follows, rdv
    Column("external_id", String(64), primary_key=True),
    Column("at", UtcDateTime, nullable=False),  # of the latest thing said of it
)


class ExternalTools:
    db: AsyncConnection | InlineConnection
    cipher: Cipher

    @property
    def insert(self) -> Any:
        raise NotImplementedError

    async def is_news(self, source: str, what: str, external_id: str, at: datetime) -> bool:
        """False when something later was already said of it. Others who ask of the same wait until we commit."""
        said = self.insert(external_event).values(source=source, what=what, external_id=external_id, at=at)
        newest = said.on_conflict_do_update(
            index_elements=["source", "what", "external_id"],
            set_={"at": at},
            where=external_event.c.at <= at,
        )
        return (await self.db.execute(newest.returning(external_event.c.at))).first() is not None

    # referents

    async def external_referent(self, external_id: str) -> int | None:
        found = select(referent.c.id).where(referent.c.external_id == external_id)
        return (await self.db.execute(found.order_by(referent.c.id))).scalar()

    async def link_referent(self, referent_id: int, agent: Agent) -> None:
        """Her number there, and her mail address as it is there now, unless somebody else has it here."""
        index = self.cipher.index(agent.email.lower())
        taken = select(referent.c.id).where(referent.c.email_index == index, referent.c.id != referent_id)
        values: dict[str, Any] = {"external_id": agent.external_id}
        if (await self.db.execute(taken)).first() is None:
            values |= {"email_index": index, "email_sealed": self.cipher.seal(agent.email)}
        await self.db.execute(update(referent).where(referent.c.id == referent_id).values(**values))

    # beneficiaries

    async def external_beneficiary(self, external_id: str) -> Bound | None:
        row = await self._beneficiary(beneficiary.c.external_id == external_id)
        if row is None:
            return None
        return Bound(row["id"], self.cipher.open(row["phone_sealed"]), row["referent_id"])

    async def save_external_beneficiary(self, person: Person, now: datetime) -> None:
        """Found again by her number there, else by her phone. New, and without a phone: she is not kept."""
        known = await self._beneficiary(beneficiary.c.external_id == person.external_id)
        holder = await self._beneficiary(beneficiary.c.phone_index == self.cipher.index(person.phone))
        phone = person.phone
        if holder and not (known and known["id"] == holder["id"]):
            if self._same_name(holder, person):
                await self._merge(known, holder)
                known = holder
            else:
                phone = ""
        if known:
            await self._update(known, person, phone, now)
        elif phone:
            await self.db.execute(self.insert(beneficiary).values(**self._values(person, phone)))

    async def follow(self, beneficiary_id: int, referent_id: int | None) -> None:
        hers = update(beneficiary).where(beneficiary.c.id == beneficiary_id)
        await self.db.execute(hers.values(referent_id=referent_id))

    async def _beneficiary(self, here: ColumnElement[bool]) -> Mapping[Any, Any] | None:
        found = await self.db.execute(select(beneficiary).where(here).order_by(beneficiary.c.id))
        return found.mappings().first()

    def _same_name(self, holder: Mapping[Any, Any], person: Person) -> bool:
        """An import may have left her name out; "Marie" is "Marie-Line", but "Léa" is somebody else."""
        ours = self.cipher.open(holder["first_name_sealed"])
        if not ours or not person.first_name:
            return not ours and not holder["external_id"]
        return not is_somebody_else(ours, person.first_name)

    async def _merge(self, known: Mapping[Any, Any] | None, into: Mapping[Any, Any]) -> None:
        """That tool knew her by another number, an import by this one: one person, one row."""
        if known:
            hers = update(appointment).where(appointment.c.beneficiary_id == known["id"])
            await self.db.execute(hers.values(beneficiary_id=into["id"]))
            await self.db.execute(delete(beneficiary).where(beneficiary.c.id == known["id"]))

    async def _update(self, known: Mapping[Any, Any], person: Person, phone: str, now: datetime) -> None:
        values = self._values(person, phone, f"nobody:{known['id']}")
        values["no_number_since"] = None if phone else known["no_number_since"] or now
        if not person.first_name:
            del values["first_name_sealed"]
        await self.db.execute(update(beneficiary).where(beneficiary.c.id == known["id"]).values(**values))

    def _values(self, person: Person, phone: str, nobody: str = "") -> dict[str, Any]:
        """`nobody`: what to find her by when no number is hers; no number has such an index."""
        return {
            "external_id": person.external_id,
            "phone_index": self.cipher.index(phone or nobody),
            "phone_sealed": self.cipher.seal(phone),
            "first_name_sealed": self.cipher.seal(person.first_name),
        }

    # appointments

    async def external_appointments(self, source: str, external_id: str) -> Sequence[Appointment]:
        """One a person who is expected, or was."""
        there = and_(appointment.c.source == source, appointment.c.external_id == external_id)
        rows = await self.db.execute(select(appointment).where(there).order_by(appointment.c.id))
        return [self._external(row) for row in rows.mappings()]

    async def put_appointment(self, new: Appointment, now: datetime) -> None:
        """That tool's own, as it says it is, whoever has that time already: it decides, not we.

        Its `sequence` rises when anything has changed. Its time is taken where it is free, and is not offered.
        """
        known = await self.external_appointments(new.source, new.external_id)
        old = next((one for one in known if one.beneficiary_id == new.beneficiary_id), None)
        values = _columns(new)
        if old is None:
            added = self.insert(appointment).values(
                **values, uid=new.uid, url_sealed=self.cipher.seal(new.url), created_at=now, changed_at=now
            )
            number = (await self.db.execute(added.returning(appointment.c.id))).scalar_one()
        else:
            number = old.id
            if values == _columns(old) and new.url == old.url:
                return
            await self.db.execute(
                update(appointment)
                .where(appointment.c.id == number)
                .values(
                    **values,
                    url_sealed=self.cipher.seal(new.url),
                    sequence=appointment.c.sequence + 1,
                    changed_at=now,
                )
            )
        await self._occupy(number, new)

    async def _occupy(self, number: int, new: Appointment) -> None:
        """Takes before it gives back, in ascending order: no two transactions then wait for each other."""
        held = select(occupied.c.referent_id, occupied.c.cell).where(occupied.c.appointment_id == number)
        had = {(row.referent_id, row.cell) for row in await self.db.execute(held)}
        wants = {(new.referent_id, cell) for cell in cells(new.starts_at, new.ends_at)}
        if new.status in OFF:
            wants = set()
        rows = [{"referent_id": r, "cell": c, "appointment_id": number} for r, c in sorted(wants - had)]
        if rows:
            await self.db.execute(self.insert(occupied).values(rows).on_conflict_do_nothing())
        if had - wants:
            await self._pass_on(number, sorted(had - wants))

    async def _pass_on(self, number: int, its: Sequence[tuple[int, int]]) -> None:
        """To other appointments of that time, a group's other members, else to nobody."""
        ids = sorted({referent_id for referent_id, _ in its})
        first, last = min(cell for _, cell in its), max(cell for _, cell in its)
        others = select(appointment).where(
            appointment.c.id != number,
            appointment.c.referent_id.in_(ids),
            appointment.c.status.not_in([status.value for status in OFF]),
            appointment.c.starts_at < datetime.fromtimestamp((last + 1) * _STEP, UTC),
            appointment.c.ends_at > datetime.fromtimestamp(first * _STEP, UTC),
        )
        left = set(its)
        for other in (await self.db.execute(others.order_by(appointment.c.id))).mappings():
            hers = {(other["referent_id"], cell) for cell in cells(other["starts_at"], other["ends_at"])}
            await self.db.execute(
                update(occupied).where(_these(number, left & hers)).values(appointment_id=other["id"])
            )
            left -= hers
        await self.db.execute(delete(occupied).where(_these(number, left)))

    def _external(self, row: Mapping[Any, Any]) -> Appointment:
        sealed = row["url_sealed"]
        kept = {name: row[name] for name in ("id", "sequence", "uid", *_AS_THEY_ARE)}
        return Appointment(
            **kept,
            kind=Kind(row["kind"]),
            status=Status(row["status"]),
            url=self.cipher.open(sealed),
        )


def _columns(one: Appointment) -> dict[str, Any]:
    same = {name: getattr(one, name) for name in _AS_THEY_ARE}
    return {**same, "place": one.place[:200], "kind": one.kind.value, "status": one.status.value}


def _these(number: int, its: Collection[tuple[int, int]]) -> ColumnElement[bool]:
    """Cells that an appointment holds, by referent."""
    by_referent = [
        and_(occupied.c.referent_id == r, occupied.c.cell.in_([c for one, c in its if one == r]))
        for r in sorted({r for r, _ in its})
    ]
    return and_(occupied.c.appointment_id == number, or_(false(), *by_referent))
