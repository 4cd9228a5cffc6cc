"""What stands in her way: kinds of obstacles, the questions about each, and where she is among them.

Pure rules. The kinds are read from bot/obstacles.yml, the words of the questions from bot/data/assessment.yml.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from gateway.domain.text import folded

IN_A_ROW = 3  # questions before she is given something
MISSES = 2  # answers that are no answer, then she is left in peace
SKIP = "skip"  # "9 I prefer not to answer"; never kept
IMPACT = {1: "FAIBLE", 2: "MOYEN", 3: "FORT"}  # France Travail's words for severities 1 to 3

# What may stand between two numbers: "1 et 4", "1, 4", "1 y 4".
_BETWEEN = frozenset(
    {"et", "and", "y", "e", "ve", "si", "و", "і", "и", "та", "le", "la", "les", "او", "plus", "puis"}
)
_HESITATION = frozenset(
    {"enfin", "euh", "ah", "ben", "bah", "finalement", "well", "bueno", "pues", "ну", "ой", "yani", "يعني"}
)


class Step(StrEnum):
    """Where she is; any other value is the name of a question ("means")."""

    PREFACE = "preface"
    SEVERITY = "severity"
    CONSENT = "consent"
    HELP = "help"


@dataclass(frozen=True)
class ObstacleKind:
    """`says`: the response that meets it; `first`, `more`: names of questions; `schemes`: meanings that help.

    `alerts`: "question.answer" → the meaning to say at once, and somebody calls.
    `situations`: "question.answer" → France Travail's code. `thematiques`: data·inclusion.
    `discreet`: never named in a text that she did not ask for, which somebody else may read; so are the `sensitive` ones.
    """

    id: str
    says: str
    first: tuple[str, ...]
    more: tuple[str, ...] = ()
    sensitive: bool = False
    discreet: bool = False
    severity: bool = True
    schemes: tuple[str, ...] = ()
    thematiques: tuple[str, ...] = ()
    alerts: Mapping[str, str] = field(default_factory=dict)
    contrainte: str = ""
    situations: Mapping[str, str] = field(default_factory=dict)

    @property
    def opening(self) -> tuple[str, ...]:
        """Asked before any help; with the consent, three at most."""
        if self.sensitive:
            return (Step.PREFACE, *self.first)
        return (*self.first, Step.SEVERITY) if self.severity else self.first

    @property
    def details(self) -> tuple[str, ...]:
        """Asked when she wants to say more."""
        late = self.sensitive and self.severity and self.more
        return (*self.more, Step.SEVERITY) if late else self.more


@dataclass(frozen=True)
class Obstacles:
    """All the kinds, in the order of the guided list."""

    kinds: Mapping[str, ObstacleKind] = field(default_factory=dict)
    consent_version: str = ""

    def met_by(self, response: str) -> ObstacleKind | None:
        """The kind that this response speaks of ("utter_obstacle/language" → french_language)."""
        said = response.removeprefix("utter_")
        return next((k for k in self.kinds.values() if k.says == said), None)


@dataclass(frozen=True)
class Assessment:
    """One obstacle being told. Kept in her state, sealed; nothing of it is shared before she agrees.

    - `queue`: kinds that she named and that come next; `answers`: question → code of the answer
    - `detailed`: she asked to say more; `shared`: her referent may see it
    - `misses`: answers in a row that were none
    """

    kind: str
    step: str
    answers: Mapping[str, str] = field(default_factory=dict)
    severity: int | None = None
    queue: tuple[str, ...] = ()
    detailed: bool = False
    shared: bool = False
    misses: int = 0

    def to_json(self) -> dict[str, Any]:
        return {**self.__dict__, "answers": dict(self.answers), "queue": list(self.queue)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | None) -> "Assessment | None":
        return cls(**{**data, "queue": tuple(data["queue"])}) if data else None

    @property
    def asks(self) -> bool:
        """A question is open."""
        return self.step != Step.HELP


@dataclass(frozen=True)
class SharedObstacle:
    """What her referent may see. `chosen`: the schemes and services she looked at."""

    kind: str
    severity: int | None
    answers: Mapping[str, str]
    on: str  # ISO date
    channel: str
    version: str  # of the words of the consent
    proposed: tuple[str, ...] = ()
    chosen: tuple[str, ...] = ()
    commune: str = ""  # INSEE code, for the counts by intercommunalité

    def to_json(self) -> dict[str, Any]:
        values = {"answers": dict(self.answers), "proposed": list(self.proposed), "chosen": list(self.chosen)}
        return {**self.__dict__, **values}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "SharedObstacle":
        return cls(**{**data, "proposed": tuple(data["proposed"]), "chosen": tuple(data["chosen"])})


@dataclass(frozen=True)
class Share:
    """Her referent may see it, or sees it as it is now."""

    obstacle: SharedObstacle


@dataclass(frozen=True)
class Withdraw:
    """She takes it back: deleted, and the consent ended."""

    kind: str


Change = Share | Withdraw


def begun(kind: ObstacleKind, queue: Sequence[str] = ()) -> Assessment:
    return Assessment(kind.id, kind.opening[0], queue=tuple(queue))


def answered(kind: ObstacleKind, told: Assessment, code: str, may_share: bool) -> Assessment:
    """The step after this answer. `may_share`: somebody follows her, so the consent can be asked.

    A preface refused leads to the help and leaves no answer.
    """
    told = replace(told, misses=0)
    if told.step == Step.PREFACE and code != "yes":
        return replace(told, step=Step.HELP, answers={}, severity=None, shared=False)
    if told.step == Step.CONSENT:
        return replace(told, step=Step.HELP, shared=code == "yes")
    if told.step == Step.SEVERITY:
        told = replace(told, severity=int(code) if code.isdigit() else None)
    elif told.step != Step.PREFACE and code != SKIP:
        told = replace(told, answers={**told.answers, told.step: code})
    return replace(told, step=_next(kind, told, may_share))


def detailing(kind: ObstacleKind, told: Assessment) -> Assessment:
    """She wants to say more: nothing new is asked of a sensitive kind whose preface she refused."""
    return replace(told, step=kind.details[0], detailed=True) if kind.details else told


def back(kind: ObstacleKind, told: Assessment) -> Assessment | None:
    """The question before, its answer forgotten; None at the first."""
    steps = kind.details if told.detailed else (*kind.opening, Step.CONSENT)
    at = steps.index(told.step) if told.step in steps else 0
    if at == 0:
        return None
    before = steps[at - 1]
    answers = {q: a for q, a in told.answers.items() if q != before}
    return replace(told, step=before, answers=answers, misses=0)


def _next(kind: ObstacleKind, told: Assessment, may_share: bool) -> str:
    steps = kind.details if told.detailed else kind.opening
    at = steps.index(told.step)
    if at + 1 < len(steps):
        return steps[at + 1]
    worth_telling = told.answers or told.severity
    return Step.CONSENT if may_share and worth_telling and not told.detailed else Step.HELP


def alert(kind: ObstacleKind, before: Assessment, code: str) -> str:
    """The meaning to say at once after this answer, or ""."""
    return kind.alerts.get(f"{before.step}.{code}", "")


def situations(kind: ObstacleKind, answers: Mapping[str, str]) -> list[str]:
    """France Travail's codes for what she answered, each once."""
    codes = (kind.situations.get(f"{q}.{a}") for q, a in answers.items())
    return sorted({c for c in codes if c})


def numbers_in(text: str, words: Mapping[str, str]) -> tuple[int, ...]:
    """Several numbers at once: "1 et 4", "1,4", "deux et trois" → (1, 4). () when it says anything else."""
    found: list[int] = []
    for word in folded(text).replace("و", " و ").split():
        if word in words:
            found.append(int(words[word]))
        elif word.isdigit():
            found.append(int(word))
        elif word not in _BETWEEN:
            return ()
    return tuple(dict.fromkeys(found)) if len(found) > 1 else ()


def last_word_of(text: str, yes: Iterable[str], no: Iterable[str]) -> bool | None:
    """ "non... enfin si" → True: the last yes or no is the one she means.

    None as soon as one word is anything else: "oui mais pas maintenant" agrees to nothing.
    """
    yes, no = set(yes), set(no)
    words = [word for word in folded(text).split() if word not in _HESITATION]
    if not words or any(word not in yes and word not in no for word in words):
        return None
    return words[-1] in yes
