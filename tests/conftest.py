"""The cast and the real peers: a running system, PostgreSQL and Valkey from wheels."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from tests.running import System, running_system


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def loggers_are_not_kept() -> Iterator[None]:
    """A command sets the log up for the life of its process; here, the next test must see what is logged."""
    configure = structlog.configure
    with pytest.MonkeyPatch.context() as patched:

        def forgets(**options: Any) -> None:
            configure(**{**options, "cache_logger_on_first_use": False})

        patched.setattr(structlog, "configure", forgets)
        yield


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """One real system for all the conversations."""
    with running_system(tmp_path_factory.mktemp("system")) as running:
        yield running


@pytest.fixture
def var(tmp_path: Path) -> Path:
    return tmp_path
