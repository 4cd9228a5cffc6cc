"""Nobody walks through a wall: each address of the workspace that names something answers 404 to another referent.

A new address with a parameter must be added to THEIRS or, with the reason, to NOBODYS: else a test fails here.
"""

import re
from collections.abc import AsyncIterator, Mapping
from datetime import time
from typing import Any

import httpx2
import pytest
from fastapi.routing import iter_route_contexts

from gateway.adapters.database import tables as t
from gateway.domain.appointment import Absence, Opening
from gateway.domain.campaign import Campaign
from gateway.domain.people import CallbackRequest
from gateway.web.workspace import router
from tests.web.desk import HTMX, Browser, Desk
from tests.web.office import THURSDAY, Office, opened, slots
from tests.web.service import Service, sid

# Address → the fields with which its owner would be answered.
THEIRS: dict[tuple[str, str], Mapping[str, str]] = {
    ("GET", "/workspace/people/{pseudonym}"): {},
    ("POST", "/workspace/people/{pseudonym}/messages/weigh"): {"text": "Bonjour"},
    ("POST", "/workspace/people/{pseudonym}/messages"): {"text": "Bonjour"},
    ("POST", "/workspace/people/{pseudonym}/take-over"): {},
    ("POST", "/workspace/people/{pseudonym}/give-back"): {},
    ("POST", "/workspace/people/{pseudonym}/invitation"): {},
    ("POST", "/workspace/people/{pseudonym}/invitation/stop"): {},
    ("POST", "/workspace/people/{pseudonym}/contract"): {},
    ("POST", "/workspace/people/{pseudonym}/contract/signed"): {},
    ("POST", "/workspace/people/{pseudonym}/contract/withdraw"): {},
    ("GET", "/workspace/people/{pseudonym}/appointments"): {},
    ("POST", "/workspace/people/{pseudonym}/appointments"): {"slot": "a free one"},
    ("GET", "/workspace/appointments/{appointment_id}"): {},
    ("POST", "/workspace/appointments/{appointment_id}/status"): {"status": "excused", "sequence": "0"},
    ("POST", "/workspace/appointments/{appointment_id}/move"): {"slot": "a free one", "sequence": "0"},
    ("POST", "/workspace/appointments/{appointment_id}/cancel"): {"sequence": "0"},
    ("POST", "/workspace/callbacks/{callback_id}/close"): {},
    ("POST", "/workspace/openings/{opening_id}/delete"): {},
    ("POST", "/workspace/openings/{opening_id}/exceptions"): {"day": THURSDAY.isoformat()},
    ("POST", "/workspace/absences/{absence_id}/delete"): {},
    ("POST", "/workspace/settings/sessions/{session_id}/end"): {},
    ("GET", "/workspace/campaigns/{token}"): {},
    ("POST", "/workspace/campaigns/{token}/stop"): {},
    # those that name her by a parameter of the query
    ("GET", "/workspace/access?person={pseudonym}"): {},
    ("GET", "/workspace/access.csv?person={pseudonym}"): {},
    ("GET", "/workspace/week?of={referent_id}"): {},
}
# Addresses that name nothing of anybody's, and why.
NOBODYS = {
    "/workspace/sign-in/{token}": "a link is known to whoever has it",
    "/workspace/questions/{question_id}": "linked to nobody; leads only",
    "/workspace/questions/{question_id}/label": "linked to nobody; leads only",
    "/workspace/questions/{question_id}/delete": "linked to nobody; leads only",
}
HOURS = (time(9), time(12))
CAMPAIGN = "c0ffee" * 5 + "00"
CHANGED_BY_LOOKING = {"session"}  # its last sign of life


def named() -> set[tuple[str, str]]:
    """(method, address) of every route of the workspace that has a parameter."""
    return {
        (method, str(route.path).replace(":int", ""))
        for route in iter_route_contexts(router.routes)
        for method in (route.methods or ())
        if method != "HEAD" and "{" in str(route.path)
    }


def test_it_walks_every_address_that_names_something() -> None:
    walked = {(method, path) for method, path in THEIRS if "?" not in path}
    assert {(m, p) for m, p in named() if p not in NOBODYS} == walked
    assert set(NOBODYS) <= {path for _, path in named()}


@pytest.fixture
async def office(service: Service) -> AsyncIterator[Office]:
    async with opened(service) as office:
        yield office


async def ids(office: Office, path: str = "") -> dict[str, str]:
    """What Claire has: one of each. Paul works beside her, Léa elsewhere."""
    desk, amina = office.desk, office.amina
    begins = -1 if path.endswith("/status") else 2  # what became of it is noted afterwards
    async with desk.store.transaction() as tx:
        message = await tx.add_inbound(amina.conversation_id, sid(), "0", 0, "", desk.now)
        assert message
        await tx.close_inbound(message, desk.now)
        await tx.add_callback(CallbackRequest(amina.conversation_id, message, "asked", desk.now))
        opening = await tx.save_opening(
            Opening(office.claire, THURSDAY, *HOURS, place="7 rue du Lac", weekly=True)
        )
        absence = await tx.save_absence(
            Absence(office.claire, desk.now.replace(year=2027), desk.now.replace(year=2028))
        )
        (session,) = await tx.sessions_of(office.claire, desk.now)
        await tx.add_campaign(Campaign(0, office.claire, CAMPAIGN, desk.now, desk.now, text="Bonjour"))
    (callback,) = await office.rows(t.callback)
    return {
        "pseudonym": amina.pseudonym,
        "referent_id": str(office.claire),
        "appointment_id": str(await desk.meets(amina, office.claire, hours=begins)),
        "callback_id": str(callback["id"]),
        "opening_id": str(opening),
        "absence_id": str(absence),
        "session_id": str(session.id),
        "token": CAMPAIGN,
    }


async def sent(browser: Browser, method: str, path: str, fields: Mapping[str, str]) -> httpx2.Response:
    return await (browser.get(path) if method == "GET" else browser.form(path, fields))


async def everything(office: Office) -> dict[str, Any]:
    return {
        table.name: await office.rows(table)
        for table in t.metadata.sorted_tables
        if table.name not in CHANGED_BY_LOOKING
    }


async def filled(
    office: Office, path: str, fields: Mapping[str, str], known: Mapping[str, str]
) -> tuple[str, dict[str, str]]:
    address = re.sub(r"{(\w+)}", lambda found: known[found[1]], path)
    offered = await office.browser.get(f"/workspace/people/{known['pseudonym']}/appointments")
    return address, {k: slots(offered.text)[0] if v == "a free one" else v for k, v in fields.items()}


@pytest.mark.parametrize(("method", "path"), THEIRS, ids=[f"{m} {p}" for m, p in THEIRS])
@pytest.mark.parametrize("who", ["a colleague", "a lead elsewhere"])
async def test_it_is_not_there_for_another_referent(office: Office, method: str, path: str, who: str) -> None:
    desk: Desk = office.desk
    known = await ids(office, path)
    address, fields = await filled(office, path, THEIRS[method, path], known)
    lead = await desk.referent("chef@example.org", "Marc Blanc", "MDS de Parthenay", leads=True)
    other = await desk.signed(office.paul if who == "a colleague" else lead)
    await office.desk.service.settled()
    before = await everything(office)
    answer = await sent(other, method, address, fields)
    assert answer.status_code == 404
    assert "Amina" not in answer.text
    htmx = await other.http.request(
        method, address, headers=HTMX, data={"csrf": await other.csrf(), **fields}
    )
    assert htmx.status_code == 404
    assert await everything(office) == before
    # The same, from its owner: it was the wall, and not a wrong form.
    mine = await sent(office.browser, method, address, fields)
    assert mine.status_code in (200, 303), mine.text


@pytest.mark.parametrize(("method", "path"), THEIRS, ids=[f"{m} {p}" for m, p in THEIRS])
async def test_it_is_not_there_for_who_is_not_signed_in(office: Office, method: str, path: str) -> None:
    address, fields = await filled(office, path, THEIRS[method, path], await ids(office))
    answer = await office.desk.browser().request(method, address, data=fields or None)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/workspace/sign-in")


async def test_it_asks_everybody_to_sign_in_everywhere(office: Office) -> None:
    """Every page of the workspace, but the door."""
    door = ("/workspace/sign-in", "/workspace/proconnect")
    stranger = office.desk.browser()
    for route in iter_route_contexts(router.routes):
        path = re.sub(r"{\w+(:int)?}", "1", str(route.path))
        for method in (route.methods or set()) - {"HEAD"}:
            if not path.startswith(door):
                answer = await stranger.request(method, path)
                assert answer.status_code == 303, (method, path)
                assert answer.headers["location"].startswith("/workspace/sign-in")


async def test_it_lists_nothing_of_hers_to_another_referent(office: Office) -> None:
    """Every page without a parameter: Amina is on some of Claire's, and on none of Paul's."""
    await ids(office)
    other, seen = await office.desk.signed(office.paul), []
    for route in iter_route_contexts(router.routes):
        path = str(route.path)
        if "GET" not in (route.methods or ()) or "{" in path or path.startswith("/workspace/proconnect"):
            continue
        mine, theirs = await office.browser.get(path), await other.get(path)
        assert "Amina" not in theirs.text, path
        assert office.amina.pseudonym not in theirs.text, path
        seen += [path] if "Amina" in mine.text else []
    assert {"/workspace", "/workspace/week", "/workspace/people", "/workspace/callbacks"} <= set(seen)
