"""What `./run bench nudges` measures: PostgreSQL, Valkey, a stand-in carrier, workers, a gateway. All end with their block."""

import asyncio
import contextlib
import ctypes
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx2
import psycopg
import redis

from bench import people
from gateway.adapters.database.engine import migrate, open_engine
from gateway.adapters.database.store import DatabaseStore
from gateway.adapters.encryption import Cipher, new_key
from gateway.adapters.holidays import french_holidays
from gateway.errors import NotReady
from gateway.settings import ROOT, Settings
from gateway.usecases.matters import NudgeRules
from tests.adapters import servers

ACCOUNT, TOKEN, SENDER = "AC" + "0" * 32, secrets.token_hex(16), "+33939980080"
PATIENCE = 60.0  # seconds for a part to answer
SOON = timedelta(seconds=3)
NEVER_QUIET = "00:00-00:00"


def awake(now: datetime) -> str:
    """A time zone where it is neither Sunday nor a public holiday: nothing unasked leaves on those."""
    for name in ("Europe/Paris", "Pacific/Kiritimati", "Etc/GMT+12"):
        today = now.astimezone(ZoneInfo(name)).date()
        if today.isoweekday() < 7 and today not in french_holidays((today.year,), "79"):
            return name
    raise NotReady("C'est férié partout aujourd'hui : rien ne part. Revenez demain.")


@dataclass
class Servers:
    """PostgreSQL with `nudges` people ready to be written to, copied for each measure."""

    server: str
    nudges: int
    rate: float
    var: Path
    key: str = field(default_factory=new_key)
    _copies: int = 0

    async def prepare(self) -> None:
        self._order("CREATE DATABASE model")
        async with self._store("model") as store:
            await migrate(store.engine)
            await people.settle(store, NudgeRules.none(), self.nudges, datetime.now(UTC))
        with psycopg.connect(_address(self.server, "model"), autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")

    @contextlib.asynccontextmanager
    async def service(self, reports: bool = False) -> AsyncIterator["Service"]:
        """A copy of the people, with a queue and a carrier of its own; nothing works yet."""
        self._copies += 1
        name = f"measure_{self._copies}"
        self._order(f"CREATE DATABASE {name} TEMPLATE model")
        with ExitStack() as stack:
            queue = stack.enter_context(servers.valkey())
            port, web = servers.free_port(), servers.free_port()
            environment = {
                **os.environ, "PYTHONPATH": str(ROOT), "VAR": str(self.var), "SECRET_KEYS": self.key,
                "DATABASE_URL": settings_url(self.server, name), "REDIS_URL": queue, "RASA_URL": "http://127.0.0.1:9",
                "PUBLIC_URL": f"http://127.0.0.1:{web}", "PORT": str(web), "ACTION_TOKEN": secrets.token_hex(16),
                "TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": TOKEN, "TWILIO_SENDER": SENDER,
                "TWILIO_API_URL": f"http://127.0.0.1:{port}", "SMTP_URL": "smtp://127.0.0.1:9",
                "CALLBACK_EMAIL": "equipe@bench.invalid", "MAIL_FROM": "bench@bench.invalid", "SEND_RATE": str(self.rate),
                "QUIET_HOURS": NEVER_QUIET, "TIMEZONE": awake(datetime.now(UTC)),
            }  # fmt: skip
            async with self._store(name) as store, httpx2.AsyncClient(timeout=60, trust_env=False) as http:
                service = Service(stack, store, http, queue, port, web, environment, self.var / f"{name}.log")
                await service.start_carrier(reports)
                yield service
        self._order(f"DROP DATABASE {name} WITH (FORCE)")

    @contextlib.asynccontextmanager
    async def _store(self, name: str) -> AsyncIterator[DatabaseStore]:
        engine = open_engine(Settings(database_url=settings_url(self.server, name)).database)
        try:
            yield DatabaseStore(engine, Cipher(self.key))
        finally:
            await engine.dispose()

    def _order(self, order: str) -> None:
        with psycopg.connect(self.server, autocommit=True) as connection:
            connection.execute(order.encode())


@dataclass
class Service:
    """Of one measure: `start` what it needs, then make the nudges `due`."""

    stack: ExitStack
    store: DatabaseStore
    http: httpx2.AsyncClient
    queue: str
    carrier_port: int
    web_port: int
    environment: dict[str, str]
    log: Path
    workers: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    async def start_carrier(self, reports: bool) -> None:
        token = [TOKEN] if reports else []
        carrier = self._start("bench.carrier", str(self.carrier_port), *token)
        await self._answers(f"{self.carrier}/counts", carrier)

    async def start_gateway(self) -> None:
        gateway = self._start("gateway.commands", "serve")
        await self._answers(f"{self.gateway}/health/live", gateway)

    def start_workers(self, count: int = 2) -> None:
        self.workers = [self._start("gateway.commands", "worker") for _ in range(count)]

    def kill_workers(self) -> None:
        for worker in self.workers:
            worker.send_signal(signal.SIGKILL)
        for worker in self.workers:
            worker.wait()

    async def workers_listen(self) -> None:
        with redis.Redis.from_url(self.queue) as client:
            async for _ in self._tries(*self.workers):
                if _listening(client) >= len(self.workers):
                    return

    async def due(self) -> float:
        """All of them in the same instant, soon: which, on the clock of time.perf_counter."""
        now, moment = datetime.now(UTC), time.perf_counter()
        await people.due_now(self.store, now + SOON)
        return moment + SOON.total_seconds()

    async def counts(self) -> dict[str, Any]:
        return dict((await self.http.get(f"{self.carrier}/counts")).json())

    @property
    def carrier(self) -> str:
        return f"http://127.0.0.1:{self.carrier_port}"

    @property
    def gateway(self) -> str:
        return f"http://127.0.0.1:{self.web_port}"

    def _start(self, module: str, *arguments: str) -> "subprocess.Popen[bytes]":
        with self.log.open("ab") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments], cwd=ROOT, env=self.environment,
                stdout=out, stderr=out, preexec_fn=_die_with_parent,
            )  # fmt: skip
        self.stack.callback(_end, process)
        return process

    async def _answers(self, url: str, process: "subprocess.Popen[bytes]") -> None:
        async for _ in self._tries(process):
            with contextlib.suppress(httpx2.HTTPError):
                if (await self.http.get(url)).status_code == 200:
                    return

    async def _tries(self, *processes: "subprocess.Popen[bytes]") -> AsyncIterator[None]:
        """Again and again while they live. Raises NotReady in the end."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and all(process.poll() is None for process in processes):
            yield
            await asyncio.sleep(0.1)
        raise NotReady(self.failed("Une partie du service ne démarre pas"))

    def failed(self, what: str) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-3:]
        return "\n".join((f"{what}. Ses dernières lignes :", *lines))


def _listening(client: Any) -> int:
    try:
        return len(client.xinfo_consumers("coup-de-pouce-jobs", "workers"))
    except redis.ResponseError:  # nobody has made the stream yet
        return 0


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def _address(server: str, name: str) -> str:
    return psycopg.conninfo.make_conninfo(server, dbname=name)


def settings_url(server: str, name: str) -> str:
    """As the settings have it."""
    parts = psycopg.conninfo.conninfo_to_dict(server)
    return f"postgresql://{parts['user']}@/{name}?host={parts['host']}"


@contextlib.contextmanager
def started(nudges: int, rate: float, var: Path) -> Iterator[Servers]:
    with servers.postgresql(durable=True) as server:
        yield Servers(server, nudges, rate, var)
