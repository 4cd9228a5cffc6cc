"""The judge of the faults sees what he is there to see."""

from collections.abc import Callable
from typing import Any

import pytest

from gateway.adapters.clock import SystemClock
from tests.system.fleet import ACCOUNT, TOKEN, Carrier
from tests.system.load import Load, Text, Verdict, judged

HERS = ["+33639980001", "+33639980002"]
BODY = "Où peut-on recevoir un colis alimentaire ?"
TEXTS = [Text(f"SM{n}", HERS[n % 2], BODY) for n in range(4)]
GOOD = [(text.sid, f"out-{text.sid}", ["utter_welcome", "utter_faq/food_aid"]) for text in TEXTS]
World = Callable[..., tuple[Verdict, int]]


@pytest.fixture
def world() -> World:
    def told(
        replies: list[Any] = GOOD, arrived: str = "0123", unlisted: tuple[str, ...] = ()
    ) -> tuple[Verdict, int]:
        """`arrived`: the carrier took answers to these texts, in this order."""
        carrier = Carrier(ACCOUNT, TOKEN, "+33939981234", "", "", SystemClock())
        load = Load(lambda *_: 200, [1], carrier, HERS, list(TEXTS), {text.sid for text in TEXTS})
        for place, which in enumerate(arrived):
            first = which not in arrived[:place]
            sid = f"out-SM{which}" if first else f"again-{which}"
            carrier.messages[sid] = {"sid": sid, "to": TEXTS[int(which)].phone}
        carrier.unlisted = dict.fromkeys(unlisted, 0.0)
        return judged(load, lambda _question: replies)

    return told


def test_it_is_content_when_all_is_well(world: World) -> None:
    assert world() == (Verdict(), 0)


def test_it_sees_an_answer_that_was_never_made(world: World) -> None:
    assert world(GOOD[1:], "123") == (Verdict(lost=1), 0)


def test_it_sees_an_answer_that_never_left(world: World) -> None:
    assert world([*GOOD[:3], ("SM3", None, [])], "012") == (Verdict(lost=1), 0)


def test_it_sees_one_sent_twice(world: World) -> None:
    assert world(arrived="01230") == (Verdict(doubled=1), 0)


def test_it_counts_apart_what_nobody_could_know(world: World) -> None:
    assert world(arrived="01230", unlisted=("again-0",)) == (Verdict(), 1)


def test_it_sees_one_answered_twice(world: World) -> None:
    twice = [*GOOD, ("SM0", "again-0", ["utter_faq/food_aid"])]
    assert world(twice, "00123") == (Verdict(doubled=1), 0)


def test_it_sees_two_in_the_wrong_order(world: World) -> None:
    assert world(arrived="2130") == (Verdict(out_of_order=1), 0)
    assert world(arrived="1032") == (Verdict(), 0)  # of two persons


def test_it_sees_excuses_and_answers_beside_the_question(world: World) -> None:
    replies = [*GOOD[:2], ("SM2", "out-SM2", ["utter_later"]), ("SM3", "out-SM3", ["utter_faq/rsa_amount"])]
    assert world(replies) == (Verdict(excused=1, beside=1), 0)
