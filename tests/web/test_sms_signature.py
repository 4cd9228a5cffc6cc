"""Only the carrier is heard: whatever is not signed by it gets 403, and leaves nothing behind."""

from typing import Any
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


FORGERIES: dict[str, Any] = {
    "missing": lambda good, service, path, form: {},
    "empty": lambda good, service, path, form: {"X-Twilio-Signature": ""},
    "wrong": lambda good, service, path, form: {"X-Twilio-Signature": "c2lnbmF0dXJlIGZhdXNzZQ=="},
    "cut": lambda good, service, path, form: {"X-Twilio-Signature": good["X-Twilio-Signature"][:-1]},
    "not-ascii": lambda good, service, path, form: {"X-Twilio-Signature": "é" * 28},
    "another-token": lambda good, service, path, form: service.signed(path, form, token="another"),
    "another-host": lambda good, service, path, form: service.signed(path, form, public="https://elsewhere.example"),
    "another-path": lambda good, service, path, form: service.signed("/sms/other", form),
    "another-text": lambda good, service, path, form: service.signed(path, {**form, "Body": "autre"}),
    "query-added": lambda good, service, path, form: service.signed(f"{path}?a=1", form),
    "sha256-unsaid": lambda good, service, path, form: {
        "X-Twilio-Signature": service.signed(path, form, "HMAC_SHA256")["X-Twilio-Signature"]
    },
    "sha1-said-sha256": lambda good, service, path, form: {
        **good, "X-Twilio-Webhooks-Signature-Settings": "key=sharedkey_1,algorithm=HMAC_SHA256",
    },
    "unknown-algorithm": lambda good, service, path, form: {
        **good, "X-Twilio-Webhooks-Signature-Settings": "key=sharedkey_1,algorithm=NONE",
    },
}  # fmt: skip


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=list(FORGERIES))
async def test_it_refuses_what_the_carrier_did_not_sign(standing: Service, forge: Any) -> None:
    service = standing
    number, before = phone(), await service.stored()
    for path in WEBHOOKS:
        form = form_for(path, number)
        headers = forge(service.signed(path, form), service, path, form)
        refused = await service.http.post(
            path, content=urlencode(form), headers={**_latin(headers), b"content-type": FORM.encode()}
        )
        assert refused.status_code == 403, path
        assert TEXT not in refused.text
    assert await service.stored() == before
    assert service.leaked(number, TEXT) == []


def _latin(headers: dict[str, str]) -> dict[bytes, bytes]:
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
