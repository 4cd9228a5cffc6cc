"""Every answer: closed to third parties, and telling nothing about anybody."""

import re
from pathlib import Path
from typing import Any

import pytest

from gateway.adapters.database import tables as t
from gateway.web.security import HEADERS
from tests.web.page import Page
from tests.web.service import ACTION_TOKEN, Service, phone, sid

PAGES = ["/", "/chat", "/simulator"]
STATIC = Path(__file__).parents[2] / "gateway" / "web" / "static"
OWN = "http://www.w3.org/2000/svg"  # a name, never fetched

ANSWERS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "home": ("GET", "/", {}),
    "chat": ("GET", "/chat", {}),
    "simulator": ("GET", "/simulator", {}),
    "script": ("GET", "/static/chat.js", {}),
    "style": ("GET", "/static/chat.css", {}),
    "json": ("GET", "/simulator/api/messages", {}),
    "metrics": ("GET", "/metrics", {}),
    "health": ("GET", "/health/live", {}),
    "no-events": ("GET", "/chat/events", {}),
    "not-found": ("GET", "/nowhere", {}),
    "no-file": ("GET", "/static/../app.py", {}),
    "wrong-method": ("PUT", "/chat", {}),
    "refused": ("POST", "/chat/messages", {}),
    "not-signed": ("POST", "/sms/inbound", {}),
    "wrong-value": ("POST", "/simulator/api/carrier", {"json": {"fault": "x"}}),
}


def assert_closed(answer: Any) -> None:
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS


@pytest.mark.parametrize(("method", "path", "more"), ANSWERS.values(), ids=list(ANSWERS))
async def test_it_sends_the_security_headers(
    standing: Service, method: str, path: str, more: dict[str, Any]
) -> None:
    assert_closed(await standing.http.request(method, path, **more))


async def test_it_sends_them_when_something_breaks(
    standing: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise RuntimeError("a text that stays inside: +33639980001")

    monkeypatch.setattr(standing.wiring.clock, "now", broken)
    answer = await standing.http.get("/simulator/api/clock")
    assert answer.status_code == 503
    assert "stays inside" not in answer.text
    assert standing.leaked("+33639980001", "a text that stays inside") == []
    assert_closed(answer)


def test_it_allows_nothing_from_elsewhere() -> None:
    policy = HEADERS["content-security-policy"]
    sources = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert sources["default-src"] == "'none'"
    assert sources["frame-ancestors"] == "'none'"
    assert (
        set(policy.split()) & {"*", "'unsafe-inline'", "'unsafe-eval'", "https:", "http:", "blob:"} == set()
    )


@pytest.mark.parametrize("language", ["fr", "en", "ar", "uk"])
@pytest.mark.parametrize("path", PAGES)
async def test_it_points_at_no_third_party(standing: Service, path: str, language: str) -> None:
    html = (await standing.http.get(path, headers={"Accept-Language": language})).text
    page = Page.read(html)
    elsewhere = [a for a in page.addresses if not re.match(r"(/(?!/)|#|data:image/svg)", a)]
    assert elsewhere == []
    assert re.findall(r"(?:https?:)?//[^\s'\"<>]+", html.replace(OWN, "")) == []
    assert page.inline == []  # the policy above would block it


def test_it_has_no_third_party_in_scripts_and_styles() -> None:
    files = [p for p in STATIC.iterdir() if p.suffix in (".js", ".css")]
    assert files
    for file in files:
        text = re.sub(r"https\?:\\/\\/", "", file.read_text(encoding="utf-8"))  # a pattern of addresses
        assert re.findall(r"(https?:)?//[a-z0-9-]+\.[a-z]", text) == [], file.name
        assert "@import" not in text
        if (
            file.name != "htmx.min.js"
        ):  # it has one, shut off in workspace/layout.html and by the policy above
            assert "eval(" not in text


@pytest.mark.parametrize("path", PAGES)
async def test_it_names_language_and_title(standing: Service, path: str) -> None:
    html = (await standing.http.get(path)).text
    page = Page.read(html)
    assert page.lang == "fr"
    assert page.tags.count("h1") == 1
    assert page.tags.count("main") == 1
    assert re.search(r"<title>[^<]{5,}</title>", html)


# alive, ready, measured: see also test_seen.py

ALL_WELL = {"ready": True, "database": True, "assistant": True, "work": True, "disk": True, "reasons": []}


async def test_it_is_alive_and_ready(standing: Service) -> None:
    assert (await standing.http.get("/health/live")).json() == {"status": "ok"}
    ready = await standing.http.get("/health/ready")
    assert (ready.status_code, ready.json()) == (200, ALL_WELL)


async def test_it_is_not_ready_without_the_assistant(service: Service) -> None:
    service.assistant.is_ready = False
    ready = await service.http.get("/health/ready")
    assert ready.status_code == 503
    sentence = "Le robot (Rasa) ne répond pas."
    assert ready.json() == {**ALL_WELL, "ready": False, "assistant": False, "reasons": [sentence]}
    assert (await service.http.get("/health/live")).status_code == 200


async def test_it_is_not_ready_without_the_database(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone() -> None:
        raise OSError("a secret address")

    monkeypatch.setattr(service.wiring.store.engine, "begin", gone)
    ready = await service.http.get("/health/ready")
    assert ready.status_code == 503
    assert ready.json()["database"] is False
    assert ready.json()["reasons"] == ["La base de données ne répond pas."]
    measured = await service.http.get("/metrics")
    assert "database_up 0.0" in measured.text
    assert "secret" not in ready.text + measured.text + service.written


async def test_it_counts_messages_without_naming_anybody(service: Service) -> None:
    number, text = phone(), "je cherche une place en creche"

    async def counted() -> tuple[float, str]:
        metrics = (await service.http.get("/metrics")).text
        found = re.search(r'messages_received_total\{channel="sms",repeat="false"\} ([\d.]+)', metrics)
        return float(found[1]) if found else 0.0, metrics

    before, _ = await counted()
    form = {"MessageSid": sid(), "From": number, "Body": text}
    for _ in range(2):
        await service.post("/sms/inbound", form)
    await service.settled()
    after, metrics = await counted()
    assert after == before + 1
    for secret in (number, number[3:], text, "creche", str(service.assistant.questions[0].pseudonym)):
        assert secret not in metrics
    assert "acknowledgement_seconds_count" in metrics


# where Rasa calls our actions

CALL = {"next_action": "action_ask_for_a_person", "sender_id": "x", "tracker": {
    "sender_id": "x", "slots": {}, "latest_message": {"metadata": {"sid": "SM1"}}, "events": [],
    "paused": False, "followup_action": None, "active_loop": {}, "latest_action_name": None,
}, "domain": {}}  # fmt: skip


@pytest.mark.parametrize(
    "token", ["", "wrong", ACTION_TOKEN[:-1], ACTION_TOKEN + "x", "%C3%A9", None], ids=str
)
async def test_it_runs_no_action_without_the_token(service: Service, token: str | None) -> None:
    before = await service.stored()
    path = "/rasa/actions" if token is None else f"/rasa/actions?token={token}"
    assert (await service.http.post(path, json=CALL)).status_code == 403
    assert await service.stored() == before


@pytest.mark.parametrize("content", [b"", b"{", b"[]"], ids=["empty", "cut", "list"])
async def test_it_reads_no_call_without_the_token(standing: Service, content: bytes) -> None:
    """Whoever has no token learns nothing, not even what a call looks like."""
    kind = {"Content-Type": "application/json"}
    assert (await standing.http.post("/rasa/actions", content=content, headers=kind)).status_code == 403


@pytest.mark.parametrize("changes", [{"action_token": ""}], ids=["no-token-set"])
async def test_it_is_closed_when_no_token_is_set(service: Service) -> None:
    for path in ("/rasa/actions", "/rasa/actions?token="):
        assert (await service.http.post(path, json=CALL)).status_code == 403


async def test_it_runs_an_action_with_the_token_once(service: Service) -> None:
    """Rasa may call twice for one message: one request is noted, one mail leaves."""
    service.assistant.open.clear()
    form = {"MessageSid": "SM1", "From": phone(), "Body": "je voudrais parler avec quelqu'un de chez vous"}
    await service.post("/sms/inbound", form)
    async with service.wiring.store.transaction() as tx:
        who = await tx.conversation(1, service.wiring.clock.now())
    call = {**CALL, "sender_id": who.pseudonym, "tracker": {**CALL["tracker"], "sender_id": who.pseudonym}}
    for _ in range(2):
        ran = await service.http.post(f"/rasa/actions?token={ACTION_TOKEN}", json=call)
        assert ran.status_code == 200
        assert ran.json()["responses"][0]["response"].startswith("utter_talk_to_human")
    service.assistant.open.set()
    await service.settled()
    assert len(await service.rows(t.callback)) == 1
    assert len(service.mails) == 1


async def test_it_notes_nothing_for_a_conversation_it_does_not_know(service: Service) -> None:
    before = await service.stored()
    ran = await service.http.post(f"/rasa/actions?token={ACTION_TOKEN}", json=CALL)
    assert ran.status_code == 200
    assert await service.stored() == before
