"""The XML that CalDAV speaks: what is asked, and what the answers hold."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NoReturn
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from gateway.errors import CalendarAway

DAV, CALDAV = "{DAV:}", "{urn:ietf:params:xml:ns:caldav}"
_SPACES = 'xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"'
_EVENTS = '<C:filter><C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT">{}</C:comp-filter></C:comp-filter></C:filter>'

WHAT_IS_IT = (
    f"<propfind {_SPACES}><prop><resourcetype/><current-user-principal/><C:calendar-home-set/>"
    "<C:supported-calendar-component-set/></prop></propfind>"
)


def events_between(since: datetime, until: datetime) -> str:
    """Each time of a recurring event by itself."""
    span = _span(since, until)
    return (
        f"<C:calendar-query {_SPACES}><prop><getetag/><C:calendar-data><C:expand {span}/></C:calendar-data></prop>"
        f"{_EVENTS.format(f'<C:time-range {span}/>')}</C:calendar-query>"
    )


def free_busy_between(since: datetime, until: datetime) -> str:
    return f"<C:free-busy-query {_SPACES}><C:time-range {_span(since, until)}/></C:free-busy-query>"


def event_named(uid: str) -> str:
    match = f'<C:prop-filter name="UID"><C:text-match collation="i;octet">{escape(uid)}</C:text-match></C:prop-filter>'
    return f"<C:calendar-query {_SPACES}><prop><getetag/></prop>{_EVENTS.format(match)}</C:calendar-query>"


def _span(since: datetime, until: datetime) -> str:
    start, end = (moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ") for moment in (since, until))
    return f'start="{start}" end="{end}"'


@dataclass(frozen=True)
class Answered:
    """One resource of an answer. Addresses are as the server wrote them."""

    href: str
    principal: str = ""
    home: str = ""
    is_calendar: bool = False
    holds_events: bool = True
    etag: str = ""
    data: str = ""


def answers(content: bytes) -> list[Answered]:
    """Raises CalendarAway when it is not a multistatus."""
    try:
        root = ET.fromstring(content, ET.XMLParser(target=_NoDoctype()))  # noqa: S314 # nosec B314 see _NoDoctype
    except (ET.ParseError, ValueError, LookupError) as unreadable:
        raise CalendarAway(f"unreadable: {type(unreadable).__name__}") from None
    if root.tag != f"{DAV}multistatus":
        raise CalendarAway("unreadable: no multistatus")
    return [_answered(response) for response in root.findall(f"{DAV}response")]


def _answered(response: ET.Element) -> Answered:
    found = {prop.tag: prop for prop in _properties(response)}

    def text(path: str) -> str:
        name, _, inside = path.partition("/")
        prop = found.get(name)
        return (prop.findtext(inside) if inside else prop.text) or "" if prop is not None else ""

    kinds = found.get(f"{DAV}resourcetype", ET.Element("none"))
    parts = found.get(f"{CALDAV}supported-calendar-component-set", ET.Element("none"))
    names = {part.get("name") for part in parts}
    return Answered(
        href=(response.findtext(f"{DAV}href") or "").strip(),
        principal=text(f"{DAV}current-user-principal/{DAV}href").strip(),
        home=text(f"{CALDAV}calendar-home-set/{DAV}href").strip(),
        is_calendar=kinds.find(f"{CALDAV}calendar") is not None,
        holds_events=not names or "VEVENT" in names,
        etag=text(f"{DAV}getetag").strip(),
        data=text(f"{CALDAV}calendar-data"),
    )


def _properties(response: ET.Element) -> Iterator[ET.Element]:
    """Those that the server has."""
    for part in response.findall(f"{DAV}propstat"):
        if " 200" in (part.findtext(f"{DAV}status") or ""):
            yield from part.iterfind(f"{DAV}prop/*")


class _NoDoctype(ET.TreeBuilder):
    """Entities are declared in a DOCTYPE: one that expands for ever, or that reads a file, stops here."""

    def doctype(self, name: str, public: str | None, system: str | None) -> NoReturn:
        raise ValueError("doctype")
