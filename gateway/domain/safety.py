"""Danger, looked for in every message before anything is understood.

A rule and not a model: it must hold when the model is wrong, slow or down. It is wide on purpose;
expressions that only sound dangerous ("ces papiers ça me tue") are taken out first.

Patterns are words in order: `mot` exact, `mot*` begins with, `*mot` ends with, `(a|b c)` one of,
`[x]` perhaps, `..` up to three words between.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gateway.domain.text import folded

# In this order: when several are found, the first decides which number she is given.
KINDS = ("emergency", "suicide", "child", "violence", "roof")

_TOKEN = re.compile(r"\.\.|[()\[\]|]|[^\s()\[\]|]+")
_WORD = r"[^\s]"


def compiled(patterns: Iterable[str]) -> re.Pattern[str]:
    """One regular expression for many patterns; it is tried on text between two spaces."""
    alternatives = [_translated(p) for p in patterns]
    return re.compile("|".join(alternatives) if alternatives else r"(?!)")


def _translated(pattern: str) -> str:
    out = ["(?<= )"]
    for token in _TOKEN.findall(pattern):
        if token == "..":
            out.append(rf"(?:{_WORD}+ ){{0,3}}")
        elif token in "(":
            out.append("(?:")
        elif token == "|":
            out.append("|")
        elif token == ")":
            out.append(")")
        elif token == "[":
            out.append("(?:")
        elif token == "]":
            out.append(")?")
        else:
            word = re.escape(folded(token.strip("*"))).replace(r"\ ", " ")
            start = f"{_WORD}*" if token.startswith("*") else ""
            end = f"{_WORD}*" if token.endswith("*") else ""
            out.append(f"{start}{word}{end} ")
    return "".join(out)


@dataclass(frozen=True)
class Lexicon:
    """One language's danger words, compiled."""

    danger: Mapping[str, re.Pattern[str]]
    harmless: re.Pattern[str]

    @classmethod
    def of(cls, danger: Mapping[str, Iterable[str]], harmless: Iterable[str]) -> "Lexicon":
        return cls({k: compiled(danger.get(k, ())) for k in KINDS}, compiled(harmless))

    def kinds_in(self, padded: str) -> set[str]:
        calm = self.harmless.sub(" ", padded)
        return {kind for kind, words in self.danger.items() if words.search(calm)}


def danger_in(text: str, lexicons: Iterable[Lexicon]) -> str | None:
    """The gravest kind of danger told in the text, in whatever language, or None."""
    padded = f" {folded(text)} "
    found: set[str] = set()
    for lexicon in lexicons:
        found |= lexicon.kinds_in(padded)
    return next((kind for kind in KINDS if kind in found), None)
