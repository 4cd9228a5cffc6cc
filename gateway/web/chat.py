"""The same conversation on a web page: plain forms first, events when the browser has JavaScript."""

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

from babel.dates import format_time
from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse

from gateway.domain.conversation import Channel, Conversation
from gateway.errors import BadForm, BadSignature
from gateway.metrics import RECEIVED
from gateway.usecases.conversation import receive
from gateway.web.cookies import cookie_of, keep_cookie
from gateway.web.limits import MESSAGES, MISTAKES, slow_down

router = APIRouter()

COOKIE, LANGUAGE_COOKIE = "conversation", "langue"
PATIENCE = 12.0  # seconds a page without JavaScript waits for its answer
NOT_KEPT = {"Cache-Control": "no-store"}  # many share a computer
PING = 15.0  # seconds between two signs of life, so that proxies keep the line open
WORDS = ("title", "intro", "log_label", "you", "service", "field_label", "send", "language_label", "change", "waiting", "offline")  # fmt: skip


@router.get("/chat", response_class=HTMLResponse)
async def page(request: Request) -> Response:
    wiring = request.app.state.wiring
    session = _session(request) or _new_session(request)
    who = await _conversation(request, session)
    language = page_language(request, who)
    messages = await _messages(request, who, language) if who else []
    context = {
        "lang": language,
        "dir": wiring.words.direction(language),
        "words": _words(request, language),
        "languages": [
            {"code": c, "name": n, "current": c == language} for c, n in wiring.words.language_choices()
        ],
        "messages": messages,
        "csrf": _csrf(request, session),
    }
    answer: HTMLResponse = wiring.pages.TemplateResponse(request, "chat.html", context, headers=NOT_KEPT)
    keep_cookie(request, answer, COOKIE, session, path="/chat", seconds=30 * 86400)
    return answer


@router.post("/chat/messages", responses={400: {}, 403: {}, 413: {}, 429: {}})
async def post_message(request: Request) -> Response:
    await slow_down(request, MESSAGES)
    session, form = await _checked_form(request)
    body = form.get("body", "")
    if not body.strip():
        raise BadForm("un message est attendu")
    before = await _last_id(request, session)
    await _receive(request, session, body)
    if request.headers.get("x-requested-with") == "fetch":
        return JSONResponse({"received": True}, 202)
    await _wait_for_answer(request, session, before)
    return RedirectResponse("/chat#newest", 303)


@router.post("/chat/language", responses={400: {}, 403: {}, 413: {}, 429: {}})
async def post_language(request: Request) -> Response:
    await slow_down(request, MESSAGES)
    wiring = request.app.state.wiring
    session, form = await _checked_form(request)
    names = dict(wiring.words.language_choices())
    language = form.get("language", "")
    if language not in names:
        raise BadForm("langue inconnue")
    if await _conversation(request, session):
        before = await _last_id(request, session)
        await _receive(request, session, names[language])
        await _wait_for_answer(request, session, before)
    answer = RedirectResponse("/chat", 303)
    keep_cookie(request, answer, LANGUAGE_COOKIE, language, path="/chat", seconds=365 * 86400)
    return answer


@router.get("/chat/events")
async def events(request: Request, after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0) -> Response:
    """Server-sent events: each message once, from `after` or the browser's Last-Event-ID."""
    session = _session(request)
    if not session:
        return Response(status_code=204)  # tells EventSource to stop asking
    last = request.headers.get("last-event-id", "")
    start = int(last) if last.isascii() and last.isdigit() and len(last) < 16 else after
    start = min(max(start, 0), 10**15)
    headers = {**NOT_KEPT, "X-Accel-Buffering": "no"}
    return StreamingResponse(
        _stream(request, session, start), media_type="text/event-stream", headers=headers
    )


async def _stream(request: Request, session: str, last: int) -> AsyncIterator[str]:
    wiring = request.app.state.wiring
    yield ": bonjour\n\n"
    while not await request.is_disconnected():
        who = await _conversation(request, session)
        language = page_language(request, who)
        for message in await _messages(request, who, language, last) if who else []:
            last = message["id"]
            html = wiring.pages.get_template("message.html").render(
                message=message, live=True, words=_words(request, language), csrf=_csrf(request, session)
            )
            yield f"id: {last}\ndata: {json.dumps({'id': last, 'html': html})}\n\n"
        if not await wiring.hub.wait(who.id if who else 0, PING if who else 1.0):
            yield ": toujours là\n\n"


async def _receive(request: Request, session: str, body: str) -> None:
    wiring = request.app.state.wiring
    received = await receive(
        wiring.store,
        channel=Channel.WEB,
        address=session,
        sid=f"WEB{secrets.token_hex(16)}",
        text=body,
        language=cookie_of(request, LANGUAGE_COOKIE),
        now=wiring.clock.now(),
    )
    RECEIVED.labels(channel="web", repeat="false").inc()
    wiring.hub.tell(received.conversation_id)
    await wiring.worker.ring(received.jobs)


async def _wait_for_answer(request: Request, session: str, before: int) -> None:
    """Until what she wrote is answered, or long enough: it is stored, the answer will be there later."""
    wiring = request.app.state.wiring
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        who = await _conversation(request, session)
        if who and await _answered(request, who, before):
            return
        await wiring.hub.wait(who.id if who else 0, 0.1)


async def _conversation(request: Request, session: str) -> Conversation | None:
    wiring = request.app.state.wiring
    async with wiring.store.transaction() as tx:
        found = await tx.find_conversation(Channel.WEB, session)
        return await tx.conversation(found, wiring.clock.now()) if found else None


async def _messages(
    request: Request, who: Conversation, language: str, after: int = 0
) -> list[dict[str, Any]]:
    wiring = request.app.state.wiring
    async with wiring.store.transaction() as tx:
        rows = await tx.messages_of(who.id, after)
    buttons = [{"digit": c.digit, "title": c.title} for c in who.state.menu]
    newest = max((r["id"] for r in rows if r["direction"] == "out"), default=0)
    return [
        {
            "id": row["id"],
            "who": "me" if row["direction"] == "in" else "service",
            "text": row["text"],
            "at": format_time(
                row["created_at"], "short", tzinfo=wiring.timezone, locale=wiring.words.locale(language)
            ),
            "buttons": buttons if row["id"] == newest else [],
        }
        for row in rows
    ]


async def _last_id(request: Request, session: str) -> int:
    who = await _conversation(request, session)
    if who is None:
        return 0
    async with request.app.state.wiring.store.transaction() as tx:
        rows = await tx.messages_of(who.id)
    return max((int(r["id"]) for r in rows), default=0)


async def _answered(request: Request, who: Conversation, before: int) -> bool:
    async with request.app.state.wiring.store.transaction() as tx:
        rows = await tx.messages_of(who.id, before)
    waiting = any(r["direction"] == "in" and r["status"] == "received" for r in rows)
    return bool(rows) and not waiting


async def _checked_form(request: Request) -> tuple[str, dict[str, str]]:
    """(session, form). Raises BadSignature when the form did not come from our page."""
    session = _session(request)
    form = {k: str(v) for k, v in (await request.form(max_files=0, max_fields=20)).items()}
    if not session or not hmac.compare_digest(
        form.get("csrf", "").encode(), _csrf(request, session).encode()
    ):
        await slow_down(request, MISTAKES)
        raise BadSignature("rouvrez la page, puis écrivez de nouveau")
    return session, form


def _csrf(request: Request, session: str) -> str:
    return _signed(request, session)


def _session(request: Request) -> str:
    """The one that we gave this browser; "" without one: what somebody else made up opens nothing."""
    session = cookie_of(request, COOKIE)
    drawn, _dot, proof = session.partition(".")
    ours = _signed(request, f"session {drawn}")
    return session if drawn and hmac.compare_digest(proof.encode(), ours.encode()) else ""


def _new_session(request: Request) -> str:
    drawn = secrets.token_urlsafe(32)
    return f"{drawn}.{_signed(request, f'session {drawn}')}"


def _signed(request: Request, text: str) -> str:
    key = request.app.state.wiring.settings.action_token.get_secret_value().encode()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def page_language(request: Request, who: Conversation | None = None) -> str:
    """Her conversation's language, else the one she chose on the page, else her browser's."""
    known = dict(request.app.state.wiring.words.language_choices())
    if who and who.language in known:
        return who.language
    chosen = cookie_of(request, LANGUAGE_COOKIE)
    accepted = [p.split(";")[0].strip()[:2] for p in request.headers.get("accept-language", "").split(",")]
    return next((code for code in (chosen, *accepted) if code in known), "fr")


def _words(request: Request, language: str) -> dict[str, str]:
    words = request.app.state.wiring.words
    return {key: words.text(f"utter_web_{key}", language) for key in WORDS}
