"""The assistant by Rasa's REST channel, against a stand-in that answers as it really does."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from gateway.adapters import rasa as rasa_module
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


def of_person(person: str, sid: str = "SM1") -> Question:
    return Question(person, sid, Channel.SMS, "a")


def askers(stand_in: StandIn) -> set[str]:
    return {asked["sender"] for path, asked in stand_in.asked if path.endswith("/webhook")}


async def hers_and_other(assistant: RasaAssistant, stand_ins: list[StandIn]) -> tuple[StandIn, StandIn]:
    """The Rasa of p1, and the other; nothing asked yet."""
    await assistant.answer(of_person("p1"))
    hers, other = sorted(stand_ins, key=lambda each: not each.asked)
    assert (askers(hers), askers(other)) == ({"p1"}, set())
    hers.asked.clear()
    return hers, other


PEOPLE = [f"person {number}" for number in range(60)]


async def shared_out(*urls: str) -> dict[str, str]:
    """Who would ask which of these addresses, where nobody has failed."""
    assistant = RasaAssistant(urls)
    order = {person: [rasa.url for rasa in await assistant._order(person)] for person in PEOPLE}
    await assistant.close()
    return {person: first for person, (first, *_) in order.items()}


async def test_it_moves_only_those_whose_rasa_has_left() -> None:
    """Whatever the order of the addresses, in every process alike."""
    urls = [f"http://127.0.0.1:500{n}" for n in range(5, 9)]
    before, after = await shared_out(*urls), await shared_out(*urls[2::-1])
    assert set(before.values()) == set(urls)
    assert {person: url for person, url in before.items() if url != urls[3]}.items() <= after.items()
    orphans = {after[person] for person in PEOPLE if before[person] == urls[3]}
    assert len(orphans) > 1  # not all on the next one


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Rasa that failed is looked at again at once."""
    monkeypatch.setattr(rasa_module, "LOOK_EVERY", 0.0)


async def test_it_asks_another_at_once_while_hers_takes_no_call(one: StandIn) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    assistant = RasaAssistant([nobody, one.url])
    for person in PEOPLE:
        assert await assistant.answer(of_person(person)) == [REPLY]
    await assistant.close()
    assert askers(one) == set(PEOPLE)


@pytest.mark.parametrize("says", [[], JSONResponse([], 500)], ids=["an empty answer", "500"])
async def test_it_asks_another_at_the_next_try_when_hers_failed(
    says: Any, one: StandIn, stand_ins: list[StandIn]
) -> None:
    """Not at once: hers may have understood, and two at a time would lose events."""
    async with rasa(*stand_ins) as assistant:
        hers, other = await hers_and_other(assistant, stand_ins)
        hers.says = says
        with pytest.raises(AssistantSilent):
            await assistant.answer(of_person("p1"))
        assert askers(other) == set()
        assert await assistant.answer(of_person("p1")) == [REPLY]
    assert askers(other) == {"p1"}


async def test_it_asks_another_at_the_next_try_when_hers_is_frozen(one: StandIn) -> None:
    frozen = await asyncio.start_server(lambda _reader, _writer: asyncio.Event().wait(), "127.0.0.1", 0)
    url = f"http://127.0.0.1:{frozen.sockets[0].getsockname()[1]}"
    assistant = RasaAssistant([url, one.url], deadline=0.2)
    person, *_ = [p for p in PEOPLE if (await assistant._order(p))[0].url == url]
    with pytest.raises(AssistantSilent):
        await assistant.answer(of_person(person))
    assert await assistant.answer(of_person(person)) == [REPLY]
    await assistant.close()
    frozen.close()


async def test_it_looks_in_the_shared_memory_wherever_it_asks(one: StandIn, stand_ins: list[StandIn]) -> None:
    async with rasa(*stand_ins) as assistant:
        hers, other = await hers_and_other(assistant, stand_ins)
        hers.says = []
        with pytest.raises(AssistantSilent):
            await assistant.answer(of_person("p1", "SM2"))
        other.remembers = {"events": [user("SM2"), bot("utter_a")]}
        assert await assistant.answer(AGAIN) == [Reply("utter_a")]
    assert paths(other) == ["tracker"]


async def test_it_looks_before_it_asks_again_what_another_process_asked_in_vain(one: StandIn) -> None:
    """That process knows that hers is frozen, this one does not yet."""
    frozen = await asyncio.start_server(lambda _reader, _writer: asyncio.Event().wait(), "127.0.0.1", 0)
    url = f"http://127.0.0.1:{frozen.sockets[0].getsockname()[1]}"
    assistant = RasaAssistant([url, one.url], deadline=600)
    person, *_ = [p for p in PEOPLE if (await assistant._order(p))[0].url == url]
    one.remembers = {"events": []}
    again = Question(person, "SM2", Channel.SMS, "a", again=True)
    assert await asyncio.wait_for(assistant.answer(again), 60) == [REPLY]
    await assistant.close()
    frozen.close()


async def test_it_goes_back_to_hers_once_it_shows_a_model(
    one: StandIn, stand_ins: list[StandIn], impatient: None
) -> None:
    async with rasa(*stand_ins) as assistant:
        hers, other = await hers_and_other(assistant, stand_ins)
        hers.says, hers.is_loaded = [], {"model_file": ""}
        with pytest.raises(AssistantSilent):
            await assistant.answer(of_person("p1"))
        await assistant.answer(of_person("p1"))
        assert askers(other) == {"p1"}
        hers.says, hers.is_loaded = other.says, {"model_file": "m.tar.gz"}
        other.asked.clear()
        await assistant.answer(of_person("p1"))
    assert askers(other) == set()


async def test_one_that_shows_a_model_and_answers_nothing_stays_gone(
    one: StandIn, stand_ins: list[StandIn], impatient: None
) -> None:
    """Its state is well, whatever happens to it: only an answer tells. In this process, and in one that knows nothing yet."""
    async with rasa(*stand_ins) as assistant, rasa(*stand_ins) as elsewhere:
        hers, other = await hers_and_other(assistant, stand_ins)
        hers.says, hers.is_loaded, other.remembers = [], {"model_file": "m.tar.gz"}, {"events": []}
        with pytest.raises(AssistantSilent):
            await assistant.answer(of_person("p1"))
        for process in (elsewhere, assistant, elsewhere, assistant):
            assert await process.answer(AGAIN) == [REPLY]
    assert askers(other) == {"p1"}


async def test_it_leaves_a_gone_one_alone_for_a_while(one: StandIn, stand_ins: list[StandIn]) -> None:
    async with rasa(*stand_ins) as assistant:
        hers, _ = await hers_and_other(assistant, stand_ins)
        hers.says = []
        with pytest.raises(AssistantSilent):
            await assistant.answer(of_person("p1"))
        hers.asked.clear()
        for _ in range(5):
            await assistant.answer(of_person("p1"))
    assert hers.asked == []


async def test_it_keeps_asking_hers_while_all_of_them_fail(one: StandIn, stand_ins: list[StandIn]) -> None:
    """Their Redis is away: as soon as it is back, somebody answers."""
    async with rasa(*stand_ins) as assistant:
        await hers_and_other(assistant, stand_ins)
        for each in stand_ins:
            each.says = []
        for _ in range(4):
            with pytest.raises(AssistantSilent):
                await assistant.answer(of_person("p1"))
        for each in stand_ins:
            each.says = [{"custom": CUSTOM}]
        assert await assistant.answer(of_person("p1")) == [REPLY]


async def test_it_moves_those_who_wait_behind_a_frozen_one(one: StandIn) -> None:
    """Forty people at one Rasa, four at a time: the others do not wait for it one after the other."""
    frozen = await asyncio.start_server(lambda _reader, _writer: asyncio.Event().wait(), "127.0.0.1", 0)
    url = f"http://127.0.0.1:{frozen.sockets[0].getsockname()[1]}"
    assistant = RasaAssistant([url, one.url], deadline=3.0)
    hers = [p for p in PEOPLE if (await assistant._order(p))[0].url == url]
    answers = await asyncio.gather(*(assistant.answer(of_person(p)) for p in hers), return_exceptions=True)
    failed = [answer for answer in answers if isinstance(answer, AssistantSilent)]
    assert len(hers) > 2 * rasa_module.AT_ONCE
    assert len(failed) == rasa_module.AT_ONCE
    assert all(answer == [REPLY] for answer in answers if answer not in failed)
    await assistant.close()
    frozen.close()


async def test_it_asks_for_a_meaning_where_somebody_answers(one: StandIn) -> None:
    one.is_loaded = {"intent_ranking": [{"name": "obstacle/mobility", "confidence": 0.9}]}
    assistant = RasaAssistant([f"http://127.0.0.1:{free_port()}", one.url])
    assert {await assistant.meaning(f"bus {n}") for n in range(8)} == {"obstacle/mobility"}
    await assistant.close()


async def test_it_is_ready_while_one_of_them_is(one: StandIn) -> None:
    one.is_loaded = {"model_file": "m.tar.gz"}
    assistant = RasaAssistant([f"http://127.0.0.1:{free_port()}", one.url])
    assert await assistant.ready()
    await assistant.close()


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


# whether it answers


def at_ready(one: StandIn) -> list[str]:
    """What it was asked, but for its state."""
    return [path for path, _ in one.asked if path != "/status"]


@pytest.mark.parametrize(
    "says",
    [[], {}, [{"text": "bonjour"}], JSONResponse({}, 500)],
    ids=["nothing", "no list", "no name", "500"],
)
async def test_it_is_not_ready_when_rasa_answers_nothing(says: Any, one: StandIn) -> None:
    """A Rasa that has lost its memory is loaded, and answers `200 []`."""
    one.is_loaded, one.says = {"model_file": "m.tar.gz"}, says
    async with rasa(one) as assistant:
        assert not await assistant.ready()


async def test_it_asks_a_real_question_as_nobody_and_has_it_forgotten(one: StandIn) -> None:
    one.is_loaded = {"model_file": "m.tar.gz"}
    async with rasa(one) as assistant:
        assert await assistant.ready()
    asked = [(path, body) for path, body in one.asked if path != "/status"]
    probe = {
        "sender": "health-0",
        "message": "/thanks",
        "input_channel": "web",
        "metadata": {"sid": "health"},
    }
    restart = {"event": "restart"}
    assert asked == [("/webhooks/rest/webhook", probe), ("/conversations/health-0/tracker/events", restart)]


async def test_it_asks_once_in_ten_seconds(one: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    one.is_loaded = {"model_file": "m.tar.gz"}
    async with rasa(one) as assistant:
        assert await assistant.ready()
        one.says = []
        assert await assistant.ready()  # as ten seconds ago
        assert len(at_ready(one)) == 2
        monkeypatch.setattr(rasa_module, "PROBE_EVERY", 0.0)
        assistant._all[0].probe_at = 0.0
        assert not await assistant.ready()
        one.says = [{"custom": CUSTOM}]
        assert await assistant.ready()


async def test_it_sees_at_once_that_rasa_is_down_and_back(one: StandIn) -> None:
    one.is_loaded = {"model_file": "m.tar.gz"}
    async with rasa(one) as assistant:
        assert await assistant.ready()
        one.is_loaded = {"model_file": ""}
        assert not await assistant.ready()
        one.is_loaded = {"model_file": "m.tar.gz"}
        assert await assistant.ready()
    assert len(at_ready(one)) == 4


async def test_it_does_not_wait_for_a_frozen_rasa(one: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rasa_module, "PROBED", 0.2)
    with socket.socket() as frozen:  # takes the call, never answers
        frozen.bind(("127.0.0.1", 0))
        frozen.listen()
        async with asyncio.timeout(2), rasa(url=f"http://127.0.0.1:{frozen.getsockname()[1]}") as assistant:
            assert not await assistant.ready()
