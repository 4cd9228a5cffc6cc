"""The assistant by Rasa's REST channel, against a stand-in that answers as it really does."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from gateway.adapters.rasa import RasaAssistant
from gateway.domain.conversation import Channel, Reply
from gateway.errors import AssistantSilent
from gateway.ports import Question
from tests.adapters.servers import free_port, served

QUESTION = Question("p1", "SM1", Channel.SMS, "combien le rsa")
CUSTOM = {"response": "utter_faq/rsa_amount", "values": {"a": "1"}}
REPLY = Reply("utter_faq/rsa_amount", {"a": "1"})


@dataclass
class StandIn:
    """Answers what it was told to, by path; remembers (path, body) of what it was asked."""

    url: str
    says: Any = field(default_factory=lambda: [{"recipient_id": "p1", "custom": CUSTOM}])
    remembers: Any = None
    is_loaded: Any = None
    asked: list[tuple[str, Any]] = field(default_factory=list)

    def answer(self, path: str) -> Any:
        if path.endswith("/webhook"):
            return self.says
        return self.remembers if path.endswith("/tracker") else self.is_loaded


@pytest.fixture(scope="module")
def stand_ins() -> Iterator[list[StandIn]]:
    """Two of them, for all the tests."""
    with contextlib.ExitStack() as stack:
        found = []
        for _ in range(2):
            port = free_port()
            found.append(StandIn(f"http://127.0.0.1:{port}"))
            stack.enter_context(served(_app(found[-1]), port))
        yield found


def _app(stand_in: StandIn) -> FastAPI:
    app = FastAPI()

    @app.api_route("/{path:path}", methods=["GET", "POST"])
    async def any_path(path: str, request: Request) -> Response:
        body = await request.json() if request.method == "POST" else None
        stand_in.asked.append((f"/{path}", body))
        answer = stand_in.answer(path)
        return answer if isinstance(answer, Response) else JSONResponse(answer)

    return app


@pytest.fixture
def one(stand_ins: list[StandIn]) -> StandIn:
    for stand_in in stand_ins:
        stand_in.__init__(stand_in.url)  # type: ignore[misc]
    return stand_ins[0]


@contextlib.asynccontextmanager
async def rasa(*stand_ins: StandIn, url: str = "", deadline: float = 30) -> AsyncIterator[RasaAssistant]:
    assistant = RasaAssistant([url] if url else [each.url for each in stand_ins], deadline)
    try:
        yield assistant
    finally:
        await assistant.close()


async def test_it_asks_with_her_words_and_gives_names_and_values(one: StandIn) -> None:
    async with rasa(one) as assistant:
        assert await assistant.answer(QUESTION) == [REPLY]
    asked = {"sender": "p1", "message": "combien le rsa", "input_channel": "sms", "metadata": {"sid": "SM1"}}
    assert one.asked == [("/webhooks/rest/webhook", asked)]


async def test_it_gives_several_replies_in_order(one: StandIn) -> None:
    one.says = [{"custom": {"response": "utter_a"}}, {"text": "x"}, {"custom": CUSTOM}]
    async with rasa(one) as assistant:
        assert await assistant.answer(QUESTION) == [Reply("utter_a"), REPLY]


async def test_it_passes_a_choice_as_a_payload(one: StandIn) -> None:
    async with rasa(one) as assistant:
        await assistant.answer(Question("p1", "SM1", Channel.WEB, payload="/menu/rsa"))
    ((_, asked),) = one.asked
    assert (asked["message"], asked["input_channel"]) == ("/menu/rsa", "web")


@pytest.mark.parametrize(
    "text",
    ["/restart", "//restart", " /restart", "/ /restart", "/\n/restart", "/\u00a0/restart", "/\u2003/restart",
     '/faq/x{"a":1}', "/", "\n/\n", "/\u200b/restart", "\x85/restart", "\u3000/restart"],
)  # fmt: skip
async def test_it_never_passes_her_text_as_a_payload(text: str, one: StandIn) -> None:
    async with rasa(one) as assistant:
        await assistant.answer(Question("p1", "SM1", Channel.SMS, text))
    ((_, asked),) = one.asked
    assert asked["message"].strip()
    assert not asked["message"].strip().startswith("/")  # Rasa strips before it looks


@pytest.mark.parametrize(
    "says",
    [
        pytest.param([], id="its answer to any trouble of its own"),
        pytest.param([{"text": "bonjour"}], id="a text without a name"),
        pytest.param({}, id="no list"),
        pytest.param({"status": "failure", "message": "x"}, id="a failure as an object"),
        pytest.param(None, id="null"),
        pytest.param(Response("<html>"), id="no JSON"),
        pytest.param(JSONResponse([], 500), id="500"),
        pytest.param(JSONResponse([], 404), id="404"),
    ],
)
async def test_it_is_silent_rather_than_empty(says: Any, one: StandIn) -> None:
    one.says = says
    async with rasa(one) as assistant:
        with pytest.raises(AssistantSilent):
            await assistant.answer(QUESTION)


async def test_it_is_silent_while_rasa_is_down() -> None:
    async with rasa(url=f"http://127.0.0.1:{free_port()}") as assistant:
        with pytest.raises(AssistantSilent) as silent:
            await assistant.answer(QUESTION)
    assert QUESTION.text not in str(silent.value)


async def test_it_is_silent_while_rasa_is_slow() -> None:
    """A port that takes calls and never speaks."""
    silent = await asyncio.start_server(lambda _reader, _writer: asyncio.Event().wait(), "127.0.0.1", 0)
    url = f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}"
    async with rasa(url=url, deadline=0.1) as assistant:
        with pytest.raises(AssistantSilent):
            await assistant.answer(QUESTION)
    silent.close()


# asked again after a crash


def user(sid: str) -> dict[str, Any]:
    return {"event": "user", "metadata": {"sid": sid}}


def bot(response: str) -> dict[str, Any]:
    return {"event": "bot", "data": {"custom": {"response": response}}}


AGAIN = Question("p1", "SM2", Channel.SMS, "combien le rsa", again=True)


def paths(stand_in: StandIn) -> list[str]:
    return [path.rsplit("/", 1)[1] for path, _ in stand_in.asked]


async def test_it_gives_the_answer_it_had_before_and_asks_nothing(one: StandIn) -> None:
    said = [user("SM1"), bot("utter_old"), user("SM2"), {"event": "action"}, bot("utter_a"), bot("utter_b")]
    one.remembers = {"events": said}
    async with rasa(one) as assistant:
        assert await assistant.answer(AGAIN) == [Reply("utter_a"), Reply("utter_b")]
    assert paths(one) == ["tracker"]


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([], id="nothing"),
        pytest.param([user("SM1"), bot("utter_old")], id="another message"),
        pytest.param([{"event": "user"}, bot("utter_old")], id="a message without a number"),
        pytest.param([user("SM2")], id="understood, and died before it answered"),
        pytest.param([user("SM2"), user("SM3"), bot("utter_other")], id="answered another since"),
    ],
)
async def test_it_asks_again_what_was_never_answered(events: list[dict[str, Any]], one: StandIn) -> None:
    one.remembers = {"events": events}
    async with rasa(one) as assistant:
        assert await assistant.answer(AGAIN) == [REPLY]
    assert paths(one) == ["tracker", "webhook"]


@pytest.mark.parametrize(
    "remembers",
    [
        pytest.param(Response("", 500), id="500"),
        pytest.param(Response("<html>"), id="no JSON"),
        pytest.param(
            JSONResponse({"status": "failure"}, 500), id="a failure that looks like nothing was said"
        ),
    ],
)
async def test_it_asks_nothing_while_it_cannot_look(remembers: Response, one: StandIn) -> None:
    one.remembers = remembers
    async with rasa(one) as assistant:
        with pytest.raises(AssistantSilent):
            await assistant.answer(AGAIN)
    assert paths(one) == ["tracker"]


# several of them


async def test_it_keeps_each_person_with_one_rasa(one: StandIn, stand_ins: list[StandIn]) -> None:
    async with rasa(*stand_ins) as assistant:
        for _ in range(2):
            for person in range(12):
                await assistant.answer(Question(f"person {person}", "SM1", Channel.SMS, "a"))
    here, there = [{asked["sender"] for _, asked in each.asked} for each in stand_ins]
    assert here
    assert there
    assert not here & there


async def test_it_has_rasa_forget_somebody(one: StandIn) -> None:
    async with rasa(one) as assistant:
        await assistant.forget("p1")
    assert one.asked == [("/conversations/p1/tracker/events", {"event": "restart"})]


@pytest.mark.parametrize(
    ("loaded", "ready"),
    [({"model_file": "m.tar.gz"}, True), ({"model_file": ""}, False), (JSONResponse({}, 503), False)],
)
async def test_it_is_ready_once_a_model_is_loaded(loaded: Any, ready: bool, one: StandIn) -> None:
    one.is_loaded = loaded
    async with rasa(one) as assistant:
        assert await assistant.ready() is ready


async def test_it_is_not_ready_while_rasa_is_down() -> None:
    async with rasa(url=f"http://127.0.0.1:{free_port()}") as assistant:
        assert not await assistant.ready()
