"""Words that act before any understanding: STOP and its kin, MENU, RDV, the digits.

They are compared as a whole message: "arrêt de bus" stops nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from gateway.domain.text import folded
from gateway.domain.time_words import TimeWords


@dataclass(frozen=True)
class Vocabulary:
    """One language's keywords, folded. Built by `Vocabulary.of` from its keywords.yml."""

    language: str
    commands: Mapping[str, str]  # folded phrase → command ("STOP", "MENU"…)
    names: frozenset[str]  # whole messages that ask for this language
    hello: frozenset[str]  # greetings that show this language
    polite: frozenset[str]
    yes: frozenset[str]
    no: frozenset[str]
    digits: Mapping[str, str] = field(default_factory=dict)
    time: TimeWords = field(default_factory=TimeWords)

    @classmethod
    def of(cls, language: str, raw: Mapping[str, object]) -> "Vocabulary":
        """`raw` is the content of locales/<language>/keywords.yml."""

        def words(key: str) -> frozenset[str]:
            return frozenset(folded(str(w)) for w in raw.get(key) or ())  # type: ignore[attr-defined]

        keywords: Mapping[str, Iterable[object]] = raw.get("keywords") or {}  # type: ignore[assignment]
        digits: Mapping[object, Iterable[object]] = raw.get("digits") or {}  # type: ignore[assignment]
        return cls(
            language=language,
            commands={
                folded(str(phrase)): str(command)
                for command, phrases in keywords.items()
                for phrase in [command, *(phrases or ())]
            },
            names=words("ask_for"),
            hello=words("hello"),
            polite=words("polite"),
            yes=words("yes"),
            no=words("no"),
            digits=(numbers := {folded(str(w)): str(d) for d, ws in digits.items() for w in (ws or ())}),
            time=TimeWords.of(raw.get("time") or {}, words("yes"), numbers),  # type: ignore[arg-type]
        )


class Vocabularies(tuple[Vocabulary, ...]):
    """All the languages' keywords together: a word of any language acts at any moment."""

    @cached_property
    def commands(self) -> Mapping[str, str]:
        return {phrase: command for v in reversed(self) for phrase, command in v.commands.items()}

    @cached_property
    def names(self) -> Mapping[str, str]:
        return {name: v.language for v in reversed(self) for name in v.names}

    @cached_property
    def digits(self) -> Mapping[str, str]:
        return {word: digit for v in reversed(self) for word, digit in v.digits.items()}

    @cached_property
    def yes(self) -> frozenset[str]:
        return frozenset().union(*(v.yes for v in self))

    @cached_property
    def no(self) -> frozenset[str]:
        return frozenset().union(*(v.no for v in self))

    @cached_property
    def polite(self) -> frozenset[tuple[str, ...]]:
        return frozenset(tuple(words.split()) for v in self for words in v.polite)

    @cached_property
    def time(self) -> TimeWords:
        small = (word for v in self for word in (*v.polite, *v.hello))
        return TimeWords.together((v.time for v in self), small)

    @cached_property
    def longest_polite(self) -> int:
        return max((len(words) for words in self.polite), default=0)


def command_in(text: str, vocabularies: Vocabularies) -> str | None:
    """The command that the whole message is, in any language, with or without politeness."""
    return _whole(text, vocabularies, vocabularies.commands)


def language_asked(text: str, vocabularies: Vocabularies) -> str | None:
    """The language whose name the whole message is ("english please"), or None."""
    return _whole(text, vocabularies, vocabularies.names)


def _whole(text: str, vocabularies: Vocabularies, known: Mapping[str, str]) -> str | None:
    said = folded(text)
    if said in known:
        return known[said]
    return known.get(_bare(said, vocabularies))


def _bare(said: str, vocabularies: Vocabularies) -> str:
    """The text without polite words at its two ends: "bonjour stop svp" says "stop"."""
    words = said.split()
    changed = True
    while changed and words:
        changed = False
        for length in range(min(vocabularies.longest_polite, len(words) - 1), 0, -1):
            if tuple(words[-length:]) in vocabularies.polite:
                words, changed = words[:-length], True
                break
            if tuple(words[:length]) in vocabularies.polite:
                words, changed = words[length:], True
                break
    return " ".join(words)
