"""The real content: its keywords and danger words are part of what is tested here."""

import pytest
from hypothesis import settings

from gateway.adapters.content_files import ContentFiles
from gateway.settings import ROOT

# The same examples at each run, however slow the machine.
settings.register_profile("steady", deadline=None, derandomize=True, database=None)
settings.load_profile("steady")


@pytest.fixture(scope="session")
def content() -> ContentFiles:
    return ContentFiles(ROOT, {"service": "Département des Deux-Sèvres"})
