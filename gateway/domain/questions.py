"""Questions kept for the content team: what was said, in which language, and why it is kept."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class Kind(StrEnum):
    ASKED_AGAIN = "asked_again"
    OUT_OF_SCOPE = "out_of_scope"
    REFUSED_ANSWER = "refused_answer"


@dataclass(frozen=True)
class KeptQuestion:
    """Nothing leads back to her: no number, no conversation, a day and no hour.

    `candidates` are the meanings that were weighed, best first, with their odds. `intent` is the
    meaning that the content team gave it; "" until then.
    """

    kind: Kind
    language: str
    text: str
    candidates: tuple[tuple[str, float], ...]
    on: date
    intent: str = ""
    id: int = 0


@dataclass(frozen=True)
class Exchange:
    """One message of hers and the responses that answered it."""

    text: str
    responses: tuple[str, ...]
