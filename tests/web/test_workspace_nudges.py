"""Reminders and nudges on a person's page: inviting her, a contract to sign, what is planned, said, held back."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from html import unescape
from pathlib import Path

import pytest
from sqlalchemy import update

from gateway.adapters.database import tables as t
from gateway.domain.conversation import Channel, State
from gateway.domain.nudge import About, FollowUp, NudgeKind, Planned
from gateway.domain.obstacle import SharedObstacle
from gateway.ports import SaidNudge
from gateway.web.workspace import wording
from gateway.web.workspace.nudge_rows import NAMES
from tests.web.desk import Browser, Known, shown
from tests.web.office import THURSDAY, TUESDAY, Office, opened
from tests.web.service import Service

ALL_KINDS = {
    "two_days": NudgeKind("two_days", About.APPOINTMENT, wait=timedelta(days=-2)),
    "invitation": NudgeKind("invitation", About.INVITATION, times=2, then="referent"),
    "declaration": NudgeKind("declaration", About.DECLARATION, renews=3),
    "contract": NudgeKind("contract", About.CONTRACT),
    "obstacle": NudgeKind("obstacle", About.OBSTACLE),
    "brand_new": NudgeKind("brand_new", About.CONTRACT),
}
SIGN = NAMES["contract"]
INVITE, NOTE = "Inviter à choisir un rendez-vous", "Contrat d'engagement à signer"


@pytest.fixture
async def office(service: Service) -> AsyncIterator[Office]:
    """Nothing leaves by itself: these tests say what left."""
    worker = service.wiring.worker
    worker.waves, worker.rules = None, replace(worker.rules, kinds=ALL_KINDS)
    async with opened(service) as office:
        yield office


async def html_of(office: Office, browser: Browser | None = None) -> str:
    answer = await (browser or office.browser).get(office.amina.page)
    assert answer.status_code == 200
    return unescape(answer.text).replace("\xa0", " ")


async def section(office: Office, browser: Browser | None = None) -> str:
    """What the section says, in single spaces."""
    answer = await (browser or office.browser).get(office.amina.page)
    said = shown(answer).replace("\xa0", " ")
    return said.split("Rappels et relances", 1)[1].split("Ce qu'elle a partagé", 1)[0]


def buttons(html: str) -> list[str]:
    part = html.split('aria-labelledby="nudges"', 1)[1].split("</section>", 1)[0]
    return re.findall(r"<button[^>]*>([^<]+)<", part)


async def posts(office: Office, action: str, browser: Browser | None = None) -> str:
    """What the page then says at its top."""
    browser = browser or office.browser
    answer = await browser.form(f"{office.amina.page}/{action}")
    assert answer.status_code == 303
    page = await browser.get(answer.headers["location"])
    found = re.search(r'<p id="said"[^>]*>([^<]*)</p>', unescape(page.text))
    assert found
    return found[1]


async def plan(
    office: Office, kind: str, about: str, *, matter: int = 1, days: float = 2, step: int = 1
) -> int:
    due, her = office.desk.now + timedelta(days=days), office.amina
    version = int(due.timestamp()) + step
    new = Planned(kind, about, matter, version, her.conversation_id, her.beneficiary_id, step, due)
    async with office.desk.store.transaction() as tx:
        await tx.plan_nudges([(new, True)])
    return next(int(row["id"]) for row in await office.rows(t.nudge) if row["key"] == new.key)


async def say(office: Office, nudge_id: int, status: str, code: int | None = None) -> None:
    async with office.desk.store.transaction() as tx:
        who = await tx.conversation(office.amina.conversation_id, office.desk.now)
        (sent,) = await tx.say_nudges([SaidNudge(nudge_id, who, "Bonjour", State())], office.desk.now, "me")
        changes = {"status": status, "error_code": code}
        await tx.db.execute(update(t.message).where(t.message.c.id == sent.message_id).values(**changes))


async def end(office: Office, nudge_id: int, state: str, why: str = "") -> None:
    async with office.desk.store.transaction() as tx:
        await tx.end_nudges([(nudge_id, state, why)], office.desk.now)


async def stop(office: Office, topic: str) -> None:
    async with office.desk.store.transaction() as tx:
        await tx.opt_out(office.amina.conversation_id, "message", office.desk.now, topic)


# inviting


async def test_it_invites_her_when_there_is_time_to_choose(office: Office) -> None:
    await office.open(office.claire, THURSDAY)
    html = await html_of(office)
    assert buttons(html) == [INVITE, NOTE]
    assert await posts(office, "invitation") == (
        "C'est noté. Un message lui propose vos places libres, jamais la nuit."
    )
    (row,) = await office.rows(t.follow_up)
    values = office.desk.store.cipher.open_json(row["values_sealed"])
    assert (row["about"], row["conversation_id"]) == ("invitation", office.amina.conversation_id)
    assert values == {"why": "referent", "referent": office.claire}
    (job,) = [job for job in await office.rows(t.job) if job["kind"] == "follow"]
    assert job["subject"] == row["id"]
    told = await section(office)
    assert "Invitée à choisir un rendez-vous Depuis mardi 24 novembre à 9 h." in told
    assert "Aucun message n'est encore parti." in told
    assert buttons(await html_of(office)) == ["Arrêter de relancer", NOTE]


async def test_it_plans_the_invitation(office: Office) -> None:
    """From her referent's click to the row that a wave will take."""
    await office.open(office.claire, THURSDAY)
    await posts(office, "invitation")
    await office.desk.service.settled()
    (row,) = await office.rows(t.nudge)
    assert (row["kind"], row["state"], row["beneficiary_id"]) == (
        "invitation", "planned", office.amina.beneficiary_id,
    )  # fmt: skip


async def test_it_invites_nobody_when_nothing_is_free(office: Office) -> None:
    told = await section(office)
    assert "aucune place libre. Ouvrez d'abord du temps. Ouvrir des créneaux" in told
    html = await html_of(office)
    assert 'href="/workspace/openings">Ouvrir des créneaux' in html
    assert buttons(html) == [NOTE]
    assert await posts(office, "invitation") == (
        "Aucune place libre : ouvrez d'abord du temps. Rien n'est parti."
    )
    assert await office.rows(t.follow_up) == []
    await office.open(office.paul, THURSDAY)  # a colleague's time is not what she would be offered
    assert buttons(await html_of(office)) == [NOTE]


async def test_it_invites_nobody_when_the_last_place_has_gone_meanwhile(office: Office) -> None:
    opening = await office.open(office.claire, THURSDAY)
    assert INVITE in buttons(await html_of(office))
    async with office.desk.store.transaction() as tx:
        await tx.delete_opening(opening, office.claire)
    assert "Aucune place libre" in await posts(office, "invitation")
    assert await office.rows(t.follow_up) == []


async def test_it_counts_the_time_of_who_replaces_her_referent(office: Office) -> None:
    await office.desk.away(office.claire, office.lea, hours=24 * 7)
    await office.open(office.lea, THURSDAY)
    lea = await office.desk.signed(office.lea)
    assert INVITE in buttons(await html_of(office, lea))
    assert (await posts(office, "invitation", lea)).startswith("C'est noté.")
    (row,) = await office.rows(t.follow_up)
    assert office.desk.store.cipher.open_json(row["values_sealed"])["referent"] == office.lea


async def test_it_names_whose_time_is_missing_to_who_replaces_her(office: Office) -> None:
    await office.desk.away(office.claire, office.lea)
    assert "aucune place libre avec Claire." in await section(office, await office.desk.signed(office.lea))


async def test_it_invites_nobody_who_has_an_appointment(office: Office) -> None:
    await office.open(office.claire, THURSDAY)
    await office.desk.meets(office.amina, office.claire, days=5)
    assert buttons(await html_of(office)) == [NOTE]
    assert await posts(office, "invitation") == "Elle a déjà un rendez-vous : rien n'est parti."
    assert await office.rows(t.follow_up) == []


async def test_it_opens_one_invitation_for_a_double_click(office: Office) -> None:
    await office.open(office.claire, THURSDAY)
    csrf = await office.browser.csrf()
    both = await asyncio.gather(
        *(office.browser.http.post(f"{office.amina.page}/invitation", data={"csrf": csrf}) for _ in "12")
    )
    assert sorted(answer.headers["location"].split("=")[1] for answer in both) == ["invited", "open"]
    assert len(await office.rows(t.follow_up)) == 1
    assert [row["action"] for row in await office.rows(t.access)] == ["invite"]


async def test_it_tells_the_reminders_since_she_was_invited(office: Office) -> None:
    await office.open(office.claire, THURSDAY)
    await posts(office, "invitation")
    await office.desk.service.settled()
    (row,) = await office.rows(t.nudge)
    await say(office, row["id"], "delivered")
    office.desk.later(hours=3)
    told = await section(office)
    assert "Depuis mardi 24 novembre à 9 h. Invitation, mardi 24 novembre à 9 h – reçu, sans réponse" in told
    again = await plan(office, "invitation_again", About.INVITATION, matter=row["matter_id"], days=0)
    await say(office, again, "failed", 30005)
    other = await plan(office, "invitation", About.INVITATION, matter=99, days=0)
    await say(office, other, "sent")
    card = (await section(office)).split("Arrêter de relancer")[0]
    assert "Relance d'une invitation, mardi 24 novembre à 12 h – échec : le numéro n'est plus" in card
    assert card.count("Invitation, ") == 1, "that of another invitation is not of this one"


async def test_it_stops_inviting(office: Office) -> None:
    await office.open(office.claire, THURSDAY)
    await posts(office, "invitation")
    await office.desk.service.settled()
    assert len(await office.rows(t.nudge)) == 1
    assert await posts(office, "invitation/stop") == (
        "C'est noté : plus aucune relance ne part pour cette invitation."
    )
    (row,) = await office.rows(t.follow_up)
    assert (row["outcome"], row["closed_at"] is not None) == ("stopped", True)
    assert await office.rows(t.nudge) == [], "nothing is left to leave"
    assert await posts(office, "invitation/stop") == "C'était déjà terminé : rien n'a changé."
    assert INVITE in buttons(await html_of(office)), "she may be invited again"


async def test_it_says_that_she_is_invited_after_an_absence(office: Office) -> None:
    await office.open(office.claire, THURSDAY)
    her = office.amina
    async with office.desk.store.transaction() as tx:
        new = FollowUp(
            0, About.INVITATION, her.conversation_id, her.beneficiary_id, TUESDAY, {"why": "noshow"}
        )
        await tx.open_follow_up("noshow:1", new)
    assert "Depuis mardi 24 novembre à 9 h, après une absence." in await section(office)
    assert await posts(office, "invitation") == "C'était déjà noté : rien n'a changé."


# whom no message reaches

REACH = {
    "STOP": ("all", "Elle a écrit STOP : aucun rappel ne peut partir."),
    "STOP RELANCE": ("follow_up", "Elle a arrêté les relances : aucune ne peut partir."),
}


@pytest.mark.parametrize(("topic", "told"), REACH.values(), ids=list(REACH))
async def test_it_asks_nothing_of_who_stopped_it(office: Office, topic: str, told: str) -> None:
    await office.open(office.claire, THURSDAY)
    await stop(office, topic)
    assert buttons(await html_of(office)) == []
    assert told in await section(office)
    for action in ("invitation", "contract"):
        assert await posts(office, action) == told
    assert await office.rows(t.follow_up) == []


async def test_it_asks_nothing_of_a_dead_number(office: Office) -> None:
    async with office.desk.store.transaction() as tx:
        await tx.number_failed(office.amina.conversation_id, 30005)
    assert buttons(await html_of(office)) == []
    assert await posts(office, "contract") == (
        "Son numéro ne reçoit plus rien : aucun rappel ne peut partir."
    )


@pytest.mark.parametrize("channel", [Channel.WEB, Channel.SMS])
async def test_it_asks_nothing_of_who_is_not_known(office: Office, channel: Channel) -> None:
    async with office.desk.store.transaction() as tx:
        here = await tx.conversation_at(channel, "+33639989999", office.desk.now)
        who = await tx.conversation(here, office.desk.now)
    office.amina = Known(here, who.pseudonym, "", "")
    await office.desk.meets(office.amina, office.claire)
    told = "Elle écrit depuis le site" if channel is Channel.WEB else "Ce numéro n'est rattaché à personne"
    assert told in await section(office)
    assert buttons(await html_of(office)) == []
    assert (await posts(office, "contract")).startswith(told)
    assert await office.rows(t.follow_up) == []


# a contract to sign


@pytest.mark.parametrize(
    ("action", "outcome", "told"),
    [
        ("signed", "done", "C'est noté : le contrat est signé."),
        ("withdraw", "stopped", "C'est noté : plus aucun rappel ne part pour ce contrat."),
    ],
)
async def test_it_reminds_of_a_contract_until_it_is_over(
    office: Office, action: str, outcome: str, told: str
) -> None:
    assert await posts(office, "contract") == "C'est noté. Un message lui rappelle de signer, jamais la nuit."
    (row,) = await office.rows(t.follow_up)
    assert (row["about"], row["outcome"]) == ("contract", "")
    assert "Contrat d'engagement à signer Depuis mardi 24 novembre à 9 h." in await section(office)
    assert buttons(await html_of(office)) == ["Signé", "Retirer"]
    assert await posts(office, "contract") == "C'était déjà noté : rien n'a changé."
    assert await posts(office, f"contract/{action}") == told
    (row,) = await office.rows(t.follow_up)
    assert (row["outcome"], row["closed_at"] is not None) == (outcome, True)
    assert await posts(office, f"contract/{action}") == "C'était déjà terminé : rien n'a changé."
    assert buttons(await html_of(office)) == [NOTE]


# what is planned, said, held back


async def test_it_tells_what_is_planned(office: Office) -> None:
    await plan(office, "contract", About.CONTRACT, days=4)
    await plan(office, "two_days", About.APPOINTMENT, days=2)
    await plan(office, "invitation", About.INVITATION, days=6, step=2)
    await plan(office, "brand_new", About.CONTRACT, days=7)
    told = (await section(office)).split("Prévus (4) ")[1]
    assert told.strip() == (
        "Rappel deux jours avant, jeudi 26 novembre à 9 h "
        f"{SIGN}, samedi 28 novembre à 9 h "
        "Invitation, lundi 30 novembre à 9 h "
        "Message, mardi 1er décembre à 9 h"
    )


async def test_it_announces_no_message_that_nobody_would_read(office: Office) -> None:
    """After the last one comes a mail to her referent, or the next quarter; a kind that is gone says nothing."""
    await plan(office, "declaration", About.DECLARATION, step=2)
    await plan(office, "contract", About.CONTRACT, step=2)
    await plan(office, "switched_off", About.CONTRACT)
    assert "Prévus" not in await section(office)
    await plan(office, "invitation", About.INVITATION, step=3)
    told = "Invitation, jeudi 26 novembre à 9 h – sans réponse d'ici là, un e-mail à son référent"
    assert f"Prévus (1) {told}" in await section(office)


SAID = [
    ("delivered", None, True, "reçu, elle a répondu"),
    ("delivered", None, False, "reçu, sans réponse"),
    ("sent", None, False, "envoyé, sans réponse"),
    ("queued", None, False, "en attente d'envoi"),
    ("cancelled", None, False, "non envoyé : elle a écrit STOP"),
    ("undelivered", 30003, False, "échec : téléphone éteint ou sans réseau"),
    ("failed", 12345, False, "échec : raison inconnue"),
]


@pytest.mark.parametrize(("status", "code", "answered", "told"), SAID)
async def test_it_tells_what_was_said_and_what_became_of_it(
    office: Office, status: str, code: int | None, answered: bool, told: str
) -> None:
    one = await plan(office, "contract", About.CONTRACT, days=0)
    await say(office, one, status, code)
    if answered:
        async with office.desk.store.transaction() as tx:
            await tx.nudge_answered(one, office.desk.now)
    line = f"{SIGN}, mardi 24 novembre à 9 h – {told}"
    assert (await section(office)).split("Envoyés (1) ")[1].strip() == line


async def test_it_tells_that_her_referent_was_told(office: Office) -> None:
    await end(office, await plan(office, "invitation", About.INVITATION, step=3), "told")
    line = "Invitation, mardi 24 novembre à 9 h – sans réponse : un e-mail a prévenu son référent"
    assert f"Envoyés (1) {line}" in await section(office)


HELD = [
    ("stopped", "elle a écrit STOP"), ("topic_off", "elle ne veut plus de ces messages"),
    ("number_failed", "son numéro ne reçoit plus rien"), ("not_hers", "ce numéro n'est plus le sien"),
    ("no_longer_true", "ce n'était plus utile"), ("too_late", "c'était trop tard"),
    ("nothing_free", "aucune place n'était libre"),
    ("control", "laissée sans message, pour mesurer à quoi ils servent"), ("odd", "ce n'était plus utile"),
]  # fmt: skip


@pytest.mark.parametrize(("why", "told"), HELD, ids=[why for why, _ in HELD])
async def test_it_tells_why_something_was_held_back(office: Office, why: str, told: str) -> None:
    one = await plan(office, "contract", About.CONTRACT, days=-1)
    await end(office, one, "control" if why == "control" else "ended", why)
    page = await section(office)
    assert f"Non envoyés (1) {SIGN}, lundi 23 novembre à 9 h – {told}" in page
    assert "Envoyés (" not in page.replace("Non envoyés (", "")


async def test_it_tells_the_topics_that_she_stopped_and_her_hour(office: Office) -> None:
    assert "Elle a arrêté" not in await section(office)
    assert "Elle préfère" not in await section(office)
    await stop(office, "reminder")
    await stop(office, "news")
    async with office.desk.store.transaction() as tx:
        await tx.save_nudge_hour(office.amina.conversation_id, 18)
    page = await section(office)
    assert "Elle a arrêté les rappels de rendez-vous, depuis mardi 24 novembre à 9 h." in page
    assert "Elle a arrêté les informations, depuis mardi 24 novembre à 9 h." in page
    assert "Elle préfère ces messages vers 18 h." in page


# an obstacle is between her and her own referent


async def test_it_shows_what_became_of_an_obstacle_to_her_own_referent_alone(office: Office) -> None:
    her = office.amina
    async with office.desk.store.transaction() as tx:
        new = FollowUp(
            0, About.OBSTACLE, her.conversation_id, her.beneficiary_id, TUESDAY, {"kind": "mobility"}
        )
        followed = await tx.open_follow_up("obstacle", new)
    await plan(office, "obstacle", About.OBSTACLE, matter=followed)
    await say(office, await plan(office, "obstacle", About.OBSTACLE, matter=followed, days=0), "delivered")
    await end(
        office, await plan(office, "obstacle", About.OBSTACLE, matter=followed, days=1), "ended", "too_late"
    )
    chief = await office.desk.referent("chef@example.org", "Marc Blanc", "MDS de Niort", leads=True)
    await office.desk.away(office.claire, office.lea)
    lead, substitute = await office.desk.signed(chief), await office.desk.signed(office.lea)
    assert "frein" not in await section(office), "not shared, or taken back"
    told = SharedObstacle("mobility", 2, {}, "2026-11-20", "sms", "2026-11-23")
    async with office.desk.store.transaction() as tx:
        await tx.share_obstacle(her.conversation_id, told, TUESDAY)
    page = await section(office)
    for line in (
        "Prévus (1) Suivi d'un frein, jeudi 26 novembre à 9 h",
        "Envoyés (1) Suivi d'un frein, mardi 24 novembre à 9 h – reçu, sans réponse",
        "Non envoyés (1) Suivi d'un frein, mercredi 25 novembre à 9 h – c'était trop tard",
    ):
        assert line in page
    for other in (lead, substitute):
        page = await section(office, other)
        assert "frein" not in page
        assert "Prévus" not in page
        assert "nvoyés" not in page


# the access log, and a page for everybody


async def test_it_writes_each_act_in_the_access_log(office: Office) -> None:
    await office.open(office.claire, THURSDAY)
    for action in ("invitation", "invitation", "invitation/stop", "contract", "contract/signed", "contract"):
        await office.browser.form(f"{office.amina.page}/{action}")
    await office.browser.form(f"{office.amina.page}/contract/withdraw")
    rows = await office.rows(t.access)
    assert [row["action"] for row in rows] == [
        "invite", "uninvited", "contract", "signed", "contract", "withdrawn",
    ]  # fmt: skip
    assert {(row["referent_id"], row["conversation_id"]) for row in rows} == {
        (office.claire, office.amina.conversation_id)
    }
    page = await office.browser.read("/workspace/access")
    for words in (
        "Vous invitée à choisir un rendez-vous Amina",
        "Vous relances de l'invitation arrêtées Amina",
        "Vous contrat à signer noté Amina",
        "Vous contrat noté signé Amina",
        "Vous contrat à signer retiré Amina",
    ):
        assert words in page


@pytest.mark.parametrize(
    "action", ["invitation", "invitation/stop", "contract", "contract/signed", "contract/withdraw"]
)
async def test_it_does_nothing_without_the_token_of_a_page(office: Office, action: str) -> None:
    await office.open(office.claire, THURSDAY)
    await office.browser.form(f"{office.amina.page}/contract")
    before = [await office.rows(table) for table in (t.follow_up, t.access)]
    answer = await office.browser.http.post(f"{office.amina.page}/{action}", data={"csrf": "0" * 64})
    assert answer.status_code == 403
    assert [await office.rows(table) for table in (t.follow_up, t.access)] == before


async def test_it_folds_its_lists_and_names_its_parts(office: Office) -> None:
    await office.open(office.claire, THURSDAY)
    await plan(office, "contract", About.CONTRACT)
    await say(office, await plan(office, "contract", About.CONTRACT, days=0), "failed", 30005)
    await posts(office, "invitation")
    html = await html_of(office)
    part = html.split('<section aria-labelledby="nudges">')[1].split("</section>")[0]
    assert '<h2 id="nudges">Rappels et relances</h2>' in part
    assert part.count("<details>") == part.count("<summary>") == 2
    assert '<span class="failed">échec' in part
    assert "<script" not in part
    assert " style=" not in part
    ids = re.findall(r'\sid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    assert part.count('name="csrf"') == part.count("<form ")


async def test_it_tells_nothing_in_the_log(office: Office) -> None:
    await office.open(office.claire, THURSDAY)
    office.desk.service.log_begins()
    await posts(office, "invitation")
    await posts(office, "contract")
    await office.desk.service.settled()
    assert office.desk.service.leaked("Amina", office.amina.phone, "Claire Moreau") == []


async def test_it_has_a_french_name_for_every_kind(service: Service) -> None:
    """Those of bot/nudges, as the page and the results call them."""
    assert set(service.wiring.worker.rules.kinds) <= set(NAMES)


def test_it_names_each_list_of_words_once() -> None:
    """Of two lists with one name, YAML keeps the last without a word."""
    written = Path(wording.__file__).with_name("words.yml").read_text(encoding="utf-8")
    names = re.findall(r"^(\w+):", written, re.MULTILINE)
    assert sorted(names) == sorted(wording.WORDS)
