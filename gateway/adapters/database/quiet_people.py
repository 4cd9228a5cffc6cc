"""Of whom nothing was heard: people, told of a month before they are erased, and referents who are gone."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, and_, exists, or_, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.adapters.database.engine import InlineConnection
from gateway.adapters.database.tables import (
    absence,
    appointment,
    beneficiary,
    conversation,
    message,
    opening,
    referent,
    session,
    sign_in,
)
from gateway.adapters.encryption import Cipher
from gateway.domain.conversation import Channel

_AT_MOST = 10_000  # numbers in one statement


class QuietPeople:
    db: AsyncConnection | InlineConnection
    cipher: Cipher

    async def conversation_at(self, channel: Channel, address: str, now: datetime, language: str = "") -> int:
        raise NotImplementedError

    async def start_counting(self, now: datetime, limit: int) -> None:
        """Another tool made them known and nobody ever wrote, or nobody can: their time begins at the first look."""
        begun = exists().where(
            conversation.c.channel == Channel.SMS.value,
            conversation.c.address_index == beneficiary.c.phone_index,
        )
        new = select(beneficiary.c.id, beneficiary.c.phone_sealed).where(
            ~begun, beneficiary.c.no_number_since.is_(None)
        )
        for row in (await self.db.execute(new.order_by(beneficiary.c.id.desc()).limit(limit))).all():
            if phone := self.cipher.open(row.phone_sealed):
                await self.conversation_at(Channel.SMS, phone, now)
            else:
                hers = update(beneficiary).where(beneficiary.c.id == row.id)
                await self.db.execute(hers.values(no_number_since=now))

    async def look_for_referents(self, now: datetime) -> None:
        """Who follows nobody, receives nobody and never signs in: her time begins at the first look, or ends."""
        still = or_(
            exists().where(beneficiary.c.referent_id == referent.c.id),
            exists().where(appointment.c.referent_id == referent.c.id, appointment.c.ends_at >= now),
            exists().where(absence.c.substitute_id == referent.c.id, absence.c.ends_at >= now),
            exists().where(session.c.referent_id == referent.c.id),
            exists().where(sign_in.c.referent_id == referent.c.id),
            exists().where(
                opening.c.referent_id == referent.c.id,
                or_(
                    opening.c.day >= now.date(),
                    and_(opening.c.weekly, or_(opening.c.until.is_(None), opening.c.until >= now.date())),
                ),
            ),
        )
        since = referent.c.idle_since
        await self.db.execute(update(referent).where(since.is_not(None), still).values(idle_since=None))
        await self.db.execute(update(referent).where(since.is_(None), ~still).values(idle_since=now))

    async def heard_again(self) -> None:
        """Who gave a sign of life after her referent was told starts anew."""
        told = conversation.c.warned_at
        wrote = exists().where(
            message.c.conversation_id == conversation.c.id, message.c.direction == "in",
            message.c.created_at >= told,
        )  # fmt: skip
        hers = select(beneficiary.c.id).where(beneficiary.c.phone_index == conversation.c.address_index)
        met = exists().where(
            or_(
                appointment.c.conversation_id == conversation.c.id,
                appointment.c.beneficiary_id.in_(hers.correlate(conversation)),
            ),
            appointment.c.ends_at >= told,
        )
        again = update(conversation).where(told.is_not(None), or_(wrote, met))
        await self.db.execute(again.values(warned_at=None))

    async def warned(self, conversation_ids: Sequence[int], now: datetime) -> None:
        """Who follows them was told that they will be erased."""
        for first in range(0, len(conversation_ids), _AT_MOST):
            some = conversation_ids[first : first + _AT_MOST]
            told = update(conversation).where(conversation.c.id.in_(some))
            await self.db.execute(told.values(warned_at=now))

    async def unwarned_people(self, before: datetime) -> Sequence[tuple[int, int | None]]:
        """As `quiet_people`: those of whom nobody was told yet."""
        return await self._quiet(Channel.SMS, before, conversation.c.warned_at.is_(None))

    async def warned_people(
        self, before: datetime, told_before: datetime, limit: int
    ) -> Sequence[tuple[int, int | None]]:
        """As `quiet_people`: those of whom who follows them was told so long ago."""
        return await self._quiet(Channel.SMS, before, conversation.c.warned_at <= told_before, limit)

    async def quiet_people(
        self, channel: Channel, before: datetime, limit: int
    ) -> Sequence[tuple[int, int | None]]:
        """(conversation, who follows her) of those of whom nothing was heard since."""
        return await self._quiet(channel, before, true(), limit)

    async def _quiet(
        self, channel: Channel, before: datetime, also: ColumnElement[bool], limit: int | None = None
    ) -> Sequence[tuple[int, int | None]]:
        wrote = exists().where(
            message.c.conversation_id == conversation.c.id, message.c.direction == "in",
            message.c.created_at >= before,
        )  # fmt: skip
        met = exists().where(
            or_(
                appointment.c.conversation_id == conversation.c.id,
                appointment.c.beneficiary_id == beneficiary.c.id,
            ),
            appointment.c.ends_at >= before,
        )
        bound = and_(
            beneficiary.c.phone_index == conversation.c.address_index,
            conversation.c.channel == Channel.SMS.value, ~conversation.c.unbound,
        )  # fmt: skip
        quiet = (
            select(conversation.c.id, beneficiary.c.referent_id)
            .select_from(conversation.outerjoin(beneficiary, bound))
            .where(
                conversation.c.channel == channel.value, conversation.c.created_at < before,
                conversation.c.address_index != self.cipher.index(""), also,
                ~wrote.correlate(conversation), ~met.correlate(conversation, beneficiary),
            )
            .order_by(conversation.c.id)
            .limit(limit)
        )  # fmt: skip
        return [(row.id, row.referent_id) for row in await self.db.execute(quiet)]
