"""Own credentials from the environment or from a file `.env`, saved as the blocks that the flows look for."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from blocks.customer_database import CustomerDatabase
from blocks.data_mapping import DataMapping
from blocks.salesforce_credentials import LoginKind, SalesforceCredentials
from blocks.saved_block import SavedBlock
from crm_sync.errors import ConfigurationError


class _Salesforce(BaseSettings):
    """The variables SALESFORCE_…; the environment goes before the file."""

    model_config = SettingsConfigDict(
        env_prefix="SALESFORCE_", env_file=".env", env_ignore_empty=True, extra="ignore", hide_input_in_errors=True
    )

    username: str = ""
    password: SecretStr = SecretStr("")
    security_token: SecretStr = SecretStr("")
    sandbox: bool = False
    my_domain: str = ""
    consumer_key: str = ""
    consumer_secret: SecretStr = SecretStr("")
    private_key_file: Path | None = None
    endpoint_url: str = ""


class _Customers(BaseSettings):
    """The variable CUSTOMER_DATABASE_URL."""

    model_config = SettingsConfigDict(env_file=".env", env_ignore_empty=True, extra="ignore", hide_input_in_errors=True)

    url: SecretStr | None = Field(default=None, validation_alias="CUSTOMER_DATABASE_URL")


def save_own_blocks(*, replace: bool = True) -> Iterator[str]:
    """Save each block whose settings are given, and yield a line for each; nothing without settings.

    The settings replace the content of the block of that name, unless `replace` is false: others use that server too. A
    saved data mapping stays as it is. Raises ConfigurationError for settings that cannot be used.
    """
    try:
        salesforce, customers = _Salesforce(), _Customers()
    except ValidationError as refusal:
        wrong = refusal.errors(include_input=False, include_url=False, include_context=False)[0]
        name = f"SALESFORCE_{'_'.join(map(str, wrong['loc']))}".upper()
        raise ConfigurationError(f"The setting {name} cannot be used: {wrong['msg']}.") from None
    if salesforce.model_fields_set:
        yield _save(SalesforceCredentials, "salesforce", _login(salesforce), replace=replace)
    if customers.url:
        yield _save(CustomerDatabase, "customers", {"url": customers.url}, replace=replace)
    if salesforce.model_fields_set and not is_saved(DataMapping, "mapping"):
        DataMapping().save("mapping")
        yield "block mapping: made, with the standard fields"


def is_saved(kind: type[SavedBlock], name: str) -> bool:
    """Return whether a block of that name is saved, with whatever content."""
    try:
        kind.load(name, validate=False)
    except ValueError:  # Prefect's answer for a block that is not there
        return False
    return True


def _login(given: _Salesforce) -> dict[str, Any]:
    """Return the fields of the block; the settings decide the way to log in."""
    fields: dict[str, Any] = given.model_dump(exclude={"private_key_file"}, exclude_defaults=True)
    if given.private_key_file:
        try:
            key = given.private_key_file.read_text()
        except OSError as problem:
            raise ConfigurationError(f"SALESFORCE_PRIVATE_KEY_FILE cannot be read ({problem.strerror}).") from None
        return fields | {"login_with": LoginKind.JWT, "private_key": key}
    if given.consumer_secret.get_secret_value():
        return fields | {"login_with": LoginKind.CLIENT_CREDENTIALS}
    return fields | {"login_with": LoginKind.PASSWORD}


def _save(kind: type[SavedBlock], name: str, fields: dict[str, Any], *, replace: bool) -> str:
    if not replace and is_saved(kind, name):
        return f"block {name}: is there, and stays as it is; edit it in the UI"
    block = kind.model_validate(fields)
    if block.problem:
        raise ConfigurationError(f"The settings for the block {name!r} cannot be used: {block.problem}")
    block.save(name, overwrite=True)
    return f"block {name}: saved from the settings"
