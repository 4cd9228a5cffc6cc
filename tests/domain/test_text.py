import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.text import MAX_CHARACTERS, cleaned, folded, has_words

# Any text a form can carry, lone surrogates and NUL included.
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=60)


@pytest.mark.parametrize(
    ("received", "kept"),
    [
        pytest.param("Bonjour\x00 à tous", "Bonjour à tous", id="NUL"),
        pytest.param("ok\ud83d", "ok", id="half of an emoji"),
        pytest.param("\udc9d\ud83d ok", "ok", id="halves in the wrong order"),
        pytest.param("a\x07b\x1b[31mc\x7f", "ab[31mc", id="bell, escape, delete"),
        pytest.param("\u202eSTOP\u202c", "STOP", id="right-to-left override"),
        pytest.param("\u200fمرحبا\u200e", "مرحبا", id="direction marks around Arabic"),
        pytest.param("\u2067מ\u2069\u061c", "מ", id="isolates"),
        pytest.param("\ue000ok", "ok", id="private use"),
        pytest.param("  bonjour \n", "bonjour", id="spaces around"),
        pytest.param("un\ndeux", "un\ndeux", id="a line break inside is hers"),
        pytest.param("un\r\ndeux", "un\ndeux", id="Windows line break"),
        pytest.param("👨‍👩‍👧", "👨‍👩‍👧", id="a family stays together"),
        pytest.param("", "", id="nothing"),
        pytest.param("\x00\x01\x02", "", id="nothing but control characters"),
    ],
)
def test_it_keeps_what_she_wrote_and_drops_what_hides(received: str, kept: str) -> None:
    assert cleaned(received) == kept


@pytest.mark.parametrize(
    "received", [pytest.param("un\tdeux", id="tab"), pytest.param("un\rdeux", id="old line break")]
)
def test_it_never_glues_two_words_together(received: str) -> None:
    assert folded(cleaned(received)) == "un deux"


@pytest.mark.parametrize("length", [1599, 1600, 1601, 5000])
def test_it_keeps_sixteen_hundred_characters_at_most(length: int) -> None:
    assert len(cleaned("é" * length)) == min(length, MAX_CHARACTERS)


def test_it_counts_the_sixteen_hundred_after_cleaning() -> None:
    assert cleaned("\x00" * 1600 + "stop") == "stop"


@pytest.mark.parametrize(
    ("written", "compared"),
    [
        pytest.param("  L'ARRÊT, stoppp ! ٢", "l arret stop 2", id="the example of its docstring"),
        pytest.param("ÇA COÛTE", "ca coute", id="accents"),
        pytest.param("l’aide", "l aide", id="curly apostrophe"),
        pytest.param("ｓｔｏｐ ２", "stop 2", id="full width"),
        pytest.param("n°２", "n 2", id="degree sign"),
        pytest.param("№2", "no2", id="number sign"),
        pytest.param("ouiii", "oui", id="three letters and more are one"),
        pytest.param("année", "annee", id="two letters stay two"),
        pytest.param("1115", "1115", id="digits never melt"),
        pytest.param("STOP 🛑🛑🛑", "stop", id="emoji"),
        pytest.param("r_d_v", "r d v", id="underscores"),
        pytest.param("٠١٢٣٤٥٦٧٨٩", "0123456789", id="Arabic digits"),
        pytest.param("۰۱۲۳۴۵۶۷۸۹", "0123456789", id="Persian digits"),
        pytest.param("أهلًا إلى آخر", "اهلا الي اخر", id="alefs, tanwin, alef maqsura"),
        pytest.param("مـــرحبا", "مرحبا", id="tatweel"),
        pytest.param("Їжа Й", "іжа и", id="Ukrainian marks"),
        pytest.param("\u202estop", "stop", id="right-to-left override"),
        pytest.param("...", "", id="dots"),
    ],
)
def test_it_compares_words_whatever_their_dress(written: str, compared: str) -> None:
    assert folded(written) == compared


@pytest.mark.parametrize(("one", "other"), [("مساعدة", "مساعده"), ("العربية", "العربيه")])
def test_it_reads_ta_marbuta_as_people_type_it(one: str, other: str) -> None:
    assert folded(one) == folded(other)


@pytest.mark.parametrize(
    ("text", "words"), [("", False), ("...", False), ("👍", False), ("?", False), ("2", True), ("نعم", True)]
)
def test_it_tells_words_from_signs(text: str, words: bool) -> None:
    assert has_words(text) is words


@given(ANY_TEXT)
def test_it_cleans_any_text_for_good(text: str) -> None:
    once = cleaned(text)
    assert cleaned(once) == once
    assert once == once.strip()
    assert len(once) <= MAX_CHARACTERS
    assert "\x00" not in once
    once.encode("utf-8")  # a database can hold it


@given(ANY_TEXT)
def test_it_folds_any_text_for_good(text: str) -> None:
    once = folded(text)
    assert folded(once) == once
    assert once.split() == [word for word in once.split(" ") if word]
    assert not set(once) & set("'’.,;:!?-_/()\n\t")
