"""What is held about a person, opened: counted for her, whole for whoever asks for a copy.

A number that is bound to nobody gets what it wrote itself, and nothing of who had it before.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.adapters.database.engine import InlineConnection
from gateway.adapters.database.tables import (
    access,
    appointment,
    beneficiary,
    callback,
    consent,
    conversation,
    follow_up,
    message,
    notice,
    nudge,
    opt_out,
    referent,
    waiting,
)
from gateway.adapters.encryption import Cipher
from gateway.domain.appointment import Appointment
from gateway.domain.conversation import Channel, Conversation
from gateway.domain.obstacle import SharedObstacle
from gateway.domain.privacy import Held

if TYPE_CHECKING:
    from gateway.adapters.database.store import DatabaseStore

Rows = Sequence[Mapping[str, Any]]
DENIED = "utter_not_me"  # "this is not me": what was written before is somebody else's


class DatabaseRecords:
    """The `Records` port: each question in a transaction of its own."""

    def __init__(self, store: "DatabaseStore") -> None:
        self._store = store

    async def held(self, who: Conversation, now: datetime) -> Held:
        async with self._store.transaction() as tx:
            return await tx.held(who, now)


class HeldRows:
    db: AsyncConnection | InlineConnection
    cipher: Cipher

    async def conversation_at(self, channel: Channel, address: str, now: datetime, language: str = "") -> int:
        raise NotImplementedError

    async def find_conversation(self, channel: Channel, address: str) -> int | None:
        raise NotImplementedError

    async def shared_obstacles(self, conversation_id: int) -> Sequence[SharedObstacle]:
        raise NotImplementedError

    async def upcoming(self, conversation_id: int, now: datetime) -> Sequence[Appointment]:
        raise NotImplementedError

    async def known_at(self, phone: str, now: datetime) -> int | None:
        """Her conversation by SMS; None when nothing is held about this number. Who was imported alone gets one."""
        found = await self.find_conversation(Channel.SMS, phone)
        if found is None:
            hers = select(beneficiary.c.id).where(beneficiary.c.phone_index == self.cipher.index(phone))
            if (await self.db.execute(hers)).first():
                return await self.conversation_at(Channel.SMS, phone, now)
        return found

    async def held(self, who: Conversation, now: datetime) -> Held:
        wrote = and_(
            message.c.conversation_id == who.id, message.c.direction == "in",
            message.c.id > await self._denied_at(who.id),
        )  # fmt: skip
        said = select(func.count().label("n"), func.min(message.c.created_at).label("since")).where(wrote)
        found = (await self.db.execute(said)).mappings().one()
        since = found["since"]
        meets = select(func.count()).select_from(appointment).where(_her_appointments(who))
        meetings = int((await self.db.execute(meets)).scalar_one())
        coming = len(await self.upcoming(who.id, now))
        return Held(found["n"], since.date() if since else None, meetings, len(who.shared), coming)

    async def held_rows(self, who: Conversation) -> Mapping[str, Any]:
        """By subject, a list of rows each; see usecases/privacy.py for what they are called in French."""
        own = {"messages": await self._held_said(who), "appointments": await self._held_meetings(who)}
        here = who.id
        own["opt_outs"] = await self._held_rows(
            opt_out, opt_out.c.conversation_id == here, "topic source at ended_at"
        )
        if who.beneficiary is None:
            return {"conversation": await self._held_conversation(here), **own}
        return {
            "person": await self._held_person(who.beneficiary.id),
            "conversation": await self._held_conversation(here),
            **own,
            "obstacles": [one.to_json() for one in await self.shared_obstacles(here)],
            "consents": await self._held_consents(here),
            "nudges": await self._held_rows(
                nudge,
                nudge.c.conversation_id == here,
                "kind planned_at state why said_at answered_at acted_at",
            ),
            "follow_ups": await self._held_follow_ups(here),
            "callbacks": await self._held_rows(
                callback, callback.c.conversation_id == here, "reason at closed_at"
            ),
            "notices": await self._held_rows(
                notice, notice.c.conversation_id == here, "kind created_at done_at"
            ),
            "waiting": await self._held_rows(waiting, waiting.c.conversation_id == here, "since"),
            "accesses": await self._held_accesses(here),
        }

    async def _denied_at(self, conversation_id: int) -> int:
        """The last message that said "this is not me"; 0 when none did."""
        kept = select(conversation.c.unbound).where(conversation.c.id == conversation_id)
        if not (await self.db.execute(kept)).scalar():
            return 0
        ours = select(message.c.id, message.c.responses).where(
            message.c.conversation_id == conversation_id, message.c.direction == "out"
        )
        return max((row.id for row in await self.db.execute(ours) if DENIED in row.responses), default=2**62)

    async def _held_person(self, beneficiary_id: int) -> Rows:
        found = (
            select(beneficiary, referent.c.name_sealed)
            .outerjoin(referent, referent.c.id == beneficiary.c.referent_id)
            .where(beneficiary.c.id == beneficiary_id)
        )
        return [
            {
                "first_name": self.cipher.open(row["first_name_sealed"]),
                "phone": self.cipher.open(row["phone_sealed"]),
                **_named(row, "language postal_code commune audience external_id"),
                "referent": self.cipher.open(row["name_sealed"]),
            }
            for row in (await self.db.execute(found)).mappings()
        ]

    async def _held_conversation(self, conversation_id: int) -> Rows:
        found = select(conversation).where(conversation.c.id == conversation_id)
        return [
            {
                "phone": self.cipher.open(row["address_sealed"]),
                **_named(row, "language created_at last_turn_at nudge_hour"),
                "commune": self.cipher.open_json(row["state_sealed"]).get("commune", ""),
            }
            for row in (await self.db.execute(found)).mappings()
        ]

    async def _held_said(self, who: Conversation) -> Rows:
        """Hers alone where nobody knows whose number it is."""
        here = [message.c.conversation_id == who.id, message.c.id > await self._denied_at(who.id)]
        if who.beneficiary is None:
            here.append(message.c.direction == "in")
        found = (
            select(message, referent.c.name_sealed)
            .outerjoin(referent, referent.c.id == message.c.written_by)
            .where(*here)
            .order_by(message.c.id)
        )
        return [
            {
                **_named(row, "created_at direction status"),
                "text": self.cipher.open(row["text_sealed"]),
                "erased": row["erased_at"] is not None or row["personal"],
                "written_by": self.cipher.open(row["name_sealed"]),
            }
            for row in (await self.db.execute(found)).mappings()
        ]

    async def _held_meetings(self, who: Conversation) -> Rows:
        found = (
            select(appointment, referent.c.name_sealed)
            .join(referent, referent.c.id == appointment.c.referent_id)
            .where(_her_appointments(who))
            .order_by(appointment.c.starts_at)
        )
        columns = "starts_at ends_at kind place status source created_at"
        return [
            {**_named(row, columns), "referent": self.cipher.open(row["name_sealed"])}
            for row in (await self.db.execute(found)).mappings()
        ]

    async def _held_consents(self, conversation_id: int) -> Rows:
        """Their history: what each was about is known while it is shared, and is only a keyed index after."""
        about = {
            self.cipher.index(f"{conversation_id}:{one.kind}"): one.kind
            for one in await self.shared_obstacles(conversation_id)
        }
        rows = await self._held_rows(
            consent, consent.c.conversation_id == conversation_id,
            "purpose subject_index given_at channel version withdrawn_at",
        )  # fmt: skip
        return [{**row, "subject_index": about.get(row["subject_index"], "")} for row in rows]

    async def _held_follow_ups(self, conversation_id: int) -> Rows:
        rows = await self._held_rows(
            follow_up, follow_up.c.conversation_id == conversation_id,
            "about opened_at due_on closed_at outcome values_sealed",
        )  # fmt: skip
        kept = "about opened_at due_on closed_at outcome"
        return [
            {**_named(row, kept), "kind": self.cipher.open_json(row["values_sealed"]).get("kind", "")}
            for row in rows
        ]

    async def _held_accesses(self, conversation_id: int) -> Rows:
        found = (
            select(access, referent.c.name_sealed)
            .join(referent, referent.c.id == access.c.referent_id)
            .where(access.c.conversation_id == conversation_id)
            .order_by(access.c.id)
        )
        return [
            {**_named(row, "at action"), "by": self.cipher.open(row["name_sealed"])}
            for row in (await self.db.execute(found)).mappings()
        ]

    async def _held_rows(self, table: Any, where: ColumnElement[bool], columns: str) -> Rows:
        rows = await self.db.execute(select(table).where(where).order_by(table.c.id))
        return [_named(row, columns) for row in rows.mappings()]


def _named(row: Mapping[Any, Any], columns: str) -> dict[str, Any]:
    return {name: row[name] for name in columns.split()}


def _her_appointments(who: Conversation) -> ColumnElement[bool]:
    here = and_(appointment.c.conversation_id == who.id, appointment.c.beneficiary_id.is_(None))
    return here if who.beneficiary is None else or_(here, appointment.c.beneficiary_id == who.beneficiary.id)
