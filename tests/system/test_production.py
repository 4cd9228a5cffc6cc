"""`./run serve`, `./run worker` and `./run rasa`, as production has them: several of each, and some of them killed."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from gateway.commands.train import model
from tests.adapters import conftest as databases
from tests.system.fleet import Fleet, running_fleet, until

postgresql, valkey = databases.postgresql, databases.valkey
PEOPLE = [f"+3363998{number}" for number in range(5000, 5012)]
ASKED = "c koi le rsa"


@pytest.fixture(scope="module")
def fleet(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgresql: str, valkey: str
) -> Iterator[Fleet]:
    model()
    folder = tmp_path_factory.mktemp("fleet")
    for database in databases._postgresql_url(request, folder, False):
        with running_fleet(folder, database, valkey) as running:
            yield running


def answered(fleet: Fleet, phones: list[str], count: int) -> None:
    until(lambda: all(len(fleet.received(phone)) >= count for phone in phones), f"{count} answers each")
    until(lambda: fleet.open_work() == 0, "the end of all work")
    assert [len(fleet.received(phone)) for phone in phones] == [count] * len(phones)


def test_it_answers_everybody_once_whichever_gateway_hears(fleet: Fleet) -> None:
    for number, phone in enumerate(PEOPLE):
        assert fleet.says(phone, ASKED, gateway=1 + number % 2) == 200
        assert fleet.says(phone, ASKED, gateway=2 - number % 2) == 200  # the carrier repeats itself
    answered(fleet, PEOPLE, 1)
    about = [name for name in fleet.responses() if name.startswith("utter_faq/rsa_")]
    assert len(about) == len(PEOPLE)  # understood, by one of the two Rasa
    assert "utter_later" not in fleet.responses()


def test_it_believes_only_the_carrier(fleet: Fleet) -> None:
    assert fleet.says("+33639985999", ASKED, token="another token") == 403
    assert fleet.received("+33639985999") == []


def test_an_open_page_hears_the_answer_that_a_worker_made(fleet: Fleet) -> None:
    """The page is open in one gateway, the form goes to the other, a worker answers: three processes."""
    here, there = (f"http://127.0.0.1:{port}" for port in fleet.gateways)
    with httpx2.Client(timeout=30) as browser:
        page = browser.get(f"{here}/chat")
        token = re.search(r'name="csrf" value="([^"]+)"', page.text)
        cookie = page.headers["set-cookie"].split(";")[0]  # its Secure mark keeps it from plain http
        assert token
        form = {"csrf": token[1], "body": "MENU"}
        headers = {"Cookie": cookie, "X-Requested-With": "fetch", "Origin": "https://sms.departement.fr"}
        assert browser.post(f"{there}/chat/messages", data=form, headers=headers).status_code == 202
        until(lambda: fleet.open_work() == 0, "the first answer")
        with browser.stream("GET", f"{here}/chat/events?after=0", headers={"Cookie": cookie}) as events:
            lines = (line for line in events.iter_lines() if line.startswith("data: "))
            for _ in range(2):
                json.loads(next(lines).removeprefix("data: "))  # hers and ours, said before
            started = time.monotonic()
            form["body"] = "AIDE"
            assert browser.post(f"{there}/chat/messages", data=form, headers=headers).status_code == 202
            seen = [json.loads(next(lines).removeprefix("data: "))["html"] for _ in range(2)]
    assert "AIDE" in seen[0]
    assert time.monotonic() - started < 12  # without being told, it would look after 15 s


def test_everybody_is_answered_while_a_rasa_is_dead(fleet: Fleet) -> None:
    fleet["rasa1"].kill()
    for phone in PEOPLE:
        assert fleet.says(phone, "quand arrive le rsa sur mon compte") == 200
    answered(fleet, PEOPLE, 2)
    assert "utter_later" not in fleet.responses()


def test_everybody_is_answered_after_a_worker_and_a_gateway_were_killed(fleet: Fleet) -> None:
    fleet["gateway1"].kill()
    for phone in PEOPLE:
        sid = f"SMkilled{phone[1:]}"
        statuses = [fleet.says(phone, "je veux un rdv", gateway, sid) for gateway in (1, 2)]
        assert statuses == [-1, 200]  # as the proxy does: the other one
        if phone == PEOPLE[5]:
            fleet["worker1"].kill()
    answered(fleet, PEOPLE, 3)
    assert "utter_later" not in fleet.responses()


def test_what_is_left_stops_when_asked_and_leaves_no_work_half_done(fleet: Fleet) -> None:
    for phone in PEOPLE:
        assert fleet.says(phone, "combien pour la prime de noel", gateway=2) == 200
    for name in ("worker2", "gateway2", "rasa2"):
        assert fleet[name].stop() in (0, 130, -15), fleet[name].said
    counted = dict(fleet.rows("SELECT state, count(*) FROM job WHERE kind = 'converse' GROUP BY state"))
    assert counted.get("running", 0) == 0  # else its lease would keep somebody waiting
    waiting = fleet.rows("SELECT count(*) FROM message WHERE direction = 'in' AND answered_at IS NULL")
    assert counted.get("ready", 0) == waiting[0][0]  # nothing is lost: whoever starts next goes on


def test_no_log_says_a_number_or_a_text(fleet: Fleet, tmp_path: Path) -> None:
    said = "".join(program.said for program in fleet.programs.values())
    assert "turn_answered" in said
    assert "Traceback" not in said
    found = [
        word
        for word in ("639985", "koi le rsa", "mon compte", "prime de noel", "je veux un rdv")
        if word in said
    ]
    assert found == []
