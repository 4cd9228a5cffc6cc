"""When a referent receives: her openings, her absences, and what is no longer free of her time."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import and_, delete, or_, select, union_all, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.adapters.database.engine import InlineConnection
from gateway.adapters.database.tables import absence, appointment, busy, hold, opening, referent
from gateway.adapters.encryption import Cipher
from gateway.domain.appointment import OFF, Absence, Kind, Opening, TimeSlot
from gateway.domain.people import Referent
from gateway.domain.territory import plain_name
from gateway.ports import Occupied, Schedule

A_DAY = timedelta(days=1)  # between a day in UTC and the same on the wall


class Openings:
    db: AsyncConnection | InlineConnection
    cipher: Cipher

    @property
    def insert(self) -> Any:
        raise NotImplementedError

    async def save_opening(self, new: Opening) -> int:
        """Its id. The same referent, day and hours again: the rest is brought up to date."""
        key = {
            "referent_id": new.referent_id,
            "day": new.day,
            "start": new.start,
            "end": new.end,
            "weekly": new.weekly,
        }
        values = {
            "slot_minutes": new.slot_minutes,
            "kind": new.kind.value,
            "place": new.place[:200],
            "until": new.until,
            "exceptions": sorted(day.isoformat() for day in new.exceptions),
            "notice_hours": new.notice_hours,
            "horizon_days": new.horizon_days,
        }
        saved = self.insert(opening).values(**key, **values)
        saved = saved.on_conflict_do_update(index_elements=list(key), set_=values)
        return int((await self.db.execute(saved.returning(opening.c.id))).scalar_one())

    async def delete_opening(self, opening_id: int, referent_id: int) -> bool:
        """False when this referent has no such opening."""
        hers = and_(opening.c.id == opening_id, opening.c.referent_id == referent_id)
        return (await self.db.execute(delete(opening).where(hers))).rowcount == 1

    async def openings_of(self, referent_id: int) -> Sequence[Opening]:
        """All of them, also those that are over, by day and hour."""
        hers = select(opening).where(opening.c.referent_id == referent_id)
        rows = await self.db.execute(hers.order_by(opening.c.day, opening.c.start, opening.c.id))
        return [_opening(row) for row in rows.mappings()]

    async def save_absence(self, new: Absence) -> int:
        """Its id. The same referent and stretch again: only the substitute is brought up to date."""
        same = and_(
            absence.c.referent_id == new.referent_id,
            absence.c.starts_at == new.starts_at,
            absence.c.ends_at == new.ends_at,
        )
        again = update(absence).where(same).values(substitute_id=new.substitute_id)
        found = (await self.db.execute(again.returning(absence.c.id))).scalar()
        if found is not None:
            return int(found)
        added = self.insert(absence).values(
            referent_id=new.referent_id,
            starts_at=new.starts_at,
            ends_at=new.ends_at,
            substitute_id=new.substitute_id,
        )
        return int((await self.db.execute(added.returning(absence.c.id))).scalar_one())

    async def delete_absence(self, absence_id: int, referent_id: int) -> bool:
        """False when this referent has no such absence."""
        hers = and_(absence.c.id == absence_id, absence.c.referent_id == referent_id)
        return (await self.db.execute(delete(absence).where(hers))).rowcount == 1

    async def absences_of(self, referent_id: int, since: datetime) -> Sequence[Absence]:
        """Those that are not over at `since`, the next one first."""
        return await self._absences([referent_id], since)

    async def schedule(
        self, referents: Sequence[int], since: datetime, until: datetime, but_for: int = 0
    ) -> Schedule:
        """Of these referents, and of whoever replaces them at a moment between `since` and `until`.

        `held` leaves out what the conversation `but_for` was offered itself.
        """
        away = await self._absences(referents, since, until)
        substitutes = {a.substitute_id for a in away if a.substitute_id} - set(referents)
        everyone = [*referents, *sorted(substitutes)]
        return Schedule(
            openings=await self._openings(everyone, since.date() - A_DAY, until.date() + A_DAY),
            absences=[*away, *await self._absences(list(substitutes), since, until)],
            occupied=await self._occupied(everyone, since, until),
            held=await self._held(everyone, since, but_for),
        )

    async def hold(self, conversation_id: int, slots: Sequence[TimeSlot], until: datetime) -> None:
        """What she was offered just now; what she was offered before is given back."""
        await self.db.execute(delete(hold).where(hold.c.conversation_id == conversation_id))
        rows = [
            {
                "referent_id": slot.referent_id,
                "starts_at": slot.starts_at,
                "conversation_id": conversation_id,
                "until": until,
            }
            for slot in slots
        ]
        if rows:
            await self.db.execute(self.insert(hold).values(rows).on_conflict_do_nothing())

    async def offered_to(self, referent_id: int, starts_at: datetime) -> Sequence[int]:
        """Conversations to which this very time was the last that was offered, even a while ago."""
        this = and_(hold.c.referent_id == referent_id, hold.c.starts_at == starts_at)
        return list((await self.db.execute(select(hold.c.conversation_id).where(this))).scalars())

    async def who_opens(self, now: datetime) -> Sequence[int]:
        """Ids of the referents who open time from that day on."""
        day = now.date() - A_DAY
        lasting = and_(opening.c.weekly.is_(True), or_(opening.c.until.is_(None), opening.c.until >= day))
        query = select(opening.c.referent_id).where(or_(lasting, opening.c.day >= day)).distinct()
        return sorted((await self.db.execute(query)).scalars())

    async def referent(self, referent_id: int) -> Referent | None:
        found = await self.db.execute(select(referent).where(referent.c.id == referent_id))
        row = found.mappings().first()
        if row is None:
            return None
        return Referent(
            email=self.cipher.open(row["email_sealed"]),
            name=self.cipher.open(row["name_sealed"]),
            phone=self.cipher.open(row["phone_sealed"]),
            structure=row["structure"],
            communes=tuple(row["communes"]),
            id=row["id"],
            leads=row["leads"],
        )

    async def first_names(self, referents: Collection[int]) -> Mapping[int, str]:
        """Referent's id → first name."""
        rows = await self.db.execute(
            select(referent.c.id, referent.c.name_sealed).where(referent.c.id.in_(referents))
        )
        return {
            row["id"]: Referent("", self.cipher.open(row["name_sealed"])).first_name
            for row in rows.mappings()
        }

    async def referents_of_commune(self, commune: str) -> Sequence[int]:
        """Ids of those who serve it, however its name is spelt; [] when nobody does."""
        wanted = plain_name(commune)
        rows = await self.db.execute(select(referent.c.id, referent.c.communes).order_by(referent.c.id))
        served = [(row["id"], {plain_name(name) for name in row["communes"]}) for row in rows.mappings()]
        return [one for one, names in served if wanted and wanted in names]

    async def _openings(self, referents: Sequence[int], first: date, last: date) -> Sequence[Opening]:
        once = and_(opening.c.weekly.is_(False), opening.c.day.between(first, last))
        lasting = or_(opening.c.until.is_(None), opening.c.until >= first)
        weekly = and_(opening.c.weekly.is_(True), opening.c.day <= last, lasting)
        query = select(opening).where(opening.c.referent_id.in_(referents), or_(once, weekly))
        return [_opening(row) for row in (await self.db.execute(query.order_by(opening.c.id))).mappings()]

    async def _absences(
        self, referents: Sequence[int], since: datetime, until: datetime | None = None
    ) -> Sequence[Absence]:
        query = select(absence).where(absence.c.referent_id.in_(referents), absence.c.ends_at > since)
        if until:
            query = query.where(absence.c.starts_at < until)
        rows = await self.db.execute(query.order_by(absence.c.starts_at, absence.c.id))
        return [Absence(**row) for row in rows.mappings()]

    async def _occupied(
        self, referents: Sequence[int], since: datetime, until: datetime
    ) -> Sequence[Occupied]:
        seen = select(appointment.c.referent_id, appointment.c.starts_at, appointment.c.ends_at).where(
            appointment.c.referent_id.in_(referents),
            appointment.c.status.not_in([status.value for status in OFF]),
            appointment.c.starts_at < until,
            appointment.c.ends_at > since,
        )
        elsewhere = select(busy.c.referent_id, busy.c.starts_at, busy.c.ends_at).where(
            busy.c.referent_id.in_(referents), busy.c.starts_at < until, busy.c.ends_at > since
        )
        rows = await self.db.execute(union_all(seen, elsewhere).order_by("starts_at"))
        return [Occupied(**row) for row in rows.mappings()]

    async def _held(
        self, referents: Sequence[int], now: datetime, but_for: int
    ) -> frozenset[tuple[int, datetime]]:
        rows = await self.db.execute(
            select(hold.c.referent_id, hold.c.starts_at).where(
                hold.c.referent_id.in_(referents),
                hold.c.until > now,
                hold.c.conversation_id != but_for,
            )
        )
        return frozenset((row["referent_id"], row["starts_at"]) for row in rows.mappings())


def _opening(row: Mapping[Any, Any]) -> Opening:
    exceptions = frozenset(date.fromisoformat(day) for day in row["exceptions"])
    return Opening(**{**row, "kind": Kind(row["kind"]), "exceptions": exceptions})
