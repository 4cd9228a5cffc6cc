"""Questions kept for the content team. No column leads to a person, nor does the date of sealing."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.adapters.database.engine import InlineConnection
from gateway.adapters.database.tables import message, question
from gateway.adapters.encryption import Cipher
from gateway.domain.questions import Exchange, KeptQuestion, Kind
from gateway.usecases.learning import masked


class Questions:
    db: AsyncConnection | InlineConnection
    cipher: Cipher

    @property
    def insert(self) -> Any:
        raise NotImplementedError

    async def previous_exchange(self, conversation_id: int, before_id: int) -> Exchange | None:
        """What she wrote just before this message, and the responses that she got; None at the first."""
        last = (
            select(message.c.id, message.c.text_sealed)
            .where(
                message.c.conversation_id == conversation_id,
                message.c.direction == "in",
                message.c.id < before_id,
            )
            .order_by(message.c.id.desc())
            .limit(1)
        )
        row = (await self.db.execute(last)).mappings().first()
        if row is None:
            return None
        said = select(message.c.responses).where(message.c.in_reply_to == row["id"])
        responses = (await self.db.execute(said)).scalars()
        return Exchange(self.cipher.open(row["text_sealed"]), tuple(n for names in responses for n in names))

    async def keep_question(self, new: KeptQuestion) -> None:
        await self.db.execute(
            self.insert(question).values(
                kind=new.kind.value,
                language=new.language,
                text_sealed=self.cipher.seal_undated(new.text),
                candidates=[list(c) for c in new.candidates],
                day=new.on,
            )
        )

    async def questions(self) -> Sequence[KeptQuestion]:
        """Those that are not exported, oldest first."""
        kept = (
            select(question).where(question.c.exported_on.is_(None)).order_by(question.c.day, question.c.id)
        )
        return [
            KeptQuestion(
                Kind(row["kind"]),
                row["language"],
                self.cipher.open(row["text_sealed"]),
                tuple((str(name), float(odds)) for name, odds in row["candidates"]),
                row["day"],
                row["intent"],
                row["id"],
            )
            for row in (await self.db.execute(kept)).mappings()
        ]

    async def label_question(self, question_id: int, intent: str, text: str = "") -> bool:
        """`text` replaces hers. False when there is no such question, or it is exported."""
        values: dict[str, Any] = {"intent": intent}
        if text:
            values["text_sealed"] = self.cipher.seal_undated(text)
        labelled = await self.db.execute(
            update(question)
            .where(question.c.id == question_id, question.c.exported_on.is_(None))
            .values(**values)
        )
        return labelled.rowcount == 1

    async def mark_exported(self, question_ids: Sequence[int], on: date) -> None:
        await self.db.execute(update(question).where(question.c.id.in_(question_ids)).values(exported_on=on))

    async def forget_questions(self, before: date) -> int:
        """Those kept before this day, exported or not. How many there were."""
        return int((await self.db.execute(delete(question).where(question.c.day < before))).rowcount)

    async def forget_questions_of(self, conversation_id: int) -> None:
        """Linked to nobody, they are found by the very words of her messages, on that day or the next."""
        hers = select(message.c.text_sealed, message.c.created_at).where(
            message.c.conversation_id == conversation_id, message.c.direction == "in"
        )
        said = {
            (masked(self.cipher.open(row.text_sealed)), row.created_at.date() + timedelta(days=n))
            for row in await self.db.execute(hers)
            for n in (0, 1)
        }
        kept = select(question.c.id, question.c.day, question.c.text_sealed)
        its = [
            row.id
            for row in await self.db.execute(kept.where(question.c.day.in_({day for _, day in said})))
            if (self.cipher.open(row.text_sealed), row.day) in said
        ]
        await self.db.execute(delete(question).where(question.c.id.in_(its)))
