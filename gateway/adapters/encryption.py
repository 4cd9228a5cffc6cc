"""Personal fields: encrypted at rest, found by a keyed hash.

Never a plain hash of a phone number: every French mobile number can be hashed in two minutes.
"""

import base64
import hashlib
import hmac
import json
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.errors import NotReady


def new_key() -> str:
    return Fernet.generate_key().decode()


INDEX = "index:"


class Cipher:
    """`keys`: comma-separated Fernet keys. The first encrypts, all decrypt.

    The one written `index:KEY` makes the indexes and does nothing else; without it the last one, the oldest,
    makes them. It must not change when keys rotate: what was found by its index would be lost.
    """

    def __init__(self, keys: str) -> None:
        parts = [k.strip() for k in keys.split(",") if k.strip()]
        sealing = [k for k in parts if not k.startswith(INDEX)]
        indexing = [k.removeprefix(INDEX) for k in parts if k.startswith(INDEX)] or sealing[-1:]
        try:
            self._first, *_ = fernets = [Fernet(k) for k in sealing]
            self._fernet = MultiFernet(fernets)
            (index,) = indexing
            Fernet(index)
        except ValueError:
            raise NotReady(
                "SECRET_KEYS doit contenir une ou plusieurs clés Fernet, séparées par des virgules."
            ) from None
        seed = base64.urlsafe_b64decode(index)
        self._index = HKDF(SHA256(), 32, salt=None, info=b"address-index-v1").derive(seed)

    def seal(self, text: str) -> bytes:
        return self._fernet.encrypt(text.encode())

    def seal_undated(self, text: str) -> bytes:
        """Fernet writes the second of sealing in clear: here it would tell which message this was."""
        return self._fernet.encrypt_at_time(text.encode(), 0)

    def open(self, sealed: bytes | None) -> str:
        return self._fernet.decrypt(bytes(sealed)).decode() if sealed else ""

    def is_newest(self, sealed: bytes) -> bool:
        """Sealed with the first key."""
        try:
            self._first.decrypt(bytes(sealed))
        except InvalidToken:
            return False
        return True

    def reseal(self, sealed: bytes) -> bytes:
        """The same with the first key, and as dated, or undated, as it was. Raises InvalidToken: no key opens it."""
        return self._fernet.rotate(bytes(sealed))

    def seal_json(self, data: Any) -> bytes:
        return self.seal(json.dumps(data, ensure_ascii=False))

    def open_json(self, sealed: bytes | None) -> Any:
        return json.loads(self.open(sealed)) if sealed else {}

    def index(self, value: str) -> str:
        """Where to find an address again: hexadecimal HMAC-SHA256, 64 characters."""
        return hmac.new(self._index, value.encode(), hashlib.sha256).hexdigest()
