"""A real PostgreSQL for the commands that need one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.adapters import conftest as databases

postgresql = databases.postgresql


@pytest.fixture
def bare_postgresql(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without a table."""
    yield from databases._postgresql_url(request, tmp_path, False)
