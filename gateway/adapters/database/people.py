"""Referents, beneficiaries, calls back and mails."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.adapters.database.calendars import new_secret
from gateway.adapters.database.engine import InlineConnection
from gateway.adapters.database.erasure import FORGOTTEN
from gateway.adapters.database.tables import beneficiary, callback, mail, referent
from gateway.adapters.encryption import Cipher
from gateway.domain.people import Beneficiary, CallbackRequest, Referent
from gateway.ports import Mail


class People:
    db: AsyncConnection | InlineConnection
    cipher: Cipher

    @property
    def insert(self) -> Any:
        raise NotImplementedError

    async def save_referent(self, new: Referent) -> int:
        values = {
            "email_sealed": self.cipher.seal(new.email),
            "name_sealed": self.cipher.seal(new.name),
            "phone_sealed": self.cipher.seal(new.phone),
            "structure": new.structure[:200],
            "communes": list(new.communes),
            "leads": new.leads,
        }
        first = {"email_index": self.cipher.index(new.email.lower()), **new_secret(self.cipher)}
        saved = self.insert(referent).values(**first, **values)
        saved = saved.on_conflict_do_update(index_elements=["email_index"], set_=values)
        return int((await self.db.execute(saved.returning(referent.c.id))).scalar_one())

    async def referent_id(self, email: str) -> int | None:
        found = select(referent.c.id).where(referent.c.email_index == self.cipher.index(email.lower()))
        return (await self.db.execute(found)).scalar()

    async def beneficiary_named(self, phone: str) -> str:
        hers = select(beneficiary.c.first_name_sealed).where(
            beneficiary.c.phone_index == self.cipher.index(phone)
        )
        return self.cipher.open((await self.db.execute(hers)).scalar())

    async def save_beneficiary(self, new: Beneficiary, referent_email: str) -> int:
        values = {
            "phone_sealed": self.cipher.seal(new.phone),
            "first_name_sealed": self.cipher.seal(new.first_name),
            "language": new.language,
            "postal_code": new.postal_code[:10],
            "commune": new.commune[:100],
            "audience": list(new.audience),
            "referent_id": await self.referent_id(referent_email) if referent_email else None,
        }
        saved = self.insert(beneficiary).values(phone_index=self.cipher.index(new.phone), **values)
        if not new.first_name:  # left out of this file: it still tells whose number this is
            del values["first_name_sealed"]
        saved = saved.on_conflict_do_update(index_elements=["phone_index"], set_=values)
        return int((await self.db.execute(saved.returning(beneficiary.c.id))).scalar_one())

    async def add_callback(self, request: CallbackRequest) -> bool:
        added = self.insert(callback).values(
            conversation_id=request.conversation_id,
            message_id=request.message_id,
            reason=request.reason,
            at=request.at,
        )
        first = added.on_conflict_do_nothing().returning(callback.c.id)
        return (await self.db.execute(first)).scalar() is not None

    async def add_mail(
        self, key: str, to: str, template: str, values: Mapping[str, str], now: datetime
    ) -> int | None:
        """None when a mail with this key exists: it is written once."""
        added = self.insert(mail).values(
            key=key,
            to_sealed=self.cipher.seal(to),
            template=template,
            values_sealed=self.cipher.seal_json(dict(values)),
            created_at=now,
        )
        return (await self.db.execute(added.on_conflict_do_nothing().returning(mail.c.id))).scalar()

    async def mail(self, mail_id: int) -> Mail | None:
        """A mail not yet sent."""
        found = select(mail).where(mail.c.id == mail_id, mail.c.sent_at.is_(None))
        row = (await self.db.execute(found)).mappings().first()
        if row is None:
            return None
        values = self.cipher.open_json(row["values_sealed"])
        return Mail(row["id"], self.cipher.open(row["to_sealed"]), row["template"], values, row["created_at"])

    async def mark_mail_sent(self, mail_id: int, now: datetime) -> None:
        sent = update(mail).where(mail.c.id == mail_id)
        await self.db.execute(sent.values(sent_at=now))
        # A link that signs in is in the mailbox, and nowhere else; so is the name of who is forgotten.
        passing = or_(mail.c.template == "sign_in", mail.c.key.startswith(FORGOTTEN))
        await self.db.execute(sent.where(passing).values(values_sealed=self.cipher.seal_json({})))
