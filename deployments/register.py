"""Makes a Prefect server ready: block types and concurrency limits."""

from prefect.settings import PREFECT_UI_URL
from pydantic import HttpUrl

from blocks.address_key import load_address_key
from blocks.api_budget import ApiBudget
from blocks.contact_moment_objects import ContactMomentObjects
from blocks.contact_moment_settings import ContactMomentSettings
from blocks.customer_database import CustomerDatabase
from blocks.data_mapping import DataMapping
from blocks.deployteq_account import DeployteqAccount
from blocks.deployteq_delivery import DeployteqDelivery
from blocks.salesforce_credentials import SalesforceCredentials
from blocks.salesforce_synchronize import SalesforceSynchronize
from tasks.run.throttle import create_missing_limits

BLOCK_TYPES = (
    SalesforceCredentials,
    CustomerDatabase,
    DataMapping,
    ContactMomentObjects,
    ContactMomentSettings,
    ApiBudget,
    SalesforceSynchronize,
    DeployteqAccount,
    DeployteqDelivery,
)

_ICON = "ico/android-chrome-192x192.png"


def register() -> list[str]:
    """Register the block types and create missing limits; returns the limits created. May be repeated."""
    for block_type in BLOCK_TYPES:
        block_type._logo_url = _logo()
        block_type.register_type_and_schema()
    # The first secret of a server makes the key to all of them: here, where nobody else does it at the same time.
    load_address_key()
    return create_missing_limits()


def _logo() -> HttpUrl | None:
    """Return an image that the server itself has: a block type without one is shown as a broken image."""
    ui = PREFECT_UI_URL.value()
    return HttpUrl(f"{ui.rstrip('/')}/{_ICON}") if ui else None
