"""Signing in by a link sent by mail, and out again."""

import asyncio
import secrets
import time
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from gateway.domain.workspace import LONGEST_SESSION
from gateway.errors import BadSignature
from gateway.usecases.signing_in import send_link
from gateway.web.cookies import cookie_of, drop_cookie, keep_cookie
from gateway.web.limits import MISTAKES, SIGN_INS, slow_down
from gateway.web.workspace.session import (
    COOKIE,
    INSIDE,
    SIGN_IN,
    Signed,
    checked_form,
    plain_form,
    signed_in,
)

router = APIRouter(prefix="/workspace")

SAME_TIME = 0.15  # seconds: a known address must not answer later than another
LONGEST_ADDRESS = 254


@router.get("/sign-in", response_class=HTMLResponse)
async def sign_in_page(request: Request) -> HTMLResponse:
    return outside(request, "sign_in", after=_inside(request.query_params.get("next", "")))


@router.post("/sign-in", response_class=HTMLResponse)
async def ask_for_link(request: Request) -> HTMLResponse:
    """The same page for every address: whether it is known stays between the mailbox and us."""
    started = time.monotonic()
    wiring = request.app.state.wiring
    _from_our_page(request)
    await slow_down(request, SIGN_INS)
    form = await plain_form(request)
    email, after = form.get("email", "").strip(), _inside(form.get("next", ""))
    jobs: Any = ()
    if "@" in email and len(email) <= LONGEST_ADDRESS:
        async with wiring.store.transaction() as tx:
            jobs = await send_link(tx, email, secrets.token_urlsafe(32), after, wiring.clock.now())
    await wiring.worker.ring(jobs)
    await asyncio.sleep(max(0.0, SAME_TIME - (time.monotonic() - started)))
    return outside(request, "link_sent", demonstration=wiring.mailbox is not None)


@router.get("/sign-in/{token}", response_class=HTMLResponse)
async def link(request: Request, token: str) -> HTMLResponse:
    """Changes nothing: programs that check mails follow links too."""
    wiring = request.app.state.wiring
    after = _inside(request.query_params.get("next", ""))
    async with wiring.store.transaction() as tx:
        good = await tx.sign_in_is_good(token, wiring.clock.now())
    return outside(request, "enter", after=after) if good else await _old_link(request, after)


@router.post("/sign-in/{token}", response_class=HTMLResponse)
async def use_link(request: Request, token: str) -> Response:
    wiring = request.app.state.wiring
    _from_our_page(request)
    after = _inside((await plain_form(request)).get("next", ""))
    async with wiring.store.transaction() as tx:
        referent_id = await tx.use_sign_in(token, wiring.clock.now())
        if referent_id is None:
            return await _old_link(request, after)
        session = await new_session(request, tx, referent_id)
    return entered(request, session, after)


@router.post("/sign-out")
async def sign_out(request: Request, signed: Annotated[Signed, Depends(signed_in)]) -> Response:
    wiring = request.app.state.wiring
    await checked_form(request, signed)
    async with wiring.store.transaction() as tx:
        await tx.end_session(signed.session_id, signed.referent.id, wiring.clock.now())
    if request.state.by_proconnect and wiring.proconnect:
        # A page, not a redirect: the policy of forms (form-action 'self') would stop one that leaves us.
        return outside(request, "leaving")
    answer = RedirectResponse(SIGN_IN, 303)
    drop_cookie(request, answer, COOKIE, path="/workspace")
    return answer


async def new_session(request: Request, tx: Any, referent_id: int, id_token: str = "") -> str:
    """Opens one and ends the one that this browser had. Its token, for the cookie alone."""
    now, token = request.app.state.wiring.clock.now(), secrets.token_urlsafe(32)
    if before := await tx.open_session(cookie_of(request, COOKIE), now):
        await tx.end_session(before.id, before.referent.id, now)
    await tx.start_session(referent_id, token, now, id_token)
    return token


def entered(request: Request, session: str, after: str = "") -> Response:
    answer = RedirectResponse(after or "/workspace", 303)
    lasts = int(LONGEST_SESSION.total_seconds())
    keep_cookie(request, answer, COOKIE, session, path="/workspace", seconds=lasts)
    return answer


def outside(request: Request, step: str, status: int = 200, **context: Any) -> HTMLResponse:
    """The page of those who are not signed in. `step`: what it shows, see sign_in.html."""
    wiring = request.app.state.wiring
    shown = {"step": step, "proconnect": wiring.proconnect is not None, **context}
    answer: HTMLResponse = wiring.pages.TemplateResponse(
        request, "workspace/sign_in.html", shown, status, headers={"Cache-Control": "no-store"}
    )
    return answer


async def _old_link(request: Request, after: str) -> HTMLResponse:
    await slow_down(request, MISTAKES)
    return outside(request, "old_link", 410, after=after)


def _inside(address: str) -> str:
    """Where to go once signed in: a page of the workspace, else "" (today's)."""
    return address if INSIDE.fullmatch(address) and not address.startswith(SIGN_IN) else ""


def origin_of(address: str) -> str:
    """As a browser writes it: in small letters, without the scheme's own port.

    >>> origin_of("https://Exemple.fr:443/chemin")
    'https://exemple.fr'
    """
    parts = urlsplit(address)
    own = {"https": 443, "http": 80}.get(parts.scheme)
    port = "" if parts.port in (None, own) else f":{parts.port}"
    return f"{parts.scheme}://{parts.hostname}{port}"


def _from_our_page(request: Request) -> None:
    """Nobody is signed in yet, so no session's token: the browser itself says where the form came from."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is None:  # an older browser, or no https
        ours = origin is None or origin == origin_of(request.app.state.wiring.settings.public)
    else:
        ours = site in ("same-origin", "none")
    if not ours:
        raise BadSignature("Ouvrez la page de connexion de Coup de pouce, puis recommencez.")
