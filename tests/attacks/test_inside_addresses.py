"""Addresses that a referent may type, or a server send us to, and that lead inside (CalDAV). And what calls us back."""

import asyncio
import socket
from collections.abc import Iterator
from datetime import UTC
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response

from gateway.adapters.guarded_http import GuardedTransport
from gateway.adapters.rdv_service_public import RdvServicePublic
from gateway.adapters.rdv_service_public_events import EventReader
from gateway.errors import CalendarError, CalendarRefused, NotReady, ToolFailed
from gateway.settings import Settings
from tests.adapters.agenda import at, caldav, misbehaving, multistatus, saying
from tests.adapters.servers import free_port, served

NOWHERE = "0.0.0.0"  # noqa: S104 nobody listens there: it leads to this machine
# Each way that we know to write an address of this machine, of our network, or of the cloud around us.
INSIDE = [
    "127.0.0.1", "127.1", "127.255.255.254", NOWHERE, "0", "2130706433", "0x7f000001", "017700000001", "localhost",
    "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "169.254.1.1", "169.254.169.254",
    "168.63.129.16", "100.100.100.200", "192.0.0.192", "198.18.0.1", "203.0.113.1", "240.0.0.1", "255.255.255.255",
    "224.0.0.1", "[::]", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]",
    "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::a00:1]", "[2002:7f00:1::]", "[2002:a9fe:a9fe::1]", "[2001::80ff:fffe]",
    "[fe80::1]", "[fec0::1]", "[fd00::1]", "[fd00:ec2::254]", "[ff02::1]", "[2001:db8::1]",
]  # fmt: skip
# Where a machine asks for the secrets of its own cloud, and where no calendar ever is: not even when told so.
NEVER = [
    "169.254.169.254", "169.254.1.1", "168.63.129.16", "100.100.100.200", "192.0.0.192", NOWHERE, "224.0.0.1",
    "[fe80::1]", "[fec0::1]", "[fd00:ec2::254]", "[::ffff:169.254.169.254]", "[64:ff9b::a9fe:a9fe]", "[::]",
]  # fmt: skip


@pytest.fixture
def no_connection(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Whoever connects, wherever, is noted here, and goes no further."""
    tried: list[Any] = []

    async def connect(self: Any, sock: Any, address: Any) -> None:
        tried.append(address)
        raise OSError("closed by the test")

    monkeypatch.setattr(asyncio.BaseEventLoop, "create_connection", connect)
    monkeypatch.setattr("socket.socket.connect", lambda self, address: tried.append(address))
    yield tried


@pytest.mark.parametrize("host", INSIDE)
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_it_never_goes_inside(host: str, scheme: str, no_connection: list[Any]) -> None:
    for port in ("", ":5005", ":22", ":0"):
        with pytest.raises(CalendarError):
            async with caldav(private=False).opened(at(f"{scheme}://{host}{port}/latest/meta-data/")):
                pass
    assert no_connection == []


@pytest.mark.parametrize("host", NEVER)
async def test_it_never_asks_the_cloud_for_its_secrets(host: str, no_connection: list[Any]) -> None:
    """PRIVATE_CALENDARS opens the internal network, and not that."""
    with pytest.raises(CalendarError):
        async with caldav(private=True).opened(at(f"https://{host}/latest/meta-data/")):
            pass
    assert no_connection == []


SCHEMES = ["file:///etc/passwd", "gopher://127.0.0.1:6379/_FLUSHALL", "ftp://127.0.0.1/", "unix:///run/redis", "data:,x", "//127.0.0.1", "https://", ""]  # fmt: skip


@pytest.mark.parametrize("typed", SCHEMES)
async def test_it_knows_no_other_scheme(typed: str, no_connection: list[Any]) -> None:
    with pytest.raises(CalendarError):
        async with caldav(private=False).opened(at(typed)):
            pass
    assert no_connection == []


DISGUISED = [
    "https://agenda.example.org@127.0.0.1/", "https://127.0.0.1#@agenda.example.org/", "https://127.0.0.1\\@agenda.example.org/",
    "https://127.0.0.1%2f@agenda.example.org/", "https://①②⑦.⓪.⓪.①/", "https://127。0。0。1/", "https://localhost%00.example.org/",
    "https://loc\u00adalhost/", "https://127.0.0.1\t/", "https://\u2025127.0.0.1/",
]  # fmt: skip


@pytest.mark.parametrize("typed", DISGUISED)
async def test_it_is_not_fooled_by_a_disguise(
    typed: str, no_connection: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    names: list[str] = []

    async def answered(host: str, port: int, **_: Any) -> list[Any]:
        names.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", answered)
    with pytest.raises(CalendarError):
        async with caldav(private=False).opened(at(typed)):
            pass
    assert no_connection == []


# names that change their mind, servers that send elsewhere


async def test_it_connects_to_no_other_address_than_the_one_it_checked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The name is asked once; whatever it answers the second time leads nowhere."""
    answers = iter(["93.184.215.14", "127.0.0.1", "127.0.0.1"])
    asked: list[str] = []
    connected: list[str] = []

    async def resolved(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    async def sent(self: Any, request: httpx2.Request) -> httpx2.Response:
        connected.append(request.url.host)
        raise httpx2.ConnectError("closed by the test")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolved)
    monkeypatch.setattr(httpx2.AsyncHTTPTransport, "handle_async_request", sent)
    async with httpx2.AsyncClient(transport=GuardedTransport(), trust_env=False) as client:
        with pytest.raises(httpx2.ConnectError):
            await client.get("https://agenda.example.org/")
        with pytest.raises(CalendarRefused):
            await client.get("https://agenda.example.org/")
    assert connected == ["93.184.215.14"]
    assert asked == ["agenda.example.org"] * 2


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("where", ["http://169.254.169.254/latest/", "//127.0.0.1:6379/", "http://[::1]:5005/", "file:///etc/passwd"])  # fmt: skip
async def test_it_follows_nobody_inside(status: int, where: str) -> None:
    async with misbehaving(saying(RedirectResponse(where, status))) as (url, asked):
        with pytest.raises(CalendarError):
            async with caldav().opened(at(f"{url}/start/")):
                pass
    assert len(asked) <= 2


async def test_it_follows_no_answer_inside() -> None:
    principal = "<current-user-principal><href>http://169.254.169.254/me/</href></current-user-principal>"
    async with misbehaving(saying(multistatus("/", principal))) as (url, _):
        with pytest.raises(CalendarRefused):
            async with caldav().opened(at(f"{url}/start/")):
                pass


async def test_it_believes_no_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy would resolve the name by itself."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    calendar = saying(multistatus("/cal/", "<resourcetype><C:calendar/></resourcetype>"))
    async with misbehaving(calendar) as (url, asked), caldav().opened(at(f"{url}/cal/")):
        assert asked == ["PROPFIND"]


# RDV Service Public


async def test_it_takes_its_password_to_no_other_server() -> None:
    """That tool, or who answers in its place, sends us elsewhere with the agent's password."""
    stolen: list[bytes] = []
    app, thief = FastAPI(), FastAPI()
    port, elsewhere = free_port(), free_port()

    @app.post("/api/v1/auth/sign_in")
    async def sign_in() -> Response:
        return RedirectResponse(f"http://127.0.0.1:{elsewhere}/api/v1/auth/sign_in", 307)

    @thief.post("/api/v1/auth/sign_in")
    async def steal(request: Request) -> Response:
        stolen.append(await request.body())
        return Response("{}", headers={"access-token": "a", "client": "b", "uid": "c"})

    with served(app, port), served(thief, elsewhere):
        reader = EventReader(lambda typed: None, UTC)
        agent = ("agent@example.org", "a-password")
        tool = RdvServicePublic(f"http://127.0.0.1:{port}", "secret", agent, "79", reader)
        with pytest.raises(ToolFailed):
            await tool.invitation_link("42")
        await tool.close()
    assert stolen == []


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/",
        "http://rdv.example.org",
        "http://[::1]/",
        "gopher://127.0.0.1",
        "file:///etc",
    ],
)
@pytest.mark.parametrize("setting", ["RDV_SERVICE_PUBLIC_URL", "PROCONNECT_URL"])
def test_it_starts_with_no_such_tool(url: str, setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(setting, url)
    with pytest.raises(NotReady):
        Settings.read()
