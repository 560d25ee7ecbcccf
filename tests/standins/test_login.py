"""Logging in: SOAP faults, OAuth errors, sessions."""

from collections.abc import Callable
from datetime import timedelta
from xml.etree import ElementTree

import jwt
import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from standins.salesforce.api.oauth import JWT_GRANT
from standins.salesforce.org.org import Org
from standins.salesforce.org.settings import ConnectedApp
from tests.standins.conftest import Client, Clock

USER, PASSWORD, TOKEN = "integration@demo.example", "demo-password", "demoToken"


def code(answer: requests.Response) -> str:
    """Return the exception code of a fault, which Salesforce gives with HTTP 500."""
    assert answer.status_code == 500
    found = ElementTree.fromstring(answer.content).find(".//{urn:fault.partner.soap.sforce.com}exceptionCode")  # noqa: S314
    assert found is not None
    return found.text or ""


def test_login_answers_in_the_recorded_shape(client: Client, org: Org) -> None:
    answer = client.login(USER, PASSWORD + TOKEN)
    values = {element.tag.rpartition("}")[2]: element.text for element in ElementTree.fromstring(answer.content).iter()}  # noqa: S314
    assert values["sandbox"] == "false"
    assert values["serverUrl"] == f"{client.url}/services/Soap/u/59.0/{org.organization_id[:15]}"
    assert values["sessionSecondsValid"] == "7200"
    assert values["userFullName"] == "Integration User"
    assert values["userName"] == USER
    assert values["organizationId"] == org.organization_id
    org.settings.sandbox = True
    assert "<sandbox>true</sandbox>" in client.login(USER, PASSWORD + TOKEN).text


@pytest.mark.parametrize(
    ("user", "password", "version", "wanted"),
    [
        (USER, "wrong" + TOKEN, "59.0", "INVALID_LOGIN"),
        ("nobody@demo.example", PASSWORD + TOKEN, "59.0", "INVALID_LOGIN"),
        (USER, PASSWORD, "59.0", "LOGIN_MUST_USE_SECURITY_TOKEN"),
        (USER, PASSWORD + TOKEN, "65.0", "INVALID_OPERATION"),
        (USER, PASSWORD + TOKEN, "30.0", "UNSUPPORTED_API_VERSION"),
    ],
)
def test_login_is_refused(client: Client, user: str, password: str, version: str, wanted: str) -> None:
    assert code(client.login(user, password, version)) == wanted


def test_fault_has_the_recorded_words(client: Client) -> None:
    words = "INVALID_LOGIN: Invalid username, password, security token; or user locked out."
    assert f"<faultcode>INVALID_LOGIN</faultcode><faultstring>{words}</faultstring>" in client.login(USER, "x").text


@pytest.mark.parametrize(
    ("setting", "value", "wanted"),
    [
        ("soap_login_enabled", False, "INVALID_OPERATION"),
        ("api_disabled", True, "API_DISABLED_FOR_ORG"),
        ("may_use_any_api_auth", False, "INSUFFICIENT_ACCESS"),
        ("lockout_after", 0, "PASSWORD_LOCKOUT"),
        ("logins_per_hour", 1, "LOGIN_RATE_EXCEEDED"),
    ],
)
def test_org_refuses_a_right_password(client: Client, org: Org, setting: str, value: object, wanted: str) -> None:
    setattr(org.settings, setting, value)
    assert code(client.login(USER, PASSWORD + TOKEN)) == wanted


def test_login_rate_recovers_after_an_hour(client: Client, org: Org, clock: Clock) -> None:
    org.settings.logins_per_hour = 1
    clock.move(hours=1)
    assert client.login(USER, PASSWORD + TOKEN).status_code == 200


def test_broken_envelope_is_a_fault(client: Client) -> None:
    assert code(client.login("<", "&")) == "UNKNOWN_EXCEPTION"


def test_session_ends_when_unused(client: Client, clock: Clock) -> None:
    clock.move(seconds=7199)
    assert client.get("/limits").status_code == 200
    clock.move(seconds=7201)
    answer = client.get("/limits")
    assert (answer.status_code, answer.json()) == (
        401,
        [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}],
    )


def token(client: Client, **form: str) -> requests.Response:
    return requests.post(f"{client.url}/services/oauth2/token", data=form, timeout=10)


def test_client_credentials_give_a_token(client: Client) -> None:
    given = token(
        client, grant_type="client_credentials", client_id="demo-consumer-key", client_secret="demo-consumer-secret"
    ).json()
    assert given["instance_url"] == client.url
    assert given["token_type"] == "Bearer"
    headers = {"Authorization": f"Bearer {given['access_token']}"}
    who = requests.get(f"{client.url}/services/oauth2/userinfo", headers=headers, timeout=10).json()
    assert who["preferred_username"] == USER


@pytest.mark.parametrize(
    ("form", "error"),
    [
        (
            {"grant_type": "client_credentials", "client_id": "demo-consumer-key", "client_secret": "x"},
            "invalid_client",
        ),
        ({"grant_type": "client_credentials", "client_id": "x", "client_secret": "x"}, "invalid_client_id"),
        ({"grant_type": "password", "username": USER, "password": PASSWORD}, "invalid_grant"),
        ({"grant_type": JWT_GRANT, "assertion": "x.y.z"}, "invalid_grant"),
        ({}, "unsupported_grant_type"),
    ],
)
def test_token_is_refused(client: Client, form: dict[str, str], error: str) -> None:
    answer = token(client, **form)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


Ask = Callable[[dict[str, str], int], requests.Response]


@pytest.fixture
def ask(client: Client, org: Org, key: rsa.RSAPrivateKey) -> Ask:
    """Return a function that asks for a token with signed claims, valid for so many minutes."""
    register(org, key)

    def asked(claims: dict[str, str], minutes: int) -> requests.Response:
        expires = (org.clock() + timedelta(minutes=minutes)).timestamp()
        given = {"iss": "app", "sub": USER, "aud": "https://login.salesforce.com", "exp": f"{expires:.0f}"} | claims
        return token(client, grant_type=JWT_GRANT, assertion=jwt.encode(given, key, algorithm="RS256"))

    return asked


def register(org: Org, key: rsa.RSAPrivateKey) -> None:
    """Give the org the public half of a key."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    public = key.public_key().public_bytes(serialization.Encoding.PEM, form)
    org.settings.apps = {"app": ConnectedApp(public_key=public.decode())}


def test_jwt_bearer(ask: Ask, org: Org) -> None:
    refused = {"aud": "https://elsewhere.example"}, {"sub": "nobody@demo.example"}, {"iss": "another-key"}
    assert ask({}, 3).status_code == 200
    assert [ask(claims, 3).status_code for claims in refused] == [400] * 3
    assert [ask({}, minutes).status_code for minutes in (6, -1)] == [400] * 2
    register(org, rsa.generate_private_key(65537, 2048))
    assert ask({}, 3).json() == {"error": "invalid_grant", "error_description": "invalid assertion"}
