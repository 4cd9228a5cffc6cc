"""Rasa decides what to say; the gateway decides how to say it.

Instead of a text this generator returns the response's name and its values. No sentence crosses
Rasa, so a comma changed in an answer needs no training. `rasa shell` still prints French.
"""

from typing import Any, Dict, Optional

from rasa.core.nlg.generator import NaturalLanguageGenerator
from rasa.core.nlg.response import TemplatedNaturalLanguageGenerator
from rasa.shared.core.domain import Domain
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.utils.endpoints import EndpointConfig

# The gateway offers these meanings, or keeps them for those who write the answers.
_UNANSWERED = ("utter_not_understood", "utter_rephrase", "utter_out_of_scope", "utter_faq/out_of_scope")
_NOT_VALUES = {"domain_responses", "output_channel"}  # Rasa's own, of no use to a sentence


class NameGenerator(NaturalLanguageGenerator):
    """endpoints.yml: `nlg: {type: bot.nlg.NameGenerator}`."""

    def __init__(self, endpoint_config: EndpointConfig, domain: Domain) -> None:
        self._french = TemplatedNaturalLanguageGenerator(domain.responses)

    async def generate(
        self,
        utter_action: str,
        tracker: DialogueStateTracker,
        output_channel: str,
        **kwargs: Any,
    ) -> Optional[Dict[str, Any]]:
        """`{"custom": {"response": name, "values": {…}}}`; French for `rasa shell`."""
        if tracker.get_latest_input_channel() == "cmdline":
            return await self._french.generate(utter_action, tracker, output_channel, **kwargs)
        values = {k: v for k, v in kwargs.items() if k not in _NOT_VALUES}
        if utter_action.startswith(_UNANSWERED):
            values["candidates"] = candidates(tracker)
        return {"custom": {"response": utter_action, "values": values}}


def candidates(tracker: DialogueStateTracker) -> list:
    """Names of the likeliest meanings of her last message, best first, with their odds."""
    message = tracker.latest_message
    ranking = message.parse_data.get("intent_ranking", []) if message else []
    return [
        {"name": r["name"], "confidence": round(float(r["confidence"]), 3)}
        for r in ranking
        if r["name"] != "nlu_fallback"
    ]
