"""What was kept long enough: one statement for each line of usecases/retention.py.

Figures stay: a nudge, or what was followed up, is then linked to nobody.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    String,
    Table,
    and_,
    case,
    cast,
    delete,
    exists,
    func,
    literal,
    select,
    true,
    tuple_,
    update,
)

from gateway.adapters.database.external import external_event
from gateway.adapters.database.quiet_people import QuietPeople
from gateway.adapters.database.tables import (
    absence,
    access,
    appointment,
    beneficiary,
    busy,
    calendar,
    callback,
    campaign,
    consent,
    early_status,
    event,
    follow_up,
    hold,
    job,
    mail,
    message,
    notice,
    nudge,
    occupied,
    opening,
    opt_out,
    referent,
    session,
    sign_in,
)
from gateway.domain.conversation import Channel
from gateway.domain.nudge import About

_DELETED = {
    "callbacks": (callback, callback.c.closed_at),
    "accesses": (access, access.c.at),
    "notices": (notice, notice.c.done_at),
    "opt_outs": (opt_out, opt_out.c.ended_at),
    "consents": (consent, consent.c.withdrawn_at),
    "sign_ins": (sign_in, sign_in.c.expires_at),
    "sessions": (session, session.c.created_at),
    "early_statuses": (early_status, early_status.c.at),
    "holds": (hold, hold.c.until),
    "external_events": (external_event, external_event.c.at),
    "jobs": (job, job.c.due_at),
}
_ONLY = {"jobs": job.c.state == "done"}

_GONE = "gone:"  # how the index of a referent without a name begins: no mail address has such a one


class Retention(QuietPeople):
    async def find_conversation(self, channel: Channel, address: str) -> int | None:
        raise NotImplementedError

    async def _drop_appointments(self, conversation_id: int, meetings: Sequence[int], now: datetime) -> None:
        raise NotImplementedError

    async def _drop_person(self, hers: int) -> None:
        raise NotImplementedError

    async def outlive(self, line: str, before: datetime, now: datetime, limit: int) -> int:
        """Erases what is older than `before`, `limit` rows of it or a little more. How many rows changed."""
        if line in _DELETED:
            table, moment = _DELETED[line]
            keys = list(table.primary_key)
            only = _ONLY.get(line, true())
            old = select(*keys).where(moment < before, only).limit(limit)
            gone = delete(table).where(tuple_(*keys).in_(old), only)  # one that is armed meanwhile stays
            return int((await self.db.execute(gone)).rowcount)
        match line:
            case "messages":
                old_ones = and_(
                    message.c.created_at < before, message.c.status.not_in(("received", "queued"))
                )
                empty = {"text_sealed": self.cipher.seal("")}
                return await self._emptied(message, old_ones, empty, now, limit)
            case "mails":
                empty = {"values_sealed": self.cipher.seal_json({}), "to_sealed": self.cipher.seal("")}
                return await self._emptied(mail, mail.c.created_at < before, empty, now, limit)
            case "nudges":
                over = and_(
                    nudge.c.state != "planned", func.coalesce(nudge.c.said_at, nudge.c.due_at) < before
                )
                # A campaign's number leads to nobody, and its figures are counted by it.
                matter = case((nudge.c.about == About.CAMPAIGN.value, nudge.c.matter_id), else_=0)
                return await self._unlinked(
                    nudge, over, {"message_id": None, "matter_id": matter}, now, limit
                )
            case "follow_ups":
                empty = {"values_sealed": self.cipher.seal_json({})}
                return await self._unlinked(follow_up, follow_up.c.closed_at < before, empty, now, limit)
            case "appointments":
                return await self._over(before, limit)
            case "campaigns":
                return await self._wordless(before, limit)
            case "no_numbers":
                return await self._no_numbers(before, now, limit)
            case "referents":
                return await self._gone_referents(before, limit)
        raise LookupError(line)

    async def _emptied(
        self, table: Table, old: ColumnElement[bool], empty: dict[str, Any], now: datetime, limit: int
    ) -> int:
        """The row stays, for the counts."""
        ids = select(table.c.id).where(old, table.c.erased_at.is_(None)).order_by(table.c.id).limit(limit)
        changed = update(table).where(table.c.id.in_(ids)).values(erased_at=now, **empty)
        return int((await self.db.execute(changed)).rowcount)

    async def _unlinked(
        self, table: Table, old: ColumnElement[bool], empty: dict[str, Any], now: datetime, limit: int
    ) -> int:
        """In nobody's conversation from now on, and under a key that says nothing."""
        nobody = await self.find_conversation(Channel.WEB, "") or 0
        ids = select(table.c.id).where(old, table.c.conversation_id != nobody).limit(limit)
        found = list((await self.db.execute(ids)).scalars())
        if found:
            values = {
                "conversation_id": nobody or await self.conversation_at(Channel.WEB, "", now),
                "beneficiary_id": None,
                "key": literal("old:").concat(cast(table.c.id, String)),
            }
            await self.db.execute(update(table).where(table.c.id.in_(found)).values(**values, **empty))
        return len(found)

    async def _over(self, before: datetime, limit: int) -> int:
        old = select(appointment.c.id).where(appointment.c.ends_at < before).order_by(appointment.c.id)
        ids = list((await self.db.execute(old.limit(limit))).scalars())
        for table in (event, occupied):
            await self.db.execute(delete(table).where(table.c.appointment_id.in_(ids)))
        await self.db.execute(delete(appointment).where(appointment.c.id.in_(ids)))
        return len(ids)

    async def _wordless(self, before: datetime, limit: int) -> int:
        """The referent's own words, once none of them waits to be said."""
        waits = exists().where(
            nudge.c.about == About.CAMPAIGN.value,
            nudge.c.matter_id == campaign.c.id,
            nudge.c.state == "planned",
        )
        old = select(campaign.c.id).where(campaign.c.starts_at < before, campaign.c.text_sealed.is_not(None))
        ids = list((await self.db.execute(old.where(~waits).limit(limit))).scalars())
        await self.db.execute(update(campaign).where(campaign.c.id.in_(ids)).values(text_sealed=None))
        return len(ids)

    async def _no_numbers(self, before: datetime, now: datetime, limit: int) -> int:
        """Nobody can write to them, nor find them by a number: whom nobody met since goes."""
        met = exists().where(
            appointment.c.beneficiary_id == beneficiary.c.id, appointment.c.ends_at >= before
        )
        old = select(beneficiary.c.id).where(beneficiary.c.no_number_since < before, ~met)
        ids = list((await self.db.execute(old.order_by(beneficiary.c.id).limit(limit))).scalars())
        for one in ids:
            hers = select(appointment.c.id).where(appointment.c.beneficiary_id == one)
            meetings = list((await self.db.execute(hers)).scalars())
            await self._drop_appointments(0, meetings, now)
            for table in (nudge, follow_up):
                await self.db.execute(delete(table).where(table.c.beneficiary_id == one))
            await self._drop_person(one)
        return len(ids)

    async def _gone_referents(self, before: datetime, limit: int) -> int:
        """Her row stays, empty, for what it is named in."""
        old = select(referent.c.id).where(
            referent.c.idle_since < before, ~referent.c.email_index.startswith(_GONE)
        )
        ids = list((await self.db.execute(old.order_by(referent.c.id).limit(limit))).scalars())
        for table in (opening, absence, calendar, busy):
            await self.db.execute(delete(table).where(table.c.referent_id.in_(ids)))
        for one in ids:
            empty: dict[str, Any] = {
                "email_index": f"{_GONE}{one}", "email_sealed": self.cipher.seal(""),
                "name_sealed": self.cipher.seal(""), "phone_sealed": None, "structure": "", "communes": [], "leads": False,
                "calendar_index": None, "calendar_sealed": None, "external_id": "",
            }  # fmt: skip
            await self.db.execute(update(referent).where(referent.c.id == one).values(**empty))
        return len(ids)
