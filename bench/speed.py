"""How long an answer takes, system after system: some people at once, then so many texts a second."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from statistics import quantiles
from typing import Any, Protocol

import httpx2
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from twilio.request_validator import RequestValidator

from bench.systems import ACCOUNT, SENDER, TOKEN, System, demonstration, memory, production, rasa_channel
from bench.talking import TURNS
from tests.adapters.servers import free_port

LEVELS = (1, 4, 16)  # people who text again as soon as they are answered
PEOPLE = 200  # among whom a steady flow of texts is shared: nobody texts before her answer has come
PATIENCE = 30.0  # seconds; then an answer is lost
A_CHOICE = "/faq/rsa_amount.payment_date"  # what a menu choice is, to Rasa alone

Row = dict[str, Any]


class Starts(Protocol):
    def __call__(self, var: Path, carrier: str) -> AbstractContextManager[System]: ...


SYSTEMS: dict[str, Starts] = {
    "demonstration": demonstration,
    "production": production,
    "rasa": rasa_channel,
    "default": partial(rasa_channel, default=True),
}


@dataclass
class Carrier:
    """Takes messages and notes when: the first to a number ends that number's wait."""

    waiting: dict[str, asyncio.Future[float]] = field(default_factory=dict)
    taken: Iterator[int] = field(default_factory=count)

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.post("/2010-04-01/Accounts/{account}/Messages.json")
        async def take(account: str, request: Request) -> JSONResponse:
            to = str((await request.form())["To"])
            waiting = self.waiting.pop(to, None)
            if waiting and not waiting.done():
                waiting.set_result(time.perf_counter())
            return JSONResponse({"sid": f"SM{next(self.taken):032d}", "status": "queued", "to": to}, 201)

        return app


@dataclass
class Crowd:
    """People who text one system."""

    client: httpx2.AsyncClient
    carrier: Carrier
    system: System
    numbers: Iterator[str]
    acknowledged: list[float] = field(default_factory=list)
    replied: list[float] = field(default_factory=list)
    sent: int = 0

    async def at_once(self, people: int, turns: int) -> Row:
        """Each texts as soon as she is answered."""
        phones = await self._met(people)
        began = time.perf_counter()
        await asyncio.gather(*(self._talk(phone, turns) for phone in phones))
        return {"people": people, **self._row(time.perf_counter() - began)}

    async def steadily(self, rate: float, seconds: float) -> Row:
        """`rate` texts a second, whatever the answers take: the queue that they make is measured too."""
        phones = await self._met(PEOPLE)
        began, talking = time.perf_counter(), list[asyncio.Task[None]]()
        for n in range(round(rate * seconds)):
            await asyncio.sleep(max(0.0, began + n / rate - time.perf_counter()))
            due = began + n / rate
            talking.append(asyncio.create_task(self._turn(phones[n % PEOPLE], n // PEOPLE, due)))
        await asyncio.gather(*talking)
        return {"rate": rate, **self._row(time.perf_counter() - began)}

    async def _met(self, people: int) -> Sequence[str]:
        """Their first text is not counted."""
        phones = [next(self.numbers) for _ in range(people)]
        for phone in phones:
            await self._turn(phone, -1)
        self.acknowledged, self.replied, self.sent = [], [], 0
        return phones

    async def _talk(self, phone: str, turns: int) -> None:
        for n in range(turns):
            await self._turn(phone, n)

    async def _turn(self, phone: str, n: int, due: float | None = None) -> None:
        text = TURNS[n % len(TURNS)] if n >= 0 else "bonjour"
        if self.system.payloads and text.isdigit():
            text = A_CHOICE
        form = {
            "MessageSid": f"SM{os.urandom(16).hex()}", "From": phone, "To": SENDER, "Body": text, "NumMedia": "0",
            "AccountSid": ACCOUNT,
        }  # fmt: skip
        signature = RequestValidator(TOKEN).compute_signature(self.system.signs, form)
        self.carrier.waiting[phone] = arrival = asyncio.get_running_loop().create_future()
        began = due or time.perf_counter()
        self.sent += 1
        (
            await self.client.post(self.system.address, data=form, headers={"X-Twilio-Signature": signature})
        ).raise_for_status()
        self.acknowledged.append(time.perf_counter() - began)
        try:
            self.replied.append(await asyncio.wait_for(arrival, PATIENCE) - began)
        except TimeoutError:
            return

    def _row(self, seconds: float) -> Row:
        return {
            **_percentiles("ack", self.acknowledged), **_percentiles("reply", self.replied),
            "messages_a_second": round(len(self.replied) / seconds, 1), "messages": len(self.replied),
            "lost": self.sent - len(self.replied),
        }  # fmt: skip


async def measure(
    var: Path, wanted: Sequence[str], turns: int, rates: Sequence[float], seconds: float
) -> AsyncIterator[Row]:
    """Each system in turn, alone: the processors are its own."""
    carrier, port = Carrier(), free_port()
    numbers = (f"+33639{n:06d}" for n in count(980000))
    server = uvicorn.Server(
        uvicorn.Config(carrier.app(), host="127.0.0.1", port=port, log_level="error", access_log=False)
    )
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 uvicorn has no event to wait for
        await asyncio.sleep(0.05)
    async with httpx2.AsyncClient(timeout=60, limits=httpx2.Limits(max_connections=PEOPLE)) as client:
        for name in wanted:
            with SYSTEMS[name](var, f"http://127.0.0.1:{port}") as system:  # nobody texts while it starts
                for people in LEVELS:
                    crowd = Crowd(client, carrier, system, numbers)
                    yield {"system": system.name, **await crowd.at_once(people, turns)}
                for rate in rates:
                    crowd = Crowd(client, carrier, system, numbers)
                    yield {"system": system.name, **await crowd.steadily(rate, seconds)}
                used = {part: memory(pids) for part, pids in system.pids.items()}
                yield {"system": system.name, "memory_mib": used}
    server.should_exit = True
    await serving


def _percentiles(name: str, values: list[float]) -> dict[str, float]:
    cuts = quantiles(values, n=100, method="inclusive") if len(values) > 1 else [0.0] * 99
    return {f"{name}_p{p}_ms": round(cuts[p - 1] * 1000, 1) for p in (50, 95, 99)}
