"""Words that answer a question or a list on her screen, without its number."""

from collections.abc import Mapping, Sequence

from gateway.domain.keywords import Vocabularies
from gateway.domain.menu import Choice
from gateway.domain.obstacle import last_word_of, numbers_in
from gateway.domain.text import folded


def exact_answer(text: str, menu: Sequence[Choice]) -> Choice | None:
    """One of the answers, written in full."""
    return next((c for c in menu if text and folded(c.title) == folded(text)), None)


def said_in_words(text: str, menu: Sequence[Choice], said: Vocabularies, consenting: bool) -> Choice | None:
    """An answer inside a sentence: "non... enfin si", "je viens en bus". A consent is never read between the lines."""
    meant = last_word_of(text, said.yes, said.no)
    if meant is not None:
        words = said.yes if meant else said.no
        if plain := [c for c in menu if folded(c.title) in words]:
            return plain[0]
    if consenting:
        return None
    around = f" {folded(text)} "
    named = [
        c for c in menu if f" {folded(c.title)} " in around and folded(c.title) not in said.yes | said.no
    ]
    return named[0] if len(named) == 1 else None


def several(text: str, shown: Mapping[int, str], digits: Mapping[str, str]) -> list[str]:
    """ "1 et 4": what these numbers stand for, in a list that takes more than one."""
    numbers = numbers_in(text, digits) if shown else ()
    return [shown[n] for n in numbers if n in shown]
