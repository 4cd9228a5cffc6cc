"""The page's events: each message once, from where the browser had stopped."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest

from tests.web.page import Page
from tests.web.service import PATIENCE, Service


class Events:
    """An EventSource: `next()` is the next message as (id, its page's fragment)."""

    def __init__(self, answer: httpx2.Response) -> None:
        self.answer, self._lines = answer, answer.aiter_lines()

    async def next(self) -> tuple[int, Page]:
        fields: dict[str, str] = {}
        async with asyncio.timeout(PATIENCE):
            async for line in self._lines:
                if line == "" and "data" in fields:
                    data = json.loads(fields["data"])
                    assert int(fields["id"]) == data["id"]
                    return data["id"], Page.read(data["html"])
                name, _, value = line.partition(": ")
                if name:
                    fields[name] = value
        raise AssertionError("the events ended")


@asynccontextmanager
async def events(
    browser: httpx2.AsyncClient, path: str = "/chat/events", **headers: str
) -> AsyncIterator[Events]:
    async with browser.stream("GET", path, headers=headers) as answer:
        assert answer.status_code == 200
        yield Events(answer)


async def sends(browser: httpx2.AsyncClient, body: str) -> httpx2.Response:
    page = Page.read((await browser.get("/chat")).text)
    return await browser.post(
        "/chat/messages", data={"csrf": page.csrf, "body": body}, headers={"X-Requested-With": "fetch"}
    )


async def test_it_answers_a_script_at_once_and_tells_the_rest_by_events(service: Service) -> None:
    await service.http.get("/chat")
    service.assistant.open.clear()
    async with events(service.http) as told:
        assert told.answer.headers["content-type"].startswith("text/event-stream")
        assert told.answer.headers["cache-control"] == "no-store"
        answer = await sends(service.http, "combien je vais toucher")
        assert answer.status_code == 202
        assert answer.json() == {"received": True}
        first, mine = await told.next()
        assert mine.said("me") == ["combien je vais toucher"]
        service.assistant.open.set()
        second, answered = await told.next()
        assert len(answered.said()) == 1
        assert second > first
        assert answered.messages[0].id == second


async def test_it_gives_the_menu_as_buttons_that_work(service: Service) -> None:
    await service.http.get("/chat")
    async with events(service.http) as told:
        await sends(service.http, "MENU")
        await told.next()
        _, answered = await told.next()
        assert answered.buttons[0].value == "1"
        assert answered.csrf == Page.read((await service.http.get("/chat")).text).csrf


async def test_it_goes_on_where_the_browser_stopped(service: Service) -> None:
    for text in ("MENU", "AIDE", "MENU"):
        await sends(service.http, text)
        await service.settled()
    everything: list[int] = []
    async with events(service.http) as told:
        for _ in range(6):
            everything.append((await told.next())[0])
    assert everything == sorted(set(everything))
    for path, headers in (
        ("/chat/events", {"Last-Event-ID": str(everything[3])}),
        (f"/chat/events?after={everything[3]}", {}),
        ("/chat/events?after=0", {"Last-Event-ID": str(everything[3])}),  # what it saw last wins
    ):
        async with events(service.http, path, **headers) as told:
            assert [(await told.next())[0], (await told.next())[0]] == everything[4:]


async def test_it_tells_nothing_twice_to_a_browser_that_comes_back(service: Service) -> None:
    await sends(service.http, "MENU")
    await service.settled()
    async with events(service.http) as told:
        last = [(await told.next())[0] for _ in range(2)][-1]
    async with events(service.http, **{"Last-Event-ID": str(last)}) as told:
        await sends(service.http, "AIDE")
        _, page = await told.next()
        assert page.said("me") == ["AIDE"]


async def stays_open(service: Service, answer: httpx2.Response) -> None:
    """Beyond any message there is nothing to tell yet: the line neither ends nor breaks."""
    lines = answer.aiter_raw()
    assert await anext(lines)
    await sends(service.http, "AIDE")


ODD_IDS = ["", "abc", "-1", "1; DROP", "٣", "9" * 25, "9" * 4000, "1e3"]


@pytest.mark.parametrize("last", ODD_IDS, ids=lambda v: v[:8] or "empty")
async def test_it_survives_an_odd_last_event_id(service: Service, last: str) -> None:
    await sends(service.http, "MENU")
    await service.settled()
    headers = {"Last-Event-ID": last.encode()}
    async with service.http.stream("GET", "/chat/events", headers=headers) as answer:  # type: ignore[arg-type]
        assert answer.status_code == 200
        told = Events(answer)
        if len(last) < 9:
            assert (await told.next())[1].said("me") == ["MENU"]
        else:
            await stays_open(service, answer)
    assert [line for line in service.log if line["level"] == "error"] == []


@pytest.mark.parametrize("after", ["9" * 25, "abc", "-5", ""])
async def test_it_survives_an_odd_start(service: Service, after: str) -> None:
    await sends(service.http, "MENU")
    await service.settled()
    async with service.http.stream("GET", f"/chat/events?after={after}") as answer:
        assert answer.status_code in (200, 422)
        if answer.status_code == 200:
            await stays_open(service, answer)
    assert [line for line in service.log if line["level"] == "error"] == []


async def test_it_tells_a_browser_without_a_session_to_stop_asking(standing: Service) -> None:
    assert (await standing.another_browser().get("/chat/events")).status_code == 204


async def test_it_never_tells_one_session_of_another(service: Service) -> None:
    one, other = service.http, service.another_browser()
    await one.get("/chat")
    await other.get("/chat")
    async with events(one) as mine, events(other) as theirs:
        await sends(one, "je suis la premiere personne")
        await service.settled()
        await sends(other, "je suis la seconde personne")
        assert (await theirs.next())[1].said("me") == ["je suis la seconde personne"]
        assert (await mine.next())[1].said("me") == ["je suis la premiere personne"]


async def test_it_tells_two_pages_of_one_session_the_same(service: Service) -> None:
    await service.http.get("/chat")
    async with events(service.http) as one, events(service.http) as two:
        await sends(service.http, "MENU")
        for told in (one, two):
            assert (await told.next())[1].said("me") == ["MENU"]
            assert len((await told.next())[1].said()) == 1


async def test_it_stops_listening_for_a_browser_that_left(service: Service) -> None:
    await sends(service.http, "MENU")
    await service.settled()
    async with events(service.http) as told:
        await told.next()
    hub = service.wiring.hub
    async with asyncio.timeout(PATIENCE):
        while hub._waiting:
            hub.tell(next(iter(hub._waiting)))
            await asyncio.sleep(0.01)
