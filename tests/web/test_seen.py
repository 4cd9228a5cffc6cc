"""Seeing it run: what is measured, what is said to be wrong, the page of who answers for the service."""

import re
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import insert, update

from gateway.adapters.database import tables as t
from gateway.domain.calendars import CalendarAccount
from gateway.domain.language import LANGUAGES
from gateway.domain.people import CallbackRequest
from gateway.domain.running import Fault
from gateway.usecases.watching import Watch
from gateway.web.faults import FAULTS
from tests.web.desk import Browser, shown
from tests.web.office import CLAIRE, NIORT, TUESDAY, Office, opened
from tests.web.service import Service, phone, sid, until

PAGE = "/workspace/service"
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
TEXT = "je cherche une place en creche"
# What a label may say, by its name; others are words of our code or of bot/nudges.
LABELS = {
    "channel": "sms|web", "repeat": "true|false", "window": "5m|24h", "step": "stored|carried", "code": r"\d{5}",
    "quantile": r"0\.5|0\.95|0\.99|1", "le": r"[\d.+Inf]+", "language": "|".join((*LANGUAGES, "other")),
    "fault": "|".join(Fault), "version": ".*", "implementation": ".*", "major": ".*", "minor": ".*",
    "patchlevel": ".*", "generation": r"\d",
}  # fmt: skip
WORD = r"|[a-z][a-z_]{0,31}"


@pytest.fixture
async def office(service: Service) -> AsyncIterator[Office]:
    async with opened(service) as office:
        yield office


@pytest.fixture
async def lead(office: Office) -> Browser:
    nadia = await office.desk.referent("nadia.roux@example.org", "Nadia Roux", NIORT, leads=True)
    return await office.desk.signed(nadia)


def looks_again(service: Service) -> Watch:
    """What it saw a moment ago is forgotten."""
    service.wiring.__dict__.pop("watch", None)
    return service.wiring.watch


async def busy(office: Office) -> None:
    """Amina wrote and was answered; something of each kind happened to her, or waits."""
    service, amina = office.desk.service, office.amina
    await service.post("/sms/inbound", {"MessageSid": sid(), "From": amina.phone, "Body": TEXT})
    await service.settled()
    now = office.desk.now
    async with office.desk.store.transaction() as tx:
        to = await tx.conversation(amina.conversation_id, now)
        inbound = await tx.add_inbound(amina.conversation_id, sid(), "0", 0, "", now)
        assert inbound
        await tx.close_inbound(inbound, now)
        await tx.add_callback(CallbackRequest(amina.conversation_id, inbound, "danger", now))
        await tx.opt_out(amina.conversation_id, "message", now, "news")
        for number in range(5):
            names = ["utter_rephrase", "utter_danger_roof", "utter_later", "utter_not_me"]
            ours = await tx.add_outbound(to, inbound, "Bonjour", names, now)
            sent = {"sid": sid(), "sent_at": now, "status": "undelivered", "error_code": 30005}
            await tx.db.execute(update(t.message).where(t.message.c.id == ours).values(**sent))
            await tx.db.execute(insert(t.nudge).values(
                key=f"n{number}", kind="invitation", about="invitation", matter_id=number, version=0, step=1,
                conversation_id=to.id, capped=True, due_at=now, planned_at=now, state="ended", why="stopped",
            ))  # fmt: skip
        await tx.save_calendar(office.claire, CalendarAccount("https://agenda.example.org", "claire", "x"))
        await tx.calendar_failed(office.claire, "CalendarAway", now)
    looks_again(service)


def samples(exposed: str) -> Iterator[tuple[str, dict[str, str], float]]:
    for family in text_string_to_metric_families(exposed):
        for one in family.samples:
            yield one.name, one.labels, one.value


async def measured(service: Service) -> dict[str, float]:
    """By name and labels: "recent_calls danger 24h", the labels in alphabetical order."""
    answer = await service.http.get("/metrics")
    assert answer.status_code == 200
    return {" ".join((name, *labels.values())).strip(): value for name, labels, value in samples(answer.text)}


# what is measured


async def test_it_measures_what_happened(office: Office) -> None:
    await busy(office)
    found = await measured(office.desk.service)
    expected = {
        "service_ready": 1, "recent_received sms 24h": 2, "recent_answered sms 5m": 2, "recent_calls danger 24h": 1,
        "recent_stops message news 24h": 1, "recent_nudges invitation ended stopped 24h": 5,
        "recent_carrier_errors 30005 24h": 5, "recent_asked_again 24h": 5, "recent_dangers 24h": 5,
        "recent_apologies 24h": 5, "recent_not_hers 24h": 5, "month_messages answer fr": 6, "calendars_failing": 1,
        "work_waiting calls": 1, "work_waiting unanswered": 0,
    }  # fmt: skip
    assert {name: found.get(name) for name in expected} == expected
    assert found["month_segments answer fr"] >= 6
    assert 0 <= found["recent_reply_seconds 1 carried 5m"] < 60
    assert 0 <= office.desk.now.timestamp() - found["last_received_timestamp_seconds"] < 60


async def test_it_names_nobody_in_a_label(office: Office) -> None:
    """Even where a browser, the carrier or a row says what nobody expected."""
    await busy(office)
    amina, service = office.amina, office.desk.service
    async with office.desk.store.transaction() as tx:
        hers = t.conversation.c.id == amina.conversation_id
        await tx.db.execute(update(t.conversation).where(hers).values(language="Amina"))
        await tx.db.execute(update(t.callback).values(reason="0639980001"))
        await tx.db.execute(update(t.nudge).where(t.nudge.c.key == "n1").values(kind="Amina +33639980001"))
    looks_again(service)
    exposed = (await service.http.get("/metrics")).text
    told = list(samples(exposed))
    assert len(told) > 100
    wrong = [
        (name, label, value)
        for name, labels, _ in told
        for label, value in labels.items()
        if not re.fullmatch(LABELS.get(label, WORD), value)
    ]
    assert wrong == []
    assert ("month_messages", {"language": "other", "kind": "answer"}, 6.0) in told
    secrets = (
        amina.phone,
        amina.phone[3:],
        amina.first_name,
        amina.pseudonym,
        "creche",
        "Moreau",
        "agenda.example",
    )
    assert [secret for secret in secrets if secret in exposed] == []


async def test_it_measures_the_web_alone_in_each_process(service: Service) -> None:
    exposed = (await service.http.get("/metrics")).text
    assert "acknowledgement_seconds_bucket" in exposed
    assert "process_resident_memory_bytes" in exposed


async def test_it_tells_what_it_knows_when_the_database_is_slow(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prometheus must not take a gateway that answers for one that is gone."""
    watch = looks_again(service)

    async def too_slow(window: timedelta) -> None:
        raise TimeoutError

    monkeypatch.setattr(watch, "_lately", too_slow)
    found = await measured(service)
    assert found["database_up"] == 1
    assert found["rasa_answers"] == 1
    assert [name for name in found if name.startswith(("recent_", "month_"))] == []


# what is wrong


async def ready(service: Service) -> tuple[int, dict[str, Any]]:
    looks_again(service)
    answer = await service.http.get("/health/ready")
    return answer.status_code, answer.json()


async def test_it_is_not_ready_while_nobody_works(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing() -> list[int]:
        return []

    monkeypatch.setattr(service.wiring.worker, "due", nothing)
    async with service.wiring.store.transaction() as tx:
        await tx.arm("forget", 79, service.wiring.clock.now() - 6 * MINUTE)
    status, said = await ready(service)
    assert (status, said["work"]) == (503, False)
    assert said["reasons"] == ["Du travail attend depuis plus de 5 minutes."]
    monkeypatch.undo()
    async with service.wiring.store.transaction() as tx:
        await tx.db.execute(update(t.job).values(state="done"))
    assert (await ready(service))[0] == 200


async def test_it_is_not_ready_on_a_full_disk(service: Service) -> None:
    watch = looks_again(service)
    assert (watch.room() or 0) > 0, "the file of SQLite stands somewhere"
    watch.room = lambda: 1000
    answer = await service.http.get("/health/ready")
    assert (answer.status_code, answer.json()["reasons"]) == (503, ["Le disque est plein."])


async def test_it_stays_ready_when_only_a_mail_is_late(service: Service) -> None:
    now = service.wiring.clock.now()
    async with service.wiring.store.transaction() as tx:
        mail = await tx.add_mail("late", CLAIRE, "callback", {}, now - 2 * HOUR)
        assert mail
        await tx.arm("mail", mail, now + HOUR)
    status, said = await ready(service)
    assert (status, said["reasons"]) == (200, [])
    found = await measured(service)
    assert found["service_fault mails"] == 1.0
    assert found["work_oldest_seconds mails"] >= 7200.0


# the page


async def test_it_is_for_who_leads(office: Office, lead: Browser) -> None:
    assert (await office.browser.get(PAGE)).status_code == 404
    assert "Service" not in await office.browser.read("/workspace/settings")
    assert (await lead.get(PAGE)).status_code == 200
    assert f'href="{PAGE}"' in (await lead.get("/workspace/settings")).text


async def test_it_says_that_all_is_well(office: Office, lead: Browser) -> None:
    page = await lead.read(PAGE)
    assert "Oui, tout marche." in page
    assert "Base de données : en marche. Elle répond." in page
    assert "Dernier message reçu jamais" in page
    assert "Messages à répondre aucun" in page
    assert "Rien n'est encore parti ce mois-ci." in page
    assert "En panne" not in page


async def test_it_says_what_is_wrong_and_what_to_do(office: Office, lead: Browser) -> None:
    await busy(office)
    office.desk.service.assistant.is_ready = False
    looks_again(office.desk.service)
    answer = await lead.get(PAGE)
    page = shown(answer)
    assert "✕ En panne Le robot (Rasa) ne répond pas. Redémarrez Rasa." in page
    assert "docs/exploitation.md, « Les pannes », ligne « tous les Rasa »" in page
    assert "! À surveiller L'agenda d'au moins un référent ne répond pas." in page
    assert "Le robot ne répond plus depuis mardi 24 novembre à 9 h" in page
    assert page.index("En panne") < page.index("À surveiller")
    assert "Oui, tout marche" not in page


async def test_it_shows_the_rest_when_the_numbers_are_late(
    office: Office, lead: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = looks_again(office.desk.service)

    async def too_slow(window: timedelta) -> None:
        raise TimeoutError

    monkeypatch.setattr(watch, "_lately", too_slow)
    answer = await lead.get(PAGE)
    page = shown(answer)
    assert answer.status_code == 200
    assert "Base de données : en marche." in page
    assert page.count("Ces nombres manquent.") == 2
    assert "Questions mal comprises" not in page
    assert "Rien n'est encore parti" not in page


async def test_it_says_what_happened_and_what_it_cost(office: Office, lead: Browser) -> None:
    await busy(office)
    page = await lead.read(PAGE)
    assert "Messages reçus 2" in page
    assert "Questions mal comprises, reposées 5" in page
    assert "Mauvais numéros 10" in page  # five that take nothing, five that are somebody else's
    assert "30005 Le numéro n'est plus attribué 5" in page
    assert "0 partis. Gardés, et pourquoi : Elle a écrit STOP 5" in page
    assert "Personnes à rappeler 1, le plus ancien depuis" in page
    assert "Ce que novembre 2026 a coûté" in page
    segments = sum(
        row["segments"] for row in await office.rows(t.message) if row["direction"] == "out" and row["sid"]
    )
    euros = f"{segments * 0.0798:.2f}".replace(".", ",")
    assert f"{euros} € environ, pour {segments} SMS" in page
    assert f"Réponses 6 {segments} {euros} €" in page
    assert f"Français 6 {segments} {euros} €" in page
    for secret in (office.amina.first_name, office.amina.phone[3:], TEXT, "Moreau"):
        assert secret not in page


async def test_it_hides_what_few_received(office: Office, lead: Browser) -> None:
    await busy(office)
    nour = await office.desk.person("Nour", CLAIRE, "ps")
    async with office.desk.store.transaction() as tx:
        await tx.db.execute(
            update(t.conversation).where(t.conversation.c.id == nour.conversation_id).values(language="ps")
        )
        to = await tx.conversation(nour.conversation_id, TUESDAY)
        ours = await tx.add_outbound(to, None, "Bonjour", (), office.desk.now)
        await tx.mark_sent(ours, sid(), office.desk.now)
    looks_again(office.desk.service)
    assert "Pachto moins de 5 – –" in await lead.read(PAGE)


# the words


@pytest.mark.parametrize("fault", Fault)
def test_it_has_words_for_each_fault(fault: Fault) -> None:
    words = FAULTS[fault]
    for sentence in (words.well, words.wrong, words.do):
        assert sentence.endswith(".")
        assert all(len(part.split()) <= 14 for part in re.split(r"[.:]", sentence)), sentence
    assert words.see


# the log


async def test_it_logs_why_a_message_did_not_leave(service: Service) -> None:
    for fault, event, error in (("21610", "send_failed", "OptedOut"), ("429", "send_later", "SendLater")):
        number = phone()
        service.log_begins()
        await service.http.post("/simulator/api/carrier", json={"fault": fault})
        await service.post("/sms/inbound", {"MessageSid": sid(), "From": number, "Body": TEXT})

        async def told(event: str = event) -> bool:
            return any(line["event"] == event for line in service.log)

        await until(told)
        line = next(line for line in service.log if line["event"] == event)
        assert (line["level"], line["error"], line["attempts"]) == ("warning", error, 0)
        assert {"timestamp", "code", "message", "conversation", "job", "kind"} <= set(line)
        assert service.leaked(number, TEXT) == []


async def test_it_logs_what_the_carrier_could_not_deliver(service: Service) -> None:
    name = sid()
    form = {"MessageSid": name, "MessageStatus": "undelivered", "ErrorCode": "30005", "To": phone()}
    await service.post("/sms/status", form)
    line = next(line for line in service.log if line["event"] == "undelivered")
    assert (line["sid"], line["status"], line["code"]) == (name, "undelivered", 30005)
    assert service.leaked(form["To"]) == []


async def test_it_logs_where_a_job_failed_and_not_what_it_was_about(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> None:
        raise ValueError(TEXT)

    monkeypatch.setattr(service.wiring.worker, "_plan", broken)
    async with service.wiring.store.transaction() as tx:
        job = await tx.arm("follow", 79, service.wiring.clock.now())
    await service.wiring.worker.do(job)
    line = next(line for line in service.log if line["event"] == "job_failed")
    assert (line["error"], line["kind"], line["job"]) == ("ValueError", "follow", job)
    assert re.match(r"ValueError at worker\.py:\d+ > .*test_seen\.py:\d+$", line["exception"])
    assert service.leaked(TEXT) == []
