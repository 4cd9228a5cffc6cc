"""What the content team may learn from a turn: a question without an answer, or whose answer she refused.

Never from a sensitive turn, and never what leads back to her. Nothing is stored from here: a turn
goes in, a question comes out, or None.
"""

import re
from collections.abc import Collection, Sequence
from datetime import date

from gateway.domain.conversation import Conversation, Inbound, Outcome, Reply
from gateway.domain.questions import Exchange, KeptQuestion, Kind
from gateway.domain.text import folded

# Beginnings of names: danger, health, disability, justice.
SENSITIVE = (
    "danger_", "suicidal", "violence", "emergency_danger", "emergency_housing",
    "obstacle/health", "obstacle/mental_health", "obstacle/justice", "menu/health",
    "faq/psychological_support", "faq/aah", "faq/disability_rqth_mdph", "faq/css_health_cover",
    "faq/find_doctor", "faq/legal_help.prison_exit",
)  # fmt: skip
ASKED_AGAIN = {"utter_not_understood", "utter_rephrase"}
OUT_OF_SCOPE = ("utter_out_of_scope", "utter_faq/out_of_scope.")
ANSWERS = ("utter_faq/", "utter_obstacle/")
# Said before an answer that is given once more: her message was then a keyword, not a question.
AGAIN = {"utter_language_changed", "utter_repeat_simpler", "utter_go_back"}
KEPT = 5  # candidates
HIDDEN = "…"

_NUMBER = re.compile(r"\+?\d(?:[\W_]{0,3}\d){5,}")  # six digits or more, however they are spaced
_MAIL = re.compile(r"\S+\s?@\s?\S+")


def sensitive(name: str) -> bool:
    """`name` of a meaning or of a response."""
    meaning = name.removeprefix("utter_").replace("simple/", "faq/", 1)
    return meaning.startswith(SENSITIVE)


def personal(response: str) -> bool:
    """Health or justice told in her own words: they are erased. A danger is not: somebody must act."""
    return response.startswith("utter_") and sensitive(response) and "danger_" not in response


def masked(text: str) -> str:
    """Without what could be a number or an address, on one line."""
    return " ".join(_NUMBER.sub(HIDDEN, _MAIL.sub(HIDDEN, text)).split())


def weighed(replies: Sequence[Reply]) -> tuple[tuple[str, float], ...]:
    """The meanings that Rasa had in mind, when it says them."""
    found = next((r.values["candidates"] for r in replies if r.values.get("candidates")), ())
    return tuple((str(c["name"]), float(c.get("confidence", 0.0))) for c in found)[:KEPT]


def to_say(replies: Sequence[Reply]) -> tuple[Reply, ...]:
    """The replies without those meanings, but where she is offered them."""
    return tuple(
        r
        if r.response == "utter_not_understood"
        else Reply(r.response, {k: v for k, v in r.values.items() if k != "candidates"})
        for r in replies
    )


def denied(text: str, replies: Sequence[Reply], no: Collection[str]) -> bool:
    """She says that this is not it: a plain no of any language, by its words or by its meaning."""
    return folded(text) in no or any(r.response == "utter_deny" for r in replies)


def question_to_keep(
    who: Conversation, inbound: Inbound, outcome: Outcome, before: Exchange | None, on: date
) -> KeptQuestion | None:
    """`who` is she before this turn; `before`: what she wrote last and what she was told, when she denies it."""
    names = [reply.response for reply in outcome.replies]
    about = [*names, *(r.response for r in who.state.last), *(name for name, _ in outcome.considered)]
    if outcome.sensitive or who.state.asking or any(sensitive(name) for name in about):
        return None  # asked where she lives, she may write her whole address
    if outcome.denied:
        if before is None or not _was_an_answer(before):
            return None
        language = who.language or outcome.language
        return KeptQuestion(Kind.REFUSED_ANSWER, language, masked(before.text), (), on)
    if not outcome.heard:
        return None
    kind = _kind(names)
    if kind is None:
        return None
    return KeptQuestion(kind, outcome.language, masked(inbound.text), outcome.considered, on)


def _kind(names: Sequence[str]) -> Kind | None:
    if ASKED_AGAIN.intersection(names):
        return Kind.ASKED_AGAIN
    return Kind.OUT_OF_SCOPE if any(name.startswith(OUT_OF_SCOPE) for name in names) else None


def _was_an_answer(before: Exchange) -> bool:
    """A question in words that got an answer; one kept already, or a choice in a menu, is not."""
    said = before.responses
    if any(sensitive(name) or name in AGAIN or name.startswith(OUT_OF_SCOPE) for name in said):
        return False
    words = [word for word in folded(before.text).split() if not word.isdigit()]
    return len(words) > 1 and any(name.startswith(ANSWERS) for name in said)
