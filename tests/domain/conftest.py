"""The real content: its keywords and danger words are part of what is tested here."""

import pytest

from gateway.adapters.content_files import ContentFiles
from gateway.settings import ROOT


@pytest.fixture(scope="session")
def content() -> ContentFiles:
    return ContentFiles(ROOT, {"service": "Département des Deux-Sèvres"})
