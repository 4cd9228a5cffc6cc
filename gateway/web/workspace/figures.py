"""The département's figures: how many people, never who, and never fewer than five."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response

from gateway.figures import HIDDEN, as_csv, as_svg
from gateway.usecases.sharing import PERSONAL, Count, counts, totals
from gateway.web.workspace import wording
from gateway.web.workspace.questions import leading
from gateway.web.workspace.session import Signed, page

router = APIRouter(prefix="/workspace")

Leading = Annotated[Signed, Depends(leading)]
TITLE = "Ce qui bloque, en nombre de personnes"


@router.get("/figures", response_class=HTMLResponse)
async def figures(request: Request, signed: Leading) -> Response:
    found, names, places = await _counted(request)
    rows = [
        {
            "month": wording.month(one.month),
            "place": {"": "inconnue", "*": "toutes"}.get(one.epci) or places.get(one.epci, one.epci),
            "kind": names.get(one.kind, one.kind),
            "severity": _severity(request, one.severity),
            "people": HIDDEN if one.people is None else str(one.people),
        }
        for one in found
    ]
    total = [(names.get(kind, kind), number) for kind, number in totals(found).most_common() if number]
    return page(request, "workspace/figures.html", signed, rows=rows, totals=total, title=TITLE)


@router.get("/figures.svg")
async def picture(request: Request, signed: Leading) -> Response:
    found, names, _ = await _counted(request)
    return Response(as_svg(totals(found), names, TITLE), media_type="image/svg+xml", headers=NOT_KEPT)


@router.get("/figures.csv")
async def table(request: Request, signed: Leading) -> Response:
    found, names, places = await _counted(request)
    content = "\ufeff" + as_csv(found, names, places)  # spreadsheets then read the accents
    attached = {"Content-Disposition": 'attachment; filename="chiffres.csv"', **NOT_KEPT}
    return Response(content.encode(), media_type="text/csv; charset=utf-8", headers=attached)


NOT_KEPT = {"Cache-Control": "no-store"}


async def _counted(request: Request) -> tuple[Sequence[Count], Mapping[str, str], Mapping[str, str]]:
    """(counts, names of the obstacles, names of the intercommunalités)."""
    wiring = request.app.state.wiring
    async with wiring.store.transaction() as tx:
        rows = await tx.obstacles_of_everybody()
    kinds = wiring.worker.obstacles.kinds
    names = {kind.id: wiring.words.name(kind.says, "fr") for kind in kinds.values()}
    names[PERSONAL] = "Santé, justice"
    found = counts(rows, wiring.worker.obstacles, wiring.worker.territory)
    return found, names, wiring.worker.territory.epcis


def _severity(request: Request, code: str) -> str:
    """As the question says it: "Beaucoup"."""
    if code in ("", "*"):
        return {"": "", "*": "toutes"}[code]
    buttons: Any = request.app.state.wiring.words.responses["utter_ask/severity"].buttons
    return next((title for title, payload in buttons if payload == f"ANSWER {code}"), code)
