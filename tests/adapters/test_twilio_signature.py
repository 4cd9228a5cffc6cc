"""Who is at the door: signatures as Twilio makes them."""

import base64
import hashlib
import hmac

import pytest
from starlette.datastructures import FormData
from twilio.request_validator import RequestValidator

from gateway.adapters.twilio import TwilioSignature
from tests.usecases.fakes import AMINA_PHONE

TOKEN, PUBLIC, PATH = "test-token", "https://sms.example.org", "/sms/inbound"
FORM = {"MessageSid": "SM1", "From": AMINA_PHONE, "Body": "Où est l'aide ? 👍", "Empty": ""}
SHA256 = {"x-twilio-webhooks-signature-settings": "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256"}


def signed(
    form: dict[str, str], algorithm: str = "sha1", url: str = PUBLIC + PATH, token: str = TOKEN
) -> str:
    """By hand, from Twilio's description: the address, then each name and value, names in order."""
    said = url + "".join(name + form[name] for name in sorted(form))
    return base64.b64encode(hmac.new(token.encode(), said.encode(), algorithm).digest()).decode()


def is_right(headers: dict[str, str], form: dict[str, str] | None = None, path: str = PATH) -> bool:
    return TwilioSignature(TOKEN, PUBLIC).is_right(path, FormData(FORM if form is None else form), headers)


def test_it_lets_twilio_in() -> None:
    assert is_right({"x-twilio-signature": signed(FORM)})


def test_it_agrees_with_twilios_own_library() -> None:
    assert is_right({"x-twilio-signature": RequestValidator(TOKEN).compute_signature(PUBLIC + PATH, FORM)})


def test_it_lets_the_newer_signature_in() -> None:
    assert is_right({"x-twilio-signature": signed(FORM, "sha256"), **SHA256})


def test_it_reads_the_query_of_the_address() -> None:
    path = f"{PATH}?channel=sms&a=%20b"
    assert is_right({"x-twilio-signature": signed(FORM, url=PUBLIC + path)}, path=path)
    assert not is_right({"x-twilio-signature": signed(FORM)}, path=path)


def test_it_lets_a_form_without_fields_in() -> None:
    assert is_right({"x-twilio-signature": signed({})}, {})


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="none"),
        pytest.param({"x-twilio-signature": ""}, id="empty"),
        pytest.param({"x-twilio-signature": "AAAA"}, id="made up"),
        pytest.param({"x-twilio-signature": "é\udc80"}, id="not even letters"),
        pytest.param({"x-twilio-signature": signed(FORM, token="other")}, id="another token"),
        pytest.param({"x-twilio-signature": signed(FORM, url="https://evil.example.org" + PATH)}, id="another host"),
        pytest.param({"x-twilio-signature": signed(FORM, url=PUBLIC + "/sms/status")}, id="another path"),
        pytest.param({"x-twilio-signature": signed({**FORM, "Body": "stop"})}, id="another text"),
        pytest.param({"x-twilio-signature": signed({**FORM, "More": "1"})}, id="a field less"),
        pytest.param({"x-twilio-signature": signed(FORM, "sha256")}, id="SHA-256 that is not announced"),
        pytest.param({"x-twilio-signature": signed(FORM), **SHA256}, id="SHA-1 announced as SHA-256"),
        pytest.param({"x-twilio-signature": hashlib.sha1(b"x").hexdigest()}, id="no HMAC"),  # noqa: S324
    ],
)  # fmt: skip
def test_it_lets_nobody_else_in(headers: dict[str, str]) -> None:
    assert not is_right(headers)


@pytest.mark.parametrize("settings", ["algorithm=NONE", "algorithm=MD5", "algorithm=é", "=,=,,="])
def test_it_survives_strange_announcements(settings: str) -> None:
    headers = {"x-twilio-signature": "AAAA", "x-twilio-webhooks-signature-settings": settings}
    assert not is_right(headers)


def test_it_reads_a_field_that_comes_twice() -> None:
    """As the SDK does: each different value once, in order."""
    form = FormData([("Body", "b"), ("Body", "a"), ("Body", "a")])
    said = f"{PUBLIC}{PATH}BodyaBodyb"
    signature = base64.b64encode(hmac.new(TOKEN.encode(), said.encode(), "sha1").digest()).decode()
    assert TwilioSignature(TOKEN, PUBLIC).is_right(PATH, form, {"x-twilio-signature": signature})
