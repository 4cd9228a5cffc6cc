"""Whom a referent may see, and what her workspace shows of them.

`visible_to` is the rule of a person's page: whoever names her asks it, by `may_see`, `person` or `visible_people`.
What she shared is for the referent who follows her alone: see `obstacles_of_referent`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, Select, and_, exists, func, or_, select, union
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.adapters.database.conversations import ALL, bound_to_her
from gateway.adapters.database.engine import InlineConnection
from gateway.adapters.database.tables import (
    absence,
    appointment,
    beneficiary,
    callback,
    conversation,
    message,
    notice,
    opt_out,
    referent,
)
from gateway.adapters.encryption import Cipher
from gateway.domain.appointment import OFF, Absence, Status
from gateway.domain.conversation import Channel
from gateway.domain.people import ASK_FOR_A_CALL, Referent
from gateway.domain.workspace import MET_LATELY, PersonRow, Said, StopRow, about_obstacles

FAILED = ("failed", "undelivered")


def covered_by(referent_id: int, now: datetime) -> CompoundSelect[Any]:
    """Ids of the referents whose people she sees: herself, whom she replaces now, her team when she leads it."""
    lead = referent.alias("lead")
    herself = select(referent.c.id).where(referent.c.id == referent_id)
    replaced = select(absence.c.referent_id).where(
        absence.c.substitute_id == referent_id, absence.c.starts_at <= now, absence.c.ends_at > now
    )
    team = select(referent.c.id).join(lead, lead.c.structure == referent.c.structure)
    return union(
        herself, replaced, team.where(lead.c.id == referent_id, lead.c.leads, lead.c.structure != "")
    )


def visible_to(referent_id: int, now: datetime) -> ColumnElement[bool]:
    """The rule, about a row of `with_her()`: the people of those whom she covers.

    Theirs is who is bound to them, and whom nobody follows but has an appointment with them, or had one lately,
    unless it is somebody else's who had this number before. A cancelled one opens nothing.
    """
    covered = covered_by(referent_id, now).subquery()
    ids = select(covered.c.id)
    meets = exists().where(
        appointment.c.conversation_id == conversation.c.id,
        appointment.c.referent_id.in_(ids),
        appointment.c.status.not_in([status.value for status in OFF]),
        appointment.c.ends_at > now - MET_LATELY,
        or_(appointment.c.beneficiary_id.is_(None), appointment.c.beneficiary_id == beneficiary.c.id),
    )
    alone = and_(beneficiary.c.referent_id.is_(None), meets.correlate(conversation, beneficiary))
    return or_(beneficiary.c.referent_id.in_(ids), alone)


def with_her() -> Any:
    """Conversations, each with the person bound to it."""
    return conversation.outerjoin(beneficiary, bound_to_her())


class Caseload:
    db: AsyncConnection | InlineConnection
    cipher: Cipher

    async def may_see(self, referent_id: int, conversation_id: int, now: datetime) -> bool:
        asked = select(conversation.c.id).select_from(with_her())
        hers = asked.where(conversation.c.id == conversation_id, visible_to(referent_id, now))
        return (await self.db.execute(hers)).first() is not None

    async def visible_people(self, referent_id: int, now: datetime) -> Sequence[PersonRow]:
        """All of them, in no order: see PersonRow.weight."""
        return await self._person_rows(_rows(now).where(visible_to(referent_id, now)))

    async def stands_for(self, referent_id: int, other_id: int, now: datetime) -> bool:
        """Hers is what is the other one's: she is herself, replaces her now, or leads her team."""
        covered = covered_by(referent_id, now).subquery()
        return (await self.db.execute(select(covered).where(covered.c.id == other_id))).first() is not None

    async def replaced_by(self, referent_id: int, now: datetime) -> Sequence[Absence]:
        """Absences, not over yet, in which she receives the people of somebody else, the first one first."""
        hers = select(absence).where(absence.c.substitute_id == referent_id, absence.c.ends_at > now)
        rows = await self.db.execute(hers.order_by(absence.c.starts_at, absence.c.id))
        return [Absence(**row) for row in rows.mappings()]

    async def without_number(self, referent_id: int, now: datetime) -> Sequence[str]:
        """First names of the people whom she sees, and whose number said "this is not me"."""
        covered = covered_by(referent_id, now).subquery()
        denied = exists().where(
            conversation.c.channel == Channel.SMS.value,
            conversation.c.address_index == beneficiary.c.phone_index,
            conversation.c.unbound,
        )
        hers = beneficiary.c.referent_id.in_(select(covered.c.id))
        rows = await self.db.execute(select(beneficiary.c.first_name_sealed).where(hers, denied))
        return [self.cipher.open(sealed) for sealed in rows.scalars()]

    async def person(self, referent_id: int, pseudonym: str, now: datetime) -> PersonRow | None:
        """None when there is no such person, or when she is not hers to see."""
        one = _rows(now).where(conversation.c.pseudonym == pseudonym, visible_to(referent_id, now))
        return next(iter(await self._person_rows(one)), None)

    # one person's page; who asks was checked before

    async def said(self, conversation_id: int, before: int = 0, limit: int = 100) -> Sequence[Said]:
        """The last messages, oldest first; those before message `before` when it is given."""
        here = [message.c.conversation_id == conversation_id]
        if before:
            here.append(message.c.id < before)
        rows = await self.db.execute(
            select(message, referent.c.name_sealed)
            .outerjoin(referent, referent.c.id == message.c.written_by)
            .where(*here)
            .order_by(message.c.id.desc())
            .limit(limit)
        )
        found = rows.mappings().all()
        replies = await self._replies_to([row["id"] for row in found if row["direction"] == "in"])
        return [self._said_row(row, replies.get(row["id"], row["responses"])) for row in reversed(found)]

    async def has_just_written(
        self, conversation_id: int, referent_id: int, text: str, since: datetime
    ) -> bool:
        """The last words of this referent to her were these, later than `since`, sent or waiting for the morning.

        Whoever asks at the same time waits for the end of this transaction: a double click is two requests.
        """
        here = select(conversation.c.id).where(conversation.c.id == conversation_id)
        await self.db.execute(here.with_for_update())
        sent = select(message.c.text_sealed).where(
            message.c.conversation_id == conversation_id,
            message.c.written_by == referent_id,
            message.c.created_at > since,
        )
        last = (await self.db.execute(sent.order_by(message.c.id.desc()).limit(1))).scalar()
        if last is not None and self.cipher.open(last) == text:
            return True
        waiting = select(notice.c.values_sealed).where(
            notice.c.conversation_id == conversation_id,
            notice.c.kind == "written",
            notice.c.created_at > since,
        )
        for sealed in (await self.db.execute(waiting.order_by(notice.c.id.desc()))).scalars():
            values = self.cipher.open_json(sealed)
            if values["referent_id"] == referent_id:
                return bool(values["text"] == text)
        return False

    async def opt_outs(self, conversation_id: int) -> Sequence[StopRow]:
        """Whole ones, newest first, the ended ones too."""
        hers = select(opt_out).where(opt_out.c.conversation_id == conversation_id, opt_out.c.topic == ALL)
        rows = await self.db.execute(hers.order_by(opt_out.c.id.desc()))
        return [StopRow(r["at"], r["source"], r["ended_at"]) for r in rows.mappings()]

    async def _replies_to(self, inbound_ids: Sequence[int]) -> Mapping[int, Sequence[str]]:
        """id of a message of hers → the responses that answered it."""
        answers = select(message.c.in_reply_to, message.c.responses).where(
            message.c.in_reply_to.in_(inbound_ids)
        )
        return {row["in_reply_to"]: row["responses"] for row in (await self.db.execute(answers)).mappings()}

    def _said_row(self, row: Mapping[Any, Any], responses: Sequence[str]) -> Said:
        between = about_obstacles(responses)
        return Said(
            id=row["id"],
            hers=row["direction"] == "in",
            text="" if row["personal"] or between else self.cipher.open(row["text_sealed"]),
            at=row["created_at"],
            personal=row["personal"],
            told_the_robot=between,
            status=row["status"],
            error_code=row["error_code"],
            by=Referent("", self.cipher.open(row["name_sealed"])).first_name,
            media=row["media"],
        )

    async def _person_rows(self, query: Select[Any]) -> Sequence[PersonRow]:
        rows = (await self.db.execute(query)).mappings().all()
        asked = await self._who_asked([row["id"] for row in rows])
        return [self._person_row(row, *asked.get(row["id"], ("", None))) for row in rows]

    async def _who_asked(self, conversation_ids: Sequence[int]) -> Mapping[int, tuple[str, datetime]]:
        """Conversation → (why she waits for a call, since when), the most urgent request of each."""
        hers = select(callback.c.conversation_id, callback.c.reason, callback.c.at).where(
            callback.c.closed_at.is_(None),
            callback.c.reason.in_(ASK_FOR_A_CALL),
            callback.c.conversation_id.in_(conversation_ids),
        )
        found: dict[int, tuple[str, datetime]] = {}
        for row in (await self.db.execute(hers.order_by(callback.c.id))).mappings():
            first = found.get(row["conversation_id"])
            if first is None or (row["reason"] == "danger" and first[0] != "danger"):
                found[row["conversation_id"]] = (row["reason"], row["at"])
        return found

    def _person_row(self, row: Mapping[Any, Any], asked: str, asked_at: datetime | None) -> PersonRow:
        return PersonRow(
            conversation_id=row["id"],
            pseudonym=row["pseudonym"],
            first_name=self.cipher.open(row["first_name_sealed"]),
            phone=self.cipher.open(row["address_sealed"]) if row["channel"] == Channel.SMS.value else "",
            commune=row["commune"] or "",
            language=row["language"] or row["b_language"] or "",
            bound=row["b_id"] is not None,
            referent_id=row["referent_id"],
            next_appointment=row["next_appointment"],
            stopped=row["stopped"],
            number_failed=row["number_error"] is not None,
            last_failed=row["last_status"] in FAILED,
            asked=asked,
            asked_at=asked_at,
            taken_by=row["taken_by"],
        )


def _rows(now: datetime) -> Select[Any]:
    coming = select(func.min(appointment.c.starts_at)).where(
        appointment.c.conversation_id == conversation.c.id,
        appointment.c.status == Status.BOOKED.value,
        appointment.c.ends_at > now,
    )
    tried = select(message.c.status).where(
        message.c.conversation_id == conversation.c.id,
        message.c.direction == "out",
        message.c.status.not_in(("queued", "cancelled")),
    )
    last = tried.order_by(message.c.id.desc()).limit(1)
    stopped = exists().where(
        opt_out.c.conversation_id == conversation.c.id,
        opt_out.c.topic == "all",
        opt_out.c.ended_at.is_(None),
    )
    return select(
        conversation.c.id,
        conversation.c.pseudonym,
        conversation.c.channel,
        conversation.c.address_sealed,
        conversation.c.language,
        conversation.c.number_error,
        conversation.c.taken_by,
        beneficiary.c.id.label("b_id"),
        beneficiary.c.first_name_sealed,
        beneficiary.c.language.label("b_language"),
        beneficiary.c.commune,
        beneficiary.c.referent_id,
        coming.correlate(conversation).scalar_subquery().label("next_appointment"),
        stopped.correlate(conversation).label("stopped"),
        last.correlate(conversation).scalar_subquery().label("last_status"),
    ).select_from(with_her())
