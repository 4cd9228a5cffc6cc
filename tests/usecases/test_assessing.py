"""An obstacle told: never stuck, three questions in a row at most, always a way out, nothing kept unasked."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.adapters.content_files import ContentFiles
from gateway.adapters.obstacle_files import read_obstacles
from gateway.domain.conversation import Conversation, Inbound, Outcome, Reply, State
from gateway.domain.keywords import command_in
from gateway.domain.language import LANGUAGES
from gateway.domain.obstacle import IN_A_ROW, Assessment, Share, SharedObstacle, Withdraw
from gateway.settings import ROOT
from gateway.usecases.answering import Answering
from tests.usecases.fakes import AMINA, CLAIRE, NOW, PARIS, FakeAssistant, FakeGuesser, conversation

WORDS = ContentFiles(ROOT, {"service": "Département des Deux-Sèvres", "number": "06 39 98 00 00"})
OBSTACLES = read_obstacles(ROOT / "bot" / "obstacles.yml")
QUESTIONS = ("utter_ask/", "utter_may_i_tell")
NOT_UNDERSTOOD = Reply("utter_rephrase")


class Person:
    """Texts, one turn after the other, and what was shared."""

    def __init__(self, followed: bool = True, says: dict[str, Sequence[Reply]] | None = None) -> None:
        people: dict[str, Any] = {"beneficiary": AMINA, "referent": CLAIRE} if followed else {}
        self.who: Conversation = conversation(state=State(welcomed=True), language="fr", **people)
        self.assistant = FakeAssistant(says or {})
        self.shared: dict[str, SharedObstacle] = {}
        self.last = Outcome()

    async def writes(self, text: str) -> Outcome:
        inbound = Inbound(7, "SM7", text, NOW)
        turn = Answering(
            words=WORDS, assistant=self.assistant, guesser=FakeGuesser(), who=self.who, inbound=inbound,
            previous_text="", now=NOW, zone=PARIS, obstacles=OBSTACLES,
        )  # fmt: skip
        self.last = await turn.outcome()
        for change in self.last.changes:
            if isinstance(change, Share):
                self.shared[change.obstacle.kind] = change.obstacle
            elif isinstance(change, Withdraw):
                self.shared.pop(change.kind, None)
        kept = tuple(self.shared.values())
        self.who = replace(self.who, state=self.last.state, shared=kept)
        return self.last

    @property
    def names(self) -> list[str]:
        return [r.response for r in self.last.replies]


SENSITIVE = {k.id for k in OBSTACLES.kinds.values() if k.sensitive}
SAYS_SENSITIVE = {f"utter_{OBSTACLES.kinds[k].says}" for k in SENSITIVE}


def ended(person: Person) -> State:
    return person.last.state.ended(SENSITIVE, SAYS_SENSITIVE)


NO_CAR = {"g pa de voiture": (Reply("utter_obstacle/mobility"),)}
ILL = {"je suis malade": (Reply("utter_obstacle/health"),)}


async def test_it_meets_what_she_says_with_a_sentence_then_asks() -> None:
    amina = Person(says=NO_CAR)
    await amina.writes("g pa de voiture")
    assert amina.names == ["utter_obstacle/mobility", "utter_ask/mobility.means"]
    assert "9 Je préfère ne pas répondre\n0 Une personne" in amina.last.text
    await amina.writes("6")
    assert amina.names == ["utter_ask/severity"]
    await amina.writes("4")
    assert amina.names == ["utter_may_i_tell"]
    await amina.writes("oui")
    assert amina.names == ["utter_shared", "utter_help_list"]
    told = amina.shared["mobility"]
    assert (told.answers, told.severity, told.version) == ({"means": "none"}, 3, OBSTACLES.consent_version)


async def test_it_forgets_what_she_does_not_share() -> None:
    amina = Person(says=NO_CAR)
    for text in ("g pa de voiture", "1", "2", "non"):
        await amina.writes(text)
    assert amina.names == ["utter_not_shared", "utter_help_list"]
    assert amina.shared == {}
    assert ended(amina).assessment is None


async def test_it_asks_nobody_s_permission_when_nobody_follows_her() -> None:
    stranger = Person(followed=False, says=NO_CAR)
    for text in ("g pa de voiture", "1", "2"):
        await stranger.writes(text)
    assert stranger.names == ["utter_not_kept", "utter_help_list"]


async def test_it_asks_nothing_about_health_before_she_agrees() -> None:
    amina = Person(says=ILL)
    await amina.writes("je suis malade")
    assert amina.names == ["utter_obstacle/health", "utter_message_erased", "utter_ask/preface"]
    assert amina.last.personal
    await amina.writes("2")
    assert amina.names == ["utter_preface_refused", "utter_help_list"]
    assert (amina.shared, amina.last.state.assessment.answers if amina.last.state.assessment else {}) == (
        {},
        {},
    )


async def test_it_marks_every_turn_about_health_as_personal() -> None:
    amina = Person(says=ILL)
    for text in ("je suis malade", "1", "2", "1"):
        assert (await amina.writes(text)).personal, text
    assert amina.shared["health"].answers == {"doctor": "no"}


async def test_it_takes_several_obstacles_at_once() -> None:
    amina = Person()
    await amina.writes("FREINS")
    assert amina.names == ["utter_what_blocks"]
    await amina.writes("1 et 4")
    assert amina.names == ["utter_obstacle/mobility", "utter_ask/mobility.means"]
    for text in ("1", "1"):
        await amina.writes(text)
    await amina.writes("2")
    following = next(c for c in amina.last.state.menu if c.payload == "NEXT")
    assert following.title == "La suite : Argent"
    await amina.writes(following.digit)
    assert amina.names == ["utter_obstacle/money", "utter_ask/money.month"]


async def test_it_tells_several_obstacles_of_one_sentence() -> None:
    both = "g pa de voiture et personne pour mon fils"
    amina = Person(says={both: (Reply("utter_obstacle/childcare"),)})
    amina.assistant.meanings = {
        "g pa de voiture": "obstacle/mobility",
        "personne pour mon fils": "obstacle/childcare",
    }
    await amina.writes(both)
    assert amina.names[0] == "utter_obstacle/mobility"
    assert amina.last.state.assessment
    assert amina.last.state.assessment.queue == ("childcare",)


@pytest.mark.parametrize(
    ("text", "step"),
    [
        pytest.param("c'est ma voiture", "severity", id="the label in a sentence"),
        pytest.param("on m'emmène", "severity", id="the label"),
        pytest.param("9", "severity", id="she prefers not to answer"),
        pytest.param("7", "means", id="a number that is not there"),
        pytest.param("bof", "means", id="words that are no answer"),
        pytest.param("👍", "means", id="an emoji"),
    ],
)
async def test_it_takes_an_answer_or_asks_again(text: str, step: str) -> None:
    amina = Person(says={**NO_CAR, "bof": (NOT_UNDERSTOOD,)})
    await amina.writes("g pa de voiture")
    await amina.writes(text)
    assert amina.last.state.assessment
    assert amina.last.state.assessment.step == step


async def test_it_hears_the_last_of_a_contradiction() -> None:
    amina = Person(says=NO_CAR)
    for text in ("g pa de voiture", "1", "3", "non... enfin oui"):
        await amina.writes(text)
    assert "mobility" in amina.shared


async def test_it_answers_a_question_in_the_middle_then_comes_back() -> None:
    amina = Person(says={**NO_CAR, "c quoi le rsa": (Reply("utter_faq/rsa_amount"),)})
    await amina.writes("g pa de voiture")
    await amina.writes("c quoi le rsa")
    assert amina.names == ["utter_faq/rsa_amount", "utter_back_to", "utter_ask/mobility.means"]
    assert "On reprend : Me déplacer." in amina.last.text
    await amina.writes("1")
    assert amina.names == ["utter_ask/severity"]


async def test_it_lets_her_be_after_three_answers_that_are_none() -> None:
    amina = Person(says={**NO_CAR, "bof": (NOT_UNDERSTOOD,)})
    await amina.writes("g pa de voiture")
    for _ in range(3):
        await amina.writes("bof")
    assert amina.names == ["utter_help_list"]


async def test_it_reminds_her_after_a_long_silence() -> None:
    amina = Person(says=NO_CAR)
    await amina.writes("g pa de voiture")
    amina.who = replace(amina.who, silent_for=timedelta(days=3))
    await amina.writes("1")
    assert amina.names == ["utter_back_to", "utter_ask/severity"]


async def test_it_forgets_a_half_told_obstacle_at_stop_and_at_danger() -> None:
    for text in ("STOP", "je veux mourir"):
        amina = Person(says=NO_CAR)
        await amina.writes("g pa de voiture")
        await amina.writes(text)
        assert amina.last.state.assessment is None


async def test_it_shows_changes_and_erases_what_was_shared() -> None:
    amina = Person(says=NO_CAR)
    for text in ("g pa de voiture", "1", "3", "1", "MES FREINS"):
        await amina.writes(text)
    assert "1 Me déplacer : Beaucoup" in amina.last.text
    await amina.writes("1")
    assert amina.names == ["utter_change_obstacle"]
    await amina.writes("2")
    assert (amina.names, amina.shared) == (["utter_erased"], {})


@pytest.mark.parametrize("told", [("g pa de voiture",), ("g pa de voiture", "1", "3", "1")])
async def test_it_erases_by_one_word(told: Sequence[str]) -> None:
    amina = Person(says=NO_CAR)
    for text in (*told, "effacer"):
        await amina.writes(text)
    assert amina.names == ["utter_erased"]
    assert (amina.shared, amina.last.state.assessment) == ({}, None)
    assert amina.last.changes == (Withdraw("mobility"),)


async def test_it_calls_somebody_for_a_person_without_a_roof() -> None:
    amina = Person(says={"souci de logement": (Reply("utter_obstacle/housing"),)})
    await amina.writes("souci de logement")
    await amina.writes("4")
    assert (amina.names, amina.last.callback, amina.last.urgent) == (["utter_danger_roof"], "danger", True)


async def test_it_unbinds_a_number_that_is_somebody_else_s() -> None:
    amina = Person(says=NO_CAR)
    for text in ("g pa de voiture", "1", "ce n'est pas moi"):
        await amina.writes(text)
    assert amina.names == ["utter_not_me"]
    assert amina.last.unbind
    assert amina.last.state.assessment is None


async def test_it_keeps_what_she_looked_at_with_what_she_shared() -> None:
    amina = Person(says=NO_CAR)
    for text in ("g pa de voiture", "1", "3", "1", "1"):
        await amina.writes(text)
    assert amina.names == ["utter_faq/transport_help"]
    assert amina.shared["mobility"].chosen == ("faq/transport_help",)


@pytest.mark.parametrize(
    "text",
    [
        "pas ok", "ok mais pas maintenant", "pas si vite", "si c'est anonyme", "je dis pas oui",
        "il m'a dit oui mais moi je veux pas", "hein", "je comprends pas", "peut-être",
    ],
)  # fmt: skip
@pytest.mark.parametrize("health", [False, True])
async def test_it_shares_nothing_without_a_plain_yes(text: str, health: bool) -> None:
    amina = Person(says={**NO_CAR, **ILL, text: (NOT_UNDERSTOOD,)})
    for step in ("je suis malade", "1", "2") if health else ("g pa de voiture", "6", "4"):
        await amina.writes(step)
    assert amina.names == ["utter_may_i_tell"]
    await amina.writes(text)
    assert amina.shared == {}
    assert amina.last.state.assessment
    assert amina.last.state.assessment.step == "consent"


async def test_it_takes_no_answer_to_an_older_question() -> None:
    amina = Person(says=NO_CAR)
    await amina.writes("g pa de voiture")
    old = amina.last.state.menu
    await amina.writes("1")
    amina.who = replace(amina.who, state=replace(amina.who.state, menu=old))
    await amina.writes("3")
    assert amina.names == ["utter_back_to", "utter_ask/severity"]


async def test_it_withdraws_what_she_tells_again_and_keeps_this_time() -> None:
    amina = Person(says=NO_CAR)
    for text in ("g pa de voiture", "1", "3", "1", "g pa de voiture", "1", "3", "2"):
        await amina.writes(text)
    assert amina.names[0] == "utter_not_shared"
    assert amina.shared == {}


async def test_it_erases_the_last_of_several() -> None:
    amina = Person(says={**NO_CAR, "souci de logement": (Reply("utter_obstacle/housing"),)})
    for text in ("g pa de voiture", "1", "3", "1", "souci de logement", "2", "3", "1"):
        await amina.writes(text)
    amina.who = replace(amina.who, state=ended(amina))
    await amina.writes("EFFACER")
    assert set(amina.shared) == {"mobility"}


@pytest.mark.parametrize("text", ["STOP", "MENU", "je veux mourir", "1", "FREINS", "MES FREINS"])
@pytest.mark.parametrize("told", [{"kind": "gone", "step": "means"}, {"kind": "mobility", "step": "gone"}])
async def test_it_goes_on_when_a_kind_or_a_question_is_gone(text: str, told: dict[str, str]) -> None:
    amina = Person(says=NO_CAR)
    gone = SharedObstacle("gone", 1, {}, "2026-11-23", "sms", "1")
    amina.who = replace(amina.who, state=State(welcomed=True, assessment=Assessment(**told)), shared=(gone,))
    assert (await amina.writes(text)).text


async def test_it_erases_health_that_waits_its_turn() -> None:
    both = "g pa de voiture et je suis malade"
    amina = Person(says={both: (Reply("utter_obstacle/mobility"),)})
    amina.assistant.meanings = {"g pa de voiture": "obstacle/mobility", "je suis malade": "obstacle/health"}
    await amina.writes(both)
    assert amina.last.erase
    assert "utter_message_erased" in amina.names
    for text in ("1", "1", "2"):
        await amina.writes(text)
    assert "Santé" not in amina.last.text
    assert "health" not in str(ended(amina).to_json())


async def test_it_shows_health_in_a_personal_turn_and_forgets_the_screen() -> None:
    amina = Person(says=ILL)
    for text in ("je suis malade", "1", "2", "1"):
        await amina.writes(text)
    amina.who = replace(amina.who, state=ended(amina))
    for text in ("MES FREINS", "1"):
        assert (await amina.writes(text)).personal
    assert ended(amina).menu == ()
    assert (await amina.writes("2")).personal
    assert amina.shared == {}


async def test_it_still_helps_from_a_menu_of_an_hour_ago() -> None:
    amina = Person(says=NO_CAR)
    for text in ("g pa de voiture", "1", "3", "2"):
        await amina.writes(text)
    amina.who = replace(amina.who, state=ended(amina))
    await amina.writes("1")
    assert amina.names == ["utter_faq/transport_help"]


async def test_it_takes_a_label_as_the_answer_rather_than_as_a_keyword() -> None:
    amina = Person()
    for text in ("FREINS", "5", "1", "1", "2"):
        await amina.writes(text)
    more = next(c for c in amina.last.state.menu if c.payload == "MORE")
    await amina.writes(more.digit)
    assert amina.names == ["utter_ask/admin.helper"]
    await amina.writes("Personne")
    assert amina.last.callback == ""


async def test_it_keeps_the_question_when_the_language_changes() -> None:
    amina = Person(says=NO_CAR)
    for text in ("g pa de voiture", "LANGUE", "2"):
        await amina.writes(text)
    assert amina.last.language == "en"
    assert amina.names[-1] == "utter_ask/mobility.means"


def test_it_stops_nobody_by_a_label() -> None:
    for name, response in WORDS.responses.items():
        for language in LANGUAGES if response.metadata.get("question") else ():
            titles = [WORDS.say(name, title, language) for title, _ in response.buttons]
            assert not [t for t in titles if command_in(t, WORDS.vocabularies) == "STOP"], (name, language)


TEXTS = st.one_of(
    st.sampled_from([str(n) for n in range(10)]),
    st.sampled_from(
        [
            "oui",
            "non",
            "retour",
            "MENU",
            "FREINS",
            "MES FREINS",
            "EFFACER",
            "1 et 4",
            "2,3 et 5",
            "bof",
            "👍",
            "",
        ]
    ),
    st.sampled_from(["g pa de voiture", "je suis malade", "souci de logement", "STOP", "START", "english"]),
)
SAYS = {
    **NO_CAR, **ILL, "souci de logement": (Reply("utter_obstacle/housing"),), "bof": (NOT_UNDERSTOOD,),
}  # fmt: skip


@settings(max_examples=1000, deadline=None)
@given(texts=st.lists(TEXTS, min_size=1, max_size=14), followed=st.booleans())
async def test_it_is_never_stuck_whatever_she_writes(texts: list[str], followed: bool) -> None:
    amina, in_a_row, stopped = Person(followed, SAYS), set[tuple[str, str]](), False
    amina.assistant.otherwise = (NOT_UNDERSTOOD,)
    for text in texts:
        stopped = text == "STOP" or (stopped and text != "START")
        amina.who = replace(amina.who, opted_out=stopped)
        out = await amina.writes(text)
        menu, told = out.state.menu, out.state.assessment
        asked = bool(told) and any(name.startswith(QUESTIONS) for name in amina.names)
        met = any(name.startswith("utter_obstacle/") for name in amina.names)  # said something: a new row
        in_a_row = ({*in_a_row} if not met else set()) if asked else set()
        if asked and told:
            in_a_row.add((told.kind, told.step))
        assert len(in_a_row) <= IN_A_ROW
        assert stopped or out.text or text in ("", "STOP")
        if asked and "PLUS" not in {c.payload for c in menu}:
            assert {"9", "0"} <= {c.digit for c in menu}, "a way out"
        if told and told.asks:
            assert told.step in {
                *OBSTACLES.kinds[told.kind].opening,
                *OBSTACLES.kinds[told.kind].details,
                "consent",
            }
    for shared in amina.shared.values():
        kind = OBSTACLES.kinds[shared.kind]
        assert set(shared.answers) <= {*kind.first, *kind.more}
