"""Twilio's webhooks: verify, store once, answer at once. The reply comes later, by the API."""

import time

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response

from gateway.domain.conversation import Channel
from gateway.errors import BadForm, BadSignature
from gateway.metrics import ACKNOWLEDGED, RECEIVED
from gateway.usecases.conversation import receive
from gateway.usecases.delivery import note_status
from gateway.web.limits import MISTAKES, slow_down

log = structlog.get_logger()
router = APIRouter()

NOTHING_TO_SAY = '<?xml version="1.0" encoding="UTF-8"?><Response></Response>'


async def signed_form(request: Request) -> dict[str, str]:
    """The form, once its signature on the public address is right. Raises BadSignature."""
    form = await request.form(max_files=0, max_fields=200)
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if not request.app.state.wiring.signature.is_right(path, form, request.headers):
        await slow_down(request, MISTAKES)
        log.warning("refused", reason="signature", path=request.url.path)
        raise BadSignature("signature absente ou fausse")
    return {key: str(value) for key, value in form.items()}


@router.post("/sms/inbound", responses={400: {}, 403: {}})
async def inbound(request: Request) -> Response:
    started = time.perf_counter()
    form = await signed_form(request)
    sid, sender = form.get("MessageSid") or form.get("SmsSid"), form.get("From")
    if not sid or not sender:
        log.warning("refused", reason="form", path=request.url.path)
        raise BadForm("MessageSid et From sont attendus")
    wiring = request.app.state.wiring
    received = await receive(
        wiring.store,
        channel=Channel.SMS,
        address=sender[:40],
        sid=sid[:64],
        text=form.get("Body", ""),
        media=_count(form.get("NumMedia")),
        carrier_stop=form.get("OptOutType", "")[:8].upper(),
        now=wiring.clock.now(),
    )
    RECEIVED.labels(channel="sms", repeat=str(not received.new).lower()).inc()
    if not received.new:
        log.info("repeat_ignored", conversation=received.conversation_id)
    await wiring.worker.ring(received.jobs)
    ACKNOWLEDGED.observe(time.perf_counter() - started)
    return Response(NOTHING_TO_SAY, media_type="application/xml")


@router.post("/sms/status", responses={400: {}, 403: {}})
async def status(request: Request) -> Response:
    form = await signed_form(request)
    sid, state = form.get("MessageSid") or form.get("SmsSid"), form.get("MessageStatus", "")
    if not sid or not state:
        log.warning("refused", reason="form", path=request.url.path)
        raise BadForm("MessageSid et MessageStatus sont attendus")
    wiring = request.app.state.wiring
    code = _count(form.get("ErrorCode")) or None
    if code:
        log.warning("undelivered", sid=sid[:64], status=state[:16], code=code)
    rings = await note_status(
        wiring.store, sid[:64], state[:16], code, wiring.settings.callback_email, wiring.clock.now()
    )
    await wiring.worker.ring(rings)
    return PlainTextResponse("")


def _count(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 8 else 0
