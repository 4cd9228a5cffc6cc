"""Played last: of all that was written in this folder, no sentence, number or name lies anywhere in clear."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from gateway.adapters.encryption import Cipher
from tests.conversations.playing import FOLDER, play, scripts_in
from tests.conversations.traces import kept_by, numbers_in, sentences_of, traces, values_of
from tests.running import System

SCRIPTS = scripts_in(sorted(FOLDER.rglob("*.txt")))
SENTENCES = sentences_of(SCRIPTS.values(), FOLDER / "core.yml")
ALONE = FOLDER / "ordinaire"  # played first when nothing else was
SAID, NUMBER, NAME = "j'ai peur de perdre mon logement", "+33639980123", "Zoé"


def numbers_written_to(system: System) -> set[str]:
    """Those of the cast, and whoever else the carrier has carried something to."""
    carried = (system.var / "simulator" / "carrier.jsonl").read_text(encoding="utf-8")
    return numbers_in(" ".join(system.phones)) | numbers_in(carried)


def opened(var: Path) -> str:
    """All that the database holds, with its key."""
    cipher = Cipher(json.loads((var / "secrets.json").read_text())["secret_keys"])
    values = (value for value in values_of(var / "coup-de-pouce.db") if value.startswith("gAAAA"))
    return "\n".join(cipher.open(value.encode()) for value in values)


def personal(var: Path) -> set[str]:
    """Without what is also the name of a service near her: those are public."""
    public = "\n".join(values_of(var / "coup-de-pouce.db", "service")).lower()
    return {sentence for sentence in SENTENCES if sentence.lower() not in public}


def test_it_leaves_nothing_in_clear(system: System) -> None:
    if not system.phones:
        for script in scripts_in(sorted(ALONE.glob("*.txt"))[:2]).values():
            play(script, system, system.cast([script]))
    numbers, names = (
        numbers_written_to(system),
        {name for script in SCRIPTS.values() for name in script.people},
    )
    kept = dict(kept_by(system.var))
    for path in ("/metrics", "/health/ready", "/workspace/nowhere", "/nowhere"):
        kept[path] = httpx2.get(system.url + path, timeout=30).text
    assert {
        "gateway.log",
        "rasa.log",
        "rasa.db",
        "rasa.db-wal",
        "coup-de-pouce.db",
        "coup-de-pouce.db-wal",
    } <= set(kept)
    assert traces(kept, personal(system.var), numbers, names) == {}
    there = opened(system.var)  # and they were there to be leaked
    assert numbers_in(there) & numbers
    assert [one for one in SENTENCES if one in there]


# It can fail


def in_a_log(var: Path, text: str) -> None:
    (var / "gateway.log").write_text(json.dumps({"event": "failed", "error": f"cannot read {text}"}))


def in_a_log_as_it_is(var: Path, text: str) -> None:
    (var / "rasa.log").write_text(
        f"2026-11-23 ERROR rasa.core cannot read « {text.upper()} »", encoding="utf-8"
    )


def in_an_address(var: Path, text: str) -> None:
    address = httpx2.URL("http://127.0.0.1/chat", params={"q": text})
    (var / "gateway.out").write_text(f"GET {address}")


def in_the_tracker(var: Path, text: str) -> None:
    """In a conversation so long that the sentence lies on two pages of the file."""
    events = [{"text": "…" * 3000}, *({"event": "user", "text": text, "n": n} for n in range(200))]
    with sqlite3.connect(var / "rasa.db") as db:
        db.execute("CREATE TABLE tracker (sender_id TEXT PRIMARY KEY, events TEXT)")
        db.execute("INSERT INTO tracker VALUES ('p1', ?)", (json.dumps(events),))


def in_a_column(var: Path, text: str) -> None:
    with sqlite3.connect(var / "coup-de-pouce.db") as db:
        db.execute("CREATE TABLE message (text_sealed BLOB)")
        db.execute("INSERT INTO message VALUES (?)", (text.encode(),))


def in_a_row_that_was_deleted(var: Path, text: str) -> None:
    db = sqlite3.connect(var / "before.db", isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("CREATE TABLE message (text TEXT)")
    db.execute("INSERT INTO message VALUES (?)", (text,))
    db.execute("DELETE FROM message")
    shutil.copy(var / "before.db-wal", var / "after.db-wal")  # closing would take it away
    db.close()


PLACES = (
    in_a_log, in_a_log_as_it_is, in_an_address, in_the_tracker, in_a_column, in_a_row_that_was_deleted,
)  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("text", [SAID, "у мене немає грошей", NUMBER, "06 39 98 01 23", "0033639980123"])
def test_it_would_be_found(tmp_path: Path, place: Callable[[Path, str], None], text: str) -> None:
    place(tmp_path, text)
    found = traces(dict(kept_by(tmp_path)), {SAID, "у мене немає грошей"}, {"639980123"})
    assert found
    assert {one for words in found.values() for one in words} <= {SAID, "у мене немає грошей", "639980123"}


def test_it_would_find_a_name_in_a_log(tmp_path: Path) -> None:
    (tmp_path / "gateway.log").write_text(f"turn of {NAME}: answered", encoding="utf-8")
    assert traces(dict(kept_by(tmp_path)), (), (), {NAME}) == {"gateway.log": [NAME]}


def test_it_does_not_find_what_is_sealed_or_somebody_else_s(tmp_path: Path) -> None:
    sealed = Cipher("A" * 43 + "=").seal(f"{SAID} {NUMBER}").decode()
    (tmp_path / "gateway.log").write_text(f"{sealed} 1639980123 6399801234 {'06 39 98 09 99'}")
    assert traces(dict(kept_by(tmp_path)), {SAID}, {"639980123"}, {NAME}) == {}


def test_it_reads_the_sentences_of_the_scripts() -> None:
    assert len(SENTENCES) > 200
    assert not [one for one in SENTENCES if one.startswith("[")]
