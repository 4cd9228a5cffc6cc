"""A referent's calendars: the secret address of her feed, and her own, which is read and written."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.adapters.database.engine import InlineConnection
from gateway.adapters.database.tables import appointment, busy, calendar, event, referent
from gateway.adapters.encryption import Cipher
from gateway.domain.appointment import OFF
from gateway.domain.calendars import CalendarAccount, CalendarState, Written

_OFF = [status.value for status in OFF]


def new_secret(cipher: Cipher) -> dict[str, Any]:
    """The columns of a new calendar address: 32 random bytes that nobody guesses."""
    secret = secrets.token_urlsafe(32)
    return {"calendar_sealed": cipher.seal(secret), "calendar_index": cipher.index(secret)}


class Calendars:
    db: AsyncConnection | InlineConnection
    cipher: Cipher

    @property
    def insert(self) -> Any:
        raise NotImplementedError

    # her feed

    async def calendar_secret(self, referent_id: int) -> str:
        """Made when she has none yet: she was imported before there were calendars."""
        found = select(referent.c.calendar_sealed).where(referent.c.id == referent_id)
        sealed = (await self.db.execute(found)).scalar_one()
        return self.cipher.open(sealed) if sealed else await self.new_calendar_secret(referent_id)

    async def new_calendar_secret(self, referent_id: int) -> str:
        """The old address then leads nowhere."""
        new = new_secret(self.cipher)
        await self.db.execute(update(referent).where(referent.c.id == referent_id).values(**new))
        return self.cipher.open(new["calendar_sealed"])

    async def referent_by_calendar(self, secret: str) -> int | None:
        found = select(referent.c.id).where(referent.c.calendar_index == self.cipher.index(secret))
        return (await self.db.execute(found)).scalar()

    # her own calendar

    async def has_calendar(self, referent_id: int) -> bool:
        found = select(calendar.c.referent_id).where(calendar.c.referent_id == referent_id)
        return (await self.db.execute(found)).scalar() is not None

    async def calendar_account(self, referent_id: int) -> CalendarAccount | None:
        found = select(calendar).where(calendar.c.referent_id == referent_id)
        row = (await self.db.execute(found)).mappings().first()
        if row is None:
            return None
        opened = self.cipher.open
        return CalendarAccount(
            opened(row["url_sealed"]), opened(row["username_sealed"]), opened(row["password_sealed"])
        )

    async def save_calendar(self, referent_id: int, account: CalendarAccount) -> None:
        """At another address all is written anew."""
        before = await self.calendar_account(referent_id)
        if before and (before.url, before.username) != (account.url, account.username):
            await self.forget_calendar(referent_id)
        values = {
            "url_sealed": self.cipher.seal(account.url),
            "username_sealed": self.cipher.seal(account.username),
            "password_sealed": self.cipher.seal(account.password),
            "error": "",
            "failed_at": None,
        }
        saved = self.insert(calendar).values(referent_id=referent_id, **values)
        await self.db.execute(saved.on_conflict_do_update(index_elements=["referent_id"], set_=values))

    async def forget_calendar(self, referent_id: int) -> None:
        """What we wrote there stays there; what we read is forgotten."""
        for table in (event, busy, calendar):
            await self.db.execute(delete(table).where(table.c.referent_id == referent_id))

    async def calendar_state(self, referent_id: int) -> CalendarState | None:
        """None when she has given no calendar of her own."""
        columns = select(calendar.c.read_at, calendar.c.error, calendar.c.failed_at)
        row = (await self.db.execute(columns.where(calendar.c.referent_id == referent_id))).first()
        return CalendarState(*row) if row else None

    async def calendar_answered(self, referent_id: int, now: datetime) -> None:
        await self._note(referent_id, read_at=now, error="", failed_at=None)

    async def calendar_failed(self, referent_id: int, error: str, now: datetime) -> None:
        await self._note(referent_id, error=error[:64], failed_at=now)

    async def _note(self, referent_id: int, **values: Any) -> None:
        await self.db.execute(update(calendar).where(calendar.c.referent_id == referent_id).values(**values))

    async def replace_busy(self, referent_id: int, stretches: Sequence[tuple[datetime, datetime]]) -> None:
        await self.db.execute(delete(busy).where(busy.c.referent_id == referent_id))
        rows = [{"referent_id": referent_id, "starts_at": s, "ends_at": e} for s, e in stretches]
        if rows:
            await self.db.execute(self.insert(busy), rows)

    # our appointments there

    async def to_write(self, referent_id: int, now: datetime, until: datetime) -> Sequence[tuple[int, str]]:
        """Ids of her appointments to come that are not there yet ("") or not as they are now (their ETag)."""
        there = and_(event.c.appointment_id == appointment.c.id, event.c.referent_id == referent_id)
        stale = (
            select(appointment.c.id, event.c.etag)
            .outerjoin(event, there)
            .where(
                appointment.c.referent_id == referent_id,
                appointment.c.status.not_in(_OFF),
                appointment.c.ends_at > now,
                appointment.c.starts_at < until,
                or_(event.c.sequence.is_(None), event.c.sequence < appointment.c.sequence),
            )
            .order_by(appointment.c.starts_at)
        )
        return [(row.id, row.etag or "") for row in await self.db.execute(stale)]

    async def to_remove(self, referent_id: int) -> Sequence[Written]:
        """What is there and should not be any more: cancelled, or somebody else's now."""
        gone = (
            select(appointment.c.id, appointment.c.uid, event.c.etag)
            .join(event, event.c.appointment_id == appointment.c.id)
            .where(
                event.c.referent_id == referent_id,
                or_(appointment.c.status.in_(_OFF), appointment.c.referent_id != referent_id),
            )
        )
        return [Written(*row) for row in await self.db.execute(gone)]

    async def note_event(self, referent_id: int, appointment_id: int, sequence: int, etag: str) -> None:
        values = {"sequence": sequence, "etag": etag if len(etag) <= 200 else ""}
        noted = self.insert(event).values(appointment_id=appointment_id, referent_id=referent_id, **values)
        key = ["appointment_id", "referent_id"]
        await self.db.execute(noted.on_conflict_do_update(index_elements=key, set_=values))

    async def forget_event(self, referent_id: int, appointment_id: int) -> None:
        its = and_(event.c.appointment_id == appointment_id, event.c.referent_id == referent_id)
        await self.db.execute(delete(event).where(its))
