"""`kill -9` at the worst moments: every message is answered, once, in order."""

import signal
from typing import Any

import pytest

from gateway.settings import ROOT
from tests.system.machine import Machine, until

ASKED = {
    "Quel est le montant du RSA pour une personne seule ?": "utter_faq/rsa_amount",
    "Où peut-on recevoir un colis alimentaire ?": "utter_faq/food_aid",
    "kelles aides pour mes trajets svp": "utter_faq/transport_help",
}
TEXTS, TOPICS = list(ASKED), list(ASKED.values())
PERSON = "Pouvez-vous me mettre en relation avec un conseiller ?"
RASA_AWAY = "utter_later"


def no_traceback(machine: Machine) -> None:
    assert "Traceback" not in machine.output()


@pytest.fixture(autouse=True)
def _orderly(machine: Machine) -> Any:
    yield
    no_traceback(machine)


# between "stored" and "answered"


def test_it_answers_what_was_stored_when_it_was_killed(machine: Machine) -> None:
    """Three messages of one, one of another, and somebody who asks for a person: one mail."""
    one, other, third = machine.phone(), machine.phone(), machine.phone()
    machine.rasa(signal.SIGSTOP)
    sids = [*machine.says(one, *TEXTS), *machine.says(other, TEXTS[1]), *machine.says(third, PERSON)]
    machine.rasa_holds_a_request()
    machine.kill()
    assert [machine.status(sid) for sid in sids] == ["received"] * 5
    machine.rasa(signal.SIGCONT)
    machine.start()
    again = {"from": one, "body": TEXTS[0], "sid": sids[0], "repeat": 2}  # nobody told the carrier
    machine.http.post("/simulator/api/messages", json=again).raise_for_status()
    machine.settled(one, other, third)
    assert machine.topics(one) == TOPICS
    assert machine.topics(other) == [TOPICS[1]]
    assert [topic.startswith("utter_talk_to_human") for topic in machine.topics(third)] == [True]
    calls = [mail for mail in machine.mails() if "à rappeler" in mail["subject"] and third in mail["text"]]
    assert len(calls) == 1


# between Rasa's answer and its storing


@pytest.mark.parametrize("held_by", ["frozen-gateway", "busy-database"])
def test_it_finds_the_answer_that_rasa_had_given(machine: Machine, held_by: str) -> None:
    phone = machine.phone()
    machine.rasa(signal.SIGSTOP)
    sid, *_ = machine.says(phone, *TEXTS)
    machine.rasa_holds_a_request()
    if held_by == "frozen-gateway":
        machine.gateway(signal.SIGSTOP)
        machine.rasa(signal.SIGCONT)
        until(lambda: machine.rasa_has(sid), "Rasa's answer")
        machine.kill()
    else:
        with machine.database_busy():
            machine.rasa(signal.SIGCONT)
            until(lambda: machine.rasa_has(sid), "Rasa's answer")
            machine.kill()
    assert machine.status(sid) == "received"  # answered by Rasa, and not yet stored
    machine.start()
    machine.settled(phone)
    assert machine.topics(phone) == TOPICS
    assert len(machine.rasa_has(sid)) == 1  # looked for, not asked for again


# with the carrier


def test_it_sends_once_what_was_with_the_carrier(machine: Machine) -> None:
    """Taken without an answer, or lost without an answer: only the carrier's list can tell."""
    taken, lost = machine.phone(), machine.phone()
    in_hand = "SELECT count(*) FROM message WHERE direction = 'out' AND status = 'queued' AND unsure"
    machine.carrier("timeout")
    machine.says(taken, *TEXTS)
    until(lambda: machine.one(in_hand) == 1 and machine.topics(taken), "a message taken by the carrier")
    machine.carrier("timeout-lost")
    machine.says(lost, *TEXTS)
    until(lambda: machine.one(in_hand) == 2, "a message lost by the carrier")
    machine.kill()
    machine.start()
    machine.settled(taken, lost)
    assert machine.topics(taken) == TOPICS
    assert machine.topics(lost) == TOPICS


# again and again


def test_it_survives_one_kill_after_another(machine: Machine) -> None:
    one, other = machine.phone(), machine.phone()
    for text in TEXTS[:2]:
        machine.says(one, text)
        machine.says(other, text)
        machine.kill()  # wherever it is just now
        machine.start()
    machine.settled(one, other)
    assert machine.topics(one) == TOPICS[:2]
    assert machine.topics(other) == TOPICS[:2]


# Rasa itself


def test_it_answers_once_when_rasa_is_killed_with_the_message(machine: Machine) -> None:
    phone = machine.phone()
    machine.rasa(signal.SIGSTOP)
    machine.says(phone, *TEXTS[:2])
    machine.rasa_holds_a_request()
    machine.system.robot("arrêté")
    machine.system.robot("démarré")
    machine.settled(phone)
    # Rasa's start may take longer than she should wait: then she was told so, and a person calls back.
    first, second = machine.topics(phone)
    assert first in (TOPICS[0], RASA_AWAY)
    assert second in (TOPICS[1], RASA_AWAY)


def test_it_says_so_once_while_rasa_is_away_then_answers_again(machine: Machine) -> None:
    phone, other, mails = machine.phone(), machine.phone(), len(machine.mails())
    machine.system.robot("arrêté")
    machine.says(phone, TEXTS[0])
    machine.says(other, "MENU", "STOP")  # needs no Rasa: answered as ever
    for _ in range(4):  # time passes, try after try
        machine.http.post("/simulator/api/clock", json={"advance": "PT1M"}).raise_for_status()
    machine.settled(phone, other)
    assert machine.topics(phone) == [RASA_AWAY]
    assert machine.topics(other) == ["utter_menu/main", "utter_stop_confirmed"]
    assert len(machine.mails()) == mails + 1
    machine.system.robot("démarré")
    machine.says(phone, TEXTS[1])
    machine.settled(phone)
    assert machine.topics(phone) == [RASA_AWAY, TOPICS[1]]
    assert len(machine.mails()) == mails + 1


# nobody's words in a log


def test_it_wrote_no_text_and_no_number_in_its_logs(machine: Machine) -> None:
    phone = machine.phone()
    machine.says(phone, TEXTS[0])
    machine.settled(phone)
    logs = [p for p in machine.system.var.rglob("*") if p.suffix in (".log", ".out")]
    assert {p.name for p in logs} >= {"gateway.log", "rasa.log", "gateway.out"}
    for log in logs:
        written = log.read_text(errors="replace")
        for secret in (*TEXTS, PERSON, "montant du RSA pour", phone, "+3363998", "06399"):
            assert secret not in written, f"{log.name}: {secret}"
    assert str(ROOT) not in machine.output()
