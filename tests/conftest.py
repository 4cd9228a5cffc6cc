"""The cast and the real peers: a running system, PostgreSQL and Valkey from wheels."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import System, running_system


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """One real system for all the conversations."""
    with running_system(tmp_path_factory.mktemp("system")) as running:
        yield running


@pytest.fixture
def var(tmp_path: Path) -> Path:
    return tmp_path
