"""Words that act before any understanding: STOP and its kin, MENU, RDV, the digits.

They are compared as a whole message: "arrêt de bus" stops nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gateway.domain.text import folded


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
            digits={folded(str(w)): str(d) for d, ws in digits.items() for w in (ws or ())},
        )


def command_in(text: str, vocabularies: Iterable[Vocabulary]) -> str | None:
    """The command that the whole message is, in any language, with or without politeness."""
    vocabularies = tuple(vocabularies)
    whole = folded(text)
    polite = frozenset().union(*(v.polite for v in vocabularies))
    for said in (whole, _without(whole, polite)):
        for vocabulary in vocabularies:
            if said in vocabulary.commands:
                return vocabulary.commands[said]
    return None


def language_asked(text: str, vocabularies: Iterable[Vocabulary]) -> str | None:
    """The language whose name the whole message is ("english please"), or None."""
    vocabularies = tuple(vocabularies)
    whole = folded(text)
    polite = frozenset().union(*(v.polite for v in vocabularies))
    for said in (whole, _without(whole, polite)):
        for vocabulary in vocabularies:
            if said in vocabulary.names:
                return vocabulary.language
    return None


def _without(said: str, polite: frozenset[str]) -> str:
    """The text without polite words at its two ends ("bonjour" is not polite here, "svp" is)."""
    changed = True
    while changed and said:
        changed = False
        for word in sorted(polite, key=len, reverse=True):
            if said.endswith(f" {word}"):
                said, changed = said[: -len(word) - 1], True
            elif said.startswith(f"{word} "):
                said, changed = said[len(word) + 1 :], True
    return said
