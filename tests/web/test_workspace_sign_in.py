"""Signing in by a link: once, for a quarter of an hour, and nothing told to who should not know."""

import re
from collections.abc import AsyncIterator

import httpx2
import pytest

from gateway.adapters.database import tables as t
from gateway.web.workspace.sign_in import origin_of
from tests.web.desk import Browser, Desk, shown
from tests.web.service import Service

CLAIRE = "claire.moreau@example.org"
SIGN_IN = "/workspace/sign-in"


@pytest.fixture
async def desk(service: Service) -> AsyncIterator[Desk]:
    desk = Desk(service)
    await desk.referent(CLAIRE, "Claire Moreau")
    yield desk
    await desk.close()


async def asked(desk: Desk, email: str = CLAIRE, **fields: str) -> httpx2.Response:
    answer = await desk.browser().post(SIGN_IN, data={"email": email, **fields})
    await desk.service.settled()
    return answer


def links(desk: Desk) -> list[str]:
    """Those in the mailbox, oldest first, without our address."""
    texts = [str(mail["text"]) for mail in desk.service.mails]
    return [re.findall(r"https?://[^/]+(/workspace/sign-in/\S+)", text)[0] for text in texts]


async def entered(desk: Desk, link: str, http: httpx2.AsyncClient | None = None) -> Browser:
    browser = Browser(http or desk.browser())
    answer = await browser.http.post(link)
    assert answer.status_code == 303, shown(answer)
    assert answer.headers["location"] == "/workspace"
    return browser


async def test_it_opens_the_workspace_by_a_link_in_a_mail(desk: Desk) -> None:
    answer = await asked(desk)
    assert "Si cette adresse est connue, un lien arrive." in shown(answer)
    (mail,) = desk.service.mails
    assert mail["to"] == CLAIRE
    (link,) = links(desk)
    assert str(mail["text"]).count("http") == 1
    browser = await entered(desk, link)
    assert "Claire" in await browser.read("/workspace/people")


@pytest.mark.parametrize("typed", ["  claire.moreau@example.org ", "Claire.Moreau@Example.org"])
async def test_it_knows_an_address_however_it_is_typed(desk: Desk, typed: str) -> None:
    await asked(desk, typed)
    assert len(links(desk)) == 1


@pytest.mark.parametrize("typed", ["KIM@example.org", "\u212aim@example.org"])  # the second: the kelvin sign
async def test_it_writes_to_the_address_that_it_keeps(desk: Desk, typed: str) -> None:
    await desk.referent("kim@example.org", "Kim Petit")
    await asked(desk, typed)
    assert [mail["to"] for mail in desk.service.mails] == ["kim@example.org"]


@pytest.mark.parametrize(
    "other",
    ["inconnue@example.org", "", "pas une adresse", "a" * 300 + "@example.org", "é@example.org", "\x00@x"],
)
async def test_it_says_the_same_to_an_address_that_it_does_not_know(desk: Desk, other: str) -> None:
    known, unknown = await asked(desk), await asked(desk, other)
    assert (known.status_code, known.text) == (unknown.status_code, unknown.text)
    assert len(desk.service.mails) == 1


async def test_it_consumes_nothing_when_a_link_is_only_read(desk: Desk) -> None:
    await asked(desk)
    (link,) = links(desk)
    scanner = desk.browser()
    for _ in range(3):
        answer = await scanner.get(link)
        assert "Entrer dans mon espace" in shown(answer)
        assert "set-cookie" not in answer.headers
    await entered(desk, link)


async def test_it_takes_a_link_once(desk: Desk) -> None:
    await asked(desk)
    (link,) = links(desk)
    await entered(desk, link)
    for answer in (await desk.browser().post(link), await desk.browser().get(link)):
        assert answer.status_code == 410
        assert "Demandez-en un autre" in shown(answer)
        assert "Recevoir un lien" in shown(answer)
        assert "set-cookie" not in answer.headers


async def test_it_takes_one_of_two_clicks_at_once(desk: Desk) -> None:
    import asyncio

    await asked(desk)
    (link,) = links(desk)
    both = await asyncio.gather(desk.browser().post(link), desk.browser().post(link))
    assert sorted(answer.status_code for answer in both) == [303, 410]


@pytest.mark.parametrize(("minutes", "status"), [(14, 303), (16, 410)])
async def test_it_takes_a_link_for_a_quarter_of_an_hour(desk: Desk, minutes: int, status: int) -> None:
    await asked(desk)
    desk.later(minutes=minutes)
    assert (await desk.browser().post(links(desk)[0])).status_code == status


async def test_it_refuses_a_link_that_it_never_sent(desk: Desk) -> None:
    answer = await desk.browser().post(f"{SIGN_IN}/{'x' * 43}")
    assert answer.status_code == 410
    assert await desk.service.rows(t.session) == []


async def test_it_sends_three_links_in_a_quarter_of_an_hour(desk: Desk) -> None:
    for _ in range(5):
        assert "un lien arrive" in shown(await asked(desk))
    assert len(links(desk)) == 3
    desk.later(minutes=16)
    await asked(desk)
    assert len(links(desk)) == 4


async def test_it_counts_links_for_each_referent(desk: Desk) -> None:
    await desk.referent("paul@example.org", "Paul Petit")
    for _ in range(4):
        await asked(desk)
    await asked(desk, "paul@example.org")
    assert [mail["to"] for mail in desk.service.mails] == [CLAIRE] * 3 + ["paul@example.org"]


async def test_it_keeps_no_link_and_no_session_that_can_be_read(desk: Desk) -> None:
    await asked(desk)
    (link,) = links(desk)
    token = link.rsplit("/", 1)[1]
    (mail,) = await desk.service.rows(t.mail)
    assert desk.store.cipher.open_json(mail["values_sealed"]) == {}
    browser = await entered(desk, link)
    assert len(browser.cookie) >= 43
    for table in (t.sign_in, t.session, t.mail, t.job):
        everything = repr(await desk.service.rows(table))
        assert token not in everything
        assert browser.cookie not in everything
    assert desk.service.leaked(token, browser.cookie, CLAIRE) == []


async def test_it_keeps_the_session_in_a_cookie_of_the_workspace_alone(desk: Desk) -> None:
    await asked(desk)
    answer = await desk.browser().post(links(desk)[0])
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "path=/workspace" in cookie
    assert "secure" not in cookie  # this one is served by http


@pytest.mark.parametrize("changes", [{"public_url": "https://coupdepouce.example.org"}])
async def test_it_keeps_the_cookie_for_https_when_it_is_served_so(desk: Desk) -> None:
    await asked(desk)
    answer = await desk.browser().post(links(desk)[0])
    assert "secure" in answer.headers["set-cookie"].lower()


async def test_it_gives_a_new_session_at_each_sign_in(desk: Desk) -> None:
    await asked(desk)
    await asked(desk)
    one, two = links(desk)
    browser = await entered(desk, one)
    before = browser.cookie
    await entered(desk, two, browser.http)
    assert browser.cookie != before
    thief = Browser(desk.browser())
    thief.http.cookies.set("workspace", before, domain="127.0.0.1", path="/workspace")
    assert (await thief.get("/workspace/people")).status_code == 303


async def test_it_keeps_a_session_that_is_used_for_a_week(desk: Desk) -> None:
    await asked(desk)
    browser = await entered(desk, links(desk)[0])
    for _ in range(15):  # each eleven hours
        desk.later(hours=11)
        assert (await browser.get("/workspace/people")).status_code == 200
    desk.later(hours=4)
    assert (await browser.get("/workspace/people")).status_code == 303


async def test_it_ends_a_session_left_for_half_a_day(desk: Desk) -> None:
    await asked(desk)
    browser = await entered(desk, links(desk)[0])
    desk.later(hours=12, minutes=1)
    assert (await browser.get("/workspace/people")).status_code == 303


async def test_it_signs_out(desk: Desk) -> None:
    await asked(desk)
    browser = await entered(desk, links(desk)[0])
    kept = browser.cookie
    answer = await browser.form("/workspace/sign-out")
    assert (answer.status_code, answer.headers["location"]) == (303, SIGN_IN)
    assert browser.cookie == ""
    browser.http.cookies.set("workspace", kept, domain="127.0.0.1", path="/workspace")
    assert (await browser.get("/workspace/people")).status_code == 303


async def test_it_ends_another_session_of_hers_and_nobody_elses(desk: Desk) -> None:
    claire = await desk.referent(CLAIRE, "Claire Moreau")
    paul = await desk.referent("paul@example.org", "Paul Petit")
    here, there, his = await desk.signed(claire), await desk.signed(claire), await desk.signed(paul)
    async with desk.store.transaction() as tx:
        lost = await tx.open_session(there.cookie, desk.now)
        assert not await tx.end_session(lost.id, paul, desk.now)
        assert await tx.end_session(lost.id, claire, desk.now)
        assert len(await tx.sessions_of(claire, desk.now)) == 1
    assert (await there.get("/workspace/people")).status_code == 303
    assert (await here.get("/workspace/people")).status_code == 200
    assert (await his.get("/workspace/people")).status_code == 200


# without a session, or with a form that is not ours


async def test_it_leads_a_stranger_to_the_sign_in_and_back_to_what_she_wanted(desk: Desk) -> None:
    wanted = "/workspace/people/abc123"
    answer = await desk.browser().get(wanted)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{SIGN_IN}?next={wanted}")
    form = await desk.browser().get(answer.headers["location"])
    assert f'name="next" value="{wanted}"' in form.text
    await asked(desk, next=wanted)
    (link,) = links(desk)
    assert f'value="{wanted}"' in (await desk.browser().get(link)).text
    entering = await desk.browser().post(link.split("?")[0], data={"next": wanted})
    assert entering.headers["location"] == wanted


@pytest.mark.parametrize(
    "elsewhere",
    ["//evil.example", "https://evil.example", "/chat", "/workspace/../chat", "/workspace/x?y", SIGN_IN],
)
async def test_it_leads_nowhere_but_into_the_workspace(desk: Desk, elsewhere: str) -> None:
    await asked(desk, next=elsewhere)
    answer = await desk.browser().post(links(desk)[0], data={"next": elsewhere})
    assert answer.headers["location"] == "/workspace"


async def test_it_tells_htmx_to_go_to_the_sign_in(desk: Desk) -> None:
    answer = await desk.browser().get("/workspace/people", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["hx-redirect"]) == (401, SIGN_IN)


@pytest.mark.parametrize("csrf", [None, "", "0" * 64, "é"])
async def test_it_refuses_a_form_of_somebody_else(desk: Desk, csrf: str | None) -> None:
    browser = await desk.signed(await desk.referent(CLAIRE, "Claire Moreau"))
    answer = await browser.http.post("/workspace/sign-out", data={} if csrf is None else {"csrf": csrf})
    assert answer.status_code == 403
    assert "rechargez" in shown(answer)
    assert (await browser.get("/workspace/people")).status_code == 200


async def test_it_refuses_the_form_token_of_another_session(desk: Desk) -> None:
    claire = await desk.referent(CLAIRE, "Claire Moreau")
    one, two = await desk.signed(claire), await desk.signed(claire)
    answer = await one.http.post("/workspace/sign-out", data={"csrf": await two.csrf()})
    assert answer.status_code == 403


async def test_it_reads_no_form_longer_than_64_kilobytes(desk: Desk) -> None:
    browser = await desk.signed(await desk.referent(CLAIRE, "Claire Moreau"))
    answer = await browser.form("/workspace/people", {"first_name": "a" * 70_000})
    assert answer.status_code == 413
    many = "&".join(f"a{n}=1" for n in range(600))
    assert (await browser.http.post("/workspace/people", content=many)).status_code == 400


async def test_it_refuses_a_sign_in_that_another_site_sends(desk: Desk) -> None:
    await asked(desk)
    (link,) = links(desk)
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert (await desk.browser().post(link, headers=foreign)).status_code == 403
    assert (await desk.browser().post(SIGN_IN, data={"email": CLAIRE}, headers=foreign)).status_code == 403
    await entered(desk, link)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "", "http://127.0.0.1:1"])
async def test_it_refuses_a_sign_in_from_another_address(desk: Desk, origin: str) -> None:
    """A browser that says no more than that."""
    await asked(desk)
    (link,) = links(desk)
    foreign = {"Origin": origin}
    assert (await desk.browser().post(link, headers=foreign)).status_code == 403
    assert (await desk.browser().post(SIGN_IN, data={"email": CLAIRE}, headers=foreign)).status_code == 403
    ours = {"Origin": desk.service.wiring.settings.public}
    assert (await desk.browser().post(link, headers=ours)).status_code == 303


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("https://Coup.example.org", "https://coup.example.org"),
        ("https://coup.example.org:443/", "https://coup.example.org"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
    ],
)
def test_it_knows_its_own_address_as_a_browser_writes_it(address: str, origin: str) -> None:
    assert origin_of(address) == origin


async def test_it_has_older_browsers_say_where_its_forms_come_from(desk: Desk) -> None:
    """Under our policy, no-referrer, their Origin would be null."""
    page = await desk.browser().get(SIGN_IN)
    assert '<meta name="referrer" content="strict-origin">' in page.text


async def test_it_keeps_no_page_of_hers_in_a_shared_computer(desk: Desk) -> None:
    browser = await desk.signed(await desk.referent(CLAIRE, "Claire Moreau"))
    for path in ("/workspace/people", "/workspace/access", "/workspace/access.csv", SIGN_IN):
        assert (await browser.get(path)).headers["cache-control"] == "no-store"


async def test_it_says_kindly_that_a_page_is_not_there(desk: Desk) -> None:
    browser = await desk.signed(await desk.referent(CLAIRE, "Claire Moreau"))
    answer = await browser.get("/workspace/people/0123456789abcdef")
    assert answer.status_code == 404
    assert "n'existe pas, ou n'est pas pour vous" in shown(answer)


HUGE = ["2147483648", "9" * 30]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("GET", f"/workspace/people/{{amina}}?before={odd}") for odd in (*HUGE, "abc", "-1")),
        *(("POST", f"/workspace/callbacks/{odd}/close") for odd in (*HUGE, "abc", "0", "-1", "9" * 5000)),
        *(("GET", f"/workspace/appointments/{odd}") for odd in (*HUGE, "0", "abc")),
    ],
    ids=lambda value: value[-30:],
)
async def test_it_says_kindly_that_a_number_leads_nowhere(desk: Desk, method: str, path: str) -> None:
    browser = await desk.signed(await desk.referent(CLAIRE, "Claire Moreau"))
    amina = await desk.person("Amina", CLAIRE)
    path = path.format(amina=amina.pseudonym)
    answer = await (browser.form(path) if method == "POST" else browser.get(path))
    assert answer.status_code == 404
    assert "n'existe pas, ou n'est pas pour vous" in shown(answer)
    program = await browser.get("/workspace/appointments/0", headers={"Accept": "*/*"})
    assert (program.status_code, program.json()) == (404, {"detail": "Not Found"})
