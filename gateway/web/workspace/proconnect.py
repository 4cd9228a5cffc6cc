"""Signing in with ProConnect, and out there too. Her browser keeps what proves that she began here."""

import hmac
import secrets
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from gateway.errors import SignInRefused
from gateway.web.cookies import cookie_of, drop_cookie, keep_cookie
from gateway.web.limits import SIGN_INS, slow_down
from gateway.web.workspace.session import COOKIE, SIGN_IN
from gateway.web.workspace.sign_in import entered, new_session, outside

router = APIRouter(prefix="/workspace/proconnect")
log = structlog.get_logger()

BEGUN = "workspace_proconnect"  # the cookie between leaving and coming back: state.nonce
PATH = "/workspace/proconnect"
PATIENCE = 600  # seconds to sign in there


async def configured(request: Request) -> None:
    if request.app.state.wiring.proconnect is None:
        raise HTTPException(404)
    await slow_down(request, SIGN_INS)


Configured = Annotated[None, Depends(configured)]


@router.get("")
async def begin(request: Request, _: Configured) -> Response:
    state, nonce = secrets.token_hex(32), secrets.token_hex(32)
    try:
        address = await request.app.state.wiring.proconnect.start(state, nonce)
    except SignInRefused as why:
        return _failed(request, why)
    return _leaving(request, address, f"{state}.{nonce}")


@router.get("/callback", response_class=HTMLResponse)
async def callback(
    request: Request, _: Configured, code: str = "", state: str = "", iss: str = ""
) -> Response:
    wiring = request.app.state.wiring
    begun, _dot, nonce = cookie_of(request, BEGUN).partition(".")
    if not begun or not nonce or not code or not _same(begun, state):
        return _failed(request, SignInRefused("another state"))
    try:
        who = await wiring.proconnect.professional(code, nonce, iss)
    except SignInRefused as why:
        return _failed(request, why)
    async with wiring.store.transaction() as tx:
        referent_id = await tx.referent_id(who.email)
        session = await new_session(request, tx, referent_id, who.id_token) if referent_id else ""
    answer = entered(request, session) if session else outside(request, "unknown", 403)
    drop_cookie(request, answer, BEGUN, path=PATH)
    return answer


@router.get("/logout")
async def logout(request: Request, _: Configured, state: str = "") -> Response:
    """Out: to ProConnect with the token of the session just ended. Back from there, `state` is what we gave."""
    wiring = request.app.state.wiring
    begun = cookie_of(request, BEGUN)
    answer: Response = RedirectResponse(SIGN_IN, 303)
    if state:
        if begun and not _same(begun, state):
            raise HTTPException(403)
        drop_cookie(request, answer, BEGUN, path=PATH)
        return answer
    async with wiring.store.transaction() as tx:
        id_token = await tx.take_id_token(cookie_of(request, COOKIE), wiring.clock.now())
    if id_token:
        state = secrets.token_hex(32)
        try:
            answer = _leaving(request, await wiring.proconnect.end(id_token, state), state)
        except SignInRefused as why:
            log.warning("proconnect_away", reason=str(why))
        drop_cookie(request, answer, COOKIE, path="/workspace")
    return answer


def _leaving(request: Request, address: str, kept: str) -> Response:
    answer = RedirectResponse(address, 303)
    keep_cookie(request, answer, BEGUN, kept, path=PATH, seconds=PATIENCE)
    return answer


def _failed(request: Request, why: SignInRefused) -> Response:
    log.warning("proconnect_refused", reason=str(why))
    answer = outside(request, "provider_away", 403)
    drop_cookie(request, answer, BEGUN, path=PATH)
    return answer


def _same(kept: str, given: str) -> bool:
    return hmac.compare_digest(kept.encode(), given.encode())
