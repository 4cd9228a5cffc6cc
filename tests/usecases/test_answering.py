"""The order of a turn: danger, STOP, keywords, a digit of the last menu, then understanding."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from gateway.domain.conversation import Conversation, Inbound, Outcome, Reply, State
from gateway.domain.menu import Choice
from gateway.errors import AssistantSilent
from gateway.usecases.answering import Answering
from tests.usecases.fakes import (
    AMINA,
    CLAIRE,
    LABELS,
    NOW,
    PARIS,
    FakeAssistant,
    FakeGuesser,
    FakeWords,
    conversation,
)

MAIN = (
    Choice("1", "RSA", "/menu/rsa"),
    Choice("2", "Arrêter", "STOP"),
    Choice("0", "Quelqu'un", "/talk_to_human"),
)
AMOUNT = (Reply("utter_faq/rsa_amount"),)


async def turn(
    text: str,
    who: Conversation | None = None,
    says: dict[str, Sequence[Reply]] | None = None,
    assistant: FakeAssistant | None = None,
    words: FakeWords | None = None,
    media: int = 0,
    carrier_stop: str = "",
    **changes: Any,
) -> Outcome:
    inbound = Inbound(7, "SM7", text, NOW, media, carrier_stop)
    answering = Answering(
        words=words or FakeWords(), assistant=assistant or FakeAssistant(says or {}), guesser=FakeGuesser(),
        who=who or conversation(), inbound=inbound, previous_text="", now=NOW, zone=PARIS,
    )  # fmt: skip
    return await replace(answering, **changes).outcome()


def names(outcome: Outcome) -> list[str]:
    return [reply.response for reply in outcome.replies]


# danger


@pytest.mark.parametrize(
    "text", ["je veux mourir", "stop je veux mourir", "JE VEUX MOURIR !", "2. veux mourir"]
)
async def test_it_answers_danger_before_anything_else(text: str) -> None:
    outcome = await turn(text, conversation(state=State(menu=MAIN, welcomed=True, rest="…")))
    assert names(outcome) == ["utter_danger_suicide"]
    assert (outcome.callback, outcome.urgent, outcome.sensitive) == ("danger", True, True)
    assert not outcome.stop
    assert (outcome.state.menu, outcome.state.rest) == ((), "")


@pytest.mark.parametrize(
    "who",
    [
        pytest.param(conversation(opted_out=True, reminded_on="2026-11-23"), id="she had stopped"),
        pytest.param(conversation(state=State(), language="", language_sure=False), id="first contact"),
        pytest.param(conversation(callback_open=True), id="somebody was asked already"),
    ],
)
async def test_it_answers_danger_alone_whoever_she_is(who: Conversation) -> None:
    assistant = FakeAssistant()
    outcome = await turn("je veux mourir", who, assistant=assistant)
    assert names(outcome) == ["utter_danger_suicide"]
    assert outcome.text == "fr:utter_danger_suicide"
    assert assistant.asked == []


async def test_it_answers_danger_even_where_the_carrier_saw_a_stop() -> None:
    assert names(await turn("je veux mourir", carrier_stop="STOP")) == ["utter_danger_suicide"]


async def test_it_raises_no_alarm_for_a_way_of_speaking() -> None:
    outcome = await turn("je veux mourir de rire", says={"je veux mourir de rire": AMOUNT})
    assert names(outcome) == ["utter_faq/rsa_amount"]


async def test_it_believes_the_assistant_about_a_danger_that_no_word_told() -> None:
    says = {"mon toit est parti": [Reply("utter_danger_roof"), Reply("utter_menu/main")]}
    outcome = await turn("mon toit est parti", says=says)
    assert names(outcome) == ["utter_danger_roof"]
    assert (outcome.callback, outcome.urgent, outcome.asked_rasa) == ("danger", True, True)


# STOP and START


@pytest.mark.parametrize("text", ["STOP", "arrêt", "stop svp", "Bonjour, STOP merci"])
async def test_it_stops_before_understanding(text: str) -> None:
    assistant = FakeAssistant({text: AMOUNT})
    outcome = await turn(text, conversation(state=State(menu=MAIN, welcomed=True)), assistant=assistant)
    assert (outcome.stop, names(outcome)) == (True, ["utter_stop_confirmed"])
    assert assistant.asked == []


@pytest.mark.parametrize(
    ("who", "carrier_stop"),
    [
        pytest.param(conversation(opted_out=True), "", id="she had stopped already"),
        pytest.param(conversation(), "STOP", id="the carrier has confirmed it"),
    ],
)
async def test_it_confirms_a_stop_once(who: Conversation, carrier_stop: str) -> None:
    outcome = await turn("STOP", who, carrier_stop=carrier_stop)
    assert outcome.stop
    assert outcome.text == ""


async def test_it_trusts_the_carrier_about_words_it_does_not_know() -> None:
    outcome = await turn("PARAR", carrier_stop="STOP")
    assert (outcome.stop, outcome.text) == (True, "")


async def test_it_starts_again_when_asked() -> None:
    outcome = await turn("START", conversation(opted_out=True))
    assert (outcome.start, names(outcome)) == (True, ["utter_start_confirmed"])


async def test_it_starts_again_without_a_word_where_the_carrier_said_it() -> None:
    outcome = await turn("START", conversation(opted_out=True), carrier_stop="START")
    assert (outcome.start, outcome.text) == (True, "")


async def test_it_adds_nothing_to_the_help_of_the_carrier() -> None:
    outcome = await turn("HELP", carrier_stop="HELP")
    assert (outcome.text, outcome.stop, outcome.start) == ("", False, False)


async def test_it_stops_when_the_menu_says_so() -> None:
    outcome = await turn("2", conversation(state=State(menu=MAIN, welcomed=True)))
    assert (outcome.stop, names(outcome)) == (True, ["utter_stop_confirmed"])


async def test_it_stops_on_the_yes_that_answers_are_you_sure() -> None:
    sure = (Choice("1", "Oui, arrêter", "STOP"), Choice("2", "Non, continuer", "/menu/main"))
    outcome = await turn("ok", conversation(state=State(menu=sure, welcomed=True)))
    assert outcome.stop


# after STOP


@pytest.mark.parametrize("text", ["combien le rsa", "1", "MENU", "english", "👍", ""])
async def test_it_tells_her_how_to_come_back_and_nothing_more(text: str) -> None:
    assistant = FakeAssistant({text: AMOUNT})
    outcome = await turn(
        text, conversation(opted_out=True, state=State(menu=MAIN, welcomed=True)), assistant=assistant
    )
    assert names(outcome) == ["utter_stopped_reminder"]
    assert outcome.reminded_on == "2026-11-23"
    assert assistant.asked == []


@pytest.mark.parametrize(("last", "said"), [("2026-11-23", ""), ("2026-11-22", "fr:utter_stopped_reminder")])
async def test_it_tells_her_once_a_day(last: str, said: str) -> None:
    outcome = await turn("combien le rsa", conversation(opted_out=True, reminded_on=last))
    assert outcome.text == said


# keywords


@pytest.mark.parametrize(
    ("text", "replies", "callback"),
    [
        ("MENU", ["utter_menu/main"], ""),
        ("aide svp", ["utter_help"], ""),
        ("LANGUE", ["utter_change_language"], ""),
        ("SUITE", ["utter_nothing_more"], ""),
        ("SOURCE", ["utter_source_none"], ""),
        ("SIMPLE", ["utter_nothing_to_repeat"], ""),
        ("RETOUR", ["utter_go_back", "utter_menu/main"], ""),
        ("RDV", ["utter_book_appointment"], "appointment"),
        ("appelez-moi", ["utter_talk_to_human"], "asked"),
    ],
)
async def test_it_obeys_keywords_without_the_assistant(text: str, replies: list[str], callback: str) -> None:
    assistant = FakeAssistant()
    outcome = await turn(text, assistant=assistant)
    assert (names(outcome), outcome.callback) == (replies, callback)
    assert assistant.asked == []


async def test_it_names_the_referent_and_promises_no_hour() -> None:
    outcome = await turn("RDV", conversation(beneficiary=AMINA, referent=CLAIRE))
    assert outcome.replies == (Reply("utter_book_appointment_referent", {"referent": "Claire"}),)


async def test_it_says_that_her_request_is_already_noted() -> None:
    outcome = await turn("RDV", conversation(referent=CLAIRE, callback_open=True))
    assert names(outcome) == ["utter_talk_to_human_again"]


@pytest.mark.parametrize(
    ("metadata", "reply"),
    [
        ({"source": "CAF", "checked_on": "2026-11-01"}, Reply("utter_source", {"source": "CAF", "date": "2026-11-01"})),
        ({"source": "à confirmer"}, Reply("utter_source_unconfirmed", {"source": "à confirmer", "date": ""})),
        ({"source": "service"}, Reply("utter_source_none")),
        ({}, Reply("utter_source_none")),
    ],
)  # fmt: skip
async def test_it_gives_the_source_of_what_it_said_last(metadata: dict[str, str], reply: Reply) -> None:
    words = FakeWords(metadata={"utter_faq/rsa_amount": metadata})
    outcome = await turn("SOURCE", conversation(state=State(last=AMOUNT, welcomed=True)), words=words)
    assert outcome.replies == (reply,)
    assert outcome.state.last == AMOUNT  # a second SOURCE gives it again


async def test_it_says_it_more_simply_where_it_can() -> None:
    state = State(last=(Reply("utter_faq/rsa_amount"),), welcomed=True)
    words = FakeWords(simple={"utter_simple/rsa_amount"})
    outcome = await turn("SIMPLE", conversation(state=state), words=words)
    assert names(outcome) == ["utter_repeat_simpler", "utter_simple/rsa_amount"]


async def test_it_repeats_where_there_is_nothing_simpler() -> None:
    assert names(await turn("SIMPLE", conversation(state=State(last=AMOUNT, welcomed=True)))) == [
        "utter_faq/rsa_amount"
    ]


async def test_it_goes_back_one_answer_at_a_time() -> None:
    menu, food = (Reply("utter_menu/main"),), (Reply("utter_faq/food_aid"),)
    state = State(last=AMOUNT, trail=(menu, food), welcomed=True)
    first = await turn("RETOUR", conversation(state=state))
    assert names(first) == ["utter_faq/food_aid"]
    second = await turn("RETOUR", conversation(state=first.state))
    assert names(second) == ["utter_menu/main"]


# the last menu


@pytest.mark.parametrize("text", ["1", "1.", "n°1", "le 1", "١", "RSA", "rsa !", "1 RSA"])
async def test_it_sends_a_choice_as_a_payload(text: str) -> None:
    assistant = FakeAssistant({"/menu/rsa": [Reply("utter_menu/rsa")]})
    outcome = await turn(text, conversation(state=State(menu=MAIN, welcomed=True)), assistant=assistant)
    assert [(q.payload, q.text, q.sid) for q in assistant.asked] == [("/menu/rsa", "", "SM7")]
    assert names(outcome) == ["utter_menu/rsa"]


@pytest.mark.parametrize("text", ["0", "zéro", "٠", "n°0"])
@pytest.mark.parametrize("menu", [MAIN, ()], ids=["with a menu", "without"])
async def test_it_takes_zero_for_a_person(text: str, menu: tuple[Choice, ...]) -> None:
    outcome = await turn(text, conversation(state=State(menu=menu, welcomed=True)))
    assert (names(outcome), outcome.callback) == (["utter_talk_to_human"], "asked")


async def test_it_shows_the_choices_again_for_a_number_that_is_not_there() -> None:
    before = State(menu=MAIN, last=AMOUNT, welcomed=True)
    outcome = await turn("7", conversation(state=before))
    assert names(outcome) == ["utter_choose_number"]
    assert outcome.state.menu == MAIN
    assert outcome.state.last == AMOUNT


async def test_it_says_so_when_there_is_no_menu_to_answer() -> None:
    assert names(await turn("3")) == ["utter_no_menu", "utter_menu/main"]


async def test_it_keeps_the_menu_she_still_sees() -> None:
    outcome = await turn(
        "c'est combien", conversation(state=State(menu=MAIN, welcomed=True)), {"c'est combien": AMOUNT}
    )
    assert outcome.state.menu == MAIN
    again = await turn("1", conversation(state=outcome.state), {"/menu/rsa": [Reply("utter_menu/rsa")]})
    assert names(again) == ["utter_menu/rsa"]


async def test_it_forgets_a_menu_once_another_is_shown() -> None:
    outcome = await turn(
        "arrête ?", conversation(state=State(menu=MAIN, welcomed=True)), {"arrête ?": [Reply("utter_stop")]}
    )
    assert [c.title for c in outcome.state.menu] == ["Oui, arrêter", "Non, continuer"]


async def test_it_says_the_rest_of_a_long_answer() -> None:
    words = FakeWords(long={"utter_faq/rsa_amount"})
    first = await turn("combien", says={"combien": AMOUNT}, words=words)
    assert (first.text, first.state.rest) == ("fr:utter_faq/rsa_amount (1)", "the rest")
    second = await turn("1", conversation(state=first.state), words=words)
    assert (second.text, second.state.rest, second.state.menu) == ("fr:the rest", "", ())
    third = await turn("SUITE", conversation(state=second.state), words=words)
    assert names(third) == ["utter_nothing_more"]


# what is hers is never a payload


@pytest.mark.parametrize(
    "text",
    ["/restart", '/faq/rsa_amount{"a":1}', " /menu/rsa", "//restart", "/talk_to_human", "/", "/\n/restart"],
)
async def test_it_never_takes_her_text_for_a_payload(text: str) -> None:
    assistant = FakeAssistant({text: [Reply("utter_rephrase")]})
    await turn(text, conversation(state=State(menu=MAIN, welcomed=True)), assistant=assistant)
    assert [q.payload for q in assistant.asked] in ([], [""])


# messages without words


@pytest.mark.parametrize(
    ("text", "media", "reply"),
    [("", 0, "utter_empty"), ("", 1, "utter_picture"), ("👍", 0, "utter_emoji"), ("...", 0, "utter_emoji")],
)
async def test_it_answers_what_has_no_words(text: str, media: int, reply: str) -> None:
    assistant = FakeAssistant()
    outcome = await turn(text, media=media, assistant=assistant)
    assert names(outcome) == [reply]
    assert assistant.asked == []


# understanding


async def test_it_tells_the_assistant_which_message_this_is() -> None:
    assistant = FakeAssistant({"combien": AMOUNT})
    outcome = await turn("combien", assistant=assistant, again=True)
    (question,) = assistant.asked
    assert (question.pseudonym, question.sid, question.text, question.again) == ("p1", "SM7", "combien", True)
    assert outcome.asked_rasa


async def test_it_tries_again_later_while_the_assistant_is_silent() -> None:
    with pytest.raises(AssistantSilent):
        await turn("combien")


async def test_it_ends_a_long_silence_with_an_honest_sentence_and_a_person() -> None:
    outcome = await turn("combien", last_try=True)
    assert (names(outcome), outcome.callback) == (["utter_later"], "unanswered")


async def test_it_offers_the_likeliest_meanings_and_a_person() -> None:
    candidates = [{"name": n} for n in ("faq/rsa_amount", "faq/unlabelled", "faq/food_aid")]
    says = {"sdfk": [Reply("utter_not_understood", {"candidates": candidates})]}
    outcome = await turn("sdfk", says=says)
    assert [(c.digit, c.title, c.payload) for c in outcome.state.menu] == [
        ("1", LABELS["faq/rsa_amount"], "/faq/rsa_amount"),
        ("2", LABELS["faq/food_aid"], "/faq/food_aid"),
        ("0", LABELS["talk_to_human"], "/talk_to_human"),
    ]


async def test_it_asks_to_say_it_otherwise_when_no_meaning_is_likely() -> None:
    says = {"sdfk": [Reply("utter_not_understood", {"candidates": []})]}
    assert names(await turn("sdfk", says=says)) == ["utter_rephrase"]


async def test_it_starts_over_from_nothing() -> None:
    state = State(menu=MAIN, last=AMOUNT, trail=(AMOUNT,), rest="…", welcomed=True)
    outcome = await turn(
        "on recommence", conversation(state=state), {"on recommence": [Reply("utter_start_over")]}
    )
    assert (outcome.state.menu, outcome.state.trail, outcome.state.rest) == ((), (), "")
    assert outcome.state.welcomed
