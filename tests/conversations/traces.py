"""What people wrote and their numbers, looked for in the files that a running system leaves, as they lie on the disk."""

import json
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import yaml

from gateway.domain.text import cleaned, folded
from tests.conversations.player import Script, _message

SHORTEST = (
    8  # letters of a sentence, of two words at least: "appointment" and "rdv" are words of the code too
)
# Not ours: what the carrier and the referents' mailbox keep, and the files that the test itself imports.
OTHERS = {"carrier.jsonl", "mails.jsonl"}
LOGS = {".log", ".out"}
_SEALED = re.compile(r"gAAAA[\w-]{40,}=*")
_SPACE = r"(?:[ .+-]|%20)?"
_NUMBER = re.compile(rf"(?<!\d)(?:(?:\+|00)?33{_SPACE}|0)?(6{_SPACE}39(?:{_SPACE}\d\d){{3}})(?!\d)")


def sentences_of(scripts: Iterable[Script], core: Path) -> set[str]:
    """All that people of the suite write: theirs, and what a referent writes to them."""
    said = {_message(step.text)["body"] for s in scripts for step in s.steps if step.kind == "says"}
    orders = (step.text for s in scripts for step in s.steps if step.kind == "workspace")
    said |= {order.partition(" : ")[2] for order in orders if "écrit à" in order}
    for conversation in yaml.safe_load(core.read_text(encoding="utf-8")).values():
        for step in conversation:
            said |= {step["says"]} if isinstance(step["says"], str) else set(step["says"].values())
    return {text for text in map(cleaned, said) if " " in text and sum(c.isalpha() for c in text) >= SHORTEST}


def numbers_in(text: str) -> set[str]:
    """+33…, 0033…, 06…, with or without spaces: the nine figures that they have in common."""
    return {re.sub(r"%20|\D", "", found) for found in _NUMBER.findall(text)}


def kept_by(var: Path) -> Iterator[tuple[str, str]]:
    """(name, content) of each file under `var`, without what is sealed; of a database also its values, whole.

    The bytes hold what was deleted and not yet written over; the values, what is longer than a page of the file.
    """
    for path in sorted(p for p in var.rglob("*") if p.is_file()):
        if path.name in OTHERS or path.suffix == ".csv":
            continue
        yield path.name, _SEALED.sub("", path.read_bytes().decode("utf-8", "replace"))
        if path.suffix == ".db":
            yield f"values of {path.name}", _SEALED.sub("", "\n".join(values_of(path)))


def values_of(database: Path, *tables: str) -> Iterator[str]:
    """Of these tables, or of all."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
        everywhere = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables or everywhere:
            for row in db.execute(f'SELECT * FROM "{table}"'):  # noqa: S608 its own names
                yield from (v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in row)


def traces(
    content: Mapping[str, str], sentences: Iterable[str], numbers: Iterable[str], names: Iterable[str] = ()
) -> dict[str, Any]:
    """Where → what was found there. `numbers`: nine figures each. `names`: looked for in logs alone."""
    said = {text: _forms(text) for text in sentences}
    known, called = set(numbers), set(names)
    found: dict[str, Any] = {}
    for name, text in content.items():
        lowered = text.lower()
        here = {one for one, forms in said.items() if any(form in lowered for form in forms)}
        here |= numbers_in(text) & known
        if Path(name).suffix in LOGS:
            here |= called & set(re.findall(r"\w+", text))
        if here:
            found[name] = sorted(here)
    return found


def _forms(text: str) -> set[str]:
    """As it was written, as JSON, as a part of an address, and as the code compares it."""
    plain = " ".join(text.split())
    ways = {
        text,
        plain,
        json.dumps(text)[1:-1],
        json.dumps(plain)[1:-1],
        quote(plain),
        quote_plus(plain),
        folded(plain),
    }
    return {way.lower() for way in ways if way}
