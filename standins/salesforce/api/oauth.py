"""The OAuth token endpoint: client credentials and JWT bearer; and who am I."""

import base64
import binascii
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, unquote

import jwt
from jwt.types import Options

from standins.salesforce.http.messages import Answer, Request, json_answer
from standins.salesforce.org.logins import LoginRefused
from standins.salesforce.org.org import Org
from standins.salesforce.org.settings import ConnectedApp

JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_JWT_LIFETIME = timedelta(minutes=5)
_JWT_AUDIENCES = ("https://login.salesforce.com", "https://test.salesforce.com")
_OAUTH_CODES = {
    "LOGIN_RATE_EXCEEDED": "login rate exceeded",
    "INSUFFICIENT_ACCESS": "user hasn't approved this consumer",
}


class _TokenRefused(Exception):
    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description


def token(org: Org, request: Request) -> Answer:
    """Answer with an access token, or with an OAuth error as a JSON object."""
    form = dict(parse_qsl(request.body.decode("utf-8", "replace")))
    org.usage.check()
    try:
        _check_grant(org, request, form)
        session_id = org.logins.with_app()
    except _TokenRefused as refusal:
        return json_answer({"error": refusal.error, "error_description": refusal.description}, 400)
    except LoginRefused as refusal:
        description = _OAUTH_CODES.get(refusal.code, refusal.message)
        return json_answer({"error": "invalid_grant", "error_description": description}, 400)
    return json_answer(
        {
            "access_token": session_id,
            "scope": "api",
            "instance_url": request.base_url,
            "id": f"{request.base_url}/id/{org.organization_id}/{org.user_id}",
            "token_type": "Bearer",
            "issued_at": str(int(org.clock().timestamp() * 1000)),
        }
    )


def user_info(org: Org, request: Request) -> Answer:
    """Answer with the user and the org that the token belongs to."""
    return json_answer(
        {
            "sub": f"{request.base_url}/id/{org.organization_id}/{org.user_id}",
            "user_id": org.user_id,
            "organization_id": org.organization_id,
            "preferred_username": org.settings.username,
            "name": org.settings.user_full_name,
            "email": org.settings.username,
            "zoneinfo": "Europe/Amsterdam",
        }
    )


def _check_grant(org: Org, request: Request, form: dict[str, str]) -> None:
    grant = form.get("grant_type")
    if grant == "client_credentials":
        _check_client(org, request, form)
    elif grant == JWT_GRANT:
        _check_assertion(org, request, form.get("assertion", ""))
    elif grant == "password":
        # Off by default since Summer '23; external client apps do not know it at all.
        raise _TokenRefused("invalid_grant", "authentication failure")
    else:
        raise _TokenRefused("unsupported_grant_type", "grant type not supported")


def _check_client(org: Org, request: Request, form: dict[str, str]) -> None:
    key, secret = form.get("client_id", ""), form.get("client_secret", "")
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            key, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            key = ""
        key, secret = unquote(key), unquote(secret)
    if not hmac.compare_digest(secret.encode(), _app(org, key).secret.encode()):
        raise _TokenRefused("invalid_client", "invalid client credentials")


def _check_assertion(org: Org, request: Request, assertion: str) -> None:
    try:
        claims: dict[str, Any] = jwt.decode(assertion, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        raise _TokenRefused("invalid_grant", "invalid assertion") from None
    app = _app(org, str(claims.get("iss", "")))
    try:
        # Time is checked by the org's clock below, which is not this machine's.
        options = Options(verify_exp=False, verify_aud=False, verify_iat=False, verify_nbf=False)
        jwt.decode(assertion, app.public_key or "", algorithms=["RS256"], options=options)
    except (jwt.InvalidTokenError, jwt.InvalidKeyError):
        raise _TokenRefused("invalid_grant", "invalid assertion") from None
    _check_claims(org, request, claims)


def _check_claims(org: Org, request: Request, claims: dict[str, Any]) -> None:
    if claims.get("aud") not in (*_JWT_AUDIENCES, request.base_url):
        raise _TokenRefused("invalid_grant", "audience is invalid")
    if claims.get("sub") != org.settings.username:
        raise _TokenRefused("invalid_grant", "user hasn't approved this consumer")
    try:
        expires = datetime.fromtimestamp(float(claims["exp"]), UTC)
    except (KeyError, TypeError, ValueError, OverflowError):
        raise _TokenRefused("invalid_grant", "invalid assertion") from None
    if not timedelta(0) < expires - org.clock() <= _JWT_LIFETIME:
        raise _TokenRefused("invalid_grant", "invalid assertion")


def _app(org: Org, key: str) -> ConnectedApp:
    found = org.settings.apps.get(key)
    if found is None:
        raise _TokenRefused("invalid_client_id", "client identifier invalid")
    return found
