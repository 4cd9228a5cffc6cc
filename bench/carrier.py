"""A fast stand-in for Twilio's Messages API, which counts what it takes: a process of its own.

`python -m bench.carrier PORT [TOKEN]`; with the account's token it also posts delivery reports, signed. It takes every
number, and never fails: how failures are dealt with is tested elsewhere.
"""

import asyncio
import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import aiohttp
from twilio.request_validator import RequestValidator

REPORTED = ("sent", "delivered")  # what a carrier says of a message, one after the other
AFTER = 2.0  # seconds from a message to its first report, and from one report to the next
AT_ONCE = 4  # connections on which reports are posted
Answer = Callable[[int, Any], None]  # HTTP status, what becomes JSON


@dataclass
class Carrier:
    """`told`: numbers that our list was asked about since their last message."""

    taken: int = 0
    last: float = 0.0
    reported_last: float = 0.0
    messages: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    told: set[str] = field(default_factory=set)
    twice: Counter[str] = field(default_factory=Counter)
    reports: "asyncio.Queue[tuple[float, str, str, str]] | None" = None
    reported: Counter[str] = field(default_factory=Counter)
    waiting: dict[str, list[tuple[float, Answer]]] = field(default_factory=lambda: defaultdict(list))

    def answer(self, method: str, target: str, body: bytes, answer: Answer) -> None:
        where = urlsplit(target)
        query = dict(parse_qsl(where.query))
        if where.path.endswith("/Messages.json"):
            if method == "POST":
                return answer(201, self.take(dict(parse_qsl(body.decode()))))
            return answer(200, self.listed(query))
        if where.path == "/counts":
            return answer(200, self.counts())
        if where.path == "/next":
            return self.next(query["to"], float(query["since"]), answer)
        answer(404, {"code": 20404, "status": 404, "message": "", "more_info": ""})

    def take(self, form: dict[str, str]) -> dict[str, Any]:
        self.taken += 1
        to, sid = form["To"], f"SM{self.taken:032x}"
        at = format_datetime(datetime.now(UTC))
        one = {
            "sid": sid, "to": to, "from": form.get("From"), "body": form["Body"], "status": "queued",
            "date_created": at, "date_sent": at, "date_updated": at, "direction": "outbound-api",
            "moment": (now := time.perf_counter()),  # all processes of a machine read the same clock
        }  # fmt: skip
        self.last, known = now, self.messages[to]
        if any(other["body"] == one["body"] for other in known):
            self.twice["told" if to in self.told else "not_asked"] += 1
        self.told.discard(to)
        known.append(one)
        if self.reports is not None and (url := form.get("StatusCallback")):
            for n, status in enumerate(REPORTED, 1):
                self.reports.put_nowait((now + n * AFTER, url, sid, status))
        for since, answer in self.waiting.pop(to, ()):
            self.next(to, since, answer)
        return one

    def listed(self, query: dict[str, str]) -> dict[str, Any]:
        to = query.get("To", "")
        self.told.add(to)
        return {"messages": self.messages.get(to, [])[::-1], "next_page_uri": None, "page": 0}

    def next(self, to: str, since: float, answer: Answer) -> None:
        """When this number got its first message after the moment `since`; answered once it has one."""
        for one in self.messages.get(to, ()):
            if one["moment"] > since:
                return answer(200, {"moment": one["moment"]})
        self.waiting[to].append((since, answer))

    def counts(self) -> dict[str, float]:
        """`told`: sent twice though our list had shown the first; `not_asked`: nobody had asked."""
        return {
            "taken": self.taken, "people": len(self.messages), "last": self.last,
            "told": self.twice["told"], "not_asked": self.twice["not_asked"],
            "reported_last": self.reported_last,
            "reports_waiting": self.reports.qsize() if self.reports else 0,
            "reports_taken": self.reported["taken"], "reports_refused": self.reported["refused"],
        }  # fmt: skip

    async def report(self, token: str, session: aiohttp.ClientSession) -> None:
        validator = RequestValidator(token)
        while self.reports is not None:
            due, url, sid, status = await self.reports.get()
            await asyncio.sleep(due - time.perf_counter())
            form = {"MessageSid": sid, "SmsSid": sid, "MessageStatus": status}
            signed = {"X-Twilio-Signature": validator.compute_signature(url, form)}
            try:
                async with session.post(url, data=form, headers=signed) as answer:
                    self.reported["taken" if answer.status == 200 else "refused"] += 1
                    self.reported_last = time.perf_counter()
            except (aiohttp.ClientError, TimeoutError):
                self.reported["refused"] += 1


class Line(asyncio.Protocol):
    """One connection that is kept open: just enough of HTTP/1.1 for those who call here."""

    def __init__(self, carrier: Carrier) -> None:
        self.carrier = carrier
        self.came = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self.came += data
        while (end := self.came.find(b"\r\n\r\n")) >= 0:
            head = self.came[:end].decode("latin-1")
            begins = end + 4
            ends = begins + _length(head)
            if len(self.came) < ends:
                return
            body, self.came = self.came[begins:ends], self.came[ends:]
            method, target, _ = head.split(" ", 2)
            self.carrier.answer(method, target, body, self.say)

    def say(self, status: int, what: Any) -> None:
        body = json.dumps(what).encode()
        head = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        self.transport.write(head.encode() + body)


def _length(head: str) -> int:
    for line in head.split("\r\n"):
        name, _, value = line.partition(":")
        if name.lower() == "content-length":
            return int(value)
    return 0


async def serve(port: int, token: str = "") -> None:
    carrier = Carrier(reports=asyncio.PriorityQueue() if token else None)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Line(carrier), "127.0.0.1", port)
    async with server, aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE if token else 0):
            group.create_task(carrier.report(token, session))
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), *sys.argv[2:]))
