"""A person's text, cleaned for storing and folded for comparing."""

import re
import unicodedata

MAX_CHARACTERS = 1600  # Twilio's own limit for one message
MOST_FOLDED = 2 * MAX_CHARACTERS  # one sign may unfold to eighteen ("ﷺ"): more is nobody's message

# Arabic letters written in several ways; ʼ is an apostrophe that Unicode calls a letter.
_SAME = str.maketrans({**dict(zip("أإآٱىکیة", "اااايكيه", strict=True)), "ʼ": " "})
_LATIN_I = re.compile(
    r"(?<=[а-яіїєґ])i|i(?=[а-яіїєґ])"
)  # typed on a Russian keyboard inside a Ukrainian word
_REPEATED = re.compile(r"([^\W\d])\1{2,}")
_NOT_A_WORD = re.compile(r"[^\w\s]|_")
# "and", "but", "also" of each language, and what ends a sentence.
_AND = re.compile(
    r"(?<![.,;!?،؛])[.,;!?،؛]++\s|\s[+&]\s|\s(?:et|é|mais|aussi|puis|plus|and|but|also|plus|e|mas|y|pero|ve|ama|și|si|dar|и|но|а"
    r"|ещё|еще|і|та|але|й|و|لكن|كمان|او|خو|هم)\s|\sو(?=\w)",
    re.IGNORECASE,
)
_SPACES = re.compile(r"\s+")
# Marks that change the reading direction: invisible, and able to hide what a text says.
_DIRECTION_MARKS = dict.fromkeys([0x200E, 0x200F, 0x061C, *range(0x202A, 0x202F), *range(0x2066, 0x206A)])


def cleaned(text: str) -> str:
    """What is kept of a message: no control characters, no lone surrogates, 1,600 characters."""
    text = text.encode("utf-8", "ignore").decode("utf-8").translate(_DIRECTION_MARKS)
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    text = "".join(c for c in text if c == "\n" or unicodedata.category(c) not in ("Cc", "Cs", "Co"))
    return text[:MAX_CHARACTERS].strip()


def as_name(text: str, longest: int = 80) -> str:
    """What somebody or something is called, as it may be said: on one line, not longer than names are."""
    return " ".join(cleaned(text).split())[:longest]


def folded(text: str) -> str:
    """The text as keywords are compared: small letters, no accents, ASCII digits, single spaces.

    >>> folded("  L'ARRÊT, stoppp ! ٢")
    'l arret stop 2'
    """
    text = unicodedata.normalize("NFKC", text)[:MOST_FOLDED].lower().translate(_SAME)
    text = "".join(
        c
        for c in unicodedata.normalize("NFD", text)
        if not unicodedata.combining(c) and c != "\u0640"  # tatweel
    )
    text = "".join(str(unicodedata.digit(c)) if c.isdigit() and not c.isascii() else c for c in text)
    text = _LATIN_I.sub("і", _REPEATED.sub(r"\1", text))
    return _SPACES.sub(" ", _NOT_A_WORD.sub(" ", text)).strip()


def parts(text: str) -> list[str]:
    """A sentence cut where it goes from one thing to another; [] when it says one thing.

    >>> parts("g pa de voiture et personne pour garder mon fils")
    ['g pa de voiture', 'personne pour garder mon fils']
    """
    found = [part.strip() for part in _AND.split(text)]
    kept = [part for part in found if len(part.split()) > 1 or len(part) > 7]
    return kept if len(kept) > 1 else []


def has_words(text: str) -> bool:
    """False for an empty message, an emoji, dots."""
    return any(c.isalnum() for c in text)
