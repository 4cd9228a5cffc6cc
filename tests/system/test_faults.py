"""Something breaks under ten messages a second, one in ten repeated by the carrier: nothing is lost, nothing is doubled."""

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gateway.commands.train import model
from gateway.settings import ROOT
from tests.adapters.servers import NoServer, free_port
from tests.system import peers
from tests.system.disk import fill, small_disk
from tests.system.faults import FAULTS, Site, broken
from tests.system.fleet import Program, running_fleet, until
from tests.system.load import RATE, REPEATED, Load, Verdict, judged

pytestmark = pytest.mark.slow

BEFORE, AFTER = 2.0, 3.0  # seconds of calm, under the same load
Rows = Callable[..., list[Any]]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    model()
    try:
        with (
            peers.postgresql() as (postgresql, database),
            peers.valkey() as (valkey, redis),
            running_fleet(tmp_path_factory.mktemp("faults"), database, redis) as fleet,
        ):
            yield Site(fleet, postgresql, valkey)
    except NoServer as absent:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(absent))


def recovered(program: Program) -> None:
    """What the carrier could not hand over is read back from its list."""
    subprocess.run(
        [sys.executable, "-m", "gateway.commands", "recover"], cwd=ROOT, env=program.environment, check=True,
    )  # fmt: skip


def settled(load: Load, rows: Rows) -> None:
    """Every message answered, every answer with the carrier, no work left."""
    of_load = {text.sid for text in load.texts}

    def done() -> bool:
        unanswered = rows("SELECT sid FROM message WHERE direction = 'in' AND status = 'received'")
        unsent = rows("SELECT id FROM message WHERE direction = 'out' AND status = 'queued'")
        return not unsent and not of_load & {sid for (sid,) in unanswered}

    until(done, "all answers with the carrier")


def judge(load: Load, rows: Rows) -> int:
    """Fails on whatever is not nought. How many were doubled that nobody could have known."""
    verdict, unknowable = judged(load, rows)
    assert verdict == Verdict()
    return unknowable


@pytest.mark.parametrize("fault", FAULTS)
def test_nothing_is_lost_or_doubled(site: Site, fault: str) -> None:
    fleet = site.fleet
    fleet.ready()  # what the last one killed is back
    load = Load(fleet.posted, fleet.gateways, fleet.carrier)
    began = time.monotonic()
    with load.going_on():
        time.sleep(BEFORE)
        with broken(fault, site):
            pass
        time.sleep(AFTER)
    assert len(load.texts) > 0.6 * RATE * (time.monotonic() - began)
    assert load.repeated >= len(load.texts) // REPEATED
    if load.missed:
        recovered(fleet["worker2"])
    settled(load, fleet.rows)
    unknowable = judge(load, fleet.rows)
    print(f"\n{fault} : {load.told(began)}, {unknowable} doublés que personne ne pouvait savoir")
    assert bool(unknowable) == bool(fleet.carrier.unlisted)
    fleet.carrier.unlisted.clear()


def test_nothing_is_lost_or_doubled_while_the_disk_is_full(site: Site, tmp_path: Path) -> None:
    """One gateway alone, with SQLite."""
    fleet, port = site.fleet, free_port()
    with small_disk(tmp_path / "disk", 24) as disk:
        file = disk / "base.db"
        alone = fleet.add(
            "alone", ("serve",), {"PORT": str(port), "DATABASE_URL": f"sqlite:///{file}", "REDIS_URL": ""}
        )
        alone.start()
        until(lambda: fleet.answers(port, "/health/live"), "the gateway")
        load = Load(fleet.posted, [port], fleet.carrier)
        with load.going_on():
            time.sleep(BEFORE)
            ballast = fill(disk, 0)
            until(lambda: len(load.missed) > 3 * RATE, "a disk that is full")
            ballast.unlink()
            time.sleep(AFTER)
        recovered(alone)
        rows = partial(_rows, file)
        settled(load, rows)
        assert judge(load, rows) == 0
        assert alone.stop() in (0, 130, -15)


def _rows(file: Path, question: str) -> list[Any]:
    with closing(sqlite3.connect(file, timeout=30)) as db:
        return db.execute(question).fetchall()


def test_no_log_says_a_number_or_a_text(site: Site) -> None:
    said = {name: program.said for name, program in site.fleet.programs.items()}
    assert any("turn_answered" in log for log in said.values())
    secrets = ("+336399", "33639980", "montant du RSA pour", "colis alimentaire", "mes trajets svp")
    assert [(name, word) for name, log in said.items() for word in secrets if word in log] == []
    assert [name for name, log in said.items() if "Traceback" in log] == []
