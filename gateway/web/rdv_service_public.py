"""RDV Service Public's webhooks: verify, store, answer. Its own sender waits ten seconds, and tries again."""

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response

from gateway.errors import BadSignature, TooLong
from gateway.usecases.rdv_service_public import note

log = structlog.get_logger()
router = APIRouter()

LONGEST = 1024 * 1024  # bytes


@router.post("/rdv-service-public/webhook", responses={400: {}, 403: {}, 413: {}})
async def webhook(request: Request) -> Response:
    wiring = request.app.state.wiring
    body = await _body(request)
    if not wiring.rdv_service_public.is_right(body, request.headers.get("x-lapin-signature", "")):
        log.warning("refused", reason="signature", path=request.url.path)
        raise BadSignature("signature absente ou fausse")
    now = wiring.clock.now()
    event = wiring.rdv_service_public.read(body, now)
    if event is None:
        return PlainTextResponse("ignored")
    async with wiring.store.transaction() as tx:
        jobs = await note(tx, event, now)
    await wiring.worker.ring(jobs)
    return PlainTextResponse("ok")


async def _body(request: Request) -> bytes:
    """Raises TooLong before it has read more than that."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST:
            raise TooLong("1 Mo au plus")
    return bytes(body)
