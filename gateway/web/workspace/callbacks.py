"""Who asked to be called back, urgent first."""

from collections.abc import Sequence
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, HTTPException, Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from gateway.domain.desk import Callback
from gateway.web.workspace import wording
from gateway.web.workspace.session import Signed, checked_form, page, signed_in

router = APIRouter(prefix="/workspace")

SignedIn = Annotated[Signed, Depends(signed_in)]
Id = Annotated[int, Path(ge=1, le=2**31 - 1)]
SHOWN = 100
SAID = wording.WORDS["callbacks"]


@router.get("/callbacks", response_class=HTMLResponse)
async def callbacks(request: Request, signed: SignedIn, said: str = "") -> Response:
    rows = await to_call(request, signed)
    more = max(len(rows) - SHOWN, 0)
    return page(
        request, "workspace/callbacks.html", signed, rows=rows[:SHOWN], more=more, said=SAID.get(said, "")
    )


@router.post("/callbacks/{callback_id}/close")
async def close(request: Request, signed: SignedIn, callback_id: Id) -> Response:
    """Her requests up to this one: what she asks meanwhile stays."""
    wiring = request.app.state.wiring
    form = await checked_form(request, signed)
    now = wiring.clock.now()
    async with wiring.store.transaction() as tx:
        done = await tx.close_callbacks(callback_id, signed.referent, now)
        if done is None:
            raise HTTPException(404)
        hers, closed = done
        await tx.note_access(signed.referent.id, hers, "callback", now)
    back = "/workspace" if form.get("back") == "today" else "/workspace/callbacks"
    return RedirectResponse(f"{back}?said={'called' if closed else 'called-already'}", 303)


async def to_call(request: Request, signed: Signed) -> Sequence[dict[str, Any]]:
    """As the pages show them."""
    wiring = request.app.state.wiring
    async with wiring.store.transaction() as tx:
        waiting = await tx.open_callbacks(signed.referent, wiring.clock.now())
    return [_row(one, wiring.timezone) for one in waiting]


def _row(one: Callback, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "id": one.id,
        "urgent": one.urgent,
        "name": one.person.first_name or wording.NOBODY,
        "link": f"/workspace/people/{one.person.pseudonym}" if one.visible else "",
        "phone": one.phone,
        "spoken": wording.phone(one.phone),
        "language": wording.language(one.language),
        "reasons": [wording.reason(name) for name in one.reasons],
        "since": wording.when(one.since, zone),
    }
