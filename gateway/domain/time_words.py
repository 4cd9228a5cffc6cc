"""The words for days and hours, in every language, found in a text."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from gateway.domain.text import MOST_FOLDED, folded

GROUPS = {"days": "day", "parts": "part", "months": "month", "near": "near", "kinds": "kind"}
SMALL = "small"
# What a small word of one language may not become because of another: "de" ends an hour in Turkish, "de la" is
# "from" in Romanian.
_WEAK = {
    *(SMALL, "yes", "word_number", "asks", "ending", "in", "week", "day_unit"),
    *("day_before", "day_after", "hour_before", "hour_after", "after", "from", "before", "until"),
    *("in_follows", "after_follows", "from_follows", "before_follows", "until_follows"),
}
_WEEKS = {"this_week", "next_week"}
_GLUED_TO = {"ending", "day_after", "hour_after"}
_SUFFIX = 4  # letters that a word ending in * may still have

_CLOCK = re.compile(r"(?<!\d)([01]?\d|2[0-4])\s?(?::|[hч](?=\d))\s?([0-5]\d)(?!\d)")
_POINTED = re.compile(r"(?<!\d)([01]?\d|2[0-3])\.(00|15|1[3-9]|[2-5]\d)(?![\d.])")
_DATE = re.compile(r"(?<!\d)([0-3]?\d)[/.]([01]?\d)(?:[/.](\d{4}|\d\d))?(?!\d)")
_AM = re.compile(r"\b([ap])\.\s?m\b\.?")
_CLAUSE = re.compile(r"[.,;!?،؛؟\n]+")
_GLUED = re.compile(r"(\d{1,2})([^\W\d]\w*)")
_CLITICS = ("و", "ب", "ل", "ف", "وب", "ول")  # "and", "in", "for": written with the Arabic word


@dataclass(frozen=True)
class TimeWords:
    """`phrases`: folded phrase → what it may mean, kind → value ({"day": "2"}, {"part": "morning"}, {"not": ""}…).

    `stems`: the same for words that may go on, "вторник*". Built by `TimeWords.of` from the `time:` of keywords.yml.
    """

    phrases: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    stems: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        raw: Mapping[str, Mapping[object, Iterable[object]]],
        yes: Iterable[str] = (),
        digits: Mapping[str, str] | None = None,
    ) -> "TimeWords":
        """`raw`: days, parts, months, near and kinds by value, and lists under `words`. `digits`: "two" → "2"."""
        phrases: dict[str, dict[str, str]] = {}
        stems: dict[str, dict[str, str]] = {}
        for group, by_value in raw.items():
            for value, written in by_value.items():
                kind, value = (GROUPS[group], str(value)) if group in GROUPS else (str(value), "")
                for phrase in map(str, written or ()):
                    known = stems if phrase.endswith("*") else phrases
                    known.setdefault(folded(phrase), {})[kind] = value
        for meanings in (*phrases.values(), *stems.values()):
            if len(meanings) > 1:
                meanings.pop(SMALL, None)
        for word in yes:
            if phrases.get(word, {}).keys() <= {SMALL}:
                phrases[word] = {"yes": ""}
        for word, digit in (digits or {}).items():
            if word.isalpha():
                phrases.setdefault(word, {"word_number": digit})
        return cls(phrases, stems)

    @classmethod
    def together(cls, all_words: Iterable["TimeWords"], small: Iterable[str]) -> "TimeWords":
        """All languages: the first that knows a phrase says what it means, unless it says little there."""
        phrases: dict[str, Mapping[str, str]] = {}
        stems: dict[str, Mapping[str, str]] = {}
        for words in all_words:
            for known, theirs in ((phrases, words.phrases), (stems, words.stems)):
                for phrase, meanings in theirs.items():
                    if known.setdefault(phrase, meanings).keys() <= _WEAK and not meanings.keys() <= _WEAK:
                        known[phrase] = meanings
        for phrase in small:
            phrases.setdefault(phrase, {SMALL: ""})
        return cls(phrases, stems)

    @cached_property
    def longest(self) -> int:
        return max((phrase.count(" ") + 1 for phrase in self.phrases), default=1)

    def word(self, word: str) -> Mapping[str, str] | None:
        """What one word means, whatever its ending."""
        if word in self.phrases:
            return self.phrases[word]
        for cut in range(len(word), max(len(word) - _SUFFIX, 3) - 1, -1):
            if word[:cut] in self.stems:
                return self.stems[word[:cut]]
        return None


@dataclass(frozen=True)
class Token:
    """One word or phrase. No meaning: unknown."""

    text: str
    meanings: Mapping[str, str] = field(default_factory=dict)

    def __contains__(self, kind: str) -> bool:
        return kind in self.meanings

    def __getitem__(self, kind: str) -> str:
        return self.meanings[kind]


def clauses(text: str, own: TimeWords, everyone: TimeWords) -> list[list[Token]]:
    """The text's words, cut where a mark or a "but" ends a thought. `own`: her language, asked before the others."""
    found: list[list[Token]] = []
    for part in _CLAUSE.split(_numbers(text)):
        clause: list[Token] = []
        for token in _tokens(folded(part).split(), own, everyone):
            if "but" in token:
                found.append(clause)
                clause = []
            else:
                clause.append(token)
        found.append(clause)
    return [clause for clause in found if clause]


def _numbers(text: str) -> str:
    """The text with plain digits; 14:30 is "14h30" and 12/11 is "12x11", so that folding leaves them whole."""
    text = unicodedata.normalize("NFKC", text)[:MOST_FOLDED].lower()
    text = "".join(str(unicodedata.digit(c)) if c.isdigit() and not c.isascii() else c for c in text)
    text = _AM.sub(r"\1m ", text)
    text = _CLOCK.sub(r" \1h\2 ", text)
    text = _POINTED.sub(r" \1h\2 ", text)
    return _DATE.sub(lambda m: " " + "x".join(g for g in m.groups() if g) + " ", text)


def _tokens(words: list[str], own: TimeWords, everyone: TimeWords) -> Iterator[Token]:
    i = 0
    while i < len(words):
        token = _phrase(words, i, own, everyone)
        if token is None:
            yield from _alone(words[i], own, everyone)
            i += 1
            continue
        yield token
        i += token.text.count(" ") + 1
        if token.meanings.get("near", "").endswith("_week"):  # "début de semaine" and "semaine prochaine"
            also = _phrase(words, i - 1, own, everyone)
            i -= also is not None and also.meanings.get("near") in _WEEKS - {token["near"]}


def _phrase(words: list[str], i: int, own: TimeWords, everyone: TimeWords) -> Token | None:
    """The longest phrase that begins here."""
    for length in range(min(max(own.longest, everyone.longest), len(words) - i), 0, -1):
        phrase = " ".join(words[i : i + length])
        if meanings := own.phrases.get(phrase) or everyone.phrases.get(phrase):
            return Token(phrase, meanings)
    return None


def _alone(word: str, own: TimeWords, everyone: TimeWords) -> list[Token]:
    """A word that is no phrase by itself: a number, an inflected form, glued letters; or nothing known."""
    if re.fullmatch(r"\d{1,4}", word):
        return [Token(word, {"number": word})]
    if re.fullmatch(r"\d{1,2}h\d\d", word):
        return [Token(word, {"hour": word})]
    if re.fullmatch(r"\d{1,2}x\d{1,2}(x\d{2,4})?", word):
        return [Token(word, {"date": word})]
    if meanings := own.word(word) or everyone.word(word):
        return [Token(word, meanings)]
    if glued := _GLUED.fullmatch(word):
        ending = own.word(glued[2]) or everyone.word(glued[2])
        if ending and not _GLUED_TO.isdisjoint(ending):
            return [Token(glued[1], {"number": glued[1]}), Token(glued[2], ending)]
    for clitic in _CLITICS:
        rest = word.removeprefix(clitic)
        if rest != word and (meanings := own.word(rest) or everyone.word(rest)):
            return [Token(word, meanings)]
    return [Token(word)]
