"""Une conversation par SMS dans le terminal. En sortant (Ctrl-D), elle est écrite comme un script de test."""

import argparse
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2

from gateway.commands.demo import demonstration_settings
from gateway.errors import NotReady
from gateway.settings import ROOT

PATIENCE = 30  # seconds for one answer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--phone", help="numéro qui écrit ; par défaut, un numéro de fiction jamais vu")


def run(arguments: argparse.Namespace) -> int:
    settings = demonstration_settings()
    phone = arguments.phone or f"+33639{981000 + secrets.randbelow(9000)}"
    said: list[tuple[str, str]] = []
    with (
        _service(f"http://127.0.0.1:{settings.port}") as url,
        httpx2.Client(base_url=url, timeout=30) as http,
    ):
        print(f"Vous écrivez depuis {phone}. Ctrl-D pour sortir.\n")
        while (text := _read()) is not None:
            before = len(_answers(http, phone))
            http.post("/simulator/api/messages", json={"from": phone, "body": text}).raise_for_status()
            said.append((">", text))
            for answer in _wait(http, phone, before):
                print(f"\n{answer['body']}\n  [{answer['segments']} segment(s), {answer['encoding']}]\n")
                said.append(("<", str(answer["body"])))
    _print_script(said)
    return 0


def _read() -> str | None:
    try:
        return input("> ")
    except EOFError:
        return None


def _answers(http: httpx2.Client, phone: str) -> list[dict[str, object]]:
    rows = http.get("/simulator/api/messages", params={"phone": phone}).json()
    return [r for r in rows if r["direction"] == "out"]


def _wait(http: httpx2.Client, phone: str, before: int) -> list[dict[str, object]]:
    """The new answers; none when she is not to be answered (after STOP)."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        rows = http.get("/simulator/api/messages", params={"phone": phone}).json()
        waiting = any(r["direction"] == "in" and r["status"] == "received" for r in rows)
        out = [r for r in rows if r["direction"] == "out"]
        if not waiting and not any(r["status"] == "queued" for r in out):
            return out[before:]
        time.sleep(0.05)
    return []


@contextmanager
def _service(url: str) -> Iterator[str]:
    """The demonstration that runs already, or one of our own."""
    if _alive(url):
        yield url
        return
    print("Démarrage…", file=sys.stderr)
    own = subprocess.Popen(
        [sys.executable, "-m", "gateway.commands", "demo"], cwd=ROOT, stdout=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    try:
        while not _alive(url):
            if own.poll() is not None:
                raise NotReady("Le service n'a pas démarré : essayez ./run pour voir pourquoi.")
            time.sleep(0.2)
        yield url
    finally:
        own.send_signal(signal.SIGTERM)
        own.wait()


def _alive(url: str) -> bool:
    try:
        return bool(httpx2.get(f"{url}/health/live", timeout=2).status_code == 200)
    except httpx2.HTTPError:
        return False


def _print_script(said: list[tuple[str, str]]) -> None:
    print("\n\nTitre à donner\n  Ce que cette conversation montre.\n\nInconnue  numéro inconnu\n")
    for who, text in said:
        first, *rest = text.split("\n")
        print(f"Inconnue >   {first}" if who == ">" else f"      <   {first}")
        for line in rest:
            print(f"          {line}")
