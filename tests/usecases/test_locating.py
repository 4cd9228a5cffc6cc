"""Where she lives: asked once, kept, then said with the answers that depend on it."""

from dataclasses import replace

import pytest

from gateway.domain.conversation import Reply, State
from gateway.domain.territory import Body, Commune, Territory
from gateway.usecases.locating import answered, home, located, near, picked
from tests.usecases.fakes import AMINA, FakeWords, conversation

SOUTH, WEST = ("Mission locale Sud", "high"), ("Mission locale Ouest", "low")
NIORT = Commune("79191", "Niort", ("79000",), "1", 60_000, {Body.MISSION_LOCALE: SOUTH})
COULON = Commune("79100", "Coulon", ("79510",), "1", 2_000, {Body.MISSION_LOCALE: SOUTH})
BECELEUF = Commune("79032", "Béceleuf", ("79160",), "2", 700, {Body.MISSION_LOCALE: WEST})
COULONGES = Commune("79101", "Coulonges", ("79160",), "1", 2_300, {Body.MISSION_LOCALE: SOUTH})
HERE = Territory([NIORT, COULON, BECELEUF, COULONGES], {"Vieux-Niort": "79191"}, "79")


def test_it_asks_where_she_lives_and_remembers_why() -> None:
    replies, state = near("mission_locale", conversation(), HERE)
    assert replies == (Reply("utter_ask_commune"),)
    assert state.asking == "mission_locale"


def test_it_says_at_once_what_it_knows() -> None:
    who = replace(conversation(), state=State(commune="79191"))
    assert near("mission_locale", who, HERE)[0] == (
        Reply("utter_near", {"place": "Mission locale Sud", "commune": "Niort"}),
    )


def test_it_trusts_the_referents_import() -> None:
    assert home(replace(conversation(), beneficiary=AMINA), HERE) == NIORT


ASKING = State(asking="mission_locale")


@pytest.mark.parametrize(
    ("said", "response", "commune"),
    [
        ("Niort", "utter_near", "79191"),
        ("vieux niort", "utter_near", "79191"),
        ("Beceleuf", "utter_near_unsure", "79032"),
        ("79160", "utter_which_commune", ""),
        ("75011", "utter_commune_outside", ""),
        ("Zzyzx", "utter_commune_unknown", ""),
    ],
)
def test_it_understands_her_answer(said: str, response: str, commune: str) -> None:
    asked = answered(said, replace(conversation(), state=ASKING), HERE)
    assert asked is not None
    replies, state = asked
    assert [reply.response for reply in replies] == [response]
    assert state.commune == commune


def test_it_asks_for_a_place_twice_and_no_more() -> None:
    who = replace(conversation(), state=ASKING)
    asked = answered("Zzyzx", who, HERE)
    assert asked is not None
    assert answered("Zzyzx", replace(who, state=asked[1]), HERE) is None
    settled = answered("Niort", replace(who, state=asked[1]), HERE)
    assert settled is not None
    assert settled[0][0].values["place"] == "Mission locale Sud"


def test_it_leaves_a_question_to_the_others() -> None:
    assert answered("combien je touche au rsa ce mois", replace(conversation(), state=ASKING), HERE) is None


def test_it_takes_the_commune_she_picked() -> None:
    replies, state = picked("79032 mission_locale", replace(conversation(), state=ASKING), HERE)
    assert replies[0].response == "utter_near_unsure"
    assert (state.commune, state.asking) == ("79032", "")


def test_it_names_the_place_with_an_answer_that_depends_on_it() -> None:
    words = FakeWords()
    words.metadata = {"utter_faq/mission_locale": {"near": "mission_locale"}}
    who = replace(conversation(), state=State(commune="79191"))
    replies = (Reply("utter_faq/mission_locale"), Reply("utter_faq/rsa_amount"))
    told, plain = located(replies, who, HERE, words)
    assert told.values["near"] == list(SOUTH)
    assert plain == Reply("utter_faq/rsa_amount")
    assert located(replies, conversation(), HERE, words) == replies
