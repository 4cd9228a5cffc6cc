"""Conversations: one person on one channel, and where she stands."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.adapters.database.engine import InlineConnection
from gateway.adapters.database.refusals import Refusals
from gateway.adapters.database.tables import (
    UtcDateTime,
    appointment,
    beneficiary,
    callback,
    conversation,
    opt_out,
    referent,
)
from gateway.adapters.encryption import Cipher
from gateway.domain.conversation import Channel, Conversation, Outcome, State
from gateway.domain.people import ASK_FOR_A_CALL, Beneficiary, Referent

# A call back asked for less than a day ago is "already noted": the referent gets one mail, not ten.
ASKED_LATELY = timedelta(days=1)
ALL = "all"  # the topic of a whole STOP


def bound_to_her() -> ColumnElement[bool]:
    """The one rule of who may be told anything personal: her number, by SMS, not given up since."""
    return and_(
        beneficiary.c.phone_index == conversation.c.address_index,
        conversation.c.channel == Channel.SMS.value,
        conversation.c.unbound.is_(False),
    )


@cache  # building a statement costs more than running it: built once, its values come with each call
def _with_people() -> Select[Any]:
    """Conversations, the person and referent bound to each number, and what is open about it."""
    stopped = select(func.count()).where(
        opt_out.c.conversation_id == conversation.c.id,
        opt_out.c.topic == "all",
        opt_out.c.ended_at.is_(None),
    )
    asked = select(func.count()).where(
        callback.c.conversation_id == conversation.c.id,
        callback.c.closed_at.is_(None),
        callback.c.reason.in_(ASK_FOR_A_CALL),  # "I will be late" asks nobody to call
        callback.c.at > bindparam("asked_since", type_=UtcDateTime()),
    )
    people = conversation.outerjoin(beneficiary, bound_to_her()).outerjoin(
        referent, referent.c.id == beneficiary.c.referent_id
    )
    return (
        select(
            conversation,
            stopped.correlate(conversation).scalar_subquery().label("stopped"),
            asked.correlate(conversation).scalar_subquery().label("asked"),
            beneficiary.c.id.label("b_id"),
            beneficiary.c.first_name_sealed,
            beneficiary.c.language.label("b_language"),
            beneficiary.c.postal_code,
            beneficiary.c.commune,
            beneficiary.c.audience,
            beneficiary.c.external_id,
            referent.c.id.label("r_id"),
            referent.c.email_sealed,
            referent.c.name_sealed,
            referent.c.phone_sealed.label("r_phone"),
            referent.c.structure,
        )
        .select_from(people)
        .where(conversation.c.id.in_(bindparam("the_ids", expanding=True)))
    )


class Conversations(Refusals):
    db: AsyncConnection | InlineConnection
    cipher: Cipher

    @property
    def insert(self) -> Any:
        raise NotImplementedError

    # conversations

    async def find_conversation(self, channel: Channel, address: str) -> int | None:
        here = and_(
            conversation.c.channel == channel.value,
            conversation.c.address_index == self.cipher.index(address),
        )
        return (await self.db.execute(select(conversation.c.id).where(here))).scalar()

    async def conversation_at(self, channel: Channel, address: str, now: datetime, language: str = "") -> int:
        """The conversation at this address, made when it is new, in `language` when she chose one.

        It stays until the end of the transaction; one that is being forgotten is waited for, then made anew.
        """
        here = select(conversation.c.id).where(
            conversation.c.channel == channel.value,
            conversation.c.address_index == self.cipher.index(address),
        )
        found = (await self.db.execute(here.with_for_update(read=True, key_share=True))).scalar()
        if found is not None:
            return int(found)
        added = self.insert(conversation).values(
            channel=channel.value,
            address_index=self.cipher.index(address),
            address_sealed=self.cipher.seal(address),
            pseudonym=secrets.token_hex(8),
            language=language,
            language_sure=bool(language),
            created_at=now,
        )
        await self.db.execute(added.on_conflict_do_nothing())
        await self.give_back_refusals(now, self.cipher.index(address))
        return int(await self.find_conversation(channel, address) or 0)

    async def conversation(self, conversation_id: int, now: datetime) -> Conversation:
        return (await self.conversations([conversation_id], now))[conversation_id]

    async def conversations(self, ids: Sequence[int], now: datetime) -> Mapping[int, Conversation]:
        asked = {"the_ids": list(ids), "asked_since": now - ASKED_LATELY}
        rows = (await self.db.execute(_with_people(), asked)).mappings()
        return {row["id"]: self._conversation(row, now) for row in rows}

    def _conversation(self, row: Mapping[Any, Any], now: datetime) -> Conversation:
        opened = self.cipher.open
        address = opened(row["address_sealed"])
        person = row["b_id"] and Beneficiary(
            phone=address,
            first_name=opened(row["first_name_sealed"]),
            language=row["b_language"],
            postal_code=row["postal_code"],
            commune=row["commune"],
            audience=tuple(row["audience"]),
            id=row["b_id"],
            external_id=row["external_id"],
        )
        follows = row["r_id"] and Referent(
            email=opened(row["email_sealed"]),
            name=opened(row["name_sealed"]),
            phone=opened(row["r_phone"]),
            structure=row["structure"],
            id=row["r_id"],
        )
        return Conversation(
            id=row["id"],
            channel=Channel(row["channel"]),
            address=address,
            pseudonym=row["pseudonym"],
            language=row["language"] or (person.language if person else ""),
            language_sure=row["language_sure"] or bool(person and person.language),
            state=State.from_json(self.cipher.open_json(row["state_sealed"])),
            silent_for=now - row["last_turn_at"] if row["last_turn_at"] else None,
            opted_out=row["stopped"] > 0,
            reminded_on=row["reminded_on"],
            callback_open=row["asked"] > 0,
            beneficiary=person or None,
            referent=follows or None,
            taken_by=row["taken_by"],
            number_failed=row["number_error"] is not None,
        )

    async def save_turn(self, before: Conversation, outcome: Outcome, now: datetime) -> None:
        await self.db.execute(
            update(conversation)
            .where(conversation.c.id == before.id)
            .values(
                language=outcome.language or before.language,
                language_sure=outcome.language_sure,
                state_sealed=self.cipher.seal_json(outcome.state.to_json()),
                reminded_on=outcome.reminded_on or before.reminded_on,
                last_turn_at=now,
            )
        )

    async def save_state(self, conversation_id: int, state: State) -> None:
        await self.db.execute(
            update(conversation)
            .where(conversation.c.id == conversation_id)
            .values(state_sealed=self.cipher.seal_json(state.to_json()))
        )

    async def unbind(self, conversation_id: int) -> None:
        """What she booked before we knew her name is hers too: it does not go to who has her number now."""
        her = (
            select(beneficiary.c.id)
            .join(conversation, bound_to_her())
            .where(conversation.c.id == conversation_id)
            .scalar_subquery()
        )
        await self.db.execute(
            update(appointment)
            .where(appointment.c.conversation_id == conversation_id, appointment.c.beneficiary_id.is_(None))
            .values(beneficiary_id=her)
        )
        await self.db.execute(
            update(conversation).where(conversation.c.id == conversation_id).values(unbound=True)
        )

    async def opt_out(self, conversation_id: int, source: str, now: datetime, topic: str = ALL) -> None:
        open_ = await self.db.execute(
            select(opt_out.c.id).where(
                opt_out.c.conversation_id == conversation_id,
                opt_out.c.topic == topic,
                opt_out.c.ended_at.is_(None),
            )
        )
        if open_.first() is None:
            await self.db.execute(
                self.insert(opt_out).values(
                    conversation_id=conversation_id, topic=topic, source=source, at=now
                )
            )

    async def opt_in(self, conversation_id: int, source: str, now: datetime, topic: str = ALL) -> None:
        """START ends them all; a topic, that one alone."""
        open_ = [opt_out.c.conversation_id == conversation_id, opt_out.c.ended_at.is_(None)]
        if topic != ALL:
            open_.append(opt_out.c.topic == topic)
        await self.db.execute(update(opt_out).where(*open_).values(ended_at=now))

    async def number_failed(self, conversation_id: int, code: int | None) -> bool:
        marked = await self.db.execute(
            update(conversation)
            .where(conversation.c.id == conversation_id, conversation.c.number_error.is_(None))
            .values(number_error=code or 0)
        )
        return marked.rowcount == 1

    # reading

    async def by_pseudonym(self, pseudonym: str) -> int | None:
        found = select(conversation.c.id).where(conversation.c.pseudonym == pseudonym)
        return (await self.db.execute(found)).scalar()

    async def sms_conversations(self, address: str | None) -> Sequence[tuple[int, str]]:
        """(id, phone number) of one or all SMS conversations."""
        here = [conversation.c.channel == Channel.SMS.value]
        if address:
            here.append(conversation.c.address_index == self.cipher.index(address))
        rows = await self.db.execute(select(conversation.c.id, conversation.c.address_sealed).where(*here))
        return [(r["id"], self.cipher.open(r["address_sealed"])) for r in rows.mappings()]
