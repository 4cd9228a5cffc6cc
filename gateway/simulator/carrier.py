"""A stand-in for Twilio's Messages API: what the real SDK needs, real signatures, real callbacks.

It can refuse, lose, delay, repeat and disorder, so that tests and people see what then happens.
"""

import asyncio
import json
import secrets
from base64 import b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx2
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from twilio.request_validator import RequestValidator

from gateway.domain.sms import weigh
from gateway.ports import Clock

FAULTS = (None, "429", "500", "timeout", "timeout-lost", "30003", "30005", "21610", "21211")
REPORTS = ("normal", "twice", "disorder", "none")
NEVER = 3600.0  # a "time-out" answers after this many seconds: the client has left long before


@dataclass
class StandInCarrier:
    """`public_url` is what signatures are computed on; `local_url` is where requests really go."""

    account: str
    token: str
    sender: str
    public_url: str
    local_url: str
    clock: Clock
    record: Path | None = None
    fault: str | None = None
    reports: str = "normal"
    delay: float = 0.02  # seconds before each delivery report
    messages: dict[str, dict[str, Any]] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _client: httpx2.AsyncClient | None = None

    def __post_init__(self) -> None:
        if self.record and self.record.exists():
            for line in self.record.read_text(encoding="utf-8").splitlines():
                row = json.loads(line)
                self.messages[row["sid"]] = {**self.messages.get(row["sid"], {}), **row}

    @property
    def client(self) -> httpx2.AsyncClient:
        if self._client is None:
            self._client = httpx2.AsyncClient(timeout=30)
        return self._client

    # what the service sends

    async def accept(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """POST …/Messages.json: (HTTP status, body), as Twilio answers."""
        fault = self.fault
        if fault == "429":
            return 429, _error(20429, 429)
        if fault == "500":
            return 500, _error(20500, 500)
        if fault in ("21610", "21211"):
            return 400, _error(int(fault), 400)
        if fault == "timeout-lost":
            await asyncio.sleep(NEVER)
        to, body = form.get("To", ""), form.get("Body", "")
        if not (to.startswith("+") and to[1:].isdigit() and 8 <= len(to) <= 16):
            return 400, _error(21211, 400)
        if not body:
            return 400, _error(21602, 400)
        if len(body) > 1600:
            return 400, _error(21617, 400)
        weight = weigh(body)
        row = {
            "sid": f"SM{secrets.token_hex(16)}",
            "from": form.get("From") or form.get("MessagingServiceSid", ""),
            "to": to,
            "body": body,
            "at": self.clock.now().isoformat(),
            "real_at": datetime.now(UTC).isoformat(),
            "segments": weight.segments,
            "encoding": weight.encoding,
            "status": "accepted",
        }
        self._keep(row)
        if url := form.get("StatusCallback"):
            self._later(self._report(str(row["sid"]), url, fault))
        if fault == "timeout":
            await asyncio.sleep(NEVER)
        return 201, self.shown(row)

    def sent_to(self, to: str, since: datetime | None) -> list[dict[str, Any]]:
        """GET …/Messages.json: newest first."""
        found = [m for m in self.messages.values() if m["to"] == to and not m.get("forgotten")]
        if since:
            found = [m for m in found if datetime.fromisoformat(m["at"]) >= since]
        return [self.shown(m) for m in reversed(found)]

    def forget(self, sid: str) -> Response:
        """DELETE …/Messages/{sid}.json, as Twilio answers: not before the message has arrived or failed."""
        if self.fault in ("429", "500"):
            return JSONResponse(_error(20000 + int(self.fault), int(self.fault)), int(self.fault))
        known = self.messages.get(sid)
        if known is None or known.get("forgotten"):
            return JSONResponse(_error(20404, 404), 404)
        if known["status"] in ("accepted", "sent") and self.reports != "none":
            return JSONResponse(_error(20009, 409), 409)
        # The phone that got it still counts it, until this process ends; its words are nowhere.
        self.messages[sid] = {**known, "body": "", "forgotten": True}
        if self.record and self.record.exists():
            lines = self.record.read_text(encoding="utf-8").splitlines(keepends=True)
            kept = [line for line in lines if json.loads(line)["sid"] != sid]
            self.record.write_text("".join(kept), encoding="utf-8")
        return Response(status_code=204)

    def shown(self, row: dict[str, Any]) -> dict[str, Any]:
        at = format_datetime(datetime.fromisoformat(row["at"]))
        return {
            "sid": row["sid"], "account_sid": self.account, "to": row["to"], "from": row["from"],
            "body": row["body"], "status": row["status"], "direction": "outbound-api",
            "num_segments": str(row["segments"]), "num_media": "0", "date_created": at,
            "date_sent": at, "date_updated": at, "error_code": None, "error_message": None,
            "price": None, "price_unit": "EUR", "api_version": "2010-04-01",
            "messaging_service_sid": None, "subresource_uris": {},
            "uri": f"/2010-04-01/Accounts/{self.account}/Messages/{row['sid']}.json",
        }  # fmt: skip

    # what the service is told

    async def deliver(
        self, sender: str, body: str, media: int = 0, sid: str = "", **extra: str
    ) -> tuple[str, int]:
        """A text from a phone, as Twilio posts it. Returns (its sid, the service's HTTP status)."""
        sid = sid or f"SM{secrets.token_hex(16)}"
        form = {
            "MessageSid": sid, "SmsSid": sid, "SmsMessageSid": sid, "AccountSid": self.account,
            "From": sender, "To": self.sender, "Body": body, "NumMedia": str(media),
            "NumSegments": str(weigh(body).segments), "ApiVersion": "2010-04-01", "FromCountry": "FR",
            **{f"MediaUrl{i}": f"https://api.twilio.com/media/{i}" for i in range(media)},
            **extra,
        }  # fmt: skip
        return sid, await self.post("/sms/inbound", form)

    async def post(self, path: str, form: dict[str, str], url: str = "") -> int:
        signature = RequestValidator(self.token).compute_signature(url or self.public_url + path, form)
        answer = await self.client.post(
            self.local_url + path, data=form, headers={"X-Twilio-Signature": signature}
        )
        return answer.status_code

    async def _report(self, sid: str, url: str, fault: str | None) -> None:
        last = ("undelivered", fault) if fault in ("30003", "30005") else ("delivered", "")
        steps = [("sent", ""), last]
        if self.reports == "disorder":
            steps.reverse()
        if self.reports == "none":
            steps = []
        for status, code in steps * (2 if self.reports == "twice" else 1):
            await asyncio.sleep(self.delay)
            if self.messages[sid].get("forgotten"):
                return
            form = {"MessageSid": sid, "SmsSid": sid, "MessageStatus": status, "AccountSid": self.account}
            if code:
                form["ErrorCode"] = code
            self._keep({"sid": sid, "status": status})
            path = "/" + url.split("://", 1)[-1].split("/", 1)[-1]
            try:
                await self.post(path, form, url)
            except httpx2.HTTPError:
                return  # the service is away: a real carrier would try again later, or not

    def _keep(self, row: dict[str, Any]) -> None:
        self.messages[row["sid"]] = {**self.messages.get(row["sid"], {}), **row}
        if self.record:
            self.record.parent.mkdir(parents=True, exist_ok=True)
            with self.record.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")

    def _later(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)  # a task nobody holds may be collected before it runs
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        if self._client is not None:
            await self._client.aclose()


def _error(code: int, status: int) -> dict[str, Any]:
    return {"code": code, "message": f"stand-in error {code}", "more_info": "", "status": status}


def carrier_routes(carrier: StandInCarrier | Callable[[], StandInCarrier]) -> APIRouter:
    """The part of Twilio's API that the SDK uses to send and to look back."""
    router = APIRouter()

    def here() -> StandInCarrier:
        return carrier() if callable(carrier) else carrier

    def refused(request: Request) -> Response | None:
        pair = b64encode(f"{here().account}:{here().token}".encode()).decode()
        if request.headers.get("authorization") == f"Basic {pair}":
            return None
        return JSONResponse(_error(20003, 401), 401)

    @router.post("/2010-04-01/Accounts/{account}/Messages.json", include_in_schema=False)
    async def create(account: str, request: Request) -> Response:
        if no := refused(request):
            return no
        form = {k: str(v) for k, v in (await request.form()).items()}
        status, body = await here().accept(form)
        return JSONResponse(body, status)

    @router.get("/2010-04-01/Accounts/{account}/Messages.json", include_in_schema=False)
    async def listed(account: str, request: Request) -> Response:
        if no := refused(request):
            return no
        since = request.query_params.get("DateSent>")
        moment = datetime.fromisoformat(since.replace("Z", "+00:00")) if since else None
        if moment and moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        messages = here().sent_to(request.query_params.get("To", ""), moment)
        return JSONResponse({"messages": messages, "next_page_uri": None, "page": 0, "page_size": 50})

    @router.delete("/2010-04-01/Accounts/{account}/Messages/{sid}.json", include_in_schema=False)
    async def forgotten(account: str, sid: str, request: Request) -> Response:
        return refused(request) or here().forget(sid)

    return router
