"""Whatever is given to a reader: an answer or a refusal of ours, never anything else, and what it promises holds."""

import contextlib
import csv
import io
import itertools
import json
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gateway.adapters import caldav_text
from gateway.adapters.busy_times import components, merged, periods, recurs, stretch, without
from gateway.adapters.content_files import ContentFiles
from gateway.adapters.opening_hours import in_words
from gateway.adapters.phone import e164, spoken
from gateway.adapters.rdv_insertion_file import read_layout
from gateway.adapters.rdv_service_public_events import EventReader, Unusable
from gateway.adapters.services_file import read_services
from gateway.adapters.territory_files import read_territory
from gateway.domain import keywords, menu, safety, sms, text
from gateway.domain.appointment import Opening
from gateway.domain.conversation import State
from gateway.domain.menu import Choice
from gateway.domain.pace import Past, is_loop
from gateway.domain.wishes import Wishes, only_wishes, wishes_in
from gateway.domain.wishes import merged as together
from gateway.errors import BadRow, CalendarAway
from gateway.figures import harmless
from gateway.rendering import fitted
from gateway.settings import ROOT
from gateway.usecases.importing import MAIL
from gateway.usecases.importing_openings import _opening
from gateway.usecases.importing_rdv_insertion import RdvInsertion
from gateway.usecases.reading_csv import listed, rows, said_yes

PARIS, TODAY = ZoneInfo("Europe/Paris"), date(2026, 11, 23)
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
STEADY = settings(
    max_examples=150, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)

# Texts: any, and those that are made of what readers look for.
ANY = st.text(max_size=200) | st.text(
    st.characters(categories=["Mn", "Cf", "Nd", "So", "Lo", "Cs", "Zs"]), max_size=80
)
SPOKEN = [
    "mardi", "pas", "le", "2", "n°2", "14h30", "à 9 h", "12/11", "31/02", "29 février", "semaine du 7", "après", "avant", "ou", "non",
    "oui", "stop", "STOP", "arrêt", "svp", "bonjour", "demain", "matin", "dans 3 jours", "dans 61 semaines", "٢", "۲", "２", "deux",
    "english", "je veux mourir", "0", "9", "99", "1.", ",", "!", "\n", "p.m", "24:00", "00/00", "{x}", "rdv", "mois prochain", "soir",
]  # fmt: skip
SAID = st.lists(st.sampled_from(SPOKEN) | st.text(max_size=5), max_size=12).map(" ".join)
TEXTS = ANY | SAID
BYTES = st.binary(max_size=300) | TEXTS.map(lambda said: said.encode("utf-8", "surrogatepass"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(st.text(max_size=8), inside, max_size=4),
    max_leaves=12,
)  # fmt: skip


@cache
def words() -> ContentFiles:
    return ContentFiles(ROOT)


# her messages


@STEADY
@given(TEXTS)
@example("ﷺ" * 1600)
@example("\ud83d" * 5)
def test_it_cleans_any_text(said: str) -> None:
    kept = text.cleaned(said)
    assert len(kept) <= text.MAX_CHARACTERS
    assert text.cleaned(kept) == kept
    assert kept.encode("utf-8").decode("utf-8") == kept
    assert "\0" not in kept
    assert "\r" not in kept
    assert "\n" not in text.as_name(said)


@STEADY
@given(TEXTS)
def test_it_folds_any_text_once_and_for_all(said: str) -> None:
    folded = text.folded(said)
    assert text.folded(folded) == folded
    assert folded == folded.strip()
    assert "  " not in folded
    assert folded == "".join(c for c in folded if c == " " or c.isalnum() or not c.isascii())


@STEADY
@given(TEXTS)
@example("\f" * 81)
@example("👨\u200d" * 40)
@example("}" * 78)
def test_it_weighs_any_text_as_the_carrier_bills_it(said: str) -> None:
    weight = sms.weigh(said)
    assert weight.encoding in ("GSM-7", "UCS-2")
    alone, joined = (160, 153) if weight.encoding == "GSM-7" else (70, 67)
    least = 1 if weight.units <= alone else -(-weight.units // joined)
    assert said == "" or weight.segments >= least
    assert (weight.segments == 0) == (said == "")
    light = sms.to_gsm7(said)
    assert sms.to_gsm7(light) == light or sms.weigh(light).encoding == "UCS-2"
    assert sms.weigh(light).segments <= max(weight.segments, 1) * 3


@STEADY
@given(TEXTS, st.integers(1, 4))
def test_it_cuts_any_text_without_losing_a_letter(said: str, segments: int) -> None:
    said = text.cleaned(said)
    part, rest = sms.cut(said, segments, "\n1 la suite")
    assert "".join((part + rest).split()) == "".join(said.split())
    assert not rest or len(part) < len(said)


@STEADY
@given(TEXTS)
def test_it_finds_commands_languages_digits_and_danger_in_anything(said: str) -> None:
    known = words().vocabularies
    command = keywords.command_in(said, known)
    assert command is None or command in known.commands.values()
    language = keywords.language_asked(said, known)
    assert language is None or language in {v.language for v in known}
    digit = menu.digit_in(said, known.digits)
    assert digit is None or digit.isascii()
    kind = safety.danger_in(said, words().lexicons)
    assert kind is None or kind in safety.KINDS


@STEADY
@given(TEXTS)
def test_it_hears_danger_beside_anything(said: str) -> None:
    """Whatever stands on another line: what is harmless there must not silence it."""
    for told in (f"{said}\n\nau secours je vais mourir", f"{said[:100]} . je veux me suicider"):
        if "pas" not in told:
            assert safety.danger_in(told, words().lexicons) is not None


@STEADY
@given(TEXTS, st.lists(st.tuples(st.sampled_from("123456789"), ANY), max_size=9))
def test_it_chooses_a_line_of_the_menu_or_none(said: str, lines: list[tuple[str, str]]) -> None:
    choices = [Choice(digit, title, "/faq/x") for digit, title in lines]
    known = words().vocabularies
    found = menu.chosen(menu.corrected(said, known.no), choices, known.digits, known.yes, known.no)
    assert found is None or found in choices
    fitted(said, tuple(choices), "fr", "sms", "la suite", 0)  # type: ignore[arg-type]


@STEADY
@given(
    TEXTS, st.dates(date(2024, 1, 1), date(2032, 12, 31)), st.sampled_from(["", "fr", "ar", "tr", "ro", "es"])
)
@example("31 décembre ou 29 février, pas le 31/11 après 24h00", date(2028, 2, 29), "fr")
def test_it_reads_wishes_in_anything(said: str, today: date, language: str) -> None:
    wishes = wishes_in(said, words().vocabularies, today, language)
    only_wishes(said, words().vocabularies, today, language)
    if wishes:
        assert Wishes.from_json(json.loads(json.dumps(wishes.to_json()))) == wishes
        together(together(wishes, wishes), Wishes())


@STEADY
@given(st.lists(st.builds(Past, st.booleans(), TEXTS), max_size=60), st.integers(1, 25))
def test_it_judges_any_talk(past: list[Past], turns: int) -> None:
    assert is_loop(past, turns) in (True, False)
    assert not is_loop(past[:turns], turns)


# what is kept as JSON and read again after an upgrade


@STEADY
@given(TEXTS, st.lists(st.tuples(st.text(max_size=2), ANY, ANY), max_size=4))
def test_it_reads_again_what_it_kept_of_her(said: str, lines: list[tuple[str, str, str]]) -> None:
    state = State(menu=tuple(Choice(*line) for line in lines), rest=said, commune=said[:5], asking=said)
    assert State.from_json(json.loads(json.dumps(state.to_json()))) == state


# files


TITLES = [
    "phone",
    "téléphone",
    "first_name",
    "prénom",
    "referent_email",
    "starts_at",
    "ends_at",
    "langue",
    "",
    "=1+1",
    "N° Téléphones",
]
CELLS = TEXTS | st.sampled_from(
    ['"', '""', ";", ",", "\t", "\0", "0639980001", "01/12/2026 9h", "46357,375", "sep=;", "\n"]
)


@st.composite
def tables(draw: st.DrawFn) -> bytes:
    """As spreadsheets write them, or nearly."""
    out = io.StringIO()
    delimiter = draw(st.sampled_from(",;\t"))
    writer = csv.writer(
        out, delimiter=delimiter, quoting=draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    )
    writer.writerow(draw(st.lists(st.sampled_from(TITLES), min_size=1, max_size=6)))
    for row in draw(st.lists(st.lists(CELLS, max_size=7), max_size=5)):
        writer.writerow([cell.replace("\0", "") for cell in row])
    whole = draw(st.sampled_from(["", "\ufeff", "sep=;\n"])) + out.getvalue()
    cut = draw(st.integers(0, len(whole)))
    return whole[: cut or None].encode(draw(st.sampled_from(["utf-8", "utf-16", "cp1252"])), "replace")


@STEADY
@given(tables() | BYTES)
def test_it_reads_any_table_or_says_which_line(content: bytes) -> None:
    with contextlib.suppress(BadRow):
        for line, row in rows(content, ()):
            assert line >= 1
            assert all(isinstance(value, str) and "\0" not in value for value in row.values())
            for value in row.values():
                listed(value)
                said_yes(value)
                MAIL.fullmatch(value)


@STEADY
@given(TEXTS)
def test_it_writes_a_cell_that_is_read_again_as_one(said: str) -> None:
    out = io.StringIO()
    csv.writer(out, delimiter=";").writerow([harmless(said), "next"])
    ((cell, after),) = csv.reader(io.StringIO(out.getvalue()), delimiter=";")
    assert after == "next"
    assert not "".join(cell.split()).lstrip("\ufeff\u200b").startswith(("=", "+", "-", "@"))


MOMENTS = TEXTS | st.sampled_from(
    ["01/12/2026 09:00", "1/12/26 à 9 h", "2026-12-01T09:00", "2026-12-01T09:00+05:00", "46357.5", "99999,99", "31/02/2026",
     "01/12/0000", "0001-01-01T00:00+14:00", "9999-12-31T23:59-14:00", "01/12/2026 99h99", "٠١/١٢/٢٠٢٦"]
)  # fmt: skip


@STEADY
@given(
    MOMENTS,
    MOMENTS,
    st.dictionaries(
        st.sampled_from(["slot_minutes", "kind", "repeat", "until", "place", "notice_hours"]), MOMENTS
    ),
)
def test_it_reads_any_opening_or_says_why_not(starts_at: str, ends_at: str, more: dict[str, str]) -> None:
    row = {"referent_email": "x", "starts_at": starts_at, "ends_at": ends_at, **more}
    try:
        opening = _opening(row, 1, PARIS)
    except ValueError as wrong:
        assert 0 < len(str(wrong)) < 300  # noqa: PT017 told to who imports
    else:
        assert isinstance(opening, Opening)
        assert opening.start < opening.end
        assert len(opening.place) <= 200


@cache
def people() -> RdvInsertion:
    return RdvInsertion(read_layout(ROOT, "79"), read_territory(ROOT, "79"), e164)


COLUMNS = ["n_telephones", "telephone", "prenom_beneficiaire", "cp_ville", "adresse", "referents", "langue"]


@STEADY
@given(st.dictionaries(st.sampled_from(COLUMNS), CELLS))
@example({"adresse": "4 rue X 79000 Niort", "cp_ville": "79000 NIORT CEDEX 9"})
def test_it_takes_nothing_of_a_street_for_a_town(row: dict[str, str]) -> None:
    reader = people()
    phone = reader._phone(row)
    assert phone == "" or phone.startswith("+")
    kept = reader._beneficiary(phone, row)
    towns = {c.name for c in reader.territory.communes.values()}
    assert "\n" not in kept.first_name
    assert kept.postal_code == "" or (len(kept.postal_code) == 5 and kept.postal_code.isdigit())
    assert "commune" in row or kept.commune in {"", *towns} or kept.commune in row.values()


@STEADY
@given(BYTES | JSON.map(lambda found: json.dumps(found).encode()))
@example(b"[" * 100_000)
@example(b'{"services": [{"id": 1}], "structures": [null, 3]}')
def test_it_reads_any_services_or_says_which_are_wrong(content: bytes) -> None:
    with contextlib.suppress(BadRow):
        kept, refused = read_services(content)
        assert all(one.id for one in kept)
        assert all(len(str(one)) < 600 for one in refused)


@STEADY
@given(TEXTS)
@example("Mo-Fr 09:00-12:30; PH off")
@example("+" * 300)
def test_it_reads_any_hours_numbers_and_towns(said: str) -> None:
    hours = in_words(said, "fr")
    assert isinstance(hours, str)
    number = e164(said)
    assert number is None or (number.startswith("+") and number[1:].isdigit() and len(number) <= 17)
    assert isinstance(spoken(said), str)
    read_territory(ROOT, "79").find(said)


# calendars


LINES = st.lists(
    st.sampled_from(
        ["BEGIN:VEVENT", "END:VEVENT", "BEGIN:VFREEBUSY", "END:VFREEBUSY", "BEGIN:VTIMEZONE", "END:VTIMEZONE", "UID:1@coup-de-pouce",
         "DTSTART:20261124T090000Z", "DTSTART;TZID=Europe/Paris:20261124T090000", "DTSTART;VALUE=DATE:20261124", "DTSTART:99991231T235959",
         "DTEND:20261124T100000Z", "DTEND:00010101T000000", "DURATION:PT1H", "DURATION:P999999999D", "DURATION:-P1W", "RRULE:FREQ=SECONDLY",
         "RDATE:20261125T090000Z", "STATUS:CANCELLED", "TRANSP:TRANSPARENT", "FREEBUSY:20261124T090000Z/PT1H",
         "FREEBUSY;FBTYPE=FREE:20261124T090000Z/20261124T100000Z", "FREEBUSY:20261124T090000Z/P999999999D", "TZID:Europe/Paris",
         "DTSTART;TZID=Nulle/Part:20261124T090000", "DTSTART;TZID=../../etc/passwd:20261124T090000", "DTSTART;TZID=:20261124T090000"]
    ) | TEXTS,
    max_size=14,
)  # fmt: skip
CALENDARS = LINES.map(lambda lines: "\r\n".join(["BEGIN:VCALENDAR", *lines, "END:VCALENDAR"]))
SINCE, UNTIL = NOW, NOW + timedelta(days=60)


@STEADY
@given(CALENDARS | ANY)
def test_it_reads_any_calendar_or_says_that_it_cannot(content: str) -> None:
    found = []
    with contextlib.suppress(CalendarAway):
        found += [
            one
            for event in components(content, "VEVENT")
            if not recurs(event) and (one := stretch(event, PARIS))
        ]
    with contextlib.suppress(CalendarAway):
        found += periods(content, PARIS)
    busy = merged(found, SINCE, UNTIL)
    assert all(SINCE <= start < end <= UNTIL for start, end in busy)
    assert all(one[1] < other[0] for one, other in itertools.pairwise(busy))
    assert without(busy, busy) == []


@STEADY
@given(BYTES, TEXTS)
@example(b'<!DOCTYPE a [<!ENTITY b "c">]><multistatus xmlns="DAV:"/>', "")
@example(b'<?xml version="1.0" encoding="utf-7"?><multistatus xmlns="DAV:"/>', "")
@example(b'<multistatus xmlns="DAV:"><response/></multistatus>', "]]>&<x/>")
def test_it_reads_any_answer_of_a_calendar_server(content: bytes, uid: str) -> None:
    for given_ in (
        content,
        b'<multistatus xmlns="DAV:"><response><href>' + content + b"</href></response></multistatus>",
    ):
        with contextlib.suppress(CalendarAway):
            assert all(isinstance(one.href, str) for one in caldav_text.answers(given_))
    asked = caldav_text.event_named(text.cleaned(uid))
    assert asked.count("<C:text-match") == asked.count("</C:text-match>") == 1


# RDV Service Public


FIELDS: dict[str, Any] = {
    "id": st.integers() | st.text("0123456789", max_size=20) | JSON,
    "starts_at": MOMENTS | st.sampled_from(["2026-11-24 10:00:00 +0100", "2026-11-24 10:00:00 UTC"]) | JSON,
    "ends_at": MOMENTS | JSON,
    "duration_in_min": st.integers() | JSON,
    "status": st.sampled_from(["unknown", "seen", "excused", "revoked", "noshow"]) | JSON,
    "users": JSON,
    "agents": st.lists(st.fixed_dictionaries({"id": st.integers(), "email": ANY}), max_size=2) | JSON,
    "participations": JSON,
    "motif": st.fixed_dictionaries({"location_type": st.sampled_from(["public_office", "home", "phone", "visio"])}) | JSON,
    "lieu": JSON,
    "phone_number": TEXTS | JSON,
    "first_name": TEXTS | JSON,
    "email": TEXTS | JSON,
    "visio_url": TEXTS | JSON,
    "agent": JSON,
    "user": JSON,
}  # fmt: skip
EVENTS = st.fixed_dictionaries(
    {
        "data": st.fixed_dictionaries({}, optional=FIELDS) | JSON,
        "meta": st.fixed_dictionaries(
            {"model": st.sampled_from(["Rdv", "User", "Agent", "AgentRole", "ReferentAssignation"]),
             "event": st.sampled_from(["created", "updated", "destroyed"])},
            optional={"timestamp": MOMENTS | JSON, "webhook_reason": JSON},
        )
        | JSON,
    }
)  # fmt: skip


@STEADY
@given(EVENTS | st.dictionaries(st.text(max_size=5), JSON))
@example(
    {
        "data": {"id": 1, "starts_at": "2026-11-24T10:00:00Z", "duration_in_min": -(10**400)},
        "meta": {"model": "Rdv", "event": "created"},
    }
)
def test_it_reads_any_event_or_leaves_it(payload: dict[str, Any]) -> None:
    with contextlib.suppress(Unusable):
        event = EventReader(e164, PARIS, "https://www.rdv-solidarites.fr").read(payload, NOW)
        assert event.at.tzinfo is not None
