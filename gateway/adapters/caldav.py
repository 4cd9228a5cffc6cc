"""A referent's own calendar, by CalDAV: five verbs over HTTP, and ETags.

Which times she is busy is asked in two ways, and either is believed: `expand` and `free-busy-query`. On Radicale
3.9 the first forgets an event that recurs by dates alone (RDATE), the second shortens a whole day that recurs to
one second; other servers know only one of them.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote
from zoneinfo import ZoneInfo

import httpx2

from gateway.adapters import caldav_text as xml
from gateway.adapters.busy_times import (
    Stretch,
    components,
    is_free,
    is_ours,
    merged,
    periods,
    recurs,
    stretch,
    without,
)
from gateway.adapters.guarded_http import GuardedTransport
from gateway.adapters.icalendar_text import DOMAIN, stored
from gateway.domain.appointment import Appointment
from gateway.domain.calendars import CalendarAccount
from gateway.errors import CalendarAway, CalendarRefused
from gateway.ports import Clock

PATIENCE = 10.0  # seconds for one answer, its last byte included
LARGEST = 5_000_000  # bytes of one answer
HOPS = 5  # redirects, or steps from the address that she gave to her calendar
_XML = {"Content-Type": "application/xml; charset=utf-8"}
_ICS = {"Content-Type": "text/calendar; charset=utf-8"}
_CONFLICT = (404, 409, 412)
_NOT_HERE = (403, 404, 405, 501)


class CalDav:
    """`public`: where the workspace is. `private`: calendars inside our own network are allowed."""

    def __init__(
        self, clock: Clock, zone: ZoneInfo, public: str, private: bool = False, patience: float = PATIENCE
    ) -> None:
        self._clock, self._zone, self._public = clock, zone, public
        self._private, self._patience = private, patience

    @asynccontextmanager
    async def opened(self, account: CalendarAccount) -> AsyncIterator["CalDavCalendar"]:
        """Raises CalendarAway, CalendarRefused: where she says there is no calendar, it cannot be opened."""
        async with httpx2.AsyncClient(
            auth=httpx2.BasicAuth(account.username, account.password),
            transport=GuardedTransport(self._private),
            headers={"User-Agent": "coup-de-pouce", "Accept-Encoding": "identity"},
            trust_env=False,
        ) as client:
            line = _Line(client, self._patience)
            found = await _find(line, _address(account.url))
            yield CalDavCalendar(line, found, self._clock, self._zone, self._public)


@dataclass(frozen=True)
class CalDavCalendar:
    """One calendar. `home`: its address, which ends with a slash."""

    line: "_Line"
    home: httpx2.URL
    clock: Clock
    zone: ZoneInfo
    public: str

    async def busy(self, since: datetime, until: datetime) -> Sequence[Stretch]:
        asked = xml.events_between(since, until)
        content = await self.line.multistatus("REPORT", self.home, asked, depth="1")
        events = await asyncio.to_thread(_events, content)  # a large one takes seconds
        ours = [event for event in events if is_ours(event)]
        hers = [event for event in events if not is_ours(event) and not is_free(event)]
        read = [found for event in hers if not recurs(event) and (found := stretch(event, self.zone))]
        taken = [found for event in ours if (found := stretch(event, self.zone))]
        told = await self._free_busy(since, until, needed=any(recurs(event) for event in hers))
        return merged([*read, *without(told, taken)], since, until)

    async def _free_busy(self, since: datetime, until: datetime, needed: bool) -> list[Stretch]:
        asked = xml.free_busy_between(since, until)
        status, content, _ = await self.line.ask("REPORT", self.home, asked, {**_XML, "Depth": "1"})
        if status == 200:
            return await asyncio.to_thread(periods, content.decode("utf-8", "replace"), self.zone)
        if needed:
            raise CalendarRefused("recurring events cannot be read")
        return []

    async def write(self, appointment: Appointment, etag: str) -> str:
        content = stored(appointment, self.clock.now(), self.zone, self.public)
        status, new = await self._put(self._place(appointment.uid), content, etag)
        if status in _CONFLICT:
            place, etag = await self._found(appointment.uid)
            status, new = await self._put(place, content, etag)
        if status in _CONFLICT:
            raise CalendarAway("conflict")
        _check(status)
        return new

    async def remove(self, uid: str, etag: str) -> None:
        status = await self._delete(self._place(uid), etag)
        if status in _CONFLICT:
            place, etag = await self._found(uid)
            status = await self._delete(place, etag) if etag else 204
        if status == 412:
            raise CalendarAway("conflict")
        if status != 404:
            _check(status)

    def _place(self, uid: str) -> httpx2.URL:
        return self.home.join(quote(uid.removesuffix(DOMAIN), safe="") + ".ics")

    async def _put(self, place: httpx2.URL, content: bytes, etag: str) -> tuple[int, str]:
        status, _, headers = await self.line.ask(
            "PUT", place, content, {**_ICS, **_if(etag, {"If-None-Match": "*"})}
        )
        return status, headers.get("ETag", "")

    async def _delete(self, place: httpx2.URL, etag: str) -> int:
        return (await self.line.ask("DELETE", place, "", _if(etag, {})))[0]

    async def _found(self, uid: str) -> tuple[httpx2.URL, str]:
        """Where the server keeps it (she may have accepted the invitation herself), and its ETag; else its place, ""."""
        content = await self.line.multistatus("REPORT", self.home, xml.event_named(uid), depth="1")
        for answer in xml.answers(content):
            if answer.etag:
                return _near(self.home, answer.href), answer.etag
        return self._place(uid), ""


class _Line:
    """Requests and answers, within limits. Her password goes to one server only."""

    def __init__(self, client: httpx2.AsyncClient, patience: float) -> None:
        self._client, self._patience = client, patience

    async def multistatus(self, verb: str, url: httpx2.URL, asked: str, depth: str) -> bytes:
        status, content, _ = await self.ask(verb, url, asked, {**_XML, "Depth": depth})
        _check(status)
        if status != 207:
            raise CalendarAway(f"status {status}")
        return content

    async def ask(
        self, verb: str, url: httpx2.URL, content: str | bytes, headers: dict[str, str]
    ) -> tuple[int, bytes, httpx2.Headers]:
        try:
            async with asyncio.timeout(self._patience):
                for _ in range(HOPS):
                    status, body, answered = await self._once(verb, url, content, headers)
                    if status not in (301, 302, 307, 308):
                        return status, body, answered
                    url = _near(url, answered.get("Location", ""))
        except TimeoutError:
            raise CalendarAway("no answer in time") from None
        except httpx2.HTTPError as failure:
            raise CalendarAway(type(failure).__name__) from None
        raise CalendarRefused("redirected for ever")

    async def _once(
        self, verb: str, url: httpx2.URL, content: str | bytes, headers: dict[str, str]
    ) -> tuple[int, bytes, httpx2.Headers]:
        body = bytearray()
        async with self._client.stream(verb, url, content=content, headers=headers, timeout=None) as answer:
            if answer.headers.get("Content-Encoding", "identity") != "identity":
                raise CalendarAway("compressed")  # nobody asked for it: it may unfold without end
            async for chunk in answer.aiter_raw():
                body += chunk
                if len(body) > LARGEST:
                    raise CalendarAway("too large")
            return answer.status_code, bytes(body), answer.headers


async def _find(line: _Line, url: httpx2.URL) -> httpx2.URL:
    """From what she gave (a calendar, her principal, a server) to a calendar that holds events."""
    seen: set[httpx2.URL] = set()
    known = url.join("/.well-known/caldav")
    steps = [url] if url.path.strip("/") else [known, url]
    while steps and len(seen) < HOPS:
        if (step := steps.pop(0)) in seen:
            continue
        seen.add(step)
        status, content, _ = await line.ask("PROPFIND", step, xml.WHAT_IS_IT, {**_XML, "Depth": "0"})
        if status == 207:
            for answer in xml.answers(content):
                if answer.is_calendar:
                    return _folder(step)
                if answer.home:
                    return await _calendar_in(line, _near(step, answer.home))
                if answer.principal:
                    steps.insert(0, _near(step, answer.principal))
        elif status not in _NOT_HERE or (step == url and status in (403, 404)):
            _check(status)
            raise CalendarAway(f"status {status}")
        steps.append(known)
    raise CalendarRefused("no calendar there")


async def _calendar_in(line: _Line, home: httpx2.URL) -> httpx2.URL:
    content = await line.multistatus("PROPFIND", home, xml.WHAT_IS_IT, depth="1")
    for answer in xml.answers(content):
        if answer.is_calendar and answer.holds_events:
            return _folder(_near(home, answer.href))
    raise CalendarRefused("no calendar there")


def _address(typed: str) -> httpx2.URL:
    typed = typed.strip()
    try:
        url = httpx2.URL(typed if "://" in typed else f"https://{typed}")
    except (httpx2.InvalidURL, ValueError, TypeError):
        raise CalendarRefused("no address") from None
    if url.scheme not in ("https", "http") or not url.host:
        raise CalendarRefused("no address")
    return url.copy_with(userinfo=b"", query=None, fragment=None)


def _near(url: httpx2.URL, href: str) -> httpx2.URL:
    """Where an answer points, on the same server only."""
    try:
        there = url.join(href)
    except (httpx2.InvalidURL, ValueError):
        raise CalendarAway("unreadable address") from None
    if not href or (there.scheme, there.host, there.port) != (url.scheme, url.host, url.port):
        raise CalendarRefused("sent to another server")
    return there


def _folder(url: httpx2.URL) -> httpx2.URL:
    return url if url.path.endswith("/") else url.copy_with(path=url.path + "/")


def _if(etag: str, otherwise: dict[str, str]) -> dict[str, str]:
    """A weak ETag never matches: then what is there is replaced without a condition."""
    return {} if etag.startswith("W/") else {"If-Match": etag} if etag else otherwise


def _check(status: int) -> None:
    if status in (408, 423, 425, 429) or status >= 500:
        raise CalendarAway(f"status {status}")
    if status >= 400:
        raise CalendarRefused(f"status {status}")


def _events(content: bytes) -> list[object]:
    return [
        event
        for answer in xml.answers(content)
        if answer.data.strip()
        for event in components(answer.data, "VEVENT")
    ]
