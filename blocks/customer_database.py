"""The customer database, as saved in Prefect."""

from pydantic import Field, SecretStr, field_validator

from blocks.address_key import load_address_key
from blocks.saved_block import SavedBlock
from crm_sync.database.engine import CustomerDatabase as OpenDatabase
from crm_sync.database.engine import parse_url


class CustomerDatabase(SavedBlock):
    """Where the customers live: SQLite to start with, PostgreSQL for real use."""

    _block_type_name = "Customer database"
    _block_type_slug = "customer-database"
    _description = "The Deployteq side: customers, their options, and the mirror of Salesforce's records."

    url: SecretStr = Field(
        title="URL",
        description="For a start, sqlite:////path/to/customers.db (a file that is made when it is not there yet); "
        "for real use, postgresql://user:password@host/database.",
    )

    @field_validator("url")
    @classmethod
    def _can_be_read(cls, value: SecretStr) -> SecretStr:
        parse_url(value.get_secret_value())
        return value

    def open(self) -> OpenDatabase:
        """Open the database, with its tables made or brought up to date; raises DatabaseUnavailableError."""
        return OpenDatabase(self.url.get_secret_value(), load_address_key())
