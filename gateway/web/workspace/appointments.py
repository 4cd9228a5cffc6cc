"""One appointment: what became of it, another time for it, the end of it; and a new one for her."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, HTTPException, Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from gateway.domain.appointment import Appointment, Book, Cancel, Status, TimeSlot
from gateway.errors import BadForm
from gateway.ports import Free
from gateway.usecases.appointments import (
    OUTCOMES,
    Changed,
    change_by_referent,
    covers,
    is_free,
    may_be_told,
    may_change,
    note_outcome,
    slot_key,
    with_substitute,
)
from gateway.usecases.noticing import still_hers
from gateway.web.workspace import wording
from gateway.web.workspace.rows import BUTTONS, appointment_row, history_lines
from gateway.web.workspace.session import Signed, checked_form, page, signed_in

router = APIRouter(prefix="/workspace")

SignedIn = Annotated[Signed, Depends(signed_in)]
Id = Annotated[int, Path(ge=1, le=2**31 - 1)]
SAID = wording.WORDS["appointments"]
MOST = 200  # time slots in a list


@router.get("/appointments/{appointment_id:int}", response_class=HTMLResponse)
async def appointment(request: Request, signed: SignedIn, appointment_id: Id, said: str = "") -> Response:
    return await _shown(request, signed, appointment_id, said)


@router.post("/appointments/{appointment_id:int}/status")
async def status(request: Request, signed: SignedIn, appointment_id: Id) -> Response:
    wiring = request.app.state.wiring
    form = await checked_form(request, signed)
    if form.get("status") not in {one.value for one in OUTCOMES}:
        raise BadForm("Dites si la personne est venue.")
    now, sequence = wiring.clock.now(), _sequence(form)
    async with wiring.store.transaction() as tx:
        theirs = await _theirs(tx, signed, appointment_id, now)
        done = await note_outcome(tx, theirs, sequence, Status(form["status"]), now)
        if done:
            await tx.note_access(signed.referent.id, theirs.conversation_id, "status", now)
    said = form["status"] if done else "changed"
    if form.get("back") == "today":
        return RedirectResponse(f"/workspace?said={said}#appointment-{appointment_id}", 303)
    if not done:
        return await _shown(request, signed, appointment_id, said, 409)
    return RedirectResponse(f"/workspace/appointments/{appointment_id}?said={said}", 303)


@router.post("/appointments/{appointment_id:int}/move")
async def move(request: Request, signed: SignedIn, appointment_id: Id) -> Response:
    wiring = request.app.state.wiring
    form = await checked_form(request, signed)
    now, sequence = wiring.clock.now(), _sequence(form)
    async with wiring.store.transaction() as tx:
        theirs = await _theirs(tx, signed, appointment_id, now)
    slot = chosen((await other_times(request, theirs)).slots, form.get("slot", ""))
    her = (theirs.conversation_id, theirs.beneficiary_id)
    if slot and (done := await change(request, signed, her, Book(slot, theirs.id, sequence))):
        return done_with(done, "moved")
    same = theirs.sequence == sequence and may_change(theirs, now)
    return await _shown(request, signed, appointment_id, "taken" if same else "changed", 409)


@router.post("/appointments/{appointment_id:int}/cancel")
async def cancel(request: Request, signed: SignedIn, appointment_id: Id) -> Response:
    wiring = request.app.state.wiring
    form = await checked_form(request, signed)
    async with wiring.store.transaction() as tx:
        theirs = await _theirs(tx, signed, appointment_id, wiring.clock.now())
    her = (theirs.conversation_id, theirs.beneficiary_id)
    if done := await change(request, signed, her, Cancel(appointment_id, _sequence(form))):
        return done_with(done, "revoked")
    return await _shown(request, signed, appointment_id, "changed", 409)


async def change(
    request: Request, signed: Signed, her: tuple[int, int | None], wanted: Book | Cancel
) -> Changed | None:
    """None when it could not be done. Commits, then rings."""
    wiring = request.app.state.wiring
    now = wiring.clock.now()
    async with wiring.store.transaction() as tx:
        done: Changed | None = await change_by_referent(tx, her, wanted, now)
        if done:
            await tx.note_access(signed.referent.id, her[0], "status", now)
    if done is None:
        return None
    await wiring.worker.ring(done.jobs)
    return done


def done_with(done: Changed, kind: str) -> RedirectResponse:
    """To the appointment, with what was done to it."""
    said = kind if done.told else f"{kind}-untold"
    return RedirectResponse(f"/workspace/appointments/{done.appointment.id}?said={said}", 303)


async def _theirs(tx: Any, signed: Signed, appointment_id: int, now: datetime) -> Appointment:
    """With this referent or one whom she stands for, or of somebody whom she may see; else 404."""
    found: Appointment | None = await tx.appointment(appointment_id)
    if found and (
        await tx.stands_for(signed.referent.id, found.referent_id, now)
        or await _sees_her(tx, signed, found, now)
    ):
        return found
    raise HTTPException(404)


async def _sees_her(tx: Any, signed: Signed, theirs: Appointment, now: datetime) -> bool:
    """Her page may be opened: the conversation is still of whom it was booked for, and this referent's to see."""
    who = await tx.conversation(theirs.conversation_id, now)
    return still_hers(theirs, who) and await tx.may_see(signed.referent.id, theirs.conversation_id, now)


async def _shown(
    request: Request, signed: Signed, appointment_id: int, said: str = "", status: int = 200
) -> HTMLResponse:
    """The appointment as it is now, with what was just done or why it was not."""
    wiring = request.app.state.wiring
    now, zone, her = wiring.clock.now(), wiring.timezone, signed.referent.id
    async with wiring.store.transaction() as tx:
        theirs = await _theirs(tx, signed, appointment_id, now)
        who = await tx.conversation(theirs.conversation_id, now)
        names = await tx.who_come([theirs])
        hers = await _sees_her(tx, signed, theirs, now)
        history = await tx.history_of(appointment_id)
        await tx.note_access(her, theirs.conversation_id, "appointment", now)
    times = await other_times(request, theirs) if may_change(theirs, now) else Free()
    answer = page(
        request, "workspace/appointment.html", signed, row=appointment_row(theirs, names, now, zone),
        link=f"/workspace/people/{who.pseudonym}" if hers else "", mine=theirs.referent_id == her,
        history=history_lines(history, theirs, zone), buttons=BUTTONS, times=by_day(times, zone),
        told=may_be_told(theirs, who), said=SAID.get(said, ""), wrong=status != 200,
    )  # fmt: skip
    answer.status_code = status
    return answer


async def other_times(request: Request, theirs: Appointment) -> Free:
    """Where it may move: the same time with who replaces her referent, then what is free."""
    wiring = request.app.state.wiring
    now = wiring.clock.now()
    async with wiring.store.transaction() as tx:
        away = await tx.absences_of(theirs.referent_id, now)
        substitutes = {a.substitute_id for a in away if a.substitute_id and covers(a, theirs)}
        names = await tx.first_names(substitutes)
        plan = await tx.schedule(sorted(substitutes), theirs.starts_at, theirs.ends_at)
    free: Free = await wiring.worker.diary.free((theirs.referent_id,), theirs.conversation_id, now)
    same = [slot for one in sorted(substitutes) if is_free(plan, slot := with_substitute(theirs, one))]
    others = [slot for slot in free.slots if slot not in same]
    return replace(free, slots=[*same, *others], names={**free.names, **names})


def chosen(slots: Sequence[TimeSlot], key: str) -> TimeSlot | None:
    """The time slot that a form names, when it is still offered."""
    return next((slot for slot in slots if slot_key(slot) == key), None)


def by_day(free: Free, zone: ZoneInfo) -> list[tuple[str, list[tuple[str, str]]]]:
    """(day, [(key, title)]): a list to choose from."""
    several = len({slot.referent_id for slot in free.slots}) > 1
    days: dict[str, list[tuple[str, str]]] = {}
    for slot in free.slots[:MOST]:
        day = wording.day(slot.starts_at.astimezone(zone).date())
        title = f"{wording.hour(slot.starts_at, zone)} à {wording.hour(slot.ends_at, zone)}, {wording.place(slot.kind, slot.place)}"
        title += f", avec {free.names.get(slot.referent_id, '')}" if several else ""
        title += " (proposé en ce moment à quelqu'un d'autre)" if slot in free.held else ""
        days.setdefault(day, []).append((slot_key(slot), title))
    return list(days.items())


def _sequence(form: Mapping[str, str]) -> int:
    """Of the appointment as this page showed it."""
    written = form.get("sequence", "")
    if not (written.isascii() and written.isdigit() and len(written) < 10):
        raise BadForm("Rechargez la page, puis réessayez.")
    return int(written)
