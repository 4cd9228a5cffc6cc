"""Everything that the OpenAPI describes, with whatever fits it and does not, as a stranger and as a referent (schemathesis)."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx2
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import APIOperation, Case, GenerationMode

from gateway.settings import ROOT
from gateway.web.security import HEADERS
from tests.attacks.walk import DOOR, SIGNED, one_of_each
from tests.web.office import Office, opened
from tests.web.service import FORM, Service

TRIED = settings(
    max_examples=8, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
SAID_SO = {"/health/ready"}  # 503 is what it says when something is missing
# At the end: this one signs her out, that one moves the clock by centuries.
LAST = ["/workspace/sign-out", "/simulator/api/clock"]
SESSION = "session_id"  # ending her own would sign her out too


@pytest.fixture
def changes() -> dict[str, Any]:
    """No limit: a page that says "not so fast" has read nothing."""
    return {"chat_a_minute": 0, "sign_ins_a_minute": 0, "mistakes_a_minute": 0}


@pytest.fixture
async def office(service: Service) -> AsyncIterator[Office]:
    async with opened(service) as office:
        yield office


def names_of_fields() -> list[str]:
    """Whatever our code asks a form for."""
    asked = "".join(path.read_text(encoding="utf-8") for path in Path(ROOT, "gateway", "web").rglob("*.py"))
    return sorted(set(re.findall(r'form(?:\.get\(|\[|, )"([a-z_]+)"', asked)) - {"csrf"})


def with_forms(described: dict[str, Any], csrf: str) -> dict[str, Any]:
    """Forms are read by hand: the description says nothing of their fields."""
    words = {"type": "string", "maxLength": 60}
    fields = dict.fromkeys(names_of_fields(), words)
    form = {
        "type": "object", "properties": {"csrf": {"const": csrf}, **fields}, "required": ["csrf"], "additionalProperties": words,
    }  # fmt: skip
    for methods in described["paths"].values():
        if "post" in methods:
            methods["post"].setdefault("requestBody", {"content": {FORM: {"schema": form}}})
    return described


class Tried:
    """Who asks, and what went wrong."""

    def __init__(self, service: Service, known: Mapping[str, str], cookies: Mapping[str, str]) -> None:
        self.url, self.known = service.url, known
        self.session = requests.Session()
        self.session.cookies.update(dict(cookies))
        self.session.headers["Accept"] = "text/html"
        self.wrong: list[str] = []
        self.statuses: dict[str, set[int]] = {}

    def everything(self, described: dict[str, Any]) -> None:
        operations = [found.ok() for found in schemathesis.openapi.from_dict(described).get_all_operations()]
        for operation in sorted(
            operations, key=lambda one: (one.path in LAST, one.path.startswith("/simulator"))
        ):
            self.one(operation)

    def one(self, operation: APIOperation[Any, Any, Any, Any]) -> None:
        modes = [operation.as_strategy(GenerationMode.POSITIVE)]
        if operation.path_parameters or operation.query or operation.body:
            modes.append(operation.as_strategy(GenerationMode.NEGATIVE))

        @TRIED
        @given(st.one_of(modes), st.booleans())
        def asks(case: Case, hers: bool) -> None:
            if hers:
                case.path_parameters.update(
                    {
                        name: self.known[name]
                        for name in case.path_parameters
                        if name in self.known and name != SESSION
                    }
                )
            self.ask(case)

        asks()

    def ask(self, case: Case) -> None:
        path = case.operation.path
        asked = case.as_transport_kwargs(base_url=self.url)
        # Not read: the page of a conversation waits for its answers for ever.
        answer = self.session.request(**asked, allow_redirects=False, timeout=8, stream=True)
        answer.close()
        self.statuses.setdefault(path, set()).add(answer.status_code)
        if answer.status_code >= 500 and path not in SAID_SO:
            self.wrong.append(f"{answer.status_code} {case.as_curl_command()}")
        if {name: answer.headers.get(name) for name in HEADERS} != HEADERS:
            self.wrong.append(f"not closed: {path}")


async def described_by(service: Service) -> dict[str, Any]:
    found: dict[str, Any] = (await service.http.get("/openapi.json")).json()
    assert len(found["paths"]) > 60
    return found


async def test_it_breaks_on_nothing_that_a_stranger_sends(service: Service) -> None:
    described = with_forms(await described_by(service), "x")
    tried = Tried(service, {}, {})
    await asyncio.to_thread(tried.everything, described)
    assert tried.wrong == []
    for path, statuses in tried.statuses.items():
        if path.startswith("/workspace") and path not in DOOR and "/proconnect" not in path:
            assert statuses <= {303, 403, 404, 405, 422}, (path, statuses)
        assert path not in SIGNED or statuses <= {400, 403, 405}, (path, statuses)
    assert len(tried.statuses) > 60


async def test_it_breaks_on_nothing_that_a_referent_sends(office: Office) -> None:
    """Signed in, her forms carry their token, their fields say anything, on things that are hers."""
    service, known = office.desk.service, await one_of_each(office)
    lead = await office.desk.signed(await office.desk.referent("chef@example.org", "Marc Blanc", leads=True))
    refused = httpx2.codes.FORBIDDEN
    for browser in (office.browser, lead):
        described = with_forms(await described_by(service), await browser.csrf())
        described["paths"] = {
            path: told for path, told in described["paths"].items() if path.startswith("/workspace")
        }
        tried = Tried(service, known, {"workspace": browser.cookie})
        await asyncio.to_thread(tried.everything, described)
        assert tried.wrong == []
        assert [path for path, statuses in tried.statuses.items() if statuses == {refused}] == []
        assert sum(200 in statuses for statuses in tried.statuses.values()) > 15
    assert [line for line in service.log if line["level"] == "error"] == []
