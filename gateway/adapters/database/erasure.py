"""Forgetting a person: what is hers goes at once, her emptied conversation when the last words to her have left.

On SQLite the number of a row may come back once the row is gone: whatever names a row by its number (keys of mails,
jobs) goes with it. A mail stays as an empty shell, because its own number is on what a mail server keeps.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, String, Table, and_, cast, delete, func, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.adapters.database.engine import InlineConnection
from gateway.adapters.database.external import external_event
from gateway.adapters.database.tables import (
    access,
    appointment,
    beneficiary,
    callback,
    consent,
    conversation,
    early_status,
    event,
    follow_up,
    hold,
    job,
    leftover,
    mail,
    message,
    notice,
    nudge,
    obstacle,
    occupied,
    opt_out,
    waiting,
)
from gateway.adapters.encryption import Cipher
from gateway.domain.conversation import Channel, Conversation
from gateway.domain.privacy import CALENDARS_WAIT, GOODBYE, Leftover

FORGOTTEN = "forgotten:"  # how the key of a mail that named her begins: it is emptied once it has left
_HERS = (callback, follow_up, obstacle, consent, hold, waiting, notice, access)
_STILL_TOLD = ("appointment", "callback")  # mails that somebody waits for, even about who is forgotten
_EMPTY = {
    "language": "", "language_sure": False, "state_sealed": None, "reminded_on": "", "number_error": None,
    "last_turn_at": None, "taken_by": None, "taken_at": None, "nudge_hour": None, "warned_at": None,
}  # fmt: skip


class Erasure:
    db: AsyncConnection | InlineConnection
    cipher: Cipher

    @property
    def insert(self) -> Any:
        raise NotImplementedError

    async def alone_with(self, conversation_id: int) -> None:
        raise NotImplementedError

    async def keep_refusals(self, conversation_id: int, address_index: str, unbound: bool) -> None:
        raise NotImplementedError

    async def conversation_at(self, channel: Channel, address: str, now: datetime, language: str = "") -> int:
        raise NotImplementedError

    async def _pass_on(self, number: int, its: Sequence[tuple[int, int]]) -> None:
        raise NotImplementedError

    async def forget_questions_of(self, conversation_id: int) -> None:
        raise NotImplementedError

    async def erase(self, who: Conversation, now: datetime, answering: int = 0) -> None:
        """All but her conversation, emptied: the last words leave from it. Then see `vanish`.

        Stay, until then: her message `answering`, without its words (the carrier may deliver it again), what the
        carrier is sending at this moment, an appointment that her referent's calendar still shows. What she wrote
        since, and STOP, stay as they are.
        """
        await self.alone_with(who.id)
        hers = who.beneficiary.id if who.beneficiary else None
        meetings = await self._ids(appointment, _her_appointments(who.id, hers))
        await self._empty_mails(who.id, meetings, now)
        await self._drop_jobs(who.id, meetings)
        await self._drop_rows(who.id, hers)
        await self.forget_questions_of(who.id)
        await self._drop_messages(who, now, answering)
        await self._drop_appointments(who.id, meetings, now)
        await self._leave_others(who, hers, now)
        if hers is not None:
            await self._drop_person(hers)
        await self._add_leftovers("assistant", [who.pseudonym], now)
        await self.db.execute(
            update(conversation)
            .where(conversation.c.id == who.id)
            .values(**_EMPTY, pseudonym=secrets.token_hex(8), created_at=now)
        )

    async def vanish(self, conversation_id: int, now: datetime) -> bool:
        """The last words, then the conversation, unless she has written again. False: not all has left, come back."""
        await self.alone_with(conversation_id)
        found = await self.db.execute(select(conversation).where(conversation.c.id == conversation_id))
        kept = found.mappings().first()
        if kept is None:
            return True
        since, channel = kept["created_at"], Channel(kept["channel"])
        here = select(message).where(message.c.conversation_id == conversation_id)
        rows = (await self.db.execute(here)).mappings().all()
        last = [
            row for row in rows
            if row["direction"] == "out" and (row["created_at"] < since or GOODBYE in row["responses"])
        ]  # fmt: skip
        if any(row["status"] == "queued" for row in last):
            return False
        gone = {row["id"] for row in last} | {row["in_reply_to"] for row in last}
        sids = [row["sid"] for row in rows if row["id"] in gone]
        await self.db.execute(delete(nudge).where(nudge.c.conversation_id == conversation_id))
        await self.db.execute(delete(message).where(message.c.id.in_([id_ for id_ in gone if id_])))
        await self._forget_sids(channel, sids, since)
        before = and_(appointment.c.conversation_id == conversation_id, appointment.c.created_at <= since)
        told_of = await self._ids(appointment, before)
        if now - since >= CALENDARS_WAIT:
            await self.db.execute(delete(event).where(event.c.appointment_id.in_(told_of)))
        await self._drop_appointments(conversation_id, told_of, now)
        if await self._ids(appointment, before):
            return False
        hers = select(beneficiary.c.id).where(beneficiary.c.phone_index == kept["address_index"])
        if len(rows) > len(gone - {None}) or (await self.db.execute(hers)).first():
            return True
        await self._close(conversation_id, kept["address_index"], channel, kept["unbound"])
        return True

    async def leftovers(self, limit: int) -> Sequence[Leftover]:
        """Rasa's first, then those tried least."""
        order = select(leftover).order_by(leftover.c.place, leftover.c.tries, leftover.c.id).limit(limit)
        rows = (await self.db.execute(order)).mappings()
        return [Leftover(row["id"], row["place"], row["name"], row["since"]) for row in rows]

    async def leftover_is_gone(self, leftover_id: int) -> None:
        await self.db.execute(delete(leftover).where(leftover.c.id == leftover_id))

    async def leftover_stays(self, leftover_id: int) -> None:
        tried = update(leftover).where(leftover.c.id == leftover_id)
        await self.db.execute(tried.values(tries=leftover.c.tries + 1))

    async def _close(self, conversation_id: int, index: str, channel: Channel, unbound: bool) -> None:
        """Of the number, what must not be written there is all that stays."""
        if channel is Channel.SMS:
            await self.keep_refusals(conversation_id, index, unbound)
        await self._drop_rows(conversation_id, None)
        await self.db.execute(delete(opt_out).where(opt_out.c.conversation_id == conversation_id))
        kinds = ("converse", "deliver", "forget", "give_back", "vanish")
        await self.db.execute(delete(job).where(job.c.kind.in_(kinds), job.c.subject == conversation_id))
        await self.db.execute(delete(conversation).where(conversation.c.id == conversation_id))

    async def _ids(self, table: Table, where: ColumnElement[bool]) -> list[int]:
        return list((await self.db.execute(select(table.c.id).where(where).order_by(table.c.id))).scalars())

    async def _empty_mails(self, conversation_id: int, meetings: Sequence[int], now: datetime) -> None:
        """What named her in them. One that has not left and is waited for leaves first: see `mark_mail_sent`."""
        here = conversation_id
        written = await self._ids(message, message.c.conversation_id == here)
        told = await self._ids(notice, notice.c.conversation_id == here)
        nudged = await self._ids(nudge, nudge.c.conversation_id == here)
        booked = {*meetings, *await self._ids(appointment, appointment.c.conversation_id == here)}
        keys = [f"number:{here}", *(f"{what}:{one}" for one in written for what in ("callback", "obstacle"))]
        keys += [*(f"untold:{one}" for one in told), *(f"silent:{one}" for one in nudged)]
        begins = [
            *(f"{what}:{here}:" for what in ("reply", "unbound", "pace", "undelivered")),
            *(f"appointment:{one}:" for one in booked),
        ]
        named = await self._ids(
            mail, or_(mail.c.key.in_(keys), *(mail.c.key.startswith(b, autoescape=True) for b in begins))
        )
        waited_for = and_(mail.c.sent_at.is_(None), mail.c.template.in_(_STILL_TOLD))
        empty = {"values_sealed": self.cipher.seal_json({}), "to_sealed": self.cipher.seal("")}
        of_her = update(mail).where(mail.c.id.in_(named))
        done = {"sent_at": func.coalesce(mail.c.sent_at, now), "erased_at": now}
        await self.db.execute(of_her.where(~waited_for).values(**done, **empty))
        await self.db.execute(of_her.values(key=literal(FORGOTTEN).concat(cast(mail.c.id, String))))

    async def _drop_jobs(self, conversation_id: int, meetings: Sequence[int]) -> None:
        of = {
            "notice": await self._ids(notice, notice.c.conversation_id == conversation_id),
            "follow": await self._ids(follow_up, follow_up.c.conversation_id == conversation_id),
            "remind": meetings, "forget": [conversation_id], "give_back": [conversation_id],
        }  # fmt: skip
        for kind, subjects in of.items():
            await self.db.execute(delete(job).where(job.c.kind == kind, job.c.subject.in_(subjects)))

    async def _drop_rows(self, conversation_id: int, hers: int | None) -> None:
        """A nudge that the carrier may be sending stays: without it its message would be sent again."""
        for table in _HERS:
            await self.db.execute(delete(table).where(table.c.conversation_id == conversation_id))
        leaving = select(message.c.id).where(
            message.c.conversation_id == conversation_id, message.c.status == "queued", message.c.unsure
        )
        still = and_(nudge.c.message_id.is_not(None), nudge.c.message_id.in_(leaving))
        await self.db.execute(delete(nudge).where(nudge.c.conversation_id == conversation_id, ~still))
        if hers is not None:  # by another number of hers
            await self.db.execute(delete(nudge).where(nudge.c.beneficiary_id == hers, ~still))
            await self.db.execute(delete(follow_up).where(follow_up.c.beneficiary_id == hers))
        ended = opt_out.c.conversation_id == conversation_id, opt_out.c.ended_at.is_not(None)
        await self.db.execute(delete(opt_out).where(*ended))

    async def _drop_messages(self, who: Conversation, now: datetime, answering: int) -> None:
        here = message.c.conversation_id == who.id
        stays = or_(
            message.c.id == answering,
            and_(message.c.direction == "in", message.c.status == "received"),
            and_(message.c.direction == "out", message.c.status == "queued", message.c.unsure),
        )
        sids = list((await self.db.execute(select(message.c.sid).where(here, ~stays))).scalars())
        leaving = update(message).where(here, stays, message.c.direction == "out")
        await self.db.execute(leaving.values(in_reply_to=answering or None))
        await self.db.execute(delete(message).where(here, ~stays))
        blank = {"text_sealed": self.cipher.seal(""), "media": 0, "erased_at": now}
        await self.db.execute(update(message).where(message.c.id == answering).values(**blank))
        await self._forget_sids(who.channel, sids, now)

    async def _forget_sids(self, channel: Channel, sids: Sequence[str | None], now: datetime) -> None:
        """The carrier's own numbers: those of a page are ours, a call's is no message."""
        known = [sid for sid in sids if sid and sid[:2] in ("SM", "MM") and channel is Channel.SMS]
        await self.db.execute(delete(early_status).where(early_status.c.sid.in_(known)))
        await self._add_leftovers("carrier", known, now)

    async def _add_leftovers(self, place: str, names: Sequence[str], now: datetime) -> None:
        if names:
            rows = [{"place": place, "name": name, "since": now, "tries": 0} for name in names]
            await self.db.execute(self.insert(leftover), rows)

    async def _drop_appointments(self, conversation_id: int, meetings: Sequence[int], now: datetime) -> None:
        """Not one that a calendar must still be told of; it stays here, without a name."""
        written = select(event.c.appointment_id)
        told_of = await self._ids(
            appointment,
            and_(appointment.c.id.in_(meetings), appointment.c.ends_at > now, appointment.c.id.in_(written)),
        )
        for one in meetings:
            held = select(occupied.c.referent_id, occupied.c.cell).where(occupied.c.appointment_id == one)
            if cells := [(row.referent_id, row.cell) for row in await self.db.execute(held)]:
                await self._pass_on(one, sorted(cells))
        over = [one for one in meetings if one not in told_of]
        await self.db.execute(delete(event).where(event.c.appointment_id.in_(over)))
        await self._forget_news("rdv", await self._alone_there(over))
        await self.db.execute(delete(appointment).where(appointment.c.id.in_(over)))
        nobodys = {"beneficiary_id": None, "conversation_id": conversation_id, "url_sealed": None}
        await self.db.execute(update(appointment).where(appointment.c.id.in_(told_of)).values(**nobodys))

    async def _alone_there(self, meetings: Sequence[int]) -> Sequence[str]:
        """Numbers in another tool of these appointments, but for those that somebody else is expected to."""
        others = appointment.alias("others")
        shared = select(others.c.external_id).where(others.c.id.not_in(meetings))
        theirs = select(appointment.c.external_id).where(
            appointment.c.id.in_(meetings), appointment.c.external_id != "",
            appointment.c.external_id.not_in(shared),
        )  # fmt: skip
        return list((await self.db.execute(theirs)).scalars())

    async def _forget_news(self, what: str, numbers: Sequence[str]) -> None:
        its = external_event.c.what == what, external_event.c.external_id.in_(numbers)
        await self.db.execute(delete(external_event).where(*its))

    async def _drop_person(self, hers: int) -> None:
        number = select(beneficiary.c.external_id).where(beneficiary.c.id == hers)
        if external_id := (await self.db.execute(number)).scalar():
            for what in ("user", "follows"):
                await self._forget_news(what, [external_id])
        await self.db.execute(delete(beneficiary).where(beneficiary.c.id == hers))

    async def _leave_others(self, who: Conversation, hers: int | None, now: datetime) -> None:
        """Somebody had this number before: what is booked for that person stays, and the number is no longer hers."""
        theirs: ColumnElement[bool] = appointment.c.beneficiary_id.is_not(None)
        if hers is not None:
            theirs = and_(theirs, appointment.c.beneficiary_id != hers)
        kept = await self._ids(appointment, and_(appointment.c.conversation_id == who.id, theirs))
        if kept:
            nobody = await self.conversation_at(Channel.WEB, "", now)
            moved = update(appointment).where(appointment.c.id.in_(kept))
            await self.db.execute(moved.values(conversation_id=nobody))
        if who.channel is Channel.SMS:
            had = beneficiary.c.phone_index == self.cipher.index(who.address)
            for one in await self._ids(
                beneficiary, had if hers is None else and_(had, beneficiary.c.id != hers)
            ):
                nobodys = {
                    "phone_index": self.cipher.index(f"nobody:{one}"),
                    "phone_sealed": self.cipher.seal(""),
                    "no_number_since": now,
                }
                await self.db.execute(update(beneficiary).where(beneficiary.c.id == one).values(**nobodys))


def _her_appointments(conversation_id: int, hers: int | None) -> ColumnElement[bool]:
    here = and_(appointment.c.conversation_id == conversation_id, appointment.c.beneficiary_id.is_(None))
    return here if hers is None else or_(here, appointment.c.beneficiary_id == hers)
