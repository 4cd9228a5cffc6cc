"""What the carrier took while we were down is read back from it, once; the rest stays as it is."""

import asyncio
import os
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from gateway.adapters.database import tables as t
from gateway.adapters.database.engine import migrate, open_engine
from gateway.adapters.database.store import DatabaseStore
from gateway.adapters.encryption import Cipher
from gateway.commands import recover
from gateway.domain.conversation import Channel
from gateway.errors import NotReady
from gateway.settings import Settings
from gateway.usecases.conversation import receive
from tests.adapters.servers import free_port, served
from tests.commands.test_serve_refusals import GOOD
from tests.usecases.fakes import AMINA_PHONE, KARIM_PHONE, NOW

OURS = GOOD["TWILIO_SENDER"]


def row(
    sid: str, body: str, at: int = 0, sender: str = AMINA_PHONE, direction: str = "inbound"
) -> dict[str, Any]:
    return {
        "sid": sid, "from": sender, "to": OURS, "body": body, "direction": direction, "num_media": "0",
        "date_sent": f"Mon, 23 Nov 2026 09:00:{at:02} +0000", "status": "received",
    }  # fmt: skip


class Carrier:
    """Twilio's list, two messages a page."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.status = 200
        self.asked: list[dict[str, str]] = []

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.get("/2010-04-01/Accounts/{account}/Messages.json")
        async def listed(account: str, request: Request) -> Response:
            self.asked.append(dict(request.query_params))
            if self.status != 200:
                return JSONResponse(
                    {"code": 20003, "message": "", "more_info": "", "status": self.status}, self.status
                )
            page = int(request.query_params.get("Page", "0"))
            more = f"{request.url.path}?Page={page + 1}" if len(self.rows) > 2 * page + 2 else None
            return JSONResponse(
                {"messages": self.rows[2 * page : 2 * page + 2], "next_page_uri": more, "page": page}
            )

        return app


@pytest.fixture
def carrier(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Carrier]:
    port, carrier = free_port(), Carrier()
    for name in list(os.environ):
        if name.lower() in Settings.model_fields:
            monkeypatch.delenv(name)
    ours = {
        "TWILIO_API_URL": f"http://127.0.0.1:{port}", "DATABASE_URL": f"sqlite:///{tmp_path / 'base.db'}",
        "REDIS_URL": "", "VAR": str(tmp_path / "var"),
    }  # fmt: skip
    for name, value in {**GOOD, **ours}.items():
        monkeypatch.setenv(name, value)
    with served(carrier.app(), port):
        yield carrier


@pytest.fixture
def recovered(carrier: Carrier, capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    def told() -> str:
        assert recover.run(Namespace(hours=2)) == 0
        return capsys.readouterr().out

    return told


def with_store(work: Callable[[DatabaseStore], Any]) -> Any:
    async def done() -> Any:
        engine = open_engine(os.environ["DATABASE_URL"])
        await migrate(engine)
        try:
            return await work(DatabaseStore(engine, Cipher(GOOD["SECRET_KEYS"])))
        finally:
            await engine.dispose()

    return asyncio.run(done())


def texts() -> list[str]:
    async def read(store: DatabaseStore) -> list[str]:
        rows = sorted(await store.rows(t.message), key=lambda row: row["id"])
        return [store.cipher.open(row["text_sealed"]) for row in rows]

    return list(with_store(read))


def test_it_takes_what_we_missed_oldest_first_and_once(
    carrier: Carrier, recovered: Callable[[], str]
) -> None:
    async def heard(store: DatabaseStore) -> None:
        await receive(store, channel=Channel.SMS, address=AMINA_PHONE, sid="SM1", text="un", now=NOW)

    with_store(heard)
    carrier.rows = [
        row("SM4", "quatre", 4, KARIM_PHONE), row("SM3", "trois", 3), row("SM2", "deux", 2), row("SM1", "un", 1),
        row("SM9", "notre réponse", 5, direction="outbound-api"),
    ]  # fmt: skip
    assert recovered() == "4 SMS reçus par l'opérateur en 2 h, 3 rattrapés.\n"
    assert texts() == ["un", "deux", "trois", "quatre"]
    assert recovered() == "4 SMS reçus par l'opérateur en 2 h, 0 rattrapés.\n"
    assert {asked["To"] for asked in carrier.asked if "To" in asked} == {OURS}


def test_it_leaves_work_for_whoever_runs(carrier: Carrier, recovered: Callable[[], str]) -> None:
    carrier.rows = [row("SM1", "un")]
    recovered()

    async def due(store: DatabaseStore) -> list[str]:
        return [job["kind"] for job in await store.rows(t.job) if job["state"] == "ready"]

    assert with_store(due) == ["converse"]


def test_it_brings_nobody_back_who_was_forgotten(carrier: Carrier, recovered: Callable[[], str]) -> None:
    async def forgotten(store: DatabaseStore) -> None:
        async with store.transaction() as tx:
            await tx._add_leftovers("carrier", ["SM1"], NOW)

    with_store(forgotten)
    carrier.rows = [row("SM1", "un"), row("SM2", "")]  # the second was emptied there
    assert "0 rattrapés" in recovered()
    assert texts() == []


def test_it_says_that_the_carrier_refuses(carrier: Carrier, recovered: Callable[[], str]) -> None:
    carrier.status = 401
    with pytest.raises(NotReady, match="TWILIO_AUTH_TOKEN"):
        recovered()
