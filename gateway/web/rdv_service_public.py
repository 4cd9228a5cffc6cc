"""RDV Service Public's webhooks: verify, store, answer. Its own sender waits ten seconds, and tries again."""

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response

from gateway.errors import BadSignature
from gateway.usecases.rdv_service_public import note
from gateway.web.limits import MISTAKES, slow_down

log = structlog.get_logger()
router = APIRouter()


@router.post("/rdv-service-public/webhook", responses={400: {}, 403: {}, 413: {}, 429: {}})
async def webhook(request: Request) -> Response:
    wiring = request.app.state.wiring
    body = await request.body()
    if not wiring.rdv_service_public.is_right(body, request.headers.get("x-lapin-signature", "")):
        await slow_down(request, MISTAKES)
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
