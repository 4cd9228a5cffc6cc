"""Her calendars and her open sessions."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, HTTPException, Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from gateway.domain.calendars import CalendarAccount, CalendarState
from gateway.usecases.calendars import keep_calendar, planned, recorded, talked
from gateway.web.workspace import wording
from gateway.web.workspace.session import Signed, checked_form, page, signed_in

router = APIRouter(prefix="/workspace")

SignedIn = Annotated[Signed, Depends(signed_in)]
PATIENCE = 12.0  # seconds that she waits for her calendar
SAID = {
    **wording.WORDS["settings"],
    **{name: f"Votre agenda ne marche pas. {words}" for name, words in wording.CALENDAR_ERRORS.items()},
}


@router.get("/settings", response_class=HTMLResponse)
async def settings(request: Request, signed: SignedIn, said: str = "") -> Response:
    return await _shown(request, signed, SAID.get(said, ""))


@router.post("/settings/feed")
async def new_address(request: Request, signed: SignedIn) -> Response:
    await checked_form(request, signed)
    async with request.app.state.wiring.store.transaction() as tx:
        await tx.new_calendar_secret(signed.referent.id)
    return RedirectResponse("/workspace/settings?said=feed", 303)


@router.post("/settings/calendar")
async def save_calendar(request: Request, signed: SignedIn) -> Response:
    """Kept, then tried: what it answers is said at once."""
    wiring = request.app.state.wiring
    form = await checked_form(request, signed)
    wrong = _wrong_account(form)
    if wrong:
        return await _shown(request, signed, form=form, wrong=wrong)
    account = CalendarAccount(form["url"].strip(), form["username"].strip(), form["password"])
    async with wiring.store.transaction() as tx:
        jobs = await keep_calendar(tx, signed.referent.id, account, wiring.clock.now())
    said = await _tried(request, signed)
    await wiring.worker.ring(jobs)
    return RedirectResponse(f"/workspace/settings?said={said}", 303)


@router.post("/settings/calendar/try")
async def try_calendar(request: Request, signed: SignedIn) -> Response:
    await checked_form(request, signed)
    return RedirectResponse(f"/workspace/settings?said={await _tried(request, signed)}", 303)


@router.post("/settings/calendar/forget")
async def forget_calendar(request: Request, signed: SignedIn) -> Response:
    await checked_form(request, signed)
    async with request.app.state.wiring.store.transaction() as tx:
        await tx.forget_calendar(signed.referent.id)
    return RedirectResponse("/workspace/settings?said=forgotten", 303)


@router.post("/settings/sessions/{session_id:int}/end")
async def end_session(
    request: Request, signed: SignedIn, session_id: Annotated[int, Path(ge=1, le=2**31 - 1)]
) -> Response:
    wiring = request.app.state.wiring
    await checked_form(request, signed)
    async with wiring.store.transaction() as tx:
        if not await tx.end_session(session_id, signed.referent.id, wiring.clock.now()):
            raise HTTPException(404)
    return RedirectResponse("/workspace/settings?said=ended", 303)


async def _tried(request: Request, signed: Signed) -> str:
    """Reads it once, writes nothing there. What SAID calls the result."""
    wiring = request.app.state.wiring
    now = wiring.clock.now()
    async with wiring.store.transaction() as tx:
        plan = await planned(tx, signed.referent.id, now)
    if plan is None:
        return "forgotten"
    plan = replace(plan, write=(), remove=())
    talk = await talked(wiring.worker.calendars, plan, now, PATIENCE)
    async with wiring.store.transaction() as tx:
        await recorded(tx, plan, talk, wiring.clock.now())
    return talk.error or "answers"


def _wrong_account(form: Mapping[str, str]) -> dict[str, str]:
    wrong = {}
    if not _is_address(form.get("url", "").strip()):
        wrong["url"] = "Écrivez l'adresse entière : elle commence par https://"
    if not form.get("username", "").strip():
        wrong["username"] = "Écrivez l'identifiant de cet agenda."
    if not form.get("password"):
        wrong["password"] = "Écrivez le mot de passe de cet agenda."  # noqa: S105 a sentence
    return wrong


def _is_address(written: str) -> bool:
    try:
        url = urlsplit(written)
    except ValueError:  # half an IPv6 address
        return False
    return url.scheme in ("http", "https") and bool(url.hostname) and len(written) <= 500


async def _shown(
    request: Request,
    signed: Signed,
    said: str = "",
    form: Mapping[str, str] | None = None,
    wrong: Mapping[str, str] | None = None,
) -> HTMLResponse:
    wiring = request.app.state.wiring
    now, zone, her = wiring.clock.now(), wiring.timezone, signed.referent.id
    async with wiring.store.transaction() as tx:
        secret = await tx.calendar_secret(her)
        state = await tx.calendar_state(her)
        sessions = await tx.sessions_of(her, now)
    answer = page(
        request, "workspace/settings.html", signed,
        feed=f"{wiring.settings.public}/calendar/{secret}.ics", calendar=_state(state, zone),
        form={key: (form or {}).get(key, "") for key in ("url", "username")}, wrong=wrong or {}, said=said,
        sessions=[
            {"id": one.id, "since": wording.when(one.created_at, zone), "seen": wording.when(one.seen_at, zone),
             "here": one.id == signed.session_id}
            for one in sessions
        ],
    )  # fmt: skip
    answer.status_code = 422 if wrong else 200
    return answer


def _state(state: CalendarState | None, zone: ZoneInfo) -> dict[str, Any]:
    """{} when she has given none."""
    if state is None:
        return {}
    return {
        "read": wording.when(state.read_at, zone) if state.read_at else "",
        "error": wording.calendar_error(state.error) if state.error else "",
        "failed": wording.when(state.failed_at, zone) if state.failed_at else "",
    }
