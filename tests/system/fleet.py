"""Production, really running: two gateways, two workers, two Rasa, PostgreSQL, Valkey, and a stand-in carrier."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2
import psycopg
from fastapi import FastAPI
from twilio.request_validator import RequestValidator

from gateway.adapters.clock import SystemClock
from gateway.adapters.encryption import new_key
from gateway.settings import ROOT, Settings
from gateway.simulator.carrier import NEVER, StandInCarrier, carrier_routes
from tests.adapters.servers import free_port, served

LISTED_AFTER = 60.0  # seconds
PATIENCE = 300.0  # seconds before a test gives up: never reached when all is well
ACCOUNT, TOKEN = f"AC{'0123456789abcdef' * 2}", "9f86d081884c7d659a2feaa0c55ad015"
PUBLIC = "https://sms.departement.fr"
KEYS = f"{new_key()},index:{new_key()}"


def until(true: Callable[[], Any], what: str) -> Any:
    end = time.monotonic() + PATIENCE
    while not (found := true()):
        assert time.monotonic() < end, f"waited in vain for: {what}"
        time.sleep(0.05)
    return found


@dataclass
class Program:
    """One command of `./run`, with its log."""

    name: str
    arguments: tuple[str, ...]
    environment: dict[str, str]
    log: Path
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gateway.commands", *self.arguments],
                cwd=ROOT, env=self.environment, stdout=out, stderr=subprocess.STDOUT,
            )  # fmt: skip

    def stop(self) -> int:
        """As systemd does. Its exit code."""
        assert self.process
        self.process.terminate()
        return int(self.process.wait(timeout=60))

    def kill(self) -> None:
        assert self.process
        self.process.kill()
        self.process.wait()

    def send(self, what: signal.Signals) -> None:
        assert self.process
        self.process.send_signal(what)

    @property
    def said(self) -> str:
        return self.log.read_text(errors="replace")


@dataclass
class Fleet:
    folder: Path
    database: str
    redis: str
    carrier: "Carrier"
    carrier_url: str
    gateways: list[int] = field(default_factory=lambda: [free_port(), free_port()])
    rasas: list[int] = field(default_factory=lambda: [free_port(), free_port()])
    programs: dict[str, Program] = field(default_factory=dict)
    http: httpx2.Client = field(default_factory=lambda: httpx2.Client(trust_env=False))

    def __post_init__(self) -> None:
        ours = {name.upper() for name in Settings.model_fields} | {"TRACKER_STORE", "TRACKER_URL"}
        clean = {name: value for name, value in os.environ.items() if name not in ours}
        self.settings = {
            **clean, "PYTHONPATH": str(ROOT), "VAR": str(self.folder / "var"),
            "DATABASE_URL": self.database.replace("+psycopg", ""), "REDIS_URL": self.redis,
            "RASA_URL": ",".join(f"http://127.0.0.1:{port}" for port in self.rasas), "PUBLIC_URL": PUBLIC,
            "TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": TOKEN, "TWILIO_SENDER": "+33939981234",
            "TWILIO_API_URL": self.carrier_url, "TWILIO_TIMEOUT": "5", "SECRET_KEYS": KEYS,
            "ACTION_TOKEN": "60303ae22b998861bce3b28f33eec1be758a213c86c93c07",
            "SMTP_URL": f"smtp://127.0.0.1:{free_port()}", "MAIL_FROM": "robot@departement.fr",
            "CALLBACK_EMAIL": "equipe@departement.fr",
        }  # fmt: skip
        actions = {"ACTIONS_URL": f"http://127.0.0.1:{self.gateways[0]}/rasa/actions"}
        for number, port in enumerate(self.rasas, 1):
            self.add(f"rasa{number}", ("rasa", "--port", str(port)), actions)
        for number, port in enumerate(self.gateways, 1):
            self.add(f"gateway{number}", ("serve",), {"PORT": str(port)})
        for number in (1, 2):
            self.add(f"worker{number}", ("worker",), {})

    def add(self, name: str, arguments: tuple[str, ...], more: dict[str, str]) -> Program:
        log = self.folder / f"{name}.log"
        self.programs[name] = program = Program(name, arguments, {**self.settings, **more}, log)
        return program

    # the programs

    def start(self) -> None:
        """All at once, as after a power cut."""
        for program in self.programs.values():
            program.start()
        self.ready()

    def ready(self) -> None:
        for number in (1, 2):
            until(lambda n=number: self.answers(self.rasas[n - 1], "/status"), f"rasa{number}")
            until(lambda n=number: self.answers(self.gateways[n - 1], "/health/ready"), f"gateway{number}")

    def answers(self, port: int, path: str) -> bool:
        for program in self.programs.values():
            assert (
                program.process is None or program.process.poll() is None or program.process.returncode < 0
            ), program.said
        with contextlib.suppress(httpx2.HTTPError):
            return self.http.get(f"http://127.0.0.1:{port}{path}", timeout=5).status_code == 200
        return False

    def __getitem__(self, name: str) -> Program:
        return self.programs[name]

    # the phones

    def says(
        self, phone: str, text: str, gateway: int = 1, sid: str = "", token: str = TOKEN, patience: float = 15
    ) -> int:
        """An SMS as the carrier posts it to one gateway. The HTTP status; -1 when nobody answers."""
        return self.posted(self.gateways[gateway - 1], phone, text, sid, token, patience)

    def posted(
        self, port: int, phone: str, text: str, sid: str = "", token: str = TOKEN, patience: float = 15
    ) -> int:
        sid = sid or f"SM{abs(hash((phone, text))):032x}"[:34]
        form = {
            "MessageSid": sid,
            "AccountSid": ACCOUNT,
            "From": phone,
            "To": "+33939981234",
            "Body": text,
            "NumMedia": "0",
        }
        signature = RequestValidator(token).compute_signature(f"{PUBLIC}/sms/inbound", form)
        try:
            return self.http.post(
                f"http://127.0.0.1:{port}/sms/inbound", data=form,
                headers={"X-Twilio-Signature": signature}, timeout=patience,
            ).status_code  # fmt: skip
        except httpx2.TransportError:
            return -1

    def received(self, phone: str) -> list[str]:
        """What reached her phone, oldest first."""
        return [row["body"] for row in list(self.carrier.messages.values()) if row["to"] == phone]

    # the database

    def rows(self, question: str, *values: Any) -> list[Any]:
        with psycopg.connect(self.database.replace("+psycopg", "")) as connection:
            return connection.execute(question, values).fetchall()

    def responses(self) -> list[str]:
        """Names of all that was answered."""
        return [
            name
            for (names,) in self.rows("SELECT responses FROM message WHERE direction = 'out'")
            for name in names
        ]

    def open_work(self) -> int:
        kinds = ("converse", "deliver", "report")
        ((count,),) = self.rows(
            "SELECT count(*) FROM job WHERE state <> 'done' AND kind = ANY(%s)", list(kinds)
        )
        return int(count)


@dataclass
class Carrier(StandInCarrier):
    """It also lists what people wrote to us, and may be slow to list what it took.

    `taken_unlisted`: it takes a message, does not answer, and its list shows the message only `LISTED_AFTER` seconds later.
    """

    heard: list[dict[str, Any]] = field(default_factory=list)  # what people wrote, as its list shows it
    taken_unlisted: bool = False
    unlisted: dict[str, float] = field(default_factory=dict)  # sid → monotonic seconds

    async def accept(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        status, body = await super().accept(form)
        if self.taken_unlisted and status == 201:
            self.unlisted[body["sid"]] = time.monotonic() + LISTED_AFTER
            await asyncio.sleep(NEVER)
        return status, body

    def hears(self, phone: str, text: str, sid: str) -> None:
        row = {
            "sid": sid, "from": phone, "to": self.sender, "body": text, "at": self.clock.now().isoformat(),
            "status": "received", "segments": 1,
        }  # fmt: skip
        self.heard.append({**self.shown(row), "direction": "inbound"})

    def sent_to(self, to: str, since: datetime | None) -> list[dict[str, Any]]:
        if to == self.sender:
            return list(self.heard)
        now = time.monotonic()
        return [row for row in super().sent_to(to, since) if self.unlisted.get(row["sid"], now) <= now]


@contextlib.contextmanager
def stand_in() -> Iterator[tuple[Carrier, str]]:
    """A carrier that takes everything, and its address."""
    port = free_port()
    carrier = Carrier(ACCOUNT, TOKEN, "+33939981234", PUBLIC, "", SystemClock(), reports="none")
    app = FastAPI()
    app.include_router(carrier_routes(carrier))
    with served(app, port):
        yield carrier, f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def running_fleet(folder: Path, database: str, redis: str) -> Iterator[Fleet]:
    with stand_in() as (carrier, url):
        fleet = Fleet(folder, database, redis, carrier, url)
        try:
            fleet.start()
            yield fleet
        finally:
            stopping = [threading.Thread(target=_end, args=(p,)) for p in fleet.programs.values()]
            for thread in stopping:
                thread.start()
            for thread in stopping:
                thread.join()


def _end(program: Program) -> None:
    if program.process and program.process.poll() is None:
        program.send(signal.SIGCONT)  # a test that failed half-way
        program.process.terminate()
        try:
            program.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            program.kill()
