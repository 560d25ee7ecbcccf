"""Landing as a story: batches of records in, customers out."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import Connection, Table, select

from crm_sync.columns.address_hash import AddressHash
from crm_sync.customers.landing import land_batch
from crm_sync.customers.landing_context import LandingContext
from crm_sync.database.engine import CustomerDatabase
from crm_sync.database.tables.customers import customer, rejected_record, salesforce_record
from crm_sync.mapping.model import CustomerFieldKind, FieldLink, MappingRules, ObjectMapping, Precedence
from crm_sync.mapping.transform import map_records
from crm_sync.runs.counts import Counts
from crm_sync.runs.history_store import start_run
from crm_sync.sobject import SObject

Record = dict[str, str | None]
Row = dict[str, Any]

# The key of every customer database of the tests.
HASHES = AddressHash(b"tests" * 6)
START = datetime(2026, 1, 1, tzinfo=UTC)
_TYPES = {"Score__c": "double", "Birthdate": "date", "VIP__c": "boolean", "HasOptedOutOfEmail": "boolean"}
_PREFIXES = {SObject.LEAD: "00Q", SObject.CONTACT: "003"}


def _option(field: str, name: str) -> FieldLink:
    return FieldLink(salesforce_field=field, kind=CustomerFieldKind.OPTION, name=name)


def rules_by_email(precedence: Precedence = Precedence.CONTACT_FIRST) -> MappingRules:
    """Return a mapping with fields of both objects and fields of only one."""
    both = [
        FieldLink(salesforce_field="Email", name="email_address", unique=True),
        FieldLink(salesforce_field="LastName", name="lastname"),
        FieldLink(salesforce_field="HasOptedOutOfEmail", name="opt_in", opposite=True),
        _option("Score__c", "score"),
    ]
    lead_only = [FieldLink(salesforce_field="Company", name="company_name"), _option("Id", "lead id")]
    contact_only = [FieldLink(salesforce_field="Birthdate", name="birthday"), _option("VIP__c", "vip")]
    return MappingRules(
        lead=ObjectMapping(links=both + lead_only, status="Prospect"),
        contact=ObjectMapping(links=both + contact_only, status="Customer"),
        precedence=precedence,
    )


class Story:
    """What happens in Salesforce, batch by batch, and what became of the customers."""

    def __init__(
        self, transaction: Callable[[], AbstractContextManager[Connection]], rules: MappingRules | None = None
    ) -> None:
        """Start with whatever the database holds; every landing is a minute later than the one before."""
        self._transaction = transaction
        self.rules = rules or rules_by_email()
        self.now = START
        # What a landing is told beside the mapping, the run and its clock.
        self.more: dict[str, Any] = {}
        self.run = self.new_run()

    def new_run(self) -> int:
        """Begin another run."""
        with self._transaction() as connection:
            self.run = start_run(connection, "story", "org", None, self.now)
        return self.run

    @staticmethod
    def lead(number: int, email: str | None, *, at: int = 0, **fields: str) -> Record:
        """Make a lead as it was read; `at`: SystemModstamp in minutes."""
        return _record(SObject.LEAD, number, email, at, fields)

    @staticmethod
    def contact(number: int, email: str | None, *, at: int = 0, **fields: str) -> Record:
        """Make a contact as it was read; `at`: SystemModstamp in minutes."""
        return _record(SObject.CONTACT, number, email, at, fields)

    def land(self, *records: Record) -> Counts:
        """Land one batch; whatever happens, its counts have to add up."""
        sobject = SObject.LEAD if str(records[0]["Id"]).startswith("00Q") else SObject.CONTACT
        return self._land(sobject, pd.DataFrame(list(records), dtype="str"))

    def land_none(self, sobject: SObject) -> Counts:
        """Land a batch without records."""
        one = self.lead(1, None) if sobject is SObject.LEAD else self.contact(1, None)
        return self._land(sobject, pd.DataFrame([one], dtype="str").iloc[:0])

    def _land(self, sobject: SObject, frame: pd.DataFrame) -> Counts:
        self.now += timedelta(minutes=1)
        types = {s: {f: _TYPES.get(f, "string") for f in self.rules.of(s).salesforce_fields} for s in self.rules.mapped}
        landing = LandingContext(self.rules, types, self.run, self.now, HASHES, **self.more)
        batch = map_records(frame, sobject, self.rules.of(sobject), types[sobject], HASHES)
        with self._transaction() as connection:
            counts = land_batch(connection, batch, sobject, landing)
        outcomes = (counts.inserted, counts.updated, counts.unchanged, counts.superseded, counts.rejected)
        assert counts.read == len(frame) == sum(outcomes) + counts.deleted, counts
        assert min(*outcomes, counts.deleted) >= 0, counts
        return counts

    def customer(self, key: str) -> Row:
        """Return the customer with this unique key."""
        return self.customers()[key]

    def customers(self) -> dict[str, Row]:
        """Return every customer by unique key."""
        return self.rows(customer, "unique_key")

    def mirror(self) -> dict[str, Row]:
        """Return every mirror row by Id."""
        return self.rows(salesforce_record, "id")

    def rejects(self) -> dict[str, Row]:
        """Return every rejected record by Id."""
        return self.rows(rejected_record, "id")

    def rows(self, table: Table, key: str) -> dict[str, Row]:
        """Return the rows of a table."""
        with self._transaction() as connection:
            return {row._mapping[key]: dict(row._mapping) for row in connection.execute(select(table))}


def _record(sobject: SObject, number: int, email: str | None, at: int, fields: dict[str, str]) -> Record:
    own = {"Company": None} if sobject is SObject.LEAD else {"Birthdate": None, "VIP__c": "false"}
    conversion = {"IsConverted": "false", "ConvertedContactId": None} if sobject is SObject.LEAD else {}
    return {
        "Id": f"{_PREFIXES[sobject]}{number:015d}",
        "SystemModstamp": f"{START + timedelta(minutes=at):%Y-%m-%dT%H:%M:%S.000Z}",
        "IsDeleted": "false",
        "MasterRecordId": None,
        "Email": email,
        "LastName": "Lovelace",
        "HasOptedOutOfEmail": "false",
        "Score__c": None,
        **own,
        **conversion,
        **fields,
    }


@pytest.fixture
def story(database: CustomerDatabase) -> Story:
    """Start with an empty customer database, on both kinds."""
    return Story(database.transaction)


@pytest.fixture
def new_story() -> type[Story]:
    """Give the way to start a story with another mapping, or in a transaction of its own."""
    return Story


@pytest.fixture
def by_email() -> Callable[..., MappingRules]:
    """Give the stories' mapping, for a precedence."""
    return rules_by_email
