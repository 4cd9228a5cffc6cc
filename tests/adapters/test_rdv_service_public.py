"""RDV Service Public's API, against a stand-in with the shapes of its public code; and what its times look like."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters import rdv_service_public
from gateway.adapters.phone import e164
from gateway.adapters.rdv_service_public import RdvServicePublic
from gateway.adapters.rdv_service_public_events import EventReader, Unusable
from gateway.errors import NotReady, ToolAway, ToolFailed, ToolRefused
from gateway.settings import Settings
from tests.adapters.servers import free_port, served
from tests.rdv_service_public import rdv, said, user
from tests.usecases.fakes import NOW

AGENT = ("martine@example.org", "a-password")
READER = EventReader(e164, ZoneInfo("Europe/Paris"))
REFUSED = {"errors": ["Vous devez vous connecter ou vous inscrire pour continuer."]}


@dataclass
class StandIn:
    """Gives one token at a time, as that tool does; `failing` says what else to answer, by path."""

    url: str
    signed_in: int = 0
    asked: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)
    failing: dict[str, Response] = field(default_factory=dict)
    slow: float = 0.0

    @property
    def token(self) -> dict[str, str]:
        return {"access-token": f"token-{self.signed_in}", "client": "client", "uid": AGENT[0]}

    def answer(self, path: str, headers: dict[str, str], body: Any) -> Response:
        if path in self.failing:
            return self.failing[path]
        if path == "/api/v1/auth/sign_in":
            if (body["email"], body["password"]) != AGENT:
                return JSONResponse({"success": False, "errors": ["Mot de passe incorrect"]}, 401)
            self.signed_in += 1
            return JSONResponse({"data": {"id": 1}}, headers=self.token)
        if any(headers.get(name) != value for name, value in self.token.items()):
            return JSONResponse(REFUSED, 401)
        if path == "/api/v1/users/10/rdv_invitation_token":
            return JSONResponse({"invitation_token": "VS5JNYJB"})
        return JSONResponse({"not_found": "user"}, 404)


def _app(stand_in: StandIn) -> FastAPI:
    app = FastAPI()

    @app.post("/{path:path}")
    async def any_path(path: str, request: Request) -> Response:
        asked = (f"/{path}", dict(request.headers), await request.json())
        stand_in.asked.append(asked)
        await asyncio.sleep(stand_in.slow)
        return stand_in.answer(*asked)

    return app


@pytest.fixture(scope="module")
def _standing() -> Iterator[StandIn]:
    port = free_port()
    stand_in = StandIn(f"http://127.0.0.1:{port}")
    with served(_app(stand_in), port):
        yield stand_in


@pytest.fixture
def stand_in(_standing: StandIn) -> StandIn:
    _standing.__init__(_standing.url)  # type: ignore[misc]
    return _standing


@pytest.fixture
async def tool(stand_in: StandIn) -> AsyncIterator[RdvServicePublic]:
    tool = RdvServicePublic(stand_in.url, "", AGENT, "79", READER)
    yield tool
    await tool.close()


async def test_it_gives_the_page_where_she_books(tool: RdvServicePublic, stand_in: StandIn) -> None:
    link = urlsplit(await tool.invitation_link("10"))
    assert f"{link.scheme}://{link.netloc}" == stand_in.url
    assert (link.path, parse_qs(link.query)) == (
        "/prendre_rdv", {"departement": ["79"], "invitation_token": ["VS5JNYJB"]},
    )  # fmt: skip


async def test_it_signs_in_once(tool: RdvServicePublic, stand_in: StandIn) -> None:
    await asyncio.gather(*(tool.invitation_link("10") for _ in range(5)))
    assert stand_in.signed_in == 1


async def test_it_signs_in_again_when_another_took_its_token(
    tool: RdvServicePublic, stand_in: StandIn
) -> None:
    await tool.invitation_link("10")
    stand_in.signed_in += 1  # that agent, in a browser: there is one token at a time
    assert await tool.invitation_link("10")
    assert stand_in.signed_in == 3


@pytest.mark.parametrize("number", ["", "abc", "10/../11", "-1", "1 0"])
async def test_it_asks_for_nobody_without_a_number(
    number: str, tool: RdvServicePublic, stand_in: StandIn
) -> None:
    with pytest.raises(ToolRefused):
        await tool.invitation_link(number)
    assert stand_in.asked == []


SIGN_IN, TOKEN = "/api/v1/auth/sign_in", "/api/v1/users/10/rdv_invitation_token"


@pytest.mark.parametrize(
    ("path", "answer", "failure"),
    [
        (SIGN_IN, JSONResponse({}, 401), ToolRefused),
        (SIGN_IN, JSONResponse({}), ToolRefused),
        (SIGN_IN, JSONResponse({}, 429), ToolAway),
        (SIGN_IN, RedirectResponse("http://127.0.0.1:9/"), ToolRefused),
        (TOKEN, JSONResponse(REFUSED, 401), ToolRefused),
        (TOKEN, JSONResponse({"errors": [{"base": "forbidden"}]}, 403), ToolRefused),
        (TOKEN, JSONResponse({"not_found": "user"}, 404), ToolRefused),
        (TOKEN, JSONResponse({}, 500), ToolAway),
        (TOKEN, Response("<html>maintenance</html>"), ToolAway),
        (TOKEN, JSONResponse([]), ToolAway),
        (TOKEN, JSONResponse({"invitation_token": None}), ToolAway),
        (TOKEN, JSONResponse({"invitation_token": "a&b=c d"}), ToolAway),
    ],
)
async def test_it_says_whether_to_ask_again(
    path: str, answer: Response, failure: type[ToolFailed], tool: RdvServicePublic, stand_in: StandIn
) -> None:
    stand_in.failing[path] = answer
    with pytest.raises(failure) as raised:
        await tool.invitation_link("10")
    assert AGENT[1] not in str(raised.value)
    del stand_in.failing[path]
    assert await tool.invitation_link("10")  # and it works as soon as that tool does


async def test_it_waits_for_a_while_only(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    assert rdv_service_public.TIMEOUT == 10.0
    monkeypatch.setattr(rdv_service_public, "TIMEOUT", 0.1)
    tool, stand_in.slow = RdvServicePublic(stand_in.url, "", AGENT, "79", READER), 1.0
    begun = time.monotonic()
    with pytest.raises(ToolAway):
        await tool.invitation_link("10")
    assert time.monotonic() - begun < 0.9
    await tool.close()


async def test_it_says_that_nobody_listens() -> None:
    tool = RdvServicePublic(f"http://127.0.0.1:{free_port()}", "", AGENT, "79", READER)
    with pytest.raises(ToolAway):
        await tool.invitation_link("10")
    await tool.close()


@pytest.mark.parametrize(("url", "agent"), [("", AGENT), ("https://rdv.example.org", ("", ""))])
async def test_it_asks_nothing_when_it_is_not_configured(url: str, agent: tuple[str, str]) -> None:
    tool = RdvServicePublic(url, "", agent, "79", READER)
    with pytest.raises(ToolRefused, match="not configured"):
        await tool.invitation_link("10")
    await tool.close()


@pytest.mark.parametrize("setting", ["RDV_SERVICE_PUBLIC_URL", "PROCONNECT_URL"])
@pytest.mark.parametrize("url", ["http://rdv.example.org", "rdv.example.org", "ftp://rdv.example.org"])
def test_it_speaks_to_no_address_in_clear(url: str, setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(setting, url)
    with pytest.raises(NotReady, match=setting):
        Settings.read()


def test_it_takes_an_address_with_its_slash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RDV_SERVICE_PUBLIC_URL", "https://rdv.example.org/")
    assert Settings.read().rdv_service_public_url == "https://rdv.example.org"


# what its webhooks say


@pytest.mark.parametrize(
    "written",
    [
        "2026-12-01 10:00:00 +0100", "2026-12-01 09:00:00 UTC", "2026-12-01T10:00:00+01:00",
        "2026-12-01T10:00:00.000+01:00", "2026-12-01T09:00:00Z", "2026-12-01 10:00:00", "2026-12-01 10:00",
    ],
)  # fmt: skip
def test_it_reads_the_times_that_it_writes(written: str) -> None:
    meeting: Any = READER.read(said("Rdv", rdv(starts_at=written, ends_at=None)), NOW).what
    assert meeting.starts_at == datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
    assert meeting.ends_at - meeting.starts_at == timedelta(minutes=45)


@pytest.mark.parametrize(
    "odd",
    [
        {"starts_at": None}, {"starts_at": "demain"}, {"starts_at": "0001-01-01T00:00:00+14:00"},
        {"ends_at": "2026-12-01 09:00:00 +0100"}, {"ends_at": "2026-12-09 09:00:00 +0100"},
        {"ends_at": None, "duration_in_min": -5}, {"id": None}, {"id": "8 or 1"}, {"status": "exploded"},
    ],
)  # fmt: skip
def test_it_makes_nothing_of_what_it_cannot_read(odd: dict[str, Any]) -> None:
    payload = rdv(user(10, "0639980001"), **odd)
    for one in payload["participations"]:
        one["status"] = odd.get("status", one["status"])
    with pytest.raises(Unusable):
        READER.read(said("Rdv", payload), NOW)


def test_it_takes_an_event_without_a_date_for_one_of_now() -> None:
    payload = said("User", user(10, None))
    payload["meta"]["timestamp"] = None
    assert READER.read(payload, NOW).at == NOW


def test_it_keeps_no_control_character() -> None:
    person: Any = READER.read(said("User", user(10, "0639980001", "Am\0ina\ud800\n")), NOW).what
    assert person.first_name == "Amina"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=8), inside, max_size=3),
    max_leaves=6,
)


@given(
    st.sampled_from(["Rdv", "User", "Agent", "AgentRole", "ReferentAssignation"]),
    st.sampled_from(sorted(rdv())), JSON,
)  # fmt: skip
def test_it_raises_nothing_but_that_whatever_a_field_holds(model: str, name: str, value: Any) -> None:
    data = rdv(user(10, "0639980001")) | {"user": user(10, "0639980001"), "agent": {"id": 41}, name: value}
    for one in (data, data | {"participations": [data], "agents": [{"id": value}]}):
        with contextlib.suppress(Unusable):
            READER.read(said(model, one), NOW)
