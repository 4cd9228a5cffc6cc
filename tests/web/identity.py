"""A stand-in for ProConnect on loopback: real keys, real signatures, and the refusals of its documentation."""

import asyncio
import contextlib
import json
import secrets
import time
from base64 import urlsafe_b64encode as b64encode
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from tests.running import free_port

CLIENT, SECRET = "coup-de-pouce", "a-secret-of-the-client"
ASKED = {"response_type", "client_id", "redirect_uri", "scope", "state", "nonce"}
FORM = {"grant_type", "client_id", "client_secret", "redirect_uri", "code"}


class StandIn:
    """Everybody who comes is `email`. `id_token` and `userinfo` are laid over what it would say."""

    def __init__(self, callback: str, signed_out: str) -> None:
        self.port = free_port()
        self.issuer = f"http://127.0.0.1:{self.port}/api/v2"
        self.callback, self.signed_out = callback, signed_out
        self.email = "claire@example.org"
        self.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"}, private=True)
        self.published = [self.key]
        self.signs_with: Any = self.key
        self.algorithm = "RS256"
        self.id_token: dict[str, Any] = {}
        self.userinfo: dict[str, Any] = {}
        self.discovery: dict[str, Any] = {}
        self.codes: dict[str, str] = {}  # code → nonce, each used once
        self.tokens: set[str] = set()
        self.ended: list[dict[str, str]] = []
        self.userinfo_type = "application/jwt"
        self.app = self._app()

    def signed(self, claims: dict[str, Any]) -> str:
        header = {"alg": self.algorithm, "kid": self.signs_with.kid}
        if self.algorithm == "none":
            parts = [b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in (header, claims)]
            return ".".join([*parts, ""])
        said = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(header, said, self.signs_with, [self.algorithm])

    def claims(self, **more: Any) -> dict[str, Any]:
        now = int(time.time())
        return {"iss": self.issuer, "aud": CLIENT, "sub": "sub-1", "iat": now, "exp": now + 60, **more}

    def _app(self) -> FastAPI:
        app = FastAPI()
        app.get("/api/v2/.well-known/openid-configuration")(self.configuration)
        app.get("/api/v2/jwks")(self.jwks)
        app.get("/api/v2/authorize")(self.authorize)
        app.post("/api/v2/token")(self.token)
        app.get("/api/v2/userinfo")(self.about)
        app.get("/api/v2/session/end")(self.end)
        return app

    async def configuration(self) -> dict[str, Any]:
        names = {
            "authorization": "authorize",
            "token": "token",
            "userinfo": "userinfo",
            "end_session": "session/end",
        }
        found = {f"{name}_endpoint": f"{self.issuer}/{path}" for name, path in names.items()}
        return {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/jwks", **found, **self.discovery}

    async def jwks(self) -> Any:
        return KeySet(list(self.published)).as_dict(private=False)

    async def authorize(self, request: Request) -> Response:
        """Any parameter that is not documented is refused, as there (Y000400)."""
        given = dict(request.query_params)
        if (
            set(given) != ASKED
            or given["response_type"] != "code"
            or given["client_id"] != CLIENT
            or given["redirect_uri"] != self.callback
            or min(len(given["state"]), len(given["nonce"])) < 32
            or "openid" not in given["scope"].split()
        ):
            return JSONResponse({"error": "Y000400"}, 400)
        code = secrets.token_urlsafe(16)
        self.codes[code] = given["nonce"]
        back = {"code": code, "state": given["state"], "iss": self.issuer}
        return RedirectResponse(f"{self.callback}?{urlencode(back)}", 303)

    async def token(self, request: Request) -> Response:
        form = {k: v[0] for k, v in parse_qs((await request.body()).decode()).items()}
        known = form.get("client_id") == CLIENT and form.get("client_secret") == SECRET
        nonce = self.codes.pop(form.get("code", ""), None)
        if set(form) != FORM or not known or nonce is None or form["redirect_uri"] != self.callback:
            return JSONResponse({"error": "invalid_grant"}, 400)
        if "authorization" in request.headers:
            return JSONResponse({"error": "invalid_client"}, 400)
        access = secrets.token_urlsafe(16)
        self.tokens.add(access)
        proof = self.signed({**self.claims(nonce=nonce), **self.id_token})
        return JSONResponse(
            {"access_token": access, "token_type": "Bearer", "expires_in": 60, "id_token": proof}
        )

    async def about(self, request: Request) -> Response:
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return JSONResponse({"error": "invalid_token"}, 401)
        said = self.signed({**self.claims(email=self.email), **self.userinfo})
        return Response(said, media_type=self.userinfo_type)

    async def end(self, request: Request) -> Response:
        given = dict(request.query_params)
        self.ended.append(given)
        wanted = {"id_token_hint", "state", "post_logout_redirect_uri"}
        if set(given) != wanted or given["post_logout_redirect_uri"] != self.signed_out:
            return JSONResponse({"error": "Y030111"}, 400)
        return RedirectResponse(f"{self.signed_out}?{urlencode({'state': given['state']})}", 303)


def query(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


@contextlib.asynccontextmanager
async def standing_in(callback: str, signed_out: str) -> AsyncIterator[StandIn]:
    stand_in = StandIn(callback, signed_out)
    config = uvicorn.Config(
        stand_in.app, host="127.0.0.1", port=stand_in.port, log_config=None, access_log=False,
        timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve())
    try:
        async with asyncio.timeout(8):
            while not server.started:
                await asyncio.sleep(0.005)
        yield stand_in
    finally:
        server.should_exit = True
        await serving
