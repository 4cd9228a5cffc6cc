"""Names instead of texts; a memory that forgets what she wrote."""

import asyncio
import json
import socketserver
import threading
import time
from pathlib import Path
from typing import Iterator

import pytest
import redis
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted, BotUttered, Restarted, SlotSet, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.utils.endpoints import EndpointConfig

from bot.nlg import NameGenerator
from bot.tracker_store import LEFT_ALONE, ForgetfulRedis, ForgetfulSQLite, forgetful

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


# Redis


class OneRedis(socketserver.ThreadingTCPServer):
    """Knows GET, SET and DEL, counts what it is asked; `frozen`: takes calls and says nothing."""

    daemon_threads = allow_reuse_address = True

    def __init__(self) -> None:
        self.rows, self.asked, self.frozen = {}, [], False
        super().__init__(("127.0.0.1", 0), OneCall)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.server_address[1]}/0"


class OneCall(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        while line := self.rfile.readline():
            words = []
            for _ in range(int(line[1:])):
                size = int(self.rfile.readline()[1:])
                words.append(self.rfile.read(size + 2)[:-2])
            self.server.asked.append(words[0])
            if not self.server.frozen:
                self.wfile.write(self.answer(words))

    def answer(self, words: list) -> bytes:
        rows, (order, key, *rest) = self.server.rows, words
        if order == b"SET":
            rows[key] = rest[0]
            return b"+OK\r\n"
        if order == b"DEL":
            return b":1\r\n" if rows.pop(key, None) else b":0\r\n"
        return b"$%d\r\n%s\r\n" % (len(rows[key]), rows[key]) if key in rows else b"$-1\r\n"


@pytest.fixture
def server() -> Iterator[OneRedis]:
    with OneRedis() as one:
        yield one
        one.shutdown()


def talk() -> DialogueStateTracker:
    return tracker(
        ActionExecuted("action_listen"), said(), BotUttered(None, {"custom": {"response": "utter_greet"}})
    )


def test_it_shares_a_conversation_through_redis_then_drops_it(server: OneRedis) -> None:
    asyncio.run(ForgetfulRedis(DOMAIN, server.url).save(talk()))
    assert SECRET.encode() not in b"".join(server.rows.values())
    other = ForgetfulRedis(DOMAIN, server.url)
    again = asyncio.run(other.retrieve("p1"))
    assert again.latest_message.intent["name"] == "greet"
    assert again.latest_message.metadata["sid"] == "SM1"
    again.update(Restarted())
    asyncio.run(other.save(again))
    assert server.rows == {}


def test_it_answers_without_memory_while_redis_is_away(server: OneRedis) -> None:
    store = ForgetfulRedis(DOMAIN, server.url)
    asyncio.run(store.save(talk()))
    server.frozen = True
    server.asked.clear()
    started = time.monotonic()
    for _ in range(3):
        assert asyncio.run(store.retrieve("p1")) is None
        asyncio.run(store.save(talk()))
    assert server.asked == [b"GET"]  # then it is left alone
    assert time.monotonic() - started < LEFT_ALONE
    server.frozen, store._away_until = False, 0.0
    assert asyncio.run(store.retrieve("p1")) is not None


def test_it_says_that_it_could_not_forget(server: OneRedis) -> None:
    """The gateway then asks again, until it is done."""
    store = ForgetfulRedis(DOMAIN, server.url)
    asyncio.run(store.save(talk()))
    server.frozen = True
    over = talk()
    over.update(Restarted())
    with pytest.raises(redis.RedisError):
        asyncio.run(store.save(over))
