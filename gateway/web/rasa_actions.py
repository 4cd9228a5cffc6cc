"""Where Rasa runs our actions: same process as the use cases, opened by a token only Rasa has."""

import hmac
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from gateway.errors import BadForm, BadSignature
from gateway.web.limits import MISTAKES, slow_down

router = APIRouter()


@router.post("/rasa/actions", include_in_schema=False)
async def run_action(request: Request) -> JSONResponse:
    wiring = request.app.state.wiring
    token = wiring.settings.action_token.get_secret_value().encode()
    if not token or not hmac.compare_digest(request.query_params.get("token", "").encode(), token):
        await slow_down(request, MISTAKES)
        raise BadSignature("jeton absent ou faux")
    try:
        call: dict[str, Any] = await request.json()
    except ValueError:
        raise BadForm("du JSON est attendu") from None
    result = await wiring.actions.run(call)
    return JSONResponse(result.model_dump() if result else {"events": [], "responses": []})
