"""The assistant, by Rasa's REST channel. The only file that knows Rasa's addresses.

Rasa answers `200 []` to any error of its own, to a lost Redis, to anything: an empty answer is
a failure. A person always speaks to the same Rasa process, because two of them handling one person
at once lose events.
"""

import asyncio
import re
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import httpx2

from gateway.domain.conversation import Reply
from gateway.errors import AssistantSilent
from gateway.ports import Question

_PAYLOAD_MARK = re.compile(r"^[\s/]+")
DEADLINE = 6.0  # seconds for one try, once it is Rasa's turn
SURE = 0.5  # the threshold of config.yml
AT_ONCE = 4  # questions in one Rasa process at a time: it has one processor, more would only wait inside


class RasaAssistant:
    def __init__(self, urls: Sequence[str], deadline: float = DEADLINE) -> None:
        self.urls = list(urls)
        self._gates = {url: asyncio.Semaphore(AT_ONCE) for url in urls}
        limits = httpx2.Limits(max_connections=64, max_keepalive_connections=16)
        self._client = httpx2.AsyncClient(timeout=deadline, limits=limits)

    async def answer(self, question: Question) -> Sequence[Reply]:
        url = self._url_of(question.pseudonym)
        if question.again and (known := await self._known_answer(url, question)):
            return known
        message = {
            "sender": question.pseudonym,
            # Only the gateway makes payloads: her own "/restart" is a text like another.
            "message": question.payload or _PAYLOAD_MARK.sub("", question.text) or ".",
            "input_channel": question.channel.value,
            "metadata": {"sid": question.sid},
        }
        said = await self._post(url, "/webhooks/rest/webhook", message)
        if not isinstance(said, list):
            raise AssistantSilent("Rasa answered with a failure")
        replies = [_reply(m["custom"]) for m in said if isinstance(m, dict) and m.get("custom")]
        if not replies:
            raise AssistantSilent("Rasa answered with nothing")
        return replies

    async def meaning(self, text: str) -> str:
        said = await self._post(self.urls[0], "/model/parse", {"text": _PAYLOAD_MARK.sub("", text) or "."})
        ranking: list[dict[str, Any]] = (said or {}).get("intent_ranking") or [{}]
        best = ranking[0]
        return str(best.get("name", "")) if best.get("confidence", 0.0) >= SURE else ""

    async def forget(self, pseudonym: str) -> None:
        url = self._url_of(pseudonym)
        await self._post(url, f"/conversations/{pseudonym}/tracker/events", {"event": "restart"})

    async def ready(self) -> bool:
        """True when every Rasa has a model loaded."""
        try:
            for url in self.urls:
                answer = await self._client.get(f"{url}/status")
                if answer.status_code != 200 or not answer.json().get("model_file"):
                    return False
        except httpx2.HTTPError:
            return False
        return True

    async def close(self) -> None:
        await self._client.aclose()

    def _url_of(self, pseudonym: str) -> str:
        return self.urls[zlib.crc32(pseudonym.encode()) % len(self.urls)]

    async def _post(self, url: str, path: str, body: Any) -> Any:
        async with self._gates[url]:
            try:
                answer = await self._client.post(url + path, json=body)
                answer.raise_for_status()
                return answer.json()
            except (httpx2.HTTPError, ValueError) as failure:
                raise AssistantSilent(type(failure).__name__) from None

    async def _known_answer(self, url: str, question: Question) -> Sequence[Reply]:
        """What Rasa already said to this very message, before we died or gave up waiting."""
        try:
            answer = await self._client.get(f"{url}/conversations/{question.pseudonym}/tracker")
            answer.raise_for_status()
            events = answer.json()["events"]
        except (httpx2.HTTPError, ValueError, KeyError, TypeError):
            raise AssistantSilent("tracker unreachable") from None
        replies: list[Reply] = []
        ours = False
        for event in events:
            if event["event"] == "user":
                ours = (event.get("metadata") or {}).get("sid") == question.sid
                if ours:
                    replies = []
            elif ours and event["event"] == "bot" and (event.get("data") or {}).get("custom"):
                replies.append(_reply(event["data"]["custom"]))
        return replies


def _reply(custom: Mapping[str, Any]) -> Reply:
    return Reply(custom["response"], custom.get("values") or {})
