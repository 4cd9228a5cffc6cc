"""What her referent asks to remind her of: to choose an appointment, to sign her contract; and the end of it."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from gateway.domain.nudge import About
from gateway.domain.workspace import PersonRow
from gateway.usecases.inviting import Asked, ask_to_sign, invite, no_more, somebody_is_free
from gateway.web.workspace.person import hers, row_address
from gateway.web.workspace.session import Signed, checked_form, signed_in

router = APIRouter(prefix="/workspace/people/{pseudonym}")

SignedIn = Annotated[Signed, Depends(signed_in)]


@router.post("/invitation")
async def start_inviting(request: Request, signed: SignedIn, pseudonym: str) -> Response:
    """Free time is read first, in a transaction of its own; it is looked at again when the message leaves."""
    wiring = request.app.state.wiring
    await checked_form(request, signed)
    now = wiring.clock.now()
    async with wiring.store.transaction() as tx:
        row = await hers(request, tx, signed, pseudonym)
        who = await tx.conversation(row.conversation_id, now)
    free = await somebody_is_free(wiring.worker.diary, wiring.worker.territory, who, now)
    async with wiring.store.transaction() as tx:
        row = await hers(request, tx, signed, pseudonym)
        who = await tx.conversation(row.conversation_id, now)
        asked = await invite(tx, who, signed.referent.id, free, now)
        if not asked.wrong:
            await tx.note_access(signed.referent.id, who.id, "invite", now)
    await wiring.worker.ring(asked.jobs)
    return _back_to(row, asked.wrong or "invited")


@router.post("/invitation/stop")
async def stop_inviting(request: Request, signed: SignedIn, pseudonym: str) -> Response:
    return await _over(request, signed, pseudonym, About.INVITATION, "stopped", "uninvited")


@router.post("/contract")
async def contract(request: Request, signed: SignedIn, pseudonym: str) -> Response:
    wiring = request.app.state.wiring
    await checked_form(request, signed)
    now = wiring.clock.now()
    async with wiring.store.transaction() as tx:
        row = await hers(request, tx, signed, pseudonym)
        asked: Asked = await ask_to_sign(tx, await tx.conversation(row.conversation_id, now), now)
        if not asked.wrong:
            await tx.note_access(signed.referent.id, row.conversation_id, "contract", now)
    await wiring.worker.ring(asked.jobs)
    return _back_to(row, asked.wrong or "contract")


@router.post("/contract/signed")
async def signed_contract(request: Request, signed: SignedIn, pseudonym: str) -> Response:
    return await _over(request, signed, pseudonym, About.CONTRACT, "done", "signed")


@router.post("/contract/withdraw")
async def withdraw_contract(request: Request, signed: SignedIn, pseudonym: str) -> Response:
    return await _over(request, signed, pseudonym, About.CONTRACT, "stopped", "withdrawn")


async def _over(
    request: Request, signed: Signed, pseudonym: str, about: About, outcome: str, done: str
) -> RedirectResponse:
    """`done`: what is said of it, and its name in the access log."""
    wiring = request.app.state.wiring
    await checked_form(request, signed)
    now = wiring.clock.now()
    async with wiring.store.transaction() as tx:
        row = await hers(request, tx, signed, pseudonym)
        closed = await no_more(tx, await tx.conversation(row.conversation_id, now), about, outcome, now)
        if closed:
            await tx.note_access(signed.referent.id, row.conversation_id, done, now)
    return _back_to(row, done if closed else "over")


def _back_to(row: PersonRow, done: str) -> RedirectResponse:
    return RedirectResponse(f"{row_address(row)}?done={done}", 303)
