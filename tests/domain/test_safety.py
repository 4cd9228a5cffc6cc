from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters.content_files import LANGUAGES, ContentFiles
from gateway.domain.keywords import command_in
from gateway.domain.safety import KINDS, Lexicon, Patterns, danger_in
from tests.domain.test_text import ANY_TEXT

LINES = Path(__file__).parents[1] / "safety"


def lines_of(language: str) -> dict[str, Any]:
    file = LINES / f"{language}.yml"
    return yaml.load(file.read_text(encoding="utf-8"), yaml.CSafeLoader) if file.exists() else {}


SAFETY = {language: lines_of(language) for language in LANGUAGES}


@pytest.mark.parametrize(
    ("pattern", "found", "not_found"),
    [
        pytest.param("mourir", ["mourir", "je veux mourir la"], ["mourirai", "", "amourir"], id="exact"),
        pytest.param("suicid*", ["suicide", "le suicider"], ["resuicide"], id="begins with"),
        pytest.param("*mourir", ["amourir", "mourir"], ["mourirai"], id="ends with"),
        pytest.param("*mour*", ["amourir", "mour"], ["mor"], id="holds"),
        pytest.param("veux mourir", ["je veux mourir"], ["veux pas mourir", "mourir veux"], id="in order, adjacent"),
        pytest.param("(veux|envie de) mourir", ["veux mourir", "envie de mourir"], ["envie mourir"], id="one of"),
        pytest.param("mon [grand] fils", ["mon fils", "mon grand fils"], ["mon petit fils"], id="perhaps"),
        pytest.param("[mon] fils", ["fils", "mon fils"], ["fil"], id="perhaps, first"),
        pytest.param("[mon|ton] [grand] fils", ["fils", "grand fils", "ton fils"], ["fille"], id="twice perhaps"),
        pytest.param("veux .. mourir", ["veux mourir", "veux a b c mourir"], ["veux a b c d mourir"], id="three between"),
        pytest.param(".. mourir", ["mourir", "a b mourir"], ["vivre"], id="anything first"),
        pytest.param("(me|m) (suicid*|tue*)", ["m suicide", "me tuerai"], ["me tu"], id="one of, with stars"),
        pytest.param("(a [b] c|d) e", ["a c e", "a b c e", "d e"], ["b c e", "c e", "a b e"], id="perhaps inside one of"),
        pytest.param("([a] b|c) d", ["a b d", "b d", "c d"], ["a d"], id="perhaps at the start of one of"),
        pytest.param("(c|[a] b) d", ["a b d", "b d", "c d"], ["a d"], id="perhaps at the start of another"),
        pytest.param("j'ai mal", ["j ai mal"], ["j mal"], id="an apostrophe is a space"),
        pytest.param("ÉTÉ battue", ["ete battue"], ["batue"], id="written with accents and capitals"),
        pytest.param("c.c", ["c c"], ["cac", "cc"], id="a dot is a space too"),
    ],
)  # fmt: skip
def test_it_reads_patterns(pattern: str, found: list[str], not_found: list[str]) -> None:
    patterns = Patterns([pattern])
    assert [text for text in found if not patterns.found_in(f" {text} ")] == []
    assert [text for text in not_found if patterns.found_in(f" {text} ")] == []


def test_it_tries_every_pattern_that_begins_alike() -> None:
    patterns = Patterns(["veux partir", "veu* mourir", "ve mourir", "(v|veu) crever"])
    for text in ("veux partir", "veut mourir", "ve mourir", "v crever", "veu crever"):
        assert patterns.found_in(f" je {text} "), text


def test_it_takes_out_what_only_sounds_dangerous() -> None:
    lexicon = Lexicon.of({"suicide": ["tue*", "mourir"]}, ["ca me tue", "mourir de rire"])
    assert danger_in("ces papiers ça me tue", [lexicon]) is None
    assert danger_in("à mourir de rire, ça me tue", [lexicon]) is None
    assert danger_in("ça me tue, je veux mourir", [lexicon]) == "suicide"


def test_it_tells_the_gravest_first() -> None:
    every = Lexicon.of({kind: [f"mot{i}"] for i, kind in enumerate(KINDS)}, [])
    assert danger_in("mot4 mot2 mot3", [every]) == "child"
    assert danger_in("mot4 mot1 mot0", [every]) == "emergency"
    assert danger_in("mot5", [every]) is None


def test_it_leaves_a_question_about_letters_to_understanding() -> None:
    lexicons = [Lexicon.of({"roof": ["dehors"], "violence": ["frappe"]}, []), Lexicon.of({}, [], ["lettres"])]
    assert danger_in("je vis dehors, où arrivent mes lettres", lexicons) is None
    assert danger_in("il me frappe, je vis dehors, et mes lettres", lexicons) == "violence"


def test_it_looks_in_every_language() -> None:
    one, other = Lexicon.of({"roof": ["dehors"]}, []), Lexicon.of({"violence": ["beats me"]}, ["dehors"])
    assert danger_in("je dors dehors", [one, other]) == "roof"
    assert danger_in("he beats me, je suis dehors", [one, other]) == "violence"


def test_it_does_without_what_the_file_leaves_out() -> None:
    assert danger_in("je veux mourir", [Lexicon.of({}, [])]) is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_watches_over_each_language(language: str, content: ContentFiles) -> None:
    """Words of danger of every kind in the file, and lines to prove them in tests/safety."""
    danger = content.about[language].get("danger") or {}
    assert [kind for kind in KINDS if not danger.get(kind)] == []
    assert [kind for kind in KINDS if not SAFETY[language].get("danger", {}).get(kind)] == []
    assert [part for part in ("harmless", "stop", "not_stop") if not SAFETY[language].get(part)] == []


@pytest.mark.parametrize(
    ("language", "kind"),
    [(language, kind) for language in LANGUAGES for kind in SAFETY[language].get("danger", {})],
)
def test_it_raises_the_alarm(language: str, kind: str, content: ContentFiles) -> None:
    lines = [str(line) for line in SAFETY[language]["danger"][kind]]
    assert [line for line in lines if danger_in(line, content.lexicons) is None] == []


@pytest.mark.parametrize(
    ("language", "kind"),
    [(language, kind) for language in LANGUAGES for kind in SAFETY[language].get("danger", {})],
)
def test_it_gives_the_number_of_that_danger(language: str, kind: str, content: ContentFiles) -> None:
    found = {str(line): danger_in(str(line), content.lexicons) for line in SAFETY[language]["danger"][kind]}
    assert {line: other for line, other in found.items() if other not in (kind, None)} == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_raises_no_alarm_for_ordinary_words(language: str, content: ContentFiles) -> None:
    lines = [str(line) for line in SAFETY[language].get("harmless", ())]
    assert [(line, kind) for line in lines if (kind := danger_in(line, content.lexicons))] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_stops_when_she_says_so(language: str, content: ContentFiles) -> None:
    lines = [str(line) for line in SAFETY[language].get("stop", ())]
    assert [line for line in lines if command_in(line, content.vocabularies) != "STOP"] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_does_not_stop_for_a_sentence_about_stops(language: str, content: ContentFiles) -> None:
    lines = [str(line) for line in SAFETY[language].get("not_stop", ())]
    assert [line for line in lines if command_in(line, content.vocabularies) == "STOP"] == []


@pytest.mark.parametrize(
    "around",
    [
        "{}",
        "{} svp",
        "Bonjour, {} !!!",
        "\u202e{}",
        "ok merci\n\n{}\n",
        "{} 😭😭",
        "  {}  ",
        "a" * 1500 + " {}",
    ],
)
def test_it_finds_danger_anywhere_in_a_message(around: str, content: ContentFiles) -> None:
    assert danger_in(around.format("je veux mourir"), content.lexicons) == "suicide"
    assert danger_in(around.format("JE VEUX MOURIR"), content.lexicons) == "suicide"


@given(text=ANY_TEXT)
def test_it_reads_any_text_for_danger(text: str, content: ContentFiles) -> None:
    assert danger_in(text, content.lexicons) in (None, *KINDS)


@given(before=st.sampled_from(["ok", "merci", "bonjour", "svp"]), text=st.text("abcdefgh ", max_size=40))
def test_it_still_hears_danger_among_other_words(before: str, text: str, content: ContentFiles) -> None:
    assert danger_in(f"{before} {text}. je vais me suicider. {text}", content.lexicons) is not None
