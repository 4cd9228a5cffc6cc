"""Messages, hers and ours, each once, and what the carrier reports of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, exists, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.adapters.database.engine import InlineConnection
from gateway.adapters.database.tables import conversation, early_status, message, nudge
from gateway.adapters.encryption import Cipher
from gateway.domain.conversation import Channel, Conversation, Inbound
from gateway.domain.sms import weigh
from gateway.ports import EarlyReport, Outbound

# Delivery reports may come late or twice: a status never goes back to a lower rank.
_RANK = {"queued": 0, "accepted": 0, "sending": 1, "sent": 2, "delivered": 3, "undelivered": 3, "failed": 3}


def _lower_than(status: str) -> list[str]:
    return [known for known, rank in _RANK.items() if rank < _RANK.get(status, -1)]


class Messages:
    db: AsyncConnection | InlineConnection
    cipher: Cipher

    @property
    def insert(self) -> Any:
        raise NotImplementedError

    # her messages

    async def add_inbound(
        self, conversation_id: int, sid: str, text: str, media: int, carrier_stop: str, now: datetime
    ) -> int | None:
        added = self.insert(message).values(
            conversation_id=conversation_id,
            direction="in",
            sid=sid,
            text_sealed=self.cipher.seal(text),
            media=media,
            carrier_stop=carrier_stop,
            created_at=now,
            segments=weigh(text).segments,
            encoding=weigh(text).encoding,
        )
        return (await self.db.execute(added.on_conflict_do_nothing().returning(message.c.id))).scalar()

    async def unanswered(self, conversation_id: int, limit: int = 100) -> Sequence[Inbound]:
        """Her messages without an answer, in the order they came."""
        waiting = (
            select(message)
            .where(
                message.c.conversation_id == conversation_id,
                message.c.direction == "in",
                message.c.status == "received",
            )
            .order_by(message.c.id)
            .limit(limit)
        )
        return [
            Inbound(r["id"], r["sid"], self.cipher.open(r["text_sealed"]), r["created_at"], r["media"], r["carrier_stop"])
            for r in (await self.db.execute(waiting)).mappings()
        ]  # fmt: skip

    async def next_unanswered(self, conversation_id: int) -> Inbound | None:
        return next(iter(await self.unanswered(conversation_id, 1)), None)

    async def previous_text(self, conversation_id: int, before_id: int) -> str:
        """What she wrote just before this message; "" when it was the first."""
        sealed = (
            await self.db.execute(
                select(message.c.text_sealed)
                .where(
                    message.c.conversation_id == conversation_id,
                    message.c.direction == "in",
                    message.c.id < before_id,
                )
                .order_by(message.c.id.desc())
                .limit(1)
            )
        ).scalar()
        return self.cipher.open(sealed)

    async def close_inbound(self, inbound_id: int, now: datetime, erase: bool = False) -> bool:
        closed = await self.db.execute(
            update(message)
            .where(message.c.id == inbound_id, message.c.status == "received")
            .values(
                status="answered",
                answered_at=now,
                **({"text_sealed": self.cipher.seal(""), "personal": True} if erase else {}),
            )
        )
        return closed.rowcount == 1

    async def erase_personal(self, conversation_id: int) -> bool:
        """What we wrote in a turn about her health or justice goes too, once the conversation is over.

        True when some of it has not been sent yet: to be done again later.
        """
        await self.db.execute(
            update(message)
            .where(
                message.c.conversation_id == conversation_id,
                message.c.personal.is_(True),
                message.c.status != "queued",
            )
            .values(text_sealed=self.cipher.seal(""))
        )
        waiting = select(message.c.id).where(
            message.c.conversation_id == conversation_id,
            message.c.personal.is_(True),
            message.c.status == "queued",
        )
        return (await self.db.execute(waiting.limit(1))).first() is not None

    # ours

    async def add_outbound(
        self,
        to: Conversation,
        inbound_id: int | None,
        text: str,
        responses: Sequence[str],
        now: datetime,
        personal: bool = False,
        written_by: int | None = None,
    ) -> int:
        weight = weigh(text)
        web = to.channel is Channel.WEB
        added = self.insert(message).values(
            conversation_id=to.id,
            direction="out",
            text_sealed=self.cipher.seal(text),
            in_reply_to=inbound_id,
            status="delivered" if web else "queued",
            sent_at=now if web else None,
            segments=0 if web else weight.segments,
            encoding="" if web else weight.encoding,
            responses=[] if personal else list(responses),  # their names would tell what was said
            personal=personal,
            written_by=written_by,
            created_at=now,
        )
        return int((await self.db.execute(added.returning(message.c.id))).scalar_one())

    async def next_outbound(self, conversation_id: int) -> Outbound | None:
        row = (
            (
                await self.db.execute(
                    select(
                        message,
                        conversation.c.address_sealed,
                        exists().where(nudge.c.message_id == message.c.id).label("nudge"),
                    )
                    .join(conversation)
                    .where(
                        message.c.conversation_id == conversation_id,
                        message.c.direction == "out",
                        message.c.status == "queued",
                        message.c.sid.is_(None),
                    )
                    .order_by(message.c.id)
                    .limit(1)
                )
            )
            .mappings()
            .first()
        )
        if row is None:
            return None
        return Outbound(
            row["id"], self.cipher.open(row["address_sealed"]), self.cipher.open(row["text_sealed"]),
            row["unsure"], row["attempts"], row["created_at"], row["in_reply_to"] is not None, row["nudge"],
        )  # fmt: skip

    async def mark_attempt(self, outbound_id: int) -> None:
        """Before the carrier is asked: a crash from here on leaves "maybe sent", not "never sent"."""
        await self.db.execute(
            update(message)
            .where(message.c.id == outbound_id)
            .values(unsure=True, attempts=message.c.attempts + 1)
        )

    async def mark_refused(self, outbound_id: int) -> None:
        """The carrier said no for now: certainly not sent."""
        await self.db.execute(update(message).where(message.c.id == outbound_id).values(unsure=False))

    async def cancel_queued(self, conversation_id: int) -> None:
        """After STOP: what the carrier has not been asked to send stays here."""
        waiting = (
            select(message.c.id)
            .where(
                message.c.conversation_id == conversation_id,
                message.c.direction == "out",
                message.c.status == "queued",
                message.c.unsure.is_(False),
            )
            .with_for_update(skip_locked=True)  # one being taken at this instant is on its way
        )
        ids = list((await self.db.execute(waiting)).scalars())
        await self.db.execute(update(message).where(message.c.id.in_(ids)).values(status="cancelled"))

    async def mark_sent(self, outbound_id: int, sid: str, now: datetime) -> int | None:
        """The carrier's number for it. Returns the error code of a report that came before us."""
        found = select(early_status).where(early_status.c.sid == sid)
        early = (await self.db.execute(found)).mappings().first()
        worse = early is not None and _RANK.get(early["status"], 0) > _RANK["sent"]
        await self.db.execute(
            update(message)
            .where(message.c.id == outbound_id)
            .values(
                sid=sid,
                status=early["status"] if early and worse else "sent",
                error_code=early["error_code"] if early and worse else None,
                sent_at=now,
                unsure=False,
            )
        )
        return early["error_code"] if early and worse else None

    async def mark_all_sent(
        self, sent: Sequence[tuple[int, str]], now: datetime
    ) -> Sequence[tuple[int, int]]:
        """(message, the carrier's number for it), many at once. Returns (message, error code) of the reports that came before us."""
        if not sent:
            return ()
        named = dict(sent)
        found = select(early_status).where(early_status.c.sid.in_(named.values()))
        early = {row["sid"]: row for row in (await self.db.execute(found)).mappings()}
        worse = {sid: row for sid, row in early.items() if _RANK.get(row["status"], 0) > _RANK["sent"]}
        rows = [
            {
                "the_id": id_, "the_sid": sid,
                "the_status": worse[sid]["status"] if sid in worse else "sent",
                "the_code": worse[sid]["error_code"] if sid in worse else None,
            }
            for id_, sid in sent
        ]  # fmt: skip
        one = update(message).where(message.c.id == bindparam("the_id"))
        new = {
            "sid": bindparam("the_sid"), "status": bindparam("the_status"), "error_code": bindparam("the_code"),
            "sent_at": now, "unsure": False,
        }  # fmt: skip
        await self.db.execute(one.values(**new), rows)
        return [
            (id_, worse[sid]["error_code"]) for id_, sid in sent if sid in worse and worse[sid]["error_code"]
        ]

    async def unknown_sid(self, sids: Sequence[str]) -> str | None:
        """The first of the carrier's numbers that none of our messages has."""
        known = set((await self.db.execute(select(message.c.sid).where(message.c.sid.in_(sids)))).scalars())
        return next((sid for sid in sids if sid not in known), None)

    async def mark_failed(self, outbound_id: int, code: int | None) -> None:
        await self.db.execute(
            update(message)
            .where(message.c.id == outbound_id)
            .values(status="failed", error_code=code, unsure=False)
        )

    async def carrier_status(self, sid: str, status: str, code: int | None) -> int | None:
        """Notes a delivery report. The conversation concerned; None when the number is not ours yet."""
        known = (
            await self.db.execute(
                select(message.c.conversation_id).where(message.c.sid == sid, message.c.direction == "out")
            )
        ).scalar()
        if known is not None:
            await self.db.execute(
                update(message)
                .where(message.c.sid == sid, message.c.status.in_(_lower_than(status)))
                .values(status=status, error_code=code)
            )
        return known

    async def keep_early_status(self, sid: str, status: str, code: int | None, now: datetime) -> int:
        """The report outran our own note of the carrier's number: kept until it is known. Its id."""
        early = self.insert(early_status).values(sid=sid, status=status, error_code=code, at=now)
        await self.db.execute(
            early.on_conflict_do_update(
                index_elements=["sid"],
                set_={"status": status, "error_code": code},
                where=early_status.c.status.in_(_lower_than(status)),
            )
        )
        return int(
            (await self.db.execute(select(early_status.c.id).where(early_status.c.sid == sid))).scalar_one()
        )

    async def early_report(self, early_id: int) -> EarlyReport | None:
        row = (
            (await self.db.execute(select(early_status).where(early_status.c.id == early_id)))
            .mappings()
            .first()
        )
        return (
            EarlyReport(row["id"], row["sid"], row["status"], row["error_code"], row["at"]) if row else None
        )

    async def forget_early_report(self, early_id: int) -> None:
        await self.db.execute(delete(early_status).where(early_status.c.id == early_id))

    # reading

    async def inbound_by_sid(self, sid: str) -> int | None:
        found = select(message.c.id).where(message.c.sid == sid, message.c.direction == "in")
        return (await self.db.execute(found)).scalar()

    async def messages_of(self, conversation_id: int, after_id: int = 0) -> Sequence[dict[str, Any]]:
        """Both directions, oldest first, texts opened: for the web chat and the simulator."""
        rows = await self.db.execute(
            select(message)
            .where(message.c.conversation_id == conversation_id, message.c.id > after_id)
            .order_by(message.c.id)
        )
        return [{**r, "text": self.cipher.open(r["text_sealed"])} for r in rows.mappings()]
