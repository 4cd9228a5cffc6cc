"""When she receives: her openings, the days taken out of them, and what they give."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, HTTPException, Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from gateway.domain.appointment import Kind, Opening, TimeSlot
from gateway.usecases.openings import AHEAD, Preview, Why, preview
from gateway.web.workspace import wording
from gateway.web.workspace.opening_forms import Wrong, read_day, read_opening
from gateway.web.workspace.rows import absence_rows
from gateway.web.workspace.session import Signed, checked_form, page, signed_in

router = APIRouter(prefix="/workspace")

SignedIn = Annotated[Signed, Depends(signed_in)]
Id = Annotated[int, Path(ge=1, le=2**31 - 1)]
NEXT = 4  # days with free time
EMPTY = {
    "repeat": "weekly", "slot_minutes": "30", "kind": Kind.IN_PERSON.value, "notice_hours": "4",
    "horizon_days": "60",
}  # fmt: skip
SAID = wording.WORDS["openings"]


@router.get("/openings", response_class=HTMLResponse)
async def openings(request: Request, signed: SignedIn, said: str = "") -> Response:
    return await shown(request, signed, SAID.get(said, ""))


@router.post("/openings")
async def add(request: Request, signed: SignedIn) -> Response:
    wiring = request.app.state.wiring
    form = await checked_form(request, signed)
    now, zone = wiring.clock.now(), wiring.timezone
    opening, wrong = read_opening(form, signed.referent.id, now.astimezone(zone).date())
    if opening is None:
        return await shown(request, signed, form=form, wrong=wrong)
    async with wiring.store.transaction() as tx:
        known = await tx.openings_of(signed.referent.id)
        if any(_same(opening, one) for one in known):
            twice = {"day": "Cette plage est déjà ouverte."}
        else:
            twice = {}
            await tx.save_opening(opening)
            job = await tx.arm("opened", signed.referent.id, now)
    if twice:
        return await shown(request, signed, form=form, wrong=twice)
    await wiring.worker.ring([job])
    return RedirectResponse("/workspace/openings?said=opened", 303)


@router.post("/openings/{opening_id:int}/delete")
async def delete(request: Request, signed: SignedIn, opening_id: Id) -> Response:
    wiring = request.app.state.wiring
    await checked_form(request, signed)
    async with wiring.store.transaction() as tx:
        if not await tx.delete_opening(opening_id, signed.referent.id):
            raise HTTPException(404)
    return RedirectResponse("/workspace/openings?said=closed", 303)


@router.post("/openings/{opening_id:int}/exceptions")
async def except_day(request: Request, signed: SignedIn, opening_id: Id) -> Response:
    """Takes a day out of a weekly opening; with `restore`, puts it back."""
    wiring = request.app.state.wiring
    form = await checked_form(request, signed)
    day, wrong = read_day(form, "day")
    async with wiring.store.transaction() as tx:
        known = await tx.openings_of(signed.referent.id)
        opening = next((one for one in known if one.id == opening_id and one.weekly), None)
        if opening is None:
            raise HTTPException(404)
        restore = form.get("restore") == "yes"
        if day and not restore and day.weekday() != opening.day.weekday():
            wrong = {
                "day": f"Cette plage n'a pas lieu ce jour-là : choisissez un {wording.weekday(opening.day)}."
            }
        if day and not wrong:
            days = opening.exceptions - {day} if restore else opening.exceptions | {day}
            await tx.save_opening(replace(opening, exceptions=frozenset(days)))
            jobs = [await tx.arm("opened", signed.referent.id, wiring.clock.now())] if restore else []
    if wrong:
        return await shown(request, signed, wrong={f"day-{opening_id}": wrong["day"]})
    await wiring.worker.ring(jobs)
    return RedirectResponse(f"/workspace/openings?said={'restored' if restore else 'excepted'}", 303)


async def shown(
    request: Request,
    signed: Signed,
    said: str = "",
    form: Mapping[str, str] = EMPTY,
    wrong: Wrong | None = None,
) -> HTMLResponse:
    """The whole page, with what was typed and what is wrong with it."""
    wiring = request.app.state.wiring
    now, zone, her = wiring.clock.now(), wiring.timezone, signed.referent.id
    async with wiring.store.transaction() as tx:
        known = await tx.openings_of(her)
        plan = await tx.schedule([her], now, now + AHEAD)
        away = await tx.absences_of(her, now)
        names = await tx.colleagues(signed.referent)
        booked = await tx.appointments_of_referent(her, now, now + AHEAD)
        comers = await tx.who_come(booked)
    holidays = holidays_from(request)
    hers = replace(plan, absences=[a for a in plan.absences if a.referent_id == her])
    free = await wiring.worker.diary.free((her,), 0, now)
    next_ones = [slot for slot in free.slots if slot.referent_id == her]
    answer = page(
        request, "workspace/openings.html", signed,
        rows=[_row(one, preview(one, hers, holidays, now, zone), zone, now) for one in known],
        next_ones=_by_day(next_ones, zone)[:NEXT],
        absences=absence_rows(away, booked, plan, comers, names, now, zone), colleagues=list(names.items()),
        kinds=list(wording.KINDS.items()),
        form={**EMPTY, **form}, wrong=wrong or {}, said=said,
    )  # fmt: skip
    answer.status_code = 422 if wrong else 200
    return answer


def holidays_from(request: Request) -> frozenset[date]:
    """This year's and the next one's."""
    wiring = request.app.state.wiring
    year = wiring.clock.now().year
    found: frozenset[date] = wiring.worker.diary.holidays(range(year, year + 2))
    return found


def _same(one: Opening, other: Opening) -> bool:
    return (one.day, one.start, one.end, one.weekly) == (other.day, other.start, other.end, other.weekly)


def _row(one: Opening, given: Preview, zone: ZoneInfo, now: datetime) -> dict[str, Any]:
    day = f"Chaque {wording.weekday(one.day)}" if one.weekly else wording.day(one.day).capitalize()
    return {
        "id": one.id,
        "title": f"{day}, de {wording.clock(one.start)} à {wording.clock(one.end)}",
        "place": wording.place(one.kind, one.place),
        "minutes": one.slot_minutes,
        "since": wording.day(one.day) if one.weekly and one.day > now.astimezone(zone).date() else "",
        "until": wording.day(one.until) if one.until else "",
        "notice": one.notice_hours,
        "horizon": one.horizon_days,
        "weekly": one.weekly,
        "exceptions": [(day.isoformat(), wording.day(day)) for day in sorted(one.exceptions)],
        "slots": _by_day(given.slots, zone)[:1],
        "why": _why(one, given.why),
    }


def _why(one: Opening, why: Why) -> str:
    if why is Why.LATER:
        return f"Ses créneaux se proposent {one.horizon_days} jours avant."
    return wording.WORDS["no_slot"].get(why, "")


def _by_day(slots: Sequence[TimeSlot], zone: ZoneInfo) -> list[tuple[str, str]]:
    """("jeudi 26 novembre", "9 h, 9 h 30"), the next day first."""
    days: dict[str, list[str]] = {}
    for slot in slots:
        day = wording.day(slot.starts_at.astimezone(zone).date())
        days.setdefault(day, []).append(wording.hour(slot.starts_at, zone))
    return [(day, ", ".join(hours)) for day, hours in days.items()]
