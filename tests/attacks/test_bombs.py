"""Bodies that would unfold: nothing of what is posted is ever decompressed."""

import gzip
import tracemalloc
import zlib
from urllib.parse import urlencode

import pytest

from tests.attacks.walk import BY_TOKEN, CHAT, DOOR, SIGNED, named
from tests.web.service import ACTION_TOKEN, FORM, Service, phone, sid

BIG = 40_000_000  # bytes, once unfolded: forty kilobytes as they travel
FOLDED = {
    "gzip": gzip.compress(b"Body=" + bytes(BIG)),
    "deflate": zlib.compress(b"Body=" + bytes(BIG)),
    "gzip, gzip": gzip.compress(gzip.compress(b"Body=" + bytes(BIG))),
    "br": b"\xce\xb1" * 1000,
    "zstd": b"\x28\xb5\x2f\xfd" + bytes(1000),
    "identity, gzip": gzip.compress(bytes(BIG)),
}


@pytest.mark.parametrize("encoding", FOLDED)
async def test_it_unfolds_no_body(standing: Service, encoding: str) -> None:
    body, before = FOLDED[encoding], await standing.stored()
    assert len(body) < BIG / 500
    tracemalloc.start()
    try:
        for path in sorted(SIGNED | CHAT | DOOR | {f"{one}?token={ACTION_TOKEN}" for one in BY_TOKEN}):
            headers = {**standing.signed(path, {}), "Content-Type": FORM, "Content-Encoding": encoding}
            answer = await standing.http.post(named(path, {}), content=body, headers=headers)
            assert answer.status_code in (200, 400, 403, 410), path
            assert (
                answer.status_code != 200 or path == "/workspace/sign-in"
            )  # the same page for whatever is typed
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < BIG / 2
    assert await standing.stored() == before


async def test_it_takes_the_message_that_follows(standing: Service) -> None:
    form = {"MessageSid": sid(), "From": phone(), "Body": "combien pour une personne seule"}
    headers = {**standing.signed("/sms/inbound", form), "Accept-Encoding": "gzip, br"}
    answer = await standing.http.post("/sms/inbound", content=urlencode(form), headers=headers)
    assert answer.status_code == 200
    assert (
        "content-encoding" not in answer.headers
    )  # what holds a secret is not compressed beside what she chose


PARTS = {
    "many-parts": b"".join(
        b'--x\r\nContent-Disposition: form-data; name="f%d"\r\n\r\nv\r\n' % n for n in range(1000)
    ),
    "many-headers": b"--x\r\n" + b"X: y\r\n" * 8000 + b"\r\nv\r\n",
    "a-header-without-end": b"--x\r\nX: " + b"y" * 60_000,
    "files": b'--x\r\nContent-Disposition: form-data; name="Body"; filename="a.zip"\r\n\r\nPK\x03\x04\r\n'
    * 50,
}


@pytest.mark.parametrize("parts", PARTS.values(), ids=list(PARTS))
@pytest.mark.parametrize("path", ["/sms/inbound", "/chat/messages", "/workspace/sign-in"])
async def test_it_reads_no_endless_parts(standing: Service, path: str, parts: bytes) -> None:
    headers = {**standing.signed(path, {}), "Content-Type": "multipart/form-data; boundary=x"}
    before = await standing.stored()
    answer = await standing.http.post(path, content=parts + b"--x--\r\n", headers=headers)
    assert answer.status_code in (400, 403) or path == "/workspace/sign-in"
    assert answer.status_code < 500
    assert await standing.stored() == before
