"""The session of a page: drawn by us, known to one browser, and nobody can give it to somebody else."""

import pytest

from gateway.adapters.database import tables as t
from tests.web.page import Page
from tests.web.service import Service

HTTPS = {"public_url": "https://coup-de-pouce.example.org"}
PLANTED = "a-session-that-an-attacker-knows-already-000000"


async def given(service: Service, cookie: str = "") -> tuple[str, str]:
    """(the session that a browser has after opening the page, the token of its forms)."""
    service.http.cookies.clear()
    answer = await service.http.get("/chat", headers={"Cookie": cookie} if cookie else {})
    line = answer.headers["set-cookie"].split(";")[0]
    return line.partition("=")[2], Page.read(answer.text).csrf


async def test_it_cannot_be_guessed(standing: Service) -> None:
    sessions = [(await given(standing))[0] for _ in range(20)]
    drawn = [one.partition(".")[0] for one in sessions]
    assert len(set(drawn)) == 20
    assert all(len(one) >= 43 for one in drawn)  # 256 bits, six in each letter
    for place in range(43):
        assert len({one[place] for one in drawn}) > 3  # nothing of it counts or tells the hour


FORGED = {
    "made-up": PLANTED,
    "made-up-with-a-proof": f"{PLANTED}.{'0' * 64}",
    "a-proof-alone": f".{'0' * 64}",
    "empty": "",
    "a-number": "+33639980001",
    "not-ascii": "%C3%A9.%C3%A9",
}


@pytest.mark.parametrize("planted", FORGED.values(), ids=list(FORGED))
async def test_it_takes_no_session_that_it_did_not_give(standing: Service, planted: str) -> None:
    session, csrf = await given(standing, f"conversation={planted}")
    assert session != planted
    standing.http.cookies.clear()
    before = await standing.stored()
    answer = await standing.http.post(
        "/chat/messages",
        data={"csrf": csrf, "body": "bonjour"},
        headers={"Cookie": f"conversation={planted}"},
    )
    assert answer.status_code == 403
    assert await standing.stored() == before
    stream = await standing.http.get("/chat/events", headers={"Cookie": f"conversation={planted}"})
    assert stream.status_code == 204


async def test_it_takes_no_session_with_a_letter_changed(standing: Service) -> None:
    session, _ = await given(standing)
    for place in (0, len(session) // 2, len(session) - 1):
        changed = session[:place] + ("A" if session[place] != "A" else "B") + session[place + 1 :]
        assert (await given(standing, f"conversation={changed}"))[0] not in (session, changed)
    assert (await given(standing, f"conversation={session}"))[0] == session


@pytest.mark.parametrize("changes", [pytest.param(HTTPS, id="https")])
async def test_it_takes_no_session_that_a_sister_site_planted(service: Service) -> None:
    """A browser takes a `__Host-` cookie from this very host alone. What comes under another name is not looked at."""
    session, csrf = await given(service)
    for planted in (f"conversation={session}", f"__Secure-conversation={session}"):
        assert (await given(service, planted))[0] != session
        service.http.cookies.clear()
        answer = await service.http.post(
            "/chat/messages", data={"csrf": csrf, "body": "bonjour"}, headers={"Cookie": planted}
        )
        assert answer.status_code == 403
    assert (await given(service, f"__Host-conversation={session}"))[0] == session


async def test_it_tells_nobody_which_sessions_there_are(service: Service) -> None:
    """Neither an address, nor a log, nor a table holds one that can be used."""
    session, csrf = await given(service)
    cookie = {"Cookie": f"conversation={session}"}
    sent = await service.http.post("/chat/messages", data={"csrf": csrf, "body": "bonjour"}, headers=cookie)
    assert sent.status_code == 303
    assert session not in sent.headers["location"]
    await service.settled()
    assert service.leaked(session) == []
    for table in t.metadata.sorted_tables:
        assert session not in repr(await service.rows(table))
