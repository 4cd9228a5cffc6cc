"""The people whom she may see, those who need her first."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from gateway.domain.text import folded
from gateway.domain.workspace import PersonRow
from gateway.web.workspace import wording
from gateway.web.workspace.session import Signed, checked_form, page, signed_in

router = APIRouter(prefix="/workspace")

SignedIn = Annotated[Signed, Depends(signed_in)]


@router.get("/people", response_class=HTMLResponse)
async def people(request: Request, signed: SignedIn) -> HTMLResponse:
    return await _shown(request, signed, "")


@router.post("/people", response_class=HTMLResponse)
async def search(request: Request, signed: SignedIn) -> HTMLResponse:
    """By first name. A POST, though it changes nothing: a name has no place in an address."""
    form = await checked_form(request, signed)
    return await _shown(request, signed, form.get("first_name", "")[:100])


async def _shown(request: Request, signed: Signed, name: str) -> HTMLResponse:
    wiring = request.app.state.wiring
    async with wiring.store.transaction() as tx:
        found = await tx.visible_people(signed.referent.id, wiring.clock.now())
        names = await tx.first_names({one.referent_id for one in found if one.referent_id})
        lost = await tx.without_number(signed.referent.id, wiring.clock.now())
    rows = [
        person_line(one, signed, names, wiring.timezone)
        for one in sorted(matching(found, name), key=lambda one: one.weight)
    ]
    rows += [_lost(one) for one in sorted(lost, key=folded) if begins(one, name)]
    return page(request, "workspace/people.html", signed, rows=rows, name=name, count=len(rows))


def matching(people: Iterable[PersonRow], name: str) -> Sequence[PersonRow]:
    return [one for one in people if begins(one.first_name, name)]


def begins(first_name: str, name: str) -> bool:
    """It begins so, accents and capitals apart; true of all for an empty `name`."""
    return f" {folded(name)}" in f" {folded(first_name)}" if folded(name) else True


def _lost(first_name: str) -> dict[str, Any]:
    """Somebody whose number says "this is not me": there is no page to open."""
    return {"name": first_name or wording.NOBODY, "lost": True, "badges": [("bad", "Numéro à vérifier")]}


def person_line(one: PersonRow, signed: Signed, names: Any, zone: Any) -> dict[str, Any]:
    """`names`: referent's id → first name."""
    follows = names.get(one.referent_id, "") if one.referent_id != signed.referent.id else ""
    return {
        "name": one.first_name or wording.NOBODY,
        "link": f"/workspace/people/{one.pseudonym}",
        "commune": one.commune,
        "language": wording.language(one.language),
        "next": wording.when(one.next_appointment, zone) if one.next_appointment else "",
        "follows": follows,
        "badges": badges(one, signed),
    }


def badges(one: PersonRow, signed: Signed) -> Sequence[tuple[str, str]]:
    """(how it looks, what it says), the most pressing first."""
    return [
        badge
        for shown, badge in (
            (one.urgent, ("bad", "Danger signalé")),
            (one.asked and not one.urgent, ("warm", "À rappeler")),
            (one.number_failed, ("bad", "Numéro à vérifier")),
            (one.last_failed and not one.number_failed, ("bad", "Message non reçu")),
            (one.stopped, ("cold", "STOP")),
            (one.taken_by == signed.referent.id, ("warm", "Vous répondez")),
            (one.taken_by and one.taken_by != signed.referent.id, ("cold", "Reprise par un collègue")),
            (not one.bound, ("cold", "Numéro non rattaché")),
        )
        if shown
    ]
