"""What a referent does in her workspace, by its pages: signed in by the link of her mail."""

import html
import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx2

if TYPE_CHECKING:
    from tests.conversations.player import Player

FOLLOWS = {
    "invite": "invitation",
    "relance plus": "invitation/stop",
    "fait signer": "contract",
    "voit signé le contrat de": "contract/signed",
}
STATUSES = {"venue": "seen", "absente": "noshow"}
_CSRF = re.compile(r'name="csrf" value="([^"]+)"')


class Office:
    """One referent at her desk, in a browser without JavaScript."""

    def __init__(self, player: "Player", email: str) -> None:
        self.player = player
        self.http = httpx2.Client(base_url=player.url, timeout=60, follow_redirects=True)
        self.http.post("/workspace/sign-in", data={"email": email}).raise_for_status()
        player._work()
        mails = [m for m in self.http.get("/simulator/api/mails").json() if m["to"] == email]
        links = [link for m in mails for link in re.findall(r"\S+/workspace/sign-in/\S+", str(m["text"]))]
        self.http.post(urlsplit(links[-1]).path).raise_for_status()

    def get(self, path: str) -> str:
        answer = self.http.get(path)
        assert answer.status_code == 200, f"{path} : {answer.status_code}"
        return html.unescape(answer.text)

    def post(self, path: str, page: str, **fields: str) -> None:
        csrf = _CSRF.search(page)
        assert csrf, f"pas de formulaire avant {path}"
        answer = self.http.post(path, data={"csrf": csrf[1], **fields})
        assert answer.status_code == 200, f"{path} : {answer.status_code}"
        self.player._work()

    def person(self, name: str) -> str:
        """The address of her page."""
        page = self.get("/workspace/people")
        links = re.findall(rf'href="(/workspace/people/[0-9a-f]+)"[^>]*>\s*{re.escape(name)}\b', page)
        assert links, f"{name} n'est pas dans la liste"
        return str(links[0])

    def appointment(self, name: str) -> tuple[str, str]:
        """(address, page) of her next appointment."""
        found = re.findall(r"/workspace/appointments/\d+", self.get(self.person(name)))
        assert found, f"{name} n'a pas de rendez-vous"
        return found[0], self.get(found[0])

    def cancels(self, name: str) -> None:
        path, page = self.appointment(name)
        self.post(f"{path}/cancel", page, sequence=_sequence(page))

    def moves(self, name: str) -> None:
        path, page = self.appointment(name)
        self.post(f"{path}/move", page, sequence=_sequence(page), slot=_slot(page))

    def books(self, name: str) -> None:
        path = self.person(name)
        page = self.get(f"{path}/appointments")
        self.post(f"{path}/appointments", page, slot=_slot(page))

    def writes(self, name: str, text: str) -> None:
        path = self.person(name)
        self.post(f"{path}/messages", self.get(path), text=text)

    def takes_over(self, name: str) -> None:
        path = self.person(name)
        self.post(f"{path}/take-over", self.get(path))

    def gives_back(self, name: str) -> None:
        path = self.person(name)
        self.post(f"{path}/give-back", self.get(path))

    def notes(self, name: str, became: str) -> None:
        """What became of the appointment that was to be: "venue", "absente"."""
        links = dict.fromkeys(re.findall(r"/workspace/appointments/\d+", self.get(self.person(name))))
        pages = [(path, page) for path in links if f"{path}/status" in (page := self.get(path))]
        assert pages, f"{name} n'a pas eu de rendez-vous"
        path, page = pages[0]
        self.post(f"{path}/status", page, sequence=_sequence(page), status=STATUSES[became])

    def follows(self, what: str, name: str) -> None:
        path = self.person(name)
        self.post(f"{path}/{FOLLOWS[what]}", self.get(path))

    def writes_to_all(self, **fields: str) -> None:
        """To all whom she follows, as the preview counts them. `fields`: text, or response."""
        page = self.get("/workspace/campaigns/new")
        token = re.search(r'name="token" value="(\w+)"', page)
        assert token, "pas de formulaire"
        form = {"token": token[1], "scope": "mine", **fields}
        csrf = _CSRF.search(page)
        assert csrf
        shown = html.unescape(self.http.post("/workspace/campaigns/new", data={"csrf": csrf[1], **form}).text)
        seen = re.search(r'name="seen" value="(\d+)"', shown)
        assert seen, "personne ne le recevra"
        self.post("/workspace/campaigns", shown, seen=seen[1], **form)

    def sends_to_all(self, title: str) -> None:
        page = self.get("/workspace/campaigns/new")
        option = re.search(rf'<option value="([^"]+)">\s*{re.escape(title)}\s*</option>', page)
        assert option, f"pas de message « {title} »"
        self.writes_to_all(response=option[1])

    def stops_writing(self) -> None:
        """The last message to all."""
        links = re.findall(r"/workspace/campaigns/[0-9a-f]{32}", self.get("/workspace/campaigns"))
        assert links, "aucun envoi"
        self.post(f"{links[0]}/stop", self.get(links[0]))

    def is_away(self, days: str | None, substitute: str) -> None:
        day = (self.player._now() + timedelta(days=int(days or 1))).date()
        page = self.get("/workspace/openings")
        option = re.search(rf'<option value="(\d+)"[^>]*>\s*{re.escape(substitute)}\b', page)
        assert option, f"{substitute} ne peut pas remplacer"
        self.post(
            "/workspace/absences", page, first_day=f"{day}", last_day=f"{day}", substitute=option[1],
        )  # fmt: skip


ORDERS: Sequence[tuple[str, Callable[..., None]]] = (
    (r"annule (\w+)", Office.cancels),
    (r"déplace (\w+)", Office.moves),
    (r"donne rendez-vous à (\w+)", Office.books),
    (r"écrit à tous : (?P<text>.*)", Office.writes_to_all),
    (r"envoie à tous : (.*)", Office.sends_to_all),
    (r"arrête l'envoi", Office.stops_writing),
    (r"écrit à (\w+) : (.*)", Office.writes),
    (r"répond à la place du robot à (\w+)", Office.takes_over),
    (r"rend la main à (\w+)", Office.gives_back),
    (r"note (\w+) (absente|venue)", Office.notes),
    (r"(invite|relance plus|fait signer|voit signé le contrat de) (\w+)", Office.follows),
    (r"absente (?:demain|dans (\d+) jours), remplacée par (\w+)", Office.is_away),
)


def in_the_workspace(player: "Player", order: str) -> None:
    """`order`: "Nadia annule Zoé", and the others of the player's list."""
    name, _, what = order.partition(" ")
    for pattern, does in ORDERS:
        if match := re.fullmatch(pattern, what):
            here, named = Office(player, player.referents[name]), match.groupdict()
            return does(here, **named) if named else does(here, *match.groups())
    raise ValueError(f"espace : {order}")


def _sequence(page: str) -> str:
    found = re.search(r'name="sequence" value="(\d+)"', page)
    return found[1] if found else ""


def _slot(page: str) -> str:
    found = re.search(r'value="(\d+\.\d+\.\d+)"', page)
    assert found, "aucun créneau libre"
    return found[1]
