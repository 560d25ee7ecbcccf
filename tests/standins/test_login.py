"""Logging in: SOAP faults, OAuth errors, sessions."""

from dataclasses import dataclass
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


@dataclass
class Signer:
    """An app that signs its assertions."""

    org: Org
    key: rsa.RSAPrivateKey

    def register(self, key: rsa.RSAPrivateKey) -> None:
        """Tell the org the public half of a key."""
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        public = key.public_key().public_bytes(serialization.Encoding.PEM, form)
        self.org.settings.apps = {"app": ConnectedApp(public_key=public.decode())}

    def ask(self, client: Client, claims: dict[str, str], minutes: int) -> requests.Response:
        """Ask for a token with these claims, valid for so many minutes."""
        expires = (self.org.clock() + timedelta(minutes=minutes)).timestamp()
        given = {"iss": "app", "sub": USER, "aud": "https://login.salesforce.com", "exp": f"{expires:.0f}"} | claims
        return token(client, grant_type=JWT_GRANT, assertion=jwt.encode(given, self.key, algorithm="RS256"))


@pytest.fixture
def signer(org: Org, key: rsa.RSAPrivateKey) -> Signer:
    made = Signer(org, key)
    made.register(key)
    return made


@pytest.mark.parametrize(
    ("claims", "minutes", "status"),
    [
        ({}, 3, 200),
        ({"aud": "https://elsewhere.example"}, 3, 400),
        ({"sub": "nobody@demo.example"}, 3, 400),
        ({"iss": "another-key"}, 3, 400),
        ({}, 6, 400),
        ({}, -1, 400),
    ],
)
def test_jwt_bearer(client: Client, signer: Signer, claims: dict[str, str], minutes: int, status: int) -> None:
    assert signer.ask(client, claims, minutes).status_code == status


def test_jwt_of_another_key_is_refused(client: Client, signer: Signer) -> None:
    signer.register(rsa.generate_private_key(65537, 2048))
    answer = signer.ask(client, {}, 3)
    assert answer.json() == {"error": "invalid_grant", "error_description": "invalid assertion"}
