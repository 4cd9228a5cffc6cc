"""The whole system, really running: Rasa, the gateway in its own process, the stand-in carrier."""

import argparse
import contextlib
import io
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from unittest import mock
from urllib.request import urlopen

import httpx2

from gateway.commands import import_
from gateway.commands.rasa_process import RasaProcess
from gateway.commands.train import model
from gateway.settings import ROOT
from tests.conversations.player import CLAIRE, LANGUAGES, PAUL, Script

TOKEN = "test-action-token"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class System:
    """A gateway process and its Rasa, on free ports, with a `var` of their own."""

    def __init__(self, var: Path, rasa: RasaProcess | None = None, **environment: str) -> None:
        self.var = var
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = environment
        self.rasa = rasa or RasaProcess(model(), free_port(), f"{self.url}/rasa/actions", TOKEN, var / "rasa")
        self.process: subprocess.Popen[bytes] | None = None
        self._next_phone = 100
        self.phones: set[str] = set()  # of all who were cast
        self.referents: dict[Path, dict[str, str]] = {}  # of each script: name → e-mail address

    def start(self) -> None:
        if not self.rasa.pid:
            self.rasa.start()
        self.start_gateway()
        self.rasa.wait()

    def start_gateway(self) -> None:
        environment = {
            **os.environ, "PYTHONPATH": str(ROOT), "PORT": str(self.port), "VAR": str(self.var),
            "RASA_URL": self.rasa.url, "ACTION_TOKEN": TOKEN, "TWILIO_TIMEOUT": "1",
            "SIGN_INS_A_MINUTE": "0",  # every script of a referent signs in anew, from one address
            **self.environment,
        }  # fmt: skip
        self.var.mkdir(parents=True, exist_ok=True)
        with (self.var / "gateway.out").open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gateway.commands", "demo"], cwd=ROOT, env=environment,
                stdout=out, stderr=subprocess.STDOUT,
            )  # fmt: skip
        end = time.monotonic() + 40
        while time.monotonic() < end:
            with contextlib.suppress(OSError), urlopen(f"{self.url}/health/live", timeout=2):  # noqa: S310 loopback
                return
            assert self.process.poll() is None, (self.var / "gateway.out").read_text()
            time.sleep(0.05)
        raise AssertionError((self.var / "gateway.out").read_text())

    def kill_gateway(self, how: signal.Signals = signal.SIGKILL) -> None:
        assert self.process
        self.process.send_signal(how)
        self.process.wait(timeout=20)

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.kill_gateway(signal.SIGTERM)
        self.rasa.stop()

    def calm(self) -> None:
        """After a script, however it ended: the carrier works, the robot runs."""
        httpx2.post(f"{self.url}/simulator/api/carrier", json={"fault": None})
        self.robot("démarré")

    def robot(self, order: str) -> None:
        if order == "arrêté":
            self.rasa.stop(signal.SIGKILL)
        elif order == "figé":
            os.kill(self.rasa.pid, signal.SIGSTOP)
        elif order == "démarré":
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.rasa.pid, signal.SIGCONT)
            if self.rasa.stopped:
                self.rasa.start()
            self.rasa.wait()

    def cast(self, scripts: Sequence[Script]) -> dict[Path, dict[str, str]]:
        """A fresh number for each person of each script; the known ones are imported, all at once."""
        phones: dict[Path, dict[str, str]] = {}
        newcomers = ["email,name,phone,structure,communes"]
        rows = ["phone,first_name,language,postal_code,commune,referent_email,audience"]
        for script in scripts:
            numbers = phones.setdefault(script.path, {})
            known = self.referents.setdefault(script.path, {"Claire": CLAIRE, "Paul": PAUL})
            number = len(self.referents)
            for name, about in script.people.items():
                name_of = name if about == "référente" else about.rpartition("par ")[2].strip()
                if about == "référente" or ("suivi" in about and name_of not in known):
                    known[name_of] = f"{name_of.lower()}.{number}@example.org"
                    newcomers.append(f"{known[name_of]},{name_of} Martin,,Équipe {number},")
                if about == "référente":
                    continue
                numbers[name] = f"+33639{980000 + self._next_phone}"
                self.phones.add(numbers[name])
                self._next_phone += 1
                if about.startswith("numéro inconnu"):
                    continue
                language = LANGUAGES[about.split(",")[0].strip()]
                referent = known[name_of] if "suivi" in about else ""
                rows.append(f"{numbers[name]},{name},{language},79000,Niort,{referent},all")
        if len(newcomers) > 1:
            self.import_("referents", newcomers)
        if len(rows) > 1:
            self.import_("beneficiaries", rows)
        return phones

    def import_(self, what: str, rows: Sequence[str]) -> None:
        file = self.var / f"{what}.csv"
        file.write_text("\n".join(rows), encoding="utf-8")
        # The command itself, without the two seconds that a new Python takes: scripts call it a hundred times.
        said = io.StringIO()
        with mock.patch.dict(os.environ, {"VAR": str(self.var), **self.environment}), redirect_stdout(said):
            code = import_.run(argparse.Namespace(what=what, file=file))
        assert code == 0, said.getvalue()


@contextlib.contextmanager
def running_system(var: Path, **environment: str) -> Iterator[System]:
    system = System(var, **environment)
    try:
        system.start()
        yield system
    finally:
        system.stop()
