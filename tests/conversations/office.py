"""What a referent does in her workspace, by its pages: signed in by the link of her mail."""

import html
import re
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx2

if TYPE_CHECKING:
    from tests.conversations.player import Player

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
        player.mails_before += 1  # the mail with the link is no matter of the story

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

    def takes_over(self, name: str, back: bool = False) -> None:
        path = self.person(name)
        self.post(f"{path}/{'give-back' if back else 'take-over'}", self.get(path))

    def is_away(self, days: int, substitute: str) -> None:
        day = (self.player._now() + timedelta(days=days)).date()
        page = self.get("/workspace/openings")
        option = re.search(rf'<option value="(\d+)"[^>]*>\s*{re.escape(substitute)}\b', page)
        assert option, f"{substitute} ne peut pas remplacer"
        self.post(
            "/workspace/absences", page, first_day=f"{day}", last_day=f"{day}", substitute=option[1],
        )  # fmt: skip


def in_the_workspace(player: "Player", order: str) -> None:
    """`order`: "Nadia annule Zoé", and the others of the player's list."""
    name, _, what = order.partition(" ")
    here = Office(player, player.referents[name])
    if match := re.match(r"annule (\w+)$", what):
        here.cancels(match[1])
    elif match := re.match(r"déplace (\w+)$", what):
        here.moves(match[1])
    elif match := re.match(r"donne rendez-vous à (\w+)$", what):
        here.books(match[1])
    elif match := re.match(r"écrit à (\w+) : (.*)$", what):
        here.writes(match[1], match[2])
    elif match := re.match(r"répond à la place du robot à (\w+)$", what):
        here.takes_over(match[1])
    elif match := re.match(r"rend la main à (\w+)$", what):
        here.takes_over(match[1], back=True)
    elif match := re.match(r"absente (?:demain|dans (\d+) jours), remplacée par (\w+)$", what):
        here.is_away(int(match[1] or 1), match[2])
    else:
        raise ValueError(f"espace : {order}")


def _sequence(page: str) -> str:
    found = re.search(r'name="sequence" value="(\d+)"', page)
    return found[1] if found else ""


def _slot(page: str) -> str:
    found = re.search(r'value="(\d+\.\d+\.\d+)"', page)
    assert found, "aucun créneau libre"
    return found[1]
