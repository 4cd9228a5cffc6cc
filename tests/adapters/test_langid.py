import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters.langid import LanguageByWords
from tests.domain.test_text import ANY_TEXT


@pytest.fixture(scope="module")
def guesser() -> LanguageByWords:
    return LanguageByWords()


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Bonjour, comment faire pour demander le RSA ?", "fr"),
        ("Hello, how can I get help with my rent please?", "en"),
        ("مرحبا، كيف أطلب المساعدة في السكن؟", "ar"),
        ("Добрий день, як отримати допомогу на житло?", "uk"),
        ("Здравствуйте, как получить помощь на жильё?", "ru"),
        ("Hola, necesito ayuda para pagar el alquiler", "es"),
        ("Merhaba, kira yardımı almak istiyorum, nasıl başvurabilirim", "tr"),
    ],
)
def test_it_knows_a_language_by_its_words(text: str, language: str, guesser: LanguageByWords) -> None:
    found, score = guesser.guess(text)
    assert found == language
    assert score >= 0.8


@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
def test_it_claims_nothing_about_nothing(text: str, guesser: LanguageByWords) -> None:
    assert guesser.guess(text) == ("fr", 0.0)


@given(text=st.one_of(ANY_TEXT.filter(lambda t: t.isprintable()), st.text(max_size=200)))
def test_it_guesses_any_text(text: str, guesser: LanguageByWords) -> None:
    language, score = guesser.guess(text)
    assert len(language) == 2
    assert 0 <= score <= 1.000001


def test_it_knows_more_languages_than_we_speak(guesser: LanguageByWords) -> None:
    """Better to know that a line is Spanish than to call it French."""
    assert guesser.guess("mañana tengo una cita con el médico en el hospital")[0] == "es"
