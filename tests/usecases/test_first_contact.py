"""First words: who writes, then what she asked, and her language when it is not sure."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from gateway.domain.conversation import Conversation, Inbound, Outcome, Reply, State
from gateway.errors import AssistantSilent
from gateway.usecases.answering import Answering
from tests.usecases.fakes import NOW, PARIS, FakeAssistant, FakeGuesser, FakeWords, conversation, newcomer

AMOUNT = (Reply("utter_faq/rsa_amount"),)
MAIN = (Reply("utter_menu/main"),)
GREET = (Reply("utter_greet"),)
SCORES = {
    "how much": ("en", 0.99), "how much please sir": ("en", 0.99), "combien": ("fr", 0.9),
    "cuanto dinero es": ("es", 0.99), "hello": ("en", 0.99), "k": ("tr", 0.3), "merci": ("fr", 0.9),
}  # fmt: skip


class Talk:
    """One person's turns, each from where the last one ended."""

    def __init__(self, who: Conversation | None = None, **says: Sequence[Reply]) -> None:
        self.who = who or newcomer()
        self.assistant = FakeAssistant({text.replace("_", " "): replies for text, replies in says.items()})
        self.texts: list[str] = []

    async def says(self, text: str) -> Outcome:
        previous = self.texts[-1] if self.texts and self.who.state.waiting else ""
        self.texts.append(text)
        inbound = Inbound(len(self.texts), f"SM{len(self.texts)}", text, NOW)
        outcome = await Answering(
            words=FakeWords(), assistant=self.assistant, guesser=FakeGuesser(SCORES), who=self.who,
            inbound=inbound, previous_text=previous, now=NOW, zone=PARIS,
        ).outcome()  # fmt: skip
        self.who = replace(
            self.who, state=outcome.state, language=outcome.language, language_sure=outcome.language_sure,
            opted_out=(self.who.opted_out or outcome.stop) and not outcome.start,
        )  # fmt: skip
        return outcome


def names(outcome: Outcome) -> list[str]:
    return [reply.response for reply in outcome.replies]


async def test_it_welcomes_and_answers_in_the_same_turn() -> None:
    talk = Talk(combien=AMOUNT)
    outcome = await talk.says("combien")
    assert names(outcome) == ["utter_welcome", "utter_faq/rsa_amount"]
    assert (outcome.language, outcome.language_sure) == ("fr", True)


async def test_it_welcomes_once() -> None:
    talk = Talk(combien=AMOUNT, merci=[Reply("utter_thanks")])
    await talk.says("combien")
    assert names(await talk.says("merci")) == ["utter_thanks"]


async def test_it_shows_the_menu_to_whoever_says_hello() -> None:
    talk = Talk(bonjour=GREET)
    assert names(await talk.says("bonjour")) == ["utter_welcome", "utter_menu/main"]


async def test_it_asks_her_language_when_unsure_and_answers_all_the_same() -> None:
    talk = Talk(cuanto_dinero_es=AMOUNT)
    outcome = await talk.says("cuanto dinero es")
    assert names(outcome) == ["utter_welcome", "utter_faq/rsa_amount", "utter_change_language"]
    assert (outcome.language, outcome.language_sure) == ("fr", False)
    assert [c.payload for c in outcome.state.menu] == ["LANGUE fr", "LANGUE en", "LANGUE other"]


@pytest.mark.parametrize("choice", ["2", "English", "english", "n°2", "two"])
async def test_it_answers_her_first_question_once_she_chose_a_language(choice: str) -> None:
    talk = Talk(cuanto_dinero_es=AMOUNT)
    await talk.says("cuanto dinero es")
    outcome = await talk.says(choice)
    assert names(outcome) == ["utter_language_changed", "utter_faq/rsa_amount"]
    assert outcome.text == "en:utter_language_changed + en:utter_faq/rsa_amount"
    assert [q.text for q in talk.assistant.asked] == ["cuanto dinero es", "cuanto dinero es"]
    assert (talk.who.language, talk.who.language_sure, talk.who.state.waiting) == ("en", True, False)


async def test_it_greets_in_the_language_she_chose() -> None:
    talk = Talk(hello=GREET)
    first = await talk.says("hello")
    assert names(first) == ["utter_welcome", "utter_change_language"]
    assert first.language == "en"
    second = await talk.says("2")
    assert names(second) == ["utter_language_changed", "utter_greet"]


async def test_it_asks_her_language_once() -> None:
    talk = Talk(cuanto_dinero_es=AMOUNT, combien=AMOUNT)
    await talk.says("cuanto dinero es")
    outcome = await talk.says("combien")
    assert names(outcome) == ["utter_faq/rsa_amount"]
    assert talk.who.language_sure
    assert names(await talk.says("cuanto dinero es")) == ["utter_faq/rsa_amount"]


async def test_it_keeps_a_danger_alone_even_after_the_choice_of_a_language() -> None:
    """Her first question turns out to be one: nothing comes before its number."""
    talk = Talk(cuanto_dinero_es=[Reply("utter_rephrase")])
    await talk.says("cuanto dinero es")
    talk.assistant.says["cuanto dinero es"] = [Reply("utter_danger_roof")]
    outcome = await talk.says("2")
    assert names(outcome) == ["utter_danger_roof"]
    assert (outcome.callback, outcome.urgent) == ("danger", True)


@pytest.mark.parametrize("text", ["1", "0", "MENU", "RDV"])
async def test_it_asks_nobody_about_a_first_word_that_was_no_question(text: str) -> None:
    """A digit or a keyword was dealt with at once: once she chose a language, the menu follows."""
    talk = Talk(newcomer(language="fr"))
    await talk.says(text)
    talk.assistant.says[text] = [Reply("utter_rephrase")]
    outcome = await talk.says("2")
    assert talk.assistant.asked == []
    assert names(outcome) == ["utter_language_changed", "utter_menu/main"]


async def test_it_asks_no_language_where_it_is_sure() -> None:
    talk = Talk(how_much_please_sir=AMOUNT)
    outcome = await talk.says("how much please sir")
    assert (names(outcome), outcome.language) == (["utter_welcome", "utter_faq/rsa_amount"], "en")


async def test_it_asks_no_language_of_somebody_imported() -> None:
    talk = Talk(newcomer(language="en", language_sure=True), k=AMOUNT)
    outcome = await talk.says("k")
    assert (names(outcome), outcome.language) == (["utter_welcome", "utter_faq/rsa_amount"], "en")


@pytest.mark.parametrize("text", ["1", "7", "٣"])
async def test_it_welcomes_somebody_whose_first_word_is_a_digit(text: str) -> None:
    outcome = await Talk().says(text)
    assert names(outcome) == ["utter_welcome", "utter_change_language"]
    assert outcome.state.welcomed


@pytest.mark.parametrize(
    ("text", "replies"),
    [
        ("MENU", ["utter_welcome", "utter_menu/main"]),
        ("0", ["utter_welcome", "utter_talk_to_human"]),
        ("", ["utter_welcome", "utter_empty"]),
        ("STOP", ["utter_stop_confirmed"]),
        ("START", ["utter_start"]),
        ("je veux mourir", ["utter_danger_suicide"]),
    ],
)
async def test_it_knows_what_must_not_wait_for_a_welcome(text: str, replies: list[str]) -> None:
    said = names(await Talk().says(text))
    assert [name for name in said if name != "utter_change_language"] == replies


async def test_it_welcomes_her_after_she_stopped_and_came_back() -> None:
    talk = Talk(combien=AMOUNT)
    await talk.says("STOP")
    await talk.says("START")
    assert names(await talk.says("combien")) == ["utter_welcome", "utter_faq/rsa_amount"]


async def test_it_welcomes_nobody_in_the_middle_of_a_danger() -> None:
    talk = Talk(merci=[Reply("utter_thanks")])
    await talk.says("je veux mourir")
    assert names(await talk.says("merci")) == ["utter_thanks"]


# changing language later


@pytest.mark.parametrize("text", ["english", "English svp"])
async def test_it_says_the_last_answer_again_in_another_language(text: str) -> None:
    talk = Talk(conversation(state=State(last=AMOUNT, welcomed=True)))
    outcome = await talk.says(text)
    assert outcome.text == "en:utter_language_changed + en:utter_faq/rsa_amount"
    assert talk.assistant.asked == []


async def test_it_shows_the_menu_where_there_is_nothing_to_say_again() -> None:
    talk = Talk(conversation(state=State(last=(Reply("utter_thanks"),), welcomed=True)))
    assert names(await talk.says("english")) == ["utter_language_changed", "utter_menu/main"]


async def test_it_follows_her_when_she_changes_language() -> None:
    talk = Talk(conversation(), how_much_please_sir=AMOUNT)
    outcome = await talk.says("how much please sir")
    assert outcome.text == "en:utter_faq/rsa_amount"


async def test_it_stays_in_her_language_for_a_word_or_two() -> None:
    talk = Talk(conversation(), how_much=AMOUNT)
    assert (await talk.says("how much")).language == "fr"


async def test_it_counts_another_language_and_asks_for_a_person() -> None:
    talk = Talk(cuanto_dinero_es=AMOUNT)
    await talk.says("cuanto dinero es")
    outcome = await talk.says("8")
    assert (names(outcome), outcome.callback) == (["utter_language_other"], "language")
    assert outcome.state.menu  # she may still choose one of ours


async def test_it_understands_a_request_to_change_language() -> None:
    says = [Reply("utter_change_language")]
    talk = Talk(conversation(), parlez_english_svp_monsieur=says, autre_chose_svp=says)
    assert names(await talk.says("parlez english svp monsieur")) == [
        "utter_language_changed",
        "utter_menu/main",
    ]
    assert talk.who.language == "en"
    assert names(await talk.says("autre chose svp")) == ["utter_change_language"]


async def test_it_keeps_her_question_through_a_silence_of_the_assistant() -> None:
    talk = Talk(cuanto_dinero_es=AMOUNT)
    await talk.says("cuanto dinero es")
    talk.assistant.says.clear()
    with pytest.raises(AssistantSilent):
        await talk.says("2")
    talk.texts.pop()  # the same message is tried again
    talk.assistant.says["cuanto dinero es"] = AMOUNT
    assert names(await talk.says("2")) == ["utter_language_changed", "utter_faq/rsa_amount"]
