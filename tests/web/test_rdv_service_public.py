"""RDV Service Public's webhooks: believed when they are signed, stored, answered. See also tests/adapters."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import SecretStr

from gateway.adapters.database import tables as t
from tests.rdv_service_public import CLAIRE, NEVER_KEPT, SECRET, raw, rdv, said, signed, user
from tests.usecases.fakes import NOW
from tests.web.service import Service, phone

PATH = "/rdv-service-public/webhook"
BODY = raw(said("Agent", CLAIRE))


@pytest.fixture
def changes() -> dict[str, Any]:
    url = "https://rdv.example.org"
    return {"rdv_service_public_secret": SecretStr(SECRET), "rdv_service_public_url": url}


async def told(service: Service, body: bytes, headers: dict[str, str] | None = None) -> int:
    """The status that the sender gets."""
    sent = signed(body) if headers is None else headers
    given = {name: value.encode("latin-1") for name, value in sent.items()}
    return (await service.http.post(PATH, content=body, headers=given)).status_code  # type: ignore[arg-type]


FORGERIES: dict[str, Callable[[bytes], dict[str, str]]] = {
    "missing": lambda _: {},
    "empty": lambda _: {"X-Lapin-Signature": ""},
    "another-secret": lambda body: signed(body, "another"),
    "no-secret": lambda body: signed(body, ""),
    "another-body": lambda body: signed(body + b" "),
    "cut": lambda body: {"X-Lapin-Signature": signed(body)["X-Lapin-Signature"][:-1]},
    "without-key": lambda body: {"X-Lapin-Signature": hashlib.sha256(body).hexdigest()},
    "not-ascii": lambda _: {"X-Lapin-Signature": "é" * 64},
}


async def test_it_believes_nothing_without_the_right_signature(service: Service) -> None:
    statuses = {name: await told(service, BODY, forge(BODY)) for name, forge in FORGERIES.items()}
    assert statuses == dict.fromkeys(FORGERIES, 403)
    assert await service.rows(t.referent) == []


@pytest.mark.parametrize("changes", [{}, {"rdv_service_public_secret": SecretStr("")}])
async def test_it_believes_nobody_while_it_has_no_secret(service: Service) -> None:
    for secret in ("", "x", SECRET):
        assert await told(service, BODY, signed(BODY, secret)) == 403


async def test_it_reads_a_mebibyte_and_no_more(service: Service) -> None:
    assert await told(service, BODY.ljust(1024 * 1024)) == 200
    assert await told(service, BODY.ljust(1024 * 1024 + 1)) == 413
    assert len(await service.rows(t.referent)) == 1


async def test_it_refuses_what_is_not_json(service: Service) -> None:
    for body in (b"", b"{", b"\xff", b"[" * 200_000, b"1" * 5000):
        assert await told(service, body) == 400, body[:10]


async def test_it_passes_over_what_it_does_not_expect(service: Service) -> None:
    odd: list[Any] = [None, [], 1, "text", {}, {"data": None, "meta": None}, {"data": {}, "meta": {}}]
    others = ["Organisation", "Motif", "Lieu", "PlageOuverture", "Absence", "UserProfile", "Secret", ""]
    odd += [said(model, {"id": 1, "agent": CLAIRE, "user": user(10, phone())}) for model in others]
    odd += [said("Agent", CLAIRE, "exploded"), said("User", {}), said("Rdv", rdv(starts_at="demain"))]
    odd += [said("Agent", CLAIRE, "destroyed"), said("User", {"id": True}), said("User", {"id": "1; drop"})]
    for payload in odd:
        assert await told(service, json.dumps(payload).encode()) == 200, payload
    kept = await service.stored()
    assert (kept["external_event"], kept["referent"], kept["beneficiary"]) == (0, 0, 0)


async def test_it_keeps_what_is_needed_and_nothing_else(service: Service) -> None:
    number = phone()
    her = user(10, number)
    service.wiring.clock.move_to(NOW)
    for model, data in (("ReferentAssignation", {"user": her, "agent": CLAIRE}), ("Rdv", rdv(her))):
        assert await told(service, raw(said(model, data))) == 200
    await service.settled()
    assert [mail["to"] for mail in service.mails] == [CLAIRE["email"]]  # a referent's first mail
    async with service.wiring.store.transaction() as tx:
        ((conversation_id, _),) = await tx.sms_conversations(number)
        (hers,) = await tx.upcoming(conversation_id, service.wiring.clock.now())
    assert (hers.place, hers.url) == (
        "MDS de Niort, 4 rue de la Mairie, Niort, 79000", "https://rdv.example.org/users/rdvs/8",
    )  # fmt: skip
    cipher = service.wiring.store.cipher
    for table in (t.referent, t.beneficiary, t.appointment, t.conversation, t.mail):
        for row in await service.rows(table):
            opened = [cipher.open(v) if k.endswith("_sealed") else str(v) for k, v in row.items()]
            assert not [word for word in NEVER_KEPT if word in " ".join(opened)]
    assert service.leaked(number, "Claire MOREAU", CLAIRE["email"], *NEVER_KEPT) == []
