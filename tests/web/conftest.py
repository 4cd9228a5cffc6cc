"""The service in this very process: real HTTP, real signatures, a stand-in for Rasa.

`service` is a new one with an empty database. `standing` is one for all: for tests that store
nothing, or look at nothing but their own.
"""

import io
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway import app, logs
from gateway.adapters.content_files import ContentFiles
from gateway.adapters.langid import LanguageByWords
from tests.web.service import Service, started


@pytest.fixture(scope="package")
def written() -> Iterator[io.StringIO]:
    """What all the services write in their log, set up as in the demonstration."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    logs.set_up(stream=stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(scope="package")
def read_once() -> Iterator[None]:
    """The words and the model of languages are only read: four seconds, once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app, "ContentFiles", _remembering(ContentFiles))
        patch.setattr(app, "LanguageByWords", _remembering(LanguageByWords))
        yield


def _remembering(made: Callable[..., Any]) -> Callable[..., Any]:
    known: dict[str, Any] = {}

    def remembered(*asked: Any) -> Any:
        if repr(asked) not in known:
            known[repr(asked)] = made(*asked)
        return known[repr(asked)]

    return remembered


@pytest.fixture
def changes() -> dict[str, Any]:
    """Settings that differ from the usual: `@pytest.mark.parametrize("changes", [{…}])`."""
    return {}


@pytest.fixture
async def service(
    tmp_path: Path, changes: dict[str, Any], written: io.StringIO, read_once: None
) -> AsyncIterator[Service]:
    async with started(tmp_path, written, changes) as running:
        yield running


@pytest.fixture(scope="package")
async def _standing(
    tmp_path_factory: pytest.TempPathFactory, written: io.StringIO, read_once: None
) -> AsyncIterator[Service]:
    async with started(tmp_path_factory.mktemp("standing"), written, {}) as running:
        yield running


@pytest.fixture
def standing(_standing: Service) -> Service:
    _standing.log_begins()
    _standing.http.cookies.clear()
    return _standing
