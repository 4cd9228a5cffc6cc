import json

from gateway.domain.conversation import Reply, State
from gateway.domain.menu import Choice
from gateway.domain.people import Referent

FULL = State(
    menu=(Choice("1", "RSA", "/menu/rsa"),),
    last=(Reply("utter_source", {"source": "CAF", "date": "2026-11-23"}),),
    trail=((Reply("utter_menu/main"),), (Reply("utter_faq/rsa_amount"),)),
    rest="La suite.",
    rest_menu=(Choice("0", "Une personne", "/talk_to_human"),),
    waiting=True,
    welcomed=True,
)


def test_it_comes_back_from_its_keeping_as_it_was() -> None:
    assert State.from_json(json.loads(json.dumps(FULL.to_json()))) == FULL


def test_it_starts_from_nothing() -> None:
    assert State.from_json({}) == State()


def test_it_forgets_the_rest_once_something_else_was_said() -> None:
    after = FULL.after((Reply("utter_thanks"),))
    assert (after.rest, after.rest_menu) == ("", ())
    assert after.menu == FULL.menu  # she still sees it


def test_it_remembers_the_way_back() -> None:
    said = [(Reply(f"utter_faq/{i}"),) for i in range(8)]
    state = State()
    for replies in said:
        state = state.after(replies)
    assert state.last == said[-1]
    assert state.trail == tuple(said[2:7])


def test_it_does_not_go_back_to_what_is_being_said() -> None:
    state = State().after((Reply("utter_menu/main"),)).after((Reply("utter_menu/main"),))
    assert state.trail == ()


def test_it_calls_a_referent_by_the_first_name() -> None:
    assert Referent("claire.moreau@example.org", "Claire Moreau").first_name == "Claire"
    assert Referent("x@example.org", " ").first_name == ""
