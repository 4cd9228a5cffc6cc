from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters.content_files import ContentFiles
from gateway.domain.appointment import Kind, TimeSlot
from gateway.domain.keywords import Vocabularies, Vocabulary
from gateway.domain.language import LANGUAGES
from gateway.domain.wishes import Part, Wishes, merged, only_wishes, wishes_in

PARIS = ZoneInfo("Europe/Paris")
TODAY = date(2026, 11, 23)  # a Monday


def sections() -> dict[str, list[str]]:
    """The lines of wishes.txt, by language; and those that wish nothing."""
    found: dict[str, list[str]] = {}
    section = ""
    for line in Path(__file__).with_name("wishes.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            found.setdefault(section, []).append(line)
    return found


LINES = sections()
SAID = [
    (language, *line.removeprefix("- ").split(" → "), line.startswith("- "))
    for language in LANGUAGES
    for line in LINES[language]
]
NONE, MORE = ([tuple(line.split(" ", 1)) for line in LINES[name]] for name in ("none", "more"))


def told(wishes: Wishes | None) -> str:
    def value(said: object) -> str:
        return ",".join(map(str, said)) if isinstance(said, list) else str(said)

    said = wishes.to_json() if wishes else {"nothing": True}
    return " ".join(key if v is True else f"{key}={value(v)}" for key, v in said.items())


@pytest.fixture(scope="session")
def words(content: ContentFiles) -> Vocabularies:
    return content.vocabularies


# What she says


@pytest.mark.parametrize(("language", "text", "expected", "more"), SAID)
def test_it_hears_what_she_wishes(
    words: Vocabularies, language: str, text: str, expected: str, more: bool
) -> None:
    assert told(wishes_in(text, words, TODAY, language)) == expected
    assert only_wishes(text, words, TODAY, language) is not more


@pytest.mark.parametrize(("language", "text"), NONE)
def test_it_hears_nothing_in_what_is_no_wish(words: Vocabularies, language: str, text: str) -> None:
    assert wishes_in(text, words, TODAY, language) is None
    assert wishes_in(text, words, TODAY) is None
    assert not only_wishes(text, words, TODAY, language)


@pytest.mark.parametrize(("language", "text"), MORE)
def test_it_leaves_alone_what_says_more(words: Vocabularies, language: str, text: str) -> None:
    assert not only_wishes(text, words, TODAY, language)
    assert not only_wishes(text, words, TODAY)


def test_it_is_tested_in_every_language() -> None:
    counted = Counter(language for language, *_ in SAID)
    assert set(counted) == set(LANGUAGES)
    assert counted["fr"] >= 25
    assert min(counted.values()) >= 10
    assert len(NONE) + len(MORE) >= 30


def test_it_hears_her_words_in_another_language_than_hers(words: Vocabularies) -> None:
    heard = [told(wishes_in(text, words, TODAY)) == expected for _, text, expected, _ in SAID]
    assert heard.count(False) <= 4  # a few endings need their language
    assert told(wishes_in("demain الصبح", words, TODAY, "ar")) == "dates=2026-11-24 parts=morning"


@pytest.mark.parametrize(("language", "expected"), [("pt", "days=1"), ("es", "nothing")])
def test_it_asks_her_language_first(words: Vocabularies, language: str, expected: str) -> None:
    assert told(wishes_in("segunda", words, TODAY, language)) == expected


@pytest.mark.parametrize(
    ("today", "text", "expected"),
    [
        ("2026-12-31", "le 1er janvier", "dates=2027-01-01"),
        ("2026-12-31", "demain", "dates=2027-01-01"),
        ("2026-12-15", "le 12", "dates=2027-01-12"),
        ("2026-01-30", "le 31 février", "after=2026-02-01 before=2026-02-28"),
        ("2026-01-31", "le 30", "dates=2026-03-30"),
        ("2026-12-10", "le mois prochain", "after=2027-01-01 before=2027-01-31"),
        ("2026-12-10", "en janvier", "after=2027-01-01 before=2027-01-31"),
        ("2026-11-28", "cette semaine", "after=2026-11-28 before=2026-12-06"),  # said on a Saturday
        ("2026-11-29", "la semaine prochaine", "after=2026-11-30 before=2026-12-06"),
        ("2026-11-24", "après mardi", "after=2026-11-25"),
        ("2026-11-25", "avant mardi", "before=2026-11-30"),
        ("2026-11-25", "mardi 1", "dates=2026-12-01"),
        ("2026-11-25", "32/13", "nothing"),
        ("2026-11-25", "25/11", "dates=2026-11-25"),
        ("2026-11-25", "24.11.2026", "dates=2027-11-24"),
    ],
)
def test_it_counts_from_today(words: Vocabularies, today: str, text: str, expected: str) -> None:
    assert told(wishes_in(text, words, date.fromisoformat(today), "fr")) == expected


@given(st.text(max_size=60))
def test_it_reads_any_text(words: Vocabularies, text: str) -> None:
    wishes = wishes_in(text, words, TODAY, "fr")
    assert wishes is None or Wishes.from_json(wishes.to_json()) == wishes
    assert not only_wishes(text, words, TODAY) or wishes_in(text, words, TODAY)


pieces = st.sampled_from(
    [
        "mardi",
        "pas",
        "le",
        "12",
        "31",
        "à",
        "après",
        "avant",
        "14h",
        "25h",
        "h",
        "décembre",
        "dans",
        "deux",
        "semaines",
        "jours",
        "matin",
        "non",
        "oui",
        "et",
        "de",
        "0",
        "99",
        "mais",
        "12/11",
    ]
)


@given(st.lists(pieces, max_size=8).map(" ".join))
def test_it_reads_any_order_of_its_words(words: Vocabularies, text: str) -> None:
    wishes = wishes_in(text, words, TODAY, "fr")
    assert wishes is None or Wishes.from_json(wishes.to_json()) == wishes


def test_it_hears_nothing_without_words() -> None:
    bare = Vocabularies([Vocabulary.of("fr", {})])
    assert wishes_in("mardi", bare, TODAY) is None
    assert not only_wishes("mardi", bare, TODAY)


# What she gets


def at(day: str, hour: str, kind: Kind = Kind.IN_PERSON) -> TimeSlot:
    starts_at = datetime.fromisoformat(f"{day}T{hour}").replace(tzinfo=PARIS).astimezone(UTC)
    return TimeSlot(starts_at, starts_at + timedelta(minutes=30), 1, kind)


@pytest.mark.parametrize(
    ("wishes", "hours"),
    [
        (Wishes(), "09:00 11:30 12:00 13:30 14:00 16:30 17:00 18:00"),
        (Wishes(parts=frozenset({Part.MORNING})), "09:00 11:30"),
        (Wishes(parts=frozenset({Part.NOON})), "12:00 13:30"),
        (Wishes(parts=frozenset({Part.AFTERNOON})), "12:00 13:30 14:00 16:30 17:00"),
        (Wishes(parts=frozenset({Part.EVENING})), "17:00 18:00"),
        (Wishes(parts=frozenset({Part.MORNING, Part.EVENING})), "09:00 11:30 17:00 18:00"),
        (Wishes(not_parts=frozenset({Part.MORNING, Part.NOON})), "14:00 16:30 17:00 18:00"),
        (Wishes(from_hour=time(14)), "14:00 16:30 17:00 18:00"),
        (Wishes(to_hour=time(12)), "09:00 11:30"),
        (Wishes(from_hour=time(14), to_hour=time(16, 30)), "14:00"),
        (Wishes(kind=Kind.PHONE), ""),
        (Wishes(kind=Kind.IN_PERSON, to_hour=time(10)), "09:00"),
    ],
)
def test_it_allows_hours(wishes: Wishes, hours: str) -> None:
    day = ["09:00", "11:30", "12:00", "13:30", "14:00", "16:30", "17:00", "18:00"]
    assert " ".join(h for h in day if wishes.allows(at("2026-11-24", h), PARIS)) == hours


@pytest.mark.parametrize(
    ("wishes", "days"),
    [
        (Wishes(days=frozenset({2, 4})), "24 26"),
        (Wishes(not_days=frozenset({3})), "23 24 26 27"),
        (Wishes(dates=frozenset({date(2026, 11, 25)})), "25"),
        (Wishes(dates=frozenset({date(2026, 11, 25)}), days=frozenset({5})), "25 27"),
        (Wishes(not_dates=frozenset({date(2026, 11, 25)})), "23 24 26 27"),
        (Wishes(after=date(2026, 11, 25)), "25 26 27"),
        (Wishes(after=date(2026, 11, 24), before=date(2026, 11, 25)), "24 25"),
        (Wishes(days=frozenset({2}), not_days=frozenset({2})), ""),
    ],
)
def test_it_allows_days(wishes: Wishes, days: str) -> None:
    week = [str(day) for day in range(23, 28)]
    assert " ".join(d for d in week if wishes.allows(at(f"2026-11-{d}", "09:00"), PARIS)) == days


def test_it_reads_the_wall_clock_of_the_zone() -> None:
    late = TimeSlot(datetime(2026, 11, 24, 23, 30, tzinfo=UTC), datetime(2026, 11, 25, tzinfo=UTC), 1)
    assert Wishes(days=frozenset({3})).allows(late, PARIS)
    assert not Wishes(days=frozenset({3})).allows(late, ZoneInfo("UTC"))


# One after the other


@pytest.mark.parametrize(
    ("first", "then", "expected"),
    [
        ("mardi", "le matin", "days=2 parts=morning"),
        ("mardi", "jeudi", "days=4"),
        ("mardi", "pas le mercredi", "days=2 not_days=3"),
        ("mardi ou jeudi", "pas mardi", "days=4 not_days=2"),
        ("pas mardi", "mardi", "days=2"),
        ("pas le mardi", "pas le jeudi", "not_days=2,4"),
        ("mardi", "la semaine prochaine", "days=2 after=2026-11-30 before=2026-12-06"),
        ("la semaine prochaine", "mardi", "days=2 after=2026-11-30 before=2026-12-06"),
        ("la semaine prochaine", "demain", "dates=2026-11-24"),
        ("demain", "la semaine prochaine", "after=2026-11-30 before=2026-12-06"),
        ("demain", "jeudi", "days=4"),
        ("le matin", "après 10h", "parts=morning from_hour=10:00"),
        ("le matin", "après 14h", "from_hour=14:00"),
        ("après 14h", "le matin", "parts=morning"),
        ("le matin", "le soir", "parts=evening"),
        ("pas le matin", "le matin", "parts=morning"),
        ("mardi matin", "n'importe quand", "any_time"),
        ("n'importe quand", "mardi", "days=2"),
        ("par téléphone", "mardi", "days=2 kind=phone"),
        ("par téléphone", "sur place", "kind=in_person"),
        ("mardi", "le plus tôt possible", "days=2 soonest"),
    ],
)
def test_it_keeps_what_she_said_before_but_for_the_same_subject(
    words: Vocabularies, first: str, then: str, expected: str
) -> None:
    older, newer = (wishes_in(text, words, TODAY, "fr") for text in (first, then))
    assert older
    assert newer
    assert told(merged(older, newer)) == expected


def test_it_is_kept_as_json() -> None:
    day = date(2026, 12, 1)
    full = Wishes(
        days=frozenset({1, 2}),
        not_days=frozenset({3}),
        dates=frozenset({day}),
        not_dates=frozenset({TODAY}),
        after=TODAY,
        before=day,
        parts=frozenset({Part.MORNING}),
        not_parts=frozenset({Part.EVENING}),
        from_hour=time(0),
        to_hour=time(16, 30),
        kind=Kind.VIDEO,
        soonest=True,
        any_time=True,
    )
    assert Wishes.from_json(full.to_json()) == full
    assert Wishes.from_json({}) == Wishes()
    assert Wishes().to_json() == {}
