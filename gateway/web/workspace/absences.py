"""When she is away, and who replaces her. Nobody's appointment moves by itself: the page lists those it stands on."""

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Path, Request
from fastapi.responses import RedirectResponse, Response

from gateway.web.workspace.opening_forms import read_absence
from gateway.web.workspace.openings import shown
from gateway.web.workspace.session import Signed, checked_form, signed_in

router = APIRouter(prefix="/workspace")

SignedIn = Annotated[Signed, Depends(signed_in)]


@router.post("/absences")
async def add(request: Request, signed: SignedIn) -> Response:
    wiring = request.app.state.wiring
    form = await checked_form(request, signed)
    async with wiring.store.transaction() as tx:
        substitutes = await tx.colleagues(signed.referent)
        absence, wrong = read_absence(
            form, signed.referent.id, substitutes, wiring.clock.now(), wiring.timezone
        )
        if absence:
            await tx.save_absence(absence)
    if wrong:
        return await shown(request, signed, form=form, wrong=wrong)
    return RedirectResponse("/workspace/openings?said=away#absences", 303)


@router.post("/absences/{absence_id:int}/delete")
async def delete(
    request: Request, signed: SignedIn, absence_id: Annotated[int, Path(ge=1, le=2**31 - 1)]
) -> Response:
    wiring = request.app.state.wiring
    await checked_form(request, signed)
    async with wiring.store.transaction() as tx:
        if not await tx.delete_absence(absence_id, signed.referent.id):
            raise HTTPException(404)
        job = await tx.arm("opened", signed.referent.id, wiring.clock.now())  # those who wait are told
    await wiring.worker.ring([job])
    return RedirectResponse("/workspace/openings?said=back#absences", 303)
