"""What the database says of the service: what waits, what happened lately, what it cost. Counts, and nobody in them.

Cheap to ask while people write: what waits is found by its job (few are not done), the rest by the day it was stored.
"""

import shutil
import time
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, String, and_, case, cast, func, or_, select
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.adapters.database.effects import UNPAID
from gateway.adapters.database.engine import InlineConnection
from gateway.adapters.database.tables import (
    calendar,
    callback,
    conversation,
    job,
    mail,
    message,
    nudge,
    opt_out,
    question,
)
from gateway.domain.running import Lately, Spent, Standing, Waiting

LONGEST_TRY = timedelta(minutes=5)  # between two tries of the carrier: who waits longer waits for the morning
TIMED = 1000  # of the last answers
UNDER_WAY = job.c.state.in_(("ready", "running"))


def room(url: str) -> int | None:
    """Bytes left on the disk of SQLite's file; None for a database with a machine of its own."""
    file = make_url(url).database
    if not url.startswith("sqlite") or not file or file == ":memory:":
        return None
    return shutil.disk_usage(Path(file).parent).free


class Standings:
    db: AsyncConnection | InlineConnection

    async def standing(self, now: datetime, today: date) -> Standing:
        """`today`: where people are."""
        unsent = (await self.db.execute(_unsent(now))).mappings().one()
        kinds = select(question.c.kind, func.count()).where(question.c.day == today)
        failing = select(func.count()).select_from(calendar).where(calendar.c.error != "")
        planned = and_(nudge.c.state == "planned", nudge.c.due_at <= now)
        unanswered = and_(message.c.direction == "in", message.c.status == "received")
        ours = and_(message.c.direction == "out", message.c.sid.is_not(None))
        return Standing(
            jobs=await self._jobs_due(now),
            nudges=await self._waiting(_since(nudge.c.due_at).where(planned)),
            unanswered=await self._waiting(
                _of_conversation("converse", message.c.created_at).where(unanswered)
            ),
            unsent=Waiting(unsent["count"], unsent["oldest"]),
            tried_again=unsent["tried_again"],
            mails=await self._waiting(_mails_under_way()),
            calls=await self._waiting(_since(callback.c.at).where(callback.c.closed_at.is_(None))),
            calendars=(await self.db.execute(failing)).scalar_one(),
            questions=await self._counts(kinds.group_by(question.c.kind)),
            received_at=await self._last(message.c.created_at, message.c.direction == "in"),
            sent_at=await self._last(message.c.sent_at, ours),
        )

    async def lately(self, since: datetime, now: datetime) -> Lately:
        here = message.c.created_at >= since
        channels = (await self.db.execute(_by_channel(here))).mappings().all()
        said = (await self.db.execute(_said(here))).mappings().one()
        calls = select(callback.c.reason, func.count()).where(callback.c.at >= since)
        stops = select(opt_out.c.topic, opt_out.c.source, func.count()).where(opt_out.c.at >= since)
        became = (nudge.c.kind, nudge.c.state, nudge.c.why)
        nudges = select(*became, func.count()).where(
            nudge.c.state.in_(("said", "ended", "control")), nudge.c.due_at >= since, nudge.c.due_at <= now
        )
        errors = select(message.c.error_code, func.count()).where(here, message.c.error_code.is_not(None))
        return Lately(
            received={row["channel"]: row["received"] for row in channels},
            answered={row["channel"]: row["answered"] for row in channels},
            **said,
            calls=await self._counts(calls.group_by(callback.c.reason)),
            stops=await self._counts(stops.group_by(opt_out.c.topic, opt_out.c.source)),
            nudges=await self._counts(nudges.group_by(*became)),
            errors=await self._counts(errors.group_by(message.c.error_code)),
            stored=await self._seconds(
                select(message.c.created_at, message.c.answered_at)
                .where(here, message.c.direction == "in", message.c.answered_at.is_not(None))
                .order_by(message.c.created_at.desc())
            ),
            carried=await self._seconds(_carried(since)),
        )

    async def spent(self, since: datetime) -> Sequence[Spent]:
        """What the carrier took of the messages stored since then. Those of people forgotten since are not there any more."""
        kind = case(
            (nudge.c.kind.is_not(None), nudge.c.kind),
            (message.c.written_by.is_not(None), "written"),
            (message.c.in_reply_to.is_not(None), "answer"),
            else_="notice",
        ).label("kind")
        found = (
            select(
                conversation.c.language, kind, func.count().label("messages"), func.sum(message.c.segments).label("segments")
            )
            .select_from(message.join(conversation).outerjoin(nudge, nudge.c.message_id == message.c.id))
            .where(
                message.c.created_at >= since, message.c.direction == "out", message.c.segments > 0,
                message.c.status.not_in(UNPAID),
            )
            .group_by(conversation.c.language, kind)
        )  # fmt: skip
        return [Spent(**row) for row in (await self.db.execute(found)).mappings()]

    # the questions themselves

    async def _jobs_due(self, now: datetime) -> Mapping[str, Waiting]:
        due = or_(
            and_(job.c.state == "ready", job.c.due_at <= now),
            and_(job.c.state == "running", job.c.lease_until < time.time()),
        )
        found = select(job.c.kind, func.count(), func.min(job.c.due_at)).where(due).group_by(job.c.kind)
        return {kind: Waiting(count, oldest) for kind, count, oldest in await self.db.execute(found)}

    async def _waiting(self, found: Any) -> Waiting:
        row = (await self.db.execute(found)).mappings().one()
        return Waiting(row["count"], row["oldest"])

    async def _last(self, moment: Any, which: ColumnElement[bool]) -> datetime | None:
        found = select(moment).where(which).order_by(message.c.created_at.desc()).limit(1)
        last: datetime | None = (await self.db.execute(found)).scalar()
        return last

    async def _counts(self, found: Any) -> Mapping[Any, int]:
        """By what it is grouped by: a value, or a tuple of several."""
        rows = [tuple(row) for row in await self.db.execute(found)]
        return {row[0] if len(row) == 2 else row[:-1]: row[-1] for row in rows}

    async def _seconds(self, found: Any) -> Sequence[float]:
        rows = await self.db.execute(found.limit(TIMED))
        return tuple(sorted(max((end - begin).total_seconds(), 0.0) for begin, end in rows))


def _since(moment: Any) -> Any:
    return select(func.count().label("count"), func.min(moment).label("oldest"))


def _of_conversation(kind: str, moment: Any) -> Any:
    """Messages of the conversations that have such a job."""
    here = job.join(message, message.c.conversation_id == job.c.subject)
    return _since(moment).select_from(here).where(job.c.kind == kind, UNDER_WAY)


def _unsent(now: datetime) -> Any:
    soon = or_(message.c.in_reply_to.is_not(None), job.c.due_at <= now + LONGEST_TRY)
    again = func.count().filter(message.c.in_reply_to.is_not(None), message.c.attempts > 1)
    waiting = _of_conversation("deliver", message.c.created_at).add_columns(again.label("tried_again"))
    return waiting.where(message.c.direction == "out", message.c.status == "queued", soon)


def _mails_under_way() -> Any:
    waiting = _since(mail.c.created_at).select_from(job.join(mail, mail.c.id == job.c.subject))
    return waiting.where(job.c.kind == "mail", UNDER_WAY, mail.c.sent_at.is_(None))


def _by_channel(here: ColumnElement[bool]) -> Any:
    answered = func.count().filter(message.c.status == "answered").label("answered")
    return (
        select(conversation.c.channel, func.count().label("received"), answered)
        .select_from(message.join(conversation))
        .where(here, message.c.direction == "in")
        .group_by(conversation.c.channel)
    )


def _said(here: ColumnElement[bool]) -> Any:
    """What we said that an operator wants to know of, by the names of the responses."""
    names = cast(message.c.responses, String)

    def naming(*parts: str) -> Any:
        return func.count().filter(or_(*(names.contains(f'"{part}', autoescape=True) for part in parts)))

    return select(
        naming('utter_not_understood"', 'utter_rephrase"').label("asked_again"),
        naming("utter_danger_").label("dangers"),
        naming('utter_later"').label("apologies"),
        naming('utter_not_me"').label("not_hers"),
    ).where(here, message.c.direction == "out")


def _carried(since: datetime) -> Any:
    hers, ours = message.alias("hers"), message.alias("ours")
    return (
        select(hers.c.created_at, ours.c.sent_at)
        .select_from(ours.join(hers, hers.c.id == ours.c.in_reply_to))
        .where(ours.c.created_at >= since, ours.c.sid.is_not(None), ours.c.sent_at.is_not(None))
        .order_by(ours.c.created_at.desc())
    )
