"""Joue un script de conversation à travers le vrai système, et dit où il s'en écarte.

Titre sur une ligne
  Un commentaire en retrait, autant de lignes que l'on veut.

Amina     français, suivie par Claire        une personne connue (prénom, langue, référente)
Inconnue  numéro inconnu                     quelqu'un qui n'a jamais écrit

Amina >   ce qu'elle écrit                   « (vide) » : un SMS vide ; « (photo) » ; « [x2] texte » : le
                                             même SMS remis deux fois
      <   ce qu'elle reçoit, au mot près     la suite en retrait ; « … » : n'importe quoi ; « (rien) » : silence
horloge   +2 jours                           heures, jours, minutes
opérateur 429                                une panne ; « normal » pour finir
robot     arrêté                             « démarré » ensuite
vérifier  1 SMS                              de la dernière réponse
vérifier  2 segments au plus
vérifier  réponses utter_welcome, utter_menu/main
vérifier  courriel à claire                  un courriel est parti à cette adresse depuis le début
vérifier  aucun courriel
vérifier  statut delivered
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

LANGUAGES = {"français": "fr", "anglais": "en", "arabe": "ar", "ukrainien": "uk", "": ""}
CLAIRE, PAUL = "claire.moreau@example.org", "paul.girard@example.org"
_PERSON = re.compile(r"^(?P<name>\w+) +(?P<about>(français|anglais|arabe|ukrainien|numéro inconnu).*)$")
_TURN = re.compile(r"^(?P<name>\w+) >\s*(?P<text>.*)$")
_LENGTH = re.compile(r"^\+(\d+) (minutes?|heures?|jours?)$")
UNITS = {"m": "minutes", "h": "hours", "j": "days"}


@dataclass
class Step:
    kind: str  # says, expects, clock, carrier, robot, check
    who: str = ""
    text: str = ""
    line: int = 0
    lines: list[str] = field(default_factory=list)


@dataclass
class Script:
    path: Path
    people: dict[str, str]  # name → what is said of her
    steps: list[Step]

    @classmethod
    def read(cls, path: Path) -> "Script":
        people: dict[str, str] = {}
        steps: list[Step] = []
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            stripped = line.strip()
            if turn := _TURN.match(line):
                steps.append(Step("says", turn["name"], turn["text"].strip(), number))
            elif stripped.startswith("<") and line.startswith(" "):
                steps.append(Step("expects", line=number, lines=[stripped[1:].strip()]))
            elif person := _PERSON.match(line):
                people[person["name"]] = person["about"]
            elif word := re.match(r"^(horloge|opérateur|robot|vérifier)\s+(.*)$", line):
                kind = {"horloge": "clock", "opérateur": "carrier", "robot": "robot", "vérifier": "check"}[
                    word[1]
                ]
                steps.append(Step(kind, text=word[2].strip(), line=number))
            elif steps and steps[-1].kind == "expects" and line.startswith("   ") and stripped:
                steps[-1].lines.append(stripped)
            elif stripped and steps:
                raise ValueError(f"{path.name}:{number} : ligne incomprise : {stripped}")
        return cls(path, people, steps)


class Mismatch(AssertionError):
    """Shown as two columns: what the script says, what happened."""


@dataclass
class Player:
    """`phones`: name → number for this script. `robot`: stops and starts the real Rasa."""

    url: str
    phones: dict[str, str]
    robot: Callable[[str], None]
    patience: float = 45.0

    def __post_init__(self) -> None:
        self.http = httpx2.Client(base_url=self.url, timeout=60)
        self.seen: dict[str, int] = {}
        self.last: list[dict[str, Any]] = []
        self.who = ""
        self.mails_before = len(self.http.get("/simulator/api/mails").json())
        self.heard: dict[int, list[str]] = {}  # line of the script → what came, for UPDATE=1

    def play(self, script: Script) -> None:
        for name, phone in self.phones.items():
            self.seen[name] = len(self._out(phone))
        for index, step in enumerate(script.steps):
            getattr(self, f"_{step.kind}")(step)
            if step.kind == "says":
                following = script.steps[index + 1 : index + 2]
                waits = following and following[0].kind == "expects"
                self._settle(step.who, bool(waits))

    # verbs

    def _says(self, step: Step) -> None:
        self.who = step.who
        text, media, repeat = step.text, 0, 0
        if match := re.match(r"^\[x(\d)\] ?(.*)$", text):
            repeat, text = int(match[1]) - 1, match[2]
        if text == "(vide)":
            text = ""
        if text == "(photo)":
            text, media = "", 1
        message = {"from": self.phones[step.who], "body": text, "media": media, "repeat": repeat}
        answer = self.http.post("/simulator/api/messages", json=message)
        assert answer.status_code == 200, answer.text

    def _expects(self, step: Step) -> None:
        heard = self._new()
        self.heard[step.line] = [m["body"] for m in heard]
        expected = "\n".join(step.lines)
        if expected == "(rien)":
            got = "\n".join(m["body"] for m in heard)
            if got:
                raise Mismatch(_columns(step.line, expected, got))
            return
        got = heard[0]["body"].strip() if heard else "(rien)"
        pattern = ".*".join(re.escape(part) for part in re.split(r"\s*…\s*", _flat(expected)))
        if not re.fullmatch(pattern, _flat(got), re.S):
            raise Mismatch(_columns(step.line, expected, got))

    def _clock(self, step: Step) -> None:
        match = _LENGTH.match(step.text)
        assert match, f"ligne {step.line} : horloge +2 jours, +3 heures, +10 minutes"
        length = f"P{match[1]}D" if match[2][0] == "j" else f"PT{match[1]}{match[2][0].upper()}"
        self.http.post("/simulator/api/clock", json={"advance": length}).raise_for_status()
        self.last = []

    def _carrier(self, step: Step) -> None:
        fault = None if step.text == "normal" else step.text
        self.http.post("/simulator/api/carrier", json={"fault": fault}).raise_for_status()
        if fault is None:
            self._settle(self.who, True)

    def _robot(self, step: Step) -> None:
        self.robot(step.text)

    def _check(self, step: Step) -> None:
        said, last = step.text, self.last
        if match := re.match(r"^(\d+) SMS$", said):
            found = len(last)
            assert found == int(match[1]), f"ligne {step.line} : {found} SMS au lieu de {match[1]}"
        elif match := re.match(r"^(\d+) segments? au plus$", said):
            found = sum(m["segments"] for m in last)
            assert 0 < found <= int(match[1]), f"ligne {step.line} : {found} segments"
        elif said.startswith("réponses "):
            names = [n.strip() for n in said.removeprefix("réponses ").split(",")]
            got = last[-1]["responses"] if last else []
            assert got == names, f"ligne {step.line} : réponses {got}"
        elif said.startswith("statut "):
            self._until(lambda: self._out(self.phones[self.who])[-1]["status"] == said.split()[1], step.text)
        elif said == "aucun courriel":
            assert not self._mails(), f"ligne {step.line} : {[m['subject'] for m in self._mails()]}"
        elif said.startswith("courriel à "):
            to = said.removeprefix("courriel à ")
            self._until(lambda: any(str(m["to"]).startswith(to) for m in self._mails()), step.text)
        elif match := re.match(r"^(\d+) courriels?$", said):
            time.sleep(0.5)
            assert len(self._mails()) == int(match[1]), f"ligne {step.line} : {len(self._mails())} courriels"
        else:
            raise ValueError(f"ligne {step.line} : vérification inconnue : {said}")

    # looking

    def _out(self, phone: str) -> list[dict[str, Any]]:
        return [m for m in self._all(phone) if m["direction"] == "out"]

    def _all(self, phone: str) -> list[dict[str, Any]]:
        return list(self.http.get("/simulator/api/messages", params={"phone": phone}).json())

    def _mails(self) -> list[dict[str, Any]]:
        return list(self.http.get("/simulator/api/mails").json())[self.mails_before :]

    def _settle(self, name: str, _waits: bool) -> None:
        """Until every message of hers is answered and every answer is with the carrier, or refused."""

        def settled() -> bool:
            rows = self._all(self.phones[name])
            return not any(
                (m["direction"] == "in" and m["status"] == "received")
                or (m["direction"] == "out" and m["status"] == "queued")
                for m in rows
            )

        if self.http.get("/simulator/api/carrier").json()["fault"] in (
            "429",
            "500",
            "timeout",
            "timeout-lost",
        ):
            time.sleep(0.5)
            return
        self._until(settled, "une réponse")

    def _new(self) -> list[dict[str, Any]]:
        rows = [m for m in self._out(self.phones[self.who]) if m["status"] not in ("queued", "failed")]
        fresh = rows[self.seen[self.who] :]
        self.seen[self.who] = len(rows)
        self.last = fresh
        return fresh

    def _until(self, true: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + self.patience
        while time.monotonic() < end:
            if true():
                return
            time.sleep(0.05)
        raise Mismatch(f"attendu en vain : {what}")


def _flat(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def _columns(line: int, expected: str, got: str) -> str:
    return f"\nligne {line}\n--- attendu\n{expected}\n--- obtenu\n{got}\n"


def rewritten(script: Script, heard: dict[int, list[str]]) -> str:
    """The script with the `<` lines replaced by what was heard: UPDATE=1, then read it."""
    lines = script.path.read_text(encoding="utf-8").splitlines()
    for step in sorted((s for s in script.steps if s.kind == "expects"), key=lambda s: -s.line):
        if step.line not in heard or any("…" in part for part in step.lines):
            continue
        start = step.line - 1
        indent = " " * lines[start].index("<")
        body = "\n".join(heard[step.line]).split("\n") if heard[step.line] else ["(rien)"]
        new = [f"{indent}<   {body[0]}", *(f"{indent}    {part}" for part in body[1:])]
        lines[start : start + len(step.lines)] = [part.rstrip() for part in new]
    return "\n".join(lines) + "\n"
