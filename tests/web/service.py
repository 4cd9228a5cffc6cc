"""A whole service listening on loopback, and what tests do with it."""

import asyncio
import contextlib
import io
import itertools
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx2
import uvicorn
from pydantic import SecretStr
from twilio.request_validator import RequestValidator

from gateway.adapters.database import tables as t
from gateway.adapters.encryption import new_key
from gateway.app import Wiring, build, create_app
from gateway.domain.conversation import Reply
from gateway.errors import AssistantSilent
from gateway.ports import Question
from gateway.settings import Settings
from tests.running import free_port

SERVICE = "Département des Deux-Sèvres"
ACCOUNT, AUTH_TOKEN, SENDER = f"AC{'0' * 32}", "a-token-for-tests", "+33939980079"
ACTION_TOKEN = "an-action-token-for-tests"
TEAM = "equipe@example.org"
PATIENCE = 30.0  # seconds before a test gives up: never reached when all is well
FORM = "application/x-www-form-urlencoded"

_numbers = itertools.count()


def phone() -> str:
    """A number that nobody else has in this run."""
    return f"+3363998{7000 + next(_numbers) % 3000}"


def sid() -> str:
    return f"SM{next(_numbers):032x}"


class ScriptedAssistant:
    """Says `said[text]`, else one topic's answer. `open` closed: it thinks until it is opened."""

    def __init__(self) -> None:
        self.questions: list[Question] = []
        self.forgotten: list[str] = []
        self.said: dict[str, str] = {}
        self.fails: Exception | None = None
        self.open = asyncio.Event()
        self.open.set()
        self.is_ready = True

    @property
    def texts(self) -> list[str]:
        return [q.text for q in self.questions]

    async def answer(self, question: Question) -> Sequence[Reply]:
        self.questions.append(question)
        await self.open.wait()
        if self.fails:
            raise self.fails
        return (Reply(self.said.get(question.text, "utter_faq/rsa_amount")),)

    async def forget(self, pseudonym: str) -> None:
        self.forgotten.append(pseudonym)

    async def ready(self) -> bool:
        return self.is_ready

    async def close(self) -> None:
        if not self.open.is_set():
            self.fails = AssistantSilent("stopped")
            self.open.set()


class Service:
    """`http` speaks to it; `written` is its log; the rest looks at what it stored and sent."""

    def __init__(self, wiring: Wiring, assistant: ScriptedAssistant, written: io.StringIO) -> None:
        self.wiring, self.assistant, self._stream = wiring, assistant, written
        self.log_begins()
        self.url = f"http://127.0.0.1:{wiring.settings.port}"
        self.public = wiring.settings.public
        self.http = httpx2.AsyncClient(base_url=self.url, timeout=PATIENCE)

    def another_browser(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(base_url=self.url, timeout=PATIENCE)

    # the carrier's side

    def signed(self, path: str, form: Any, algorithm: str = "HMAC_SHA1", **other: str) -> dict[str, str]:
        """The headers that the carrier adds. `token`, `public`: of somebody else."""
        url = other.get("public", self.public) + path
        made = RequestValidator(other.get("token", AUTH_TOKEN)).compute_signature(url, form, algorithm)
        headers = {"X-Twilio-Signature": made, "Content-Type": FORM}
        if algorithm != "HMAC_SHA1":
            headers["X-Twilio-Webhooks-Signature-Settings"] = f"key=sharedkey_1,algorithm={algorithm}"
        return headers

    async def post(self, path: str, form: Mapping[str, str], **headers: str) -> httpx2.Response:
        """Signed, unless `headers` say otherwise."""
        return await self.http.post(
            path, content=urlencode(form), headers={**self.signed(path, dict(form)), **headers}
        )

    async def post_bytes(self, path: str, body: bytes) -> httpx2.Response:
        """Percent-encoded bytes as they are, signed over what they decode to."""
        decoded = dict(parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="replace"))
        return await self.http.post(path, content=body, headers=self.signed(path, decoded))

    # what happened

    async def rows(self, table: Any) -> list[Mapping[str, Any]]:
        return list(await self.wiring.store.rows(table))

    async def heard(self) -> list[Mapping[str, Any]]:
        return [m for m in await self.rows(t.message) if m["direction"] == "in"]

    async def answers(self) -> list[Mapping[str, Any]]:
        return [m for m in await self.rows(t.message) if m["direction"] == "out"]

    async def said_to(self, number: str) -> list[list[str]]:
        """Names of the responses of each answer to one phone, oldest first."""
        async with self.wiring.store.transaction() as tx:
            found = await tx.sms_conversations(number)
            rows = [row for who, _ in found for row in await tx.messages_of(who)]
        return [row["responses"] for row in rows if row["direction"] == "out"]

    def text_of(self, row: Mapping[str, Any]) -> str:
        return self.wiring.store.cipher.open(row["text_sealed"])

    @property
    def carried(self) -> list[Mapping[str, Any]]:
        """What the carrier took."""
        assert self.wiring.stand_in
        return list(self.wiring.stand_in.messages.values())

    @property
    def mails(self) -> list[dict[str, object]]:
        assert self.wiring.mailbox
        return self.wiring.mailbox.mails()

    async def settled(self) -> None:
        """Until every message is answered, every answer is with the carrier or refused, every mail sent."""
        await until(self._is_settled)

    async def _is_settled(self) -> bool:
        messages, jobs = await self.rows(t.message), await self.rows(t.job)
        waiting = [m for m in messages if m["status"] in ("received", "queued")]
        return not waiting and all(
            j["state"] == "done"
            for j in jobs
            if j["kind"] not in ("forget", "report", "calendar", "give_back", "opened")
        )

    async def stored(self) -> dict[str, int]:
        """How many rows each table has, once nothing is under way."""
        await self.settled()
        return {table.name: len(await self.rows(table)) for table in t.metadata.sorted_tables}

    # the log

    def log_begins(self) -> None:
        self._since = self._stream.tell()

    @property
    def written(self) -> str:
        return self._stream.getvalue()[self._since :]

    @property
    def log(self) -> list[dict[str, Any]]:
        """Every line of it, JSON; one that is not would fail here."""
        return [json.loads(line) for line in self.written.splitlines()]

    def leaked(self, *secrets: str) -> list[str]:
        """Which of these stand in the log, whole or as a part worth recognising."""
        return [part for part in _parts(secrets) if part in self.written]


def _parts(secrets: Sequence[str]) -> Iterator[str]:
    for secret in filter(None, secrets):
        yield secret
        yield json.dumps(secret)[1:-1]
        if secret.startswith("+33"):
            yield from (secret[1:], secret[3:], f"0{secret[3:]}")
        yield from (word for word in secret.split() if len(word) > 5)


async def until(true: Callable[[], Any]) -> None:
    """Waits for something that must happen; says so when it does not."""
    async with asyncio.timeout(PATIENCE):
        while not await true():
            await asyncio.sleep(0.01)


class _Server(uvicorn.Server):
    """Ctrl-C belongs to pytest."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def settings_for(var: Path, changes: Mapping[str, Any]) -> Settings:
    return Settings(
        **{
            "var": var, "simulator": True, "port": free_port(), "twilio_account_sid": ACCOUNT,
            "twilio_auth_token": SecretStr(AUTH_TOKEN), "twilio_sender": SENDER, "twilio_timeout": 2.0,
            "secret_keys": SecretStr(new_key()), "action_token": SecretStr(ACTION_TOKEN),
            "callback_email": TEAM, "service_name": SERVICE, "rasa_url": "http://127.0.0.1:9", **changes,
        }
    )  # fmt: skip


@contextlib.asynccontextmanager
async def started(var: Path, written: io.StringIO, changes: Mapping[str, Any]) -> AsyncIterator[Service]:
    wiring = build(settings_for(var, changes))
    await wiring.assistant.close()
    assistant = ScriptedAssistant()
    wiring.assistant = wiring.worker.assistant = assistant
    config = uvicorn.Config(
        create_app(wiring), host="127.0.0.1", port=wiring.settings.port, log_config=None,
        access_log=False, timeout_graceful_shutdown=1, lifespan="on",
    )  # fmt: skip
    server = _Server(config)
    serving = asyncio.create_task(server.serve())
    service = Service(wiring, assistant, written)
    try:
        async with asyncio.timeout(PATIENCE):
            while not server.started and not serving.done():
                await asyncio.sleep(0.005)
        assert server.started, service.written
        yield service
    finally:
        await service.http.aclose()
        await assistant.close()
        server.should_exit = True
        await serving
