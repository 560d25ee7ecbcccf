"""The customer database belongs to one org, that which filled it first; another one is refused until a person says
what it is."""

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, select

from crm_sync.database.dialects import put_row
from crm_sync.database.tables.consent import installation
from crm_sync.errors import ConfigurationError

_KEPT = {"id": "organisation_id", "name": "organisation_name", "host": "organisation_host"}


class OtherOrg(StrEnum):
    """What a person says of an org that is not the one that filled the customer database."""

    REFUSE = "refuse it"
    SAME_ORG = "the same org, moved or refreshed"
    NEW_START = "another org, a new start"


@dataclass(frozen=True)
class Organisation:
    """A Salesforce org: its Id of 18 characters, its name if that is known, and its host."""

    id: str
    name: str = ""
    host: str = ""

    def __str__(self) -> str:
        """Say which one it is."""
        return f"{self.name or self.host or 'the org'} ({self.id})"

    def is_same(self, other: "Organisation") -> bool:
        """Return whether the two are one org, as far as both are known."""
        return not self.id or not other.id or self.id == other.id


def read_bound(connection: Connection) -> Organisation | None:
    """Return the org that the database belongs to, None when nothing has filled it yet."""
    rows = connection.execute(
        select(installation.c.name, installation.c.value).where(installation.c.name.in_(_KEPT.values()))
    )
    found = {row.name: row.value for row in rows}
    return Organisation(**{part: found.get(name, "") for part, name in _KEPT.items()}) if found else None


def refuse_other(bound: Organisation | None, leads_to: Organisation) -> None:
    """Raise ConfigurationError when the database belongs to another org than the credentials lead to."""
    if bound is None or bound.is_same(leads_to):
        return
    raise ConfigurationError(
        f"The customer database belongs to the Salesforce org {bound}, and the credentials lead to {leads_to}; nothing "
        "was read or written. Correct the credentials, such as their box Sandbox, or pick another database; if it is "
        "the same org, moved or refreshed, or meant as a new start, run full-sync and say so in its form, under "
        "Other org."
    )


def store_bound(connection: Connection, organisation: Organisation) -> None:
    """Let the database belong to an org from now on; what is not known of it stays as it was."""
    for part, name in _KEPT.items():
        if value := getattr(organisation, part):
            put_row(connection, installation, {"name": name}, {"value": value})
