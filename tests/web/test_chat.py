"""The conversation on a web page, without JavaScript: forms in, pages out."""

import asyncio
import re
from typing import Any

import httpx2
import pytest

from gateway.adapters.database import tables as t
from gateway.web import chat
from tests.web.page import Page
from tests.web.service import Service

TEXT = "combien je vais toucher ce mois-ci"


async def opened(browser: httpx2.AsyncClient, **headers: str) -> Page:
    answer = await browser.get("/chat", headers=headers)
    assert answer.status_code == 200
    return Page.read(answer.text)


async def says(browser: httpx2.AsyncClient, body: str) -> Page:
    """Types, presses "send", and reads the page that comes back."""
    page = await opened(browser)
    answer = await browser.post("/chat/messages", data={"csrf": page.csrf, "body": body})
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"].startswith("/chat")
    return await opened(browser)


async def test_it_comes_back_with_the_answer(service: Service) -> None:
    page = await says(service.http, TEXT)
    assert page.said("me") == [TEXT]
    (answer,) = page.said()
    today = service.wiring.clock.now().date().isoformat()
    assert service.wiring.words.text("utter_faq/rsa_amount", "fr", today=today) in answer
    assert service.carried == []  # nothing of a page goes out by SMS
    assert service.leaked(TEXT) == []


async def test_it_offers_the_menu_as_buttons(service: Service) -> None:
    await says(service.http, TEXT)
    page = await says(service.http, "MENU")
    assert [b.value for b in page.buttons][:3] == ["1", "2", "3"]
    assert page.buttons[-1].value == "0"
    assert all(b.title.removeprefix(b.value).strip() for b in page.buttons)
    after = await says(service.http, page.buttons[0].value)
    assert len(after.said()) == 3


async def test_it_leaves_buttons_to_the_newest_answer_only(service: Service) -> None:
    await says(service.http, "MENU")
    await says(service.http, "MENU")
    page = await says(service.http, "MENU")
    assert [b.value for b in page.buttons].count("1") == 1


async def test_it_stores_nobody_who_only_looks(service: Service) -> None:
    before = await service.stored()
    for _ in range(3):
        await opened(service.another_browser())
    assert await service.stored() == before


# the session

FLAGS = [
    pytest.param({}, False, id="http"),
    pytest.param({"public_url": "https://coup-de-pouce.example.org"}, True, id="https"),
]


@pytest.mark.parametrize(("changes", "secure"), FLAGS)
async def test_it_keeps_the_session_out_of_reach(service: Service, secure: bool) -> None:
    cookie = (await service.http.get("/chat")).headers["set-cookie"]
    flags = [flag.strip().lower() for flag in cookie.split(";")[1:]]
    assert "httponly" in flags
    assert ("path=/" if secure else "path=/chat") in flags  # `__Host-` is for a whole host
    assert cookie.startswith("__Host-conversation=" if secure else "conversation=")
    assert ("secure" in flags) is secure
    # Not "none"; and "strict" would forget her whenever she comes by a link of another site.
    assert "samesite=lax" in flags
    value = cookie.split(";")[0].split("=", 1)[1]
    assert len(value) >= 40


async def test_it_gives_each_browser_its_own_session(standing: Service) -> None:
    cookies = {(await standing.another_browser().get("/chat")).cookies["conversation"] for _ in range(5)}
    assert len(cookies) == 5


async def test_it_never_shows_one_session_to_another(service: Service) -> None:
    one, other = service.http, service.another_browser()
    await says(one, "je suis la premiere personne")
    await says(other, "je suis la seconde personne")
    for browser, mine, theirs in ((one, "premiere", "seconde"), (other, "seconde", "premiere")):
        html = (await browser.get("/chat")).text
        assert mine in html
        assert theirs not in html
    stranger = (await service.another_browser().get("/chat")).text
    assert "premiere" not in stranger
    assert "seconde" not in stranger
    assert len(await service.rows(t.conversation)) == 2


async def test_it_never_gives_a_phones_conversation_to_a_page(service: Service) -> None:
    """A cookie that holds a phone number opens nothing of that phone's."""
    await service.post("/sms/inbound", {"MessageSid": "SM1", "From": "+33639980001", "Body": TEXT})
    await service.settled()
    service.http.cookies.set("conversation", "+33639980001")
    assert (await opened(service.http)).messages == []


# forgery

FORGED: dict[str, Any] = {
    "none": lambda csrf: {},
    "empty": lambda csrf: {"csrf": ""},
    "wrong": lambda csrf: {"csrf": "0" * 64},
    "cut": lambda csrf: {"csrf": csrf[:-1]},
    "capitals": lambda csrf: {"csrf": csrf.upper() + "A"},
    "not-ascii": lambda csrf: {"csrf": "é" * 64},
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=list(FORGED))
@pytest.mark.parametrize("path", ["/chat/messages", "/chat/language"])
async def test_it_refuses_a_form_of_another_site(standing: Service, forge: Any, path: str) -> None:
    before = await standing.stored()
    page = await opened(standing.http)
    fields = {"body": TEXT, "language": "ar", **forge(page.csrf)}
    refused = await standing.http.post(path, data=fields)
    assert refused.status_code == 403
    assert "langue" not in refused.cookies
    assert await standing.stored() == before
    assert standing.leaked(TEXT) == []


async def test_it_refuses_the_token_of_another_session(standing: Service) -> None:
    before = await standing.stored()
    stolen = (await opened(standing.another_browser())).csrf
    await opened(standing.http)
    refused = await standing.http.post("/chat/messages", data={"csrf": stolen, "body": TEXT})
    assert refused.status_code == 403
    assert await standing.stored() == before


async def test_it_refuses_a_post_without_a_session(standing: Service) -> None:
    page = await opened(standing.http)
    refused = await standing.another_browser().post("/chat/messages", data={"csrf": page.csrf, "body": TEXT})
    assert refused.status_code == 403


@pytest.mark.parametrize("fields", [{"csrf": "faux", "body": TEXT}, {"body": ""}], ids=["refused", "empty"])
async def test_it_answers_a_person_with_a_page(standing: Service, fields: dict[str, str]) -> None:
    """Without JavaScript whatever comes back fills the screen: a page in words, never JSON."""
    page = await opened(standing.http)
    answer = await standing.http.post(
        "/chat/messages", data={"csrf": page.csrf, **fields},
        headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}, follow_redirects=True,
    )  # fmt: skip
    assert answer.headers["content-type"].startswith("text/html")
    assert "/chat" in " ".join(Page.read(answer.text).addresses)  # the way back


# what she may type

ODD = {
    "spaces": ("   ", 400, None),
    "no-body": (None, 400, None),
    "emoji": ("👍🏽", 303, "👍🏽"),
    "nul": ("a\0b cd", 303, "ab cd"),
    "surrogates": (b"%ED%A0%80abc", 303, "\ufffd\ufffd\ufffdabc"),
    "right-to-left-mark": ("\u202eabc", 303, "abc"),
    "slash": ("/restart", 303, "/restart"),
    "5000": ("a b " * 1250, 303, ("a b " * 1250)[:1600].strip()),
    "markup": ("<script>alert(1)</script>", 303, "<script>alert(1)</script>"),
    "lines": ("un\r\ndeux", 303, "un\ndeux"),
}


@pytest.mark.parametrize(("body", "status", "kept"), ODD.values(), ids=list(ODD))
async def test_it_takes_odd_texts(service: Service, body: Any, status: int, kept: str | None) -> None:
    page = await opened(service.http)
    fields = f"csrf={page.csrf}".encode()
    if isinstance(body, bytes):
        fields += b"&body=" + body
    elif body is not None:
        fields += b"&" + httpx2.Request("POST", "http://x", data={"body": body}).read()
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await service.http.post("/chat/messages", content=fields, headers=form)
    assert answer.status_code == status
    await service.settled()
    assert [service.text_of(m) for m in await service.heard()] == ([] if kept is None else [kept])
    shown = await service.http.get("/chat")
    assert "<script>alert" not in shown.text
    if kept:
        assert Page.read(shown.text).said("me") == [kept]
        assert len(Page.read(shown.text).said()) == 1
        assert service.assistant.questions == [] or service.assistant.questions[0].payload == ""


# her language

ACCEPTED = {
    "ar": "ar", "ar-MA,fr;q=0.5": "ar", "uk-UA": "uk", "en-GB,en;q=0.9": "en", "de,en;q=0.7": "en",
    "": "fr", "de": "fr", "*": "fr", ";;;,,q=": "fr", "é": "fr", "x" * 5000: "fr",
}  # fmt: skip


@pytest.mark.parametrize(("header", "language"), ACCEPTED.items(), ids=lambda v: v[:16] or "none")
async def test_it_opens_in_the_browsers_language(standing: Service, header: str, language: str) -> None:
    answer = await standing.http.get("/chat", headers={b"Accept-Language": header.encode()})
    page = Page.read(answer.text)
    assert (page.lang, page.dir) == (language, "rtl" if language == "ar" else "ltr")


async def chooses(browser: httpx2.AsyncClient, language: str) -> httpx2.Response:
    page = await opened(browser)
    return await browser.post("/chat/language", data={"csrf": page.csrf, "language": language})


async def test_it_changes_language_before_a_word_is_said(service: Service) -> None:
    assert (await chooses(service.http, "ar")).status_code == 303
    page = await opened(service.http)
    assert (page.lang, page.dir) == ("ar", "rtl")
    assert page.languages["ar"]
    assert await service.heard() == []
    page = await says(service.http, "combien")
    (answer,) = page.said()
    assert re.search(r"[\u0600-\u06ff]{3}", answer)
    assert page.dir == "rtl"


@pytest.mark.parametrize("language", ["en", "uk", "ar"])
async def test_it_changes_language_in_a_conversation(service: Service, language: str) -> None:
    await says(service.http, TEXT)
    assert (await chooses(service.http, language)).status_code == 303
    page = await opened(service.http)
    assert page.lang == language
    today = service.wiring.clock.now().date().isoformat()
    again = service.wiring.words.text("utter_faq/rsa_amount", language, today=today)
    assert again in page.said()[-1]  # what was said last is said again


async def test_it_comes_back_translated_however_slow_the_turn(service: Service) -> None:
    await says(service.http, TEXT)
    worker, loop = service.wiring.worker, asyncio.get_running_loop()
    queue = worker.queue

    class LateQueue:  # a machine under load, made visible
        async def ring(self, job_id: int) -> None:
            assert queue
            loop.call_later(1.5, lambda: loop.create_task(queue.ring(job_id)))

    worker.queue = LateQueue()
    await chooses(service.http, "uk")
    assert (await opened(service.http)).lang == "uk"


@pytest.mark.parametrize("language", ["", "de", "AR", "fr\0", "../ar", "other"])
async def test_it_refuses_a_language_it_does_not_speak(standing: Service, language: str) -> None:
    refused = await chooses(standing.http, language)
    assert refused.status_code == 400
    assert "langue" not in refused.cookies


@pytest.mark.parametrize("cookie", ["de", "ar; Path=/", "é", "x" * 3000])
async def test_it_ignores_a_broken_language_cookie(standing: Service, cookie: str) -> None:
    answer = await standing.http.get("/chat", headers={b"Cookie": f"langue={cookie}".encode()})
    assert answer.status_code == 200
    assert Page.read(answer.text).lang in ("fr", "ar")


# an answer that takes its time


async def test_it_shows_her_words_while_the_answer_is_coming(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat, "PATIENCE", 0.3)
    service.assistant.open.clear()
    page = await says(service.http, TEXT)
    assert page.said("me") == [TEXT]
    assert page.said() == []
    service.assistant.open.set()
    await service.settled()
    page = await opened(service.http)
    assert len(page.said()) == 1
    assert len(await service.heard()) == 1


async def test_it_comes_back_on_a_slow_machine_too(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Her message is stored: whatever happens while she waits, she must not be told to send it again."""
    monkeypatch.setattr(chat, "PATIENCE", 0.5)
    service.assistant.open.clear()

    async def late(_conversation: int, seconds: float) -> bool:
        await asyncio.sleep(seconds * 5)
        return False

    monkeypatch.setattr(service.wiring.hub, "wait", late)
    page = await opened(service.http)
    answer = await service.http.post("/chat/messages", data={"csrf": page.csrf, "body": TEXT})
    assert answer.status_code == 303


async def test_it_answers_two_tabs_at_once(service: Service) -> None:
    page = await opened(service.http)
    forms = [{"csrf": page.csrf, "body": f"question {n} sur le rsa"} for n in range(4)]
    answers = await asyncio.gather(*(service.http.post("/chat/messages", data=form) for form in forms))
    assert [a.status_code for a in answers] == [303] * 4
    await service.settled()
    page = await opened(service.http)
    assert len(page.said("me")) == len(page.said()) == 4


@pytest.mark.parametrize("words", ["0", "je veux mourir"])
async def test_it_promises_no_call_to_somebody_without_a_number(service: Service, words: str) -> None:
    page = await says(service.http, words)
    await service.settled()
    assert service.mails == []
    assert service.wiring.words.text("utter_talk_to_human", "fr") not in page.said()[-1]
    assert re.search(r"\d", page.said()[-1])  # a number that she can call or text herself
