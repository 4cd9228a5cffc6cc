"""Around every answer: no third party, no frame, no inline script, no cleartext; and no endless body."""

from collections.abc import Mapping, MutableMapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; script-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
# For a year, and for this name alone: the others of its domain are not ours.
OVER_TLS = {"strict-transport-security": "max-age=31536000"}

LARGEST = 64 * 1024  # bytes of a form: a text of 1,600 emojis is 20 KB
LARGER = {
    "/rdv-service-public/webhook": 1024 * 1024,
    "/rasa/actions": 8 * 1024 * 1024,  # a tracker and the whole domain, read only with the token
}
TOO_LONG = "C'est trop long : écrivez-le en plusieurs fois."


def headers_for(public: str) -> Mapping[str, str]:
    """`public`: the address that people know."""
    return {**HEADERS, **OVER_TLS} if public.startswith("https://") else HEADERS


def is_secure(request: Any) -> bool:
    """Whether cookies may be for https alone: not in a demonstration."""
    return bool(request.app.state.wiring.settings.public.startswith("https://"))


class SecurityHeaders:
    def __init__(self, app: ASGIApp, public: str = "") -> None:
        self.app = app
        self._raw = [(name.encode(), value.encode()) for name, value in headers_for(public).items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *self._raw]
            await send(message)

        await self.app(scope, receive, with_headers if scope["type"] == "http" else send)


class BodyLimit:
    """A route that reads more than its limit answers 413. The length is not believed: what comes is counted."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        most, read = LARGER.get(scope["path"], LARGEST), 0

        async def counted() -> Message:
            nonlocal read
            if _announced(scope) > most:
                raise HTTPException(413, TOO_LONG)
            message = await receive()
            read += len(message.get("body", b""))
            if read > most:
                raise HTTPException(413, TOO_LONG)
            return message

        await self.app(scope, counted, send)


def _announced(scope: Scope) -> int:
    found = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
    return int(found) if found.isdigit() else 0
