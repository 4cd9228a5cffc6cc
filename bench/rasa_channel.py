"""Rasa's own Twilio channel, sent to the stand-in carrier; runs inside Rasa.

The channel is Rasa's, untouched; only the address that its SDK talks to is changed, and texts are
given ready-made so that both sides send answers of the same length.
"""

import json
import os
from pathlib import Path
from typing import Any, Dict, Optional
from urllib.parse import urlsplit

from rasa.core.channels.twilio import TwilioInput
from rasa.core.nlg.generator import NaturalLanguageGenerator
from rasa.shared.core.domain import Domain
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.utils.endpoints import EndpointConfig
from twilio.http.http_client import TwilioHttpClient

_asked = TwilioHttpClient.request


def _redirected(self: Any, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
    return _asked(self, method, os.environ["BENCH_CARRIER"] + urlsplit(url).path, *args, **kwargs)


TwilioHttpClient.request = _redirected


class RedirectedTwilio(TwilioInput):
    """credentials: `bench.rasa_channel.RedirectedTwilio: {account_sid, auth_token, twilio_number}`."""

    @classmethod
    def name(cls) -> str:
        return "twilio"


class ReadyTexts(NaturalLanguageGenerator):
    """Each response's whole text, from the file named by BENCH_TEXTS."""

    def __init__(self, endpoint_config: EndpointConfig, domain: Domain) -> None:
        self._texts = json.loads(Path(os.environ["BENCH_TEXTS"]).read_text(encoding="utf-8"))

    async def generate(
        self, utter_action: str, tracker: DialogueStateTracker, output_channel: str, **kwargs: Any
    ) -> Optional[Dict[str, Any]]:
        return {"text": self._texts.get(utter_action, utter_action)}
