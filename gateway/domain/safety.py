"""Danger, looked for in every message before anything is understood.

A rule and not a model: it must hold when the model is wrong, slow or down. It is wide on purpose;
expressions that only sound dangerous ("ces papiers ça me tue") are taken out first.

Patterns are words in order: `mot` exact, `mot*` begins with, `*mot` ends with, `(a|b c)` one of,
`[x]` perhaps, `..` up to three words between.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gateway.domain.text import folded

# In this order: when several are found, the first decides which number she is given.
KINDS = ("emergency", "suicide", "child", "violence", "roof")

_TOKEN = re.compile(r"\.\.|[()\[\]|]|[^\s()\[\]|]+")
_WORD = r"[^\s]"
_KEY = 3  # letters of a first word by which patterns are filed


def _parts(pattern: str) -> tuple[str, set[str] | None]:
    """A pattern as a regular expression, and the beginnings of its possible first words.

    None instead of beginnings when anything may come first (`..`, `*word`).
    """
    out: list[str] = []
    firsts: set[str] | None = set()
    at_start = True  # a word met now may be the first of what matches
    groups: list[bool] = []  # for each open group: did it open at the start
    for part in _TOKEN.findall(pattern):
        if part == "..":
            out.append(rf"(?:{_WORD}+ ){{0,3}}")
            firsts = None if at_start else firsts
        elif part in "([":
            out.append("(?:")
            groups.append(at_start)
        elif part == "|":
            out.append("|")
            at_start = bool(groups) and groups[-1]
        elif part in ")]":
            out.append(")?" if part == "]" else ")")
            opened_at_start = groups.pop()
            at_start = part == "]" and opened_at_start
        else:
            word = folded(part.strip("*"))
            start = f"{_WORD}*" if part.startswith("*") else ""
            end = f"{_WORD}*" if part.endswith("*") else ""
            out.append(f"{start}{re.escape(word)}{end} ".replace(r"\ ", " "))
            if at_start and start:
                firsts = None
            elif at_start and firsts is not None:
                firsts.add(word.split(" ")[0][:_KEY])
            at_start = False
    return "".join(out), firsts


class Patterns:
    """Many patterns, filed by the beginning of their first word: few are tried at each word.

    Compiled at first use: eleven languages of them would cost a start three seconds.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        filed: dict[str, list[str]] = {}
        anywhere: list[str] = []
        for pattern in patterns:
            expression, firsts = _parts(pattern)
            if firsts is None:
                anywhere.append(expression)
            for first in firsts or ():
                filed.setdefault(first, []).append(expression)
        self._filed = {first: "|".join(found) for first, found in filed.items()}
        self._compiled: dict[str, re.Pattern[str]] = {}
        self._anywhere = re.compile("|".join(anywhere)) if anywhere else None
        self._lengths = sorted({len(first) for first in filed})

    def spans(self, padded: str) -> Iterator[tuple[int, int]]:
        """Where patterns match in a folded text between two spaces: (start, end) of words."""
        position = padded.find(" ") + 1
        while 0 < position < len(padded):
            end = self._match(padded, position)
            if end:
                yield position, end
            position = padded.find(" ", max(end - 1, position)) + 1

    def _match(self, padded: str, position: int) -> int:
        word = padded[position : position + _KEY].split(" ")[0]
        for length in self._lengths:
            known = self._filed.get(word[:length]) if length <= len(word) else None
            if known and (found := self._ready(word[:length], known).match(padded, position)):
                return found.end()
        if self._anywhere and (found := self._anywhere.match(padded, position)):
            return found.end()
        return 0

    def _ready(self, first: str, expression: str) -> re.Pattern[str]:
        if first not in self._compiled:
            self._compiled[first] = re.compile(expression)
        return self._compiled[first]

    def found_in(self, padded: str) -> bool:
        return next(self.spans(padded), None) is not None

    def without(self, padded: str) -> str:
        """The text with what matches taken out."""
        kept, last = [], 0
        for start, end in self.spans(padded):
            kept.append(padded[last:start])
            last = end
        return "".join(kept) + padded[last:]


@dataclass(frozen=True)
class Lexicon:
    """One language's danger words, ready to be looked for."""

    danger: Mapping[str, Patterns]
    harmless: Patterns
    mailing: Patterns  # letters, an address: "I live in my van, which address do I give" is no emergency

    @classmethod
    def of(
        cls, danger: Mapping[str, Iterable[str]], harmless: Iterable[str], mailing: Iterable[str] = ()
    ) -> "Lexicon":
        return cls({k: Patterns(danger.get(k, ())) for k in KINDS}, Patterns(harmless), Patterns(mailing))

    def kinds_in(self, padded: str) -> set[str]:
        calm = self.harmless.without(padded)
        return {kind for kind, words in self.danger.items() if words.found_in(calm)}


def danger_in(text: str, lexicons: Sequence[Lexicon]) -> str | None:
    """The gravest kind of danger told in the text, in whatever language, or None."""
    padded = f" {folded(text)} "
    found: set[str] = set()
    for lexicon in lexicons:
        found |= lexicon.kinds_in(padded)
    if "roof" in found and any(lexicon.mailing.found_in(padded) for lexicon in lexicons):
        found.remove("roof")  # left to understanding, which knows both
    return next((kind for kind in KINDS if kind in found), None)
