"""The words: read from files, said in her language, never nothing."""

import re
from pathlib import Path

import pytest

from gateway.adapters.content_files import LANGUAGES, ContentFiles, read_catalogue
from gateway.domain.conversation import Channel, Reply
from gateway.domain.menu import Choice
from gateway.domain.safety import KINDS
from gateway.domain.sms import weigh
from gateway.settings import ROOT
from gateway.usecases.handover import acknowledgement
from tests.usecases.fakes import CLAIRE, conversation

TODAY = "2026-11-23"
# A name written in full: not a beginning ("utter_faq/") to which a topic is added.
NAME = re.compile(r'"(utter_[a-z_/]*[a-z])"')

RESPONSES = """
responses:
  utter_welcome:
    - text: "Bonjour ! Ici {service}."
  utter_more:
    - text: "la suite"
  utter_thanks:
    - text: "Avec plaisir, {name}."
  utter_source:
    - text: "Vérifié le {date}, {inconnu}."
  utter_menu/main:
    - text: "Tapez un chiffre."
      buttons:
        - {title: "RSA", payload: /menu/rsa}
        - {title: "Une personne", payload: /talk_to_human}
  utter_empty:
    - text: "Votre message est vide."
      metadata: {then: utter_menu/main}
  utter_change_language:
    - text: "Quelle langue ?"
  utter_language_other:
    - text: "Merci."
      metadata: {label: "Autre langue"}
  utter_faq/rsa_amount:
    - text: "Le RSA est de 635 €."
      metadata: {label: "Montant du RSA", source: "CAF", checked_on: "2026-11-01"}
  utter_call:
    - text: "Une personne va vous appeler."
    - text: "Envoyez 0 par SMS."
      channel: web
  utter_long:
    - text: "%s"
""" % ("Le RSA est une aide. " * 30)

ENGLISH = """
msgid ""
msgstr "Content-Type: text/plain; charset=UTF-8\\n"

msgctxt "utter_welcome"
msgid "Bonjour ! Ici {service}."
msgstr "Hello! This is {service}."

msgctxt "utter_menu/main"
msgid "RSA"
msgstr "Income support"

msgctxt "utter_menu/main"
msgid "Tapez un chiffre."
msgstr ""

#, fuzzy
msgctxt "utter_thanks"
msgid "Avec plaisir, {name}."
msgstr "Something old"

msgctxt "utter_faq/rsa_amount"
msgid "Montant du RSA"
msgstr "RSA amount"

msgctxt "utter_call"
msgid "Envoyez 0 par SMS."
msgstr "Text 0."

msgctxt "utter_source"
msgid "Vérifié le {date}, {inconnu}."
msgstr "Checked on {date}, {inconnu}."
"""


@pytest.fixture
def words(tmp_path: Path) -> ContentFiles:
    (tmp_path / "bot" / "data").mkdir(parents=True)
    (tmp_path / "bot" / "data" / "all.yml").write_text(RESPONSES, encoding="utf-8")
    for language in LANGUAGES:
        folder = tmp_path / "locales" / language
        (folder / "LC_MESSAGES").mkdir(parents=True)
        direction = "rtl" if language == "ar" else "ltr"
        (folder / "keywords.yml").write_text(
            f"name: {language.upper()}\ndirection: {direction}\nlocale: {language}\n", encoding="utf-8"
        )
    (tmp_path / "locales" / "en" / "LC_MESSAGES" / "messages.po").write_text(ENGLISH, encoding="utf-8")
    return ContentFiles(tmp_path, {"service": "le Département"})


def said(
    words: ContentFiles, *replies: str | Reply, language: str = "fr", channel: Channel = Channel.WEB
) -> str:
    made = [Reply(reply) if isinstance(reply, str) else reply for reply in replies]
    return words.render(made, language, channel, TODAY).text


def test_it_speaks_her_language(words: ContentFiles) -> None:
    assert said(words, "utter_welcome", language="en") == "Hello! This is le Département."


@pytest.mark.parametrize("language", ["en", "ar", "uk", "xx", ""])
def test_it_speaks_french_rather_than_nothing(words: ContentFiles, language: str) -> None:
    assert said(words, "utter_empty", language=language).startswith("Votre message est vide.")
    assert words.text("utter_more", language) == "la suite"


def test_it_takes_no_translation_that_nobody_has_read(words: ContentFiles) -> None:
    """Fuzzy: the French changed since."""
    assert said(words, Reply("utter_thanks", {"name": "Amina"}), language="en") == "Avec plaisir, Amina."


def test_it_translates_line_by_line(words: ContentFiles) -> None:
    rendered = words.render([Reply("utter_menu/main")], "en", Channel.SMS, TODAY)
    assert rendered.text == "Tapez un chiffre.\n1 Income support\n0 Une personne"
    assert [c.payload for c in rendered.menu] == ["/menu/rsa", "/talk_to_human"]


def test_it_fills_placeholders_and_leaves_no_brace(words: ContentFiles) -> None:
    assert said(words, "utter_thanks") == "Avec plaisir, ."
    filled = said(words, Reply("utter_thanks", {"name": "{service} {date}"}))
    assert filled == "Avec plaisir, {service} {date}."  # a value is not a template


@pytest.mark.parametrize(
    ("language", "date"), [("fr", "1 novembre 2026"), ("en", "November 1, 2026"), ("uk", "1 листопада 2026")]
)
def test_it_writes_dates_as_people_do(words: ContentFiles, language: str, date: str) -> None:
    assert date in said(words, Reply("utter_source", {"date": "2026-11-01"}), language=language)


def test_it_writes_no_date_where_there_is_none(words: ContentFiles) -> None:
    assert said(words, Reply("utter_source", {"date": ""})) == "Vérifié le , ."


def test_it_joins_a_turn_into_one_message_with_the_last_menu(words: ContentFiles) -> None:
    rendered = words.render(
        [Reply("utter_welcome"), Reply("utter_menu/main"), Reply("utter_faq/rsa_amount")],
        "fr", Channel.SMS, TODAY,
    )  # fmt: skip
    assert rendered.text.splitlines() == [
        "Bonjour ! Ici le Département.", "Tapez un chiffre.", "Le RSA est de 635 €.", "1 RSA", "0 Une personne",
    ]  # fmt: skip


def test_it_says_what_follows(words: ContentFiles) -> None:
    """`then` in a response's metadata."""
    rendered = words.render([Reply("utter_empty")], "fr", Channel.WEB, TODAY)
    assert rendered.text == "Votre message est vide.\nTapez un chiffre."
    assert len(rendered.menu) == 2


@pytest.mark.parametrize("other", ["utter_menu/main", "utter_change_language"])
def test_it_says_what_follows_once_and_not_beside_another_menu(words: ContentFiles, other: str) -> None:
    assert said(words, "utter_empty", other).count("Tapez un chiffre.") == (other == "utter_menu/main")


def test_it_has_a_text_of_its_own_for_the_page(words: ContentFiles) -> None:
    assert said(words, "utter_call", channel=Channel.SMS) == "Une personne va vous appeler."
    assert said(words, "utter_call") == "Envoyez 0 par SMS."
    assert said(words, "utter_call", language="en") == "Text 0."


def test_it_offers_languages_by_number_in_their_own_words(words: ContentFiles) -> None:
    menu = words.render([Reply("utter_change_language", {"languages": 1})], "fr", Channel.WEB, TODAY).menu
    assert [(c.digit, c.title, c.payload) for c in menu] == [
        ("1", "FR", "LANGUE fr"), ("2", "EN", "LANGUE en"), ("3", "AR", "LANGUE ar"), ("4", "UK", "LANGUE uk"),
        ("5", "FA", "LANGUE fa"), ("6", "PS", "LANGUE ps"), ("7", "RU", "LANGUE ru"),
        ("8", "Autre langue", "LANGUE more"),
    ]  # fmt: skip
    menu = words.render([Reply("utter_change_language", {"languages": 2})], "fr", Channel.WEB, TODAY).menu
    assert [(c.digit, c.title, c.payload) for c in menu] == [
        ("1", "PT", "LANGUE pt"), ("2", "TR", "LANGUE tr"), ("3", "RO", "LANGUE ro"), ("4", "ES", "LANGUE es"),
        ("5", "Autre langue", "LANGUE other"),
    ]  # fmt: skip


def test_it_shows_a_menu_again_as_it_was(words: ContentFiles) -> None:
    shown = [["1", "RSA", "/menu/rsa"], ["0", "Une personne", "/talk_to_human"]]
    rendered = words.render([Reply("utter_more", {"choices": shown})], "fr", Channel.WEB, TODAY)
    assert rendered.menu == tuple(Choice(*choice) for choice in shown)


def test_it_offers_meanings_by_their_labels(words: ContentFiles) -> None:
    reply = Reply("utter_more", {"meanings": ["faq/rsa_amount"]})
    rendered = words.render([reply], "en", Channel.WEB, TODAY)
    assert rendered.menu == (Choice("1", "RSA amount", "/faq/rsa_amount"),)


def test_it_knows_labels_and_sources(words: ContentFiles) -> None:
    assert words.label("faq/rsa_amount", "fr") == "Montant du RSA"
    assert words.label("thanks", "fr") == ""
    assert words.label("nothing", "fr") == ""
    assert words.sourced("utter_faq/rsa_amount")["source"] == "CAF"
    assert words.sourced("utter_nothing") == {}
    assert words.has("utter_thanks")
    assert not words.has("utter_nothing")


@pytest.mark.parametrize(("language", "direction"), [("fr", "ltr"), ("ar", "rtl"), ("xx", "ltr")])
def test_it_knows_which_way_a_language_runs(words: ContentFiles, language: str, direction: str) -> None:
    assert words.direction(language) == direction


@pytest.mark.parametrize(("language", "written"), [("ar", "05\u00a049\u00a000"), ("fr", "05 49 00")])
def test_it_keeps_the_groups_of_a_number_in_order(words: ContentFiles, language: str, written: str) -> None:
    """From right to left, plain spaces would show them reversed."""
    assert written in words.text("utter_thanks", language, {"name": "05 49 00"})


def test_it_says_a_long_answer_in_two_times(words: ContentFiles) -> None:
    first = words.render([Reply("utter_long")], "fr", Channel.SMS, TODAY)
    assert first.menu == (Choice("1", "la suite", "PLUS"),)
    second = words.rest(first.rest, first.rest_menu, "fr", Channel.SMS)
    assert len(first.text) + len(second.text) > 600
    assert second.text.startswith("Le RSA")


def test_it_does_without_a_catalogue(tmp_path: Path) -> None:
    assert read_catalogue(tmp_path / "messages.po") == {}


# the real content


@pytest.fixture(scope="module")
def real() -> ContentFiles:
    return ContentFiles(ROOT, {"service": "Département des Deux-Sèvres", "number": "06 39 98 00 99"})


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("channel", list(Channel))
def test_it_can_say_everything_in_every_language(real: ContentFiles, language: str, channel: Channel) -> None:
    values = {"date": "2026-11-23", "referent": "Claire", "source": "CAF", "choices": [["1", "RSA", "/x"]]}
    for name in real.responses:
        rendered = real.render([Reply(name, values)], language, channel, TODAY)
        assert rendered.text.strip(), name
        assert "{" not in rendered.text, name


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_welcomes_with_the_menu_in_one_message(real: ContentFiles, language: str) -> None:
    rendered = real.render([Reply("utter_welcome"), Reply("utter_menu/main")], language, Channel.SMS, TODAY)
    assert "Deux-S" in rendered.text
    assert rendered.menu[-1].payload == "/talk_to_human"
    assert weigh(rendered.text).segments <= (3 if language in ("fr", "en") else 5)


def test_it_knows_every_response_that_the_gateway_names(real: ContentFiles) -> None:
    """Names written in the code: a typing mistake there would be silence."""
    named = set()
    for path in [*(ROOT / "gateway").rglob("*.py"), *(ROOT / "bot" / "actions").rglob("*.py")]:
        named |= set(NAME.findall(path.read_text(encoding="utf-8")))
    assert len(named) > 20
    assert sorted(named - set(real.responses)) == []


def test_it_knows_the_responses_whose_names_are_put_together(real: ContentFiles) -> None:
    who = conversation(referent=CLAIRE)
    asked = [acknowledgement(w, r) for w in (who, conversation()) for r in ("asked", "appointment")]
    names = [*(f"utter_danger_{kind}" for kind in KINDS), *(reply.response for reply in asked)]
    assert [name for name in names if not real.has(name)] == []


NUMBERS = {"suicide": "3114", "violence": "3919", "child": "119", "roof": "115", "emergency": "112"}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_it_gives_the_right_number_first_and_briefly(real: ContentFiles, kind: str, language: str) -> None:
    rendered = real.render([Reply(f"utter_danger_{kind}")], language, Channel.SMS, TODAY)
    assert NUMBERS[kind] in rendered.text[:70]
    assert rendered.rest == ""
    assert weigh(rendered.text).segments <= (1 if language in ("fr", "en") else 2)
