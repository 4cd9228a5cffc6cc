import pytest
from hypothesis import given

from gateway.adapters.content_files import ContentFiles
from gateway.domain.menu import PERSON, Choice, chosen, digit_in, numbered
from tests.domain.test_text import ANY_TEXT

DIGITS = {"un": "1", "une": "1", "deux": "2", "le deux": "2", "trois": "3", "zero": "0", "o": "0"}
YES, NO = frozenset({"oui", "ok"}), frozenset({"non"})
MENU = numbered([("RSA", "/menu/rsa"), ("Argent et loyer", "/menu/money"), ("Parler à quelqu’un", PERSON)])


def test_it_numbers_from_one_and_keeps_zero_for_a_person() -> None:
    assert [(c.digit, c.payload) for c in MENU] == [("1", "/menu/rsa"), ("2", "/menu/money"), ("0", PERSON)]


@pytest.mark.parametrize(
    "written",
    ["2", "2.", " 2 ", "2)", "(2)", "2 !", "n°2", "n° 2", "N2", "no 2", "№2", "numéro 2", "le 2", "Le 2 svp",
     "choix 2", "réponse 2", "option 2", "2 merci", "deux", "DEUX", "le deux", "02", "٢", "۲", "２", "②", "२",
     "the 2 please", "номер 2", "رقم ٢", "2️⃣", "\u200f2", "2\n"],
)  # fmt: skip
def test_it_reads_two(written: str) -> None:
    assert digit_in(written, DIGITS) == "2"
    assert chosen(written, MENU, DIGITS) == MENU[1]


@pytest.mark.parametrize(
    "written",
    ["", "?", "le", "👍", "22", "10", "2 3", "2 ou 3", "2 enfants", "j'ai 2 enfants", "2024", "0,5", "2h", "-",
     "rue 2", "79000", "06 39 98 00 01", "/2a", "deuxième rue", "à deux", "pas 2", "2²", "½", "Ⅱ", "二", "b2", "002"],
)  # fmt: skip
def test_it_reads_no_digit(written: str) -> None:
    assert digit_in(written, DIGITS) is None


@pytest.mark.parametrize(
    ("written", "choice"),
    [
        pytest.param("rsa", 0, id="the label"),
        pytest.param("ARGENT ET LOYER", 1, id="the label in capitals"),
        pytest.param("2 Argent et loyer", 1, id="the whole line"),
        pytest.param("2. argent et loyer !", 1, id="the whole line with its stop"),
        pytest.param("parler a quelqu'un", 2, id="a label without its accents"),
        pytest.param("0", 2, id="zero"),
        pytest.param("zéro", 2, id="zero in a word"),
        pytest.param("trois", None, id="a number that is not offered"),
        pytest.param("argent", None, id="half a label"),
        pytest.param("oui", None, id="a yes where nothing is a yes"),
        pytest.param("", None, id="nothing"),
    ],
)
def test_it_finds_the_choice(written: str, choice: int | None) -> None:
    expected = None if choice is None else MENU[choice]
    assert chosen(written, MENU, DIGITS, YES, NO) == expected


@pytest.mark.parametrize(("written", "digit"), [("ok", "1"), ("Oui !", "1"), ("non", "2"), ("2", "2")])
def test_it_takes_yes_and_no_for_the_lines_that_say_so(written: str, digit: str) -> None:
    menu = numbered([("Oui, arrêter", "STOP"), ("Non, continuer", "/menu/main")])
    found = chosen(written, menu, DIGITS, YES, NO)
    assert found is not None
    assert found.digit == digit


def test_it_prefers_a_digit_to_a_label() -> None:
    menu = (Choice("1", "Deux", "/a"), Choice("2", "Un", "/b"))
    assert chosen("deux", menu, DIGITS) == menu[1]


@pytest.mark.parametrize(
    ("written", "digit"),
    [("deuxième", "2"), ("le deuxieme", "2"), ("two", "2"), ("два", "2"), ("друге", "2"),
     ("اثنان", "2"), ("واحد", "1"), ("один", "1"), ("zero", "0"), ("neuf", "9"), ("nine", "9")],
)  # fmt: skip
def test_it_knows_the_number_words_of_each_language(written: str, digit: str, content: ContentFiles) -> None:
    words = {w: d for v in content.vocabularies for w, d in v.digits.items()}
    assert digit_in(written, words) == digit


@given(ANY_TEXT)
def test_it_reads_at_most_one_digit_in_any_text(text: str) -> None:
    found = digit_in(text, DIGITS)
    assert found is None or (len(found) == 1 and found in "0123456789")


@given(ANY_TEXT)
def test_it_chooses_only_what_is_offered(text: str) -> None:
    assert chosen(text, MENU, DIGITS, YES, NO) in (None, *MENU)
