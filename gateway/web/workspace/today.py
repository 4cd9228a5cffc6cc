"""Her day and her week: who comes, to her or to whom she replaces, who waits for a call, what does not work."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, Response

from gateway.domain.appointment import Absence, Appointment
from gateway.domain.calendars import CalendarState
from gateway.domain.desk import FailedNumber
from gateway.usecases.appointments import covers
from gateway.web.workspace import wording
from gateway.web.workspace.appointments import SAID as SAID_OF_APPOINTMENTS
from gateway.web.workspace.callbacks import SAID as SAID_OF_CALLS
from gateway.web.workspace.callbacks import to_call
from gateway.web.workspace.rows import BUTTONS, appointment_row, appointment_rows
from gateway.web.workspace.session import Signed, page, signed_in

router = APIRouter(prefix="/workspace")

SignedIn = Annotated[Signed, Depends(signed_in)]
SAID = {**SAID_OF_APPOINTMENTS, **SAID_OF_CALLS}
LATELY = timedelta(days=7)  # messages that failed
FIRST_CALLS = 5


@dataclass(frozen=True)
class Replaced:
    """Whom she replaces, and who comes meanwhile. `now`: the absence has begun, and the pages open."""

    first_name: str
    now: bool
    found: Sequence[Appointment]
    names: Mapping[int, str]

    def rows(self, now: datetime, zone: ZoneInfo, day: date | None = None) -> list[dict[str, Any]]:
        """Before the absence begins nobody is named: they are not hers to see yet."""
        rows = []
        for one in self.found if day is None else _on(day, self.found, zone):
            row = appointment_row(one, self.names if self.now else {}, now, zone)
            name = row["name"] if self.now else f"Une personne que {self.first_name} reçoit"
            rows.append({**row, "name": name, "opens": self.now})
        return rows


@router.get("", response_class=HTMLResponse)
async def today(request: Request, signed: SignedIn, said: str = "") -> Response:
    wiring = request.app.state.wiring
    now, zone, her = wiring.clock.now(), wiring.timezone, signed.referent.id
    start, end = day_of(now.astimezone(zone).date(), zone)
    calls = await to_call(request, signed)
    async with wiring.store.transaction() as tx:
        found = await tx.appointments_of_referent(her, start, end)
        names = await tx.who_come(found)
        replaced = await _replaced(tx, her, start, end, now)
        failed = await tx.failed_numbers(her, now - LATELY, now)
        away = [a for a in await tx.absences_of(her, now) if a.starts_at <= now]
        calendar = await tx.calendar_state(her)
    return page(
        request, "workspace/today.html", signed,
        day=wording.day(now.astimezone(zone).date()), rows=appointment_rows(found, names, now, zone),
        others=[{"name": one.first_name, "rows": one.rows(now, zone)} for one in replaced],
        buttons=BUTTONS, calls=calls[:FIRST_CALLS], more_calls=max(len(calls) - FIRST_CALLS, 0),
        failed=[_failed(one, zone) for one in failed], away=_away(away, zone),
        silent=_silent(calendar, zone), said=SAID.get(said, ""),
    )  # fmt: skip


@router.get("/week", response_class=HTMLResponse)
async def week(
    request: Request, signed: SignedIn, start: Annotated[str, Query(alias="from")] = "", of: str = ""
) -> Response:
    """Seven days, from Monday of this week unless `from` (ISO date) says otherwise.

    `of`: the id of a colleague, for who leads her team.
    """
    wiring = request.app.state.wiring
    now, zone = wiring.clock.now(), wiring.timezone
    today = now.astimezone(zone).date()
    first = _date(start) or today - timedelta(days=today.weekday())
    days = [first + timedelta(days=n) for n in range(7)]
    since, until = day_of(first, zone)[0], day_of(days[-1], zone)[1]
    async with wiring.store.transaction() as tx:
        team = await tx.colleagues(signed.referent) if signed.referent.leads else {}
        whose = _whose(of, signed, team)
        found = await tx.appointments_of_referent(whose, since, until)
        names = await tx.who_come(found)
        away = await tx.absences_of(whose, since)
        mine = whose == signed.referent.id
        replaced = await _replaced(tx, whose, since, until, now) if mine else ()
    shown = [
        {
            "name": wording.day(day),
            "today": day == today,
            "away": any(_overlaps(a, *day_of(day, zone)) for a in away),
            "rows": appointment_rows(_on(day, found, zone), names, now, zone),
            "others": [
                {"name": one.first_name, "rows": rows}
                for one in replaced
                if (rows := one.rows(now, zone, day))
            ],
        }
        for day in days
    ]
    return page(
        request, "workspace/week.html", signed, days=shown, first=wording.day(first), last=wording.day(days[-1]),
        team=[(one, name) for one, name in team.items()], of="" if mine else whose, whose=team.get(whose, ""), monday=first.isoformat(),
        before=(first - timedelta(days=7)).isoformat(), after=(first + timedelta(days=7)).isoformat(),
    )  # fmt: skip


def _whose(of: str, signed: Signed, team: Mapping[int, str]) -> int:
    """Whose week is asked for: hers, or a colleague's when she leads; else 404."""
    known = {str(one): one for one in (signed.referent.id, *team)}
    if of and of not in known:
        raise HTTPException(404)
    return known.get(of, signed.referent.id)


async def _replaced(tx: Any, her: int, start: datetime, end: datetime, now: datetime) -> list[Replaced]:
    """Whom she replaces between both, with the appointments that each absence covers."""
    away = [a for a in await tx.replaced_by(her, now) if _overlaps(a, start, end)]
    first_names = await tx.first_names({a.referent_id for a in away})
    replaced = []
    for one in away:
        theirs = await tx.appointments_of_referent(one.referent_id, start, end)
        found = [meeting for meeting in theirs if covers(one, meeting)]
        names = await tx.who_come(found)
        replaced.append(Replaced(first_names[one.referent_id], one.starts_at <= now, found, names))
    return replaced


def day_of(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """From midnight to midnight on the wall: 23 or 25 hours when the clocks change."""
    next_day = day + timedelta(days=1)
    return datetime.combine(day, time(), zone).astimezone(UTC), datetime.combine(
        next_day, time(), zone
    ).astimezone(UTC)


def _overlaps(one: Absence, start: datetime, end: datetime) -> bool:
    return one.starts_at < end and one.ends_at > start


def _on(day: date, found: Iterable[Appointment], zone: ZoneInfo) -> list[Appointment]:
    return [one for one in found if one.starts_at.astimezone(zone).date() == day]


def _date(written: str) -> date | None:
    """A day that calendars can show around; None for anything else."""
    try:
        read = date.fromisoformat(written)
    except ValueError:
        return None
    return read if 2000 <= read.year < 2100 else None


def _failed(one: FailedNumber, zone: ZoneInfo) -> dict[str, str]:
    return {
        "name": one.person.first_name or wording.NOBODY,
        "link": f"/workspace/people/{one.person.pseudonym}",
        "count": "1 message" if one.count == 1 else f"{one.count} messages",
        "last": wording.when(one.last, zone),
    }


def _away(absences: Iterable[Absence], zone: ZoneInfo) -> str:
    """Until when she is away; "" when she is here."""
    last = max((one.ends_at for one in absences), default=None)
    return wording.until(last, zone) if last else ""


def _silent(calendar: CalendarState | None, zone: ZoneInfo) -> dict[str, str]:
    """Her own calendar does not answer: why, and since when. {} when all is well."""
    if calendar is None or not calendar.error:
        return {}
    read = f"Dernière lecture : {wording.when(calendar.read_at, zone)}." if calendar.read_at else "Jamais lu."
    return {"why": wording.calendar_error(calendar.error), "since": read}
