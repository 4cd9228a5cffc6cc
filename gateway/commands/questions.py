"""Les questions restées sans réponse : les lister, leur donner un sens, les ajouter aux phrases d'entraînement."""

import argparse
import difflib
import json
import re
import unicodedata
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from gateway.adapters.clock import MovableClock
from gateway.adapters.content_files import read_training_lines
from gateway.adapters.database.store import DatabaseTransaction
from gateway.commands.database import asked, settings_here
from gateway.domain.questions import KeptQuestion, Kind
from gateway.errors import NotReady
from gateway.settings import ROOT, Settings
from gateway.usecases.learning import masked

WHY = {
    Kind.ASKED_AGAIN: "redemandée",
    Kind.OUT_OF_SCOPE: "hors sujet",
    Kind.REFUSED_ANSWER: "réponse refusée",
}
MEASURES = ("dev.jsonl", "test.jsonl")  # tests/understanding: what measures must not be learned


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="un objet par ligne")
    actions = parser.add_subparsers(dest="action", title="actions", metavar="label | export")
    label = actions.add_parser("label", help="dit ce que la personne voulait dire")
    label.add_argument("id", type=int, help="le numéro de la question")
    label.add_argument("intent", metavar="sens", help="un sens de bot/data, par exemple faq/food_aid")
    label.add_argument("--text", default="", help="la phrase récrite, sans rien de reconnaissable")
    actions.add_parser("export", help="ajoute les questions qui ont un sens aux phrases d'entraînement")


def run(arguments: argparse.Namespace) -> int:
    if arguments.action == "label":
        return _label(arguments.id, arguments.intent, arguments.text)
    if arguments.action == "export":
        return _export()
    kept = _with_store(_questions)
    for question in kept:
        print(json.dumps(_row(question), ensure_ascii=False) if arguments.json else _line(question))
    if not (kept or arguments.json):
        print("Aucune question en attente.")
    return 0


# listing


def _row(question: KeptQuestion) -> dict[str, Any]:
    return {
        "id": question.id,
        "kind": question.kind.value,
        "language": question.language,
        "date": question.on.isoformat(),
        "candidates": [{"name": name, "confidence": odds} for name, odds in question.candidates],
        "intent": question.intent,
        "text": question.text,
    }


def _line(question: KeptQuestion) -> str:
    weighed = ", ".join(f"{name} {odds:.2f}" for name, odds in question.candidates[:3])
    about = [str(question.id), WHY[question.kind], question.language, question.on.isoformat(), weighed or "—"]
    meaning = f"\n    → {question.intent}" if question.intent else ""
    return f"{' · '.join(about)}\n    {question.text}{meaning}"


# labelling


def _label(question_id: int, intent: str, text: str) -> int:
    known = set(read_training_lines(ROOT, "fr"))
    if intent not in known:
        near = ", ".join(nearest(intent, known)) or "aucun"
        raise NotReady(f"Le sens « {intent} » n'existe pas. Les plus proches : {near}.")

    async def labelled(tx: DatabaseTransaction) -> bool:
        return await tx.label_question(question_id, intent, masked(text))

    if not _with_store(labelled):
        raise NotReady(f"La question {question_id} n'existe pas, ou elle est déjà exportée.")
    print(f"{question_id} → {intent}")
    return 0


def nearest(intent: str, known: set[str]) -> list[str]:
    """Three names at most: those that hold these letters, then those that look like them."""
    holding = sorted((name for name in known if intent and intent in name), key=len)
    alike = difflib.get_close_matches(intent, sorted(known), n=3, cutoff=0.5)
    last = {name: name.split("/")[-1] for name in sorted(known)}
    ends = difflib.get_close_matches(intent.split("/")[-1], sorted(set(last.values())), n=3, cutoff=0.5)
    return list(dict.fromkeys([*holding, *alike, *(name for name in last if last[name] in ends)]))[:3]


# exporting


def _export() -> int:
    labelled = [question for question in _with_store(_questions) if question.intent]
    measured = set(_measured())
    known: dict[str, dict[str, str]] = {}
    done: list[int] = []
    written = 0
    for question in labelled:
        line = as_line(question.text)
        if question.language not in known:
            known[question.language] = _known(question.language)
        where = known[question.language].get(_same(line), "")
        if not line:
            print(f"{question.id} : rien à écrire, récrivez-la (label … --text).")
        elif _same(line) in measured:
            print(f"{question.id} : « {line} » sert à mesurer (tests/understanding) : pas ajoutée.")
            done.append(question.id)
        elif where and where != question.intent:
            print(
                f"{question.id} : « {line} » est déjà sous {where} : changez son sens, ou déplacez la ligne."
            )
        elif where:
            print(f"{question.id} : « {line} » y est déjà.")
            done.append(question.id)
        elif (path := _written(question.language, question.intent, line)) is None:
            print(f"{question.id} : pas de phrases en {question.language} : rien d'écrit.")
        else:
            print(f"{path.relative_to(ROOT)} · {question.intent} : {line}")
            known[question.language][_same(line)] = question.intent
            done.append(question.id)
            written += 1
    if done:
        today = _now().date()

        async def exported(tx: DatabaseTransaction) -> None:
            await tx.mark_exported(done, today)

        _with_store(exported)
    print(f"{written} phrases ajoutées." + (" Relisez-les, puis ./run check --content." if written else ""))
    return 0


def as_line(text: str) -> str:
    """One line of examples: what Rasa would read as a mark of its own is left out."""
    plain = "".join(c for c in text if c != "\ufeff" and unicodedata.category(c) != "Cn")  # YAML refuses them
    return " ".join(re.sub(r"[\[\]{}]", " ", plain).split()).lstrip("-•* ").strip()


def _same(line: str) -> str:
    return " ".join(line.lower().split())


def _measured() -> Iterator[str]:
    for name in MEASURES:
        path = ROOT / "tests" / "understanding" / name
        for row in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
            yield _same(str(json.loads(row).get("text", "")))


def _known(language: str) -> dict[str, str]:
    """Each line that is written already, with its meaning."""
    found = read_training_lines(ROOT, language)
    return {_same(line): intent for intent, lines in found.items() for line in lines}


def _written(language: str, intent: str, line: str) -> Path | None:
    """The file that holds one more line; None when no file can."""
    files = sorted((ROOT / "bot" / "data").glob("*.yml"))
    if language == "fr":
        here = re.compile(rf"^\s*- intent:\s*{re.escape(intent)}\s*\n\s*examples:", re.MULTILINE)
        files = [path for path in files if here.search(path.read_text(encoding="utf-8"))]
    else:
        files = [path for path in [ROOT / "locales" / language / "nlu.yml"] if path.exists()]
    if not files:
        return None
    before = files[0].read_bytes().decode("utf-8")  # bytes: the ends of lines stay as they are
    after = inserted(before, intent, line)
    if _intents(after) != {**_intents(before), intent: [*_intents(before).get(intent, ()), line]}:
        raise NotReady(
            f"{files[0].relative_to(ROOT)} : écriture YAML inattendue sous {intent}, rien n'y est changé."
        )
    half = files[0].with_suffix(".half")
    try:
        half.write_bytes(after.encode("utf-8"))
        half.replace(files[0])  # whole or not at all
    except OSError as failure:
        half.unlink(missing_ok=True)
        raise NotReady(f"{files[0].relative_to(ROOT)} : {failure.strerror}.") from None
    return files[0]


def _intents(content: str) -> dict[str, list[str]]:
    """intent → its lines, as training reads them."""
    found: dict[str, list[str]] = {}
    for entry in (yaml.load(content, yaml.CSafeLoader) or {}).get("nlu") or ():
        lines = [line.strip()[1:].strip() for line in entry["examples"].splitlines() if line.strip()]
        found.setdefault(entry["intent"], []).extend(lines)
    return found


_INTENT = re.compile(r"^(\s*)- intent:\s*(\S+)\s*$")
_EXAMPLE = re.compile(r"^(\s+)- ")


def inserted(content: str, intent: str, line: str) -> str:
    """The file's text with one more line under this meaning, all else untouched.

    A meaning that the file does not have yet comes after its last one.
    """
    rows = content.splitlines(keepends=True)
    end = "\r\n" if rows and rows[0].endswith("\r\n") else "\n"
    blocks = [
        (number, found)
        for number, (row, below) in enumerate(pairwise(rows))
        if (found := _INTENT.match(row)) and below.strip().startswith("examples:")  # a rule names intents too
    ]
    if not blocks:
        return content
    here = next(((n, found) for n, found in blocks if found[2] == intent), None)
    start, head = here or blocks[-1]
    last, indent = start, f"{head[1]}    "
    for number in range(start + 1, len(rows)):
        if example := _EXAMPLE.match(rows[number]):
            if len(example[1]) <= len(head[1]):
                break
            last, indent = number, example[1]
        elif rows[number].strip() and not rows[number].strip().startswith(("#", "examples:")):
            break
    new = f"{indent}- {line}{end}"
    if here is None:
        new = f"{head[1]}- intent: {intent}{end}{head[1]}  examples: |{end}{new}"
    if not rows[last].endswith("\n"):
        rows[last] += end
    rows.insert(last + 1, new)
    return "".join(rows)


# the database


async def _questions(tx: DatabaseTransaction) -> Sequence[KeptQuestion]:
    return await tx.questions()


def _settings() -> Settings:
    return settings_here()


def _now() -> datetime:
    settings = _settings()
    return MovableClock(settings.var / "clock.json").now() if settings.simulator else datetime.now(UTC)


def _with_store[T](work: Callable[[DatabaseTransaction], Awaitable[T]]) -> T:
    return asked(_settings(), work)
