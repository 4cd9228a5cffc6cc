import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.conversation import Channel
from gateway.domain.menu import Choice, numbered
from gateway.domain.sms import weigh
from gateway.ports import Rendered
from gateway.rendering import SEGMENTS, fitted

MENU = numbered([("RSA", "/menu/rsa"), ("Être aidé", "/menu/help"), ("Une personne", "/talk_to_human")])
SENTENCE = "Le RSA est une aide de l'État. "
MORE = (Choice("1", "la suite", "PLUS"),)


def sms(text: str, menu: tuple[Choice, ...] = (), language: str = "fr", room: int = 0) -> Rendered:
    return fitted(text, menu, language, Channel.SMS, "la suite", room)


def test_it_writes_the_menu_under_the_text_and_folds_both() -> None:
    rendered = sms("Voilà… C’est «ça».", MENU)
    assert rendered.text == 'Voilà... C\'est "ca".\n1 RSA\n2 Etre aidé\n0 Une personne'
    assert rendered.menu == MENU
    assert rendered.rest == ""


def test_it_leaves_buttons_to_the_page() -> None:
    text = "Voilà… C’est « ça ». " * 40
    assert fitted(text, MENU, "fr", Channel.WEB, "la suite", 0) == Rendered(text, MENU)


@pytest.mark.parametrize("language", ["fr", "en", "pt", "es", "ro"])
def test_it_folds_languages_that_stay_readable(language: str) -> None:
    assert sms("Façon, l’été", language=language).text == "Facon, l'été"


@pytest.mark.parametrize("language", ["tr", "ar", "uk"])
def test_it_leaves_the_letters_of_the_others(language: str) -> None:
    assert sms("ışık, l’été", language=language).text == "ışık, l’été"


@pytest.mark.parametrize(
    ("text", "language", "segments"),
    [
        pytest.param(SENTENCE * 20, "fr", 2, id="French: two light segments"),
        pytest.param("Це гарна новина. " * 40, "uk", 4, id="Ukrainian: four heavy ones"),
        pytest.param("هذه خدمة المحافظة. " * 40, "ar", 4, id="Arabic: four heavy ones"),
        pytest.param((SENTENCE + "👍 ") * 20, "fr", 4, id="French with an emoji: heavy"),
    ],
)
def test_it_cuts_what_is_too_long(text: str, language: str, segments: int) -> None:
    rendered = sms(text, MENU, language)
    assert weigh(rendered.text).segments <= segments
    assert rendered.text.endswith("\n1 la suite")
    assert rendered.menu == MORE
    assert rendered.rest_menu == MENU


def test_it_cuts_at_a_sentence() -> None:
    first = sms(SENTENCE * 20).text.removesuffix("\n1 la suite")
    assert first.endswith("l'État.")


def test_it_gives_a_first_contact_one_segment_more() -> None:
    assert weigh(sms(SENTENCE * 20, room=1).text).segments == 3


@pytest.mark.parametrize("choices", [0, 1, 4])
@pytest.mark.parametrize("language", ["fr", "uk"])
def test_it_keeps_room_for_the_line_of_what_follows(choices: int, language: str) -> None:
    letter, segments = ("a", 2) if language == "fr" else ("ї", 4)
    menu = numbered([(f"Choix {i}" if language == "fr" else f"Вибір {i}", f"/{i}") for i in range(choices)])
    for length in range(220, 330):
        rendered = sms(letter * length, menu, language)
        assert weigh(rendered.text).segments <= segments, length


def test_it_cuts_nothing_that_just_fits() -> None:
    assert sms("a" * 306) == Rendered("a" * 306)
    assert sms("a" * 307).rest != ""


def long_menu(lines: int) -> tuple[Choice, ...]:
    return numbered([(f"Une aide bien longue à lire numéro {i}", f"/{i}") for i in range(lines)])


def test_it_says_the_menu_afterwards_when_only_the_menu_is_too_long() -> None:
    rendered = sms(SENTENCE * 4, long_menu(6))
    assert rendered.text.startswith(SENTENCE.strip())
    assert (rendered.menu, rendered.rest_menu) == (MORE, long_menu(6))
    assert sms(rendered.rest, rendered.rest_menu).menu == long_menu(6)


def test_it_begins_no_message_with_an_empty_line() -> None:
    rendered = sms(SENTENCE * 4, long_menu(6))
    after = sms(rendered.rest, rendered.rest_menu)
    assert after.text == after.text.strip()


def test_it_shows_a_menu_that_alone_is_too_long() -> None:
    """Dear, but better than "1 la suite" for ever."""
    rendered = sms(SENTENCE * 4, long_menu(8))
    assert sms(rendered.rest, rendered.rest_menu).menu == long_menu(8)


@given(
    st.lists(
        st.sampled_from([SENTENCE, "aide ", "Ça ! ", "👍 ", "мова ", "é" * 70]), min_size=1, max_size=80
    ),
    st.integers(0, 8),
    st.sampled_from(["fr", "uk"]),
    st.integers(0, 1),
)
def test_it_says_everything_in_parts_that_fit(
    pieces: list[str], choices: int, language: str, room: int
) -> None:
    menu = numbered([(f"Choix {i}", f"/{i}") for i in range(choices)])
    whole = "".join(pieces)
    rest, rest_menu, said = whole, menu, ""
    for _ in range(200):
        part = sms(rest, rest_menu, language, room)
        assert weigh(part.text).segments <= SEGMENTS["UCS-2"] + room
        more = part.rest or part.rest_menu
        said += part.text.removesuffix("\n1 la suite") if more else part.text
        if not more:
            break
        rest, rest_menu = part.rest, part.rest_menu
    assert not more
    assert part.menu == menu
    assert bare(said) == bare(whole + "".join(f"{c.digit}{c.title}" for c in menu))


def bare(text: str) -> str:
    """Letters alone, without spaces nor marks."""
    letters = unicodedata.normalize("NFD", "".join(text.split()))
    return "".join(c for c in letters if not unicodedata.combining(c))
