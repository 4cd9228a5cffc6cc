"""The workspace: links by mail, who is signed in, who looked at whom.

Tokens are stored as their keyed index alone: a stolen table opens no session.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.adapters.database.caseload import visible_to, with_her
from gateway.adapters.database.engine import InlineConnection
from gateway.adapters.database.tables import (
    access,
    beneficiary,
    conversation,
    referent,
    session,
    sign_in,
)
from gateway.adapters.encryption import Cipher
from gateway.domain.people import Referent
from gateway.domain.workspace import (
    IDLE_SESSION,
    LINK_LASTS,
    LINKS_AT_ONCE,
    LONGEST_SESSION,
    AccessRow,
    OpenSession,
    SessionRow,
)

SEEN_EVERY = timedelta(minutes=1)  # a session's last sign of life is noted no more often
SIGN_OUT_LASTS = timedelta(minutes=5)  # an ended session tells ProConnect so within this


class Workspace:
    db: AsyncConnection | InlineConnection
    cipher: Cipher

    @property
    def insert(self) -> Any:
        raise NotImplementedError

    # links by mail

    async def add_sign_in(self, referent_id: int, token: str, now: datetime) -> bool:
        """False when she has enough links: those of the last quarter of an hour."""
        hers = sign_in.c.referent_id == referent_id
        await self.db.execute(delete(sign_in).where(hers, sign_in.c.expires_at <= now - LINK_LASTS))
        lately = select(func.count()).where(hers, sign_in.c.expires_at > now)
        if (await self.db.execute(lately)).scalar_one() >= LINKS_AT_ONCE:
            return False
        await self.db.execute(
            self.insert(sign_in).values(
                token_index=self.cipher.index(token), referent_id=referent_id, expires_at=now + LINK_LASTS
            )
        )
        return True

    async def sign_in_is_good(self, token: str, now: datetime) -> bool:
        good = select(sign_in.c.id).where(self._good_link(token, now))
        return (await self.db.execute(good)).first() is not None

    async def use_sign_in(self, token: str, now: datetime) -> int | None:
        """The referent whose link this is, once; None when it is used, old or unknown."""
        used = update(sign_in).where(self._good_link(token, now)).values(used_at=now)
        return (await self.db.execute(used.returning(sign_in.c.referent_id))).scalar()

    def _good_link(self, token: str, now: datetime) -> ColumnElement[bool]:
        return and_(
            sign_in.c.token_index == self.cipher.index(token),
            sign_in.c.used_at.is_(None),
            sign_in.c.expires_at > now,
        )

    # sessions

    async def start_session(self, referent_id: int, token: str, now: datetime, id_token: str = "") -> int:
        """`id_token`: ProConnect's, kept to sign out there."""
        old = session.c.created_at < now - 2 * LONGEST_SESSION
        await self.db.execute(delete(session).where(session.c.referent_id == referent_id, old))
        added = self.insert(session).values(
            token_index=self.cipher.index(token),
            referent_id=referent_id,
            created_at=now,
            seen_at=now,
            id_token_sealed=self.cipher.seal(id_token) if id_token else None,
        )
        return int((await self.db.execute(added.returning(session.c.id))).scalar_one())

    async def open_session(self, token: str, now: datetime) -> OpenSession | None:
        """Whose it is, and a sign of life; None when it has ended, or grown old."""
        found = (
            select(session, referent.c.email_sealed, referent.c.name_sealed, referent.c.phone_sealed,
                   referent.c.structure, referent.c.communes, referent.c.leads)
            .join(referent, referent.c.id == session.c.referent_id)
            .where(session.c.token_index == self.cipher.index(token), _alive(now))
        )  # fmt: skip
        row = (await self.db.execute(found)).mappings().first()
        if row is None:
            return None
        if now - row["seen_at"] > SEEN_EVERY:
            await self.db.execute(update(session).where(session.c.id == row["id"]).values(seen_at=now))
        return OpenSession(row["id"], self._session_referent(row), row["id_token_sealed"] is not None)

    async def sessions_of(self, referent_id: int, now: datetime) -> Sequence[SessionRow]:
        """Those that are open, the one last used first."""
        hers = select(session).where(session.c.referent_id == referent_id, _alive(now))
        rows = await self.db.execute(hers.order_by(session.c.seen_at.desc(), session.c.id.desc()))
        return [SessionRow(r["id"], r["created_at"], r["seen_at"]) for r in rows.mappings()]

    async def end_session(self, session_id: int, referent_id: int, now: datetime) -> bool:
        """False when it is not hers, or over already."""
        hers = and_(session.c.id == session_id, session.c.referent_id == referent_id)
        ended = update(session).where(hers, session.c.ended_at.is_(None)).values(ended_at=now)
        return (await self.db.execute(ended)).rowcount == 1

    async def take_id_token(self, token: str, now: datetime) -> str:
        """ProConnect's token of a session that ended a moment ago, given once; "" when there is none."""
        here = and_(
            session.c.token_index == self.cipher.index(token), session.c.ended_at > now - SIGN_OUT_LASTS
        )
        sealed = (await self.db.execute(select(session.c.id_token_sealed).where(here))).scalar()
        await self.db.execute(update(session).where(here).values(id_token_sealed=None))
        return self.cipher.open(sealed)

    def _session_referent(self, row: Mapping[Any, Any]) -> Referent:
        opened = self.cipher.open
        return Referent(
            email=opened(row["email_sealed"]),
            name=opened(row["name_sealed"]),
            phone=opened(row["phone_sealed"]),
            structure=row["structure"],
            communes=tuple(row["communes"]),
            id=row["referent_id"],
            leads=row["leads"],
        )

    # the audit log

    async def note_access(self, referent_id: int, conversation_id: int, action: str, now: datetime) -> None:
        """`action`: one of `actions:` in web/workspace/words.yml."""
        row = {"referent_id": referent_id, "conversation_id": conversation_id, "at": now, "action": action}
        await self.db.execute(self.insert(access).values(row))

    async def accesses(
        self, referent_id: int, now: datetime, pseudonym: str = "", limit: int = 500
    ) -> Sequence[AccessRow]:
        """What she did, and who looked at her people, newest first; about one person when she is named."""
        visible = visible_to(referent_id, now)
        asked = (
            select(access, conversation.c.pseudonym, beneficiary.c.first_name_sealed, referent.c.name_sealed,
                   visible.label("visible"))
            .select_from(
                with_her()
                .join(access, access.c.conversation_id == conversation.c.id)
                .join(referent, referent.c.id == access.c.referent_id)
            )
            .where(or_(access.c.referent_id == referent_id, visible))
        )  # fmt: skip
        if pseudonym:
            asked = asked.where(conversation.c.pseudonym == pseudonym)
        rows = await self.db.execute(asked.order_by(access.c.id.desc()).limit(limit))
        return [self._access_row(row, referent_id) for row in rows.mappings()]

    def _access_row(self, row: Mapping[Any, Any], referent_id: int) -> AccessRow:
        visible = bool(row["visible"])
        return AccessRow(
            at=row["at"],
            by=self.cipher.open(row["name_sealed"]),
            mine=row["referent_id"] == referent_id,
            action=row["action"],
            pseudonym=row["pseudonym"] if visible else "",
            first_name=self.cipher.open(row["first_name_sealed"]) if visible else "",
            visible=visible,
        )


def _alive(now: datetime) -> ColumnElement[bool]:
    return and_(
        session.c.ended_at.is_(None),
        session.c.seen_at > now - IDLE_SESSION,
        session.c.created_at > now - LONGEST_SESSION,
    )
