"""An OpenID Connect issuer on loopback: real HTTP, real signatures, and levers to make it lie."""

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
from fastapi import FastAPI, Form, Request
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from starlette.responses import JSONResponse, RedirectResponse, Response

from tests.app.conftest import Clock, served

CLIENT_ID = "pennyrail-console"
CLIENT_SECRET = "of the issuer"


@dataclass
class Issuer:
    """Whom it names, and how it lies."""

    clock: Clock
    url: str = ""
    subject: str = "sub-1"
    email: str = "ada@example.com"
    claims: dict[str, Any] = field(default_factory=dict)
    asked: dict[str, str] = field(default_factory=dict)
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "1"}))
    signs_with: RSAKey | None = None

    def go(self, http: httpx.Client, start: str) -> httpx.Response:
        """What a browser does from `start` until it is back at the console."""
        away = http.get(start)
        assert away.status_code == 303, away.text
        back = httpx.get(away.headers["location"])
        query = parse_qs(urlsplit(back.headers["location"]).query)
        return http.get("/console/sso/back", params={name: each[0] for name, each in query.items()})

    def app(self) -> FastAPI:
        """The issuer's own doors."""
        app = FastAPI()

        @app.get("/.well-known/openid-configuration")
        def configuration() -> dict[str, str]:
            return {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/keys",
            }

        @app.get("/keys")
        def keys() -> Any:
            return KeySet([self.key]).as_dict(private=False)

        @app.get("/authorize")
        def authorize(request: Request) -> Response:
            self.asked = dict(request.query_params)
            told = {"code": "the-code", "state": self.asked["state"]}
            return RedirectResponse(f"{self.asked['redirect_uri']}?{urlencode(told)}", 303)

        @app.post("/token")
        def token(code: Annotated[str, Form()], code_verifier: Annotated[str, Form()]) -> Response:
            challenge = base64.urlsafe_b64encode(hashlib.sha256(code_verifier.encode()).digest())
            if code != "the-code" or challenge.decode().rstrip("=") != self.asked["code_challenge"]:
                return JSONResponse({"error": "invalid_grant"}, 400)
            signed = jwt.encode({"alg": "RS256", "kid": "1"}, self._claims(), self.signs_with or self.key)
            return JSONResponse({"access_token": "a", "token_type": "Bearer", "id_token": signed})

        return app

    def _claims(self) -> dict[str, Any]:
        now = int(self.clock.now.timestamp())
        return {
            "iss": self.url,
            "aud": CLIENT_ID,
            "sub": self.subject,
            "email": self.email,
            "email_verified": True,
            "nonce": self.asked["nonce"],
            "iat": now,
            "exp": now + 300,
            "auth_time": now,
            **self.claims,
        }


@contextmanager
def issuing(clock: Clock) -> Iterator[Issuer]:
    """An issuer for as long as the block runs."""
    issuer = Issuer(clock)
    with served(issuer.app()) as url:
        issuer.url = url
        yield issuer
