"""Names instead of texts; a memory that forgets what she wrote."""

import asyncio
import json
from pathlib import Path

from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted, BotUttered, Restarted, SlotSet, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.utils.endpoints import EndpointConfig

from bot.nlg import NameGenerator
from bot.tracker_store import ForgetfulSQLite, forgetful

DOMAIN = Domain.from_yaml(
    """
version: "3.1"
intents: [greet]
responses:
  utter_greet:
    - text: Bonjour !
"""
)
SECRET = "mon mari me frappe"


def said(text: str = SECRET, channel: str = "sms") -> UserUttered:
    parsed = {
        "text": text,
        "intent": {"name": "greet", "confidence": 0.9},
        "intent_ranking": [{"name": "greet", "confidence": 0.9}, {"name": "nlu_fallback", "confidence": 0.4}],
    }
    return UserUttered(
        text, parsed["intent"], parse_data=parsed, input_channel=channel, metadata={"sid": "SM1"}
    )


def tracker(*events: object) -> DialogueStateTracker:
    return DialogueStateTracker.from_events("p1", list(events))


def test_it_returns_a_name_and_values() -> None:
    nlg = NameGenerator(EndpointConfig(), DOMAIN)
    answer = asyncio.run(
        nlg.generate("utter_greet", tracker(said()), "collector", name="Amina", domain_responses={})
    )
    assert answer == {"custom": {"response": "utter_greet", "values": {"name": "Amina"}}}


def test_it_gives_the_likeliest_meanings_when_it_is_not_sure() -> None:
    nlg = NameGenerator(EndpointConfig(), DOMAIN)
    answer = asyncio.run(nlg.generate("utter_not_understood", tracker(said()), "collector"))
    assert answer["custom"]["values"]["candidates"] == [{"name": "greet", "confidence": 0.9}]


def test_the_meanings_weighed_go_with_a_refusal() -> None:
    nlg = NameGenerator(EndpointConfig(), DOMAIN)
    for name in ("utter_out_of_scope", "utter_faq/out_of_scope.tax", "utter_rephrase"):
        answer = asyncio.run(nlg.generate(name, tracker(said()), "collector"))
        assert answer["custom"]["values"]["candidates"] == [{"name": "greet", "confidence": 0.9}]


def test_it_prints_french_in_rasa_shell() -> None:
    nlg = NameGenerator(EndpointConfig(), DOMAIN)
    answer = asyncio.run(nlg.generate("utter_greet", tracker(said(channel="cmdline")), "cmdline"))
    assert answer["text"] == "Bonjour !"


def test_it_keeps_intents_and_slots_and_forgets_words() -> None:
    events = [said(), SlotSet("x", 1), BotUttered(None, {"custom": {"response": "utter_greet"}})]
    kept = forgetful(events)
    assert SECRET not in json.dumps(kept)
    assert kept[0]["parse_data"]["intent"]["name"] == "greet"
    assert kept[0]["metadata"]["sid"] == "SM1"


def test_it_gives_a_conversation_back_then_drops_it(tmp_path: Path) -> None:
    file = tmp_path / "rasa.db"
    store = ForgetfulSQLite(DOMAIN, str(file))
    before = tracker(
        ActionExecuted("action_listen"), said(), BotUttered(None, {"custom": {"response": "utter_greet"}})
    )
    asyncio.run(store.save(before))
    again = asyncio.run(ForgetfulSQLite(DOMAIN, str(file)).retrieve("p1"))
    assert again.latest_message.intent["name"] == "greet"
    assert SECRET.encode() not in b"".join(p.read_bytes() for p in tmp_path.iterdir())
    again.update(Restarted())
    asyncio.run(store.save(again))
    assert asyncio.run(store.retrieve("p1")) is None
