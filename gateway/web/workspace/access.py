"""Who looked at whom: what she did herself, and who saw her people. Also as a file."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import HTMLResponse, Response

from gateway.domain.workspace import AccessRow
from gateway.figures import harmless
from gateway.web.workspace import wording
from gateway.web.workspace.session import Signed, page, signed_in

router = APIRouter(prefix="/workspace")

SignedIn = Annotated[Signed, Depends(signed_in)]
ACTIONS = wording.WORDS["actions"]
SHOWN, IN_FILE = 200, 100_000


@router.get("/access", response_class=HTMLResponse)
async def access(request: Request, signed: SignedIn, person: str = "") -> HTMLResponse:
    """`person`: the pseudonym of one person, else of all."""
    wiring = request.app.state.wiring
    found, name = await _found(request, signed, person, SHOWN)
    rows = [_line(one, wiring.timezone) for one in found]
    return page(request, "workspace/access.html", signed, rows=rows, name=name, person=person, shown=SHOWN)


@router.get("/access.csv")
async def as_file(request: Request, signed: SignedIn, person: str = "") -> Response:
    found, _ = await _found(request, signed, person, IN_FILE)
    zone = request.app.state.wiring.timezone
    lines = [("date", "heure", "qui", "action", "personne", "numéro de dossier")]
    for one in found:
        at = one.at.astimezone(zone)
        lines.append(
            (f"{at:%d/%m/%Y}", f"{at:%H:%M:%S}", one.by, ACTIONS.get(one.action, one.action), one.first_name,
             one.pseudonym)
        )  # fmt: skip
    headers = {"Content-Disposition": 'attachment; filename="acces.csv"', "Cache-Control": "no-store"}
    return Response(written(lines), media_type="text/csv; charset=utf-8", headers=headers)


def written(lines: Iterable[Sequence[str]]) -> str:
    """A CSV that a French spreadsheet opens as it is, and computes nothing of."""
    file = io.StringIO()
    file.write("\ufeff")
    csv.writer(file, delimiter=";").writerows([harmless(cell) for cell in line] for line in lines)
    return file.getvalue()


async def _found(
    request: Request, signed: Signed, pseudonym: str, limit: int
) -> tuple[Sequence[AccessRow], str]:
    """The accesses, and the first name of the person asked for. Raises 404 when she is not hers to see."""
    wiring = request.app.state.wiring
    now, name = wiring.clock.now(), ""
    async with wiring.store.transaction() as tx:
        if pseudonym:
            one = await tx.person(signed.referent.id, pseudonym, now)
            if one is None:
                raise HTTPException(404)
            name = one.first_name or wording.NOBODY
        return await tx.accesses(signed.referent.id, now, pseudonym, limit), name


def _line(one: AccessRow, zone: Any) -> dict[str, Any]:
    return {
        "when": wording.when(one.at, zone),
        "by": "Vous" if one.mine else one.by,
        "action": ACTIONS.get(one.action, one.action),
        "name": (one.first_name or wording.NOBODY) if one.visible else "Une personne que vous ne suivez plus",
        "link": f"/workspace/people/{one.pseudonym}" if one.visible else "",
    }
