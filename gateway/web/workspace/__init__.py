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
    figures,
    obstacles,
    openings,
    people,
    person,
    proconnect,
    questions,
    settings,
    sign_in,
    today,
)

router = APIRouter()
for module in (
    sign_in, proconnect, today, people, person, booking, appointments, absences, openings, callbacks, questions,
    obstacles, figures, settings, access,
):  # fmt: skip
    router.include_router(module.router)
