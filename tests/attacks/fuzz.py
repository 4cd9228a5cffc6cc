"""What hypothesis does not think of: bytes that change as they reach more of the code (atheris).

`python -m tests.attacks.fuzz normaliser -runs=100000`: one target, then what libFuzzer understands. Stops at the first fault.
"""

import asyncio
import sys
from collections.abc import Callable

import atheris

LOOKED_AT = [
    "gateway.domain.text",
    "gateway.domain.sms",
    "gateway.domain.keywords",
    "starlette.formparsers",
    "python_multipart",
]
with atheris.instrument_imports(include=LOOKED_AT):
    from starlette.exceptions import HTTPException
    from starlette.requests import Request

    from gateway.domain import keywords, sms, text

from gateway.web import sms as web  # noqa: E402 what is looked at comes first
from tests.attacks import test_parsers as known  # noqa: E402

KINDS = [b"application/x-www-form-urlencoded", b"multipart/form-data; boundary=x", b"text/plain", b""]


def normaliser(data: bytes) -> None:
    """Her text, as it is kept and as it is compared."""
    said = atheris.FuzzedDataProvider(data).ConsumeUnicode(len(data))
    for promise in (known.test_it_cleans_any_text, known.test_it_folds_any_text_once_and_for_all):
        promise.hypothesis.inner_test(said)  # type: ignore[attr-defined]
    text.parts(said)
    keywords.command_in(said, known.words().vocabularies)


def sms_weight(data: bytes) -> None:
    """What a text weighs, and where it is cut."""
    given = atheris.FuzzedDataProvider(data)
    segments, said = given.ConsumeIntInRange(1, 4), given.ConsumeUnicode(len(data))
    known.test_it_weighs_any_text_as_the_carrier_bills_it.hypothesis.inner_test(said)  # type: ignore[attr-defined]
    known.test_it_cuts_any_text_without_losing_a_letter.hypothesis.inner_test(said, segments)  # type: ignore[attr-defined]
    assert sms.weigh(text.cleaned(said)).units <= 2 * text.MAX_CHARACTERS


def sms_decoder(data: bytes) -> None:
    """The body of a message as the carrier posts it: a form, or 400."""
    kind = KINDS[data[0] % len(KINDS)] if data else b""
    scope = {"type": "http", "method": "POST", "headers": [(b"content-type", kind)], "app": None}

    async def body() -> dict[str, object]:
        return {"type": "http.request", "body": data[1:], "more_body": False}

    try:
        form = LOOP.run_until_complete(Request(scope, body).form(max_files=0, max_fields=200))
    except HTTPException as refused:
        if refused.status_code != 400:
            raise
        return
    for value in form.values():
        assert isinstance(value, str)
        text.cleaned(value).encode()
        web._count(value)


def planted(data: bytes) -> None:
    """A fault behind four letters, one after the other: only who looks at the way through finds it."""
    for n, letter in enumerate(b"FORM"):
        if data[n : n + 1] != bytes([letter]):
            return
    raise ValueError


TARGETS: dict[str, Callable[[bytes], None]] = {
    "normaliser": normaliser,
    "sms-weight": sms_weight,
    "sms-decoder": sms_decoder,
    "planted": planted,
}


if __name__ == "__main__":
    LOOP = asyncio.new_event_loop()
    name, *options = sys.argv[1:]
    target = TARGETS[name]
    atheris.Setup([name, *options], atheris.instrument_func(target))
    atheris.Fuzz()
