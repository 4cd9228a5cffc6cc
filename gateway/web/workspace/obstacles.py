"""What her people agreed to tell her, person by person, the most urgent first."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response

from gateway.usecases.sharing import for_referent
from gateway.web.workspace import wording
from gateway.web.workspace.person_rows import obstacle
from gateway.web.workspace.session import Signed, page, signed_in

router = APIRouter(prefix="/workspace")


@router.get("/obstacles", response_class=HTMLResponse)
async def obstacles(request: Request, signed: Annotated[Signed, Depends(signed_in)]) -> Response:
    wiring = request.app.state.wiring
    async with wiring.store.transaction() as tx:
        shared = await tx.obstacles_of_referent(signed.referent.email.lower())
        now = wiring.clock.now()
        for person in dict.fromkeys(one.person for one in shared):
            await tx.note_access(signed.referent.id, await tx.by_pseudonym(person), "read", now)
    known = [one for one in shared if one.obstacle.kind in wiring.worker.obstacles.kinds]
    people: dict[str, dict[str, Any]] = {}
    for one, coded in zip(known, for_referent(known, wiring.worker.obstacles), strict=True):
        person = people.setdefault(
            one.person,
            {
                "name": one.first_name or wording.NOBODY,
                "link": f"/workspace/people/{one.person}",
                "obstacles": [],
                "worst": 0,
            },
        )
        person["obstacles"].append({**obstacle(one.obstacle, wiring), "codes": codes(coded)})
        person["worst"] = max(person["worst"], one.obstacle.severity or 0)
    rows = sorted(people.values(), key=lambda row: (-row["worst"], row["name"].casefold()))
    return page(request, "workspace/obstacles.html", signed, people=rows)


def codes(coded: dict[str, Any]) -> str:
    """What other tools call it: "France Travail : contrainte 23, situation 6"."""
    theirs = coded["france_travail"]
    if not theirs["contrainte"]:
        return ""
    said = f"France Travail : contrainte {theirs['contrainte']}"
    if theirs["situations"]:
        said += f", situation{'s' if len(theirs['situations']) > 1 else ''} {', '.join(theirs['situations'])}"
    return f"{said}, impact {theirs['impact'].lower()}" if theirs["impact"] else said
