"""Every page there is, as strangers, people and referents see it: nothing from elsewhere, nothing written inline."""

import re
from collections.abc import AsyncIterator

import httpx2
import pytest

from gateway.web.security import HEADERS, OVER_TLS, headers_for
from tests.attacks.walk import addresses, named, one_of_each
from tests.web.office import Office, opened
from tests.web.page import Page
from tests.web.service import Service

OWN = "http://www.w3.org/2000/svg"  # a name, never fetched
HERE = re.compile(r"(/(?!/)|#|\?|tel:|data:image/svg|$)")
HTTPS = {"public_url": "https://coup-de-pouce.example.org"}
STREAM = "/chat/events"


@pytest.fixture
async def office(service: Service) -> AsyncIterator[Office]:
    async with opened(service) as office:
        yield office


def assert_closed(path: str, answer: httpx2.Response) -> None:
    assert {name: answer.headers.get_list(name) for name in HEADERS} == {
        k: [v] for k, v in HEADERS.items()
    }, path
    if "html" not in answer.headers.get("content-type", ""):
        return
    page = Page.read(answer.text)
    assert [a for a in page.addresses if not HERE.match(a)] == [], path
    assert page.inline == [], path
    assert not {"iframe", "object", "embed", "base"} & set(page.tags), path
    loaded = re.findall(r"""(?:src|href|action|srcset)=["']?((?:https?:)?//[^"'\s>]+)""", answer.text)
    assert [one for one in loaded if OWN not in one] == [], path


async def test_it_asks_nothing_of_anybody_else_on_any_page(office: Office) -> None:
    service, known = office.desk.service, await one_of_each(office)
    lead = await office.desk.signed(await office.desk.referent("chef@example.org", "Marc Blanc", leads=True))
    stranger = office.desk.browser()
    seen = 0
    for path in addresses(service, "GET"):
        if path == STREAM:
            continue
        for browser in (office.browser.http, lead.http, stranger):
            answer = await browser.get(named(path, known))
            assert answer.status_code < 500, path
            assert_closed(path, answer)
            seen += "html" in answer.headers.get("content-type", "")
    assert seen > 60


async def test_it_closes_the_pages_that_refuse_too(office: Office) -> None:
    service = office.desk.service
    for path in addresses(service, "POST"):
        answer = await office.browser.http.post(named(path, {}), data={"a": "b"})
        assert answer.status_code in (303, 403, 404, 410) or path == "/workspace/sign-in", path
        assert_closed(path, answer)
    assert_closed("nowhere", await office.browser.http.get("/workspace/nowhere"))


# https


@pytest.mark.parametrize("changes", [pytest.param(HTTPS, id="https")])
async def test_it_asks_for_https_alone_for_a_year(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RuntimeError

    for path in ("/", "/chat", "/workspace/sign-in", "/nowhere", "/static/chat.js", "/health/live"):
        answer = await service.http.get(path)
        assert answer.headers["strict-transport-security"] == OVER_TLS["strict-transport-security"], path
    monkeypatch.setattr(service.wiring.clock, "now", broken)
    failed = await service.http.get("/workspace/sign-in/a-link")
    assert failed.status_code == 503
    assert failed.headers["strict-transport-security"] == OVER_TLS["strict-transport-security"]


async def test_it_asks_for_https_nowhere_else(standing: Service) -> None:
    """A demonstration served by http must not forbid itself to this browser."""
    assert "strict-transport-security" not in (await standing.http.get("/")).headers
    assert headers_for("http://127.0.0.1:8000") == HEADERS


# cookies


async def cookies_of(service: Service) -> dict[str, set[str]]:
    """Name → its flags, of all the cookies that it gives."""
    secure = service.public.startswith("https")
    kept: dict[str, str] = {}

    async def send(method: str, path: str, **data: str) -> httpx2.Response:
        headers = {"Cookie": "; ".join(f"{k}={v}" for k, v in kept.items())}
        service.http.cookies.clear()
        answer = await service.http.request(method, path, data=data or None, headers=headers)
        for line in answer.headers.get_list("set-cookie"):
            given.append(line)
            name, _, value = line.split(";")[0].partition("=")
            kept[name] = value
        return answer

    given: list[str] = []
    page = await send("GET", "/chat")
    await send("POST", "/chat/language", csrf=Page.read(page.text).csrf, language="ar")
    async with opened(service):
        await send("POST", "/workspace/sign-in", email="claire.moreau@example.org")
        await service.settled()
        (link,) = re.findall(r"/workspace/sign-in/[\w-]+", str(service.mails[-1]["text"]))
        await send("POST", link)
        inside = await send("GET", "/workspace/people")
        assert inside.status_code == 200
        await send("POST", "/workspace/sign-out", csrf=Page.read(inside.text).csrf)
    assert all(("__Host-" in line) is secure for line in given)
    return {
        line.split("=")[0].removeprefix("__Host-"): {flag.strip().lower() for flag in line.split(";")[1:]}
        for line in given
    }


@pytest.mark.parametrize(
    ("changes", "secure"), [pytest.param({}, False, id="http"), pytest.param(HTTPS, True, id="https")]
)
async def test_it_keeps_every_cookie_from_scripts_and_other_sites(service: Service, secure: bool) -> None:
    given = await cookies_of(service)
    assert set(given) == {"conversation", "langue", "workspace"}
    for name, flags in given.items():
        assert {"httponly", "samesite=lax"} <= flags, name
        assert ("secure" in flags) is secure, name
        assert not any(flag.startswith("domain") for flag in flags), name
        assert not secure or "path=/" in flags, name  # else a browser would refuse `__Host-`


async def test_it_leaves_no_conversation_in_a_shared_browser(standing: Service) -> None:
    assert (await standing.http.get("/chat")).headers["cache-control"] == "no-store"
