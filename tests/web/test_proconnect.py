"""Signing in with ProConnect, against a stand-in that refuses what the real one refuses."""

import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from joserfc.jwk import OctKey, RSAKey
from pydantic import SecretStr

from gateway.adapters.database import tables as t
from gateway.app import proconnect_of
from gateway.errors import NotReady
from gateway.web.security import HEADERS
from tests.running import free_port
from tests.web.desk import Browser, Desk, shown
from tests.web.identity import CLIENT, SECRET, StandIn, query, standing_in
from tests.web.service import Service, settings_for, started

SIGN_IN = "/workspace/sign-in"
START, CALLBACK, LOGOUT = (f"/workspace/proconnect{path}" for path in ("", "/callback", "/logout"))


@pytest.fixture
async def provider() -> AsyncIterator[StandIn]:
    ours = f"http://127.0.0.1:{free_port()}"
    async with standing_in(ours + CALLBACK, ours + LOGOUT) as stand_in:
        yield stand_in


@pytest.fixture
async def desk(tmp_path: Path, written: Any, read_once: None, provider: StandIn) -> AsyncIterator[Desk]:
    port = int(provider.callback.split(":")[2].split("/")[0])
    changes = {
        "port": port, "proconnect_url": provider.issuer, "proconnect_client_id": CLIENT,
        "proconnect_client_secret": SecretStr(SECRET),
    }  # fmt: skip
    async with started(tmp_path, written, changes) as service:
        desk = Desk(service)
        await desk.referent("claire@example.org", "Claire Moreau")
        yield desk
        await desk.close()


@pytest.fixture
def browser(desk: Desk) -> Browser:
    return Browser(desk.browser())


async def back(browser: Browser) -> str:
    """From our button to the provider and back: the address that her browser is sent to at last."""
    begun = await browser.get(START)
    assert begun.status_code == 303
    there = await browser.get(begun.headers["location"])
    assert there.status_code == 303, there.text
    return there.headers["location"]


async def refused(desk: Desk, browser: Browser, address: str) -> None:
    answer = await browser.get(address)
    assert answer.status_code == 403
    assert "La connexion par ProConnect n'a pas abouti" in shown(answer)
    assert "Recevoir un lien" in shown(answer)
    assert await desk.service.rows(t.session) == []
    assert browser.cookie == ""


async def test_it_signs_her_in(desk: Desk, browser: Browser, provider: StandIn) -> None:
    assert "S'identifier avec ProConnect" in await browser.read(SIGN_IN)
    answer = await browser.get(await back(browser))
    assert (answer.status_code, answer.headers["location"]) == (303, "/workspace")
    assert "Claire" in await browser.read("/workspace/people")
    assert desk.service.leaked(SECRET, "claire@example.org", *provider.tokens) == []


async def test_it_asks_what_is_documented_and_nothing_more(desk: Desk, browser: Browser) -> None:
    one, two = [query((await browser.get(START)).headers["location"]) for _ in range(2)]
    assert set(one) == {"response_type", "client_id", "redirect_uri", "scope", "state", "nonce"}
    for name in ("state", "nonce"):
        assert len(one[name]) >= 32
        assert one[name] != two[name]
    assert one["state"] != one["nonce"]


async def test_it_finds_her_by_her_address_however_it_is_spelt(
    desk: Desk, browser: Browser, provider: StandIn
) -> None:
    provider.email = "Claire@Example.org"
    assert (await browser.get(await back(browser))).status_code == 303


async def test_it_reads_a_userinfo_that_has_no_end(desk: Desk, browser: Browser, provider: StandIn) -> None:
    provider.userinfo = {"exp": None}
    assert (await browser.get(await back(browser))).status_code == 303


async def test_it_follows_the_provider_to_new_keys(desk: Desk, browser: Browser, provider: StandIn) -> None:
    await browser.get(await back(browser))
    new = RSAKey.generate_key(2048, {"kid": "two", "use": "sig"}, private=True)
    provider.published, provider.signs_with = [new], new
    other = Browser(desk.browser())
    assert (await other.get(await back(other))).status_code == 303


async def test_it_is_kind_to_somebody_whom_it_does_not_know(
    desk: Desk, browser: Browser, provider: StandIn
) -> None:
    provider.email = "nouvelle@example.org"
    answer = await browser.get(await back(browser))
    assert answer.status_code == 403
    assert "Demandez à votre équipe de l'ajouter" in shown(answer)
    assert await desk.service.rows(t.session) == []


# what proves nothing


def _other_key(provider: StandIn) -> None:
    provider.signs_with = RSAKey.generate_key(2048, {"kid": "one"}, private=True)


def _by_secret(provider: StandIn) -> None:
    """As a provider may do for those who asked for it: whoever knows our secret could sign."""
    provider.signs_with, provider.algorithm = OctKey.import_key(SECRET * 2, {"kid": "one"}), "HS256"


def _unsigned(provider: StandIn) -> None:
    provider.algorithm = "none"


BAD: dict[str, Callable[[StandIn], Any]] = {
    "bad signature": _other_key,
    "a signature by our secret": _by_secret,
    "no signature": _unsigned,
    "wrong nonce": lambda p: p.id_token.update(nonce="n" * 64),
    "no nonce": lambda p: p.id_token.update(nonce=None),
    "expired": lambda p: p.id_token.update(exp=int(time.time()) - 300),
    "without an end": lambda p: p.id_token.update(exp=None),
    "of the future": lambda p: p.id_token.update(iat=int(time.time()) + 300),
    "wrong issuer": lambda p: p.id_token.update(iss="https://elsewhere.example"),
    "wrong audience": lambda p: p.id_token.update(aud="another-service"),
    "userinfo for another service": lambda p: p.userinfo.update(aud="another-service"),
    "userinfo of another issuer": lambda p: p.userinfo.update(iss="https://elsewhere.example"),
    "userinfo of somebody else": lambda p: p.userinfo.update(sub="sub-2"),
    "userinfo expired": lambda p: p.userinfo.update(exp=int(time.time()) - 300),
    "no address": lambda p: p.userinfo.update(email=None),
    "an address that is none": lambda p: p.userinfo.update(email=["claire@example.org"]),
    "no subject": lambda p: (p.id_token.update(sub=None), p.userinfo.update(sub=None)),
    "no keys": lambda p: setattr(p, "published", []),
    "another provider's papers": lambda p: p.discovery.update(issuer="https://elsewhere.example"),
}


@pytest.mark.parametrize("spoil", BAD.values(), ids=list(BAD))
async def test_it_lets_nobody_in_on(
    desk: Desk, browser: Browser, provider: StandIn, spoil: Callable[[StandIn], Any]
) -> None:
    address = await back(browser) if spoil is not BAD["another provider's papers"] else START
    desk.service.wiring.proconnect._read_at = 0.0
    desk.service.wiring.proconnect._about = {}
    spoil(provider)
    await refused(desk, browser, address)


async def test_it_refuses_a_state_that_is_not_the_one_it_gave(desk: Desk, browser: Browser) -> None:
    mine, theirs = await back(browser), await back(Browser(desk.browser()))
    await refused(desk, browser, theirs)  # somebody else's code, in her browser
    await refused(desk, browser, mine)  # and the attempt is over: she begins again


async def test_it_does_not_even_ask_with_a_state_that_it_did_not_give(
    desk: Desk, browser: Browser, provider: StandIn
) -> None:
    address = await back(browser)
    given = query(address)["state"]
    await refused(desk, browser, address.replace(given, "0" * len(given)))
    assert list(provider.codes) == [query(address)["code"]]


@pytest.mark.parametrize(
    "path", ["", "?code=x", "?state=", "?code=x&state=", "?code=x&state=é", "?error=access_denied"]
)
async def test_it_refuses_to_end_what_did_not_begin(desk: Desk, browser: Browser, path: str) -> None:
    await refused(desk, browser, CALLBACK + path)


async def test_it_refuses_a_code_used_twice(desk: Desk, browser: Browser) -> None:
    address = await back(browser)
    kept = dict(browser.http.cookies)
    assert (await browser.get(address)).status_code == 303
    thief = Browser(desk.browser())
    for name, value in kept.items():
        thief.http.cookies.set(name, value, domain="127.0.0.1", path="/workspace/proconnect")
    answer = await thief.get(address)
    assert answer.status_code == 403
    assert len(await desk.service.rows(t.session)) == 1


async def test_it_refuses_an_answer_that_names_another_issuer(desk: Desk, browser: Browser) -> None:
    address = await back(browser)
    await refused(desk, browser, address.split("&iss=")[0] + "&iss=https%3A%2F%2Felsewhere.example")


async def test_it_goes_on_by_mail_when_proconnect_is_away(
    desk: Desk, browser: Browser, provider: StandIn
) -> None:
    desk.service.wiring.proconnect._issuer = f"http://127.0.0.1:{free_port()}/api/v2"
    await refused(desk, browser, START)


# out again


async def signed_in(browser: Browser) -> None:
    assert (await browser.get(await back(browser))).status_code == 303


async def test_it_signs_her_out_there_too(desk: Desk, browser: Browser, provider: StandIn) -> None:
    await signed_in(browser)
    (row,) = await desk.service.rows(t.session)
    proof = desk.store.cipher.open(row["id_token_sealed"])
    out = await browser.form("/workspace/sign-out")
    assert out.status_code == 200  # a page that goes on by itself: a form's redirect may not leave us
    assert f'content="0;url={LOGOUT}"' in out.text
    assert (await browser.get("/workspace/people")).status_code == 303
    leaving = await browser.get(LOGOUT)
    assert query(leaving.headers["location"])["id_token_hint"] == proof
    assert len(query(leaving.headers["location"])["state"]) >= 32
    there = await browser.get(leaving.headers["location"])
    assert there.status_code == 303, there.text
    home = await browser.get(there.headers["location"])
    assert (home.status_code, home.headers["location"]) == (303, SIGN_IN)
    assert len(provider.ended) == 1
    assert browser.cookie == ""
    (row,) = await desk.service.rows(t.session)
    assert row["id_token_sealed"] is None


async def test_it_signs_nobody_out_by_a_link(desk: Desk, browser: Browser, provider: StandIn) -> None:
    await signed_in(browser)
    assert (await browser.get(LOGOUT)).headers["location"] == SIGN_IN
    assert (await browser.get(f"{LOGOUT}?state={'x' * 64}")).headers["location"] == SIGN_IN
    assert (await browser.get("/workspace/people")).status_code == 200
    assert provider.ended == []


async def test_it_refuses_a_way_back_that_it_did_not_ask_for(desk: Desk, browser: Browser) -> None:
    await signed_in(browser)
    await browser.form("/workspace/sign-out")
    await browser.get(LOGOUT)
    assert (await browser.get(f"{LOGOUT}?state={'x' * 64}")).status_code == 403


async def test_it_stays_within_the_policy_of_our_pages(desk: Desk, browser: Browser) -> None:
    html = (await browser.get(SIGN_IN)).text
    assert f'href="{START}"' in html  # a link: form-action 'self' would stop a form that ends elsewhere
    assert "form-action 'self'" in HEADERS["content-security-policy"]


# when it is not configured


async def test_it_is_not_there_when_it_is_not_configured(service: Service) -> None:
    assert "ProConnect" not in (await service.http.get(SIGN_IN)).text
    for path in (START, CALLBACK, LOGOUT):
        answer: httpx2.Response = await service.http.get(path)
        assert answer.status_code == 404


@pytest.mark.parametrize(
    "half", [{}, {"proconnect_client_id": CLIENT}, {"proconnect_client_secret": SecretStr(SECRET)}]
)
def test_it_says_what_is_missing(tmp_path: Path, half: dict[str, Any]) -> None:
    settings = settings_for(tmp_path, {"proconnect_url": "https://proconnect.example/api/v2", **half})
    with pytest.raises(NotReady, match="PROCONNECT_CLIENT_SECRET"):
        proconnect_of(settings)
    assert proconnect_of(settings_for(tmp_path, {})) is None
