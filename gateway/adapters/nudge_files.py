"""Reads bot/nudges: one file, one kind of reminder or nudge; and what a département changes of them.

A file that says something impossible raises NotReady, with its name and what to do.
"""

import re
from collections.abc import Mapping
from datetime import time, timedelta
from pathlib import Path
from typing import Any

import yaml

from gateway.adapters.content_files import read_yaml
from gateway.domain.nudge import About, Kinds, NudgeKind, Topic
from gateway.errors import NotReady

FIELDS = {
    "about", "count_from", "wait", "at", "only", "since", "times", "every", "then", "useless_at", "renews",
    "topic", "capped", "control", "lines", "shows",
}  # fmt: skip
OPENED, START, END, DAY = "opened_at", "starts_at", "ends_at", "due_on"
MOMENTS = {About.APPOINTMENT.value: {OPENED, START, END}, About.CAMPAIGN.value: {OPENED, START}}
FACTS = {
    About.APPOINTMENT.value: {"status", "kind", "ours"},
    About.INVITATION.value: {"why"},
    About.OBSTACLE.value: {"sensitive", "discreet"},
}
_LENGTH = re.compile(r"^(-?\d+) (minute|hour|day)s?$")
# Both are written into the answers on her screen, one word each; a name is a column of the database too.
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_DOES = re.compile(r"[a-z0-9_]+|/[\w/.]+")
_HOUR = re.compile(r"^([01]?\d|2[0-3]):[0-5]\d$")


def read_nudges(root: Path, departement: str) -> Kinds:
    """Every kind by its name, which is its file's; those with `off: true` in the département's own file are left out."""
    own = Path("territories") / departement / "nudges.yml"
    changes: Mapping[Any, Any] = _read(root, own) if (root / own).exists() else {}
    kinds = {}
    for path in sorted((root / "bot" / "nudges").glob("*.yml")):
        file = Path("bot", "nudges", path.name)
        content = _read(root, file)
        if "nudge" not in content:  # words alone
            continue
        change = dict(_table(changes.get(path.stem) or {}, own))
        off = change.pop("off", change.pop(False, False))  # YAML reads off: as false:
        if not isinstance(off, bool):
            raise _wrong(own, f"{path.stem}, off: « {off} » n'est ni true ni false")
        if not off:
            plain = _kind(path.stem, _table(content["nudge"], file), file)
            kinds[path.stem] = _kind(path.stem, {**content["nudge"], **change}, own) if change else plain
    return kinds


def _read(root: Path, file: Path) -> Mapping[str, Any]:
    try:
        return _table(read_yaml(root / file), file)
    except yaml.YAMLError:
        raise _wrong(file, "l'écriture YAML est à corriger") from None


def _table(found: object, file: Path) -> Mapping[Any, Any]:
    if not isinstance(found, Mapping):
        raise _wrong(file, f"« {found} » : des réglages sont attendus, un par ligne, « nom: valeur »")
    return found


def _wrong(file: Path, why: object) -> NotReady:
    return NotReady(f"{file.as_posix()} : {why}. Voir docs/contenu.md, « Un rappel ».")


def _kind(name: str, raw: Mapping[str, Any], file: Path) -> NudgeKind:
    """`file`: where a mistake would be."""
    try:
        if unknown := {str(one) for one in raw} - FIELDS:
            raise ValueError(f"« {sorted(unknown)[0]} » n'est pas un réglage connu")
        if not _NAME.fullmatch(name):
            raise ValueError(
                "son nom ne va pas : petites lettres sans accent, chiffres et _, 40 signes au plus"
            )
        if "about" not in raw:
            raise ValueError("« about » manque")
        about = _one_of(raw["about"], {one.value for one in About})
        moments = MOMENTS.get(about, {OPENED, DAY})
        return NudgeKind(
            id=name,
            about=about,
            count_from=_one_of(raw.get("count_from", OPENED), moments),
            wait=length(raw.get("wait", "0 days")),
            at=_hour(raw["at"]) if raw.get("at") is not None else None,
            only=_only(raw.get("only") or {}, FACTS.get(about, set())),
            since=length(raw.get("since", "0 days")),
            times=_number(raw.get("times", 1), 1),
            every=length(raw.get("every", "7 days")),
            then=_one_of(raw.get("then", ""), {"", "referent"}),
            useless_at=_one_of(raw.get("useless_at", ""), {"", *moments}),
            renews=_number(raw.get("renews", 0), 0),
            topic=Topic(_one_of(raw.get("topic", "follow_up"), {one.value for one in Topic})),
            capped=_yes_or_no(raw.get("capped", True)),
            control=_yes_or_no(raw.get("control", True)),
            lines=_lines(raw.get("lines") or ()),
            shows=_one_of(raw.get("shows", ""), {"", "meeting", "time_slots"}),
        )
    except ValueError as wrong:
        raise _wrong(file, f"{name}, {wrong}" if file.stem != name else wrong) from None


def _hour(written: object) -> time:
    """ "10:00". YAML reads 10:00 without quotes as a number of minutes."""
    if not _HOUR.match(str(written)):
        raise ValueError(f'at: « {written} » n\'est pas une heure entre guillemets, par exemple "10:00"')
    hour, minute = str(written).split(":")
    return time(int(hour), int(minute))


def _only(written: object, facts: set[str]) -> Mapping[str, frozenset[str]]:
    if not isinstance(written, Mapping):
        raise ValueError(f"only: « {written} » ne dit pas de quoi, par exemple {{status: [booked]}}")
    found = {}
    for fact, values in written.items():
        listed = values if isinstance(values, list) else [values]
        if any(not isinstance(one, str) for one in listed):
            raise ValueError(f'only: « {fact} » veut des mots entre guillemets, par exemple ["no"]')
        found[_one_of(fact, facts)] = frozenset(listed)
    return found


def _lines(written: object) -> tuple[tuple[str, str], ...]:
    pairs: list[Any] = list(written) if isinstance(written, list | tuple) else ["?"]
    if any(not isinstance(one, list) or [type(part) for part in one] != [str, str] for one in pairs):
        raise ValueError("lines: chaque ligne est [titre, réponse], par exemple [utter_yes_title, done]")
    for _title, does in pairs:
        if not _DOES.fullmatch(does):
            raise ValueError(f"lines: « {does} » n'est pas une réponse, un mot sans accent ni espace")
    return tuple((title, does) for title, does in pairs)


def _number(written: object, least: int) -> int:
    if isinstance(written, bool) or not isinstance(written, int) or written < least:
        raise ValueError(f"« {written} » n'est pas un nombre, {least} au moins")
    return written


def _yes_or_no(written: object) -> bool:
    if not isinstance(written, bool):
        raise ValueError(f"« {written} » n'est ni true ni false")
    return written


def length(written: object) -> timedelta:
    """ "-2 days", "3 hours", "30 minutes"."""
    found = _LENGTH.match(str(written))
    if not found:
        raise ValueError(f"« {written} » n'est pas une durée, par exemple « 3 days »")
    return timedelta(**{f"{found[2]}s": int(found[1])})


def _one_of(value: object, known: set[str]) -> str:
    if str(value) not in known:
        raise ValueError(f"« {value} » est inconnu, attendu : {', '.join(sorted(known - {''}))}")
    return str(value)
