"""Looking inside a running system from outside, and stopping its parts at a chosen moment."""

import contextlib
import os
import signal
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2

from tests.running import System

PATIENCE = 120.0  # seconds before a test gives up: never reached when all is well
ESTABLISHED = "01"


def until(true: Callable[[], Any], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, f"waited in vain for: {what}"
        time.sleep(0.02)


def processes(mark: str) -> dict[int, str]:
    """Every process that has `mark` in its environment, children and orphans alike: pid → command."""
    found = {}
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError):  # gone meanwhile, or somebody else's
            if folder.name.isdigit() and mark.encode() in (folder / "environ").read_bytes():
                found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    return found


def listening(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def unread_by(port: int) -> bool:
    """Bytes have reached this port's process, which has not read them: it holds a request."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        here, state, queues = fields[1], fields[3], fields[4]
        if int(here.split(":")[1], 16) == port and state == ESTABLISHED and int(queues.split(":")[1], 16):
            return True
    return False


class Machine:
    """One system, its phones, its database read from outside."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.http = httpx2.Client(base_url=system.url, timeout=PATIENCE)
        self._phones = iter(range(9000, 9999))
        self._said: dict[str, str] = {}  # phone → the sid of one of its messages

    def phone(self) -> str:
        return f"+3363998{next(self._phones)}"

    # the phone's side

    def says(self, phone: str, *texts: str) -> list[str]:
        """Each text, acknowledged: from here on the service owes an answer. Their sids."""
        sids = []
        for text in texts:
            answer = self.http.post("/simulator/api/messages", json={"from": phone, "body": text})
            assert answer.json()["status"] == 200, answer.text
            sids.append(answer.json()["sid"])
        self._said[phone] = sids[-1]
        return sids

    def rows(self, phone: str) -> list[dict[str, Any]]:
        return list(self.http.get("/simulator/api/messages", params={"phone": phone}).json())

    def topics(self, phone: str) -> list[str]:
        """What was answered, oldest first: the name that says what each answer is about."""
        answers = [row["responses"] for row in self.rows(phone) if row["direction"] == "out"]
        return [next((n for n in names if n != "utter_welcome"), "") for names in answers]

    def settled(self, *phones: str) -> None:
        """Their messages answered, the answers with the carrier and its numbers noted, all mails gone."""
        for phone in phones:
            who = self.one("SELECT conversation_id FROM message WHERE sid = ?", self._said[phone])
            until(lambda who=who: not self._open(who), "an answer with the carrier")  # type: ignore[misc]

    def _open(self, conversation: int) -> int:
        messages = (
            "SELECT count(*) FROM message WHERE conversation_id = ? AND status IN ('received', 'queued')"
        )
        jobs = (
            "SELECT count(*) FROM job WHERE state <> 'done'"
            " AND (kind = 'mail' OR (subject = ? AND kind IN ('converse', 'deliver')))"
        )
        return int(self.one(messages, conversation) + self.one(jobs, conversation))

    def mails(self) -> list[dict[str, Any]]:
        return list(self.http.get("/simulator/api/mails").json())

    def carrier(self, fault: str | None) -> None:
        self.http.post("/simulator/api/carrier", json={"fault": fault}).raise_for_status()

    # the database's side

    @property
    def database(self) -> Path:
        return self.system.var / "coup-de-pouce.db"

    def one(self, question: str, *values: Any) -> Any:
        with contextlib.closing(sqlite3.connect(self.database, timeout=PATIENCE)) as db:
            row = db.execute(question, values).fetchone()
            return row[0] if row else None

    def status(self, sid: str) -> str:
        return str(self.one("SELECT status FROM message WHERE sid = ?", sid))

    @contextlib.contextmanager
    def database_busy(self) -> Iterator[None]:
        """Another program writes, and takes its time."""
        with contextlib.closing(sqlite3.connect(self.database, isolation_level=None, timeout=PATIENCE)) as db:
            db.execute("BEGIN IMMEDIATE")
            yield
            db.execute("ROLLBACK")

    # Rasa's side

    def rasa_has(self, sid: str) -> list[dict[str, Any]]:
        """What Rasa answered to this message, as it remembers; once for each time it was asked."""
        who = self.one(
            "SELECT pseudonym FROM conversation JOIN message ON conversation_id = conversation.id WHERE sid = ?",
            sid,
        )
        tracker = httpx2.get(f"{self.system.rasa.url}/conversations/{who}/tracker", timeout=PATIENCE).json()
        asked, answers = False, []
        for event in tracker.get("events", []):
            if event["event"] == "user":
                asked = (event.get("metadata") or {}).get("sid") == sid
            elif asked and event["event"] == "bot":
                answers.append(event)
        return answers

    def rasa_holds_a_request(self) -> None:
        until(lambda: unread_by(self.system.rasa.port), "a request in Rasa's hands")

    def rasa(self, how: signal.Signals) -> None:
        os.kill(self.system.rasa.pid, how)

    # the gateway's side

    def gateway(self, how: signal.Signals) -> None:
        assert self.system.process
        os.kill(self.system.process.pid, how)

    def kill(self) -> None:
        self.system.kill_gateway(signal.SIGKILL)

    def start(self) -> None:
        self.system.start_gateway()

    def output(self) -> str:
        return (self.system.var / "gateway.out").read_text()
