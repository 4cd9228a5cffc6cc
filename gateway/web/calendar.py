"""A referent's appointments at a secret address, for any calendar that can read one."""

import asyncio
import hashlib

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response

from gateway.domain.calendars import FEED_AFTER, FEED_BEFORE
from gateway.web.limits import MISTAKES, slow_down

router = APIRouter()

FORMAT = 1  # to be raised when the same appointments are written otherwise: calendars then read them again


@router.api_route("/calendar/{secret}.ics", methods=["GET", "HEAD"], responses={304: {}, 404: {}})
async def feed(request: Request, secret: str) -> Response:
    """A wrong secret costs the same work as a right one, and is told nothing."""
    wiring, now = request.app.state.wiring, request.app.state.wiring.clock.now()
    async with wiring.store.transaction() as tx:
        referent_id = await tx.referent_by_calendar(secret[:100])
        hers = await tx.appointments_of_referent(referent_id or 0, now - FEED_BEFORE, now + FEED_AFTER)
    # Weak: each reading carries its own moment, what tells whether anything changed is the rest.
    same = hashlib.sha256(repr((FORMAT, hers)).encode("utf-8", "replace")).hexdigest()[:32]
    if referent_id is None:
        await slow_down(request, MISTAKES)
        return PlainTextResponse("Cette adresse d'agenda n'existe pas.", 404)
    headers = {"ETag": f'W/"{same}"', "Cache-Control": "private, no-cache", "X-Robots-Tag": "noindex"}
    if same in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    content = await asyncio.to_thread(wiring.calendar_feed, hers, now)  # half a millisecond each
    headers["Content-Disposition"] = 'inline; filename="coup-de-pouce.ics"'
    return Response(content, media_type="text/calendar; charset=utf-8", headers=headers)
