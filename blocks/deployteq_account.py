"""A Deployteq account, as saved in Prefect: where it is, and the token of its API user."""

from collections.abc import Callable
from datetime import datetime

from pydantic import ConfigDict, Field, SecretStr, field_validator

from blocks.saved_block import SavedBlock, picked_from_a_list
from crm_sync.deployteq.account import DeployteqAccount as OpenAccount
from crm_sync.deployteq.account import ResourceKeeper
from crm_sync.deployteq.host import endpoint, portal_host
from crm_sync.deployteq.limits import VERSION
from crm_sync.deployteq.transport import LONGEST_ANSWER, LONGEST_CONNECT, CallLedger, Transport
from crm_sync.http.loopback import loopback_endpoint


class DeployteqAccount(SavedBlock):
    """The brand of Deployteq that customers are delivered to, and that opt-outs come from. Optional."""

    _block_type_name = "Deployteq account"
    _block_type_slug = "deployteq-account"
    _description = "Connects the customer database with a brand in Deployteq; without it the database stands by itself."

    model_config = ConfigDict(json_schema_extra=picked_from_a_list("portal_host", "brand", "token"))

    portal_host: str = Field(
        title="Portal host", description="Where you log in to Deployteq, like secure.myclang.com; only the host."
    )
    brand: str = Field(
        min_length=1,
        max_length=40,
        pattern=r"^[\w -]+$",
        title="Brand",
        description="A short name of the brand that the token is of. What is known of the account is kept under it.",
    )
    token: SecretStr = Field(
        title="API token",
        description="Of an API user in Deployteq. It ends when that user has been inactive for 60 days.",
    )
    version: str = Field(
        default=VERSION,
        pattern=r"^\d+\.\d+$",
        title="Interface version",
        description="Of Deployteq's SOAP interface; leave it unless Deployteq retires it.",
    )
    calls_per_second: float = Field(
        default=2,
        gt=0,
        le=50,
        title="Calls a second",
        description="Of all flows together. Deployteq names no limit; when it says that calls come too fast, the pace "
        "is halved and recovers by itself.",
    )
    longest_connect_seconds: float = Field(
        default=LONGEST_CONNECT,
        ge=1,
        le=120,
        title="Longest way to a connection, in seconds",
        description="Deployteq that cannot be reached by then counts as away; the next run goes on.",
    )
    longest_answer_seconds: float = Field(
        default=LONGEST_ANSWER,
        ge=5,
        le=600,
        title="Longest answer, in seconds",
        description="A call that is not answered by then is given up; what it may have made is looked up before it is "
        "sent again, and the rest of the run goes in calls of half the size.",
    )
    endpoint_url: str = Field(
        default="",
        title="Endpoint override",
        description="Only for a stand-in on this machine, like http://127.0.0.1:8081. Leave empty.",
    )

    @field_validator("portal_host")
    @classmethod
    def _is_a_host(cls, value: str) -> str:
        return portal_host(value)

    def check(self) -> None:
        """Raise ConfigurationError for an endpoint override that leaves this machine, ValueError without a token."""
        if not self.token.get_secret_value().strip():
            raise ValueError("Fill in the API token.")
        if self.endpoint_url:
            loopback_endpoint(self.endpoint_url)

    def get_client(
        self,
        *,
        throttle: Callable[[], None],
        ledger: CallLedger,
        clock: Callable[[], datetime],
        resources: ResourceKeeper | None = None,
        slow_down: Callable[[float], None] = lambda _: None,
    ) -> OpenAccount:
        """Return the account; nothing is sent before its first call."""
        transport = Transport(
            endpoint(self.portal_host, self.version),
            throttle=throttle,
            ledger=ledger,
            clock=clock,
            endpoint_url=self.endpoint_url,
            slow_down=slow_down,
            longest_connect=self.longest_connect_seconds,
            longest_answer=self.longest_answer_seconds,
        )
        return OpenAccount(self.token.get_secret_value().strip(), transport, brand=self.brand, resources=resources)
