"""The pages in a real browser: with JavaScript and without, in both reading directions."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.running import System
from tests.system.browsing import PATIENCE, Visit, chromium, violations

QUESTION = "Quel est le montant du RSA pour une personne seule ?"
ARABIC = r"[\u0600-\u06ff]{3}"

expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def visit(browser: Browser, system: System) -> Iterator[Callable[..., Visit]]:
    """Makes visitors. At the end: no error in a console, nothing asked of another host."""
    made: list[Visit] = []

    def new(**options: object) -> Visit:
        made.append(Visit(browser, system.url, **{"locale": "fr-FR", **options}))
        return made[-1]

    yield new
    for one in made:
        one.context.close()
    assert [one.errors for one in made if one.errors] == []
    assert [one.elsewhere for one in made if one.elsewhere] == []


def writes(page: Page, text: str) -> None:
    page.locator("#body").fill(text)
    page.locator("#composer button").click()


def changes_language(page: Page, language: str) -> None:
    page.locator("#language").select_option(language)
    page.locator("form.language button").click()


with_and_without = pytest.mark.parametrize("script", [True, False], ids=["javascript", "no-javascript"])


@with_and_without
def test_it_answers_and_takes_a_button(visit: Callable[..., Visit], script: bool) -> None:
    page = visit(java_script_enabled=script).open("/chat")
    answers, mine = page.locator(".message.service"), page.locator(".message.me")
    if script:
        page.evaluate("window.samePage = true")
    writes(page, QUESTION)
    expect(answers).to_have_count(1)
    expect(mine).to_have_count(1)
    expect(mine.locator(".text")).to_have_text(QUESTION)
    expect(answers.first.locator(".text")).to_contain_text("Le montant")
    buttons = page.locator(".choices button:visible")
    title = buttons.first.inner_text()
    buttons.first.click()
    expect(answers).to_have_count(2)
    expect(mine).to_have_count(2)
    assert title.strip()
    expect(page.locator(".choices")).to_have_count(
        page.locator(".message.service:last-child .choices").count()
    )
    if script:  # it came by an event: the page was never left
        assert page.evaluate("window.samePage") is True
        expect(page.locator("#body")).to_have_value("")


@with_and_without
def test_it_turns_to_arabic(visit: Callable[..., Visit], script: bool) -> None:
    page = visit(java_script_enabled=script).open("/chat")
    writes(page, QUESTION)
    expect(page.locator(".message.service")).to_have_count(1)
    changes_language(page, "ar")
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    expect(page.locator("html")).to_have_attribute("lang", "ar")
    expect(page.locator(".message.service .text").last).to_have_text(re.compile(ARABIC))
    expect(page.locator("label[for=body]")).to_have_text(re.compile(ARABIC))
    writes(page, "MENU")
    expect(page.locator(".choices button").first).to_contain_text("1")
    assert page.locator("#log").evaluate("node => getComputedStyle(node).direction") == "rtl"


def test_it_opens_in_arabic_for_an_arabic_browser(visit: Callable[..., Visit]) -> None:
    page = visit(locale="ar-MA").open("/chat")
    expect(page.locator("html")).to_have_attribute("dir", "rtl")


def test_it_shows_the_same_conversation_on_the_next_visit(visit: Callable[..., Visit]) -> None:
    visitor, stranger = visit(), visit()
    page = visitor.open("/chat")
    writes(page, QUESTION)
    expect(page.locator(".message.service")).to_have_count(1)
    again = visitor.open("/chat")
    expect(again.locator(".message.service")).to_have_count(1)
    expect(stranger.open("/chat").locator(".message")).to_have_count(0)
    writes(again, "MENU")  # the page left open hears it too
    expect(page.locator(".message.service")).to_have_count(2)


def test_it_knows_her_when_she_comes_by_a_link_of_another_site(visit: Callable[..., Visit]) -> None:
    visitor = visit()
    page = visitor.open("/chat")
    writes(page, QUESTION)
    expect(page.locator(".message.service")).to_have_count(1)
    elsewhere = "http://departement.example/"
    link = f'<html><body><a href="{visitor.url}/chat">Coup de pouce</a></body></html>'
    visitor.context.route(elsewhere, lambda route: route.fulfill(body=link, content_type="text/html"))
    page.goto(elsewhere)
    visitor.elsewhere.clear()  # that one was ours
    page.get_by_text("Coup de pouce").click()
    page.wait_for_url("**/chat")
    expect(page.locator(".message.me .text")).to_have_text(QUESTION)


def test_it_shows_what_she_wrote_and_runs_none_of_it(visit: Callable[..., Visit]) -> None:
    page = visit().open("/chat")
    wild = "<img src=x onerror=\"document.title='pris'\"><script>document.title='pris'</script>"
    writes(page, wild)
    expect(page.locator(".message.service")).to_have_count(1)
    expect(page.locator(".message.me .text")).to_have_text(wild)
    page.reload()
    expect(page.locator(".message.me .text")).to_have_text(wild)
    assert "pris" not in page.title()


def test_it_keeps_her_words_while_there_is_no_network(visit: Callable[..., Visit]) -> None:
    visitor = visit()
    page = visitor.open("/chat")
    visitor.context.set_offline(True)
    writes(page, QUESTION)
    expect(page.locator(".note")).to_be_visible()
    expect(page.locator("#body")).to_have_value(QUESTION)
    visitor.context.set_offline(False)
    page.locator("#composer button").click()
    expect(page.locator(".message.service")).to_have_count(1)
    expect(page.locator(".message.me")).to_have_count(1)
    visitor.errors[:] = [e for e in visitor.errors if "ERR_INTERNET_DISCONNECTED" not in e]


def test_it_plays_a_phone_in_the_simulator(visit: Callable[..., Visit]) -> None:
    page = visit().open("/simulator")
    number = page.locator("article.phone .number").last.inner_text()
    phone = page.locator("article.phone").filter(has_text=number)  # other tests' phones come beside it
    before = phone.locator(".message.service").count()
    phone.locator("input[name=body]").fill("slt cmb c le rsa svp")
    phone.locator("form.writing button").click()
    expect(phone.locator(".message.me .text").last).to_have_text("slt cmb c le rsa svp")
    expect(phone.locator(".message.service")).to_have_count(before + 1)
    cost = phone.locator(".message.service .cost").last
    expect(cost).to_contain_text("segment")
    expect(cost).to_contain_text("GSM-7")
    expect(cost).to_contain_text("remis")


def _after_a_conversation(page: Page) -> None:
    writes(page, QUESTION)
    expect(page.locator(".message.service")).to_have_count(1)


def _after_a_text(page: Page) -> None:
    phone = page.locator("article.phone").first
    phone.locator("[data-say=MENU]").click()
    expect(phone.locator(".message.service .cost").last).to_contain_text("segment")


PAGES = {
    "home": ("/", "fr-FR", None),
    "chat-french": ("/chat", "fr-FR", None),
    "chat-french-talking": ("/chat", "fr-FR", _after_a_conversation),
    "chat-arabic": ("/chat", "ar-MA", None),
    "chat-arabic-talking": ("/chat", "ar-MA", _after_a_conversation),
    "simulator": ("/simulator", "fr-FR", None),
    "simulator-talking": ("/simulator", "fr-FR", _after_a_text),
}


@pytest.mark.parametrize(("path", "locale", "first"), PAGES.values(), ids=list(PAGES))
def test_it_is_accessible(
    visit: Callable[..., Visit], path: str, locale: str, first: Callable[[Page], None] | None
) -> None:
    """Nothing for axe to say, and nothing to scroll sideways for on the smallest phone."""
    page = visit(locale=locale, viewport={"width": 320, "height": 568}, reduced_motion="reduce").open(path)
    if first:
        first(page)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_it_is_accessible_in_the_dark(visit: Callable[..., Visit]) -> None:
    page = visit(color_scheme="dark", reduced_motion="reduce").open("/chat")
    _after_a_conversation(page)
    assert violations(page) == []
