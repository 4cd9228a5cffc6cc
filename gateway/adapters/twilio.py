"""Twilio: signatures of what comes in, sending, and what its error codes mean. Nothing else knows it."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import aiohttp
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.request_validator import RequestValidator, get_signature_algorithm
from twilio.rest import Client

from gateway.errors import NumberUnreachable, OptedOut, SendFailed, SendLater, SendUnsure

_FOR_GOOD = {21211, 21212, 21408, 21606, 21612, 21614, 30005, 30006}  # this number, or this sender
_OPTED_OUT = 21610


@dataclass(frozen=True)
class Inbound:
    """A message as the carrier keeps it. `media`: how many pictures."""

    sid: str
    sender: str
    text: str
    media: int


class _Redirected(AsyncTwilioHttpClient):  # type: ignore[misc]  # twilio has no types
    """Twilio's own client, sent to another address: the stand-in carrier, a proxy."""

    def __init__(self, api_url: str, patience: float) -> None:
        super().__init__()
        self._patience = patience
        self._target = urlsplit(api_url) if api_url else None

    async def request(self, method: str, uri: str, *args: Any, **kwargs: Any) -> Any:
        if self._target:
            parts = urlsplit(uri)
            path = self._target.path.rstrip("/") + parts.path
            uri = urlunsplit((self._target.scheme, self._target.netloc, path, parts.query, ""))
        kwargs["timeout"] = None  # the SDK would hand a bare number to aiohttp, which wants more
        async with asyncio.timeout(self._patience):
            return await super().request(method, uri, *args, **kwargs)


class TwilioCarrier:
    """`sender`: our number, or a messaging service (MG…). `status_url`: where reports come back.

    `patience`: seconds to wait for an answer, then the message may have been sent or not.
    """

    def __init__(
        self,
        account: str,
        token: str,
        sender: str,
        status_url: str,
        api_url: str = "",
        patience: float = 10.0,
    ) -> None:
        self._account, self._token, self._api_url, self._patience = account, token, api_url, patience
        self._sender = {"messaging_service_sid": sender} if sender.startswith("MG") else {"from_": sender}
        self._status_url = status_url
        self._client: Client | None = None

    @property
    def client(self) -> Client:
        # Made at first use: aiohttp's session belongs to the running loop.
        if self._client is None:
            self._client = Client(
                self._account, self._token, http_client=_Redirected(self._api_url, self._patience)
            )
        return self._client

    async def send(self, to: str, text: str) -> str:
        try:
            message = await self.client.messages.create_async(
                to=to, body=text, status_callback=self._status_url, **self._sender
            )
        except TwilioRestException as refused:
            raise _meaning(refused) from None
        except TimeoutError:
            raise SendUnsure from None
        except aiohttp.ClientConnectorError:
            raise SendLater from None  # nobody heard us
        except (aiohttp.ClientError, OSError):
            raise SendUnsure from None
        return str(message.sid)

    async def find_recent(self, to: str, text: str, since: datetime) -> Sequence[str]:
        try:
            sent = await self.client.messages.list_async(to=to, date_sent_after=since, limit=50)
        except (TwilioException, aiohttp.ClientError, OSError, TimeoutError):
            raise SendLater from None  # ask again before sending anything
        return [m.sid for m in sent if m.body == text and m.sid]

    async def received(self, to: str, since: datetime) -> Sequence[Inbound]:
        """What people wrote to our number `to` since then, oldest first. Raises SendLater."""
        try:
            found = await self.client.messages.list_async(to=to, date_sent_after=since, page_size=1000)
        except (TwilioException, aiohttp.ClientError, OSError, TimeoutError):
            raise SendLater from None
        hers = [m for m in found if m.direction == "inbound" and m.sid and m.from_]
        return [
            Inbound(m.sid, m.from_, m.body or "", int(m.num_media or 0))
            for m in sorted(hers, key=lambda m: m.date_sent or since)
        ]

    async def redact(self, sid: str) -> None:
        """DELETE rather than an empty body: the number goes too, and what pictures there were."""
        try:
            await self.client.messages(sid).delete_async()
        except TwilioRestException as refused:
            if refused.status == 404:
                return  # gone already
            later = refused.status in (401, 403, 429) or refused.status >= 500
            raise (SendLater if later else SendFailed)(refused.code or None) from None
        except (TwilioException, aiohttp.ClientError, OSError, TimeoutError):
            raise SendLater from None

    async def close(self) -> None:
        if self._client is not None:
            await self._client.http_client.close()


def _meaning(refused: TwilioRestException) -> Exception:
    code = refused.code or None
    if code == _OPTED_OUT:
        return OptedOut(code)
    if code in _FOR_GOOD:
        return NumberUnreachable(code)
    if refused.status == 429 or code == 20429:
        return SendLater(code)
    if refused.status >= 500:
        return SendUnsure(code)  # it may have been taken before the failure
    if refused.status in (401, 403, 404):
        return SendLater(code)  # our own account or address is wrong: once it is mended, everything leaves
    return SendFailed(code)  # this text: too long, empty; its number has nothing to do with it


class TwilioSignature:
    """Checks that a request comes from Twilio: HMAC-SHA1, or SHA-256 when its header says so."""

    def __init__(self, token: str, public_url: str) -> None:
        self._validator = RequestValidator(token)
        self._public = public_url

    def is_right(self, path: str, form: Any, headers: Mapping[str, str]) -> bool:
        signature = headers.get("x-twilio-signature", "")
        if not signature:
            return False
        settings = headers.get("x-twilio-webhooks-signature-settings")
        algorithm = get_signature_algorithm(settings)
        try:
            return bool(self._validator.validate(self._public + path, form, signature, algorithm))
        except (ValueError, TypeError):
            return False
