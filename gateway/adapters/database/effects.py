"""What nudges brought, counted over the people whom a referent covers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, extract, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.adapters.database.caseload import FAILED, covered_by
from gateway.adapters.database.engine import InlineConnection
from gateway.adapters.database.tables import beneficiary, message, nudge
from gateway.domain.effect import Comparison, Share, Tally
from gateway.domain.nudge import ACTS_WITHIN

UNPAID = ("queued", "cancelled", "failed")  # no operator carried it


class Effects:
    db: AsyncConnection | InlineConnection

    async def tallies(self, referent_id: int, bounds: Sequence[datetime], now: datetime) -> Sequence[Tally]:
        """By kind, and by stretch: the first one is from bounds[0] until bounds[1]. In the order of both."""
        stretches = [(nudge.c.said_at < end, n) for n, end in enumerate(bounds[1:])]
        reported = nudge.outerjoin(message, message.c.id == nudge.c.message_id)
        found = (
            select(nudge, message.c.status, message.c.segments, case(*stretches).label("stretch"))
            .select_from(reported.join(beneficiary, beneficiary.c.id == nudge.c.beneficiary_id))
            .where(*_hers(referent_id, now), nudge.c.said_at >= bounds[0], nudge.c.said_at < bounds[-1])
            .subquery()
        ).c
        said, ripe = found.state == "said", found.said_at <= now - ACTS_WITHIN
        paid = and_(said, found.status.not_in(UNPAID))
        counted = {
            "said": said,
            "delivered": and_(said, found.status == "delivered"),
            "failed": and_(said, found.status.in_(FAILED)),
            "answered": and_(said, found.answered_at.is_not(None)),
            "stopped": and_(said, found.stopped_at.is_not(None)),
            "ripe": and_(said, ripe),
            "acted": and_(said, ripe, _in_time(found)),
            "control": found.state == "control",
        }
        columns = [func.count().filter(which).label(name) for name, which in counted.items()]
        segments = func.coalesce(func.sum(found.segments).filter(paid), 0).label("segments")
        rows = select(found.kind, func.max(found.about).label("about"), found.stretch, *columns, segments)
        grouped = rows.group_by(found.kind, found.stretch).order_by(found.kind, found.stretch)
        return [Tally(**row) for row in (await self.db.execute(grouped)).mappings()]

    async def comparisons(self, referent_id: int, since: datetime, now: datetime) -> Sequence[Comparison]:
        """By kind, since somebody was first left without; nothing before.

        A person counts once, by her first nudge: she is on one side for good, and what one does several times would
        look surer than it is. A repeat goes only to who has not acted yet, so it would compare unlike people.
        """
        hers = (
            select(nudge)
            .select_from(nudge.join(beneficiary, beneficiary.c.id == nudge.c.beneficiary_id))
            .where(*_hers(referent_id, now), nudge.c.said_at >= since, nudge.c.said_at <= now - ACTS_WITHIN)
        ).cte("hers")
        without = select(hers.c.kind, func.min(hers.c.said_at).label("at")).where(hers.c.state == "control")
        begun = without.group_by(hers.c.kind).subquery()
        order = func.row_number().over(
            partition_by=(hers.c.kind, hers.c.conversation_id), order_by=(hers.c.said_at, hers.c.id)
        )
        first = (
            select(hers, order.label("nth"))
            .select_from(hers.join(begun, begun.c.kind == hers.c.kind))
            .where(hers.c.said_at >= begun.c.at)
            .subquery()
        ).c
        sides = [
            func.count().filter(which).label(name)
            for side in ("said", "control")
            for name, which in (
                (side, first.state == side),
                (f"{side}_acted", and_(first.state == side, _in_time(first))),
            )
        ]
        rows = select(first.kind, func.max(first.about).label("about"), *sides).where(first.nth == 1)
        grouped = rows.group_by(first.kind).order_by(first.kind)
        return [
            Comparison(
                row["kind"], row["about"],
                Share(row["said_acted"], row["said"]), Share(row["control_acted"], row["control"]),
            )
            for row in (await self.db.execute(grouped)).mappings()
        ]  # fmt: skip


def _hers(referent_id: int, now: datetime) -> Sequence[ColumnElement[bool]]:
    """Said, or held back, to people whom she covers."""
    covered = covered_by(referent_id, now).subquery()
    return (
        nudge.c.state.in_(("said", "control")),
        beneficiary.c.referent_id.in_(select(covered.c.id)),
    )


def _in_time(found: Any) -> ColumnElement[bool]:
    """What it was for was done within seven days; in seconds, which both databases can subtract."""
    waited = extract("epoch", found.acted_at) - extract("epoch", found.said_at)
    within: ColumnElement[bool] = waited <= ACTS_WITHIN.total_seconds()
    return within
