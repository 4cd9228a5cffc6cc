"""Which language she writes: its script and letters decide first, then its words; unsure is an answer too."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway.domain.keywords import Vocabulary
from gateway.domain.text import folded

# A guess below this is no guess: at .8 and above none was wrong on 222 measured lines.
SURE = 0.8
PERHAPS = 0.5  # at this, 19 of 956 French lines would be asked, and two in three of the doubtful others
# What the service speaks, in the order of the language menu.
LANGUAGES = ("fr", "en", "ar", "uk", "fa", "ps", "ru", "pt", "tr", "ro", "es")
FRENCH = "fr"  # in Latin letters, the language of the country unless something says otherwise

# Letters that tell apart the languages of one script. Pashto's belong to it alone; Dari's also stand in Pashto,
# and now and then in Maghrebi Arabic: the most letters win.
_LETTERS = {
    "ps": "ټډړږښڼېۍځڅ",
    "fa": "پچژگیک",  # its yeh and kaf are other characters than Arabic's
    "ar": "ةىيكإأ",
    "uk": "іїєґ",
    "ru": "ыэъё",
}
# The first is the one proposed when nothing tells them apart.
_SCRIPTS = {"ARABIC": ("ar", "ps", "fa"), "CYRILLIC": ("uk", "ru"), "LATIN": ()}


@dataclass(frozen=True)
class Guess:
    """`sure` False: answer in `language`, and ask."""

    language: str
    sure: bool


def script_of(text: str) -> str | None:
    """ARABIC, CYRILLIC or LATIN, whichever has the most letters; None without letters."""
    counts = dict.fromkeys(_SCRIPTS, 0)
    for character in text:
        if character.isalpha():
            name = unicodedata.name(character, "").split(" ")[0]
            if name in counts:
                counts[name] += 1
    best = max(counts, key=lambda s: counts[s])
    return best if counts[best] else None


def first_language(text: str, scored: tuple[str, float], vocabularies: Sequence[Vocabulary]) -> Guess:
    """Her language from her first message. `scored` is the line's language by its words."""
    script = script_of(text)
    known = {v.language for v in vocabularies}
    if script is None:
        return Guess(FRENCH, sure=False)
    said = folded(text)
    words = said.split()
    greeting = _greeting(said, words, vocabularies)
    if script != "LATIN":
        return _in_script(text, script, scored, known, greeting)
    language, score = scored
    if len(words) <= 2 and greeting:
        # One greeting does not make a language: people open with "hello" or "salam" and go on in French.
        return Guess(greeting, sure=greeting == FRENCH)
    if language == FRENCH or score < SURE:
        # Noisy French looks like many languages a little; what looks like another one by half is asked.
        french = language == FRENCH or (len(words) > 1 and score < PERHAPS) or greeting == FRENCH
        return Guess(FRENCH, sure=french)
    return Guess(language if language in known else FRENCH, sure=language in known)


def later_language(
    current: str, text: str, scored: tuple[str, float], vocabularies: Sequence[Vocabulary], sure: bool = True
) -> str:
    """Her language after this message: it changes only on three words or more, and no doubt.

    `sure` False: `current` was only a guess.
    """
    script = script_of(text)
    known = {v.language for v in vocabularies}
    if script is None or len(folded(text).split()) < 3:
        return current
    if script != "LATIN":
        if sure and current in _SCRIPTS[script]:
            return current  # a Ukrainian writes some Russian, a Pashto speaker some Dari: she chose
        guess = _in_script(text, script, scored, known, None)
        return guess.language if guess.sure else current
    language, score = scored
    if any(current in languages for languages in _SCRIPTS.values()) and language == FRENCH:
        return current if score < SURE else FRENCH
    return language if language in known and score >= SURE else current


def _in_script(
    text: str, script: str, scored: tuple[str, float], known: Iterable[str], greeting: str | None
) -> Guess:
    """Among the languages of one script: letters of its own, a greeting of its own, then its words."""
    possible = [language for language in _SCRIPTS[script] if language in known]
    if not possible:
        return Guess(FRENCH, sure=False)
    if len(possible) == 1:
        others = [o for o in _LETTERS if o in _SCRIPTS[script] and o not in known]
        return Guess(possible[0], sure=not any(c in _LETTERS[o] for o in others for c in text.lower()))
    if scored[0] == "ps" and scored[1] >= SURE and "ps" in possible:
        return Guess("ps", sure=True)  # many write Pashto with Dari's letters
    counts = {language: sum(c in _LETTERS[language] for c in text.lower()) for language in possible}
    if counts.get("ps"):
        return Guess("ps", sure=True)
    most = max(counts.values())
    if most and len(best := [language for language in possible if counts[language] == most]) == 1:
        return Guess(best[0], sure=True)
    if greeting in possible:
        return Guess(str(greeting), sure=True)
    language, score = scored
    return Guess(
        language if language in possible else possible[0], sure=language in possible and score >= SURE
    )


def _greeting(said: str, words: list[str], vocabularies: Sequence[Vocabulary]) -> str | None:
    """The one language that this greeting shows; None when two share it."""
    found = {v.language for v in vocabularies if said in v.hello or (words and words[0] in v.hello)}
    return found.pop() if len(found) == 1 else None
