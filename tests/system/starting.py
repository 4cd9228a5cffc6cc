"""Starting `./run` as a person does, and finding whatever it leaves behind."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from gateway.settings import ROOT
from tests.running import free_port
from tests.system.machine import processes, until

RASA = 5005  # where the demonstration starts its own Rasa

# What the demonstration reads; the machine's own settings must not reach a test.
OURS = re.compile(
    r"^(DATABASE_URL|REDIS_URL|RASA_URL|PUBLIC_URL|TWILIO_.*|SECRET_KEYS|ACTION_TOKEN|SMTP_URL|PORT|VAR)$"
)


@dataclass
class Started:
    """`./run` without its installation: the same command, in a session of its own like a terminal's."""

    var: Path
    root: Path = ROOT
    environment: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        self.out = self.var.parent / f"{self.var.name}.out"
        self.mark = f"VAR={self.var}"
        kept = {k: v for k, v in os.environ.items() if not OURS.match(k)}
        self.environment = {
            **kept, "PYTHONPATH": str(self.root), "VAR": str(self.var), "PORT": str(self.port), **self.environment,
        }  # fmt: skip

    def run(self, *arguments: str) -> "subprocess.Popen[bytes]":
        with self.out.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gateway.commands", *arguments], cwd=self.root, env=self.environment,
                stdout=out, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        return self.process

    @property
    def said(self) -> str:
        return self.out.read_text(errors="replace") if self.out.exists() else ""

    def ready(self) -> None:
        def up() -> bool:
            assert self.process.poll() is None, self.said
            return "est prêt" in self.said

        until(up, f"the start: {self.said}")

    def ended(self) -> int:
        """Its exit code, once it has ended."""
        until(lambda: self.process.poll() is not None, f"the end: {self.said}")
        return int(self.process.returncode)

    @property
    def alive(self) -> dict[int, str]:
        return processes(self.mark)


@contextmanager
def started(run: Started, *arguments: str) -> Iterator[Started]:
    """Whatever the test does, nothing stays."""
    run.run(*arguments)
    try:
        yield run
    finally:
        for pid in run.alive:
            os.kill(pid, 9)
        run.process.wait()


def one_sentence(said: str) -> str:
    """The single line that was said. Fails on a traceback, on silence, on two lines."""
    assert "Traceback" not in said, said
    lines = [line for line in said.splitlines() if line.strip() and line != "Tout est arrêté."]
    assert len(lines) == 1, said
    assert re.search(r"[.!?]$", lines[0]), said
    return lines[0]
