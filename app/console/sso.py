"""OpenID Connect, the code flow with PKCE: whom the issuer names, proven by its signature."""

import hashlib
import json
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import httpx
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import OAuth2Client
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from app.console.errors import ConsoleError
from office.settings import ConsoleSettings

_SECONDS: Final = 10.0
_LEEWAY: Final = 60
_ALGORITHMS: Final = ["RS256", "ES256", "PS256", "EdDSA"]


class SsoFailed(ConsoleError):
    """The issuer does not answer, or what it says does not hold."""

    code, status = "SINGLE_SIGN_ON_FAILED", 401


@dataclass(frozen=True, slots=True)
class Asked:
    """What a browser was sent away with, and has to come back with."""

    state: str
    nonce: str
    verifier: str
    on: str
    again: bool


@dataclass(frozen=True, slots=True)
class Named:
    """Whom the issuer names. `auth_time` is when that person last proved it there, in seconds since 1970."""

    subject: str
    email: str
    auth_time: int | None


def asked(*, on: str, again: bool) -> Asked:
    """A new question."""
    return Asked(secrets.token_urlsafe(24), secrets.token_urlsafe(24), secrets.token_urlsafe(48), on, again)


def where(settings: ConsoleSettings, question: Asked, *, callback: str) -> str:
    """Where to send the browser.

    raises: SsoFailed
    """
    with _client(settings, callback) as client:
        url, _ = client.create_authorization_url(
            _metadata(client, settings)["authorization_endpoint"],
            state=question.state,
            code_verifier=question.verifier,
            nonce=question.nonce,
            # To confirm is to prove it again there, not to be remembered.
            **({"prompt": "login", "max_age": "0"} if question.again else {}),
        )
    return str(url)


def named(
    settings: ConsoleSettings, question: Asked, *, code: str, state: str, callback: str, now: datetime
) -> Named:
    """Whom the issuer names to a browser that came back.

    raises: SsoFailed
    """
    if not secrets.compare_digest(state.encode(), question.state.encode()):
        raise SsoFailed("this is not the answer to what was asked: start again")
    try:
        with _client(settings, callback) as client:
            metadata = _metadata(client, settings)
            told = client.fetch_token(metadata["token_endpoint"], code=code, code_verifier=question.verifier)
            keys = _json(client.request("GET", metadata["jwks_uri"], withhold_token=True))
    except httpx.HTTPError as error:
        raise SsoFailed(f"single sign-on does not answer ({type(error).__name__}); try again") from None
    except (OAuthError, ValueError) as error:
        raise SsoFailed(f"single sign-on did not let you in ({type(error).__name__}): start again") from None
    return _read(str(told.get("id_token", "")), keys, settings=settings, nonce=question.nonce, now=now)


def _client(settings: ConsoleSettings, callback: str) -> Any:
    return OAuth2Client(
        settings.sso_client_id,
        settings.sso_client_secret.get_secret_value(),
        scope="openid email",
        redirect_uri=callback,
        code_challenge_method="S256",
        timeout=_SECONDS,
    )


def _metadata(client: Any, settings: ConsoleSettings) -> dict[str, Any]:
    issuer = settings.sso_issuer.rstrip("/")
    try:
        found = _json(
            client.request("GET", f"{issuer}/.well-known/openid-configuration", withhold_token=True)
        )
    except httpx.HTTPError as error:
        raise SsoFailed(f"single sign-on does not answer ({type(error).__name__}); try again") from None
    # An issuer that calls itself otherwise is another.
    if str(found.get("issuer", "")).rstrip("/") != issuer:
        raise SsoFailed("single sign-on is set up for another issuer")
    return found


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except json.JSONDecodeError:
        found = None
    if answer.status_code != 200 or not isinstance(found, dict):
        raise SsoFailed(f"single sign-on answered {answer.status_code}: start again")
    return found


def _key_set(keys: dict[str, Any]) -> KeySet:
    # Checked as it is imported: what is no set of keys raises an error of this library.
    return KeySet.import_key_set({"keys": keys.get("keys", [])})


def _read(token: str, keys: dict[str, Any], *, settings: ConsoleSettings, nonce: str, now: datetime) -> Named:
    try:
        claims = jwt.decode(token, _key_set(keys), algorithms=_ALGORITHMS).claims
        checks = jwt.JWTClaimsRegistry(
            now=int(now.timestamp()),
            leeway=_LEEWAY,
            iss={"essential": True, "value": settings.sso_issuer},
            aud={"essential": True, "value": settings.sso_client_id},
            nonce={"essential": True, "value": nonce},
            exp={"essential": True},
            iat={"essential": True},
            sub={"essential": True},
            email={"essential": True},
            email_verified={"essential": True, "value": True},
        )
        checks.validate(claims)
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise SsoFailed(f"what single sign-on says does not hold ({type(error).__name__})") from None
    auth_time = claims.get("auth_time")
    return Named(str(claims["sub"]), str(claims["email"]), auth_time if isinstance(auth_time, int) else None)


def subject_at(settings: ConsoleSettings, who: Named) -> str:
    """The subject with its issuer: another issuer's same subject is another person."""
    return hashlib.sha256(f"{settings.sso_issuer} {who.subject}".encode()).hexdigest()
