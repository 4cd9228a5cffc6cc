"""Appointments as the pages show them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from gateway.domain.appointment import Absence, Appointment, Status
from gateway.domain.desk import History
from gateway.ports import Schedule
from gateway.usecases.appointments import (
    OUTCOMES,
    is_free,
    may_change,
    may_note,
    slot_key,
    with_substitute,
)
from gateway.usecases.openings import stands_on
from gateway.web.workspace import wording

BUTTONS = [(status.value, wording.STATUSES[status]) for status in OUTCOMES]


def appointment_row(
    one: Appointment, names: Mapping[int, str], now: datetime, zone: ZoneInfo
) -> dict[str, Any]:
    """`names`: appointment's id → first name of who comes."""
    return {
        "id": one.id,
        "sequence": one.sequence,
        "name": names.get(one.id) or wording.NOBODY,
        "from": wording.hour(one.starts_at, zone),
        "until": wording.hour(one.ends_at, zone),
        "starts_at": one.starts_at.astimezone(zone).isoformat(timespec="minutes"),
        "day": wording.day(one.starts_at.astimezone(zone).date()),
        "place": wording.place(one.kind, one.place),
        "status": one.status.value,
        "state": state_of(one, now),
        "off": one.status in (Status.EXCUSED, Status.REVOKED),
        "may_note": may_note(one, now),
        "may_change": may_change(one, now),
        "elsewhere": not one.ours,
        "with": one.referent_first_name,
    }


def state_of(one: Appointment, now: datetime) -> str:
    """What became of it, in words. Excused before it began: she cancelled."""
    if one.status is Status.BOOKED and one.ends_at <= now:
        return "À noter"
    if one.status is Status.EXCUSED and one.starts_at > now:
        return "Annulé par la personne"
    return wording.STATUSES[one.status]


def appointment_rows(
    found: Iterable[Appointment], names: Mapping[int, str], now: datetime, zone: ZoneInfo
) -> Sequence[dict[str, Any]]:
    return [appointment_row(one, names, now, zone) for one in found]


TOLD = wording.WORDS["told"]


def history_lines(history: History, one: Appointment, zone: ZoneInfo) -> Sequence[str]:
    """What happened to it, in words, oldest first."""
    lines = [f"Pris le {wording.when(history.created_at, zone)}."]
    if one.sequence:
        lines.append(f"Dernier changement le {wording.when(history.changed_at, zone)}.")
    for notice in history.notices:
        what = TOLD.get(notice.kind, "Message")
        said = (
            f"message traité le {wording.when(notice.done_at, zone)}"
            if notice.done_at
            else "message en attente"
        )
        lines.append(f"{what} : {said}.")
    return lines


def absence_rows(
    away: Iterable[Absence],
    booked: Sequence[Appointment],
    plan: Schedule,
    names: Mapping[int, str],
    colleagues: Mapping[int, str],
    now: datetime,
    zone: ZoneInfo,
) -> Sequence[dict[str, Any]]:
    """`booked`: her appointments to come; `plan`: of her and her substitutes; `colleagues`: names, by id.

    Each absence with the appointments that it stands on.
    """
    return [
        {
            "id": one.id,
            "from": wording.since(one.starts_at, zone),
            "until": wording.until(one.ends_at, zone),
            "substitute": colleagues.get(one.substitute_id or 0, ""),
            "appointments": [
                {
                    **appointment_row(theirs, names, now, zone),
                    "slot": _entrusted(theirs, one.substitute_id, plan),
                }
                for theirs in stands_on(one, booked)
                if may_change(theirs, now)
            ],
        }
        for one in away
    ]


def _entrusted(theirs: Appointment, substitute_id: int | None, plan: Schedule) -> str:
    """The key of the same time with the substitute; "" when there is none, or when she is not free."""
    slot = with_substitute(theirs, substitute_id) if substitute_id else None
    return slot_key(slot) if slot and is_free(plan, slot) else ""
