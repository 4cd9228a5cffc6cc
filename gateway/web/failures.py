"""What is said when something is refused or fails: to a program in JSON, to a person in a page."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exception_handlers import http_exception_handler, request_validation_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from gateway.errors import Refused, TooMany
from gateway.web import chat
from gateway.web.security import headers_for
from gateway.web.workspace.refusals import NOT_FOUND, sorry, wants_page

IN_A_MINUTE = {"Retry-After": "60"}


def explain_failures(app: FastAPI, wiring: Any, disk_is_full: Callable[[BaseException], bool]) -> None:
    @app.exception_handler(Refused)
    async def refused(request: Request, why: Refused) -> Response:
        answer = _refused(request, why.status, str(why), type(why).__name__)
        if isinstance(why, TooMany):
            answer.headers.update(IN_A_MINUTE)
        return answer

    @app.exception_handler(HTTPException)
    async def told(request: Request, why: HTTPException) -> Response:
        if why.status_code == 413:
            return _refused(request, 413, why.detail, "TooLong")
        if why.status_code in (403, 404) and wants_page(request):
            return sorry(request, why.status_code, NOT_FOUND)
        return await http_exception_handler(request, why)

    @app.exception_handler(RequestValidationError)
    async def senseless(request: Request, why: RequestValidationError) -> Response:
        """An address that no page of ours has, as `?before=abc`."""
        if request.url.path.startswith("/workspace"):
            return await told(request, HTTPException(404))
        return await request_validation_exception_handler(request, why)

    @app.exception_handler(Exception)
    async def failed(request: Request, failure: Exception) -> Response:
        detail = "Le disque est plein." if disk_is_full(failure) else "Le service ne répond pas. Réessayez."
        # This handler stands outside the middleware: it adds the headers itself.
        headers = dict(headers_for(wiring.settings.public))
        if wants_page(request):
            answer = sorry(request, 503, detail)
            answer.headers.update(headers)
            return answer
        return JSONResponse({"error": "Failure", "detail": detail}, 503, headers=headers)


def _refused(request: Request, status: int, sentence: str, name: str) -> Response:
    if request.url.path.startswith("/chat"):
        return _refused_in_chat(request, status, sentence, name)
    if wants_page(request):
        return sorry(request, status, sentence)
    return JSONResponse({"error": name, "detail": sentence}, status)


def _refused_in_chat(request: Request, status: int, sentence: str, name: str) -> Response:
    """In her language."""
    words, language = request.app.state.wiring.words, chat.page_language(request)
    too_many = words.text("utter_too_fast", language)
    if "text/html" not in request.headers.get("accept", ""):
        return JSONResponse({"error": name, "detail": too_many if status == 429 else sentence}, status)
    context = {
        "lang": language,
        "dir": words.direction(language),
        "title": words.text("utter_web_title", language),
        "sentence": too_many if status == 429 else words.text("utter_web_reopen", language),
        "field": words.text("utter_web_field_label", language),
    }
    answer: Response = request.app.state.wiring.pages.TemplateResponse(
        request, "refused.html", context, status
    )
    return answer
