"""Alive, ready, measured."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

router = APIRouter()


@router.get("/health/live")
async def live() -> dict[str, str]:
    return {"status": "ok"}


@router.get("/health/ready", responses={503: {}})
async def ready(request: Request) -> JSONResponse:
    """503 names what is missing."""
    wiring = request.app.state.wiring
    parts = {"database": await _database(wiring), "assistant": await wiring.assistant.ready()}
    return JSONResponse({"ready": all(parts.values()), **parts}, 200 if all(parts.values()) else 503)


async def _database(wiring: Any) -> bool:
    try:
        return bool(await wiring.store.ready())
    except Exception:  # noqa: BLE001 whatever the driver raises, the database is not there
        return False


@router.get("/metrics")
async def metrics() -> Response:
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
