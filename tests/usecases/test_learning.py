"""What is kept for the content team, and what never is."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from gateway.domain.conversation import Channel, Inbound, Outcome, Reply, State
from gateway.domain.questions import Exchange, KeptQuestion, Kind
from gateway.usecases.conversation import next_turn, receive, record_turn
from gateway.usecases.learning import denied, masked, question_to_keep, sensitive, to_say, weighed
from tests.usecases.fakes import AMINA_PHONE, NOW, TEAM, FakeStore, conversation

TODAY = date(2026, 11, 23)
AMOUNT = Exchange("combien je touche", ("utter_faq/rsa_amount",))
NOT_IT = Outcome((Reply("utter_deny"),), "fr", asked_rasa=True, heard=True, denied=True)


def said(*names: str, **changes: Any) -> Outcome:
    known = Outcome(tuple(Reply(name) for name in names), "fr", asked_rasa=True, heard=True)
    return replace(known, **changes)


def kept(
    outcome: Outcome, text: str = "c koi le pti", before: Exchange | None = None, **state: Any
) -> KeptQuestion | None:
    who = conversation(state=State(welcomed=True, **state))
    return question_to_keep(who, Inbound(7, "SM7", text, NOW), outcome, before, TODAY)


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (["utter_not_understood"], Kind.ASKED_AGAIN),
        (["utter_welcome", "utter_rephrase"], Kind.ASKED_AGAIN),
        (["utter_out_of_scope"], Kind.OUT_OF_SCOPE),
        (["utter_faq/out_of_scope.tax"], Kind.OUT_OF_SCOPE),
    ],
)
def test_it_keeps_a_question_without_an_answer(names: list[str], kind: Kind) -> None:
    weighed = (("faq/pti", 0.4), ("faq/rsa_amount", 0.2))
    found = kept(said(*names, language="en", considered=weighed))
    assert found == KeptQuestion(kind, "en", "c koi le pti", weighed, TODAY)


@pytest.mark.parametrize("name", ["utter_faq/rsa_amount", "utter_later", "utter_menu/main", "utter_greet"])
def test_it_keeps_nothing_of_what_was_answered(name: str) -> None:
    assert kept(said(name)) is None


def test_it_keeps_nothing_of_a_choice_or_of_a_question_said_again() -> None:
    assert kept(said("utter_not_understood", heard=False), "2") is None


# an answer refused


def test_it_keeps_the_question_whose_answer_she_refused() -> None:
    found = kept(NOT_IT, "non", AMOUNT)
    assert found == KeptQuestion(Kind.REFUSED_ANSWER, "fr", "combien je touche", (), TODAY)


def test_it_keeps_it_in_the_language_of_the_question() -> None:
    found = kept(replace(NOT_IT, language="es"), "no", AMOUNT)
    assert found is not None
    assert found.language == "fr"


@pytest.mark.parametrize(
    "before",
    [
        None,
        Exchange("2", ("utter_faq/rsa_amount",)),
        Exchange("simple", ("utter_repeat_simpler", "utter_simple/rsa_amount")),
        Exchange("plus simple svp", ("utter_repeat_simpler", "utter_faq/rsa_amount")),
        Exchange("merci beaucoup madame", ("utter_thanks",)),
        Exchange("je paie des impôts", ("utter_faq/out_of_scope.tax",)),
        Exchange("bla bla bla", ("utter_not_understood",)),
    ],
)
def test_it_keeps_nothing_when_it_was_no_answer_to_a_question(before: Exchange | None) -> None:
    assert kept(NOT_IT, "non", before) is None


def test_it_never_keeps_the_no_itself() -> None:
    assert kept(said("utter_rephrase", denied=True), "ні", None) is None


@pytest.mark.parametrize(
    ("text", "reply", "refused"),
    [
        ("NON !", "utter_rephrase", True),
        ("mba hiyach hadi", "utter_deny", True),
        ("non le montant", "utter_faq/x", False),
    ],
)
def test_it_hears_a_no_by_its_words_or_by_its_meaning(text: str, reply: str, refused: bool) -> None:
    assert denied(text, [Reply(reply)], {"non", "ні"}) is refused


# never


@pytest.mark.parametrize(
    "name",
    [
        "utter_danger_suicide", "suicidal", "violence", "violence__elder", "emergency_danger__child",
        "obstacle/health", "obstacle/mental_health", "utter_obstacle/justice", "faq/psychological_support",
        "utter_simple/psychological_support.mon_soutien_psy", "utter_faq/aah", "faq/disability_rqth_mdph.agefiph",
        "faq/css_health_cover.css_renewal", "utter_faq/find_doctor.health_checkup", "faq/legal_help.prison_exit",
    ],
)  # fmt: skip
def test_it_knows_what_is_sensitive(name: str) -> None:
    assert sensitive(name)


@pytest.mark.parametrize("name", ["faq/legal_help", "faq/rsa_amount", "obstacle/housing", "utter_rephrase"])
def test_it_knows_what_is_not(name: str) -> None:
    assert not sensitive(name)


@pytest.mark.parametrize(
    "considered",
    [(("faq/aah", 0.3), ("faq/pti", 0.2)), (("faq/pti", 0.3), ("suicidal", 0.2), ("faq/rsa_amount", 0.1))],
)
def test_it_keeps_nothing_when_a_sensitive_meaning_was_likely(considered: Any) -> None:
    for name in ("utter_not_understood", "utter_out_of_scope"):
        assert kept(said(name, considered=considered)) is None


def test_it_keeps_nothing_when_any_meaning_is_sensitive() -> None:
    assert kept(said("utter_rephrase", considered=(("a", 0.3), ("b", 0.2), ("faq/aah", 0.1)))) is None


def test_it_keeps_nothing_of_a_danger() -> None:
    assert kept(said("utter_rephrase", sensitive=True)) is None
    assert kept(said("utter_danger_suicide")) is None


def test_it_keeps_nothing_said_right_after_a_sensitive_answer() -> None:
    last = (Reply("utter_faq/psychological_support"),)
    assert kept(said("utter_rephrase"), last=last) is None
    assert kept(NOT_IT, "non", Exchange("je vais pas bien", ("utter_obstacle/mental_health",))) is None


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("appelez moi au 06 12.34-56 78 svp", "appelez moi au … svp"),
        ("mon numero +33612345678", "mon numero …"),
        ("رقمي ٠٦١٢٣٤٥٦٧٨", "رقمي …"),
        ("06\u200b12\u200b34\u200b56\u200b78", "…"),
        ("née le 12/03/1987", "née le …"),
        ("mon mail amina.b@exemple.fr, merci", "mon mail … merci"),
        ("amina @ exemple.fr", "…"),
        ("j'ai 3 enfants et 650 euros", "j'ai 3 enfants et 650 euros"),
        ("code 79000", "code 79000"),
        ("deux\nlignes", "deux lignes"),
    ],
)
def test_it_hides_numbers_and_addresses(text: str, shown: str) -> None:
    assert masked(text) == shown


def test_it_hides_them_in_what_it_keeps() -> None:
    for found in (
        kept(said("utter_rephrase"), "je suis le 0612345678"),
        kept(NOT_IT, "non", Exchange("je suis le 0612345678", ("utter_faq/rsa_amount",))),
    ):
        assert found is not None
        assert found.text == "je suis le …"


# with Rasa's words, and with the store


def test_it_reads_the_meanings_that_rasa_weighed_and_says_them_no_further() -> None:
    meanings = [{"name": f"faq/{n}", "confidence": 0.5 / (n + 1)} for n in range(8)]
    refused = Reply("utter_faq/out_of_scope.tax", {"candidates": meanings, "x": 1})
    assert [name for name, _ in weighed([Reply("utter_welcome"), refused])] == [f"faq/{n}" for n in range(5)]
    assert to_say([refused]) == (Reply("utter_faq/out_of_scope.tax", {"x": 1}),)
    offered = Reply("utter_not_understood", {"candidates": meanings})
    assert to_say([offered]) == (offered,)


async def one_turn(store: FakeStore, text: str, outcome: Outcome) -> None:
    sid = f"SM{len(store.inbound)}"
    await receive(store, channel=Channel.SMS, address=AMINA_PHONE, sid=sid, text=text, now=NOW)  # type: ignore[arg-type]
    turn = await next_turn(store, 1, NOW)  # type: ignore[arg-type]
    assert turn is not None
    await record_turn(store, turn, replace(outcome, text="…"), TEAM, NOW)  # type: ignore[arg-type]


async def test_it_is_stored_with_the_turn(store: FakeStore) -> None:
    await one_turn(store, "c koi le pti", said("utter_rephrase"))
    await one_turn(store, "combien je touche", said("utter_faq/rsa_amount"))
    await one_turn(store, "non", NOT_IT)
    assert [(q.kind, q.text) for q in store.questions] == [
        (Kind.ASKED_AGAIN, "c koi le pti"), (Kind.REFUSED_ANSWER, "combien je touche"),
    ]  # fmt: skip


async def test_it_looks_no_further_back_than_the_last_message(store: FakeStore) -> None:
    await one_turn(store, "combien je touche", said("utter_faq/rsa_amount"))
    await one_turn(store, "merci", said("utter_thanks"))
    await one_turn(store, "non", NOT_IT)
    assert store.questions == []
