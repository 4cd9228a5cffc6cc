"""Only the carrier is heard: whatever is not signed by it gets 403, and leaves nothing behind."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

import pytest

from tests.web.service import FORM, Service, phone, sid

TEXT = "je dors dans ma voiture depuis dimanche"
WEBHOOKS = {
    "/sms/inbound": {"Body": TEXT},
    "/sms/status": {"MessageStatus": "undelivered", "ErrorCode": "30005", "Body": TEXT},
    "/voice/inbound": {"CallSid": "CA1", "Body": TEXT},
    "/voice/choice": {"CallSid": "CA1", "Digits": "1", "Body": TEXT},
}
every_webhook = pytest.mark.parametrize("path", WEBHOOKS, ids=lambda p: p[1:].replace("/", "-"))


def form_for(path: str, number: str) -> dict[str, str]:
    return {"MessageSid": sid(), "From": number, **WEBHOOKS[path]}


@dataclass(frozen=True)
class Call:
    """A webhook call about to be forged: `signed` as the carrier would, or otherwise."""

    service: Service
    path: str
    form: dict[str, str]

    def signed(self, algorithm: str = "HMAC_SHA1", **other: str) -> dict[str, str]:
        return self.service.signed(other.pop("path", self.path), self.form, algorithm, **other)

    @property
    def signature(self) -> str:
        return self.signed()["X-Twilio-Signature"]


SETTINGS = "X-Twilio-Webhooks-Signature-Settings"
FORGERIES: dict[str, Callable[[Call], dict[str, str]]] = {
    "missing": lambda _: {},
    "empty": lambda _: {"X-Twilio-Signature": ""},
    "wrong": lambda _: {"X-Twilio-Signature": "c2lnbmF0dXJlIGZhdXNzZQ=="},
    "not-ascii": lambda _: {"X-Twilio-Signature": "é" * 28},
    "cut": lambda call: {"X-Twilio-Signature": call.signature[:-1]},
    "another-token": lambda call: call.signed(token="another"),
    "another-host": lambda call: call.signed(public="https://elsewhere.example"),
    "another-path": lambda call: call.signed(path="/sms/other"),
    "another-query": lambda call: call.signed(path=f"{call.path}?a=1"),
    "another-text": lambda call: Call(call.service, call.path, {**call.form, "Body": "autre"}).signed(),
    "sha256-unsaid": lambda call: {"X-Twilio-Signature": call.signed("HMAC_SHA256")["X-Twilio-Signature"]},
    "sha1-said-sha256": lambda call: {**call.signed(), SETTINGS: "key=sharedkey_1,algorithm=HMAC_SHA256"},
    "unknown-algorithm": lambda call: {**call.signed(), SETTINGS: "key=sharedkey_1,algorithm=NONE"},
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=list(FORGERIES))
async def test_it_refuses_what_the_carrier_did_not_sign(
    standing: Service, forge: Callable[[Call], dict[str, str]]
) -> None:
    number, before = phone(), await standing.stored()
    for path in WEBHOOKS:
        form = form_for(path, number)
        headers = _latin({**forge(Call(standing, path, form)), "Content-Type": FORM})
        refused = await standing.http.post(path, content=urlencode(form), headers=headers)
        assert refused.status_code == 403, path
        assert TEXT not in refused.text
    assert await standing.stored() == before
    assert standing.leaked(number, TEXT) == []


def _latin(headers: dict[str, str]) -> dict[bytes, bytes]:
    """As bytes: a signature may hold anything."""
    return {name.lower().encode(): value.encode("latin-1") for name, value in headers.items()}


@every_webhook
async def test_it_leaves_a_line_in_the_log_about_a_refusal(standing: Service, path: str) -> None:
    await standing.http.post(path, data=form_for(path, phone()))
    assert len(standing.log) == 1


@pytest.mark.parametrize("algorithm", ["HMAC_SHA1", "HMAC_SHA256", "hmac_sha256"])
@every_webhook
async def test_it_accepts_both_kinds_of_signature(standing: Service, path: str, algorithm: str) -> None:
    form = form_for(path, phone())
    heard = await standing.http.post(
        path, content=urlencode(form), headers=standing.signed(path, form, algorithm)
    )
    assert heard.status_code == 200


@pytest.mark.parametrize(
    "changes", [{"public_url": "https://coup-de-pouce.example.org/"}], ids=["behind-a-proxy"]
)
async def test_it_checks_signatures_on_the_public_address(service: Service) -> None:
    form = {"MessageSid": sid(), "From": phone(), "Body": "bonjour"}
    for public, status in {
        "https://coup-de-pouce.example.org": 200,
        "https://coup-de-pouce.example.org:443": 200,
        "http://coup-de-pouce.example.org": 403,
        service.url: 403,
    }.items():
        signed = service.signed("/sms/inbound", form, public=public)
        # What a proxy adds must not decide: anybody can write it.
        forwarded = {**signed, "Host": "elsewhere.example", "X-Forwarded-Host": "elsewhere.example"}
        answer = await service.http.post("/sms/inbound", content=urlencode(form), headers=forwarded)
        assert answer.status_code == status, public


async def test_it_signs_over_the_query_too(standing: Service) -> None:
    service = standing
    form = {"MessageSid": sid(), "From": phone(), "Body": "bonjour"}
    path = "/sms/inbound?service=niort&x=%C3%A9"
    heard = await service.http.post(path, content=urlencode(form), headers=service.signed(path, form))
    assert heard.status_code == 200
    changed = await service.http.post(
        "/sms/inbound?service=poitiers", content=urlencode(form), headers=service.signed(path, form)
    )
    assert changed.status_code == 403


@every_webhook
@pytest.mark.parametrize("method", ["get", "put", "delete"])
async def test_it_only_takes_posts(standing: Service, path: str, method: str) -> None:
    assert (await standing.http.request(method, path)).status_code == 405
