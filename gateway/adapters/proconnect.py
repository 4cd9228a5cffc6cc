"""ProConnect, the State's sign-in for professionals: OpenID Connect, as its public documentation asks.

Authorization code, the client's secret in the body of the form, userinfo as a signed JWT. Its server refuses any
parameter that its documentation does not name: no PKCE, no `claims`, no `acr_values` here.
"""

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import httpx2
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from gateway.errors import SignInRefused
from gateway.ports import Professional

ALGORITHMS = ["RS256", "ES256"]  # those that it offers and that its public keys can prove
SCOPE = "openid email"
FRESH = 3600.0  # seconds that its addresses and keys are remembered
SKEW = 60  # seconds that two clocks may differ
TIMEOUT = 10.0


class ProConnect:
    """`issuer`: https://…/api/v2. `callback`, `signed_out`: our addresses, as declared there, to the letter.

    Every method raises SignInRefused when it does not answer, or when an answer proves nothing.
    """

    def __init__(
        self, issuer: str, client_id: str, secret: str, callback: str, signed_out: str,
        seconds: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self._issuer, self._client_id, self._secret = issuer.rstrip("/"), client_id, secret
        self._callback, self._signed_out = callback, signed_out
        self._seconds = seconds  # the world's clock, not the product's: tokens are dated by it
        self._http = httpx2.AsyncClient(timeout=TIMEOUT)
        self._about: dict[str, Any] = {}
        self._keys: KeySet | None = None
        self._read_at = 0.0

    async def close(self) -> None:
        await self._http.aclose()

    async def start(self, state: str, nonce: str) -> str:
        """Where to send her browser. `state`, `nonce`: random, 32 characters or more."""
        asked = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": self._callback,
            "scope": SCOPE,
            "state": state,
            "nonce": nonce,
        }
        return f"{await self._address('authorization_endpoint')}?{urlencode(asked)}"

    async def professional(self, code: str, nonce: str, issuer: str = "") -> Professional:
        """Who she is, from the code that her browser brought. `issuer`: the one it names, if any."""
        if issuer and issuer.rstrip("/") != self._issuer:
            raise SignInRefused("another issuer")
        tokens = await self._tokens(code)
        proof = await self._claims(tokens["id_token"], nonce={"essential": True, "value": nonce})
        told = await self._userinfo(tokens["access_token"])
        about = await self._claims(told, False, sub={"essential": True, "value": proof.get("sub", "")})
        email = about.get("email")
        if not isinstance(email, str) or "@" not in email:
            raise SignInRefused("no address")
        return Professional(email.strip(), tokens["id_token"])

    async def end(self, id_token: str, state: str) -> str:
        """Where to send her browser so that she is signed out there too."""
        asked = {"id_token_hint": id_token, "state": state, "post_logout_redirect_uri": self._signed_out}
        return f"{await self._address('end_session_endpoint')}?{urlencode(asked)}"

    async def _tokens(self, code: str) -> dict[str, str]:
        form = {
            "grant_type": "authorization_code",
            "client_id": self._client_id,
            "client_secret": self._secret,
            "redirect_uri": self._callback,
            "code": code,
        }
        address = await self._address("token_endpoint")
        tokens = _json(await self._answer("POST", address, data=form))
        if not all(isinstance(tokens.get(name), str) for name in ("id_token", "access_token")):
            raise SignInRefused("no tokens")
        return tokens

    async def _userinfo(self, access_token: str) -> str:
        address = await self._address("userinfo_endpoint")
        headers = {"Authorization": f"Bearer {access_token}", "Accept": "application/jwt"}
        return str((await self._answer("GET", address, headers=headers)).text).strip()

    async def _claims(self, token: str, dated: bool = True, **wanted: Any) -> dict[str, Any]:
        """What a JWT says, once its signature, issuer, audience and dates are checked. `dated`: it must end."""
        rules = jwt.JWTClaimsRegistry(
            lambda: int(self._seconds()), SKEW, iss={"essential": True, "value": self._issuer},
            aud={"essential": True, "value": self._client_id}, exp={"essential": dated}, **wanted,
        )  # fmt: skip
        try:
            claims = (await self._decoded(token)).claims
            rules.validate(claims)
        except (JoseError, ValueError) as wrong:
            raise SignInRefused(type(wrong).__name__) from None
        return claims

    async def _decoded(self, token: str) -> jwt.Token:
        try:
            return jwt.decode(token, await self._key_set(), ALGORITHMS)
        except InvalidKeyIdError:  # its keys have changed since we read them
            self._read_at = 0.0
            return jwt.decode(token, await self._key_set(), ALGORITHMS)

    async def _key_set(self) -> KeySet:
        await self._read()
        if self._keys is None:
            raise SignInRefused("no keys")
        return self._keys

    async def _address(self, name: str) -> str:
        await self._read()
        address = self._about.get(name)
        if not isinstance(address, str):
            raise SignInRefused(f"no {name}")
        return address

    async def _read(self) -> None:
        """Its discovery document and its keys, read again after an hour."""
        if self._about and self._seconds() - self._read_at < FRESH:
            return
        found = _json(await self._answer("GET", f"{self._issuer}/.well-known/openid-configuration"))
        if str(found.get("issuer", "")).rstrip("/") != self._issuer:
            raise SignInRefused("another issuer")
        keys = _json(await self._answer("GET", str(found.get("jwks_uri", ""))))
        try:
            self._keys = KeySet.import_key_set(keys)  # type: ignore[arg-type]
        except (JoseError, ValueError, KeyError, TypeError) as wrong:
            raise SignInRefused(type(wrong).__name__) from None
        self._about, self._read_at = found, self._seconds()

    async def _answer(self, method: str, address: str, **more: Any) -> httpx2.Response:
        try:
            answer = await self._http.request(method, address, **more)
        except (httpx2.HTTPError, httpx2.InvalidURL) as failure:
            raise SignInRefused(type(failure).__name__) from None
        if answer.status_code != 200:
            raise SignInRefused(f"status {answer.status_code}")
        return answer


def _json(answer: httpx2.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise SignInRefused("not JSON")
    return found
