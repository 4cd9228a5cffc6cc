"""What `./run bench` measures: our gateway, and Rasa behind its own Twilio channel. All end with their block.

A system has an `address` where texts come in, the address that the carrier `signs`, the `pids` of its processes by name, and
`payloads`: whether a menu choice must be sent as what it is to Rasa alone.
"""

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import urlopen

from bench.default_model import default_model
from bench.machine import settings_url
from gateway.adapters.content_files import ContentFiles
from gateway.adapters.encryption import new_key
from gateway.commands.rasa_process import RasaProcess
from gateway.commands.train import model
from gateway.domain.conversation import Channel, Reply
from gateway.errors import NotReady
from gateway.settings import ROOT, Settings
from tests.adapters import servers

ACCOUNT, TOKEN, SENDER = "AC" + "0" * 32, secrets.token_hex(16), "+33939981234"
ACTION_TOKEN = secrets.token_hex(24)
PUBLIC = "https://textes.bench.invalid"  # what a proxy would stand for
PATIENCE = 60.0  # seconds for a part to answer
EVERY_NUMBER = {
    "MESSAGES_A_MINUTE": "0",
    "MESSAGES_A_DAY": "0",
    "LOOP_TURNS": "0",
}  # a bench texts fast and repeats itself


@dataclass(frozen=True)
class System:
    name: str
    address: str
    signs: str
    pids: dict[str, list[int]] = field(default_factory=dict)
    payloads: bool = False


@contextmanager
def demonstration(var: Path, carrier: str) -> Iterator[System]:
    """As `./run` starts it: one gateway that works too, one Rasa, a file for all memory."""
    with ExitStack() as stack:
        port = servers.free_port()
        url = f"http://127.0.0.1:{port}"
        rasa = _rasa(stack, var / "demonstration", url)
        environment = _environment(var / "demonstration", port, [rasa], carrier)
        gateway = _start(stack, "demo", environment, var / "demonstration.log")
        _answers(f"{url}/health/ready", gateway, var / "demonstration.log")
        yield System(
            "passerelle, SQLite, 1 Rasa", f"{url}/sms/inbound", f"{url}/sms/inbound",
            {"passerelle et travail": [gateway.pid], "Rasa": [rasa.pid]},
        )  # fmt: skip


@contextmanager
def production(var: Path, carrier: str, rasas: int = 2) -> Iterator[System]:
    """As `serve` and `worker` start it: PostgreSQL, Valkey, one gateway, one worker."""
    with ExitStack() as stack:
        database = stack.enter_context(servers.postgresql(durable=True))
        queue = stack.enter_context(servers.valkey())
        port = servers.free_port()
        url = f"http://127.0.0.1:{port}"
        several = [_rasa(stack, var / f"rasa-{n}", url) for n in range(rasas)]
        environment = {
            **_environment(var / "production", port, several, carrier),
            "DATABASE_URL": settings_url(database, "postgres"), "REDIS_URL": queue, "SECRET_KEYS": new_key(), "SMTP_URL": "smtp://127.0.0.1:9",
            "PUBLIC_URL": PUBLIC, "CALLBACK_EMAIL": "equipe@bench.invalid", "MAIL_FROM": "bench@bench.invalid",
        }  # fmt: skip
        log = var / "production.log"
        _start(stack, "database", environment, log).wait(PATIENCE)
        gateway = _start(stack, "serve", environment, log)
        _answers(f"{url}/health/ready", gateway, log)
        worker = _start(stack, "worker", environment, log)
        yield System(
            f"passerelle, PostgreSQL, {rasas} Rasa", f"{url}/sms/inbound", f"{PUBLIC}/sms/inbound",
            {"passerelle": [gateway.pid], "travail": [worker.pid], "Rasa": [one.pid for one in several]},
        )  # fmt: skip


@contextmanager
def rasa_channel(var: Path, carrier: str, default: bool = False) -> Iterator[System]:
    """Rasa alone, with our model or what `rasa init` proposes; it says the same texts."""
    name = "default" if default else "same"
    here = var / name
    here.mkdir()
    texts, credentials = here / "texts.json", here / "credentials.yml"
    texts.write_text(json.dumps(_texts(), ensure_ascii=False), encoding="utf-8")
    credentials.write_text(
        "bench.rasa_channel.RedirectedTwilio:\n"
        f'  account_sid: "{ACCOUNT}"\n  auth_token: "{TOKEN}"\n  twilio_number: "{SENDER}"\n'
    )
    os.environ["BENCH_CARRIER"], os.environ["BENCH_TEXTS"] = carrier, str(texts)
    rasa = RasaProcess(
        default_model() if default else model(), servers.free_port(), "http://127.0.0.1:9/", "none", here,
        endpoints="bench/endpoints.yml", channel=("--credentials", str(credentials)),
    )  # fmt: skip
    rasa.start()
    try:
        rasa.wait()
        what = "Rasa seul, DIET et TED" if default else "Rasa seul, même modèle"
        url = f"{rasa.url}/webhooks/twilio/webhook"
        yield System(what, url, url, {"Rasa": [rasa.pid]}, payloads=True)
    finally:
        rasa.stop()


def memory(pids: list[int]) -> int:
    """MiB that these processes have for themselves, their share of what is common included (PSS)."""
    kilobytes = 0
    for pid in pids:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        kilobytes += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return round(kilobytes / 1024)


def _rasa(stack: ExitStack, var: Path, gateway: str) -> RasaProcess:
    rasa = RasaProcess(model(), servers.free_port(), f"{gateway}/rasa/actions", ACTION_TOKEN, var)
    rasa.start()
    stack.callback(rasa.stop)
    return rasa


def _environment(var: Path, port: int, rasas: list[RasaProcess], carrier: str) -> dict[str, str]:
    for rasa in rasas:
        rasa.wait()
    return {
        **os.environ, **EVERY_NUMBER, "PYTHONPATH": str(ROOT), "PORT": str(port), "VAR": str(var),
        "PUBLIC_URL": f"http://127.0.0.1:{port}", "RASA_URL": ",".join(rasa.url for rasa in rasas),
        "ACTION_TOKEN": ACTION_TOKEN, "TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": TOKEN,
        "TWILIO_SENDER": SENDER, "TWILIO_API_URL": carrier,
    }  # fmt: skip


def _start(
    stack: ExitStack, command: str, environment: dict[str, str], log: Path
) -> "subprocess.Popen[bytes]":
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway.commands", command],
            cwd=ROOT,
            env=environment,
            stdout=out,
            stderr=out,
        )
    stack.callback(_end, process)
    return process


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(timeout=15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _answers(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        try:
            with urlopen(url, timeout=2):  # noqa: S310 loopback
                return
        except OSError:
            time.sleep(0.2)
    last = log.read_text(encoding="utf-8").splitlines()[-1:]
    raise NotReady(f"{url} ne répond pas : {' '.join(last)}")


def _texts() -> dict[str, str]:
    """What the gateway says by SMS, menus included, for Rasa alone to say as well."""
    words = ContentFiles(ROOT, {"service": Settings.read().service_name})
    today = datetime.now(UTC).date().isoformat()
    return {name: words.render((Reply(name),), "fr", Channel.SMS, today).text for name in words.responses}
