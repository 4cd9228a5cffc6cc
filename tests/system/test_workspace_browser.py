"""The referents' workspace in a real browser: by the keyboard alone, on a phone and on a desk, with nothing for axe to say."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.running import free_port
from tests.system.browsing import PATIENCE, Visit, chromium, violations
from tests.system.starting import Started, started
from tests.system.workplace import AMINA, CLAIRE, KARIM, NADIA, TUESDAY, Workplace, tab_to

expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def place(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workplace]:
    """A demonstration of these tests' own: they move its clock."""
    run = Started(
        tmp_path_factory.mktemp("workspace") / "var",
        environment={"RASA_URL": f"http://127.0.0.1:{free_port()}"},
    )
    with started(run):
        run.ready()
        place = Workplace(f"http://127.0.0.1:{run.port}", run.var)
        place.clock(TUESDAY)
        yield place


@pytest.fixture
def visit(browser: Browser, place: Workplace) -> Iterator[Callable[..., Visit]]:
    """Makes visitors; `email`: who is signed in. At the end: no error in a console, nothing asked of another host."""
    made: list[Visit] = []

    def new(email: str = "", **options: object) -> Visit:
        made.append(Visit(browser, place.url, **{"locale": "fr-FR", **options}))
        if email:
            cookie = {
                "name": "workspace",
                "value": place.session(email),
                "domain": "127.0.0.1",
                "path": "/workspace",
            }
            made[-1].context.add_cookies([cookie])  # type: ignore[list-item]
        return made[-1]

    yield new
    for one in made:
        one.context.close()
    assert [one.errors for one in made if one.errors] == []
    assert [one.elsewhere for one in made if one.elsewhere] == []


with_and_without = pytest.mark.parametrize("script", [True, False], ids=["javascript", "no-javascript"])


def heading(page: Page) -> str:
    return page.locator("h1").inner_text().replace("\xa0", " ")


def test_it_signs_in_by_the_link_of_the_mailbox(visit: Callable[..., Visit], place: Workplace) -> None:
    visitor = visit()
    page = visitor.open("/workspace")
    tab_to(page, page.get_by_label("Votre adresse e-mail professionnelle"))
    page.keyboard.type(CLAIRE)
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("Si cette adresse est connue, un lien arrive.")
    place.clock(place.now)  # the mail is there
    mailbox = visitor.open("/simulator")
    mail = mailbox.locator("#mails details").filter(has_text="/workspace/sign-in/").first
    expect(mail.locator("summary")).to_be_attached()
    tab_to(mailbox, mail.locator("summary"))
    mailbox.keyboard.press("Enter")
    tab_to(mailbox, mail.locator("a").first)
    mailbox.keyboard.press("Enter")
    expect(mailbox.locator("h1")).to_have_text("Entrer")
    tab_to(mailbox, mailbox.get_by_role("button", name="Entrer dans mon espace"))
    mailbox.keyboard.press("Enter")
    expect(mailbox.locator("h1")).to_have_text(re.compile("^Aujourd'hui"))
    tab_to(mailbox, mailbox.get_by_role("button", name="Se déconnecter"))
    mailbox.keyboard.press("Enter")
    expect(mailbox.locator("h1")).to_have_text("Espace des référents")


@with_and_without
def test_it_notes_who_came_in_one_click(visit: Callable[..., Visit], place: Workplace, script: bool) -> None:
    starts_at = TUESDAY - timedelta(hours=2 if script else 3)
    path = place.appointment(AMINA, starts_at)
    page = visit(CLAIRE, java_script_enabled=script).open("/workspace")
    card = page.locator(f"#appointment-{path.rpartition('/')[2]}")
    expect(card.locator(".state")).to_have_text("À noter")
    if script:
        page.evaluate("window.samePage = true")
    tab_to(page, card.get_by_role("button", name=re.compile("^Venue : Amina")))
    page.keyboard.press("Enter")
    expect(card.locator(".state")).to_have_text("Venue")
    expect(page.locator("#said")).to_have_text("C'est noté : venue.")
    if script:  # the page was not left, and the keyboard is where it was
        assert page.evaluate("window.samePage") is True
        expect(card.get_by_role("button", name=re.compile("^Venue : Amina"))).to_be_focused()
    card.get_by_role("button", name=re.compile("^Absente : Amina")).click()
    expect(card.locator(".state")).to_have_text("Absente")
    pressed = card.get_by_role("button", pressed=True)
    expect(pressed).to_have_count(1)


def test_it_opens_time_by_the_keyboard(visit: Callable[..., Visit]) -> None:
    visitor = visit(CLAIRE)
    page = visitor.open("/workspace/openings")
    tab_to(page, page.get_by_label("Quand"))
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.type("11272026")  # this browser speaks American
    tab_to(page, page.get_by_label("De", exact=True))
    page.keyboard.type("1700")
    tab_to(page, page.get_by_label("À", exact=True))
    page.keyboard.type("1600")
    tab_to(page, page.get_by_role("button", name="Ouvrir cette plage"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Rien n'est encore enregistré.")
    visitor.errors.clear()  # the browser tells of the 422
    wrong = page.get_by_label("À", exact=True)
    expect(page.locator("#end-wrong")).to_have_text("La fin doit être après le début, le même jour.")
    expect(page.get_by_label("De", exact=True)).to_have_value("17:00")  # nothing to type again
    tab_to(page, wrong)
    page.keyboard.type("1800")
    tab_to(page, page.get_by_role("button", name="Ouvrir cette plage"))
    page.keyboard.press("Enter")
    expect(page.locator("#said")).to_have_text("La plage est ouverte.")
    card = page.locator(".card").filter(has_text="Vendredi 27 novembre, de 17")
    expect(card).to_contain_text("Prochains créneaux : vendredi 27 novembre, 17")


def test_it_writes_to_her(visit: Callable[..., Visit], place: Workplace) -> None:
    page = visit(CLAIRE).open("/workspace/people")
    tab_to(page, page.get_by_role("link", name="Karim"))
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Karim")
    tab_to(page, page.get_by_label("Votre message"))
    page.keyboard.type("Bonjour Karim, pensez à votre dossier.")
    expect(page.locator("#weight")).to_contain_text("1 SMS")
    tab_to(page, page.get_by_role("button", name="Envoyer"))
    page.keyboard.press("Enter")
    expect(page.locator("#said")).to_have_text("Votre message part.")
    assert any("pensez à votre dossier" in text for text in place.received(KARIM))
    page.reload()
    last = page.locator(".line").last
    expect(last.locator(".text")).to_have_text("Bonjour Karim, pensez à votre dossier.")
    expect(last.locator(".meta")).to_contain_text("Claire")


def test_it_takes_the_conversation_over_and_gives_it_back(
    visit: Callable[..., Visit], place: Workplace
) -> None:
    page = visit(CLAIRE).open(place.person(AMINA))
    tab_to(page, page.get_by_role("button", name="Répondre moi-même"))
    page.keyboard.press("Enter")
    expect(page.locator("#said")).to_have_text("C'est à vous : le robot se tait.")
    before = len(place.received(AMINA))
    place.texts(AMINA, "MENU")
    assert len(place.received(AMINA)) == before
    tab_to(page, page.get_by_role("button", name="Rendre au robot"))
    page.keyboard.press("Enter")
    expect(page.locator("#said")).to_contain_text("Le robot reprend")
    back = len(place.received(AMINA))
    assert back > before  # it says that it is back
    place.texts(AMINA, "MENU")
    assert len(place.received(AMINA)) == back + 1


@with_and_without
def test_it_moves_an_appointment(visit: Callable[..., Visit], place: Workplace, script: bool) -> None:
    path = place.appointment(AMINA, TUESDAY + timedelta(days=6, hours=8 if script else 9))
    page = visit(CLAIRE, java_script_enabled=script).open(path)
    before = heading(page)
    tab_to(page, page.get_by_label("Nouvelle date"))
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    wanted = page.locator("#slot option:checked").inner_text()
    tab_to(page, page.get_by_role("button", name="Déplacer le rendez-vous de Amina"))
    page.keyboard.press("Enter")
    expect(page.locator("#said")).to_contain_text("Le rendez-vous est déplacé.")
    assert heading(page) != before
    day, hour = wanted.replace("\xa0", " ").split(" à ")[0].rsplit(", ", 1)
    assert heading(page) == f"Rendez-vous du {day} à {hour}"
    assert any("Claire" in text for text in place.received(AMINA))


# nothing for axe to say


@pytest.fixture(scope="module")
def pages(place: Workplace) -> dict[str, str]:
    return place.busy_day()


PAGES = {
    "today": "/workspace", "week": "/workspace/week", "people": "/workspace/people", "person": "",
    "book": "", "begun": "", "coming": "", "callbacks": "/workspace/callbacks",
    "openings": "/workspace/openings", "obstacles": "/workspace/obstacles",
    "settings": "/workspace/settings", "access": "/workspace/access", "questions": "/workspace/questions",
    "question": "", "figures": "/workspace/figures", "service": "/workspace/service",
    "campaigns": "/workspace/campaigns", "campaign_new": "/workspace/campaigns/new", "results": "/workspace/results",
}  # fmt: skip
OF_LEADERS = ("questions", "question", "figures", "service")
SIZES = {"phone": {"width": 320, "height": 568}, "desk": {"width": 1280, "height": 800}}


def unfold(page: Page) -> None:
    """What is folded is read too."""
    folded = page.locator("details:not([open]) > summary")
    while folded.count():
        folded.first.click()


def assert_fits(page: Page) -> None:
    assert violations(page) == []
    width = page.viewport_size["width"] if page.viewport_size else 0
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("size", SIZES.values(), ids=list(SIZES))
@pytest.mark.parametrize("name", PAGES)
def test_it_is_accessible(
    visit: Callable[..., Visit], pages: dict[str, str], name: str, size: dict[str, int]
) -> None:
    who = NADIA if name in OF_LEADERS else CLAIRE
    page = visit(who, viewport=size, reduced_motion="reduce").open(PAGES[name] or pages[name])
    unfold(page)
    assert_fits(page)


@pytest.mark.parametrize("name", ["today", "person", "openings", "coming"])
def test_it_is_accessible_in_the_dark(visit: Callable[..., Visit], pages: dict[str, str], name: str) -> None:
    visitor = visit(CLAIRE, color_scheme="dark", viewport=SIZES["phone"], reduced_motion="reduce")
    assert_fits(visitor.open(PAGES[name] or pages[name]))


@pytest.mark.parametrize("size", SIZES.values(), ids=list(SIZES))
def test_it_is_accessible_when_something_is_wrong(visit: Callable[..., Visit], size: dict[str, int]) -> None:
    visitor = visit(CLAIRE, viewport=size, reduced_motion="reduce")
    page = visitor.open("/workspace/openings")
    page.get_by_role("button", name="Ouvrir cette plage").click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert_fits(page)
    page = visitor.open("/workspace/settings")
    unfold(page)
    page.get_by_role("button", name="Enregistrer et essayer").click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert_fits(page)
    visitor.errors.clear()  # the browser tells of each 422


@pytest.mark.parametrize("size", SIZES.values(), ids=list(SIZES))
def test_it_is_accessible_before_one_is_in(visit: Callable[..., Visit], size: dict[str, int]) -> None:
    visitor = visit(viewport=size, reduced_motion="reduce")
    page = visitor.open("/workspace/sign-in")
    assert_fits(page)
    page.get_by_label("Votre adresse e-mail professionnelle").fill(CLAIRE)
    page.get_by_role("button", name="Recevoir un lien").click()
    expect(page.get_by_role("status")).to_be_visible()
    assert_fits(page)
    page.goto("/workspace/sign-in/un-vieux-lien")
    expect(page.get_by_role("alert")).to_be_visible()
    assert_fits(page)
    visitor.errors.clear()
