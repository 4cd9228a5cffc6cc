"""How fast is too fast, and when two machines talk to each other: the rules alone."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from gateway.domain.pace import Pace, PaceLimits, Past, is_loop, pace_of

NOON = datetime(2026, 11, 24, 11, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 23, 23, tzinfo=UTC)
LIMITS = PaceLimits(a_minute=5, a_day=30, loop=20)
TURNS = 20


def paces(seconds: Sequence[float], limits: PaceLimits = LIMITS) -> list[Pace]:
    """What becomes of each message, written so many seconds after noon."""
    times = [NOON + timedelta(seconds=s) for s in seconds]
    return [pace_of(times[: n + 1], MIDNIGHT, limits) for n in range(len(times))]


def test_it_answers_whoever_writes_as_people_do() -> None:
    assert set(paces([12.5 * n for n in range(30)])) == {Pace.CALM}


def test_it_says_once_that_she_is_fast_then_nothing() -> None:
    assert paces(range(9)) == [*[Pace.CALM] * 5, Pace.FAST, *[Pace.SILENT] * 3]


def test_it_answers_again_after_a_calm_minute() -> None:
    assert paces([*range(7), 66])[-2:] == [Pace.SILENT, Pace.CALM]


def test_it_says_it_no_second_time_within_ten_minutes() -> None:
    said = paces([*range(7), *range(100, 107), *range(800, 806)])
    assert said.count(Pace.FAST) == 2  # at noon, and thirteen minutes later
    assert said[5] is Pace.FAST
    assert said[-1] is Pace.FAST


def test_it_stops_for_the_day_and_says_so_once() -> None:
    said = paces([20 * n for n in range(40)])
    assert said == [*[Pace.CALM] * 30, Pace.MANY, *[Pace.SILENT] * 9]


def test_it_begins_anew_the_next_day() -> None:
    times = [NOON + timedelta(seconds=20 * n) for n in range(40)]
    tomorrow = MIDNIGHT + timedelta(days=1)
    assert pace_of([*times, tomorrow + timedelta(hours=9)], tomorrow, LIMITS) is Pace.CALM


def test_it_limits_nothing_without_a_limit() -> None:
    assert set(paces(range(100), PaceLimits())) == {Pace.CALM}


# loops: `talk` is what she writes and what we answer


def talk(hers: Sequence[str], ours: Sequence[str], last: str) -> list[Past]:
    """Turn after turn, what she and we said; then her last message."""
    past: list[Past] = []
    for she, we in zip(hers, ours, strict=True):
        past += [Past(True, she), Past(False, we)]
    return [*past, Past(True, last)]


def cycle(texts: Sequence[str], count: int) -> list[str]:
    return [texts[n % len(texts)] for n in range(count)]


AWAY = "Je suis absent. Je vous réponds à mon retour."
SORRY = "Je n'ai pas compris. Que cherchez-vous ?"
LOOPS = {
    "an-answering-machine": talk([AWAY] * TURNS, [SORRY] * TURNS, AWAY),
    "written-otherwise": talk([AWAY, AWAY.upper()] * 10, [SORRY] * TURNS, AWAY.lower()),
    "five-phrases-in-turn": talk(cycle(["a b", "c d", "e f", "g h", "i j"], TURNS), cycle([SORRY, "Menu"], TURNS), "a b"),
    "always-one": talk(["1"] * TURNS, cycle(["Menu", "RSA", "Logement"], TURNS), "1"),
    "a-machine-that-counts": talk(
        [f"Votre demande n° {4820 + n} est bien reçue à 9:{n}" for n in range(TURNS)], [SORRY] * TURNS,
        "Votre demande n° 4840 est bien reçue à 9:45",
    ),
    "an-emoji": talk(["👍"] * TURNS, [SORRY] * TURNS, "👍"),
    "an-echo": talk(
        [f"Voici la réponse numéro {n}." for n in range(TURNS)],
        [f"Voici la réponse numéro {n + 1}." for n in range(TURNS)],
        f"Voici la réponse numéro {TURNS}.",
    ),
}  # fmt: skip
PEOPLE = {
    "too-short-to-tell": talk([AWAY] * (TURNS - 1), [SORRY] * (TURNS - 1), AWAY),
    "something-new": talk([AWAY] * TURNS, [SORRY] * TURNS, "Bonjour, je voudrais voir quelqu'un"),
    "who-goes-on-by-digits": talk(cycle(["1", "2", "0"], TURNS), [f"Question {n}" for n in range(TURNS)], "1"),
    "who-asks-the-same-of-many-towns-and-is-answered": talk(
        [f"quelles aides dans le 790{n:02}" for n in range(TURNS)], [f"À Niort {n} : un accueil, une aide." for n in "abcdefghijklmnopqrst"],
        "quelles aides dans le 79020",
    ),
    "who-looks-for-a-day": talk(
        [f"plutôt le {n} novembre" for n in range(TURNS)], [f"Rien le {n}. Un autre jour ?" for n in range(TURNS)],
        "plutôt le 30 novembre",
    ),
    "numbered-messages": talk([f"message {n}" for n in range(TURNS)], [SORRY] * TURNS, "message 20"),
    "who-is-not-understood": talk([f"mot {'x' * n}" for n in range(TURNS)], [SORRY] * TURNS, "encore autre chose"),
    # her words about her health are erased once answered, and ours after a while
    "whose-words-were-erased": talk([""] * TURNS, [""] * TURNS, "2"),
    "who-says-good-morning-as-we-do": talk(["Bonjour"] * 3 + [f"mot {n}" for n in range(17)], ["Bonjour"] * TURNS, "Bonjour"),
}  # fmt: skip


@pytest.mark.parametrize("past", LOOPS.values(), ids=list(LOOPS))
def test_it_knows_a_machine(past: Sequence[Past]) -> None:
    assert is_loop(past, TURNS)


@pytest.mark.parametrize("past", PEOPLE.values(), ids=list(PEOPLE))
def test_it_takes_nobody_for_a_machine(past: Sequence[Past]) -> None:
    assert not is_loop(past, TURNS)


def test_it_stays_silent_while_the_machine_goes_on() -> None:
    """Our own words are long gone from what it looks at."""
    past = [*talk([AWAY] * TURNS, [SORRY] * TURNS, AWAY), *[Past(True, AWAY)] * 30]
    assert is_loop(past, TURNS)


def test_it_answers_who_takes_the_telephone_after_a_machine_and_goes_on_by_digits() -> None:
    past = talk([AWAY] * TURNS, [SORRY] * TURNS, AWAY)
    for text in ("Bonjour", "1", "2", "1"):
        past.append(Past(True, text))
        assert not is_loop(past, TURNS), text
        past.append(Past(False, f"Réponse à {text}"))
