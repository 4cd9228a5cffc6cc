"""What editors of the words rely on: wrong edits are refused, translations survive a comma."""

from pathlib import Path

import polib
import pytest

from gateway.commands import content_rules
from gateway.commands.content import ease, plain, words_a_sentence
from gateway.commands.messages import updated

ABOUT = {"source": "service", "checked_on": "2026-11-23", "valid_until": "2027-11-23", "audience": ["all"]}


@pytest.mark.parametrize(
    ("variants", "problem"),
    [
        ([], "un texte est attendu"),
        ([{"text": "  "}], "un texte est attendu"),
        ([{"text": "Bonjour", "metadata": {**ABOUT, "source": ""}}], "metadata.source manque"),
        ([{"text": "Bonjour", "metadata": {**ABOUT, "checked_on": "hier"}}], "guillemets"),
        ([{"text": "Bonjour {nom}", "metadata": ABOUT}], "n'est pas une valeur connue"),
    ],
)
def test_it_says_what_to_correct_in_a_response(variants: list[dict[str, object]], problem: str) -> None:
    assert any(problem in found for found in content_rules._response("utter_x", variants))


def test_it_wants_a_short_name_for_each_question() -> None:
    found = content_rules._response("utter_faq/x", [{"text": "Oui.", "metadata": ABOUT}])
    assert found == ["metadata.label manque (le nom court de ce sens)"]


def test_it_accepts_a_good_response() -> None:
    assert content_rules._response("utter_x", [{"text": "Bonjour {referent}", "metadata": ABOUT}]) == []


@pytest.mark.parametrize(
    "rule", [content_rules.files, content_rules.translations, content_rules.capital_words]
)
def test_it_finds_the_shipped_content_right(rule) -> None:  # type: ignore[no-untyped-def]
    assert rule() == []


def test_it_measures_an_address_as_words() -> None:
    assert plain("Allez sur caf.fr avec {referent}.") == "Allez sur caf fr avec Claire."
    assert words_a_sentence("Un deux trois. Quatre.") == 2.0
    assert ease("Le RSA est une aide.") > 90 > ease("L'administration départementale centralise.")


def test_it_keeps_translations_when_a_sentence_moves(tmp_path: Path) -> None:
    path = tmp_path / "messages.po"
    updated(path, "en", [("utter_x", "Oui.", "x.yml")], set())
    translate(path, "Yes.")
    updated(path, "en", [("utter_y", "Non.", "y.yml"), ("utter_x", "Oui.", "x.yml")], set())
    assert {e.msgctxt: e.msgstr for e in polib.pofile(str(path))} == {"utter_y": "", "utter_x": "Yes."}


def test_it_doubts_a_translation_whose_french_changed(tmp_path: Path) -> None:
    path = tmp_path / "messages.po"
    updated(path, "en", [("utter_x", "Oui.", "x.yml")], set())
    translate(path, "Yes.")
    updated(path, "en", [("utter_x", "Oui !", "x.yml")], set())
    (entry,) = polib.pofile(str(path))
    assert (entry.msgstr, entry.fuzzy) == ("Yes.", True)


def test_it_trusts_a_translation_when_only_a_comma_changed(tmp_path: Path) -> None:
    path = tmp_path / "messages.po"
    updated(path, "en", [("utter_x", "Oui.", "x.yml")], set())
    translate(path, "Yes.")
    updated(path, "en", [("utter_x", "Oui !", "x.yml")], {"utter_x"})
    (entry,) = polib.pofile(str(path))
    assert (entry.msgstr, entry.fuzzy) == ("Yes.", False)


def translate(path: Path, text: str) -> None:
    catalogue = polib.pofile(str(path))
    for entry in catalogue:
        entry.msgstr = text
    catalogue.save(str(path))
