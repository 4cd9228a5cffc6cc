"""Every address of the application, and one of each thing that an address may name."""

import re
from collections.abc import Mapping
from datetime import time
from typing import Any

from fastapi.routing import iter_route_contexts

from gateway.adapters.database import tables as t
from gateway.app import create_app
from gateway.domain.appointment import Absence, Opening
from gateway.domain.campaign import Campaign
from gateway.domain.people import CallbackRequest
from gateway.domain.questions import KeptQuestion, Kind
from tests.web.office import THURSDAY, Office
from tests.web.service import Service, sid

CAMPAIGN = "c0ffee" * 5 + "00"
SIGNED = {"/sms/inbound", "/sms/status", "/voice/inbound", "/voice/choice", "/rdv-service-public/webhook"}
BY_TOKEN = {"/rasa/actions"}
DOOR = {
    "/workspace/sign-in",
    "/workspace/sign-in/{token}",
}  # nobody is signed in yet: the browser says whence
CHAT = {"/chat/messages", "/chat/language"}
DAILY_LOOK = {"idle_since", "no_number_since", "warned_at"}
NOTED = {"session", "access"}  # what looking at a page changes: her last sign of life, who looked at whom


def addresses(service: Service, method: str) -> list[str]:
    """Of every route, as it is written in the code; the simulator's are of the demonstration alone."""
    found = {
        str(route.path)
        for route in iter_route_contexts(create_app(service.wiring).routes)
        if method in (getattr(route, "methods", None) or ())
    }
    return sorted(path for path in found if not path.startswith(("/simulator", "/openapi")))


def named(path: str, known: Mapping[str, str]) -> str:
    """The address with what this office has; "1" for what it has not."""
    return re.sub(r"{(\w+)(?::\w+)?}", lambda found: known.get(found[1], "1"), path)


async def one_of_each(office: Office) -> dict[str, str]:
    """What Claire has, by the name of the parameter. Her people have a message, an opening, an appointment…"""
    desk, amina = office.desk, office.amina
    async with desk.store.transaction() as tx:
        message = await tx.add_inbound(amina.conversation_id, sid(), "bonjour", 0, "", desk.now)
        assert message
        await tx.close_inbound(message, desk.now)
        await tx.add_callback(CallbackRequest(amina.conversation_id, message, "asked", desk.now))
        opening = await tx.save_opening(
            Opening(office.claire, THURSDAY, time(9), time(12), place="7 rue du Lac", weekly=True)
        )
        absence = await tx.save_absence(
            Absence(office.claire, desk.now.replace(year=2027), desk.now.replace(year=2028))
        )
        (session,) = await tx.sessions_of(office.claire, desk.now)
        await tx.add_campaign(Campaign(0, office.claire, CAMPAIGN, desk.now, desk.now, text="Bonjour"))
        await tx.keep_question(
            KeptQuestion(Kind.OUT_OF_SCOPE, "fr", "une question sans réponse", (), desk.now.date())
        )
        secret = await tx.calendar_secret(office.claire)
    (callback,) = await office.rows(t.callback)
    (question,) = await office.rows(t.question)
    return {
        "pseudonym": amina.pseudonym,
        "appointment_id": str(await desk.meets(amina, office.claire, hours=2)),
        "callback_id": str(callback["id"]),
        "opening_id": str(opening),
        "absence_id": str(absence),
        "session_id": str(session.id),
        "question_id": str(question["id"]),
        "token": CAMPAIGN,
        "secret": secret,
    }


async def everything(office: Office) -> dict[str, Any]:
    """But for what the worker's own daily look may note meanwhile."""
    found = {
        table.name: await office.rows(table) for table in t.metadata.sorted_tables if table.name not in NOTED
    }
    for rows in found.values():
        for row in rows:
            for column in DAILY_LOOK & set(row):
                del row[column]
    return found
