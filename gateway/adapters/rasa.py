"""The assistant, by Rasa's REST channel. The only file that knows Rasa's addresses.

Rasa answers `200 []` to any error of its own, to a lost Redis, to anything: an empty answer is
a failure. A person always speaks to the same Rasa process, because two of them handling one person
at once lose events; while hers is gone another takes her turns, with the memory that they share.
"""

import asyncio
import contextlib
import hashlib
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx2
import structlog

from gateway.domain.conversation import Channel, Reply
from gateway.errors import AssistantSilent
from gateway.ports import Question

log = structlog.get_logger()

_PAYLOAD_MARK = re.compile(r"^[\s/]+")
DEADLINE = 6.0  # seconds for one try, once it is Rasa's turn
SURE = 0.5  # the threshold of config.yml
AT_ONCE = 4  # questions in one Rasa process at a time: it has one processor, more would only wait inside
LOOK_EVERY = 3.0  # seconds between two looks at a Rasa that is gone
LOOK = 1.0  # seconds for it to show that it is back, by an answer
NOBODY, PROBE = "health", "/thanks"  # who asks, and what, to know whether it answers
PROBE_EVERY = 10.0  # seconds
PROBED = 3.0  # seconds for its answer


class _Unheard(AssistantSilent):
    """Nobody took the call: another Rasa may be asked at once."""


@dataclass(eq=False)
class _Rasa:
    """One process. `gone`: it failed somebody, and has not shown since that it is back."""

    url: str
    probed_as: str = NOBODY  # the pseudonym of nobody there
    gone: bool = False
    look_at: float = 0.0  # monotonic seconds
    failures: int = 0
    answers: bool = False  # a question, when it was last asked one; and when it may be asked the next
    probe_at: float = 0.0
    gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    def failed(self) -> None:
        if not self.gone:
            log.warning("rasa_gone", url=self.url)
        self.gone, self.look_at = True, time.monotonic() + LOOK_EVERY
        self.failures += 1


class RasaAssistant:
    """`urls`: one process or several, which then share one tracker store (Redis)."""

    def __init__(self, urls: Sequence[str], deadline: float = DEADLINE) -> None:
        self._all = [_Rasa(url, f"{NOBODY}-{n}") for n, url in enumerate(urls)]
        limits = httpx2.Limits(max_connections=64, max_keepalive_connections=16)
        self._client = httpx2.AsyncClient(timeout=deadline, limits=limits)

    async def answer(self, question: Question) -> Sequence[Reply]:
        async def ask(url: str) -> Sequence[Reply]:
            if question.again and (known := await self._known_answer(url, question)):
                return known
            return await self._replies(url, question)

        return await self._served(question.pseudonym, ask, doubt=question.again)

    async def _replies(self, url: str, question: Question) -> Sequence[Reply]:
        message = {
            "sender": question.pseudonym,
            # Only the gateway makes payloads: her own "/restart" is a text like another.
            "message": question.payload or _PAYLOAD_MARK.sub("", question.text) or ".",
            "input_channel": question.channel.value,
            "metadata": {"sid": question.sid},
        }
        said = await self._call("POST", f"{url}/webhooks/rest/webhook", message)
        if not isinstance(said, list):
            raise AssistantSilent("Rasa answered with a failure")
        replies = [_reply(m["custom"]) for m in said if isinstance(m, dict) and m.get("custom")]
        if not replies:
            raise AssistantSilent("Rasa answered with nothing")
        return replies

    async def meaning(self, text: str) -> str:
        line = {"text": _PAYLOAD_MARK.sub("", text) or "."}
        said = await self._served(text, lambda url: self._call("POST", f"{url}/model/parse", line))
        ranking: list[dict[str, Any]] = (said or {}).get("intent_ranking") or [{}]
        best = ranking[0]
        return str(best.get("name", "")) if best.get("confidence", 0.0) >= SURE else ""

    async def forget(self, pseudonym: str) -> None:
        path = f"/conversations/{pseudonym}/tracker/events"
        await self._served(pseudonym, lambda url: self._call("POST", url + path, {"event": "restart"}))

    async def ready(self) -> bool:
        """True when a Rasa answers a question: it can take everybody's turns."""
        return any(await asyncio.gather(*(self._answers(rasa) for rasa in self._all)))

    async def close(self) -> None:
        await self._client.aclose()

    # who is asked

    async def _served[T](self, key: str, ask: Callable[[str], Awaitable[T]], doubt: bool = False) -> T:
        """By the Rasa of this person; by another while hers is gone. Raises AssistantSilent.

        `doubt`: somebody, perhaps another process, has waited in vain: hers is looked at before it is asked.
        """
        order = await self._order(key, doubt)
        for rasa in order:
            before = rasa.failures
            async with rasa.gate:
                if rasa.failures != before and rasa is not order[-1]:
                    continue  # it failed those who were before us
                try:
                    return await ask(rasa.url)
                except _Unheard:
                    rasa.failed()
                except AssistantSilent:
                    rasa.failed()  # it may have understood: nobody else is asked before the next try
                    raise
        raise AssistantSilent("no Rasa is there")

    async def _order(self, key: str, doubt: bool = False) -> list[_Rasa]:
        """Hers first, then who replaces it; those that are gone last. One that leaves moves only its own people."""
        if len(self._all) == 1:
            return self._all

        def weight(rasa: _Rasa) -> bytes:
            return hashlib.blake2b(f"{rasa.url} {key}".encode(), digest_size=8).digest()

        hers = sorted(self._all, key=weight)
        gone = {rasa: await self._is_gone(rasa) for rasa in hers}
        if doubt and not gone[hers[0]] and not await self._speaks(hers[0], LOOK):
            hers[0].failed()
            gone[hers[0]] = True
        return sorted(hers, key=lambda rasa: gone[rasa])

    async def _is_gone(self, rasa: _Rasa) -> bool:
        if rasa.gone and time.monotonic() >= rasa.look_at:
            rasa.look_at = time.monotonic() + LOOK_EVERY  # one looks, the others ask elsewhere meanwhile
            if await self._speaks(rasa, LOOK):
                rasa.gone = False
                log.info("rasa_back", url=rasa.url)
        return rasa.gone

    async def _answers(self, rasa: _Rasa) -> bool:
        if not await self._loaded(rasa.url, PROBED):
            rasa.probe_at = 0.0
            return False
        if time.monotonic() >= rasa.probe_at:
            rasa.probe_at = time.monotonic() + PROBE_EVERY
            rasa.answers = await self._speaks(rasa, PROBED)
        return rasa.answers

    async def _speaks(self, rasa: _Rasa, patience: float) -> bool:
        """A real question: one that answers `[]` to everybody shows its model as well. Then it forgets who asked."""
        spoken = False
        with contextlib.suppress(AssistantSilent, TimeoutError):
            async with asyncio.timeout(patience):
                nobody = Question(rasa.probed_as, NOBODY, Channel.WEB, payload=PROBE)
                await self._replies(rasa.url, nobody)
                spoken = True
                path = f"/conversations/{rasa.probed_as}/tracker/events"
                await self._call("POST", rasa.url + path, {"event": "restart"})
        return spoken

    async def _loaded(self, url: str, patience: float = DEADLINE) -> bool:
        try:
            answer = await self._client.get(f"{url}/status", timeout=patience)
            return answer.status_code == 200 and bool(answer.json()["model_file"])
        except (httpx2.HTTPError, ValueError, KeyError, TypeError):
            return False

    async def _call(self, method: str, url: str, body: Any = None) -> Any:
        try:
            answer = await self._client.request(method, url, json=body)
            answer.raise_for_status()
            return answer.json()
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as failure:
            raise _Unheard(type(failure).__name__) from None
        except (httpx2.HTTPError, ValueError) as failure:
            raise AssistantSilent(type(failure).__name__) from None

    async def _known_answer(self, url: str, question: Question) -> Sequence[Reply]:
        """What Rasa already said to this very message, before we died or gave up waiting."""
        said = await self._call("GET", f"{url}/conversations/{question.pseudonym}/tracker")
        try:
            events = said["events"]
        except (KeyError, TypeError):
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
