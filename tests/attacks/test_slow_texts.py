"""Texts made to be read slowly: a message of the longest, a calendar, a cell. Time is this thread's own."""

import contextlib
import time
from collections.abc import Callable
from datetime import date
from functools import cache
from zoneinfo import ZoneInfo

import pytest

from gateway.adapters.busy_times import components, periods, stretch
from gateway.adapters.content_files import ContentFiles
from gateway.adapters.opening_hours import in_words
from gateway.adapters.phone import e164
from gateway.adapters.territory_files import read_territory
from gateway.domain import keywords, language, menu, safety, sms, text, wishes
from gateway.domain.text import MAX_CHARACTERS, MOST_FOLDED
from gateway.errors import CalendarAway
from gateway.settings import ROOT
from gateway.usecases.importing import MAIL

PARIS, TODAY = ZoneInfo("Europe/Paris"), date(2026, 11, 23)
SLOWEST = (
    2.0  # seconds of a message of 1,600 characters, on a slow machine; the worst takes .3 on a quick one
)
GROWTH = 40  # four times as long a text: 4 is linear, 16 a square, 64 a cube, and more explodes
NOISE = 0.002  # seconds: under this nothing is told apart

# Repeated until the message is full.
PIECES = [
    "a", "1", " ", "\n", "!", ". ", ".", "é", "e\u0301", "\u0300", "ﷺ", "㍿", "½", "ê", "😀", "👨\u200d", "а", "i", "аi", "و ",
    "et ", "pas ", "non ", "mardi ", "le 2 ", "1 h ", "14:30 ", "12/11 ", "1.00", "0.", "p. m", "a . ", "après ", "svp ",
    "bonjour svp ", "semaine du 7 ", "je vais me ", "tue ", "vivre ", "{", "\\", "'", "(", "[", "\u202e", "\ufffd",
]  # fmt: skip


@cache
def words() -> ContentFiles:
    return ContentFiles(ROOT)


def known() -> keywords.Vocabularies:
    return words().vocabularies


READERS: dict[str, Callable[[str], object]] = {
    "cleaned": text.cleaned,
    "folded": text.folded,
    "parts": text.parts,
    "as_name": text.as_name,
    "weigh": sms.weigh,
    "to_gsm7": sms.to_gsm7,
    "cut": lambda said: sms.cut(said, 2, "1 la suite"),
    "danger": lambda said: safety.danger_in(said, words().lexicons),
    "command": lambda said: keywords.command_in(said, known()),
    "language asked": lambda said: keywords.language_asked(said, known()),
    "digit": lambda said: menu.digit_in(said, known().digits),
    "corrected": lambda said: menu.corrected(said, known().no),
    "wishes": lambda said: wishes.wishes_in(said, known(), TODAY, "fr"),
    "first language": lambda said: language.first_language(said, ("fr", 0.5), known()),
    "later language": lambda said: language.later_language("fr", said, ("en", 0.9), known()),
    "opening hours": lambda said: in_words(said, "fr"),
    "mail address": MAIL.fullmatch,
    "phone": e164,
    "commune": read_territory(ROOT, "79").find,
}  # fmt: skip


def spent(read: Callable[[str], object], said: str) -> float:
    """Of this thread alone: other programs may be busy. The best of two."""
    best = float("inf")
    for _ in range(2):
        started = time.thread_time()
        read(said)
        best = min(best, time.thread_time() - started)
        if best < NOISE:
            break
    return best


@pytest.mark.parametrize("name", READERS)
def test_it_reads_no_message_slowly(name: str) -> None:
    read = READERS[name]
    read("bonjour, mardi matin à 9 h svp")  # what is made once is made
    for piece in PIECES:
        long, short = ((piece * size)[:size] for size in (MAX_CHARACTERS, MAX_CHARACTERS // 4))
        took = spent(read, long)
        assert took < SLOWEST, (piece, took)
        if took > 10 * NOISE:
            assert took / max(spent(read, short), NOISE) < GROWTH, (piece, took)


@pytest.mark.parametrize("piece", ["ﷺ", "㍿", "ﬃ", "½", "\u0390"])
def test_it_unfolds_no_sign_without_end(piece: str) -> None:
    assert len(text.folded(piece * MAX_CHARACTERS)) <= MOST_FOLDED * 2


def test_it_hears_danger_behind_signs_that_unfold() -> None:
    assert safety.danger_in("ﷺ " * 100 + "je veux mourir", words().lexicons) == "suicide"


@pytest.mark.parametrize("piece", ["!", ".", ",", "؟"])
def test_it_cuts_a_row_of_marks_in_one_go(piece: str) -> None:
    assert spent(text.parts, piece * 100_000) < SLOWEST


# calendars: whoever keeps a referent's, or answers in its place, sends what it likes


def calendar(*lines: str) -> str:
    return "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", *lines, "END:VCALENDAR"])


def zone(rule: str, name: str = "Nulle part", begin: str = "BEGIN:VTIMEZONE") -> list[str]:
    times = ["DTSTART:16010101T000000", f"RRULE:{rule}", "TZOFFSETFROM:+0100", "TZOFFSETTO:+1100"]
    rules = ["BEGIN:STANDARD", *times, "END:STANDARD", "BEGIN:DAYLIGHT", *times, "END:DAYLIGHT"]
    return [begin, f"TZID:{name}", *rules, "END:VTIMEZONE"]


def event(name: str = "Nulle part") -> list[str]:
    return ["BEGIN:VEVENT", "UID:1", f"DTSTART;TZID={name}:20261124T090000", "DURATION:PT1H", "END:VEVENT"]


RULES = [
    "FREQ=SECONDLY",
    "FREQ=HOURLY",
    "FREQ=YEARLY;BYHOUR=1,2,3;BYMINUTE=1,2,3;BYSECOND=1,2,3;BYYEARDAY=1,2,3",
]
WRITTEN = ["BEGIN:VTIMEZONE", "begin:vtimezone", "BEGIN:VTIME\r\n ZONE", "BEG\r\n\tIN:VTIMEZONE", "BEGIN;X=1:VTIMEZONE", "BEGIN: VTIMEZONE "]  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("begin", WRITTEN)
def test_it_computes_no_zone_that_a_server_made_up(rule: str, begin: str) -> None:
    content = calendar(*zone(rule, begin=begin), *event())
    started = time.thread_time()
    try:
        found = [stretch(one, PARIS) for one in components(content, "VEVENT")]
    except CalendarAway:
        found = []
    assert time.thread_time() - started < SLOWEST
    assert len(found) <= 1


def test_it_lets_no_calendar_change_the_hours_of_another() -> None:
    """A zone that one server defines is nobody else's."""
    yearly = "FREQ=YEARLY;BYMONTH=1;BYDAY=1SU"
    (first,) = components(calendar(*zone(yearly, "Romance perso"), *event("Romance perso")), "VEVENT")
    (other,) = components(calendar(*event("Romance perso")), "VEVENT")
    (paris,) = components(calendar(*event("Europe/Paris")), "VEVENT")
    assert stretch(first, PARIS) == stretch(other, PARIS) == stretch(paris, PARIS)


LONG = {
    "lines": "\n" * 1_000_000,
    "folds": "X:" + "\r\n a" * 200_000,
    "one-line": "X:" + "a" * 1_000_000,
    "quotes": "X;A=" + '"' * 200_000 + ":1",
    "backslashes": "X:" + "\\" * 500_000,
    "nested": "BEGIN:VEVENT\r\n" * 5_000,
    "a-rule": "BEGIN:VEVENT\r\nRRULE:" + "FREQ=DAILY;" * 20_000 + "\r\nEND:VEVENT",
}


@pytest.mark.parametrize("content", LONG.values(), ids=list(LONG))
def test_it_reads_no_calendar_for_ever(content: str) -> None:
    started = time.thread_time()
    with contextlib.suppress(CalendarAway):
        components(calendar(content), "VEVENT")
    with contextlib.suppress(CalendarAway):
        periods(calendar(content), PARIS)
    assert time.thread_time() - started < 10 * SLOWEST
