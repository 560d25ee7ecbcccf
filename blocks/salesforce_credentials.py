"""How to log in to Salesforce, as saved in Prefect."""

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum

from prefect.blocks.abstract import CredentialsBlock
from pydantic import ConfigDict, Field, SecretStr, field_validator

from blocks.pem import with_line_ends
from blocks.saved_block import SavedBlock, picked_from_a_list
from blocks.session_store import PrefectSessionStore
from crm_sync.http.loopback import loopback_endpoint
from crm_sync.salesforce.http.endpoints import is_my_domain, login_host
from crm_sync.salesforce.http.transport import RequestLedger, Transport
from crm_sync.salesforce.limits import API_VERSION
from crm_sync.salesforce.login.logins import ClientCredentialsLogin, JwtLogin, Login, Session, UserPasswordLogin
from crm_sync.salesforce.org import SalesforceOrg


class LoginKind(StrEnum):
    """The ways to log in that Salesforce offers to an integration."""

    PASSWORD = "username, password and security token"  # noqa: S105  # the name of a way, not a secret
    CLIENT_CREDENTIALS = "OAuth client credentials"
    JWT = "OAuth JWT bearer"


_NEEDED = {
    LoginKind.PASSWORD: ("username", "password"),
    LoginKind.CLIENT_CREDENTIALS: ("consumer_key", "consumer_secret", "my_domain"),
    LoginKind.JWT: ("username", "consumer_key", "private_key"),
}


class SalesforceCredentials(SavedBlock, CredentialsBlock):
    """The integration user, or the app, that reads and writes in Salesforce."""

    _block_type_name = "Salesforce credentials"
    _block_type_slug = "salesforce-credentials"
    _description = "Logs in to a Salesforce org; the session is kept and shared by all runs."

    model_config = ConfigDict(json_schema_extra=picked_from_a_list("login_with"))

    login_with: LoginKind = Field(
        default=LoginKind.PASSWORD,
        title="Log in with",
        description="Salesforce ends logins with username, password and token in Summer '27; new orgs take OAuth only.",
    )
    username: str = Field(
        default="",
        title="Username",
        description="Of the integration user. For a login with password, and for OAuth JWT bearer.",
    )
    password: SecretStr = Field(
        default=SecretStr(""), title="Password", description="Of the integration user. For a login with password."
    )
    security_token: SecretStr = Field(
        default=SecretStr(""),
        title="Security token",
        description="For a login with password, except from trusted IP ranges. Salesforce e-mails a new one after "
        "Settings > Reset My Security Token.",
    )
    sandbox: bool = Field(default=False, title="Sandbox", description="On for a sandbox org.")
    my_domain: str = Field(
        default="",
        title="My Domain",
        description="For example acme or acme.my.salesforce.com. For OAuth client credentials; else it may stay empty.",
    )
    consumer_key: str = Field(
        default="", title="Consumer key", description="For both ways of OAuth: the app's consumer key (client id)."
    )
    consumer_secret: SecretStr = Field(
        default=SecretStr(""), title="Consumer secret", description="For OAuth client credentials: the app's secret."
    )
    private_key: SecretStr = Field(
        default=SecretStr(""),
        title="Private key",
        description="For OAuth JWT bearer: the whole RSA key in PEM form, with its BEGIN and END lines; "
        "that they run together in this box does no harm.",
    )
    api_version: str = Field(
        default=API_VERSION,
        title="Newest API version",
        pattern=r"^\d{2}\.0$",
        description="Of Salesforce's REST API; an org that is behind is asked for its own newest one.",
    )
    endpoint_url: str = Field(
        default="",
        title="Endpoint override",
        description="Only for a stand-in org on this machine, like http://127.0.0.1:8080. Leave empty.",
    )

    @field_validator("private_key")
    @classmethod
    def _has_its_lines(cls, value: SecretStr) -> SecretStr:
        return SecretStr(with_line_ends(value.get_secret_value()))

    def check(self) -> None:
        """Raise ValueError when the way to log in lacks a field, ConfigurationError for an address that is none."""
        missing = [name for name in _NEEDED[self.login_with] if not _plain(getattr(self, name))]
        if missing:
            fields = " and ".join(name.replace("_", " ") for name in missing)
            raise ValueError(f"To log in with {self.login_with}, fill in {fields}.")
        login_host(self.my_domain, sandbox=self.sandbox)
        if self.endpoint_url:
            loopback_endpoint(self.endpoint_url)

    @property
    def org_key(self) -> str:
        """Which org this is: My Domain's, however it is typed, or the user's, whose sessions tell its My Domain."""
        host = login_host(self.my_domain, sandbox=self.sandbox)
        return host if is_my_domain(host) else self.username

    def login(self) -> Login:
        """Return the login these settings describe."""
        match self.login_with:
            case LoginKind.PASSWORD:
                return UserPasswordLogin(
                    username=self.username,
                    password=self.password.get_secret_value(),
                    security_token=self.security_token.get_secret_value(),
                    sandbox=self.sandbox,
                    my_domain=self.my_domain or None,
                )
            case LoginKind.CLIENT_CREDENTIALS:
                return ClientCredentialsLogin(
                    consumer_key=self.consumer_key,
                    consumer_secret=self.consumer_secret.get_secret_value(),
                    my_domain=self.my_domain,
                )
            case LoginKind.JWT:
                return JwtLogin(
                    username=self.username,
                    consumer_key=self.consumer_key,
                    private_key=self.private_key.get_secret_value(),
                    sandbox=self.sandbox,
                    my_domain=self.my_domain or None,
                )

    def get_client(
        self,
        *,
        throttle: Callable[[], None],
        ledger: RequestLedger,
        clock: Callable[[], datetime],
        accept: Callable[[Session], None] = lambda _: None,
    ) -> SalesforceOrg:
        """Return the org; nothing is sent before its first request. `accept` may refuse a session's org."""
        login = self.login()
        transport = Transport(throttle=throttle, ledger=ledger, clock=clock, endpoint_url=self.endpoint_url or None)
        store = PrefectSessionStore(login, self.endpoint_url)
        return SalesforceOrg(login, transport, store, api_version=self.api_version, accept=accept)


def _plain(value: str | SecretStr) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else value
