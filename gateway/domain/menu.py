"""Numbered choices, and what people write to pick one."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gateway.domain.text import folded


@dataclass(frozen=True)
class Choice:
    """One line of a menu. `payload` is what the service understands when it is chosen."""

    digit: str
    title: str
    payload: str


def numbered(titles_and_payloads: Iterable[tuple[str, str]]) -> tuple[Choice, ...]:
    """1, 2, 3… in order; a person is always 0, and 9 is "none of these, I prefer not to say"."""
    choices, digit = [], 0
    for title, payload in titles_and_payloads:
        if payload == PERSON or payload.endswith(NEITHER):
            choices.append(Choice("0" if payload == PERSON else "9", title, payload))
            continue
        digit += 1
        choices.append(Choice(str(digit), title, payload))
    return tuple(choices)


PERSON = "/talk_to_human"
NEITHER = (" skip", "NOTHING")

# What may stand around a digit without changing it: "n°2", "le 2", "2.", "choix 2", "réponse 2".
_AROUND = {
    "n", "no", "numero", "num", "le", "la", "l", "choix", "reponse", "option", "number", "the",
    "el", "رقم", "номер", "svp", "stp", "merci", "please", "pls", "o",
}  # fmt: skip


_NUMBERED = re.compile(r"^n(?:o|um|umero)?(?=\d)")  # n°2, №2, num2 written in one


def digit_in(text: str, words: Mapping[str, str]) -> str | None:
    """The single digit she meant: `2`, `2.`, `n°2`, `le 2`, `deux`, `٢`, `２`; else None.

    `words` gives the digit of each number word of her language, folded ("deux" → "2").
    """
    whole = folded(text)
    if whole in words:
        return words[whole]
    kept = [w for w in whole.split() if w not in _AROUND]
    if len(kept) != 1:
        return None
    word = _NUMBERED.sub("", kept[0])
    if word in words:
        return words[word]
    return str(int(word)) if word.isdigit() and len(word) <= 2 and int(word) <= 9 else None


def corrected(text: str, no: frozenset[str]) -> str:
    """ "non le 3", "pas le 2, le 3" correct a choice: the last digit is the one she means."""
    words = folded(text).split()
    denies = bool(words) and (words[0] in no or words[0] == "pas")
    return words[-1] if denies and 1 < len(words) <= 6 and words[-1].isdigit() else text


def chosen(
    text: str,
    choices: Iterable[Choice],
    digits: Mapping[str, str],
    yes: frozenset[str] = frozenset(),
    no: frozenset[str] = frozenset(),
) -> Choice | None:
    """The choice she made by its digit, its label, or a yes / no that stands for it."""
    choices = tuple(choices)
    digit = digit_in(text, digits)
    said = folded(text)
    for choice in choices:
        if digit is not None and choice.digit == digit:
            return choice
    for choice in choices:
        title = folded(choice.title)
        if said and said in (title, f"{choice.digit} {title}"):
            return choice
    for words in (yes, no):
        if said in words:
            for choice in choices:  # "ok" answers "1 Oui, arrêter"
                if folded(choice.title).split(" ")[0] in words:
                    return choice
    return None
