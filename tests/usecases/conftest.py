import pytest
from hypothesis import settings

from tests.usecases.fakes import FakeStore

# The same examples at each run, however slow the machine.
settings.register_profile("steady", deadline=None, derandomize=True, database=None)
settings.load_profile("steady")


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()
