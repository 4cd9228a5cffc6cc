"""Addresses that lead where they should not, and calendar servers that misbehave."""

import asyncio
import socket
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response

from gateway.errors import CalendarAway, CalendarError, CalendarRefused
from tests.adapters.agenda import (
    HOUR,
    SINCE,
    UNTIL,
    WEEKLY,
    Answers,
    at,
    caldav,
    hers,
    meeting,
    misbehaving,
    multistatus,
    paris,
    saying,
)
from tests.adapters.servers import free_port, served

# addresses that lead into our own network


INSIDE = [
    "http://127.0.0.1:{port}/", "https://127.0.0.1:{port}/", "https://localhost:{port}/", "https://[::1]:{port}/",
    "https://[::ffff:127.0.0.1]:{port}/", "https://2130706433:{port}/", "https://0.0.0.0:{port}/",
    "https://10.0.0.1/", "https://192.168.1.1/", "https://169.254.169.254/latest/meta-data/",
    "https://[fe80::1]/", "https://[fd00::1]/", "https://224.0.0.1/",
]  # fmt: skip


@pytest.mark.parametrize("url", INSIDE)
async def test_it_never_goes_into_our_own_network(url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        address = url.format(port=listening.getsockname()[1])
        with pytest.raises(CalendarRefused):
            async with caldav(private=False).opened(at(address)):
                pass
        with pytest.raises(BlockingIOError):
            listening.accept()


async def test_it_asks_for_https_elsewhere_than_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    _resolving(monkeypatch, "93.184.215.14")
    for private in (True, False):
        with pytest.raises(CalendarRefused):
            async with caldav(private=private).opened(at("http://agenda.example.org/")):
                pass


async def test_it_refuses_a_name_of_which_one_address_is_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    _resolving(monkeypatch, "93.184.215.14", "127.0.0.1")
    with pytest.raises(CalendarRefused):
        async with caldav(private=False).opened(at("https://agenda.example.org/")):
            pass


async def test_it_goes_to_the_very_address_that_it_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that answers differently the second time leads nowhere else."""
    seen: list[str] = []
    app = FastAPI()

    @app.api_route("/{path:path}", methods=["PROPFIND"])
    async def found(request: Request, path: str) -> Response:
        seen.append(request.headers["host"])
        return multistatus("/cal/", "<resourcetype><C:calendar/></resourcetype>")

    port = free_port()
    with served(app, port):
        _resolving(monkeypatch, "127.0.0.1")
        async with caldav().opened(at(f"http://agenda.example.org:{port}/cal/")):
            pass
    assert seen == [f"agenda.example.org:{port}"]


@pytest.mark.parametrize(
    ("name", "error"), [("agenda.example.org", None), ("other.example.org", CalendarAway)]
)
async def test_it_asks_the_name_and_not_the_address_for_its_certificate(
    name: str, error: type[CalendarError] | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certified = _certified(name, tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = bytes(multistatus("/cal/", "<resourcetype><C:calendar/></resourcetype>").body)
        writer.write(
            b"HTTP/1.1 207 M\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body)
        )
        writer.close()

    serving = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=certified)
    async with serving:
        port = serving.sockets[0].getsockname()[1]
        _resolving(monkeypatch, "127.0.0.1")
        account = at(f"https://agenda.example.org:{port}/cal/")
        if error is None:
            async with caldav().opened(account):
                return
        with pytest.raises(error):
            async with caldav().opened(account):
                pass


def _certified(name: str, folder: Path) -> ssl.SSLContext:
    """A server of this name, and `folder`/certificate.pem that vouches for it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(pem))
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return context


def _resolving(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    async def answered(host: str, port: int, **_: Any) -> list[Any]:
        if host[0].isdigit():
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port)) for a in addresses]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", answered)


# servers that misbehave

BOMB = (
    '<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>'
    '<multistatus xmlns="DAV:"><response><href>&c;</href></response></multistatus>'
)
NOT_A_CALENDAR = "<getetag>1</getetag><C:calendar-data>BEGIN:NOTHING OF THE KIND</C:calendar-data>"

GARBAGE = {
    "500": Response("", 500),
    "503": Response("", 503),
    "429": Response("", 429),
    "a-page": Response("<html><body>Maintenance<br></body></html>", 200, media_type="text/html"),
    "bytes": Response(bytes(range(256)), 207),
    "nothing": Response(b"", 207),
    "another-xml": Response("<rss/>", 207),
    "entities": Response(BOMB, 207),
    "no-calendar": multistatus("/cal/a.ics", NOT_A_CALENDAR),
    "too-large": Response(b"<a>" + b" " * 5_000_001, 207),
    "compressed": Response(b"\x1f\x8b", 207, headers={"Content-Encoding": "gzip"}),
}


@pytest.mark.parametrize("response", GARBAGE.values(), ids=list(GARBAGE))
async def test_it_says_that_the_server_is_away_when_it_answers_nonsense(response: Response) -> None:
    async with misbehaving(saying(response)) as (url, _):
        with pytest.raises(CalendarAway) as away:
            async with caldav().opened(at(f"{url}/cal/")) as opened:
                await opened.busy(SINCE, UNTIL)
    assert "127.0.0.1" not in str(away.value)


@pytest.mark.parametrize("name", ["500", "bytes", "a-page", "entities"])
async def test_it_says_so_already_when_it_looks_for_the_calendar(name: str) -> None:
    async with misbehaving(saying(GARBAGE[name])) as (url, _):
        with pytest.raises(CalendarAway):
            async with caldav().opened(at(f"{url}/other/")):
                pass


@pytest.mark.parametrize(
    ("status", "error"), [(500, CalendarAway), (507, CalendarAway), (403, CalendarRefused)]
)
async def test_it_says_why_it_could_not_write(status: int, error: type[CalendarError]) -> None:
    async with (
        misbehaving(saying(Response("", status))) as (url, _),
        caldav().opened(at(f"{url}/cal/")) as opened,
    ):
        with pytest.raises(error):
            await opened.write(meeting(), "")
        with pytest.raises(error):
            await opened.remove(meeting().uid, '"1"')


async def test_it_gives_up_for_now_when_others_keep_changing_the_event() -> None:
    async def answers(request: Request) -> Response:
        if request.method == "REPORT":
            return multistatus("/cal/a.ics", '<getetag>"2"</getetag>')
        return Response("", 412)

    async with misbehaving(answers) as (url, asked), caldav().opened(at(f"{url}/cal/")) as opened:
        with pytest.raises(CalendarAway):
            await opened.write(meeting(), '"1"')
        assert asked == ["PROPFIND", "PUT", "REPORT", "PUT"]
        with pytest.raises(CalendarAway):
            await opened.remove(meeting().uid, '"1"')


async def test_it_does_not_wait_for_ever() -> None:
    async def answers(_request: Request) -> Response:
        await asyncio.sleep(1)
        return Response("", 207)

    async with misbehaving(answers) as (url, _), caldav(patience=0.2).opened(at(f"{url}/cal/")) as opened:
        with pytest.raises(CalendarAway):
            await opened.busy(SINCE, UNTIL)


async def test_it_says_that_nobody_answers() -> None:
    with pytest.raises(CalendarAway):
        async with caldav().opened(at(f"http://127.0.0.1:{free_port()}/")):
            pass


ELSEWHERE = {
    "a-redirect": RedirectResponse("http://localhost:9/", 307),
    "another-port": RedirectResponse("http://127.0.0.1:9/", 301),
    "a-principal": multistatus(
        "/", "<current-user-principal><href>http://127.0.0.1:9/me/</href></current-user-principal>"
    ),
    "a-home": multistatus("/", "<C:calendar-home-set><href>//evil.example.org/</href></C:calendar-home-set>"),
}


@pytest.mark.parametrize("response", ELSEWHERE.values(), ids=list(ELSEWHERE))
async def test_it_takes_her_password_to_no_other_server(response: Response) -> None:
    async with misbehaving(saying(response)) as (url, _):
        with pytest.raises(CalendarRefused):
            async with caldav().opened(at(f"{url}/start/")):
                pass


async def test_it_follows_a_redirect_on_the_same_server_and_not_for_ever() -> None:
    async def answers(request: Request) -> Response:
        return RedirectResponse("/cal/" if request.url.path == "/start/" else "/circle/", 308)

    async with misbehaving(answers) as (url, _):
        async with caldav().opened(at(f"{url}/start/")):
            pass
        with pytest.raises(CalendarRefused):
            async with caldav().opened(at(f"{url}/circle/")):
                pass


# servers that know only one way to tell when she is busy

RAW = hers(*WEEKLY)
FREE_BUSY = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VFREEBUSY\r\nUID:f\r\nDTSTAMP:20270301T000000Z\r\n"
    "FREEBUSY:20270323T090000Z/PT1H,20270330T080000Z/20270330T090000Z\r\n"
    "FREEBUSY;FBTYPE=FREE:20270324T090000Z/20270324T100000Z\r\n"
    "FREEBUSY;FBTYPE=BUSY-TENTATIVE:20270325T090000Z/20270325T100000Z\r\n"
    "END:VFREEBUSY\r\nEND:VCALENDAR\r\n"
)


def telling(events: Sequence[str], free_busy: Response) -> Answers:
    async def answers(request: Request) -> Response:
        if b"free-busy" in await request.body():
            return free_busy
        properties = "".join(f"<C:calendar-data>{event}</C:calendar-data>" for event in events)
        return multistatus("/cal/a.ics", properties)

    return answers


async def test_it_believes_the_free_and_busy_times_of_a_server_that_does_not_expand() -> None:
    told = Response(FREE_BUSY, 200, media_type="text/calendar")
    async with (
        misbehaving(telling([RAW], told)) as (url, _),
        caldav().opened(at(f"{url}/cal/")) as opened,
    ):
        assert await opened.busy(SINCE, UNTIL) == paris(
            "03-23 10:00/11:00", "03-25 10:00/11:00", "03-30 10:00/11:00"
        )


async def test_it_does_without_them_when_everything_was_expanded() -> None:
    async with (
        misbehaving(telling([hers(*HOUR)], Response("", 501))) as (url, _),
        caldav().opened(at(f"{url}/cal/")) as opened,
    ):
        assert await opened.busy(SINCE, UNTIL) == paris("03-25 10:00/11:00")


async def test_it_says_so_when_neither_tells_her_recurring_events() -> None:
    async with (
        misbehaving(telling([RAW], Response("", 501))) as (url, _),
        caldav().opened(at(f"{url}/cal/")) as opened,
    ):
        with pytest.raises(CalendarRefused):
            await opened.busy(SINCE, UNTIL)


async def test_it_leaves_out_an_event_that_has_no_readable_beginning() -> None:
    odd = hers("DTSTART:tomorrow", uid="odd")
    async with (
        misbehaving(telling([odd], Response("", 501))) as (url, _),
        caldav().opened(at(f"{url}/cal/")) as opened,
    ):
        assert await opened.busy(SINCE, UNTIL) == []
