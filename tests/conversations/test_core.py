"""Ten conversations, in each of the eleven languages, through the real system (core.yml)."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from gateway.adapters.content_files import ContentFiles
from gateway.domain.language import LANGUAGES
from gateway.domain.sms import to_gsm7
from gateway.settings import ROOT
from tests.running import System

SCRIPTS: dict[str, list[dict[str, Any]]] = yaml.safe_load(
    (Path(__file__).parent / "core.yml").read_text(encoding="utf-8")
)
PATIENCE = 60.0


@pytest.fixture(scope="module")
def words() -> ContentFiles:
    return ContentFiles(ROOT, {"service": "Département des Deux-Sèvres"})


@pytest.fixture(scope="module")
def phones() -> Iterator[str]:
    return (f"+3363998{n:04d}" for n in range(7000, 7999))


class Phone:
    def __init__(self, system: System, number: str) -> None:
        self.http = httpx2.Client(base_url=system.url, timeout=PATIENCE)
        self.number = number

    def received(self) -> list[dict[str, Any]]:
        rows = self.http.get("/simulator/api/messages", params={"phone": self.number}).json()
        return [row for row in rows if row["direction"] == "out" and row["status"] == "delivered"]

    def says(self, text: str) -> dict[str, Any]:
        """What comes back: one message."""
        before = len(self.received())
        assert (
            self.http.post("/simulator/api/messages", json={"from": self.number, "body": text}).json()[
                "status"
            ]
            == 200
        )
        end = time.monotonic() + PATIENCE
        while len(received := self.received()) == before:
            assert time.monotonic() < end, f"no answer to {text}"
            time.sleep(0.05)
        return received[-1]


def test_it_has_ten_conversations_in_eleven_languages() -> None:
    assert len(SCRIPTS) == 10
    for step in (step for script in SCRIPTS.values() for step in script):
        assert isinstance(step["says"], str) or set(step["says"]) == set(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("title", SCRIPTS)
def test_it_holds_the_conversation(
    title: str, language: str, system: System, words: ContentFiles, phones: Iterator[str]
) -> None:
    phone = Phone(system, next(phones))
    for step in SCRIPTS[title]:
        said = step["says"] if isinstance(step["says"], str) else step["says"][language]
        answer = phone.says(said)
        if answer["body"].endswith(f"\n1 {words.text('utter_more', language)}"):
            phone.says("1")  # with the welcome, a first answer in another alphabet takes two messages
        expected = step["answers"] or "utter_welcome"
        assert expected in answer["responses"], said
        spoken = step.get("language", language)
        response = words.responses[expected]
        texts = [
            words.say(expected, french, spoken) for french in (response.text, response.amounts) if french
        ]
        beginnings = [start for text in texts for start in _beginnings(text)]
        assert any(beginning in answer["body"] for beginning in beginnings), (said, answer["body"])


def _beginnings(sentence: str) -> list[str]:
    """As written, and as it is when its letters could be folded."""
    start = sentence.split("{")[0][:20]
    return [start, to_gsm7(start)]
