"""Alive, ready, measured.

A proxy must ask whether we are alive, never whether we are ready: a message is stored and acknowledged even while Rasa is away.
"""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST

from gateway.domain.running import BROKEN
from gateway.metrics import exposition
from gateway.usecases.watching import Watch
from gateway.web.faults import FAULTS

router = APIRouter()


@router.get("/health/live")
async def live() -> dict[str, str]:
    return {"status": "ok"}


@router.get("/health/ready", responses={503: {}})
async def ready(request: Request) -> JSONResponse:
    """503 says what is missing, a French sentence each."""
    look = await request.app.state.wiring.watch.look()
    wrong = [fault for fault in look.faults if fault in BROKEN]
    parts = {fault.value: fault not in wrong for fault in BROKEN}
    reasons = [FAULTS[fault].wrong for fault in wrong]
    return JSONResponse({"ready": look.ready, **parts, "reasons": reasons}, 200 if look.ready else 503)


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    watch: Watch = request.app.state.wiring.watch
    look = await watch.look()
    if look.standing is None:
        return Response(exposition(look, {}, None), media_type=CONTENT_TYPE_LATEST)
    return Response(exposition(look, *await watch.measured()), media_type=CONTENT_TYPE_LATEST)
