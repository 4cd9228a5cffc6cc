"""The simulator's page, and the JSON verbs that tests and people share."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

from gateway.domain.conversation import Channel
from gateway.domain.sms import weigh
from gateway.simulator.carrier import FAULTS, REPORTS
from gateway.usecases.writing import PRICE

router = APIRouter(prefix="/simulator")

MOST_STOPS = 5_000  # of a clock that jumps

_DURATION = re.compile(r"^(-)?P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$")


def duration(text: str) -> timedelta:
    """ISO 8601: `P1D`, `PT30M`, `P1DT2H`."""
    match = _DURATION.match(text)
    if not match or text in ("P", "PT"):
        raise ValueError("durée ISO attendue, par exemple PT30M ou P1D")
    sign, weeks, days, hours, minutes, seconds = match.groups()
    length = timedelta(
        weeks=int(weeks or 0), days=int(days or 0), hours=int(hours or 0),
        minutes=int(minutes or 0), seconds=float(seconds or 0),
    )  # fmt: skip
    return -length if sign else length


class Text(BaseModel):
    """`repeat`: how many more times the carrier delivers it, with the same sid."""

    sender: str = Field(alias="from", min_length=1)
    body: str = ""
    media: int = Field(0, ge=0, le=10)
    repeat: int = Field(0, ge=0, le=20)
    sid: str = ""
    carrier_stop: Literal["", "STOP", "START", "HELP"] = ""


class Time(BaseModel):
    now: datetime | None = None
    advance: str | None = None


class Carrier(BaseModel):
    fault: str | None = None
    reports: Literal["normal", "twice", "disorder", "none"] = "normal"


@router.get("", response_class=HTMLResponse, include_in_schema=False)
async def page(request: Request) -> HTMLResponse:
    wiring = request.app.state.wiring
    context = {"lang": "fr", "dir": "ltr", "price": PRICE, "phones": wiring.demonstration_phones}
    answer: HTMLResponse = wiring.pages.TemplateResponse(request, "simulator.html", context)
    return answer


@router.post("/api/messages")
async def text(request: Request, message: Text) -> dict[str, Any]:
    carrier = request.app.state.wiring.stand_in
    message.body = message.body.encode("utf-8", "replace").decode()  # half an emoji is no text
    extra = {"OptOutType": message.carrier_stop} if message.carrier_stop else {}
    sid, status = await carrier.deliver(message.sender, message.body, message.media, message.sid, **extra)
    for _ in range(message.repeat):
        _, status = await carrier.deliver(message.sender, message.body, message.media, sid, **extra)
    return {"sid": sid, "status": status}


@router.get("/api/messages")
async def messages(request: Request, phone: str = "") -> list[dict[str, Any]]:
    """What each phone sent and received, oldest first."""
    wiring = request.app.state.wiring
    phone = phone.replace(" ", "+")  # "?phone=+33…": in an address, + is a space
    external = bool(wiring.settings.twilio_api_url)
    rows: list[tuple[datetime, int, dict[str, Any]]] = []
    named: dict[str, list[str]] = {}
    async with wiring.store.transaction() as tx:
        for conversation_id, address in await tx.sms_conversations(phone or None):
            for message in await tx.messages_of(conversation_id):
                if message["direction"] == "out":
                    named[message["sid"]] = message["responses"]
                    if message["sid"] and not external:
                        continue  # told below, as the carrier saw it
                rows.append((message["created_at"], message["id"], _row(message, address, wiring.settings)))
    if not external:
        taken = [m for m in wiring.stand_in.messages.values() if not phone or m["to"] == phone]
        # Just taken by the carrier and not yet noted by us: told once, as the carrier saw it.
        fresh = {(m["to"], m["body"]) for m in taken if m["sid"] not in named}
        rows = [r for r in rows if r[2]["direction"] == "in" or (r[2]["to"], r[2]["body"]) not in fresh]
        for sent in taken:
            if sent["to"]:
                row = {
                    k: sent[k] for k in ("from", "to", "body", "at", "sid", "segments", "encoding", "status")
                }
                rows.append(
                    (
                        datetime.fromisoformat(sent["at"]),
                        1 << 60,
                        {"direction": "out", **row, "responses": named.get(sent["sid"], [])},
                    )
                )
    return [row for _, _, row in sorted(rows, key=lambda r: (r[0], r[1]))]


def _row(message: dict[str, Any], address: str, settings: Any) -> dict[str, Any]:
    out = message["direction"] == "out"
    us = settings.twilio_sender
    weight = weigh(message["text"])
    return {
        "direction": message["direction"],
        "from": us if out else address,
        "to": address if out else us,
        "body": message["text"],
        "at": message["created_at"].isoformat(),
        "sid": message["sid"],
        "segments": weight.segments,
        "encoding": weight.encoding,
        "status": message["status"],
        "responses": message["responses"],
    }


@router.get("/api/obstacles")
async def obstacles(request: Request, phone: str) -> list[dict[str, Any]]:
    """What this person told her referent, as it is stored."""
    wiring, phone = request.app.state.wiring, phone.replace(" ", "+")
    async with wiring.store.transaction() as tx:
        known = await tx.find_conversation(Channel.SMS, phone)
        shared = await tx.shared_obstacles(known) if known else ()
    return [one.to_json() for one in shared]


@router.get("/api/appointments")
async def appointments(request: Request, phone: str) -> list[dict[str, Any]]:
    """This person's appointments, as they are stored, the last made first; then whether she waits for a place."""
    wiring, phone = request.app.state.wiring, phone.replace(" ", "+")
    async with wiring.store.transaction() as tx:
        known = await tx.find_conversation(Channel.SMS, phone)
        theirs = await tx.appointments_of_conversation(known) if known else ()
        waits = known is not None and await tx.waits(known)
    rows = [
        {
            "starts_at": a.starts_at.isoformat(), "status": a.status.value, "kind": a.kind.value,
            "referent": a.referent_first_name, "sequence": a.sequence,
        }
        for a in sorted(theirs, key=lambda a: -a.id)
    ]  # fmt: skip
    return [*rows, *([{"status": "waiting"}] if waits else [])]


@router.get("/api/clock")
async def clock(request: Request) -> dict[str, str]:
    return {"now": request.app.state.wiring.clock.now().isoformat()}


@router.post("/api/clock")
async def move_clock(request: Request, time: Time) -> dict[str, str]:
    """Answers once the work that became due has been handed over."""
    wiring = request.app.state.wiring
    try:
        if time.now is not None:
            moment = time.now if time.now.tzinfo else time.now.replace(tzinfo=UTC)
        else:
            moment = wiring.clock.now() + duration(time.advance or "")
    except (ValueError, OverflowError):
        raise HTTPException(422, "durée ISO attendue, par exemple PT30M ou P1D") from None
    if not 2000 <= moment.year < 2100:
        raise HTTPException(422, "une date entre 2000 et 2099 est attendue")
    await _pass_by(wiring, moment)
    wiring.clock.move_to(moment)
    await wiring.worker.drain()
    return {"now": wiring.clock.now().isoformat()}


async def _pass_by(wiring: Any, moment: datetime) -> None:
    """Stops wherever something was due on the way: a reminder leaves at its own hour, not at the end of the jump."""
    for _ in range(MOST_STOPS):
        async with wiring.store.transaction() as tx:
            stop = await tx.next_due(wiring.clock.now(), moment)
        if stop is None:
            return
        wiring.clock.move_to(stop)
        await wiring.worker.drain()


@router.get("/api/carrier")
async def carrier(request: Request) -> dict[str, str | None]:
    stand_in = request.app.state.wiring.stand_in
    return {"fault": stand_in.fault, "reports": stand_in.reports}


@router.post("/api/carrier")
async def set_carrier(request: Request, wanted: Carrier) -> dict[str, str | None]:
    if wanted.fault not in FAULTS or wanted.reports not in REPORTS:
        raise HTTPException(422, f"fault: {', '.join(str(f) for f in FAULTS)}")
    stand_in = request.app.state.wiring.stand_in
    stand_in.fault, stand_in.reports = wanted.fault, wanted.reports
    return {"fault": stand_in.fault, "reports": stand_in.reports}


@router.get("/api/mails")
async def mails(request: Request) -> list[dict[str, object]]:
    mailbox = request.app.state.wiring.mailbox
    rows = mailbox.mails() if mailbox else []
    return [{k: v for k, v in row.items() if k != "id"} for row in rows]
