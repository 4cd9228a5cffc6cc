"""A system of these tests' own: they kill it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import free_port, running_system
from tests.system.machine import Machine


@pytest.fixture(scope="package")
def _own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    # A carrier that does not answer keeps the gateway waiting until it is killed.
    with running_system(tmp_path_factory.mktemp("killed"), TWILIO_TIMEOUT="60") as system:
        yield Machine(system)


@pytest.fixture
def machine(_own: Machine) -> Iterator[Machine]:
    yield _own
    if _own.system.process is None or _own.system.process.poll() is not None:
        _own.start()  # a test that failed half-way
    _own.system.calm()


@pytest.fixture
def var(tmp_path: Path) -> Path:
    return tmp_path / "var"


@pytest.fixture
def no_rasa() -> str:
    """An address where nobody answers: the demonstration then starts no Rasa."""
    return f"http://127.0.0.1:{free_port()}"
