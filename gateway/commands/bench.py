"""Mesure les temps : accusé de réception et réponse, à 1, 4 et 16 personnes à la fois.

À côté, dans la même mesure, le même modèle derrière le canal Twilio de Rasa. Sept textes sur dix
sont libres, les autres répondent à un menu. Le transporteur est une doublure en mémoire.
"""

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles
from typing import Any

import httpx2
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from twilio.request_validator import RequestValidator

from gateway.adapters.content_files import ContentFiles
from gateway.commands.demo import free_port
from gateway.commands.rasa_process import RasaProcess
from gateway.commands.train import model
from gateway.domain.conversation import Channel, Reply
from gateway.settings import ROOT, Settings

ACCOUNT, TOKEN, SENDER = "AC" + "0" * 32, "bench-token", "+33939980079"
CARRIER, GATEWAY, RASA, OTHER = 8791, 8792, 8793, 8794  # ports
LEVELS = (1, 4, 16)

# Ten turns: seven free texts, three answers to the menu that the text before has shown.
TURNS = (
    "slt cmb c le rsa svp", "1", "g oublié de faire ma declaration", "je voudrais de l'aide pour passer le permis",
    "2", "c koi le contrat d'engagement", "qui peut garder mon fils quand je travaille", "1",
    "je cherche des cours de français près de chez moi", "ou trouver a manger gratuit",
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--turns", type=int, default=20, help="messages par personne et par niveau (20)")
    parser.add_argument("--json", action="store_true", help="une ligne JSON par mesure")


def run(arguments: argparse.Namespace) -> int:
    for port in (CARRIER, GATEWAY, RASA, OTHER):
        free_port(port, f"le port {port} libre")
    with ExitStack() as stack:
        var = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        texts = var / "texts.json"
        texts.write_text(json.dumps(_texts(), ensure_ascii=False), encoding="utf-8")
        ours = stack.enter_context(_gateway(var))
        theirs = stack.enter_context(_rasa_channel(var, texts))
        rows = asyncio.run(_measure(ours, theirs, arguments.turns))
    for row in rows:
        print(json.dumps(row) if arguments.json else _line(row))
    return 0


def _texts() -> dict[str, str]:
    """What the gateway says by SMS, menus included, for the other side to say as well."""
    words = ContentFiles(ROOT, {"service": Settings.read().service_name})
    today = datetime.now(UTC).date().isoformat()
    return {name: words.render((Reply(name),), "fr", Channel.SMS, today).text for name in words.responses}


@contextmanager
def _gateway(var: Path) -> Iterator[str]:
    url = f"http://127.0.0.1:{GATEWAY}"
    rasa = RasaProcess(model(), RASA, f"{url}/rasa/actions", "bench", var / "ours")
    environment = {
        **os.environ, "PORT": str(GATEWAY), "VAR": str(var / "ours"), "RASA_URL": rasa.url,
        "ACTION_TOKEN": "bench", "TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": TOKEN,
        "TWILIO_SENDER": SENDER, "TWILIO_API_URL": f"http://127.0.0.1:{CARRIER}", "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    rasa.start()
    with (var / "gateway.out").open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway.commands", "demo"],
            cwd=ROOT,
            env=environment,
            stdout=out,
            stderr=out,
        )
    try:
        rasa.wait()
        _wait(f"{url}/health/ready")
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=15)
        rasa.stop()


@contextmanager
def _rasa_channel(var: Path, texts: Path) -> Iterator[str]:
    credentials = var / "credentials.yml"
    credentials.write_text(
        "bench.rasa_channel.RedirectedTwilio:\n"
        f'  account_sid: "{ACCOUNT}"\n  auth_token: "{TOKEN}"\n  twilio_number: "{SENDER}"\n'
    )
    os.environ["BENCH_CARRIER"], os.environ["BENCH_TEXTS"] = f"http://127.0.0.1:{CARRIER}", str(texts)
    rasa = RasaProcess(
        model(), OTHER, "http://127.0.0.1:9/", "none", var / "theirs",
        endpoints="bench/endpoints.yml", channel=("--credentials", str(credentials)),
    )  # fmt: skip
    rasa.start()
    try:
        rasa.wait()
        yield rasa.url
    finally:
        rasa.stop()


def _wait(url: str) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            if httpx2.get(url, timeout=2).status_code == 200:
                return
        except httpx2.HTTPError:
            pass
        time.sleep(0.2)
    raise SystemExit(f"{url} ne répond pas.")


class Carrier:
    """Takes messages and notes when: the first to a number ends that number's wait."""

    def __init__(self) -> None:
        self.waiting: dict[str, asyncio.Future[float]] = {}
        self.taken = 0
        self.app = FastAPI()

        @self.app.post("/2010-04-01/Accounts/{account}/Messages.json")
        async def take(account: str, request: Request) -> JSONResponse:
            form = await request.form()
            self.taken += 1
            waiting = self.waiting.pop(str(form["To"]), None)
            if waiting and not waiting.done():
                waiting.set_result(time.perf_counter())
            return JSONResponse(
                {"sid": f"SM{self.taken:032d}", "status": "queued", "to": str(form["To"])}, 201
            )


async def _measure(ours: str, theirs: str, turns: int) -> list[dict[str, Any]]:
    carrier = Carrier()
    server = uvicorn.Server(
        uvicorn.Config(carrier.app, host="127.0.0.1", port=CARRIER, log_level="error", access_log=False)
    )
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 uvicorn has no event to wait for
        await asyncio.sleep(0.05)
    rows = []
    phones = (f"+33639{n:06d}" for n in range(980000, 990000))
    async with httpx2.AsyncClient(timeout=60) as client:
        for senders in LEVELS:
            for name, url in (
                ("passerelle", f"{ours}/sms/inbound"),
                ("canal Twilio de Rasa", f"{theirs}/webhooks/twilio/webhook"),
            ):
                people = [next(phones) for _ in range(senders)]
                rows.append(
                    {"system": name, "senders": senders, **await _level(client, carrier, url, people, turns)}
                )
    server.should_exit = True
    await serving
    return rows


async def _level(
    client: httpx2.AsyncClient, carrier: Carrier, url: str, people: list[str], turns: int
) -> dict[str, Any]:
    acknowledged: list[float] = []
    replied: list[float] = []
    lost = 0
    payloads = "/webhooks/" in url

    async def talk(phone: str) -> None:
        nonlocal lost
        for n in range(turns):
            text = TURNS[n % len(TURNS)]
            if payloads and text.isdigit():
                text = "/faq/rsa_amount.payment_date"  # what a menu choice is, to Rasa alone
            ack, reply = await _turn(client, carrier, url, phone, text)
            acknowledged.append(ack)
            if reply is None:
                lost += 1
            else:
                replied.append(reply)

    await asyncio.gather(*(_turn(client, carrier, url, p, "bonjour") for p in people))  # warm, not counted
    started = time.perf_counter()
    await asyncio.gather(*(talk(phone) for phone in people))
    seconds = time.perf_counter() - started
    count = len(replied)
    return {
        **_percentiles("ack", acknowledged),
        **_percentiles("reply", replied),
        "messages_a_second": round(count / seconds, 1),
        "messages": len(replied),
        "lost": lost,
    }


async def _turn(
    client: httpx2.AsyncClient, carrier: Carrier, url: str, phone: str, text: str
) -> tuple[float, float | None]:
    form = {
        "MessageSid": f"SM{os.urandom(16).hex()}", "From": phone, "To": SENDER, "Body": text, "NumMedia": "0",
        "AccountSid": ACCOUNT,
    }  # fmt: skip
    public = f"http://127.0.0.1:{GATEWAY}/sms/inbound"
    signature = RequestValidator(TOKEN).compute_signature(public, form)
    carrier.waiting[phone] = arrival = asyncio.get_running_loop().create_future()
    started = time.perf_counter()
    answer = await client.post(url, data=form, headers={"X-Twilio-Signature": signature})
    acknowledged = time.perf_counter() - started
    answer.raise_for_status()
    try:
        return acknowledged, await asyncio.wait_for(arrival, 30) - started
    except TimeoutError:
        return acknowledged, None


def _percentiles(name: str, values: list[float]) -> dict[str, float]:
    cuts = quantiles(values, n=100, method="inclusive")
    return {f"{name}_p{p}_ms": round(cuts[p - 1] * 1000, 1) for p in (50, 95, 99)}


def _line(row: dict[str, Any]) -> str:
    return (
        f"{row['senders']:>3} à la fois  {row['system']:<22}"
        f" accusé p50 {row['ack_p50_ms']:>7} p95 {row['ack_p95_ms']:>7} p99 {row['ack_p99_ms']:>7} ms"
        f"   réponse p50 {row['reply_p50_ms']:>7} p95 {row['reply_p95_ms']:>7} p99 {row['reply_p99_ms']:>7} ms"
        f"   {row['messages_a_second']:>5} messages/s   {row['messages']} mesurés, {row['lost']} perdus"
    )
