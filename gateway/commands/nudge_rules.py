"""The rules of bot/nudges, each a function that returns what to correct: file, what to do."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from gateway.adapters.content_files import read_responses, read_training_lines, read_yaml, word_files
from gateway.adapters.nudge_files import read_nudges
from gateway.domain.nudge import DISCREET, About, NudgeKind
from gateway.errors import NotReady
from gateway.settings import ROOT, Settings
from gateway.usecases.nudge_turns import CALLS, OF_APPOINTMENT, OFFERS

KNOWN = {*OF_APPOINTMENT, *CALLS, *OFFERS, "resume"}  # answers that the service knows how to follow
# The values that are always there; {service} and {number} are known everywhere.
VALUES = {About.APPOINTMENT.value: {"when", "referent"}, About.OBSTACLE.value: {"topic"}}
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


def kinds(root: Path = ROOT, departement: str = "") -> list[str]:
    """Every kind reads, has its words, and each of its lines has a title and an answer."""
    departement = departement or Settings.read().departement
    try:
        found = read_nudges(root, departement)
    except NotReady as wrong:
        return [str(wrong)]
    responses = read_responses(root)
    texts = {name: response.text for name, response in responses.items()}
    meanings = set(read_training_lines(root, "fr")) | {name.removeprefix("utter_") for name in texts}
    problems = [*_twice(root), *_changes(root, departement)]
    obstacles = set(read_yaml(root / "bot" / "obstacles.yml")["kinds"])
    for kind in found.values():
        of_it = {DISCREET, *obstacles} if kind.about == About.OBSTACLE else set()
        problems += [f"bot/nudges/{kind.id}.yml : {p}" for p in _words(kind, texts, meanings, of_it)]
    return problems


def _words(kind: NudgeKind, texts: dict[str, str], meanings: set[str], of_it: set[str]) -> Iterator[str]:
    """`of_it`: for what it may have words of its own, `utter_nudge/obstacle.childcare`."""
    said = [kind.why] if kind.about == About.CAMPAIGN else [kind.says, kind.why]
    yield from (f"{name} manque sous responses:" for name in said if name not in texts)
    known = VALUES.get(kind.about, set()) | {"service", "number"}
    own = {name.partition(".")[2]: name for name in texts if name.startswith(f"{kind.says}.")}
    for name in (kind.says, *own.values()):
        if unknown := set(_PLACEHOLDER.findall(texts.get(name, ""))) - known:
            yield f"{{{sorted(unknown)[0]}}} peut manquer dans {name} : dites-le sans"
    never = set(own) - of_it - {does for _, does in kind.lines}
    yield from (f"{own[words]} n'est jamais dit : corrigez son nom" for words in sorted(never))
    if kind.lines and kind.shows == "time_slots":
        yield "les lignes de lines: ne sont pas dites avec shows: time_slots"
    for title, does in kind.lines:
        if _titled(title) not in texts:
            yield f"le titre {title} n'existe pas"
        leads = does[1:] in meanings if does.startswith("/") else f"{kind.says}.{does}" in texts
        if not leads and does not in KNOWN:
            yield f"« {does} » n'a pas de réponse ; écrivez {kind.says}.{does}"


def _titled(title: str) -> str:
    """The response that a title is read from: "utter_yes_title", "label:faq/debt"."""
    how, _, named = title.rpartition(":")
    return f"utter_{named}" if how in ("label", "name") else named


def _twice(root: Path) -> Iterator[str]:
    """The second of two responses with one name would hide the first."""
    names = Counter(name for path in word_files(root) for name in read_yaml(path).get("responses") or ())
    yield from (f"{name} est écrit deux fois : gardez-en un" for name, times in names.items() if times > 1)


def _changes(root: Path, departement: str) -> Iterator[str]:
    own = root / "territories" / departement / "nudges.yml"
    known = {path.stem for path in (root / "bot" / "nudges").glob("*.yml")}
    for name in read_yaml(own) if own.exists() else ():
        if name not in known:
            yield f"territories/{departement}/nudges.yml : {name} n'est pas un fichier de bot/nudges"
