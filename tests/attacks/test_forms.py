"""Every route that is posted to: no endless body, no form of another site, nothing changed by looking."""

from collections.abc import AsyncIterator

import pytest

from gateway.web.security import LARGER, LARGEST
from tests.attacks.walk import (
    BY_TOKEN,
    CHAT,
    DOOR,
    SIGNED,
    addresses,
    everything,
    named,
    one_of_each,
)
from tests.web.office import Office, opened
from tests.web.service import ACTION_TOKEN, FORM, Service

HEADERS = {"Content-Type": FORM}
BEFORE_READING = {303, 403, 404}  # not signed in, no token, nothing of that name: the body is not even read


@pytest.fixture
async def office(service: Service) -> AsyncIterator[Office]:
    async with opened(service) as office:
        yield office


def filled(bytes_: int) -> bytes:
    return b"csrf=x&body=" + b"a" * (bytes_ - len(b"csrf=x&body="))


async def chunks(bytes_: int) -> AsyncIterator[bytes]:
    """Its length is not announced."""
    yield b"csrf=x&body="
    for _ in range(bytes_ // 8192 + 1):
        yield b"a" * 8192


async def test_it_knows_how_each_form_proves_where_it_comes_from(standing: Service) -> None:
    """A new route must be signed, opened by a token, or a form that carries its session's token."""
    others = {p for p in addresses(standing, "POST") if not p.startswith("/workspace/")}
    assert others == SIGNED | BY_TOKEN | CHAT
    assert {p for p in addresses(standing, "POST") if p.startswith("/workspace/sign-in")} == DOOR
    for method in ("PUT", "PATCH", "DELETE"):
        assert addresses(standing, method) == []


async def test_it_reads_no_endless_body_of_a_stranger(standing: Service) -> None:
    for path in addresses(standing, "POST"):
        most = LARGER.get(path, LARGEST)
        for body in (filled(most + 1), chunks(most)):
            answer = await standing.http.post(named(path, {}), content=body, headers=HEADERS)
            assert answer.status_code in {413} | BEFORE_READING, path
    assert [one for one in standing.log if one["level"] == "error"] == []


@pytest.mark.parametrize("path", sorted(SIGNED | CHAT | DOOR))
async def test_it_says_that_it_is_too_long(standing: Service, path: str) -> None:
    most = LARGER.get(path, LARGEST)
    for body in (filled(most + 1), chunks(most)):
        answer = await standing.http.post(named(path, {}), content=body, headers=HEADERS)
        assert answer.status_code == 413
        assert answer.headers["content-security-policy"]
        assert "trop long" in answer.text


async def test_it_reads_no_endless_call_of_rasa(standing: Service) -> None:
    path = f"/rasa/actions?token={ACTION_TOKEN}"
    answer = await standing.http.post(path, content=b'"' + b"a" * LARGER["/rasa/actions"] + b'"')
    assert answer.status_code == 413


async def test_it_reads_no_endless_form_of_a_referent(office: Office) -> None:
    """She has signed in: each form of hers is refused as too long, in a page that says so."""
    known, refused = await one_of_each(office), 0
    lead = await office.desk.signed(await office.desk.referent("chef@example.org", "Marc Blanc", leads=True))
    for path in addresses(office.desk.service, "POST"):
        if not path.startswith("/workspace/") or path in DOOR:
            continue
        browser = lead if "/questions/" in path else office.browser
        answer = await browser.http.post(named(path, known), content=filled(LARGEST + 1), headers=HEADERS)
        assert answer.status_code == 413, path
        assert "C'est trop long" in answer.text.replace("&#39;", "'")
        refused += 1
    assert refused > 20


# forms of another site


async def test_it_changes_nothing_for_a_form_without_its_token(office: Office) -> None:
    """Her browser sends her cookie along with a form that somebody else wrote."""
    known, service = await one_of_each(office), office.desk.service
    lead = await office.desk.signed(await office.desk.referent("chef@example.org", "Marc Blanc", leads=True))
    others = await (await office.desk.signed(office.paul)).csrf()
    await service.settled()
    before, tried = await everything(office), 0
    for path in addresses(service, "POST"):
        if not path.startswith("/workspace/") or path in DOOR:
            continue
        browser = lead if "/questions/" in path else office.browser
        for token in ({}, {"csrf": ""}, {"csrf": "0" * 64}, {"csrf": others}):
            answer = await browser.http.post(named(path, known), data={"text": "x", "slot": "1", **token})
            assert answer.status_code == 403, (path, token)
        tried += 1
    assert tried > 20
    assert await everything(office) == before


@pytest.mark.parametrize("path", sorted(DOOR))
@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://attaque.example.org"}, {"Origin": "null"}],
    ids=["cross-site", "sister-site", "origin", "no-origin"],
)  # fmt: skip
async def test_it_signs_nobody_in_by_a_form_of_another_site(
    service: Service, path: str, headers: dict[str, str]
) -> None:
    before = await service.stored()
    answer = await service.http.post(named(path, {}), data={"email": "claire@example.org"}, headers=headers)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers
    assert await service.stored() == before


async def test_it_changes_nothing_by_looking(office: Office) -> None:
    """An image of another site whose address is one of our pages."""
    known, service, looked = await one_of_each(office), office.desk.service, 0
    lead = await office.desk.signed(await office.desk.referent("chef@example.org", "Marc Blanc", leads=True))
    await service.settled()
    before = await everything(office)
    for path in addresses(service, "GET"):
        if path in ("/chat/events", "/metrics") or "proconnect" in path:
            continue
        answer = await office.browser.get(named(path, known))
        if answer.status_code == 404:  # for who leads a team
            answer = await lead.get(named(path, known))
        assert answer.status_code in (200, 303, 410), path
        looked += 1
    assert looked > 25
    assert await everything(office) == before
