"""Whole turns about an appointment, with the real words: what stands on her screen decides what her text means."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from gateway.adapters.content_files import ContentFiles
from gateway.adapters.obstacle_files import read_obstacles
from gateway.adapters.territory_files import read_territory
from gateway.domain.appointment import Book
from gateway.domain.conversation import Conversation, Inbound, Outcome, Reply, State
from gateway.settings import ROOT
from gateway.usecases.answering import Answering
from tests.usecases.fakes import AMINA, CLAIRE, NOW, PARIS, FakeAssistant, FakeGuesser, conversation
from tests.usecases.test_offering import FIVE, FakeDiary, booked, slot

WORDS = ContentFiles(ROOT, {"service": "Département des Deux-Sèvres", "number": "06 39 98 00 00"})
OBSTACLES = read_obstacles(ROOT / "bot" / "obstacles.yml")
TERRITORY = read_territory(ROOT, "79")
MEANS = {
    "annule mon rdv": [Reply("utter_cancel_appointment")],
    "g pa de voiture": [Reply("utter_obstacle/mobility")],
    "merci": [Reply("utter_thanks")],
    "non je le garde": [Reply("utter_deny")],
    "non finalement le 7 c mieux": [Reply("utter_deny")],
    "non": [Reply("utter_deny")],
}


class Person:
    """Texts, one turn after the other."""

    def __init__(self, diary: FakeDiary, followed: bool = True, **about: Any) -> None:
        people: dict[str, Any] = {"beneficiary": AMINA, "referent": CLAIRE} if followed else {}
        self.who: Conversation = conversation(state=State(welcomed=True), **{**people, **about})
        self.diary, self.last = diary, Outcome()

    async def writes(self, *texts: str) -> Outcome:
        for text in texts:
            self.last = await Answering(
                words=WORDS, assistant=FakeAssistant(MEANS, otherwise=[Reply("utter_rephrase")]),
                guesser=FakeGuesser(), who=self.who, inbound=Inbound(7, "SM7", text, NOW), previous_text="",
                now=NOW, zone=PARIS, territory=TERRITORY, obstacles=OBSTACLES, diary=self.diary,
            ).outcome()  # fmt: skip
            self.who = replace(self.who, state=self.last.state, language=self.last.language)
        return self.last

    @property
    def payloads(self) -> Sequence[str]:
        return [choice.payload.split(" ")[0] for choice in self.last.state.menu]


def responses(outcome: Outcome) -> list[str]:
    return [reply.response for reply in outcome.replies]


async def test_an_obstacle_waits_while_she_cancels_her_appointment() -> None:
    amina = Person(FakeDiary(FIVE, [booked(2, sequence=1)]))
    await amina.writes("g pa de voiture")
    assert responses(await amina.writes("annule mon rdv")) == ["utter_confirm_cancel"]
    assert amina.payloads[:3] == ["UNBOOK", "MOVE", "KEEP"]
    assert responses(await amina.writes("1")) == ["utter_cancelled"]
    assert amina.who.state.assessment is not None


@pytest.mark.parametrize("text", ["non", "non je le garde"])
async def test_a_no_keeps_what_was_about_to_be_cancelled(text: str) -> None:
    amina = Person(FakeDiary(FIVE, [booked(2, sequence=1)]))
    outcome = await amina.writes("annule mon rdv", text)
    assert responses(outcome)[0] == "utter_kept"
    assert outcome.changes == ()


async def test_another_day_after_a_no_changes_the_appointment() -> None:
    amina = Person(FakeDiary([*FIVE, slot(14)], [booked(2, sequence=1)]))  # the 7th of December is free
    outcome = await amina.writes("non finalement le 7 c mieux")
    assert responses(outcome) == ["utter_move_from", "utter_choose_time"]
    assert "lundi 7 décembre à 9 h" in outcome.text
    (book, *_) = (await amina.writes("1")).changes
    assert isinstance(book, Book)
    assert (book.moving, book.sequence) == (5, 1)


async def test_a_no_without_an_appointment_is_a_no() -> None:
    assert responses(await Person(FakeDiary(FIVE)).writes("non finalement le 7 c mieux")) == ["utter_deny"]


async def test_a_date_is_no_number_of_the_menu() -> None:
    amina = Person(FakeDiary([*FIVE, slot(14)]))  # the 7th of December
    await amina.writes("RDV")
    assert "le 5" not in (await amina.writes("le 7")).text
    assert "lundi 7 décembre à 9 h" in amina.last.text
    outcome = await amina.writes("1")
    assert isinstance(outcome.changes[0], Book)


async def test_a_lone_number_is_always_a_choice() -> None:
    amina = Person(FakeDiary(FIVE))
    await amina.writes("RDV")
    assert responses(await amina.writes("5")) == ["utter_none_suits"]


async def test_her_language_changes_and_the_time_slots_stay() -> None:
    amina = Person(FakeDiary(FIVE))
    await amina.writes("RDV")
    outcome = await amina.writes("english")
    assert responses(outcome) == ["utter_language_changed", "utter_choose_time"]
    assert amina.payloads[:3] == ["SLOT", "SLOT", "SLOT"]


async def test_her_commune_is_still_asked_for_the_appointment_after_a_courtesy() -> None:
    diary = FakeDiary(FIVE, serves={name: [1] for name in ("Argentonnay", "Genneton", "Voulmentin")})
    sam = Person(diary, followed=False)
    await sam.writes("RDV", "79150")
    assert "COMMUNE" in sam.payloads
    outcome = await sam.writes("merci", "1")
    assert responses(outcome) in (["utter_choose_time"], ["utter_book_appointment"])


@pytest.mark.parametrize(("text", "obeyed"), [("1", True), ("c combien le rsa", False)])
async def test_a_menu_of_places_works_while_a_referent_answers(text: str, obeyed: bool) -> None:
    amina = Person(FakeDiary(FIVE))
    await amina.writes("RDV")
    amina.who = replace(amina.who, taken_by=1)
    outcome = await amina.writes(text)
    assert bool(outcome.text) == obeyed
    assert any(isinstance(change, Book) for change in outcome.changes) == obeyed


async def test_a_time_slot_on_the_next_page_can_be_wished_for() -> None:
    amina = Person(FakeDiary([slot(1, 9), slot(1, 15)]))
    await amina.writes("RDV")
    hidden = replace(amina.who.state, rest_menu=amina.who.state.menu, menu=())
    amina.who = replace(amina.who, state=hidden)
    outcome = await amina.writes("l'après-midi")
    assert responses(outcome) == ["utter_choose_time"]
    assert "15 h" in outcome.text
