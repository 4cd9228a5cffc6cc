"""Joue un script de conversation à travers le vrai système, et dit où il s'en écarte.

Titre sur une ligne
  Un commentaire en retrait, autant de lignes que l'on veut.

Amina     français, suivie par Claire        une personne connue (prénom, langue, référente)
Zoé       français, suivie par Nadia         Nadia n'existe que dans ce script : elle ouvre ce qu'il dit
Ines      référente                          une référente de plus, dans l'équipe de Nadia
Inconnue  numéro inconnu                     quelqu'un qui n'a jamais écrit

— Le lendemain matin.                        ce que l'on raconte entre deux messages : le robot ne le lit pas

Amina >   ce qu'elle écrit                   deux lignes « > » de suite : elle n'attend pas la réponse
          (vide) · (photo)                   un SMS vide ; une image sans un mot
          [x2] texte                         le même SMS remis deux fois
          [encore]                           l'opérateur remet son dernier SMS une fois de plus
          [1600] texte                       le texte répété jusqu'à 1 600 caractères
          [sali] texte                       des signes invisibles entre les mots (NUL, Échap, droite à gauche)
          [opérateur STOP] STOP              l'opérateur a déjà traité STOP, ou START
      <   ce qu'elle reçoit, au mot près     la suite en retrait ; « … » : n'importe quoi ; « (rien) » : silence ;
                                             deux « < » de suite : deux SMS ; un SMS de trop arrête tout
ouverture Nadia demain 9 h - 10 h, 30 min     des créneaux ; puis, si l'on veut, « téléphone », « vidéo », un lieu
ouverture Nadia dans 3 jours 9 h - 10 h, 30 min
espace    Nadia annule Zoé                   ce que fait la référente dans son espace, sur le rendez-vous de Zoé :
          Nadia déplace Zoé                  annule, déplace (au premier créneau libre), « Nadia donne rendez-vous à Zoé »,
          Nadia écrit à Zoé : texte          « Nadia répond à la place du robot à Zoé », « Nadia rend la main à Zoé »,
          Nadia absente demain, remplacée par Ines
          Nadia note Zoé absente (ou venue), Nadia invite Zoé, Nadia relance plus Zoé,
          Nadia fait signer Zoé, Nadia voit signé le contrat de Zoé
          Nadia écrit à tous : texte         à toutes ses personnes ; « Nadia envoie à tous : Titre », un message du service ;
          Nadia arrête l'envoi               le dernier envoi à tous
regarde   Zoé                                la suite se passe sur son téléphone
horloge   +2 jours                           heures, jours, minutes
horloge   demain 9 h                         le lendemain à cette heure, à Paris
horloge   mardi 9 h                          le prochain mardi que suivent douze jours sans jour férié
horloge   le 20, 9 h                         le prochain 20 d'un mois
opérateur 429                                une panne ; « normal » pour finir
opérateur rapports en double                 ou en désordre : les accusés de réception
robot     arrêté                             ou figé ; « démarré » ensuite
vérifier  1 SMS                              reçu depuis qu'elle a écrit
vérifier  reçu samedi à 19 h                 le dernier SMS : le jour et l'heure à Paris, à dix minutes près
vérifier  2 segments au plus                 depuis qu'elle a écrit ; « dernier SMS, 2 segments au plus »
vérifier  réponses utter_welcome, utter_menu/main
vérifier  courriel à claire                  un courriel est parti à cette adresse depuis le début
vérifier  courriel urgent à claire
vérifier  courriel dit Prénom : Amina        le dernier ; « courriel tait … » : il ne le dit pas
vérifier  aucun courriel                     ou « 2 courriels » : depuis le début, pour tous ceux de ce script
vérifier  statut delivered
vérifier  partagé mobility 3             son référent le voit, avec cette gravité ; « partagé health » : sans gravité
vérifier  rien de partagé
vérifier  rendez-vous booked                son rendez-vous le plus récent, et son état ; « aucun rendez-vous » ; « attend une place »
vérifier  mots effacés                   son dernier message n'est plus gardé ; « mots gardés » : il l'est
"""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx2
from holidays import country_holidays

from tests.conversations.office import in_the_workspace

LANGUAGES = {
    "français": "fr", "anglais": "en", "arabe": "ar", "ukrainien": "uk", "dari": "fa", "turc": "tr", "russe": "ru",
    "espagnol": "es", "portugais": "pt", "roumain": "ro", "pachto": "ps", "": "",
}  # fmt: skip
CLAIRE, PAUL = "claire.moreau@example.org", "paul.girard@example.org"
_PERSON = re.compile(
    rf"^(?P<name>\w+) +(?P<about>({'|'.join(x for x in LANGUAGES if x)}|numéro inconnu|référente$).*)$"
)
_TURN = re.compile(r"^(?P<name>\w+) >\s*(?P<text>.*)$")
_LENGTH = re.compile(r"^\+(\d+) (minutes?|heures?|jours?)$")
_MORNING = re.compile(r"^demain (\d+) h$")
_DAY = re.compile(r"^le (\d+), (\d+) h$")
_RECEIVED = re.compile(r"^reçu (\w+) à (\d+) h(?: (\d\d))?$")
WEEKDAYS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
_WEEKDAY = re.compile(rf"^({'|'.join(WEEKDAYS)}) (\d+) h$")
_MARK = re.compile(r"^\[(x\d|1600|sali|opérateur (?:STOP|START))\] ?(.*)$")
KINDS = {
    "horloge": "clock", "opérateur": "carrier", "robot": "robot", "vérifier": "check", "ouverture": "opens",
    "espace": "workspace", "regarde": "looks",
}  # fmt: skip
_OPENING = re.compile(
    r"^(\w+) (demain|dans (\d+) jours) (\d+) h(?: (\d\d))? - (\d+) h(?: (\d\d))?, (\d+) min(?:, (téléphone|vidéo))?(?:, (.*))?$"
)
REPORTS = {"rapports en double": "twice", "rapports en désordre": "disorder"}
ON_THE_PHONE = ("accepted", "sending", "sent", "delivered")
_OF_A_STORY = re.compile(r"\w+\.\d+@")  # Nadia, who exists in one script
_OF_NO_STORY = re.compile(r"/sign-in/|depuis longtemps")
NOT_SENT = ("429", "500", "timeout", "timeout-lost")


@dataclass
class Step:
    kind: str  # says, expects, or one of KINDS
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
            elif word := re.match(rf"^({'|'.join(KINDS)})\s+(.*)$", line):
                steps.append(Step(KINDS[word[1]], text=word[2].strip(), line=number))
            elif line.startswith("—"):
                continue
            elif steps and steps[-1].kind == "expects" and line.startswith("   ") and stripped:
                steps[-1].lines.append(stripped)
            elif stripped and steps:
                raise ValueError(f"{path.name}:{number} : ligne incomprise : {stripped}")
        return cls(path, people, steps)


class Mismatch(AssertionError):
    """Shown as two columns: what the script says, what happened."""


@dataclass
class Player:
    """`phones`: name → number for this script. `robot`: stops and starts the real Rasa.

    `import_`: brings CSV rows in. `updating`: what differs is noted in `heard` for UPDATE=1, and the script goes on.
    """

    url: str
    phones: dict[str, str]
    robot: Callable[[str], None]
    referents: dict[str, str] = field(default_factory=dict)  # name → e-mail address
    import_: Callable[[str, Sequence[str]], None] = lambda what, rows: None
    updating: bool = False
    patience: float = 60.0

    def __post_init__(self) -> None:
        self.http = httpx2.Client(base_url=self.url, timeout=60)
        self.who = ""
        self.start: dict[str, int] = {}  # how many SMS each had received when she last wrote
        self.reads: dict[str, int] = {}  # how many of those since are already in the script
        self.said: dict[str, dict[str, Any]] = {}  # the last SMS of each, as it was given to the carrier
        self.robot_away = False
        self.heard: dict[int, str] = {}  # line of the script → what came
        self._work()
        self.mails_before = len(self.http.get("/simulator/api/mails").json())

    def play(self, script: Script) -> None:
        __tracebackhide__ = True  # what failed is in the two columns, not here
        for index, step in enumerate(script.steps):
            previous, following = script.steps[max(index - 1, 0)], script.steps[index + 1 : index + 2]
            if step.kind == "says":
                self._says(step, in_a_row=index > 0 and (previous.kind, previous.who) == ("says", step.who))
                self._wait_for_answer(step, following)
            elif step.kind == "expects":
                self._expects(step, last=not following or following[0].kind != "expects")
            else:
                getattr(self, f"_{step.kind}")(step)

    # verbs

    def _says(self, step: Step, in_a_row: bool) -> None:
        self.who = step.who
        if not in_a_row:
            self.start[step.who], self.reads[step.who] = len(self._received()), 0
        again = step.text == "[encore]"
        message = self.said[step.who] if again else {"from": self.phones[step.who], **_message(step.text)}
        answer = self.http.post("/simulator/api/messages", json=message)
        assert answer.status_code == 200, answer.text
        assert answer.json()["status"] == 200, f"ligne {step.line} : SMS refusé, {answer.json()['status']}"
        self.said[step.who] = {**message, "repeat": 0, "sid": answer.json()["sid"]}

    def _wait_for_answer(self, step: Step, following: Sequence[Step]) -> None:
        kind = following[0].kind if following else ""
        if kind == "says" and following[0].who == step.who:
            return
        if not self.robot_away or kind == "expects":
            self._settle()

    def _expects(self, step: Step, last: bool) -> None:
        __tracebackhide__ = True
        unread, expected = self._since()[self.reads.get(self.who, 0) :], "\n".join(step.lines)
        got = unread[0]["body"].strip() if unread else "(rien)"
        self.heard[step.line] = got
        self.reads[self.who] = self.reads.get(self.who, 0) + len(unread[:1])
        if last and len(unread) > 1:
            extra = "\n".join(m["body"] for m in unread)
            raise Mismatch(_columns(step.line, f"{expected}\n(et rien de plus)", extra))
        pattern = ".*".join(re.escape(part) for part in re.split(r"\s*…\s*", _flat(expected)))
        if not self.updating and not re.fullmatch(pattern, _flat(got), re.S):
            raise Mismatch(_columns(step.line, expected, got))

    def _looks(self, step: Step) -> None:
        self.who = step.text
        self._work()
        self._settle()

    def _opens(self, step: Step) -> None:
        match = _OPENING.match(step.text)
        assert match, (
            f"ligne {step.line} : ouverture Nadia demain 9 h - 10 h, 30 min, téléphone, Mairie de Melle"
        )
        who, _, days, h1, m1, h2, m2, length, kind, place = match.groups()
        day = (self._now() + timedelta(days=int(days or 1))).date()
        kinds = {"téléphone": "phone", "vidéo": "video", None: "in_person"}
        self.import_(
            "openings",
            ["referent_email,starts_at,ends_at,slot_minutes,place,kind,notice_hours",
             f"{self.referents[who]},{day}T{int(h1):02}:{m1 or '00'},{day}T{int(h2):02}:{m2 or '00'},{length},"
             f"{place or ''},{kinds[kind]},1"],
        )  # fmt: skip

    def _workspace(self, step: Step) -> None:
        in_the_workspace(self, step.text)

    def _now(self) -> datetime:
        now = datetime.fromisoformat(self.http.get("/simulator/api/clock").json()["now"])
        return now.astimezone(ZoneInfo("Europe/Paris"))

    def _clock(self, step: Step) -> None:
        if match := _LENGTH.match(step.text):
            length = f"P{match[1]}D" if match[2][0] == "j" else f"PT{match[1]}{match[2][0].upper()}"
            self.http.post("/simulator/api/clock", json={"advance": length}).raise_for_status()
            return
        tomorrow = self._now() + timedelta(days=1)
        if match := _MORNING.match(step.text):
            day = tomorrow
        elif match := _WEEKDAY.match(step.text):
            day = _quiet_fortnight(tomorrow, WEEKDAYS.index(match[1]))
        elif match := _DAY.match(step.text):
            day = next(d for n in range(62) if (d := tomorrow + timedelta(days=n)).day == int(match[1]))
        assert match, (
            f"ligne {step.line} : horloge +2 jours, +3 heures, +10 minutes, demain 9 h, mardi 9 h, le 20, 9 h"
        )
        then = day.replace(hour=int(match[match.lastindex or 1]), minute=0, second=0, microsecond=0)
        self.http.post("/simulator/api/clock", json={"now": then.isoformat()}).raise_for_status()

    def _carrier(self, step: Step) -> None:
        wanted = {"fault": None if step.text in ("normal", *REPORTS) else step.text}
        wanted["reports"] = REPORTS.get(step.text, "normal")
        self.http.post("/simulator/api/carrier", json=wanted).raise_for_status()
        if step.text == "normal" and self.who:
            self._settle()

    def _robot(self, step: Step) -> None:
        self.robot(step.text)
        self.robot_away = step.text != "démarré"
        if not self.robot_away and self.who:
            self._settle()

    def _check(self, step: Step) -> None:
        __tracebackhide__ = True
        said, here, last = step.text, f"ligne {step.line} :", self._since()
        if match := re.match(r"^(\d+) SMS$", said):
            wanted = int(match[1])
            self._until(lambda: len(self._since()) >= wanted, said)
            assert (found := len(self._since())) == wanted, f"{here} {found} SMS"
        elif match := re.match(r"^(dernier SMS, )?(\d+) segments? au plus$", said):
            found = sum(m["segments"] for m in (last[-1:] if match[1] else last))
            assert 0 < found <= int(match[2]), f"{here} {found} segments"
        elif match := _RECEIVED.match(said):
            self._check_hour(*match.groups(), here=here)
        elif said.startswith("réponses "):
            names = [n.strip() for n in said.removeprefix("réponses ").split(",")]
            got = last[-1]["responses"] if last else []
            assert got == names, f"{here} réponses {got}"
        elif said.startswith(("partagé ", "rien de partagé")):
            got = self._obstacles()
            assert got == ([said.removeprefix("partagé ")] if said.startswith("partagé ") else []), (
                f"{here} {got}"
            )
        elif said.startswith(("rendez-vous ", "aucun rendez-vous", "attend une place")):
            got = self._appointment()
            wanted = {"aucun rendez-vous": "", "attend une place": "waiting"}.get(
                said, said.removeprefix("rendez-vous ")
            )
            assert got == wanted, f"{here} {got or 'aucun'}"
        elif said in ("mots effacés", "mots gardés"):
            written = [m for m in self._all() if m["direction"] == "in"][-1]["body"]
            assert bool(written) == (said == "mots gardés"), f"{here} {len(written)} caractères gardés"
        elif said.startswith("statut "):
            self._until(lambda: self._out()[-1]["status"] == said.split()[1], said)
        else:
            self._check_mails(said, here)

    def _check_hour(self, weekday: str, hour: str, minute: str | None, here: str) -> None:
        __tracebackhide__ = True
        got = datetime.fromisoformat(self._received()[-1]["at"]).astimezone(ZoneInfo("Europe/Paris"))
        wanted = got.replace(hour=int(hour), minute=int(minute or 0), second=0, microsecond=0)
        close = timedelta(0) <= got - wanted < timedelta(minutes=10)
        assert (WEEKDAYS[got.weekday()], close) == (weekday, True), (
            f"{here} {WEEKDAYS[got.weekday()]} {got:%H:%M}"
        )

    def _check_mails(self, said: str, here: str) -> None:
        __tracebackhide__ = True
        self._work()
        mails = self._mails()
        found = f"{here} {[(m['to'], m['subject']) for m in mails]}"
        if match := re.match(r"^(?:(\d+)|aucun) courriels?$", said):
            assert len(mails) == int(match[1] or 0), found
        elif match := re.match(r"^courriel (urgent )?à (.*)$", said):
            subject = "Urgent" if match[1] else ""
            to = [m for m in mails if str(m["to"]).startswith(match[2])]
            assert any(str(m["subject"]).startswith(subject) for m in to), found
        elif match := re.match(r"^courriel (dit|tait) (.*)$", said):
            whole = f"{mails[-1]['subject']}\n{mails[-1]['text']}" if mails else ""
            assert whole, found
            assert (match[2] in whole) == (match[1] == "dit"), f"{here} {whole}"
        else:
            raise ValueError(f"{here} vérification inconnue : {said}")

    # looking

    def _obstacles(self) -> list[str]:
        rows = self.http.get("/simulator/api/obstacles", params={"phone": self.phones[self.who]}).json()
        return [" ".join(str(v) for v in (r["kind"], r["severity"]) if v is not None) for r in rows]

    def _appointment(self) -> str:
        rows = self.http.get("/simulator/api/appointments", params={"phone": self.phones[self.who]}).json()
        return str(rows[0]["status"]) if rows else ""

    def _all(self) -> list[dict[str, Any]]:
        return list(self.http.get("/simulator/api/messages", params={"phone": self.phones[self.who]}).json())

    def _out(self) -> list[dict[str, Any]]:
        return [m for m in self._all() if m["direction"] == "out"]

    def _received(self) -> list[dict[str, Any]]:
        """The SMS that reached the phone of the last person who wrote."""
        return [m for m in self._out() if m["status"] in ON_THE_PHONE]

    def _since(self) -> list[dict[str, Any]]:
        return self._received()[self.start.get(self.who, 0) :] if self.who else []

    def _mails(self) -> list[dict[str, Any]]:
        """Those of this story: not the links to sign in, nor what the service and other stories have to tell."""
        since = self.http.get("/simulator/api/mails").json()[self.mails_before :]
        others = {m["to"] for m in since if _OF_A_STORY.match(m["to"])} - set(self.referents.values())
        return [m for m in since if m["to"] not in others and not _OF_NO_STORY.search(m["text"])]

    def _work(self) -> None:
        """Whatever is due is done: after that, what has not come will not come."""
        self.http.post("/simulator/api/clock", json={"advance": "PT0S"}).raise_for_status()

    def _settle(self) -> None:
        """Until all that she wrote is answered, and every answer has reached her, or was refused."""
        carrier = self.http.get("/simulator/api/carrier").json()
        self._until(lambda: not any(m["status"] == "received" for m in self._all()), "une réponse")
        if carrier["fault"] in NOT_SENT:
            time.sleep(0.5)  # so that the carrier is asked, and fails; what follows holds without it
            return
        last = {"queued"} if carrier["reports"] == "disorder" else {"queued", "accepted", "sent"}

        def arrived() -> bool:
            out = [str(m["status"]) for m in self._out()]
            return "queued" not in out and not last & set(out[-1:])

        self._until(arrived, "son envoi")

    def _until(self, true: Callable[[], bool], what: str) -> None:
        __tracebackhide__ = True
        end = time.monotonic() + self.patience
        while time.monotonic() < end:
            if true():
                return
            time.sleep(0.02)
        raise Mismatch(f"attendu en vain : {what}")


def _quiet_fortnight(day: datetime, weekday: int) -> datetime:
    """That day, or the next such weekday, that no public holiday follows within twelve days."""
    closed = country_holidays("FR", years=[day.year, day.year + 1])
    while day.weekday() != weekday or any((day + timedelta(days=n)).date() in closed for n in range(13)):
        day += timedelta(days=1)
    return day


def _message(text: str) -> dict[str, Any]:
    """What the simulator is given for a line of the script: body, media, repeat…"""
    if text == "(photo)":
        return {"body": "", "media": 1}
    if text == "(vide)":
        return {"body": ""}
    match = _MARK.match(text)
    if not match:
        return {"body": text}
    mark, body = match[1], match[2]
    if mark == "1600":
        return {"body": (f"{body} " * 1600)[:1600]}
    if mark == "sali":
        return {"body": "\x00\x1b\u202e" + body.replace(" ", "\u200f \x00") + "\u202c\x07"}
    if mark.startswith("x"):
        return {"body": body, "repeat": int(mark[1]) - 1}
    return {"body": body, "carrier_stop": mark.split()[1]}


def _flat(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def _columns(line: int, expected: str, got: str) -> str:
    return f"\nligne {line}\n--- attendu\n{expected}\n--- obtenu\n{got}\n"


def rewritten(script: Script, heard: dict[int, str]) -> str:
    """The script with the `<` lines replaced by what was heard: UPDATE=1, then read it."""
    lines = script.path.read_text(encoding="utf-8").splitlines()
    for step in sorted((s for s in script.steps if s.kind == "expects"), key=lambda s: -s.line):
        if step.line not in heard or any("…" in part for part in step.lines):
            continue
        start = step.line - 1
        indent = " " * lines[start].index("<")
        first, *rest = heard[step.line].split("\n")
        new = [f"{indent}<   {first}", *(f"{indent}    {part}" for part in rest)]
        lines[start : start + len(step.lines)] = [part.rstrip() for part in new]
    return "\n".join(lines) + "\n"
