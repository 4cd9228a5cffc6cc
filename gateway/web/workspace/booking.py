"""A new appointment, taken for her by her referent."""

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import HTMLResponse, Response

from gateway.domain.appointment import Book
from gateway.domain.conversation import Conversation
from gateway.ports import Free
from gateway.usecases.appointments import can_be_told
from gateway.web.workspace import wording
from gateway.web.workspace.appointments import SAID, by_day, change, chosen, done_with
from gateway.web.workspace.session import Signed, checked_form, page, signed_in

router = APIRouter(prefix="/workspace")

SignedIn = Annotated[Signed, Depends(signed_in)]


@router.get("/people/{pseudonym}/appointments", response_class=HTMLResponse)
async def times(request: Request, signed: SignedIn, pseudonym: str) -> Response:
    return await _shown(request, signed, await _her(request, signed, pseudonym))


@router.post("/people/{pseudonym}/appointments")
async def book(request: Request, signed: SignedIn, pseudonym: str) -> Response:
    form = await checked_form(request, signed)
    who = await _her(request, signed, pseudonym)
    slot = chosen((await _free(request, signed, who)).slots, form.get("slot", ""))
    her = (who.id, who.beneficiary.id if who.beneficiary else None)
    done = await change(request, signed, her, Book(slot)) if slot else None
    if done is None:
        return await _shown(request, signed, who, "taken", 409)
    return done_with(done, "booked")


async def _her(request: Request, signed: Signed, pseudonym: str) -> Conversation:
    """404 when there is no such person, or when she is not this referent's to see."""
    wiring = request.app.state.wiring
    now = wiring.clock.now()
    async with wiring.store.transaction() as tx:
        found = await tx.by_pseudonym(pseudonym)
        if found is None or not await tx.may_see(signed.referent.id, found, now):
            raise HTTPException(404)
        await tx.note_access(signed.referent.id, found, "appointment", now)
        who: Conversation = await tx.conversation(found, now)
    return who


async def _free(request: Request, signed: Signed, who: Conversation) -> Free:
    """Of the referent who follows her, and of the one who asks."""
    wiring = request.app.state.wiring
    followed_by = who.referent.id if who.referent else signed.referent.id
    referents = tuple(dict.fromkeys((followed_by, signed.referent.id)))
    free: Free = await wiring.worker.diary.free(referents, who.id, wiring.clock.now())
    return free


async def _shown(
    request: Request, signed: Signed, who: Conversation, said: str = "", status: int = 200
) -> HTMLResponse:
    free = await _free(request, signed, who)
    answer = page(
        request, "workspace/book.html", signed, times=by_day(free, request.app.state.wiring.timezone),
        name=(who.beneficiary.first_name if who.beneficiary else "") or wording.NOBODY,
        link=f"/workspace/people/{who.pseudonym}", told=can_be_told(who), said=SAID.get(said, ""),
    )  # fmt: skip
    answer.status_code = status
    return answer
