import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters.content_files import ContentFiles
from gateway.domain.keywords import Vocabularies, Vocabulary
from gateway.domain.language import Guess, first_language, later_language, script_of
from tests.domain.test_text import ANY_TEXT

VOCABULARIES = Vocabularies(
    [
        Vocabulary.of("fr", {"hello": ["bonjour", "slt"]}),
        Vocabulary.of("en", {"hello": ["hello", "good morning"]}),
        Vocabulary.of("ar", {"hello": ["salam"]}),
        Vocabulary.of("uk", {"hello": ["pryvit"]}),
    ]
)


@pytest.mark.parametrize(
    ("text", "script"),
    [("Bonjour", "LATIN"), ("مرحبا", "ARABIC"), ("Добрий день", "CYRILLIC"), ("123 !", None), ("", None),
     ("👍", None), ("日本", None), ("RSA حقوقي في السكن", "ARABIC"), ("CAF, CPAM : ні", "LATIN")],
)  # fmt: skip
def test_it_sees_the_script(text: str, script: str | None) -> None:
    assert script_of(text) == script


@pytest.mark.parametrize(
    ("text", "scored", "guess"),
    [
        pytest.param("مرحبا", ("fa", 0.9), Guess("ar", True), id="Arabic letters"),
        pytest.param("Добрий день, її житло", ("ru", 0.9), Guess("uk", True), id="letters of Ukrainian alone"),
        pytest.param("Добро", ("ru", 0.9), Guess("uk", True), id="Cyrillic without a telling letter"),
        pytest.param("Это мой вопрос", ("ru", 1.0), Guess("uk", False), id="Russian: asked"),
        pytest.param("slt cmb c le rsa", ("fr", 0.4), Guess("fr", True), id="French prior"),
        pytest.param("bonjour", ("ro", 0.9), Guess("fr", True), id="a French greeting"),
        pytest.param("hello", ("en", 0.99), Guess("en", False), id="one greeting is no language"),
        pytest.param("salam", ("tr", 0.9), Guess("ar", False), id="salam"),
        pytest.param("good morning", ("en", 0.99), Guess("en", False), id="a greeting of two words"),
        pytest.param("hello i need help with my rent", ("en", 0.99), Guess("en", True), id="English, no doubt"),
        pytest.param("hola necesito ayuda con mi casa", ("es", 0.99), Guess("fr", False), id="one we do not speak"),
        pytest.param("ok", ("en", 0.3), Guess("fr", False), id="one word that says nothing"),
        pytest.param("123", ("en", 0.9), Guess("fr", False), id="no letter"),
        pytest.param("", ("fr", 0.0), Guess("fr", False), id="nothing"),
        pytest.param("👍", ("en", 0.9), Guess("fr", False), id="an emoji"),
    ],
)  # fmt: skip
def test_it_finds_her_language(text: str, scored: tuple[str, float], guess: Guess) -> None:
    assert first_language(text, scored, VOCABULARIES) == guess


@pytest.mark.parametrize(
    ("current", "text", "scored", "language"),
    [
        pytest.param("fr", "thank you", ("en", 1.0), "fr", id="never on two words"),
        pytest.param("fr", "i lost my job", ("en", 0.99), "en", id="three words, no doubt"),
        pytest.param("fr", "i lost my job", ("en", 0.79), "fr", id="three words, a doubt"),
        pytest.param("fr", "perdi mi trabajo ayer", ("es", 0.99), "fr", id="one we do not speak"),
        pytest.param("en", "je cherche un logement", ("fr", 0.99), "fr", id="English to French"),
        pytest.param("en", "je cherche un logement", ("fr", 0.5), "en", id="French, a doubt"),
        pytest.param("uk", "je cherche un logement", ("fr", 0.99), "fr", id="from another script"),
        pytest.param("ar", "je cherche un logement", ("fr", 0.5), "ar", id="from another script, a doubt"),
        pytest.param("fr", "أريد موعدا مع المرشد", ("ar", 1.0), "ar", id="to Arabic"),
        pytest.param("fr", "مرحبا", ("ar", 1.0), "fr", id="one Arabic word"),
        pytest.param("ar", "أريد موعدا مع المرشد", ("fa", 1.0), "ar", id="Arabic stays Arabic"),
        pytest.param("fr", "Мені потрібне її житло", ("uk", 1.0), "uk", id="to Ukrainian"),
        pytest.param("fr", "Это мой новый вопрос", ("ru", 1.0), "fr", id="Russian changes nothing"),
        pytest.param("uk", "Это мой новый вопрос", ("ru", 1.0), "uk", id="surzhyk stays Ukrainian"),
        pytest.param("fr", "1 2 3 4", ("en", 1.0), "fr", id="digits"),
        pytest.param("uk", "", ("en", 1.0), "uk", id="nothing"),
    ],
)  # fmt: skip
def test_it_changes_language_only_without_a_doubt(
    current: str, text: str, scored: tuple[str, float], language: str
) -> None:
    assert later_language(current, text, scored, VOCABULARIES) == language


@given(ANY_TEXT, st.sampled_from(["fr", "en", "uk", "tr", "es"]), st.floats(0, 1))
def test_it_always_answers_in_a_language_we_speak(text: str, language: str, score: float) -> None:
    spoken = {v.language for v in VOCABULARIES}
    assert first_language(text, (language, score), VOCABULARIES).language in spoken
    assert later_language("uk", text, (language, score), VOCABULARIES) in spoken


@pytest.mark.parametrize(
    ("text", "scored", "guess"),
    [
        pytest.param("slt", ("pt", 0.6), Guess("fr", True), id="slt"),
        pytest.param("bjr", ("en", 0.9), Guess("fr", True), id="bjr"),
        pytest.param("hello", ("fr", 0.5), Guess("en", False), id="hello"),
        pytest.param("مرحبا", ("ar", 1.0), Guess("ar", True), id="marhaban"),
        pytest.param("Привіт", ("uk", 1.0), Guess("uk", True), id="pryvit"),
        pytest.param("hello c koi le rsa svp", ("fr", 0.9), Guess("fr", True), id="hello, then French"),
    ],
)
def test_it_knows_the_greetings_of_the_real_files(
    text: str, scored: tuple[str, float], guess: Guess, content: ContentFiles
) -> None:
    assert first_language(text, scored, content.vocabularies) == guess
