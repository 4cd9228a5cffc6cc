"""RDV Service Public: its signed webhooks, and the links to book there. The only file that calls it.

Its API books for nobody: it gives a token, and a page there takes it. What is known of it comes from its public code
(swagger/v1/api.json, app/controllers/api/v1, app/controllers/search_controller.rb).
"""

import asyncio
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlencode

import httpx2
import structlog

from gateway.adapters.rdv_service_public_events import EventReader, Unusable
from gateway.domain.external import Event
from gateway.errors import BadForm, ToolAway, ToolRefused

log = structlog.get_logger()

TIMEOUT = 10.0  # seconds
CREDENTIALS = ("access-token", "client", "uid")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{4,64}")


class RdvServicePublic:
    """`secret`: of the webhooks; none, and nothing is ever believed. `email`, `password`: an agent's, for the API."""

    def __init__(
        self, url: str, secret: str, agent: tuple[str, str], departement: str, reader: EventReader
    ) -> None:
        self._url, self._secret, self._agent, self._departement = url, secret, agent, departement
        self._reader = reader
        self._client = httpx2.AsyncClient(timeout=TIMEOUT, follow_redirects=False)
        self._credentials: Mapping[str, str] = {}
        self._signing_in = asyncio.Lock()

    def is_right(self, body: bytes, signature: str) -> bool:
        """`signature`: hexadecimal HMAC-SHA256 of the body as it came. Compared in constant time."""
        if not self._secret:
            return False
        made = hmac.new(self._secret.encode(), body, hashlib.sha256).hexdigest()
        return hmac.compare_digest(made.encode(), signature.strip().lower().encode())

    def read(self, body: bytes, now: datetime) -> Event | None:
        """None when there is nothing to do with it. Raises BadForm when it is not JSON."""
        try:
            payload = json.loads(body)
        except (ValueError, RecursionError):
            raise BadForm("JSON attendu") from None
        try:
            return self._reader.read(payload if isinstance(payload, dict) else {}, now)
        except Unusable as why:
            log.info("webhook_ignored", reason=str(why))
            return None

    async def invitation_link(self, user_external_id: str) -> str:
        """The page where she books there, already known to it. Raises ToolAway, ToolRefused.

        The link is hers alone: whoever has it books in her name.
        """
        if not self._url or not all(self._agent):
            raise ToolRefused("not configured")
        if not user_external_id.isdecimal():
            raise ToolRefused("no such user")
        answer = await self._ask(f"/api/v1/users/{int(user_external_id)}/rdv_invitation_token")
        token = _json(answer).get("invitation_token")
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            raise ToolAway("no token in the answer")
        query = urlencode({"departement": self._departement, "invitation_token": token})
        return f"{self._url}/prendre_rdv?{query}"

    async def close(self) -> None:
        await self._client.aclose()

    async def _ask(self, path: str) -> httpx2.Response:
        """Signs in first when it must: an agent has one token at a time, and somebody else may have taken it."""
        for again in (False, True):
            used = await self._signed_in()
            answer = await self._post(path, {}, used)
            if answer.status_code != 401 or again:
                break
            if self._credentials is used:
                self._credentials = {}
        return _checked(answer)

    async def _signed_in(self) -> Mapping[str, str]:
        async with self._signing_in:
            if not self._credentials:
                email, password = self._agent
                said = {"email": email, "password": password}
                answer = _checked(await self._post("/api/v1/auth/sign_in", said, {}))
                given = {name: answer.headers.get(name, "") for name in CREDENTIALS}
                if not all(given.values()):
                    raise ToolRefused("sign-in without a token")
                self._credentials = given
            return self._credentials

    async def _post(self, path: str, said: object, headers: Mapping[str, str]) -> httpx2.Response:
        try:
            return await self._client.post(f"{self._url}{path}", json=said, headers=dict(headers))
        except (httpx2.HTTPError, httpx2.InvalidURL) as failure:
            raise ToolAway(type(failure).__name__) from None


def _checked(answer: httpx2.Response) -> httpx2.Response:
    if answer.status_code == 429 or answer.status_code >= 500:
        raise ToolAway(f"HTTP {answer.status_code}")
    if answer.status_code != 200:
        raise ToolRefused(f"HTTP {answer.status_code}")
    return answer


def _json(answer: httpx2.Response) -> Mapping[str, object]:
    try:
        found = answer.json()
    except ValueError:
        raise ToolAway("not JSON") from None
    return found if isinstance(found, dict) else {}
