"""What waits on a referent's desk: who asked to be called back, numbers that fail, questions to label."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.adapters.database.caseload import visible_to, with_her
from gateway.adapters.database.engine import InlineConnection
from gateway.adapters.database.tables import (
    appointment,
    beneficiary,
    callback,
    conversation,
    message,
    notice,
    question,
    referent,
)
from gateway.adapters.encryption import Cipher
from gateway.domain.appointment import Appointment
from gateway.domain.desk import Callback, FailedNumber, History, NoticeOfChange, Person
from gateway.domain.people import Referent

FAILED = ("failed", "undelivered")


class Desk:
    db: AsyncConnection | InlineConnection
    cipher: Cipher

    async def open_callbacks(
        self, her: Referent, now: datetime, conversation_id: int | None = None
    ) -> Sequence[Callback]:
        """Of the people she may see and, when she leads, of those whom nobody follows; or of one person.

        Danger first, then who waits for longest.
        """
        here = [callback.c.closed_at.is_(None), _may_call(her, now)]
        if conversation_id is not None:
            here.append(callback.c.conversation_id == conversation_id)
        rows = await self.db.execute(
            select(
                callback.c.id, callback.c.conversation_id, callback.c.reason, callback.c.at,
                conversation.c.pseudonym, conversation.c.channel, conversation.c.address_sealed,
                conversation.c.language, beneficiary.c.first_name_sealed,
                beneficiary.c.language.label("her_language"), visible_to(her.id, now).label("visible"),
            )
            .select_from(with_her().join(callback, callback.c.conversation_id == conversation.c.id))
            .where(*here)
            .order_by(callback.c.id)
        )  # fmt: skip
        asked: dict[int, list[Mapping[Any, Any]]] = {}
        for row in rows.mappings():
            asked.setdefault(row["conversation_id"], []).append(row)
        return sorted((self._callback(of_one) for of_one in asked.values()), key=_urgent_first)

    def _callback(self, rows: Iterable[Mapping[Any, Any]]) -> Callback:
        rows = list(rows)
        last = rows[-1]
        reasons = sorted(dict.fromkeys(r["reason"] for r in rows), key=lambda reason: reason != "danger")
        return Callback(
            id=last["id"],
            person=self._person(last["conversation_id"], last),
            phone=self.cipher.open(last["address_sealed"]) if last["channel"] == "sms" else "",
            language=last["language"] or last["her_language"] or "",
            reasons=tuple(reasons),
            since=min(r["at"] for r in rows),
            visible=bool(last["visible"]),  # NULL for a number that is nobody's
        )

    async def close_callbacks(self, callback_id: int, her: Referent, now: datetime) -> tuple[int, int] | None:
        """This request of hers and those before it: one call answers them all.

        Gives her conversation and how many were open; None when it is not for this referent to see.
        """
        asked = with_her().join(callback, callback.c.conversation_id == conversation.c.id)
        found = select(conversation.c.id).select_from(asked)
        found = found.where(callback.c.id == callback_id, _may_call(her, now))
        conversation_id = (await self.db.execute(found)).scalar()
        if conversation_id is None:
            return None
        these = and_(callback.c.conversation_id == conversation_id, callback.c.id <= callback_id)
        closed = await self.db.execute(
            update(callback)
            .where(these, callback.c.closed_at.is_(None))
            .values(closed_at=now, closed_by=her.id)
        )
        return conversation_id, int(closed.rowcount)

    async def who_come(self, appointments: Collection[Appointment]) -> Mapping[int, str]:
        """Appointment's id → first name: of whom it was booked for, even when the number is no longer hers."""
        booked_for = beneficiary.alias("booked_for")
        rows = await self.db.execute(
            select(
                appointment.c.id,
                case(
                    (booked_for.c.id.is_not(None), booked_for.c.first_name_sealed),
                    else_=beneficiary.c.first_name_sealed,
                ).label("name"),
            )
            .select_from(
                with_her()
                .join(appointment, appointment.c.conversation_id == conversation.c.id)
                .outerjoin(booked_for, booked_for.c.id == appointment.c.beneficiary_id)
            )
            .where(appointment.c.id.in_(sorted({one.id for one in appointments})))
        )
        return {row["id"]: self.cipher.open(row["name"]) for row in rows.mappings()}

    async def colleagues(self, of: Referent) -> Mapping[int, str]:
        """Names of those of her structure, herself left out, by id; by name."""
        if not of.structure:
            return {}
        theirs = and_(referent.c.structure == of.structure, referent.c.id != of.id)
        rows = await self.db.execute(select(referent.c.id, referent.c.name_sealed).where(theirs))
        names = {row["id"]: self.cipher.open(row["name_sealed"]) for row in rows.mappings()}
        return dict(sorted(names.items(), key=lambda one: one[1].casefold()))

    async def failed_numbers(
        self, referent_id: int, since: datetime, now: datetime
    ) -> Sequence[FailedNumber]:
        """Of the people whom she may see: to whom messages failed since then, the latest first; 20 at most."""
        last = func.max(message.c.created_at).label("last")
        columns = (conversation.c.id, conversation.c.pseudonym, beneficiary.c.first_name_sealed)
        failed = and_(message.c.direction == "out", message.c.status.in_(FAILED))
        rows = await self.db.execute(
            select(*columns, func.count().label("count"), last)
            .select_from(with_her().join(message, message.c.conversation_id == conversation.c.id))
            .where(visible_to(referent_id, now), failed, message.c.created_at >= since)
            .group_by(*columns)
            .order_by(last.desc())
            .limit(20)
        )
        return [FailedNumber(self._person(r["id"], r), r["count"], r["last"]) for r in rows.mappings()]

    async def history_of(self, appointment_id: int) -> History:
        """Of an appointment that exists."""
        dates = select(appointment.c.created_at, appointment.c.changed_at)
        row = (await self.db.execute(dates.where(appointment.c.id == appointment_id))).mappings().one()
        hers = notice.c.key.startswith(f"appointment:{appointment_id}:", autoescape=True)
        told = select(notice.c.kind, notice.c.done_at).where(hers).order_by(notice.c.id)
        notices = tuple(NoticeOfChange(**r) for r in (await self.db.execute(told)).mappings())
        return History(row["created_at"], row["changed_at"], notices)

    async def delete_question(self, question_id: int) -> bool:
        gone = await self.db.execute(delete(question).where(question.c.id == question_id))
        return bool(gone.rowcount == 1)

    def _person(self, conversation_id: int, row: Mapping[Any, Any]) -> Person:
        return Person(conversation_id, row["pseudonym"], self.cipher.open(row["first_name_sealed"]))


def _may_call(her: Referent, now: datetime) -> ColumnElement[bool]:
    nobodys = beneficiary.c.referent_id.is_(None)
    return or_(visible_to(her.id, now), nobodys) if her.leads else visible_to(her.id, now)


def _urgent_first(one: Callback) -> tuple[bool, datetime, int]:
    return (not one.urgent, one.since, one.id)
