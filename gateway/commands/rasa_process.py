"""Rasa as a child process: started, waited for, and never left behind."""

import ctypes
import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from urllib.request import urlopen

from pydantic import SecretStr

from gateway.commands.train import QUIET, RASA
from gateway.errors import NotReady
from gateway.settings import ROOT, Settings

START = 90  # seconds at most; 4 are usual, a cold disk takes more


REST = ("--connector", "rest")

_SECRETS = {name.upper() for name, about in Settings.model_fields.items() if about.annotation is SecretStr}
NOT_FOR_RASA = {"PYTHONDONTWRITEBYTECODE", "DATABASE_URL", "SMTP_URL"} | _SECRETS


def command(
    model: Path,
    port: int,
    host: str = "127.0.0.1",
    endpoints: str = "endpoints.yml",
    channel: tuple[str, ...] = REST,
) -> list[str]:
    return [
        str(RASA), "-m", "rasa", "run", "--model", str(model), "--enable-api",
        "-i", host, "-p", str(port), "--endpoints", endpoints,
        *channel, "--logging-config-file", "bot/logging.yml",
    ]  # fmt: skip


def environment(actions_url: str, token: str, tracker: tuple[str, str]) -> dict[str, str]:
    """`tracker`: class and address of its memory, unless TRACKER_STORE and TRACKER_URL say otherwise."""
    return {
        **{k: v for k, v in os.environ.items() if k not in NOT_FOR_RASA},
        **QUIET,
        "OMP_NUM_THREADS": "1",  # one line at a time: more threads only fight the gateway's
        "ACTIONS_URL": actions_url,
        "ACTION_TOKEN": token,
        "TRACKER_STORE": os.environ.get("TRACKER_STORE", tracker[0]),
        "TRACKER_URL": os.environ.get("TRACKER_URL", tracker[1]),
    }


def in_file(var: Path) -> tuple[str, str]:
    """The tracker of one machine: a file."""
    return "bot.tracker_store.ForgetfulSQLite", str(var / "rasa.db")


class RasaProcess:
    """`actions_url` and `token`: where Rasa calls our actions. Its memory is a file of `var`."""

    def __init__(
        self, model: Path, port: int, actions_url: str, token: str, var: Path,
        endpoints: str = "endpoints.yml", channel: tuple[str, ...] = REST,
    ) -> None:  # fmt: skip
        self.model, self.port, self.var = model, port, var
        self.endpoints, self.channel = endpoints, channel
        self.log = var / "rasa.log"
        self._environment = environment(actions_url, token, in_file(var))
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
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command(self.model, self.port, endpoints=self.endpoints, channel=self.channel), cwd=ROOT, env=self._environment, stdout=log, stderr=subprocess.STDOUT,
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
            with urlopen(f"{self.url}/status", timeout=2) as answer:  # noqa: S310 # nosec B310 loopback
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
