"""One person: what her referent may know of her, and what she may do. Each visit is written in the audit log."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from gateway.domain.conversation import Channel
from gateway.domain.quiet import QuietHours
from gateway.domain.text import cleaned
from gateway.domain.workspace import TWICE, PersonRow
from gateway.usecases.inviting import somebody_is_free
from gateway.usecases.noticing import not_before
from gateway.usecases.taking_over import give_back, take_over
from gateway.usecases.writing import MANY, price_of, why_not, write_to_her
from gateway.web.workspace import wording
from gateway.web.workspace.nudge_rows import about_nudges
from gateway.web.workspace.person_rows import about, conversation_lines
from gateway.web.workspace.session import Signed, checked_form, is_htmx, page, signed_in

router = APIRouter(prefix="/workspace/people/{pseudonym}")

SignedIn = Annotated[Signed, Depends(signed_in)]
Before = Annotated[int, Query(ge=0, le=2**31 - 1)]  # id of a message; 0: the last ones
LAST = 60  # messages on the page; older ones on demand
DONE = {**wording.WORDS["person"], **wording.WORDS["follow_ups"], **wording.WORDS["not_nudged"]}
REFUSED = wording.WORDS["not_sent"]


@router.get("", response_class=HTMLResponse)
async def person(
    request: Request, signed: SignedIn, pseudonym: str, before: Before = 0, done: str = ""
) -> Response:
    wiring = request.app.state.wiring
    leaves = _quiet(request).over_at(wiring.clock.now()) or wiring.clock.now()
    said = DONE.get(done, "").format(hour=wording.when(leaves, wiring.timezone))
    return await _shown(request, signed, pseudonym, before=before, said=said)


@router.post("/messages/weigh", response_class=HTMLResponse)
async def weigh(request: Request, signed: SignedIn, pseudonym: str) -> Response:
    """How many SMS this text is, and what it costs. A text has no place in an address: hence a POST."""
    text = (await checked_form(request, signed)).get("text", "")
    if not is_htmx(request):
        return await _shown(request, signed, pseudonym, text=text)
    async with request.app.state.wiring.store.transaction() as tx:
        sms = bool((await hers(request, tx, signed, pseudonym)).phone)
    return page(request, "workspace/weight.html", signed, price=price_of(text), text=text, many=MANY, sms=sms)


@router.post("/messages", response_class=HTMLResponse)
async def write(request: Request, signed: SignedIn, pseudonym: str) -> Response:
    wiring = request.app.state.wiring
    form = await checked_form(request, signed)
    text, now = form.get("text", ""), wiring.clock.now()
    quiet, jobs = _quiet(request), list[int]()
    async with wiring.store.transaction() as tx:
        row = await hers(request, tx, signed, pseudonym)
        who = await tx.conversation(row.conversation_id, now)
        wrong = why_not(who, row.number_failed, text)
        if not wrong and row.phone and price_of(text).heavy and form.get("anyway") != "yes":
            wrong = "heavy"
        twice = not wrong and await tx.has_just_written(
            who.id, signed.referent.id, cleaned(text), now - TWICE
        )
        if not wrong and not twice:
            jobs += await write_to_her(tx, who, signed.referent, text, quiet, now)
            await tx.note_access(signed.referent.id, who.id, "write", now)
    if wrong:
        return await _shown(request, signed, pseudonym, text=text, wrong=wrong)
    wiring.hub.tell(row.conversation_id)
    await wiring.worker.ring(jobs)
    asleep = who.channel is Channel.SMS and not_before(who, quiet, now)
    return _back_to(row, "morning" if asleep else "sent")


@router.post("/take-over")
async def take(request: Request, signed: SignedIn, pseudonym: str) -> Response:
    wiring = request.app.state.wiring
    await checked_form(request, signed)
    now = wiring.clock.now()
    async with wiring.store.transaction() as tx:
        row = await hers(request, tx, signed, pseudonym)
        jobs = await take_over(tx, await tx.conversation(row.conversation_id, now), signed.referent, now)
        await tx.note_access(signed.referent.id, row.conversation_id, "take_over", now)
    await wiring.worker.ring(jobs)
    return _back_to(row, "taken")


@router.post("/give-back")
async def give(request: Request, signed: SignedIn, pseudonym: str) -> Response:
    wiring = request.app.state.wiring
    await checked_form(request, signed)
    now = wiring.clock.now()
    async with wiring.store.transaction() as tx:
        row = await hers(request, tx, signed, pseudonym)
        jobs = await give_back(tx, await tx.conversation(row.conversation_id, now), now)
        await tx.note_access(signed.referent.id, row.conversation_id, "give_back", now)
    await wiring.worker.ring(jobs)
    return _back_to(row, "back")


def _quiet(request: Request) -> QuietHours:
    quiet: QuietHours = request.app.state.wiring.worker.rules.quiet
    return quiet


async def hers(request: Request, tx: Any, signed: Signed, pseudonym: str) -> PersonRow:
    """The person of this name in addresses. Raises 404 when she is not this referent's to see."""
    row: PersonRow | None = await tx.person(
        signed.referent.id, pseudonym, request.app.state.wiring.clock.now()
    )
    if row is None:
        raise HTTPException(404)
    return row


async def _shown(
    request: Request,
    signed: Signed,
    pseudonym: str,
    *,
    before: int = 0,
    said: str = "",
    text: str = "",
    wrong: str = "",
) -> HTMLResponse:
    """Her page, the visit noted. `text`: what the referent was writing; `wrong`: why it did not go."""
    wiring = request.app.state.wiring
    now: datetime = wiring.clock.now()
    async with wiring.store.transaction() as tx:
        row = await hers(request, tx, signed, pseudonym)
        await tx.note_access(signed.referent.id, row.conversation_id, "read", now)
        messages = await tx.said(row.conversation_id, before, LAST + 1)
        known = await about(tx, row, signed, wiring, now)
        who = await tx.conversation(row.conversation_id, now)
        nudges = await about_nudges(tx, who, known["follows"], wiring, now)
    worker = wiring.worker
    free = nudges["may_invite"] and await somebody_is_free(worker.diary, worker.territory, who, now)
    more = len(messages) > LAST
    return page(
        request, "workspace/person.html", signed, **known, nudges=nudges, free=free, said=said, text=text, many=MANY,
        wrong=REFUSED.get(wrong, ""), heavy=wrong == "heavy", refused=wrong if wrong != "heavy" else "",
        lines=conversation_lines(messages[-LAST:], row, wiring), older=messages[-LAST].id if more else 0,
        sms=bool(row.phone), pseudonym=pseudonym, path_of_person=row_address(row), newest=not before, price=price_of(text), silence=REFUSED[blocked] if (blocked := _blocked(row)) else "",
    )  # fmt: skip


def _blocked(row: PersonRow) -> str:
    return "stopped" if row.stopped else "dead" if row.number_failed else ""


def _back_to(row: PersonRow, done: str) -> RedirectResponse:
    return RedirectResponse(f"{row_address(row)}?done={done}", 303)


def row_address(row: PersonRow) -> str:
    return f"/workspace/people/{row.pseudonym}"
