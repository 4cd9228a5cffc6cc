"""Reminders and nudges of one person, in French, ready to show."""

from collections.abc import Sequence
from datetime import datetime, time
from typing import Any

from gateway.domain.conversation import Conversation
from gateway.domain.nudge import About, FollowUp, Kinds
from gateway.domain.nudge_row import NudgeRow
from gateway.usecases.inviting import open_ones, unreachable
from gateway.usecases.planning import REBOOK
from gateway.web.workspace import wording
from gateway.web.workspace.person_rows import FAILED, FAILURES, STATES

NAMES = wording.WORDS["nudge_kinds"]
TOPICS = wording.WORDS["nudge_topics"]
HELD_BACK = wording.WORDS["nudge_held_back"]
WHY_NOT = wording.WORDS["not_nudged"]
TO_COME, SETTLED = 10, 20  # on the page
UNSENT = ("queued", "cancelled", *FAILED)  # to which there can be no answer
TOLD = "sans réponse : un e-mail a prévenu son référent"


async def about_nudges(
    tx: Any, who: Conversation, follows: bool, wiring: Any, now: datetime
) -> dict[str, Any]:
    """`follows`: who asks is her own referent, who alone sees what became of the obstacles that she shared."""
    zone, kinds = wiring.timezone, wiring.worker.rules.kinds
    shared = {one.kind for one in await tx.shared_obstacles(who.id)} if follows else set()
    followed = await tx.followed_obstacles(who.id, shared) if shared else []
    coming = await tx.nudges_to_come(who.id, followed, TO_COME)
    settled = await tx.nudges_settled(who.id, followed, SETTLED)
    hour = await tx.nudge_hour(who.id)
    stopped = await tx.stopped_topics(who.id)
    why_not = await unreachable(tx, who)
    invitations = await open_ones(tx, who, About.INVITATION)
    return {
        "why_not": WHY_NOT.get(why_not, ""),
        "may_invite": not (why_not or invitations or await tx.upcoming(who.id, now)),
        "invitations": [await _open(tx, who, one, zone) for one in invitations],
        "contracts": [await _open(tx, who, one, zone) for one in await open_ones(tx, who, About.CONTRACT)],
        "to_come": [line for one in coming for line in to_come(one, kinds, zone)],
        "said": [said(one, zone) for one in settled if one.state in ("said", "told")],
        "held_back": [held_back(one, zone) for one in settled if one.state not in ("said", "told")],
        "stopped": [(TOPICS.get(topic, topic), wording.when(at, zone)) for topic, at in stopped.items()],
        "hour": "" if hour is None else wording.clock(time(hour)),
    }


async def _open(tx: Any, who: Conversation, one: FollowUp, zone: Any) -> dict[str, Any]:
    """Since when, why, and what was said of it until now."""
    told: Sequence[NudgeRow] = await tx.nudges_said_about(who.id, one.about, one.opened_at)
    return {
        "since": wording.when(one.opened_at, zone),
        "missed": one.values.get("why") == REBOOK,
        "said": [said(row, zone) for row in told if row.matter_id == one.id],
    }


def to_come(one: NudgeRow, kinds: Kinds, zone: Any) -> list[dict[str, str]]:
    """One line, or none: what nobody will read is not announced."""
    kind = kinds.get(one.kind)
    after = kind is not None and one.step > kind.times
    if kind is None or (after and not kind.then):
        return []
    note = "sans réponse d'ici là, un e-mail à son référent" if after else ""
    return [{"name": _name(one), "when": wording.when(one.due_at, zone), "state": note}]


def said(one: NudgeRow, zone: Any) -> dict[str, Any]:
    return {
        "name": _name(one),
        "when": wording.when(one.said_at or one.planned_at, zone),
        "state": TOLD if one.state == "told" else _state(one),
        "failed": one.status in FAILED,
    }


def held_back(one: NudgeRow, zone: Any) -> dict[str, str]:
    why = HELD_BACK.get(one.why, HELD_BACK["no_longer_true"])
    return {"name": _name(one), "when": wording.when(one.planned_at, zone), "state": why}


def _name(one: NudgeRow) -> str:
    return NAMES.get(one.kind, "Message")


def _state(one: NudgeRow) -> str:
    if one.status in FAILED:
        return f"échec : {FAILURES.get(one.error_code or 0, 'raison inconnue')}"
    arrived = STATES.get(one.status, "envoyé")
    if one.answered_at:
        return f"{arrived}, elle a répondu"
    return arrived if one.status in UNSENT else f"{arrived}, sans réponse"
