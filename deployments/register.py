"""Makes a Prefect server ready: block types and concurrency limits."""

from blocks.customer_database import CustomerDatabase
from blocks.data_mapping import DataMapping
from blocks.salesforce_credentials import SalesforceCredentials
from tasks.throttle import create_missing_limits

BLOCK_TYPES = (SalesforceCredentials, CustomerDatabase, DataMapping)


def register() -> list[str]:
    """Register the block types and create missing limits; returns the limits created. May be repeated."""
    for block_type in BLOCK_TYPES:
        block_type.register_type_and_schema()
    return create_missing_limits()
