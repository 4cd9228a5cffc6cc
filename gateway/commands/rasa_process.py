"""Rasa as a child process: started, waited for, and never left behind."""

import ctypes
import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from urllib.request import urlopen

from gateway.commands.train import QUIET, RASA
from gateway.errors import NotReady
from gateway.settings import ROOT

START = 90  # seconds at most; 4 are usual, a cold disk takes more


class RasaProcess:
    """`actions_url` and `token`: where Rasa calls our actions. Its memory is a file of `var`."""

    def __init__(
        self, model: Path, port: int, actions_url: str, token: str, var: Path,
        endpoints: str = "endpoints.yml", channel: tuple[str, ...] = ("--connector", "rest"),
    ) -> None:  # fmt: skip
        self.model, self.port, self.var = model, port, var
        self.endpoints, self.channel = endpoints, channel
        self.log = var / "rasa.log"
        self._environment = {
            **{k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"},
            **QUIET,
            "OMP_NUM_THREADS": "1",  # one line at a time: more threads only fight the gateway's
            "ACTIONS_URL": actions_url,
            "ACTION_TOKEN": token,
            "TRACKER_STORE": os.environ.get("TRACKER_STORE", "bot.tracker_store.ForgetfulSQLite"),
            "TRACKER_URL": os.environ.get("TRACKER_URL", str(var / "rasa.db")),
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    @property
    def stopped(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def start(self) -> None:
        self.var.mkdir(parents=True, exist_ok=True)
        command = [
            str(RASA), "-m", "rasa", "run", "--model", str(self.model), "--enable-api",
            "-i", "127.0.0.1", "-p", str(self.port), "--endpoints", self.endpoints,
            *self.channel, "--logging-config-file", "bot/logging.yml",
        ]  # fmt: skip
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=self._environment, stdout=log, stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is ours to pass on, once
                preexec_fn=_die_with_parent,
            )  # fmt: skip

    def wait(self) -> None:
        """Until a model is loaded. Raises NotReady when it dies or takes too long."""
        started = time.monotonic()
        while time.monotonic() - started < START:
            if self.stopped:
                raise NotReady(f"Rasa s'est arrêté au démarrage : le détail est dans {self.log}.")
            if self._answers():
                return
            time.sleep(0.1)
        raise NotReady(f"Rasa ne répond pas après {START} s : le détail est dans {self.log}.")

    def _answers(self) -> bool:
        try:
            with urlopen(f"{self.url}/status", timeout=2) as answer:  # noqa: S310 loopback
                return bool(answer.status == 200)
        except (OSError, ValueError):
            return False

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self._process is None or self.stopped:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(timeout=8)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _die_with_parent() -> None:
    """On Linux, a gateway killed for good takes its Rasa with it."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").prctl(1, signal.SIGTERM)
