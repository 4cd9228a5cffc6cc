"""What she reads when she asks what we keep, and when she wants it erased: asked once, confirmed by a number."""

import re
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from gateway.adapters.content_files import ContentFiles
from gateway.domain.conversation import Channel, Conversation, Inbound, Outcome, Reply, State
from gateway.domain.keywords import command_in
from gateway.domain.language import LANGUAGES
from gateway.domain.obstacle import SharedObstacle
from gateway.domain.pace import Pace
from gateway.domain.people import Referent
from gateway.domain.privacy import Held
from gateway.domain.sms import weigh
from gateway.rendering import SEGMENTS
from gateway.settings import ROOT
from gateway.usecases.answering import Answering
from gateway.usecases.privacy import NO_RECORDS
from gateway.usecases.retention import SETTINGS, TABLE
from tests.usecases.fakes import AMINA, CLAIRE, NOW, PARIS, FakeAssistant, FakeGuesser, conversation, newcomer

SHARED = SharedObstacle("mobility", 2, {}, "2026-11-23", "sms", "2026-11-23")
SOME, MUCH = Held(12, date(2026, 3, 3), 1, 1, 1), Held(1250, date(2025, 9, 23), 12, 3, 1)
KNOWN = conversation(beneficiary=AMINA, referent=CLAIRE, shared=(SHARED,))


@pytest.fixture(scope="module")
def words() -> ContentFiles:
    return ContentFiles(ROOT, {"service": "Département des Deux-Sèvres", "number": "09 39 98 00 79"})


@dataclass
class FakeRecords:
    kept: Held = SOME

    async def held(self, who: Conversation, now: datetime) -> Held:
        return self.kept


@dataclass
class Talk:
    """One conversation; each turn goes on from the last."""

    words: ContentFiles
    who: Conversation = KNOWN
    now: datetime = NOW
    records: Any = field(default_factory=FakeRecords)
    pace: Pace = Pace.CALM
    assistant: FakeAssistant = field(default_factory=lambda: FakeAssistant(otherwise=(Reply("utter_greet"),)))

    async def says(self, text: str, after: timedelta = timedelta()) -> Outcome:
        self.now += after
        outcome = await Answering(
            words=self.words, assistant=self.assistant, guesser=FakeGuesser(), who=self.who,
            inbound=Inbound(7, "SM7", text, self.now), previous_text="", now=self.now, zone=PARIS,
            records=self.records, pace=self.pace,
        ).outcome()  # fmt: skip
        self.who = replace(self.who, state=outcome.state)
        return outcome


def names(outcome: Outcome) -> list[str]:
    return [reply.response for reply in outcome.replies]


# what we keep


async def test_it_says_what_is_kept_and_how_to_erase_it(words: ContentFiles) -> None:
    outcome = await Talk(words).says("MES DONNEES")
    assert outcome.text == (
        "Voici ce que je garde sur vous.\nVotre prénom : Amina.\nVotre commune : Niort.\nQui vous suit : Claire.\n"
        "Vos messages : 12, depuis le 3 mars 2026.\nVos rendez-vous : 1.\nVos difficultés dites : 1.\n"
        "Une copie, une erreur ? 0 = une personne.\n1 Tout effacer\n0 Une personne"
    )


async def test_it_tells_a_number_of_nobody_nothing_personal(words: ContentFiles) -> None:
    stranger = conversation(referent=CLAIRE)
    told = await Talk(words, stranger, records=FakeRecords(Held(2, date(2026, 11, 1)))).says("mes données")
    assert names(told) == ["utter_my_data", "utter_my_data/messages", "utter_my_data/how"]
    assert "Claire" not in told.text


async def test_it_says_so_when_only_this_message_is_kept(words: ContentFiles) -> None:
    told = await Talk(words, conversation(), records=NO_RECORDS).says("mes données")
    assert names(told) == ["utter_my_data", "utter_my_data/how"]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("text", ["MES DONNEES", "EFFACER MES DONNEES"])
async def test_it_fits_two_messages_in_french_and_the_budget_everywhere(
    words: ContentFiles, language: str, text: str
) -> None:
    person = replace(AMINA, first_name="Marie-Christine", commune="Saint-Martin-de-Saint-Maixent")
    referent = Referent("m@example.org", "Marie-Christine Martin")
    who = replace(KNOWN, beneficiary=person, referent=referent, language=language)
    told = await Talk(words, who, records=FakeRecords(MUCH)).says(text)
    weight = weigh(told.text)
    assert weight.segments <= SEGMENTS[weight.encoding]
    if language == "fr":
        assert not told.state.rest, "nothing is cut"


async def test_it_welcomes_who_asks_this_first(words: ContentFiles) -> None:
    told = await Talk(words, newcomer()).says("MES DONNEES")
    assert names(told)[:2] == ["utter_welcome", "utter_my_data"]


async def test_it_hands_a_copy_over_to_a_person(words: ContentFiles) -> None:
    talk = Talk(words)
    await talk.says("MES DONNEES")
    assert (await talk.says("0")).callback == "asked"


async def test_it_tells_the_two_words_after_an_answer_about_her_data(words: ContentFiles) -> None:
    asked = FakeAssistant(otherwise=(Reply("utter_delete_my_data"),))
    told = await Talk(words, assistant=asked).says("qui lit ce que j'écris ici ?")
    assert "MES DONNEES" in told.text
    assert "EFFACER MES DONNEES" in told.text
    assert weigh(told.text).segments <= 2


@pytest.mark.parametrize("command", ["MES DONNEES", "EFFACER MES DONNEES"])
def test_it_is_understood_in_every_language(words: ContentFiles, command: str) -> None:
    for vocabulary in words.vocabularies:
        own = [phrase for phrase, found in vocabulary.commands.items() if found == command]
        assert len(own) >= 4, vocabulary.language
        assert {command_in(phrase, words.vocabularies) for phrase in own} == {command}


# erasing


async def test_it_asks_once_and_erases_on_one(words: ContentFiles) -> None:
    talk = Talk(words)
    asked = await talk.says("effacez mes données svp")
    assert not asked.forget
    assert asked.text.endswith("J'efface ?\n1 Effacer pour toujours\n2 Ne rien effacer\n0 Une personne")
    done = await talk.says("1")
    assert done.forget
    assert names(done) == ["utter_data_erased", "utter_data_erased/again"]
    assert done.state == State()
    assert talk.assistant.asked == [], "Rasa hears nothing of it"


async def test_it_comes_from_the_list_too(words: ContentFiles) -> None:
    talk = Talk(words)
    await talk.says("MES DONNEES")
    assert not (await talk.says("1")).forget
    assert (await talk.says("1")).forget


@pytest.mark.parametrize("text", ["2", "ne rien effacer"])
async def test_it_erases_nothing_when_she_says_so(words: ContentFiles, text: str) -> None:
    talk = Talk(words)
    await talk.says("EFFACER MES DONNEES")
    kept = await talk.says(text)
    assert names(kept) == ["utter_data_kept"]
    assert not kept.forget


@pytest.mark.parametrize("text", ["oui", "ok", "non", "bonjour", "3", "9", "effacer", "effacer mes données"])
async def test_it_erases_on_nothing_but_the_number(words: ContentFiles, text: str) -> None:
    talk = Talk(words)
    await talk.says("EFFACER MES DONNEES")
    assert not (await talk.says(text)).forget


async def test_it_asks_again_when_she_answers_much_later(words: ContentFiles) -> None:
    talk = Talk(words)
    await talk.says("EFFACER MES DONNEES")
    again = await talk.says("1", after=timedelta(minutes=31))
    assert not again.forget
    assert "utter_erase_my_data/sure" in names(again)
    assert (await talk.says("1")).forget


async def test_it_says_that_an_appointment_to_come_goes_too(words: ContentFiles) -> None:
    assert "J'annule aussi votre rendez-vous." in (await Talk(words).says("effacer mes données")).text
    over = Talk(words, records=FakeRecords(replace(SOME, coming=0)))
    assert "rendez-vous" not in (await over.says("effacer mes données")).text


async def test_it_leaves_erase_alone_its_meaning(words: ContentFiles) -> None:
    assert names(await Talk(words).says("EFFACER")) == ["utter_nothing_to_erase"]


async def test_it_answers_after_stop_too(words: ContentFiles) -> None:
    talk = Talk(words, replace(KNOWN, opted_out=True, reminded_on="2026-11-23"))
    assert "utter_my_data" in names(await talk.says("MES DONNEES"))
    assert names(await talk.says("quelle aide pour mon loyer ?")) == []
    assert "utter_erase_my_data/stopped" in names(await talk.says("EFFACER MES DONNEES"))
    done = await talk.says("1")
    assert (done.forget, names(done)) == (True, ["utter_data_erased", "utter_data_erased/stopped"])


async def test_it_says_that_she_may_write_again_only_where_she_may(words: ContentFiles) -> None:
    said = {}
    for stopped in (False, True):
        talk = Talk(words, replace(KNOWN, opted_out=stopped))
        await talk.says("EFFACER MES DONNEES")
        said[stopped] = (await talk.says("1")).text
    assert ("Vous pouvez écrire" in said[False], "Je n'écris plus" in said[False]) == (True, False)
    assert ("Vous pouvez écrire" in said[True], "Je n'écris plus" in said[True]) == (False, True)


@pytest.mark.parametrize("stopped", [False, True])
@pytest.mark.parametrize("pace", [Pace.FAST, Pace.MANY, Pace.SILENT])
async def test_it_hears_her_rights_however_fast_she_writes(
    words: ContentFiles, pace: Pace, stopped: bool
) -> None:
    talk = Talk(words, replace(KNOWN, opted_out=stopped), pace=pace)
    assert names(await talk.says("MES DONNEES"))[0] == "utter_my_data"
    assert not set(names(await talk.says("MES DONNEES"))) & {"utter_my_data"}, "it is on her screen"
    assert names(await talk.says("EFFACER MES DONNEES"))[0] == "utter_erase_my_data"
    assert (await talk.says("1")).forget


async def test_it_stays_silent_between_two_machines(words: ContentFiles) -> None:
    talk = Talk(words, pace=Pace.LOOP)
    for text in ("MES DONNEES", "EFFACER MES DONNEES"):
        assert names(await talk.says(text)) == []


async def test_it_hears_danger_before_her_data(words: ContentFiles) -> None:
    talk = Talk(words)
    await talk.says("EFFACER MES DONNEES")
    told = await talk.says("je veux mourir")
    assert (told.callback, told.forget) == ("danger", False)
    assert not (await talk.says("1")).forget, "its menu has gone"


async def test_it_answers_on_the_page_too(words: ContentFiles) -> None:
    page = conversation(channel=Channel.WEB, address="a-session")
    talk = Talk(words, page, records=FakeRecords(Held(3, date(2026, 11, 23))))
    assert "Vos messages : 3" in (await talk.says("mes données")).text
    await talk.says("1")
    assert (await talk.says("1")).forget


# docs/rgpd.md


def test_it_writes_the_durations_of_the_code_in_the_document() -> None:
    text = (ROOT / "docs" / "rgpd.md").read_text(encoding="utf-8")
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"
    ]
    begin = next(n for n, row in enumerate(rows) if row[:2] == ["Ce qui est gardé", "Durée"])
    written = [tuple(row) for row in rows[begin + 2 : begin + 2 + len(TABLE)]]
    assert written == [(line.what, line.kept, line.then, line.why) for line in TABLE]
    settings = {f"{name.upper()}_KEPT_DAYS" for name in SETTINGS}
    assert settings <= set(re.findall(r"[A-Z]+_KEPT_DAYS", text))
