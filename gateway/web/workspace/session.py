"""Who is signed in, the form token of her session, and the frame of every page of the workspace.

A page:   @router.get("/openings")
          async def openings(request: Request, signed: Annotated[Signed, Depends(signed_in)]) -> HTMLResponse:
              return page(request, "workspace/openings.html", signed, rows=rows)
A form:   form = await checked_form(request, signed)   # its hidden field: <input name="csrf" value="{{ csrf }}">
Not hers: raise HTTPException(404)
"""

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from fastapi import HTTPException, Request
from fastapi.responses import HTMLResponse

from gateway.domain.people import Referent
from gateway.errors import BadForm, BadSignature
from gateway.web.cookies import cookie_of

COOKIE = "workspace"
SIGN_IN = "/workspace/sign-in"
INSIDE = re.compile(r"/workspace/[a-z0-9/-]+")  # where a sign-in may lead


@dataclass(frozen=True)
class Signed:
    """The referent, the token that her forms carry, and the row of her session."""

    referent: Referent
    csrf: str
    session_id: int


async def signed_in(request: Request) -> Signed:
    """Who asks. Not signed in: a page leads to the sign-in, an htmx request gets a 401 that leads there too."""
    wiring = request.app.state.wiring
    token = cookie_of(request, COOKIE)
    now = wiring.clock.now()
    async with wiring.store.transaction() as tx:
        session = await tx.open_session(token, now) if token else None
        if session is None:
            raise _stranger(request)
        request.state.counters = {"callbacks": len(await tx.open_callbacks(session.referent, now))}
    request.state.by_proconnect = session.by_proconnect
    return Signed(session.referent, form_token(request, token), session.id)


async def checked_form(request: Request, signed: Signed) -> dict[str, str]:
    """The fields of a form of hers; the last one of a repeated name. Raises BadSignature (403), BadForm (400)."""
    form = await plain_form(request)
    if not hmac.compare_digest(form.pop("csrf", "").encode(), signed.csrf.encode()):
        raise BadSignature(
            "Cette page était ouverte depuis trop longtemps. Revenez en arrière et rechargez-la."
        )
    return form


async def plain_form(request: Request) -> dict[str, str]:
    """The fields of a form, at most 500; files are not read."""
    body = await request.body()
    try:
        return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=500))
    except ValueError:
        raise BadForm("Ce formulaire est illisible.") from None


def page(request: Request, template: str, signed: Signed, **context: Any) -> HTMLResponse:
    """A page of the workspace. `template`: below gateway/web/templates ("workspace/people.html").

    Every template also knows: csrf, me (her first name), leads, path, counters ({"callbacks": 2}),
    htmx (True: only a part of the page is asked for), by_proconnect.
    """
    frame = {
        "csrf": signed.csrf,
        "me": signed.referent.first_name,
        "leads": signed.referent.leads,
        "path": request.url.path,
        "counters": request.state.counters,
        "by_proconnect": request.state.by_proconnect,
        "htmx": is_htmx(request),
    }
    answer: HTMLResponse = request.app.state.wiring.pages.TemplateResponse(
        request, template, {**frame, **context}, headers={"Cache-Control": "no-store", "Vary": "HX-Request"}
    )
    return answer


def is_htmx(request: Request) -> bool:
    return request.headers.get("hx-request") == "true"


def form_token(request: Request, token: str) -> str:
    """Proves that a form came from a page of this very session."""
    key = request.app.state.wiring.settings.action_token.get_secret_value().encode()
    return hmac.new(key, b"workspace " + token.encode(), hashlib.sha256).hexdigest()


def _stranger(request: Request) -> HTTPException:
    if is_htmx(request):
        return HTTPException(401, headers={"HX-Redirect": SIGN_IN})
    wanted = request.url.path
    after = f"?next={wanted}" if request.method == "GET" and INSIDE.fullmatch(wanted) else ""
    return HTTPException(303, headers={"Location": f"{SIGN_IN}{after}"})
