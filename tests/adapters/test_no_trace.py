"""A life with the service, its failures included: no number, name or sentence of it in a log, in the file or in a figure."""

import io
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
import structlog
from prometheus_client import generate_latest
from structlog.testing import capture_logs

from gateway import logs
from gateway.adapters.content_files import ContentFiles
from gateway.adapters.database.diary import DatabaseDiary
from gateway.adapters.database.store import DatabaseStore
from gateway.adapters.obstacle_files import read_obstacles
from gateway.adapters.territory_files import read_territory
from gateway.domain.conversation import Reply
from gateway.domain.people import Beneficiary, Referent
from gateway.errors import AssistantSilent, MailLater, NumberUnreachable, SendLater, SendUnsure
from gateway.ports import Question
from gateway.settings import ROOT
from gateway.usecases.privacy import forget_number
from tests.adapters.held import DAY, HOUR, held_of, service
from tests.adapters.work import Service
from tests.usecases.fakes import AMINA_PHONE, KARIM_PHONE, PARIS, FakeAssistant

CLAIRE = Referent("zelie.quatrebarbes@example.org", "Zélie Quatrebarbes", "+33639980055", "CCAS de Niort")
SENTENCES = (
    "bonjour je mappelle Rosamundine et jai plus de voiture depuis mardi",
    "mon fils Hermengard est malade et je pleure tout le temps",
    "je dois 812 euros a madame Lefoulon",
    "mon adresse est 14 rue des Trois Coigneaux",
    "appelez moi au 06 39 98 00 77 svp",
)
REPLIES = {
    SENTENCES[0]: Reply("utter_obstacle/mobility"),
    SENTENCES[1]: Reply("utter_obstacle/health"),
    SENTENCES[2]: Reply("utter_faq/debt"),
    SENTENCES[4]: Reply("utter_talk_to_human"),
}
NUMBERS = (
    AMINA_PHONE,
    KARIM_PHONE,
    "0639980001",
    "06 39 98 00 01",
    "+33639980055",
    "06 39 98 00 77",
    "639980001",
)
# Long ones: five letters come by chance in what is encrypted.
NAMES = ("Rosamundine", "Theodulphe", "Hermengard", "Lefoulon", "Quatrebarbes", "Trois Coigneaux")


@dataclass
class Clumsy(FakeAssistant):
    """Knows some sentences, is silent once, and fails with the very words in its mouth."""

    failures: list[Exception] = field(default_factory=list)

    async def answer(self, question: Question) -> Sequence[Reply]:
        if question.text == SENTENCES[3]:
            raise RuntimeError(f"cannot read « {question.text} » of {AMINA_PHONE}")
        if self.failures:
            raise self.failures.pop(0)
        return (REPLIES.get(question.text, Reply("utter_greet")),)


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """The log as the service writes it, with its scrubber, at its most talkative."""
    stream, root = io.StringIO(), logging.getLogger()
    before = (root.level, root.handlers[:])
    logs.set_up("DEBUG", stream)
    yield stream
    root.setLevel(before[0])
    root.handlers[:] = before[1]
    structlog.reset_defaults()


@pytest.fixture
def talking(sqlite_store: DatabaseStore) -> Service:
    found = service(sqlite_store, ContentFiles(ROOT, {"service": "Département des Deux-Sèvres"}))
    found.assistant = found.worker.assistant = Clumsy(failures=[AssistantSilent("silent")])
    found.worker.obstacles = read_obstacles(ROOT / "bot" / "obstacles.yml")
    found.worker.territory = read_territory(ROOT, "79")
    found.worker.diary = DatabaseDiary(sqlite_store, PARIS, lambda _years: frozenset())
    return found


async def lived(talking: Service) -> None:
    """Imported, she tells, shares, books, is called back, stops, starts, fails, asks for her data, is forgotten."""
    async with talking.store.transaction() as tx:
        await tx.save_referent(CLAIRE)
        await tx.save_beneficiary(
            Beneficiary(AMINA_PHONE, "Rosamundine", "fr", "79000", "Niort"), CLAIRE.email
        )
    await held_of(talking.store, KARIM_PHONE, "Theodulphe", number=5)
    talking.carrier.failures = [SendLater(429), SendUnsure(500)]
    talking.mailer.failures = [MailLater("away")]
    said = [
        "bonjour", SENTENCES[0], "1", "2", "1", SENTENCES[1], "1", "1", "1", SENTENCES[2], SENTENCES[3], SENTENCES[4],
        "RDV", "1", "MES FREINS", "je veux mourir", "STOP", "pourquoi", "START", "MES DONNEES",
    ]  # fmt: skip
    for n, text in enumerate(said):
        await talking.says(text, f"SM{n:032x}")
        for _ in range(4):
            await talking.drain(timedelta(seconds=40))
    talking.carrier.failures = [NumberUnreachable(21211)]
    await talking.says("merci", "SM" + "e" * 32, KARIM_PHONE)
    await talking.drain(HOUR)
    for n, text in enumerate(("EFFACER MES DONNEES", "1")):
        await talking.says(text, f"SMf{n:031x}")
        await talking.drain(timedelta(minutes=1))
    await talking.drain(HOUR)
    async with talking.store.transaction() as tx:
        await forget_number(tx, KARIM_PHONE, talking.clock.now())
    await talking.drain(DAY)


def found_in(text: str) -> list[str]:
    lowered = text.lower()
    return [word for word in (*NUMBERS, *NAMES, *SENTENCES) if word.lower() in lowered]


async def test_it_writes_nothing_personal_in_clear(
    talking: Service, written: io.StringIO, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    await lived(talking)
    log = written.getvalue()
    assert "turn_answered" in log
    assert "turn_failed" in log or "job_failed" in log, "a failure was told"
    told = capfd.readouterr()
    assert found_in(log) == []
    assert found_in(told.out + told.err) == []
    file = "".join(part.read_bytes().decode("latin-1") for part in sorted(tmp_path.glob("test.db*")))
    assert len(file) > 100_000
    assert found_in(file) == []
    assert found_in(generate_latest().decode()) == []
    sent = " ".join(text for _, text in talking.carrier.sent)
    assert "Zelie" in sent or "Zélie" in sent, "she was told the name: it was there to be leaked"
    assert len(talking.carrier.sent) > 15


async def test_it_puts_nothing_personal_into_an_event_of_the_log(talking: Service) -> None:
    """Before any scrubber: what the code itself hands over."""
    with capture_logs() as events:
        await lived(talking)
    assert len(events) > 20
    assert found_in(str(events)) == []
