"""Three ways in, the host for each, and a plain sentence when Salesforce refuses."""

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from crm_sync.errors import AuthenticationError, ConfigurationError, SalesforceUnavailableError
from crm_sync.salesforce.http.endpoints import login_host
from crm_sync.salesforce.login.logins import ClientCredentialsLogin, JwtLogin, Session
from standins.salesforce.http.faults import Action, Fault
from standins.salesforce.org.settings import ConnectedApp
from tests.salesforce.conftest import Rig, user_login

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PRIVATE_PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
PUBLIC_PEM = (
    KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
)


def client_login(**changes: str) -> ClientCredentialsLogin:
    parts = {
        "consumer_key": "demo-consumer-key",
        "consumer_secret": "demo-consumer-secret",
        "my_domain": "acme",
    }
    return ClientCredentialsLogin(**(parts | changes))


def test_login_host_takes_what_people_enter() -> None:
    for typed, sandbox, host in (
        (None, False, "login.salesforce.com"),
        ("  ", True, "test.salesforce.com"),
        ("test.salesforce.com", False, "test.salesforce.com"),
        ("acme", False, "acme.my.salesforce.com"),
        ("acme.my", False, "acme.my.salesforce.com"),
        ("ACME.my.salesforce.com", False, "acme.my.salesforce.com"),
        (" https://acme.my.salesforce.com/ ", False, "acme.my.salesforce.com"),
        ("https://acme.my.salesforce.com/lightning/page", False, "acme.my.salesforce.com"),
        ("acme--uat.sandbox", True, "acme--uat.sandbox.my.salesforce.com"),
        ("acme--uat", True, "acme--uat.sandbox.my.salesforce.com"),
        ("acme-dev-ed.develop.my.salesforce.com", False, "acme-dev-ed.develop.my.salesforce.com"),
    ):
        assert login_host(typed, sandbox=sandbox) == host, typed


def test_login_host_refuses_others_and_names_what_to_enter() -> None:
    lightning = ["https://acme.lightning.force.com/lightning/setup", "acme.lightning.force.com"]
    elsewhere = ["http://acme.my.salesforce.com", "acme.example.com", "acme.my.salesforce.com.example.com"]
    for typed in (*lightning, *elsewhere, "a b", "user@example.com", "acme.my.salesforce.com:8443", "-"):
        with pytest.raises(ConfigurationError, match="My Domain"):
            login_host(typed, sandbox=False)


def test_user_logs_in_over_soap_64_with_escaped_secrets(rig: Rig) -> None:
    session = user_login().log_in(rig.transport)
    assert session.session_id
    assert rig.stop_and_read_journal()[0].path == "/services/Soap/u/64.0"


def test_client_credentials_log_in(rig: Rig) -> None:
    session = client_login().log_in(rig.transport)
    # The token's address, which after a renamed My Domain is not the one that was entered.
    assert session.instance_url == rig.server.url.replace("http://", "https://")
    assert rig.another_org(client_login()).ask(lambda client: client.limits())


def test_jwt_logs_in(rig: Rig) -> None:
    rig.standin.settings.apps = {"jwt-key": ConnectedApp(public_key=PUBLIC_PEM)}
    login = JwtLogin("integration@demo.example", "jwt-key", PRIVATE_PEM)
    assert rig.another_org(login).ask(lambda client: client.limits())
    assert rig.stop_and_read_kinds()[0] == "token"


def test_jwt_of_another_key_is_refused(rig: Rig) -> None:
    rig.standin.settings.apps = {"jwt-key": ConnectedApp(public_key=PUBLIC_PEM)}
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with pytest.raises(AuthenticationError, match="private key"):
        JwtLogin("integration@demo.example", "jwt-key", other.decode()).log_in(rig.transport)


def test_unreadable_key_and_missing_my_domain_are_refused_before_a_request(rig: Rig) -> None:
    for key in ("", "no key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"):
        with pytest.raises(ConfigurationError, match="BEGIN and END"):
            JwtLogin("integration@demo.example", "jwt-key", key).log_in(rig.transport)
    for my_domain in ("", "login.salesforce.com"):
        with pytest.raises(ConfigurationError, match="My Domain"):
            client_login(my_domain=my_domain).log_in(rig.transport)
    assert rig.stop_and_read_journal() == []


def test_refused_login_names_the_setting_to_change(rig: Rig) -> None:
    for login, setting in (
        (user_login(security_token=""), "security token is needed"),
        (user_login(password="wrong"), "password or security token is wrong"),
        (client_login(consumer_secret="wrong"), "consumer secret"),
        (client_login(consumer_key="wrong"), "consumer key"),
    ):
        with pytest.raises(AuthenticationError, match=setting):
            login.log_in(rig.transport)
    rig.standin.settings.soap_login_enabled = False
    with pytest.raises(AuthenticationError, match="SOAP API login"):
        user_login().log_in(rig.transport)
    rig.standin.settings.soap_login_last_version = 63.0
    with pytest.raises(AuthenticationError, match="no longer offered"):
        user_login().log_in(rig.transport)


def test_success_without_a_session_is_unavailable(rig: Rig) -> None:
    actions: tuple[Action, ...] = ("html", "empty", "status")
    for action in actions:
        rig.standin.faults.add(Fault(action, path="/services", status=200, times=2))
        for login in (user_login(), client_login()):
            with pytest.raises(SalesforceUnavailableError):
                login.log_in(rig.transport)


def test_my_domain_is_the_instance_even_with_api_in_its_name(rig: Rig) -> None:
    session = user_login(my_domain="acme-api").log_in(rig.transport)
    assert session.instance_url == "https://acme-api.my.salesforce.com"


def test_no_repr_shows_a_secret() -> None:
    session = Session("00D!secret-a", "https://acme.my.salesforce.com", "secret-b", "secret-k")
    shown = repr(
        [
            session,
            user_login(password="secret-c", security_token="secret-d", username="secret-e"),
            client_login(consumer_secret="secret-f", consumer_key="secret-g"),
            JwtLogin("secret-h", "secret-i", "secret-j"),
        ]
    )
    assert "secret" not in shown.replace("consumer_secret", "")
    assert "acme.my.salesforce.com" in shown
