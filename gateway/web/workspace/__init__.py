"""The referent's workspace: plain forms and redirects, made smoother by htmx.

Each module has its own `router = APIRouter(prefix="/workspace")` (FastAPI includes no router whose prefix and path
are both empty, and today's page is /workspace itself).
"""

from fastapi import APIRouter

from gateway.web.workspace import (
    absences,
    access,
    appointments,
    booking,
    callbacks,
    campaigns,
    figures,
    follow_ups,
    obstacles,
    openings,
    people,
    person,
    proconnect,
    questions,
    results,
    service,
    settings,
    sign_in,
    today,
)

router = APIRouter()
for module in (
    sign_in, proconnect, today, people, person, follow_ups, booking, appointments, absences, openings, callbacks, campaigns, questions,
    obstacles, figures, service, results, settings, access,
):  # fmt: skip
    router.include_router(module.router)
