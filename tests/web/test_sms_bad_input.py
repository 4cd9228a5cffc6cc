"""What phones, carriers and scanners really send: nothing lost, nothing doubled, nothing in the log."""

from dataclasses import dataclass, field
from urllib.parse import quote, quote_from_bytes, urlencode

import pytest

from gateway.adapters.database import tables as t
from tests.web.service import FORM, TEAM, Service, phone, sid

QUESTION = "Bonjour madame, combien vais-je toucher pour le RSA ?"
TOPIC = "utter_faq/rsa_amount"
LONG = ("Je vous explique ma situation depuis longtemps. " * 110)[:5000]


@dataclass(frozen=True)
class Odd:
    """`body`: percent-encoded, as it travels. `kept`: what is stored. `says`: in the answer's names."""

    body: str
    kept: str
    says: str = TOPIC
    more: dict[str, str] = field(default_factory=dict)


ODD = {
    "empty": Odd("", "", "utter_empty"),
    "spaces-and-lines": Odd(quote(" \n\t \r\n "), "", "utter_empty"),
    "invisible": Odd(quote("\u200b\u200e\u2066"), "\u200b", "utter_emoji"),
    "emoji": Odd(quote("👍🏽"), "👍🏽", "utter_emoji"),
    "family-emoji": Odd(quote("👨\u200d👩\u200d👧"), "👨\u200d👩\u200d👧", "utter_emoji"),
    "dots": Odd("...", "...", "utter_emoji"),
    "picture": Odd("", "", "utter_picture", {"NumMedia": "1", "MediaUrl0": "https://api.example.org/1"}),
    "picture-with-words": Odd(quote(QUESTION), QUESTION, TOPIC, {"NumMedia": "1"}),
    "pictures-not-a-number": Odd(quote(QUESTION), QUESTION, TOPIC, {"NumMedia": "beaucoup"}),
    "pictures-far-too-many": Odd(quote(QUESTION), QUESTION, TOPIC, {"NumMedia": "9" * 40}),
    "1600-characters": Odd(quote(LONG[:1600]), LONG[:1600].strip()),
    "1600-emojis": Odd(quote("😀" * 1600), "😀" * 1600, "utter_emoji"),
    "5000-characters": Odd(quote(LONG), LONG[:1600].strip()),
    "nul": Odd(f"{quote(QUESTION)}%00%00", QUESTION),
    "only-nul": Odd("%00", "", "utter_empty"),
    "control-characters": Odd(quote("\x1b[31m\x07" + QUESTION + "\x7f\x85"), "[31m" + QUESTION),
    "surrogate-bytes": Odd(f"%ED%A0%80{quote(QUESTION)}", "\ufffd\ufffd\ufffd" + QUESTION),
    "half-an-emoji": Odd(f"{quote(QUESTION)}%F0%9F%98", QUESTION + "\ufffd"),
    "not-utf-8": Odd(
        quote_from_bytes("Où sont situés les bureaux ?".encode("latin-1")), "O\ufffd sont situ\ufffds les bureaux ?"
    ),
    "bad-percent": Odd("100%25 sûre que 100%ZZ de mes droits".replace("û", "%C3%BB").replace(" ", "+"),
                       "100% sûre que 100%ZZ de mes droits"),
    "right-to-left-marks": Odd(quote(f"\u202e{QUESTION}\u2066\u200f"), QUESTION),
    "private-use": Odd(quote(f"\ue000{QUESTION}\U000f0000"), QUESTION),
    "zalgo": Odd(quote("b" + "\u0300" * 300 + " et le reste de ma question"),
                 "b" + "\u0300" * 300 + " et le reste de ma question"),
    "markup": Odd(quote("<script>alert(1)</script> & comment le demander"),
                  "<script>alert(1)</script> & comment le demander"),
    "template": Odd(quote("{{ 7*7 }} {service} %(x)s ${HOME} combien"), "{{ 7*7 }} {service} %(x)s ${HOME} combien"),
    "sql": Odd(quote("'; DROP TABLE message; -- combien"), "'; DROP TABLE message; -- combien"),
}  # fmt: skip


@pytest.mark.parametrize("odd", ODD.values(), ids=list(ODD))
async def test_it_answers_odd_texts_once(standing: Service, odd: Odd) -> None:
    number = phone()
    fields = "&".join(f"{k}={quote(v)}" for k, v in {"MessageSid": sid(), "From": number, **odd.more}.items())
    before, carried = await standing.stored(), len(standing.carried)
    body = f"{fields}&Body={odd.body}".encode("ascii")
    first = await standing.post_bytes("/sms/inbound", body)
    again = await standing.post_bytes("/sms/inbound", body)
    assert (first.status_code, again.status_code) == (200, 200)
    after = await standing.stored()
    assert after["message"] == before["message"] + 2
    assert standing.text_of((await standing.heard())[-1]) == odd.kept
    said = await standing.said_to(number)
    assert len(said) == 1
    assert odd.says in said[0]
    assert [m["to"] for m in standing.carried[carried:]] == [number]
    assert standing.leaked(number, odd.kept.strip("\ufffd. ") if odd.says == TOPIC else "") == []


PAYLOADS = ["/restart", "/faq/rsa_amount", '/faq/x{"a":1}', "/session_start", "//restart", "/ restart",
            "/talk_to_human", "/inform{\"language\":\"ar\"}", "EXTERNAL: /restart", "\u200f/restart"]  # fmt: skip


@pytest.mark.parametrize("text", PAYLOADS)
async def test_it_never_passes_her_text_as_a_payload(standing: Service, text: str) -> None:
    number = phone()
    asked = len(standing.assistant.questions)
    form = {"MessageSid": sid(), "From": number, "Body": text}
    assert (await standing.post("/sms/inbound", form)).status_code == 200
    await standing.settled()
    (question,) = standing.assistant.questions[asked:]
    assert question.payload == ""
    assert question.text == text.strip("\u200f")
    assert len(await standing.said_to(number)) == 1


@pytest.mark.parametrize(
    "sender", ["36179", "INFOSMS", "Pôle Emploi", "+1", "anonymous", "+" + "9" * 60, "\0"]
)
async def test_it_keeps_what_senders_nobody_can_answer_write(service: Service, sender: str) -> None:
    """Short codes and names: the answer is refused for good; the team is told, once."""
    for _ in range(2):
        form = {"MessageSid": sid(), "From": sender, "Body": QUESTION}
        assert (await service.post("/sms/inbound", form)).status_code == 200
        await service.settled()
    assert [service.text_of(m) for m in await service.heard()] == [QUESTION] * 2
    assert [m["status"] for m in await service.answers()] == ["failed"] * 2
    assert service.carried == []
    assert [m["to"] for m in service.mails] == [TEAM]
    assert service.leaked(sender if len(sender) > 3 else "", QUESTION) == []


async def test_it_takes_no_short_code_for_another(service: Service) -> None:
    for sender in ("36179", "036179", "+36179", "361790"):
        await service.post("/sms/inbound", {"MessageSid": sid(), "From": sender, "Body": QUESTION})
    await service.settled()
    assert len(await service.rows(t.conversation)) == 4


TYPES = {
    "json": ("application/json", b'{"MessageSid": "SM1", "From": "+33639980001", "Body": "toutes mes questions"}'),
    "json-called-a-form": (FORM, b'{"MessageSid": "SM1", "From": "+33639980001"}'),
    "text": ("text/plain", b"MessageSid=SM1&From=%2B33639980001&Body=toutes+mes+questions"),
    "xml": ("application/xml", b"<MessageSid>SM1</MessageSid>"),
    "nothing": ("", b"MessageSid=SM1&From=%2B33639980001&Body=toutes+mes+questions"),
    "nonsense": ("\xff;;;=", b"MessageSid=SM1&From=%2B33639980001"),
    "multipart-without-boundary": ("multipart/form-data", b"MessageSid=SM1"),
    "multipart-cut": ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="From"\r\n\r\n+336'),
    "multipart-file": (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="Body"; filename="a.txt"\r\n\r\ntoutes mes questions\r\n--x--\r\n',
    ),
    "random-bytes": (FORM, bytes(range(256)) * 4),
    "empty": (FORM, b""),
}  # fmt: skip


@pytest.mark.parametrize("path", ["/sms/inbound", "/sms/status", "/voice/choice"])
@pytest.mark.parametrize(("kind", "body"), TYPES.values(), ids=list(TYPES))
async def test_it_refuses_what_is_not_a_form(standing: Service, kind: str, body: bytes, path: str) -> None:
    """Even signed over its address, as the carrier signs what has no form."""
    before = await standing.stored()
    headers = {**standing.signed(path, {}), "Content-Type": kind}
    raw = {name.encode(): value.encode("latin-1") for name, value in headers.items()}
    refused = await standing.http.post(path, content=body, headers=raw)
    assert refused.status_code in (400, 403)
    assert await standing.stored() == before
    assert standing.leaked("+33639980001", "toutes mes questions") == []


def _many_fields(count: int) -> bytes:
    return urlencode({f"field{n}": "x" for n in range(count)}).encode()


HUGE = {
    "a-field-of-5-MB": lambda: b"Body=" + b"a" * 5_000_000,
    "a-name-of-2-MB": lambda: b"b" * 2_000_000 + b"=1",
    "10000-fields": lambda: _many_fields(10_000),
    "201-fields": lambda: _many_fields(201),
    "20-MB-in-many-fields": lambda: b"&".join(b"f%d=" % n + b"a" * 100_000 for n in range(199)),
}


@pytest.mark.parametrize("made", HUGE.values(), ids=list(HUGE))
async def test_it_refuses_huge_forms_and_goes_on(standing: Service, made: object) -> None:
    assert callable(made)
    before = await standing.stored()
    refused = await standing.http.post(
        "/sms/inbound", content=made(), headers={"Content-Type": FORM, "X-Twilio-Signature": "x" * 28}
    )
    assert refused.status_code in (400, 403, 413)
    assert await standing.stored() == before
    form = {"MessageSid": sid(), "From": phone(), "Body": QUESTION}
    assert (await standing.post("/sms/inbound", form)).status_code == 200


async def test_it_takes_the_first_of_two_fields_of_one_name_or_refuses(standing: Service) -> None:
    """Two `From`: signed as both, it must not become a message of a third person."""
    first, second = phone(), phone()
    body = urlencode([("MessageSid", sid()), ("From", first), ("From", second), ("Body", QUESTION)])
    parameters = {"MessageSid": body.split("&")[0].split("=")[1], "Body": QUESTION, "From": first}
    answer = await standing.http.post(
        "/sms/inbound", content=body, headers=standing.signed("/sms/inbound", parameters)
    )
    assert answer.status_code == 403
