"""What stands on a person's page, in French, ready to show."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from gateway.domain.appointment import Status
from gateway.domain.language import script_of
from gateway.domain.obstacle import SharedObstacle
from gateway.domain.workspace import PersonRow, Said, StopRow
from gateway.web.workspace import wording
from gateway.web.workspace.people import person_line
from gateway.web.workspace.rows import appointment_rows
from gateway.web.workspace.session import Signed

FAILURES = wording.WORDS["failures"]
STATES = wording.WORDS["states"]
FAILED = ("failed", "undelivered")


async def about(tx: Any, row: PersonRow, signed: Signed, wiring: Any, now: datetime) -> dict[str, Any]:
    """All but the messages. What she shared is for the referent who follows her: she was asked for him alone."""
    follows = row.referent_id == signed.referent.id
    zone, here = wiring.timezone, row.conversation_id
    names = await tx.first_names({one for one in (row.referent_id, row.taken_by) if one})
    booked = sorted(await tx.appointments_of_conversation(here), key=lambda one: one.starts_at)
    coming = [a for a in booked if a.status is Status.BOOKED and a.ends_at > now]
    comers = await tx.who_come(booked)
    past = [a for a in reversed(booked) if a not in coming]
    return {
        "person": {
            **person_line(row, signed, names, zone),
            "phone": row.phone,
            "spoken": wording.phone(row.phone),
            "bound": row.bound,
            "taken_by": "" if row.taken_by is None else names.get(row.taken_by, "un collègue"),
            "mine": row.taken_by == signed.referent.id,
        },
        "coming": appointment_rows(coming, comers, now, zone),
        "past": appointment_rows(past, comers, now, zone),
        "calls": [call(one, zone) for one in await tx.open_callbacks(signed.referent, now, here)],
        "shared": [obstacle(one, wiring) for one in await tx.shared_obstacles(here)] if follows else [],
        "follows": follows,
        "stops": [stop(one, zone) for one in await tx.opt_outs(here)],
    }


def call(one: Any, zone: Any) -> dict[str, Any]:
    return {
        "id": one.id,
        "urgent": one.urgent,
        "reasons": [wording.reason(name) for name in one.reasons],
        "since": wording.when(one.since, zone),
    }


def stop(one: StopRow, zone: Any) -> dict[str, str]:
    return {
        "since": wording.when(one.at, zone),
        "until": wording.when(one.ended_at, zone) if one.ended_at else "",
        "by": "dit par l'opérateur" if one.source == "carrier" else "écrit par elle",
    }


def obstacle(one: SharedObstacle, wiring: Any) -> dict[str, Any]:
    """What she shared, with the very words that she chose among."""
    words = wiring.words
    kind = wiring.worker.obstacles.kinds.get(one.kind)
    told = [(question, code) for question, code in one.answers.items() if words.has(_asked(one, question))]
    return {
        "name": words.name(kind.says, "fr") if kind else one.kind,
        "severity": "" if one.severity is None else _chosen(words, "utter_ask/severity", str(one.severity)),
        "on": wording.day(date.fromisoformat(one.on)),
        "answers": [
            (words.text(name, "fr"), _chosen(words, name, code))
            for name, code in ((_asked(one, question), code) for question, code in told)
        ],
    }


def _asked(one: SharedObstacle, question: str) -> str:
    return f"utter_ask/{one.kind}.{question}"


def _chosen(words: Any, response: str, code: str) -> str:
    """The title of the button that gave this answer."""
    buttons: Sequence[tuple[str, str]] = words.responses[response].buttons
    return next((title for title, payload in buttons if payload == f"ANSWER {code}"), code)


def conversation_lines(messages: Sequence[Said], row: PersonRow, wiring: Any) -> Sequence[Mapping[str, Any]]:
    """Messages with their day when it changes. `lang` "": nobody knows in which language a referent wrote."""
    zone, words, lines, before = wiring.timezone, wiring.words, list[Mapping[str, Any]](), ""
    language = row.language if row.language in dict(words.language_choices()) else "fr"
    for one in messages:
        day = wording.day(one.at.astimezone(zone).date())
        lines.append(
            {
                "id": one.id,
                "hers": one.hers,
                "by": _author(one, row),
                "text": _text(one),
                "note": one.personal or one.told_the_robot or not one.text,
                "hour": wording.hour(one.at, zone),
                "day": day if day != before else "",
                "lang": _written_in(one, language, words),
                "dir": "auto" if one.by or one.hers else words.direction(language),
                "state": _state(one),
                "failed": one.status in FAILED,
            }
        )
        before = day
    return lines


def _written_in(one: Said, language: str, words: Any) -> str:
    """What a screen reader should read it in; "" (the page's own) when the letters are not that language's."""
    if one.by or one.personal or one.told_the_robot:
        return ""
    rtl = words.direction(language) == "rtl"
    letters = "ARABIC" if rtl else "CYRILLIC" if language in ("uk", "ru") else "LATIN"
    return language if script_of(one.text) in (letters, None) else ""


def _author(one: Said, row: PersonRow) -> str:
    if one.hers:
        return row.first_name or "Elle"
    return one.by or "Le robot"


def _text(one: Said) -> str:
    if one.personal:
        return "message personnel effacé"
    if one.told_the_robot:
        return "dit au robot, au sujet d'une difficulté : ce qu'elle accepte de partager est plus haut"
    return one.text or ("photo ou son, que nous ne gardons pas" if one.media else "message vide")


def _state(one: Said) -> str:
    if one.hers:
        return "en attente de réponse" if one.status == "received" else ""
    if one.status in FAILED:
        return f"échec : {FAILURES.get(one.error_code or 0, 'raison inconnue')}"
    return STATES.get(one.status, "envoyé")
