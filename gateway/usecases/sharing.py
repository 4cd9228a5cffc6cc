"""What she lets others see: her obstacles for her referent, counts for the département. Nothing else."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.domain.conversation import Conversation
from gateway.domain.obstacle import IMPACT, Change, ObstacleKind, Obstacles, Share, situations
from gateway.domain.territory import Territory
from gateway.ports import SharedBy, Transaction

LEAST = 5  # people in a cell; fewer could be recognised
PERSONAL = "personal"  # health, morale, disability and justice are counted as one, without severity


async def tell_obstacle(
    tx: Transaction, who: Conversation, message_id: int, change: Change, now: datetime
) -> list[int]:
    """Stores or deletes it. Her referent gets one mail for a new one: a link, not a word of what it is."""
    if not isinstance(change, Share):
        await tx.withdraw_obstacle(who.id, change.kind, now)
        return []
    await tx.share_obstacle(who.id, change.obstacle, now)
    if who.referent is None or any(s.kind == change.obstacle.kind for s in who.shared):
        return []
    values = {
        "first_name": who.beneficiary.first_name if who.beneficiary else "",
        "person": who.pseudonym,
    }
    mail_id = await tx.add_mail(f"obstacle:{message_id}", who.referent.email, "obstacle", values, now)
    return [await tx.arm("mail", mail_id, now)] if mail_id else []


async def forget_person(tx: Transaction, who: Conversation, team: str, now: datetime) -> list[int]:
    """ "This is not me": the number is nobody's; who followed that person is told, once."""
    for shared in who.shared:
        await tx.withdraw_obstacle(who.id, shared.kind, now)
    await tx.unbind(who.id)
    await tx.wait_no_more(who.id)
    if who.beneficiary is None:
        return []
    to = who.referent.email if who.referent else team
    values = {"first_name": who.beneficiary.first_name}
    mail_id = await tx.add_mail(f"unbound:{who.id}:{who.beneficiary.id}", to, "unbound", values, now)
    return [await tx.arm("mail", mail_id, now)] if mail_id else []


def for_referent(rows: Iterable[SharedBy], obstacles: Obstacles) -> list[dict[str, Any]]:
    """What a referent sees of her people, as JSON values, with the codes that other tools understand."""
    return [
        _entry(row, obstacles.kinds[row.obstacle.kind])
        for row in rows
        if row.obstacle.kind in obstacles.kinds
    ]


def _entry(row: SharedBy, kind: ObstacleKind) -> dict[str, Any]:
    told = row.obstacle
    return {
        "person": row.person,
        "first_name": row.first_name,
        "obstacle": told.kind,
        "severity": told.severity,
        "shared_on": told.on,
        "channel": told.channel,
        "consent_version": told.version,
        "answers": dict(told.answers),
        "proposed": list(told.proposed),
        "chosen": list(told.chosen),
        "data_inclusion": list(kind.thematiques),
        "france_travail": {
            "contrainte": kind.contrainte,
            "situations": situations(kind, told.answers),
            "impact": IMPACT.get(told.severity or 0, ""),
        },
    }


@dataclass(frozen=True)
class Count:
    """People, never under LEAST: `people` is None where they were fewer. `epci`: "" is unknown."""

    month: str
    epci: str
    kind: str
    severity: str
    people: int | None


def counts(rows: Iterable[SharedBy], obstacles: Obstacles, territory: Territory) -> Sequence[Count]:
    """People by month, intercommunalité, kind and severity. A small cell is merged into coarser ones, or hidden.

    Cells under LEAST lose their severity, then their intercommunalité; what is still under LEAST is hidden.
    """
    people: dict[tuple[str, str, str, str], set[str]] = {}
    for row in rows:
        kind = obstacles.kinds.get(row.obstacle.kind)
        if kind is None:
            continue
        commune = territory.communes.get(row.obstacle.commune)
        name = PERSONAL if kind.sensitive else kind.id
        severity = "" if kind.sensitive or row.obstacle.severity is None else str(row.obstacle.severity)
        cell = (row.obstacle.on[:7], commune.epci if commune else "", name, severity)
        people.setdefault(cell, set()).add(row.person)
    for blurred in (_without_severity, _without_place):
        people = _merged(people, blurred)
    shown = {cell: len(who) if len(who) >= LEAST else None for cell, who in people.items()}
    return [Count(*cell, number) for cell, number in sorted(shown.items())]


Cell = tuple[str, str, str, str]


def _without_severity(cell: Cell) -> Cell:
    return (cell[0], cell[1], cell[2], "*")


def _without_place(cell: Cell) -> Cell:
    return (cell[0], "*", cell[2], "*")


def _merged(people: Mapping[Cell, set[str]], blurred: Any) -> dict[Cell, set[str]]:
    """When one cell of a group is too small, the whole group becomes one: nothing is left to subtract."""
    small = {blurred(cell) for cell, who in people.items() if len(who) < LEAST}
    after: dict[Cell, set[str]] = {}
    for cell, who in people.items():
        target = blurred(cell) if blurred(cell) in small else cell
        after.setdefault(target, set()).update(who)
    return after


def totals(found: Iterable[Count]) -> Counter[str]:
    """People told of each kind, hidden cells left out."""
    total: Counter[str] = Counter()
    for count in found:
        total[count.kind] += count.people or 0
    return total
